"""The cheap dropout stream against threefry, JAX's own: the same statistical tests for both.

Keys are made as in training: one per lane of (seed, coalition), folded with the step. Each test
gives a probability that is uniform for ideal random numbers; seeds are fixed, so nothing is flaky.
Accuracies under both streams are compared by benchmarks/dropout.py, which takes a minute.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, norm

from shapfair.paper.dropout import dropout, keep, mix

KEPT = 0.8
SHAPE = (4, 250, 16)
"""Reviews, positions and columns: an eighth of a batch of IMDB."""
LANES, STEPS = 12, 40
SMALLEST = 1e-4
"""Below this a test fails. Twenty-odd tests of a good stream reach it with a chance of 1 in 400."""


def counter_hash(key):
    return keep(key, SHAPE, 1 - KEPT)


def threefry(key):
    return jax.random.bernoulli(key, KEPT, SHAPE)


def draw(stream, seed=0):
    """Kept or not, shape (lanes, steps, reviews, positions, columns)."""

    def lane(coalition):
        key = jax.random.fold_in(jax.random.key(seed), coalition)
        return jax.vmap(lambda t: stream(jax.random.split(jax.random.fold_in(key, t))[0]))(
            jnp.arange(STEPS)
        )

    return np.asarray(jax.jit(lambda: jax.lax.map(lane, jnp.arange(1, LANES + 1)))())


def counts_are_binomial(kept, axes):
    """Chi-square of the counts in the cells of ``axes``; too even is as bad as too uneven."""
    others = tuple(k for k in range(kept.ndim) if k not in axes)
    counts = kept.sum(others)
    trials = kept.size / counts.size
    statistic = ((counts - trials * KEPT) ** 2).sum() / (trials * KEPT * (1 - KEPT))
    tail = chi2.sf(statistic, counts.size)
    return 2 * min(tail, 1 - tail)


def pairs_are_independent(one, other):
    """Chi-square of the two-by-two table of pairs, against the known keep-rate."""
    rates = np.outer([1 - KEPT, KEPT], [1 - KEPT, KEPT])
    both, first, second = (np.count_nonzero(x) for x in (one & other, one, other))
    table = np.array(
        [[one.size - first - second + both, second - both], [first - both, both]], float
    )
    expected = one.size * rates
    return chi2.sf(((table - expected) ** 2 / expected).sum(), 3)


def all_tests(kept):
    """Name -> probability."""
    flat = kept.reshape(LANES, STEPS, -1)
    results = {
        "keep-rate": 2
        * norm.sf(abs(kept.sum() - KEPT * kept.size) / np.sqrt(kept.size * KEPT * (1 - KEPT)))
    }
    for name, axes in {
        "lane": (0,),
        "step": (1,),
        "lane and step": (0, 1),
        "review": (2,),
        "position in the review": (3,),
        "column": (4,),
        "entry": (2, 3, 4),
    }.items():
        results[f"counts by {name}"] = counts_are_binomial(kept, axes)
    for lag in (1, 2, 3, 8, 16, 256, 4000):
        results[f"entries {lag} apart"] = pairs_are_independent(flat[..., lag:], flat[..., :-lag])
    for lag in (1, 2, 16):
        same = pairs_are_independent(kept[:, lag:], kept[:, :-lag])
        results[f"an entry {lag} steps apart"] = same
    for lag in (1, 2, 4, 8):
        results[f"an entry of lanes {lag} apart"] = pairs_are_independent(kept[lag:], kept[:-lag])
    diagonal = pairs_are_independent(flat[:, 1:, 1:], flat[:, :-1, :-1])
    results["the next entry in the next step"] = diagonal
    return results


@pytest.mark.parametrize("stream", [counter_hash, threefry])
def test_stream_is_as_random_as_can_be_told(stream):
    results = all_tests(draw(stream))
    assert len(results) == 23
    assert {name: p for name, p in results.items() if not p > SMALLEST} == {}


def test_the_two_dropouts_of_a_step_are_independent():
    """Those after the embedding and after the average have keys of their own."""
    keys = jax.vmap(lambda t: jax.random.split(jax.random.fold_in(jax.random.key(3), t)))(
        jnp.arange(200)
    )
    one, other = (np.asarray(jax.vmap(counter_hash)(keys[:, k])) for k in (0, 1))
    assert pairs_are_independent(one, other) > SMALLEST


def bits_to_keep(bits):
    return bits < jnp.uint32(KEPT * 2**32)


def words_of(key):
    return jax.random.key_data(key).astype(jnp.uint32)


def position():
    return jax.lax.iota(jnp.uint32, int(np.prod(SHAPE))).reshape(SHAPE)


def one_mask_for_all(key):
    return bits_to_keep(mix(position()))


def unmixed(key):
    return bits_to_keep((position() ^ words_of(key)[0]) * jnp.uint32(0x9E3779B1))


def evenly_spread(key):
    """Every fifth entry, from a random start: the right rate, but no chance in it."""
    return (position() + words_of(key)[0] % 5) % 5 != 0


def slightly_off(key):
    return jax.random.bernoulli(key, KEPT + 0.002, SHAPE)


def copied_column(key):
    kept = jax.random.bernoulli(key, KEPT, SHAPE)
    return kept.at[..., 8].set(kept[..., 0])


@pytest.mark.parametrize(
    "stream", [one_mask_for_all, unmixed, evenly_spread, slightly_off, copied_column]
)
def test_a_bad_stream_is_found_out(stream):
    assert min(all_tests(draw(stream)).values()) < SMALLEST / 100


def test_one_flipped_bit_flips_every_bit_of_the_mix_about_half_of_the_time():
    x = np.random.default_rng(0).integers(0, 2**32, 20_000, np.uint32)
    for bit in range(32):
        flipped = np.asarray(mix(jnp.asarray(x)) ^ mix(jnp.asarray(x ^ np.uint32(1 << bit))))
        share = np.unpackbits(flipped.view(np.uint8).reshape(-1, 4), axis=1).mean(0)
        assert np.abs(share - 0.5).max() < 0.03


def unmix(y):
    """The inverse of mix, in Python's integers."""
    y ^= y >> 16
    y = y * pow(0x846CA68B, -1, 2**32) % 2**32
    y ^= (y >> 15) ^ (y >> 30)
    y = y * pow(0x7FEB352D, -1, 2**32) % 2**32
    return y ^ y >> 16


