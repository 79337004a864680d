"""Raw inputs: what the network sees of them, and what cannot be meant."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shapfair.datasets import CIFAR10_CLASSES, IMDB_CLASSES, MNIST_CLASSES, load
from shapfair.datasets.inputs import DTYPES, Images, Numbers, Texts, from_json
from shapfair.datasets.text import Vocabulary

GREY, COLOUR = Images((28, 28)), Images((32, 32, 3))
WORDS = Texts(("good", "film", "bad"), length=4)
PIXELS = np.arange(2 * 28 * 28).reshape(2, 28, 28) % 256


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.float64])
def test_pictures_become_rows_of_pixels(dtype):
    for pixels in (PIXELS, PIXELS.reshape(2, 784)):
        seen = GREY.read(pixels.astype(dtype))
        assert seen.dtype == np.uint8
        np.testing.assert_array_equal(seen, PIXELS.reshape(2, 784))
    assert GREY.read(PIXELS.tolist()).shape == (2, 784)
    assert GREY.read(np.zeros((1, 784))).sum() == 0  # a black picture
    colours = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    np.testing.assert_array_equal(COLOUR.read(colours), colours.reshape(3, -1))
    assert (GREY.seen, COLOUR.seen) == (((784,), "uint8"), ((3072,), "uint8"))


def test_pictures_of_mnist_are_read_to_what_the_network_was_trained_on():
    images = load("mnist", "embedded").test_inputs
    np.testing.assert_array_equal(GREY.read(images.reshape(-1, 28, 28)), images)


@pytest.mark.parametrize(
    ("images", "raw", "message"),
    [
        (GREY, PIXELS / 255, "no number is above 1, but pixels are .* multiply shares by 255"),
        (GREY, PIXELS > 99, "no number is above 1"),
        (GREY, PIXELS / 127.5 - 1, "numbers from -1 to 1, but pixels are whole numbers from 0 to"),
        (GREY, PIXELS * 2, "numbers from 0 to 510, but pixels"),
        (GREY, PIXELS * 0.7, r"0\.7 found, but pixels are whole numbers from 0 to 255: round them"),
        (GREY, np.where(PIXELS == 7, np.nan, PIXELS), r"nan at \[0, 0, 7\], need finite numbers"),
        (GREY, np.where(PIXELS == 7, np.inf, PIXELS), r"inf at \[0, 0, 7\]"),
        (GREY, PIXELS[0], r"shape \(28, 28\), need \(inputs, 28, 28\) or \(inputs, 784\)"),
        (GREY, PIXELS[..., None], r"shape \(2, 28, 28, 1\)"),
        (GREY, PIXELS[:0], "there are none, need at least one"),
        (GREY, 3.0, r"shape \(\), need"),
        (GREY, PIXELS.astype(str), "texts, need numbers"),
        (GREY, PIXELS * 1j, "an array of complex128"),
        (GREY, [[1, 2], [3]], "rows of different lengths"),
        (GREY, ["a text"], "need numbers"),
        (GREY, [None], "an array of object"),
        (COLOUR, np.zeros((2, 3, 32, 32)), r"shape \(2, 3, 32, 32\), need \(inputs, 32, 32, 3\)$"),
        (COLOUR, np.zeros((2, 3072)), r"shape \(2, 3072\), need \(inputs, 32, 32, 3\)$"),
    ],
)
def test_pictures_that_cannot_be_meant_are_refused(images, raw, message):
    with pytest.raises(ValueError, match=f"^inputs: .*{message}") as error:
        images.read(raw)
    assert "\n" not in str(error.value)


def test_texts_become_ids_of_words():
    texts = ["A good, GOOD film!", "bad <br /> film and more words", "unheard"]
    seen = WORDS.read(texts)
    assert seen.tolist() == [[1, 2, 2, 3], [4, 3, 1, 1], [1, 0, 0, 0]]
    np.testing.assert_array_equal(seen, Vocabulary(WORDS.words).encode(texts, 4))
    np.testing.assert_array_equal(WORDS.read(np.array(texts)), seen)
    np.testing.assert_array_equal(WORDS.read(tuple(texts)), seen)
    assert WORDS.seen == ((4,), "uint16")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("good film", "a single text, need a list of texts"),
        (["good", ""], "text 2 has no words, leave it out"),
        (["good", " ... !"], "text 2 has no words"),
        (["good", 3.0], "number 2 is a float, need a text"),
        (PIXELS, "an array of int64, need a list of texts"),
        ([], "there are none"),
        (7, "a int, need a list of texts"),
        (None, "a NoneType, need a list"),
    ],
)
def test_texts_that_cannot_be_meant_are_refused(raw, message):
    with pytest.raises(ValueError, match=f"^inputs: {message}"):
        WORDS.read(raw)


@given(st.sampled_from(DTYPES), st.integers(-(2**40), 2**40))
def test_numbers_are_those_of_the_type_or_refused(dtype, number):
    """Whatever the type, what is read is what was given."""
    inputs = Numbers((1,), dtype)
    try:
        seen = inputs.read([[number]])
    except ValueError:
        if dtype == "bool":
            low, high = 0, 1
        else:
            info = np.finfo(dtype) if "float" in dtype else np.iinfo(dtype)
            low, high = float(info.min), float(info.max)
        assert not low <= number <= high
    else:
        assert seen.dtype == np.dtype(dtype)
        assert float(seen[0, 0]) == pytest.approx(number, rel=1e-3 if dtype == "float16" else 1e-7)


@pytest.mark.parametrize(
    ("inputs", "raw", "message"),
    [
        (Numbers((2,), "uint8"), [[0.5, 1]], "0.5 found, but the model takes uint8"),
        (Numbers((2,), "uint8"), [[-1, 1]], "numbers from -1 to 1, but the model takes uint8"),
        (Numbers((2,), "float32"), [[1e39, 1]], r"inf at \[0, 0\], need finite numbers"),
        (Numbers((2,), "float32"), [[np.nan, 1]], r"nan at \[0, 0\]"),
        (Numbers((2,), "float32"), [1, 2], r"shape \(2,\), need \(inputs, 2\)"),
        (Numbers((), "float32"), [[1, 2]], r"shape \(1, 2\), need \(inputs\)"),
    ],
)
def test_numbers_that_the_type_cannot_hold_are_refused(inputs, raw, message):
    with pytest.raises(ValueError, match=f"^inputs: {message}"):
        inputs.read(raw)


@pytest.mark.parametrize(
    "inputs", [GREY, COLOUR, WORDS, Numbers((3, 2), "float32"), Numbers((), "int8")]
)
def test_descriptions_survive_json(inputs):
    assert from_json(json.loads(json.dumps(inputs.to_json()))) == inputs


@pytest.mark.parametrize(
    ("inputs", "changes"),
    [
        (GREY, {"kind": "sounds"}),
        (GREY, {"kind": None}),
        (GREY, {"shape": [28, -28]}),
        (GREY, {"shape": [28, 28.0]}),
        (GREY, {"shape": [True, 28]}),
        (GREY, {"shape": [784]}),
        (GREY, {"shape": "28"}),
        (GREY, {"pixels": [0, 1]}),
        (GREY, {"more": 1}),
        (Numbers((2,), "int8"), {"dtype": "object"}),
        (Numbers((2,), "int8"), {"dtype": ["int8"]}),
        (WORDS, {"length": 0}),
        (WORDS, {"length": 10**9}),
        (WORDS, {"vocabulary": ["a", "a"]}),
        (WORDS, {"vocabulary": ["a", 1]}),
        (WORDS, {"vocabulary": "abc"}),
        (WORDS, {"vocabulary": [str(k) for k in range(2**16 - 1)]}),
    ],
)
def test_other_descriptions_are_refused(inputs, changes):
    with pytest.raises(ValueError, match=r"^inputs: .*not a description"):
        from_json(inputs.to_json() | changes)


def test_every_class_has_a_name():
    assert [len(set(names)) for names in (MNIST_CLASSES, CIFAR10_CLASSES, IMDB_CLASSES)] == [
        10,
        10,
        2,
    ]
