r"""Noise: how far payoffs can be trusted when coalition values come from training and testing.

With unlimited budgets the payoffs are linear in the value table, :math:`p = Av`, so whatever is
known of the noise of the values is known of the noise of the payoffs. Two kinds of noise are kept
apart: that of training, which differs between seeds, and that of the finite test set, which all
seeds share, so that no number of seeds shows it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import comb

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import ArrayLike

from shapfair.coalitions import check_party_count, members
from shapfair.extras import load
from shapfair.lattice import membership, sizes
from shapfair.rounding import NOISE, magnitude

special = load("scipy.special")


def payoff_matrix(n: int) -> Float[np.ndarray, "parties coalitions"]:
    r"""The matrix :math:`A` of Equation (1), payoffs :math:`p_i = n\varphi_i - v(N) = (Av)_i`.

    .. math:: A_{iC} = \binom{n-1}{|C|-1}^{-1} \text{ if } i\in C\ne N, \qquad
        A_{iC} = -\binom{n-1}{|C|}^{-1} \text{ if } i\notin C\ne\emptyset, \qquad 0 \text{ else.}

    The grand coalition's value cancels. Of every row the entries' absolute values sum to
    :math:`2(n-1)`, their squares to :math:`2\sum_{k=0}^{n-2}\binom{n-1}{k}^{-1}\le 10/3`.

    Returns:
        Coefficients without unit, one column per coalition in bitmask order, shape ``(n, 2**n)``.

    Raises:
        ValueError: if there is no party, or a table of ``n`` parties is too large.

    Cost: O(n 2^n) time and memory.
    """
    if n < 1:
        raise ValueError(f"n = {n}: need at least one party")
    check_party_count(n)
    size = sizes(n)
    gains = np.array([0.0, *(1 / comb(n - 1, s - 1) for s in range(1, n)), 0.0])
    losses = np.array([0.0, *(-1 / comb(n - 1, s) for s in range(1, n)), 0.0])
    return np.where(membership(n).T, gains[size], losses[size])


def gain_weights(n: int, coalition: int) -> Float[np.ndarray, " coalitions"]:
    r"""Coefficients of what each member gains if a coalition leaves, with unlimited budgets.

    The gain :math:`g(S) = v(S) - \frac{n}{|S|}\sum_{i\in S}\varphi_i` of
    :mod:`shapfair.stability` is linear in the values, so :func:`largest_test_error` of these
    coefficients bounds what the choice of test examples does to it.

    Args:
        n: number of parties.
        coalition: bitmask of :math:`S`.

    Returns:
        Coefficients without unit in bitmask order, shape ``(2**n,)``; they sum to 0.

    Raises:
        ValueError: as :func:`payoff_matrix`, or if nobody or more than the ``n`` parties leave.

    Cost: O(n 2^n) time and memory.
    """
    payoffs = payoff_matrix(n)
    if not 0 < coalition < 2**n:
        raise ValueError(f"coalition: {coalition}, need a bitmask of some of {n} parties")
    weights = -payoffs[list(members(coalition))].mean(axis=0)  # payoffs are n phi_i - v(N)
    weights[-1] -= 1
    weights[coalition] += 1
    return weights


@dataclass(frozen=True, eq=False)
class Comparison:
    r"""Who is ahead of whom, for all pairs of parties at once.

    Attributes:
        differences: mean over the seeds of ``x[i] - x[j]``, shape ``(n, n)``, in units of ``x``.
        margins: half widths of the simultaneous confidence intervals of the differences; all
            :math:`n(n-1)/2` intervals cover together at ``level``.
        p_values: of "no difference", two-sided, adjusted by Holm's method.
        level: joint confidence level.
    """

    differences: Float[np.ndarray, "parties parties"]
    margins: Float[np.ndarray, "parties parties"]
    p_values: Float[np.ndarray, "parties parties"]
    level: float

    @property
    def ahead(self) -> Bool[np.ndarray, "parties parties"]:
        """Whether ``i`` is ahead of ``j``; all verdicts are right together at ``level``."""
        return (self.p_values <= 1 - self.level) & (self.differences > 0)


def compare(samples: ArrayLike, level: float = 0.95) -> Comparison:
    r"""Compare the parties pairwise by a quantity that was measured under several seeds.

    The differences are *paired*: taken within every seed, from the same models, then averaged.
    Payoffs of one seed are not independent (they sum to 0), so the standard errors of two payoffs
    do not tell that of their difference. Intervals are Student's, with Bonferroni's correction for
    the number of pairs; the p-values have Holm's (1979), which rejects at least as much. The
    differences are taken to be normal; with few seeds everything rests on that.

    Args:
        samples: payoffs, model values or scaling factors, shape ``(seeds, n)``.
        level: joint confidence level, between 0 and 1.

    Raises:
        ValueError: if there are fewer than two seeds or two parties, a sample is not finite, or the
            level is not between 0 and 1.

    Cost: O(seeds n^2).
    """
    x = np.asarray(samples, dtype=np.float64)
    if x.ndim != 2 or min(x.shape) < 2:
        raise ValueError(
            f"samples: shape {x.shape}, need (seeds, parties) with two seeds and two parties or "
            "more; one seed shows no spread"
        )
    if not np.isfinite(x).all():
        raise ValueError("samples: not finite")
    _check_level(level)
    seeds, n = x.shape
    upper = np.triu_indices(n, 1)
    differences = x[:, upper[0]] - x[:, upper[1]]
    # Equal up to rounding is equal; its sign would otherwise count as a difference.
    differences[np.abs(differences) <= NOISE * magnitude(x)[:, None]] = 0
    means = differences.mean(axis=0)
    errors = differences.std(axis=0, ddof=1) / np.sqrt(seeds)
    df, pairs = seeds - 1, len(means)
    margins = special.stdtrit(df, 1 - (1 - level) / (2 * pairs)) * errors
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = np.where(means == 0, 0.0, np.abs(means) / errors)
    p_values = _holm(2 * special.stdtr(df, -scores))

    def square(entries: np.ndarray, sign: int, diagonal: float) -> np.ndarray:
        matrix = np.full((n, n), diagonal)
        matrix[upper], matrix[upper[::-1]] = entries, sign * entries
        return matrix

    return Comparison(
        square(means, -1, 0.0), square(margins, 1, 0.0), square(p_values, 1, 1.0), level
    )


def seeds_needed(
    spread: float | int | ArrayLike,
    difference: float | int | ArrayLike,
    level: float = 0.95,
    power: float = 0.9,
) -> Int[np.ndarray, "*shape"]:
    r"""Number of seeds that tell a payoff from 0, or two parties apart.

    The least :math:`k\ge 2` with which Student's interval lies on the right side of 0 with
    probability ``power``, if the mean is :math:`d` and single seeds are normal with standard
    deviation :math:`s`: :math:`\sqrt k\,\bar x/s_k` has the noncentral :math:`t` distribution with
    :math:`k-1` degrees of freedom and noncentrality :math:`\sqrt k\,d/s`. That is a little more
    than :math:`\bigl((z_{(1+\text{level})/2} + z_{\text{power}})\,s/d\bigr)^2`. A ``k`` whose
    interval is planned to just reach 0 would fail every other time.

    Args:
        spread: standard deviation :math:`s\ge 0` over the seeds, of the payoff or of the paired
            difference of two.
        difference: the true mean :math:`d > 0`, in the same unit; shapes broadcast.
        level: confidence level of a single interval, between 0 and 1. For several at once divide
            :math:`1 - \text{level}` by their number.
        power: probability that the seeds show what is there, between 0 and 1.

    Raises:
        ValueError: if an argument is not as described or not finite.

    Cost: about a hundred quantiles per entry.
    """
    ratio = _ratio(spread, difference, "difference", level, power)

    def shown(k: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            centre = np.minimum(np.sqrt(k) / ratio, 1e4)  # where any number of seeds will do
        quantile = special.stdtrit(k - 1, (1 + level) / 2)
        return np.asarray(1 - special.nctdtr(k - 1, centre, quantile) >= power)

    return _fewest(shown, ratio)


def seeds_within(
    spread: float | int | ArrayLike,
    margin: float | int | ArrayLike,
    level: float = 0.95,
    power: float = 0.9,
) -> Int[np.ndarray, "*shape"]:
    r"""Number of seeds whose mean has a confidence interval of half width ``margin`` or less.

    The least :math:`k\ge 2` with :math:`t_{k-1}\,s_k/\sqrt k\le d` with probability ``power``. The
    standard deviation :math:`s_k` of the seeds to come varies: :math:`(k-1)\,s_k^2/s^2` has the
    :math:`\chi^2` distribution with :math:`k-1` degrees of freedom.

    Args:
        spread: standard deviation :math:`s\ge 0` of a single seed.
        margin: half width :math:`d > 0`, in the same unit; shapes broadcast.
        level: confidence level of a single interval, between 0 and 1.
        power: probability that the interval is as narrow as wanted, between 0 and 1.

    Raises:
        ValueError: if an argument is not as described or not finite.

    Cost: about a hundred quantiles per entry.
    """
    ratio = _ratio(spread, margin, "margin", level, power)

    def narrow(k: np.ndarray) -> np.ndarray:
        quantile = special.stdtrit(k - 1, (1 + level) / 2)
        with np.errstate(divide="ignore"):
            largest = np.minimum(k / (quantile * ratio) ** 2, 1e9)  # of (s_k / s)^2
        return np.asarray(special.chdtr(k - 1, (k - 1) * largest) >= power)

    return _fewest(narrow, ratio)


def largest_test_error(
    weights: ArrayLike, accuracies: ArrayLike, examples: int
) -> Float[np.ndarray, "*rows"]:
    r"""Largest standard error by the choice of test examples that the accuracies allow.

    An accuracy :math:`a_C` is the mean over ``examples`` test examples of :math:`z_C`, 1 where the
    model is right. All models see the same examples, so :math:`\sum_C w_C a_C` is the mean of
    :math:`\sum_C w_C z_C`, whose variance depends on how often two models are right together, which
    accuracies do not tell. It is largest if models of positive weight are right on the examples
    that models of negative weight get wrong, nested by accuracy: every pair's covariance
    then has its largest value at once, by the bound of Fréchet and Hoeffding. So the result is
    sharp. It also holds if the accuracies are means over seeds.

    Args:
        weights: such as a row of :func:`payoff_matrix`, or the difference of two; shape
            ``(*rows, coalitions)``.
        accuracies: between 0 and 1, shape ``(coalitions,)``.
        examples: number of test examples, drawn independently.

    Raises:
        ValueError: if the shapes do not fit, an accuracy is not between 0 and 1, or there is no
            test example.

    Cost: O(coalitions log coalitions) per row.
    """
    w, a = np.asarray(weights, np.float64), np.asarray(accuracies, np.float64)
    if a.ndim != 1 or w.shape[-1:] != a.shape:
        raise ValueError(
            f"weights {w.shape} and accuracies {a.shape}: need one of each a coalition"
        )
    if not ((a >= 0) & (a <= 1)).all():
        raise ValueError("accuracies: need numbers between 0 and 1, before any exchange rate")
    if examples < 1:
        raise ValueError(f"examples: {examples}, need at least one")
    # With 1 - z in place of z wherever the weight is negative, all weights count upwards.
    chances = np.where(w < 0, 1 - a, a)
    order = np.argsort(chances, axis=-1)
    chances = np.take_along_axis(chances, order, axis=-1)
    ranked = np.take_along_axis(np.abs(w), order, axis=-1)
    # On an example of difficulty u the models with a chance above u count.
    sums = np.flip(np.cumsum(np.flip(ranked, -1), axis=-1), -1)
    widths = np.diff(chances, prepend=0.0, axis=-1)
    mean = (widths * sums).sum(axis=-1)
    variance = (widths * sums**2).sum(axis=-1) - mean**2
    return np.asarray(np.sqrt(np.maximum(variance, 0) / examples))


def _holm(p_values: np.ndarray) -> np.ndarray:
    """Adjust p-values by Holm's step-down method: the k-th smallest of m counts m + 1 - k times."""
    order = np.argsort(p_values)
    counts = np.arange(len(p_values), 0, -1)
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(np.maximum.accumulate(counts * p_values[order]), 1)
    return adjusted


