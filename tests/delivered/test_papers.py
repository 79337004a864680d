"""The receipt beside the models: they belong to it, or are refused; altered deliveries."""

import json
import shutil
from dataclasses import replace

import altered_deliveries
import altered_receipts
import pytest
from delivered_samples import model_of, paper

from shapfair import load_model
from shapfair.cli.main import main
from shapfair.delivered import document, papers
from shapfair.delivered.papers import Papers
from shapfair.made_to_order.delivery import save
from shapfair.made_to_order.targets import Price, Target

RECEIPT = {
    "format": "shapfair receipt 1",
    "input": {"sha256": "ab" * 32},
    "options": {"exchange_rate": 2.0},
    "parties": ["a", "b"],
    "grand_value": 1.5,
    "own_values": [0.5, 0.75],
    "payoffs": [-0.25, 0.25],
    "scaling": [0.5, 1.0],
    "model_values": [1.0, 1.5],
}


def lay(folder, receipt):
    """A folder with this receipt and the models that name it, at the prices of the one above."""
    content = receipt if isinstance(receipt, bytes) else json.dumps(receipt).encode()
    sha256 = Papers(content, b"").sha256
    targets = {"a": (0.5, 0.25, -0.25, 0.5), "b": (0.75, 0.375, 0.25, 1.0)}
    for party, (accuracy, own, payoff, scaling) in targets.items():
        price = Price(payoff, scaling, 2.0, sha256)
        model = replace(model_of(party), target=Target(party, accuracy, own, 0.75, None, price))
        save(model, folder, paper())
    (folder / "receipt.json").write_bytes(content)


def refusal(path):
    with pytest.raises(ValueError, match=r"receipt\.json: ") as error:
        load_model(path)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_models_of_the_receipt_are_loaded_with_it_and_without(tmp_path):
    lay(tmp_path, RECEIPT)
    for k in (1, 2):
        assert load_model(tmp_path / f"party-{k}.json").party == "ab"[k - 1]
    (tmp_path / "receipt.json").unlink()
    assert load_model(tmp_path / "party-1.safetensors").party == "a"


def test_another_receipt_is_refused(tmp_path):
    lay(tmp_path, RECEIPT)
    content = (tmp_path / "receipt.json").read_bytes()
    (tmp_path / "receipt.json").write_bytes(content + b"\n")
    said = refusal(tmp_path / "party-1.json")
    assert "not the receipt of party a's model, which names " in said
    assert Papers(content, b"").sha256[:12] in said
    assert Papers(content + b"\n", b"").sha256[:12] in said


def test_a_model_without_a_price_is_none_of_a_receipt(tmp_path):
    lay(tmp_path, RECEIPT)
    save(replace(model_of("a"), target=Target("a", 0.5, 0.25, 0.75)), tmp_path, paper())
    assert "party a's model, which names none, and this is" in refusal(tmp_path / "party-1.json")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        (
            "options",
            {"exchange_rate": 4.0},
            "target.accuracy of party b is 0.375, but its",
        ),
        ("parties", ["b", "a"], "party.parties of party b is ['b', 'a'], but its document says"),
        ("grand_value", 1.6, "target.best of party b is 0.8, but its document says 0.75"),
        ("own_values", [0.5, 0.7], "target.own of party b is 0.35, but its document says 0.375"),
        ("payoffs", [0.25, -0.25], "price.payoff of party b is -0.25, but its document says 0.25"),
        ("scaling", [1.0, 0.5], "price.scaling of party b is 0.5, but its document says 1.0"),
        ("model_values", [1.5, 1.0], "target.accuracy of party b is 0.5, but its document says"),
        ("model_values", [1.0], "not a receipt"),
        ("options", {"exchange_rate": 0}, "not a receipt"),
        ("options", {}, "not a receipt"),
        ("scaling", None, "not a receipt"),
        ("payoffs", {"a": 1}, "not a receipt"),
        ("format", "another 1", "not a receipt"),
    ],
)
def test_a_model_that_says_something_else_than_its_receipt_is_refused(tmp_path, key, value, said):
    """Also where every digest fits."""
    lay(tmp_path, {**RECEIPT, key: value})
    assert said in refusal(tmp_path / "party-2.json")


def test_an_exchange_rate_of_its_own_is_refused(tmp_path):
    amounts = {"model_values": [4.0, 6.0], "own_values": [2.0, 3.0], "grand_value": 6.0}
    lay(tmp_path, {**RECEIPT, **amounts, "options": {"exchange_rate": 8.0}})
    assert "price.exchange_rate of party a is 8.0, but" in refusal(tmp_path / "party-1.json")


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b'{"format": 3}', b"[" * 99_999, b"\xff"])
def test_what_is_no_receipt_is_one_line(tmp_path, content):
    lay(tmp_path, content)
    assert refusal(tmp_path / "party-1.json").endswith("not a receipt")
    with pytest.raises(ValueError, match=r"receipt\.json: not a receipt: move it away, or choose"):
        papers.check_place(Papers(b"", b""), tmp_path)


