"""The two files of a model: what is found out about damaged, edited, swapped and hostile ones."""

import hashlib
import json
import struct
from functools import cache

import numpy as np
import pytest
from delivered_samples import PIXELS, model_of, paper

from shapfair import load_model
from shapfair.delivered import document, weights
from shapfair.made_to_order.delivery import save
from shapfair.made_to_order.describing import files_of
from shapfair.made_to_order.targets import Price, RewardModel, Target


@pytest.fixture
def folder(tmp_path):
    """The models of two parties."""
    for seed, party in enumerate("ab"):
        save(model_of(party, seed=seed), tmp_path, paper())
    return tmp_path


def test_the_files_are_named_after_the_parties(folder):
    endings = ("json", "safetensors")
    assert {p.name for p in folder.iterdir()} == {f"party-{k}.{e}" for k in (1, 2) for e in endings}
    for k, party in enumerate("ab", start=1):
        for ending in endings:
            assert load_model(folder / f"party-{k}.{ending}").party == party


def test_the_document_says_what_the_model_is(folder):
    about = json.loads((folder / "party-2.json").read_text())
    assert about.keys() == document.FORM.keys()
    assert about["format"] == "shapfair model 1"
    assert about["party"] == {"name": "b", "number": 2, "parties": ["a", "b"]}
    assert about["experiment"]["name"] == "small"
    assert about["experiment"]["seed"] == 3
    assert about["target"] == {"accuracy": 0.5, "own": 0.25, "best": 0.75, "alone": 0.26}
    assert about["price"] == {
        "payoff": 0.25,
        "scaling": 0.5,
        "exchange_rate": 2.0,
        "receipt": "0f" * 32,
    }
    assert about["result"] == {
        "start": [0.25, 0.26],
        "alone": 0.255,
        "validation": 0.5,
        "test": 0.51,
        "step": 7.5,
        "reached": True,
        "outcome": "met",
        "curve": [[0, 0.25], [8, 0.625]],
    }
    assert about["labels"] == ["0", "1", "2"]
    assert about["inputs"] == {"kind": "numbers", "shape": [6], "dtype": "uint8"}
    fields = {"hidden": [4], "classes": 3}
    seen = {"shape": [6], "dtype": "uint8"}
    assert about["network"] == {"name": "MLP", "fields": fields, "program": None, "inputs": seen}
    content = (folder / "party-2.safetensors").read_bytes()
    assert about["weights"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert about["weights"]["arrays"]["params/Dense_0/kernel"] == {
        "shape": [6, 4],
        "dtype": "float32",
    }
    assert {"jax", "flax", "numpy", "shapfair"} < about["versions"].keys()


def test_weights_are_read_to_the_bit_and_cannot_be_changed(folder):
    loaded = load_model(folder / "party-1.json").weights
    wanted = dict(weights.flat(model_of("a").parameters))
    assert list(loaded) == list(wanted)
    for name, array in loaded.items():
        np.testing.assert_array_equal(array, wanted[name])
        assert array.dtype == wanted[name].dtype
        assert not array.flags.writeable


def test_arrays_that_do_not_lie_in_one_piece_are_written_right():
    grid = np.arange(12, dtype=np.float32).reshape(3, 4)
    arrays = {"turned": grid.T, "every other": grid[:, ::2], "one": np.float32(3) * np.ones(())}
    library = pytest.importorskip("safetensors.numpy")
    loaded = library.load(weights.to_bytes(arrays))
    for name, array in arrays.items():
        np.testing.assert_array_equal(loaded[name], array)


def test_a_price_is_not_needed():
    bare = model_of("a")
    content, _ = files_of(
        RewardModel(**vars(bare) | {"target": Target("a", 0.5, 0.25, 0.75)}), paper()
    )
    about = json.loads(content)
    assert (about["price"], about["target"]["alone"]) == (None, None)


def test_a_number_that_is_not_finite_is_not_written():
    broken = RewardModel(**vars(model_of("a")) | {"test": float("nan")})
    with pytest.raises(ValueError, match="not JSON compliant"):
        files_of(broken, paper())


@pytest.mark.parametrize("receipt", ["", "0F" * 32, "0f" * 31, "0f" * 32 + "\n"])
def test_a_receipt_is_a_digest(receipt):
    with pytest.raises(ValueError, match=r"receipt: .*64 hexadecimal digits"):
        Price(0.0, 1.0, 1.0, receipt)


# --- documents -----------------------------------------------------------------------------------


def refusal(path):
    """What is said of files that cannot be loaded, in one line that names one of them."""
    with pytest.raises(ValueError, match=r"party-\d\.(json|safetensors)") as error:
        load_model(path)
    line = str(error.value)
    assert "\n" not in line
    assert len(line) < 400
    return line


def swap(folder, ending):
    one, other = (folder / f"party-{k}.{ending}" for k in (1, 2))
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def test_swapped_documents_are_found(folder):
    swap(folder, "json")
    for k, party in ((1, "b"), (2, "a")):
        assert f"the document of party {party}, whose files" in refusal(folder / f"party-{k}.json")


def test_swapped_weights_are_found(folder):
    swap(folder, "safetensors")
    for k in (1, 2):
        assert "not the weights that were saved with" in refusal(folder / f"party-{k}.json")


def test_a_model_in_the_place_of_another_is_found(folder):
    swap(folder, "json")
    swap(folder, "safetensors")
    assert "the document of party b, whose files" in refusal(folder / "party-1.safetensors")


def test_a_renamed_document_is_found(folder):
    (folder / "party-1.json").rename(folder / "mine.json")
    with pytest.raises(ValueError, match=r"mine\.json: the document of party a, whose files are"):
        load_model(folder / "mine.json")


def leaves(value, path=()):
    """Path and value of everything in a document that is neither an object nor a list."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, key))
    else:
        yield path, value


def put(about, path, value):
    for key in path[:-1]:
        about = about[key]
    about[path[-1]] = value


def edited(value):
    """Something of the same type."""
    if isinstance(value, str):
        return value[:-1] + ("0" if value[-1] != "0" else "1")
    return "0f" * 32 if value is None else not value if isinstance(value, bool) else value + 1


def test_whatever_is_edited_is_found(folder):
    path = folder / "party-1.json"
    whole = path.read_text()
    found = list(leaves(json.loads(whole)))
    assert len(found) > 50
    for place, value in found:
        about = json.loads(whole)
        put(about, place, edited(value))
        path.write_text(json.dumps(about))
        line = refusal(path)
        assert "was edited" in line or place[0] in ("format", "task", "weights"), (place, line)
    path.write_text(json.dumps(json.loads(whole)))  # white space means nothing
    assert load_model(path).party == "a"


def forged(path, *place, value):
    """A document with another value and a digest that fits."""
    about = json.loads(path.read_text())
    put(about, place, value)
    path.write_bytes(document.to_bytes(about))


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("format",), "shapfair model 2", "has the format 'shapfair model 2', of another shapfair"),
        (("format",), "other 1", "not a delivered model: its format is not"),
        (("party", "number"), 3, "party a is not number 3 of"),
        (("party", "number"), 0, "party a is not number 0 of"),
        (("party", "number"), 2, "party a is not number 2 of"),
        (("party", "name"), "b", "party b is not number 1 of"),
        (("party", "name"), "a\nb", r"party.name cannot be 'a\nb'"),
        (("experiment", "seed"), "3", "experiment.seed cannot be '3'"),
        (("experiment", "seed"), 10**30, "experiment.seed cannot be 1000"),
        (("target", "accuracy"), True, "target.accuracy cannot be True"),
        (("price",), 3, "price cannot be 3"),
        (("price", "more"), 3, "price.'more' is not known"),
        (("result", "curve"), [1], "result.curve cannot be 1"),
        (("task",), "magic", "task cannot be 'magic'"),
        (("labels",), ["0", "1"], None),
        (("inputs",), {"kind": "sounds"}, "'sounds' is not a description of inputs"),
        (
            ("inputs",),
            {"kind": "numbers", "shape": [7], "dtype": "uint8"},
            "network.inputs are not",
        ),
        (("network", "name"), "CNN", "network.fields.'filters' is missing"),
        (("network", "name"), "Net", "there is no Net"),
        (("network", "fields", "hidden"), [5], "weights: params/Dense_0/bias is float32 of shape"),
        (("network", "fields", "hidden"), [4, 4], "weights: 'params/Dense_2/bias' is missing"),
        (("network", "fields", "hidden"), [10**15], "weights: params/Dense_0/bias is float32"),
        (("network", "fields", "hidden"), [], "'params/Dense_1/bias' is no array of this network"),
        (
            ("network", "program"),
            "0f" * 32,
            "its network MLP is none of the paper's: give it as in",
        ),
        (("weights", "file"), "../party-1.safetensors", "whose files are named party-1.json and"),
        (("weights", "file"), "party-2.safetensors", "whose files are named party-1.json and"),
        (("weights", "arrays"), {}, "is no array of this network"),
        (
            ("weights", "arrays", "more"),
            {"shape": [10**15], "dtype": "int8"},
            "its arrays make 1,000",
        ),
        (("weights", "arrays", "more"), {"shape": [0], "dtype": "int8"}, "'more' is missing"),
        (
            ("weights", "arrays", "more"),
            {"shape": [1], "dtype": "object"},
            "dtype cannot be 'object",
        ),
        (("digest",), None, "digest cannot be None"),
    ],
)
def test_forged_documents_are_one_line(folder, place, value, said):
    """A digest that fits is no help if the rest does not."""
    path = folder / "party-1.json"
    if place == ("digest",):
        about = json.loads(path.read_text()) | {"digest": value}
        path.write_text(json.dumps(about))
    else:
        forged(path, *place, value=value)
    if said is not None:
        assert said in refusal(path)
        return
    model = load_model(path)
    with pytest.raises(ValueError, match="labels: 2 for outputs") as error:
        model.predict(PIXELS)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a delivered model"),
        (b"\xff\xfe", "not a delivered model"),
        (b"[]", "its format is not"),
        (b"null", "its format is not"),
        (b'{"format": "shapfair model 1"', "not a delivered model"),
        (b'{"format": "shapfair model 1"}', "'digest' is missing"),
        (b'{"format": "shapfair model 1", "format": "shapfair model 1"}', "is there twice"),
        (b'{"format": NaN}', "NaN is no number"),
        (b'{"format": 1e999}', "1e999 is too large"),
        (b"[" * 100_000, "not a delivered model"),
        (b'{"format": ' + b"9" * 5000 + b"}", "not a delivered model"),
        (b" " * (document.LARGEST + 1), "too large for its document"),
    ],
)
def test_what_is_no_document_is_one_line(folder, content, said):
    path = folder / "party-1.json"
    path.write_bytes(content)
    assert said in refusal(path)


def test_a_missing_file_is_an_error_of_the_system(folder):
    for ending in ("safetensors", "json"):
        (folder / f"party-1.{ending}").unlink()
        with pytest.raises(FileNotFoundError, match=f"party-1.{ending}"):
            load_model(folder / "party-1.json")
    with pytest.raises(ValueError, match=r"model\.pkl: a model's file ends in \.json or \.safe"):
        load_model(folder / "model.pkl")


# --- weights -------------------------------------------------------------------------------------


def with_weights(folder, content):
    """Other weights, with a document that vouches for them."""
    (folder / "party-1.safetensors").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    forged(folder / "party-1.json", "weights", "sha256", value=digest)
    return folder / "party-1.json"


def altered(changes):
    arrays = dict(weights.flat(model_of("a").parameters)) | changes
    return weights.to_bytes({name: array for name, array in arrays.items() if array is not None})


BIAS = "params/Dense_0/bias"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({BIAS: None}, "'params/Dense_0/bias' is missing"),
        ({"params/more": np.zeros(1, np.float32)}, "'params/more' is no array of this network"),
        ({BIAS: np.zeros(4, np.float64)}, "is float64 of shape (4,), need float32 of shape (4,)"),
        ({BIAS: np.zeros(4, np.int32)}, "is int32 of shape (4,), need float32 of shape (4,)"),
        ({BIAS: np.zeros((4, 1), np.float32)}, "is float32 of shape (4, 1), need float32"),
        ({BIAS: np.zeros(3, np.float32)}, "is float32 of shape (3,), need float32"),
        ({BIAS: np.array([0, 1, 2, np.nan], np.float32)}, "bias holds numbers that are not finite"),
        ({BIAS: np.array([0, 1, 2, -np.inf], np.float32)}, "bias holds numbers that are not fin"),
    ],
)
def test_other_arrays_are_refused(folder, changes, said):
    line = refusal(with_weights(folder, altered(changes)))
    assert said in line or "its arrays make" in line
    if "need" in said or "finite" in said:
        assert BIAS in line or "its arrays make" in line


def header(entries, length=None):
    text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text


@cache
def right():
    return altered({})


BYTES = sum(array.nbytes for _, array in weights.flat(model_of("a").parameters))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda: right()[:-1], "not a safetensors file of plain numbers"),
        (lambda: right() + b"\0", "not a safetensors file of plain numbers"),
        (lambda: right()[:100], "its arrays make"),
        (lambda: b"", "its arrays make 172 and a short header"),
        (lambda: struct.pack("<Q", 2**63) + right()[8:], "not a safetensors file of plain"),
        (lambda: header(b"[" * 5000) + b"\0" * BYTES, "not a safetensors file of plain"),
        (lambda: header(b"\xff" * 50) + b"\0" * BYTES, "not a safetensors file of plain"),
        (lambda: header({}) + b"\0" * BYTES, "not a safetensors file of plain"),
        (lambda: header(b" " * 2**15 + b"{}") + b"\0" * BYTES, "its arrays make"),
        (lambda: b"\x80\x04\x95cos\nsystem" + b"\0" * BYTES, "not a safetensors file of plain"),
        (lambda: b"\0" * 10**7, "its arrays make"),
        (
            lambda: (
                header({"a": {"dtype": "BF16", "shape": [86], "data_offsets": [0, 172]}})
                + b"\0" * 172
            ),
            "not a safetensors file of plain numbers ('BF16')",
        ),
        (
            lambda: (
                header({"a": {"dtype": "F32", "shape": [2**62, 8], "data_offsets": [0, 172]}})
                + b"\0" * 172
            ),
            "not a safetensors file of plain",
        ),
    ],
)
def test_what_is_no_safetensors_file_is_one_line(folder, content, said):
    assert BYTES == 172
    assert said in refusal(with_weights(folder, content()))


def test_damaged_weights_are_found_by_their_digest(folder):
    path = folder / "party-1.safetensors"
    content = path.read_bytes()
    for place in (len(content) - 1, len(content) - BYTES, 20):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert "not the weights that were saved with the document beside it" in refusal(path)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"params": {"a/b": np.zeros(1)}}, "'params/a/b' cannot be the name of an array"),
        ({"params": {3: np.zeros(1)}}, "'params/3' cannot be the name"),
        ({"params": {"a": [1, 2]}}, "params/a is of list, a model that is delivered has arrays"),
        ({"params": {"a": np.zeros(1, complex)}}, "params/a is of complex128"),
        ({"params": {"a": np.zeros(1)}}, "params/a is of float64"),
    ],
)
def test_variables_that_are_no_plain_arrays_are_refused(variables, message):
    with pytest.raises(ValueError, match=f"^network: {message}"):
        list(weights.flat(variables))


def test_levels_of_names_come_back():
    variables = {
        "params": {"a": {"b": np.zeros(2, np.float32)}, "c": np.ones((), np.int8)},
        "s": {},
    }
    arrays = dict(weights.flat(variables))
    assert list(arrays) == ["params/a/b", "params/c"]
    assert weights.nested(arrays) == {"params": variables["params"]}
    for names in (["a", "a/b"], ["a/b", "a"]):
        with pytest.raises(ValueError, match=r"^weights: a"):
            weights.nested(dict.fromkeys(names, np.zeros(1)))