@settings(max_examples=100, deadline=None, derandomize=True)
@given(x=st.integers(0, 2**32 - 1))
def test_the_mix_is_a_bijection(x):
    assert unmix(int(mix(jnp.uint32(x)))) == x


@pytest.mark.parametrize("shape", [(), (5,), (3, 0), (7, 3), (2, 5, 8), SHAPE])
def test_an_entry_is_kept_by_the_hash_of_its_position(shape):
    """The formula as it reads, in Python's integers; also where no row is 16 entries long."""
    for seed in range(3):
        key = jax.random.fold_in(jax.random.key(seed), 1)  # both words are full of bits
        first, second = map(int, jax.random.key_data(key))
        kept = np.asarray(keep(key, shape, 0.2)).reshape(-1)
        assert keep(key, shape, 0.2).shape == shape
        for position in range(0, len(kept), 1 + len(kept) // 50):
            number = plain_mix(plain_mix(position ^ first) + second & 2**32 - 1)
            assert kept[position] == (number < 0.8 * 2**32)


def plain_mix(x):
    x = (x ^ x >> 16) * 0x7FEB352D % 2**32
    x = (x ^ x >> 15) * 0x846CA68B % 2**32
    return x ^ x >> 16


def test_dropout_keeps_the_mean_and_scales_what_it_keeps():
    x = jnp.full((100, 1000), 3.0)
    dropped = np.asarray(dropout(x, 0.2, jax.random.key(1)))
    assert set(np.unique(dropped)) == {0, np.float32(3 / 0.8)}
    assert dropped.mean() == pytest.approx(3, rel=0.01)
    np.testing.assert_array_equal(dropout(x, 0.0, jax.random.key(1)), x)


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5])
def test_impossible_rate_is_an_error(rate):
    with pytest.raises(ValueError, match=f"rate: {rate} of the entries cannot be dropped"):
        dropout(jnp.ones(3), rate, jax.random.key(0))
