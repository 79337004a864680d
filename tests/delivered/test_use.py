"""Delivered models in use: raw inputs in, class names out; networks of one's own; the command."""

import csv
import json
from dataclasses import replace

import jax
import numpy as np
import pytest
from delivered_samples import PIXELS, experiment_of, model_of, paper, pictures, reviews
from flax import linen as nn

from shapfair import load_model
from shapfair.cli.main import main
from shapfair.delivered import model as delivered
from shapfair.made_to_order.delivery import save
from shapfair.training.model import Model

PICTURES = PIXELS.reshape(-1, 2, 3)
TEXTS = ["Good film.", "bad, bad", "nothing known", "a good (bad) film of many words"]


def saved(folder, experiment, party="a"):
    """The document of a model, and the model as training has it."""
    made = model_of(party, experiment)
    path = save(made, folder, experiment)
    return path, Model(0.0, 0.0, made.parameters, experiment.learner)


def softmax(outputs):
    shares = np.exp(outputs.astype(np.float64))
    return shares / shares.sum(1, keepdims=True)


def test_pictures_get_the_name_of_the_likeliest_class(tmp_path):
    path, network = saved(tmp_path, pictures())
    model = load_model(path)
    said = model.predict(PICTURES)
    wanted = network(PIXELS)
    np.testing.assert_allclose(said.outputs, wanted, atol=1e-5)
    names = np.array(["cat", "dog", "fox"])
    assert said.labels.tolist() == names[wanted.argmax(1)].tolist()
    assert len(set(said.labels)) > 1
    np.testing.assert_allclose(said.probabilities, softmax(wanted), atol=1e-6)
    np.testing.assert_array_equal(model.predict(PIXELS).outputs, said.outputs)
    assert repr(model) == "DeliveredModel(MLP of party 'a', small, seed 3, target 0.5000)"


def test_any_number_of_inputs_goes_through_in_batches(tmp_path, monkeypatch):
    path, _ = saved(tmp_path, pictures())
    whole = load_model(path).predict(PICTURES)
    monkeypatch.setattr(delivered, "BATCH", 7)
    parts = load_model(path).predict(PICTURES)
    np.testing.assert_allclose(parts.outputs, whole.outputs, rtol=1e-6)
    assert parts.labels.tolist() == whole.labels.tolist()


def test_inputs_that_cannot_be_meant_are_refused_by_the_model(tmp_path):
    path, _ = saved(tmp_path, pictures())
    with pytest.raises(ValueError, match="inputs: no number is above 1, but pixels are whole"):
        load_model(path).predict(PICTURES / 255)


def test_outputs_that_are_not_finite_are_refused(tmp_path):
    made = model_of("a", pictures())
    huge = jax.tree.map(lambda weights: weights * 3e38, made.parameters)
    path = save(replace(made, parameters=huge), tmp_path, pictures())
    with pytest.raises(ValueError, match=r"^weights: outputs are not finite, get the model again$"):
        load_model(path).predict(PICTURES)


def test_texts_are_positive_or_negative(tmp_path):
    path, network = saved(tmp_path, reviews())
    said = load_model(path).predict(TEXTS)
    outputs = network(reviews().inputs.read(TEXTS))
    np.testing.assert_allclose(said.outputs, outputs, atol=1e-6)
    names = ["positive" if output > 0 else "negative" for output in outputs[:, 0]]
    assert said.labels.tolist() == names
    assert len(set(names)) == 2
    np.testing.assert_allclose(
        said.probabilities[:, 1], 1 / (1 + np.exp(-outputs[:, 0])), rtol=1e-5
    )
    np.testing.assert_allclose(said.probabilities.sum(1), 1)


def test_large_outputs_have_probabilities_too(tmp_path):
    model = model_of("a", pictures())
    layer = model.parameters["params"]["Dense_1"]
    layer["bias"] = np.array([-3e4, 2e4, 2e4], np.float32)
    said = load_model(save(model, tmp_path, pictures())).predict(PICTURES)
    np.testing.assert_allclose(said.probabilities.sum(1), 1)
    assert said.probabilities[:, 0].max() == 0


def test_regression_gives_numbers(tmp_path):
    experiment = experiment_of(
        MLP1(),
        train=(PIXELS, PIXELS[:, 0] / 9.0),
        test=(PIXELS, PIXELS[:, 0] / 9.0),
        task="regression",
    )
    path, network = saved(tmp_path, experiment)
    said = load_model(path, network=MLP1()).predict(PIXELS)
    np.testing.assert_allclose(said.outputs, network(PIXELS))
    assert (said.labels, said.probabilities) == (None, None)
    assert json.loads(path.read_text())["labels"] == []


