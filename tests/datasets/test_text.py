"""From reviews to word ids: standardisation, vocabulary, encoding."""

import string
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shapfair.datasets.text import PADDING, UNKNOWN, Vocabulary, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A good film.", ["a", "good", "film"]),
        ("Bad!<br /><br />Really bad", ["bad", "really", "bad"]),
        ("it's a well-made B-movie", ["its", "a", "wellmade", "bmovie"]),
        ("end<br />of line", ["end", "of", "line"]),
        ("<i>Heat</i> (1995): 9/10", ["iheati", "1995", "910"]),
        ("Amélie  \t and\nNBSP\xa0too", ["amélie", "and", "nbsp", "too"]),
        ("... - !", []),
        ("", []),
    ],
)
def test_words_are_lower_case_without_tags_and_punctuation(text, expected):
    assert words(text) == expected


texts = st.lists(st.text(alphabet="ab cD.<br />", max_size=20), min_size=1, max_size=8)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(text=st.text(max_size=60))
def test_words_hold_neither_white_space_nor_punctuation(text):
    found = words(text)
    assert all(found)
    assert not any(c.isspace() or c in string.punctuation for word in found for c in word)
    assert words(" ".join(found)) == [w.lower() for w in found]  # once is enough


def test_vocabulary_goes_by_frequency_then_alphabet():
    vocabulary = Vocabulary.of(["b a c", "c, B! d", "c"])
    assert vocabulary.words == ("c", "b", "a", "d")
    # Padding and unknown count among the words of the size.
    assert Vocabulary.of(["b a c", "c, B! d", "c"], size=5).words == ("c", "b", "a")


def test_order_of_the_texts_does_not_matter():
    reviews = ["a b b", "c d", "d e f f", "b"]
    assert Vocabulary.of(reviews) == Vocabulary.of(reviews[::-1])
    assert Vocabulary.of(iter(reviews)) == Vocabulary.of(reviews)


def test_texts_are_padded_truncated_and_unknown_words_marked():
    vocabulary = Vocabulary(("good", "film"))
    encoded = vocabulary.encode(["Good film", "a good GOOD good film", ""], length=4)
    assert encoded.dtype == np.uint16
    assert encoded.tolist() == [
        [2, 3, PADDING, PADDING],
        [UNKNOWN, 2, 2, 2],
        [PADDING] * 4,
    ]
    assert vocabulary.encode(["x"]).shape == (1, 250)
    assert vocabulary.encode([]).shape == (0, 250)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(texts=texts, size=st.integers(3, 8), length=st.integers(1, 6))
def test_encoding_is_that_of_a_plain_loop(texts, size, length):
    counts = Counter(word for text in texts for word in words(text))
    if not counts:
        with pytest.raises(ValueError, match="no word"):
            Vocabulary.of(texts, size)
        return
    vocabulary = Vocabulary.of(texts, size)
    assert len(vocabulary.words) == min(size - 2, len(counts))
    left_out = counts.keys() - set(vocabulary.words)
    rarest = counts[vocabulary.words[-1]]
    assert all(counts[word] <= rarest for word in left_out)
    for text, row in zip(texts, vocabulary.encode(texts, length), strict=True):
        for position in range(length):
            found = words(text)
            if position >= len(found):
                assert row[position] == PADDING
            elif found[position] in vocabulary.words:
                assert vocabulary.words[row[position] - 2] == found[position]
            else:
                assert row[position] == UNKNOWN


@pytest.mark.parametrize("texts", [[], ["", "... !", "<br />"]])
def test_no_word_is_one_clear_error(texts):
    with pytest.raises(ValueError, match=r"^texts: no word in them, need at least one text"):
        Vocabulary.of(texts)


@pytest.mark.parametrize("size", [-1, 2, 65_537])
def test_impossible_size_is_one_clear_error(size):
    with pytest.raises(ValueError, match=rf"^size: {size} words.*need 3 to 65536"):
        Vocabulary.of(["a"], size)