def test_a_receipt_that_is_too_large_is_one_line(tmp_path):
    lay(tmp_path, b" " * (document.LARGEST + 1))
    assert refusal(tmp_path / "party-1.json").endswith("too large for a receipt")


def test_only_papers_of_a_delivery_make_place(tmp_path):
    old = Papers(json.dumps(RECEIPT).encode(), b"old table")
    named = {**RECEIPT, "input": {"sha256": Papers(old.values, b"").sha256}}
    old = old._replace(receipt=json.dumps(named).encode())
    new = Papers(b"new receipt", b"new table")
    papers.check_place(new, tmp_path / "nowhere")
    papers.save(old, tmp_path)
    papers.check_place(new, tmp_path)
    (tmp_path / "values.json").write_bytes(b"my table")
    with pytest.raises(ValueError, match=r"values\.json: not the table of the receipt beside it"):
        papers.check_place(new, tmp_path)
    (tmp_path / "values.json").write_bytes(new.values)  # the power failed between the two
    papers.check_place(new, tmp_path)
    papers.save(new, tmp_path)
    assert (tmp_path / "receipt.json").read_bytes() == b"new receipt"
    assert (tmp_path / "values.json").read_bytes() == b"new table"


# --- whole folders -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def delivered(tmp_path_factory):
    """A delivery to four parties."""
    folder = tmp_path_factory.mktemp("delivered")
    number = next(k for k in range(99) if len(delivery_of(k, folder)) == 10)
    return folder, number


def delivery_of(number, folder):
    altered_deliveries.lay({}, folder)
    return altered_deliveries.random_delivery(altered_deliveries.Random(f"{number}"), folder)


@pytest.fixture
def folder(delivered, tmp_path):
    shutil.copytree(delivered[0], tmp_path / "models")
    return tmp_path / "models"


def check(folder, capsys):
    code = main(["models", "check", str(folder)])
    return code, *capsys.readouterr()


def test_a_whole_delivery_is_checked_on_the_command_line(folder, capsys):
    code, out, err = check(folder, capsys)
    assert (code, err) == (0, "")
    for k, name in enumerate(altered_deliveries.NAMES, start=1):
        assert f"checked: party-{k}.json: model of party {name}, of this receipt\n" in out
    assert "not checked: that the models are as accurate as their documents say\n" in out
    for path in folder.glob("party-[234].*"):  # a party has its own model alone
        path.unlink()
    assert check(folder, capsys)[0] == 0


@pytest.mark.parametrize(
    ("missing", "status", "said"),
    [
        ("party-1.json", 1, "party-1.json: No such file"),
        ("party-1.safetensors", 1, "party-1.safetensors: No such file"),
        ("party-*", 1, "models: no models there"),
        ("receipt.json", 2, "receipt.json: No such file"),
        ("values.json", 2, "values.json: No such file"),
    ],
)
def test_what_is_missing_is_named(folder, capsys, missing, status, said):
    for path in folder.glob(missing):
        path.unlink()
    code, out, err = check(folder, capsys)
    assert code == status
    (line,) = [line for line in (out + err).splitlines() if "fault: " in line or "error: " in line]
    assert said in line


def test_models_of_other_runs_are_found(folder, capsys):
    about = json.loads((folder / "party-2.json").read_text())
    about["experiment"]["seed"] += 1
    (folder / "party-2.json").write_bytes(document.to_bytes(about))
    code, out, _ = check(folder, capsys)
    assert code == 1
    assert "models: models of several runs: " in out


def test_a_table_that_was_changed_is_found(folder, capsys):
    text = (folder / "values.json").read_text()
    (folder / "values.json").write_text(text + "\n")
    code, out, _ = check(folder, capsys)
    assert (code, out[:7]) == (1, "fault: ")


def test_altered_deliveries_are_refused():
    """A short campaign; tools/altered_deliveries.py by itself is the long one."""
    counts = altered_deliveries.campaign(4, 70, 0)
    assert altered_receipts.wrong(counts) == 0
    assert counts["as they are", "hold"] == 4
    kinds = {alter.__name__ for alter in altered_deliveries.ALTERATIONS} | {"from_another"}
    assert {what for what, end in counts if end == "refused"} == kinds


@pytest.mark.parametrize(("found", "wrong"), [([], 10), (["fault: all"], 2)])
def test_the_campaign_counts_what_is_wrong(monkeypatch, capsys, found, wrong):
    monkeypatch.setattr(altered_deliveries, "delivery_findings", lambda folder: found)
    assert altered_receipts.wrong(altered_deliveries.campaign(2, 10, 1)) == wrong