# --- networks of one's own -----------------------------------------------------------------------


class MLP1(nn.Module):
    """One number."""

    @nn.compact
    def __call__(self, x):
        return nn.Dense(1)(x / 255.0)


class Net(nn.Module):
    """Keeps statistics, and has dropout in training."""

    scale: float = 255.0
    width: int = 5

    @nn.compact
    def __call__(self, x, train=False):
        x = nn.BatchNorm(use_running_average=not train)(x / self.scale)
        x = nn.Dropout(0.5, deterministic=not train)(nn.relu(nn.Dense(self.width)(x)))
        return nn.Dense(3)(x)


class Renamed(nn.Module):
    """Computes what Net does, with other names."""

    @nn.compact
    def __call__(self, x, train=False):
        x = nn.BatchNorm(use_running_average=not train, name="norm")(x / 255.0)
        return nn.Dense(3)(nn.relu(nn.Dense(5)(x)))


def test_a_network_of_ones_own_is_used_with_its_statistics(tmp_path):
    path, network = saved(tmp_path, experiment_of(Net()))
    about = json.loads(path.read_text())
    assert about["network"]["name"] == "Net"
    assert len(about["network"]["program"]) == 64
    assert "batch_stats/BatchNorm_0/var" in about["weights"]["arrays"]
    model = load_model(path, network=Net())
    said = model.predict(PIXELS)
    np.testing.assert_allclose(said.outputs, network(PIXELS), atol=1e-6)
    assert said.labels.tolist() == [str(k) for k in network(PIXELS).argmax(1)]
    np.testing.assert_array_equal(model.predict(PIXELS.astype(float)).outputs, said.outputs)


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (None, r"its network Net is none of the paper's: give it as in load_model\(path, netw"),
        (Net(254.0), "network: Net computes something else than the model's Net"),
        (nn.Dense(3), "network: Dense does not take these weights and inputs"),
        (Net(width=4), "network: Net does not take these weights and inputs"),
        (Renamed(), "network: Renamed does not take these weights and inputs"),
        (Net, r"network: the class Net, need one of its objects: Net\(\)"),
        (print, "network: .* is no Flax module"),
    ],
)
def test_another_network_is_refused(tmp_path, network, said):
    path, _ = saved(tmp_path, experiment_of(Net()))
    with pytest.raises(ValueError, match=f"party-1.json: {said}") as error:
        load_model(path, network=network)
    assert "\n" not in str(error.value)


def test_another_version_of_jax_is_named(tmp_path):
    path, _ = saved(tmp_path, experiment_of(Net()))
    about = json.loads(path.read_text())
    about["versions"]["jax"] = "0.0.1"
    path.write_bytes(delivered.document.to_bytes(about))
    assert load_model(path, network=Net()).party == "a"
    with pytest.raises(ValueError, match=r"something else .*, or JAX \S+ writes .* than 0\.0\.1"):
        load_model(path, network=Net(254.0))


def test_a_network_of_the_paper_comes_with_the_package(tmp_path):
    path, _ = saved(tmp_path, paper())
    with pytest.raises(ValueError, match="network: the model has the paper's MLP, leave it out"):
        load_model(path, network=Net())


# --- on the command line -------------------------------------------------------------------------


@pytest.fixture
def predict(tmp_path, monkeypatch, capsys):
    """``shapfair models predict`` in a folder with a model of pictures and one of texts."""
    monkeypatch.chdir(tmp_path)
    saved(tmp_path / "pictures", pictures())
    saved(tmp_path / "reviews", reviews())
    np.save("pictures.npy", PICTURES)
    np.savetxt("pictures.csv", PIXELS, fmt="%d", delimiter=", ")
    (tmp_path / "reviews.txt").write_bytes("\ufeff".encode() + "\r\n".join(TEXTS).encode() + b"\n")

    def run(*words):
        code = main(["models", "predict", *words])
        return code, *capsys.readouterr()

    return run


