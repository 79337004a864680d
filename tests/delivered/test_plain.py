"""The networks in NumPy against those in Flax."""

from dataclasses import fields

import jax
import numpy as np
import pytest

from shapfair.delivered import plain
from shapfair.delivered.weights import flat
from shapfair.paper import networks
from shapfair.training.learner import Kind


def random_variables(network, inputs, seed=0):
    """Variables of which none is zero, the biases included."""
    rng = np.random.default_rng(seed)
    start = jax.jit(network.init)(jax.random.key(seed), inputs[:1])
    return jax.tree.map(lambda x: np.asarray(x + rng.normal(0, 0.1, x.shape), np.float32), start)


def images(pixels, count=20):
    return np.random.default_rng(1).integers(0, 256, (count, pixels), np.uint8)


def ids(words, count=20):
    return np.random.default_rng(1).integers(0, words, (count, 250), np.uint16)


CASES = {
    "MNIST": (networks.MLP(), images(784)),
    "no hidden layer": (networks.MLP((), 3), images(5)),
    "three hidden layers": (networks.MLP((7, 6, 5), 2), images(9)),
    "CIFAR-10": (networks.CNN(), images(3072)),
    "IMDB": (networks.WordAverage(), ids(10_001)),
    "IMDB, published": (networks.WordAverage(hidden=0), ids(10_001)),
    "few words": (networks.WordAverage(5, 3, 2, 0.5), ids(5)),
}


def fields_of(network):
    """As a document has them."""
    named = {field.name: getattr(network, field.name) for field in fields(network)}
    own = {name: value for name, value in named.items() if name not in ("parent", "name")}
    return {name: list(v) if isinstance(v, tuple) else v for name, v in own.items()}


@pytest.mark.parametrize("case", CASES)
def test_outputs_are_those_of_flax(case):
    network, inputs = CASES[case]
    variables = random_variables(network, inputs)
    arrays = dict(flat(variables))
    known = plain.network_of(type(network).__name__, fields_of(network))
    assert known.shapes(inputs.shape[1:]) == {name: array.shape for name, array in arrays.items()}
    wanted = np.asarray(jax.jit(network.apply)(variables, inputs), np.float64)
    found = known.outputs(arrays, inputs)
    assert found.shape == wanted.shape
    assert found.dtype == np.float32
    assert np.abs(found - wanted).max() <= 1e-5 * np.abs(wanted).max()
    assert np.ptp(wanted, axis=0).min() > 1e-3 * np.abs(wanted).max()  # inputs make a difference


def test_every_network_of_the_paper_is_there():
    kinds = {
        n for n, thing in vars(networks).items() if isinstance(getattr(thing, "kind", None), Kind)
    }
    assert kinds == set(plain.NETWORKS) == set(plain.FIELDS)


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("Net", {}, "there is no Net, only MLP, CNN, WordAverage"),
        ("MLP", {"hidden": [8]}, "'classes' is missing"),
        ("MLP", {"hidden": [8], "classes": 2, "rate": 0.1}, "'rate' is not known"),
        ("MLP", {"hidden": 8, "classes": 2}, "hidden cannot be 8"),
        ("MLP", {"hidden": [8.0], "classes": 2}, r"hidden cannot be 8\.0"),
        ("MLP", {"hidden": [8], "classes": True}, "classes cannot be True"),
        ("CNN", {"filters": [1, 2], "hidden": 2, "classes": 2}, "three convolutions, not 2"),
    ],
)
def test_other_networks_are_refused(name, given, message):
    with pytest.raises(ValueError, match=message):
        plain.network_of(name, given)


@pytest.mark.parametrize(
    ("network", "shape"),
    [(plain.MLP((8,), 2), (28, 28)), (plain.CNN((1, 1, 1), 2, 2), (3071,))],
)
def test_inputs_of_another_shape_are_refused(network, shape):
    with pytest.raises(ValueError, match="network: takes rows of"):
        network.shapes(shape)


@pytest.mark.parametrize("words", [[[5]], [[-1]], [[0.0]]])
def test_words_that_there_are_not_are_refused(words):
    network, inputs = CASES["few words"]
    arrays = dict(flat(random_variables(network, inputs)))
    with pytest.raises(ValueError, match="need words 0 to 4"):
        plain.WordAverage(5, 3, 2, 0.5).outputs(arrays, np.array(words))