def _ratio(
    spread: float | int | ArrayLike,
    size: float | int | ArrayLike,
    name: str,
    level: float,
    power: float,
) -> np.ndarray:
    """The spread in multiples of what is to be seen; the arguments are checked."""
    s, d = np.broadcast_arrays(np.asarray(spread, np.float64), np.asarray(size, np.float64))
    if not (np.isfinite(s).all() and (s >= 0).all()):
        raise ValueError("spread: need finite standard deviations >= 0 (of two seeds or more)")
    if not (np.isfinite(d).all() and (d > 0).all()):
        raise ValueError(f"{name}: need finite numbers > 0")
    if (s > 1e6 * d).any():
        raise ValueError(f"{name}: less than 1e-6 of the spread; no one has so many seeds")
    _check_level(level)
    if not 0 < power < 1:
        raise ValueError(f"power: {power}, need a number between 0 and 1")
    return np.asarray(s / d)


def _fewest(enough: Callable[[np.ndarray], np.ndarray], like: np.ndarray) -> np.ndarray:
    """The least number of seeds, 2 or more, that is enough for every entry, as all more are."""
    low, high = np.ones(like.shape, np.int64), np.full(like.shape, 2, np.int64)
    while not (done := enough(high)).all():
        low, high = np.where(done, low, high), np.where(done, high, 2 * high)
    while (high - low > 1).any():
        middle = np.asarray(np.maximum(2, (low + high) // 2))
        done = enough(middle)
        low, high = np.where(done, low, middle), np.where(done, middle, high)
    return np.asarray(high)


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level: {level}, need a number between 0 and 1")