@pytest.mark.parametrize(
    ("kind", "file", "raw"),
    [
        ("pictures", "pictures.npy", PICTURES),
        ("pictures", "pictures.csv", PICTURES),
        ("reviews", "reviews.txt", TEXTS),
    ],
)
def test_the_command_writes_a_line_for_every_input(predict, tmp_path, kind, file, raw):
    path = tmp_path / kind / "party-1.json"
    code, out, err = predict(str(path), file)
    assert (code, err) == (0, "")
    header, *rows = csv.reader(out.splitlines())
    model = load_model(path)
    said = model.predict(raw)
    assert header == ["input", "label", *(f"probability of {label}" for label in model.labels)]
    assert [row[:2] for row in rows] == [[str(k), s] for k, s in enumerate(said.labels, start=1)]
    shares = np.array([row[2:] for row in rows], float)
    np.testing.assert_allclose(shares, said.probabilities, atol=1e-6)
    assert predict(str(path), file, "--out=said.csv") == (0, "", "")
    assert (tmp_path / "said.csv").read_text() == out


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("x.csv", b"1,2,3,4,5,6\n1,2,3\n", "x.csv: line 2: 3 numbers, the first has 6"),
        ("x.csv", b"a,b\n1,2\n", "x.csv: line 1: 'a' is not a number"),
        ("x.csv", b"1,2,nan,4,5,6\n", "x.csv: line 1: 'nan' is not finite"),
        ("x.csv", b"1,2,3\n", "argument INPUTS: shape (1, 3), need (inputs, 2, 3) or (inputs, 6)"),
        ("x.csv", b".1,.2,.3,.4,.5,1\n", "argument INPUTS: no number is above 1, but pixels are"),
        ("x.csv", b"", "x.csv: line 1: '' is not a number"),
        ("x.csv", b"\xff\n", "x.csv: line 1: not UTF-8 text"),
        ("x.txt", b"good film\n", "argument INPUTS: texts, need numbers"),
        ("x.npy", b"", "x.npy: not an array of numbers"),
        ("x.npy", b"\x80\x04\x95cos\nsystem", "x.npy: not an array of numbers"),
        ("x.npy", b"PK\x03\x04", "x.npy: not an array of numbers"),
        ("x.png", b"", "x.png: inputs are in a file that ends in .npy, .csv, .txt"),
        ("x.txt", None, "x.txt: No such file or directory"),
    ],
)
def test_files_that_are_no_inputs_are_one_line(predict, tmp_path, file, content, said):
    if content is not None:
        (tmp_path / file).write_bytes(content)
    code, out, err = predict("pictures/party-1.json", file, "--out=said.csv")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert not (tmp_path / "said.csv").exists()


def test_arrays_of_objects_are_not_opened(predict, tmp_path):
    np.save("objects.npy", np.array([{}, print], object), allow_pickle=True)
    np.savez("several.npz", PICTURES)
    (tmp_path / "several.npz").rename("several.npy")
    claim = b"{'descr': '|u1', 'fortran_order': False, 'shape': (9999999999999, 2, 3), }"
    (tmp_path / "huge.npy").write_bytes(b"\x93NUMPY\x01\x00v\x00" + claim.ljust(117) + b"\n")
    for name in ("objects", "several", "huge"):
        code, out, err = predict("pictures/party-1.json", f"{name}.npy")
        assert (code, out, err.count("\n")) == (2, "", 1), err
        assert f"{name}.npy: " in err


def test_models_that_are_wrong_are_one_line(predict, tmp_path):
    _, _, err = predict("reviews/party-1.json", "pictures.npy")
    assert err == "shapfair: error: argument INPUTS: an array of uint8, need a list of texts\n"
    saved(tmp_path / "own", experiment_of(Net()))
    code, _, err = predict("own/party-1.json", "pictures.npy")
    assert (code, err.count("\n")) == (2, 1)
    assert "its network Net is none of the paper's: give it as in load_model(path, network=" in err
    (tmp_path / "pictures/party-1.safetensors").write_bytes(b"")
    code, _, err = predict("pictures/party-1.json", "pictures.npy")
    assert (code, err.count("\n")) == (2, 1)
    assert "party-1.safetensors: 0 bytes" in err


def test_numbers_are_written_where_there_are_no_classes(tmp_path, capsys):
    import sys

    from shapfair.delivered.raw import write_predictions

    outputs = np.array([[0.5, 2.0], [1.0, -1.0]], np.float32)
    write_predictions(delivered.Predictions(outputs, None, None), (), sys.stdout)
    assert capsys.readouterr().out == "input,output 1,output 2\n1,0.5,2.0\n2,1.0,-1.0\n"
