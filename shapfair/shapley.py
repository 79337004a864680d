r"""Exact Shapley values and conditional Shapley values from a value table.

Two parties' Shapley values differ by their marginal contributions to the coalitions without both,

.. math:: \varphi_i - \varphi_j = \sum_{C\subseteq N\setminus\{i,j\}}
    \frac{v(C\cup i) - v(C\cup j)}{(n-1)\binom{n-2}{|C|}}
    = \sum_{C\ni i} w(|C|)\,v(C) - \sum_{C\ni j} w(|C|)\,v(C),
    \qquad w(s) = \frac{1}{(n-1)\binom{n-2}{s-1}},

because the coalitions with both cancel. So one weighted sum per party gives the Shapley values up
to a constant, which efficiency tells. In the same way one sum per *pair* gives the conditional
Shapley values, which are Shapley values among the others once :math:`i` is in.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from math import comb, lcm, sqrt

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from shapfair.coalitions import count_parties
from shapfair.game import Game
from shapfair.lattice import membership, sizes
from shapfair.rounding import exponent, magnitude

_BLOCK = 2**16
"""Values handled at a time: half a MiB, which fits a core's cache."""


def shapley_values(
    game_or_values: Game | ArrayLike,
) -> Float[np.ndarray, "*seeds parties"]:
    r"""Shapley value :math:`\varphi_i` of every party (Section 2 of the paper).

    .. math:: \varphi_i = \sum_{C\subseteq N\setminus i}
        \frac{v(C\cup i) - v(C)}{n\binom{n-1}{|C|}}

    Args:
        game_or_values: a :class:`~shapfair.Game`, or values in bitmask order, shape
            ``(*seeds, 2**n)``.

    Returns:
        Shares in units of value, shape ``(*seeds, n)``; they sum to
        :math:`v(N) - v(\emptyset)`.

    Raises:
        ValueError: if the last axis is not :math:`2^n` long with :math:`1\le n\le 26`, or a result
            exceeds float64's range.

    Cost: O(n 2^n) per table, in one pass.

    >>> from shapfair import shapley_values
    >>> shapley_values([0, 0, 0, 1, 0, 1, 0, 1]).round(3)  # one left glove, two right ones
    array([0.667, 0.167, 0.167])
    """
    tables, seeds, n = _tables(game_or_values)
    weights = _weights(n, given=0)

    def shares(table: np.ndarray) -> np.ndarray:
        sums = np.diagonal(pair_sums(table, weights, n))  # up to a constant
        return sums + (table[-1] - table[0] - sums.sum()) / n

    return np.reshape([_in_range(shares, table) for table in tables], (*seeds, n))


def conditional_shapley_values(
    game_or_values: Game | ArrayLike,
) -> Float[np.ndarray, "*seeds parties parties"]:
    r"""Conditional Shapley value :math:`\varphi_{j|i}` of every ordered pair, Equation (5).

    .. math:: \varphi_{j|i} = \sum_{C\subseteq N\setminus\{i,j\}}
        \frac{v(C\cup\{i,j\}) - v(C\cup i)}{(n-1)\binom{n-2}{|C|}}

    Without budgets it is the payoff flow :math:`p_{ij}` from :math:`i` to :math:`j` (Lemma 3.7).

    Args:
        game_or_values: a :class:`~shapfair.Game`, or values in bitmask order, shape
            ``(*seeds, 2**n)``.

    Returns:
        Flows in units of value, shape ``(*seeds, n, n)``: entry ``[..., i, j]`` is what ``i`` pays
        ``j``. The diagonal is 0 and row ``i`` sums to :math:`v(N) - v(i)` (fair cost).

    Raises:
        ValueError: if the last axis is not :math:`2^n` long with :math:`1\le n\le 26`, or a result
            exceeds float64's range.

    Cost: O(n 2^n) per table, in one pass; the memory beyond the table is O(2^{n/2} n).

    >>> from shapfair import conditional_shapley_values
    >>> flows = conditional_shapley_values([0, 1, 2, 3, 3, 4, 5, 6])  # each adds 1, 2, 3
    >>> flows[2, :2]  # what the third party pays the others
    array([1., 2.])
    """
    tables, seeds, n = _tables(game_or_values)
    if n == 1:
        return np.zeros((*seeds, 1, 1))
    weights, others = _weights(n, given=1), ~np.eye(n, dtype=bool)

    def flows(table: np.ndarray) -> np.ndarray:
        sums = pair_sums(table, weights, n) * others
        costs = table[-1] - table[2 ** np.arange(n)]
        constants = (costs - sums.sum(axis=1)) / (n - 1)
        return (sums + constants[:, None]) * others

    return np.reshape([_in_range(flows, table) for table in tables], (*seeds, n, n))


def flow_error(n: int) -> float:
    r"""Largest rounding error of a conditional Shapley value, as a share of the table's magnitude.

    An entry of :func:`pair_sums` adds terms of magnitude :math:`H_{n-2}` altogether, in a chain of
    at most :math:`d = 2^{\lceil n/2\rceil + 1} + 8` additions. So its error is at most
    :math:`2^{-53} d H_{n-2}` whatever happens and, as rounding errors do not all point one way, at
    most :math:`2^{-53}\,8\sqrt{d} H_{n-2}` but with a chance of about :math:`e^{-32}`. The constant
    of a row doubles it.

    N. J. Higham and T. Mary, A new approach to probabilistic rounding error analysis, SIAM Journal
    on Scientific Computing 41(5), 2019, A2815-A2835.
    """
    depth, unit = 2 * 2 ** ((n + 1) // 2) + 8, 2.0**-53
    harmonic = 1 + sum(1 / k for k in range(2, n - 1))
    return 2 * harmonic * unit * (min(depth, 8 * sqrt(depth)) + n)


def _in_range(compute: Callable[[np.ndarray], np.ndarray], table: np.ndarray) -> np.ndarray:
    """A result in the table's unit, computed in a power of two of it where float64 needs that.

    The computation must be linear. Sums of values near the largest float64 overflow although the
    result need not, and products of subnormal values lose digits.

    Raises:
        ValueError: if the result itself exceeds float64's range.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        result = compute(table)
        if 2.0**-900 < np.abs(result).max() < np.inf or not np.isfinite(table).all():
            return result
        power = exponent(float(magnitude(table)))
        result = np.ldexp(compute(np.ldexp(table, -power)), power)
    if not np.isfinite(result).all():
        raise ValueError(
            f"values: results of a table with values up to {magnitude(table):.3g} exceed float64's "
            "range, give values in a larger unit"
        )
    return result


def _tables(game_or_values: Game | ArrayLike) -> tuple[np.ndarray, tuple[int, ...], int]:
    """Tables ``(K, 2**n)``, the shape of the seeds, and ``n``."""
    game = game_or_values
    values = game.values if isinstance(game, Game) else np.asarray(game, dtype=np.float64)
    if values.ndim == 0:
        raise ValueError("values: a single number, need an array of 2**n coalition values")
    n = count_parties(values.shape[-1])
    return values.reshape(-1, 2**n), values.shape[:-1], n


def _weights(n: int, given: int) -> np.ndarray:
    """The weight ``w`` of every size of a coalition, when ``given`` of its members are fixed.

    The grand coalition has weight 0: it counts the same for everyone.
    """
    return np.array([1 / r if r else 0.0 for r in reciprocal_weights(n, given)])


def reciprocal_weights(n: int, given: int) -> list[int]:
    """The weight's reciprocal for every size, an integer; 0 where the weight is 0."""
    weighted, k = range(given + 1, n), n - given
    return [
        (k - 1) * comb(k - 2, size - given - 1) if size in weighted else 0 for size in range(n + 1)
    ]


def pair_sums(table: np.ndarray, weights: np.ndarray, n: int) -> np.ndarray:
    r"""Sums :math:`\sum_{C\ni i,j} w(|C|)\,v(C)` for all pairs, shape ``(n, n)``.

    The diagonal holds the sums over the coalitions that contain ``i``. The table is read as a
    matrix, whose row is chosen by the upper parties and whose column by the lower ones. One pass
    over blocks of rows, each folded in half once per lower party, yields all sums; nothing of the
    table's size is copied. (A matrix product in place of folding is no faster, and much slower
    where other processes keep the cores busy.) Tables and weights of Python integers, in object
    arrays, have sums without rounding.
    """
    m, number = n // 2, table.dtype
    (lower, column_sizes), (upper, row_sizes) = _half(m, number), _half(n - m, number)
    matrix = table.reshape(2 ** (n - m), 2**m)
    row_sums, column_sums = np.empty(2 ** (n - m), number), np.zeros(2**m, number)
    row_lower = np.empty((2 ** (n - m), m), number)  # per row, the sums over the coalitions with j
    step = max(1, _BLOCK >> m)
    for start in range(0, len(matrix), step):
        rows = slice(start, start + step)
        block = matrix[rows] * weights[row_sizes[rows, None] + column_sizes]
        column_sums += block.sum(axis=0)
        for j in reversed(range(m)):
            without, with_j = block[:, : 1 << j], block[:, 1 << j :]
            row_lower[rows, j] = with_j.sum(axis=1)
            block = without + with_j
        row_sums[rows] = block[:, 0]
    sums = np.empty((n, n), number)
    sums[:m, :m] = lower.T @ (column_sums[:, None] * lower)
    sums[:m, m:] = row_lower.T @ upper
    sums[m:, :m] = sums[:m, m:].T
    sums[m:, m:] = upper.T @ (row_sums[:, None] * upper)
    return sums


@cache
def _half(m: int, number: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Membership, as numbers, and sizes of the coalitions of half the parties: small, so kept."""
    return membership(m).astype(number), sizes(m)


def exact_conditional_shapley_values(
    table: Float[np.ndarray, " coalitions"],
) -> tuple[tuple[Fraction, ...], ...]:
    r"""Conditional Shapley values of one table of floats, without rounding.

    The same sums as :func:`conditional_shapley_values`, over integers: all values
    are brought to one denominator, a power of two, and all weights to another.

    Raises:
        ValueError: if there are not :math:`2^n` values with :math:`1\le n\le 26`.

    Cost: O(n 2^n) integer operations; the table's range of magnitudes sets the integers' length.
    About 0.1 s for n = 14 and 5 s for n = 20.
    """
    n = count_parties(len(table))
    if n == 1:
        return ((Fraction(0),),)
    values, unit = _integers(table)
    reciprocals = reciprocal_weights(n, given=1)
    common = lcm(*(r for r in reciprocals if r))
    weights = np.array([common // r if r else 0 for r in reciprocals], dtype=object)
    sums = pair_sums(values, weights, n)
    unit /= common * (n - 1)
    flows = []
    for i in range(n):
        row = [0 if j == i else sums[i, j] for j in range(n)]
        constant = common * (values[-1] - values[1 << i]) - sum(row)
        flows.append([0 if j == i else (n - 1) * row[j] + constant for j in range(n)])
    return tuple(tuple(x * unit for x in row) for row in flows)


def _integers(table: np.ndarray) -> tuple[np.ndarray, Fraction]:
    """A table of floats as Python integers, in an object array, and their unit."""
    mantissas, exponents = np.frexp(table)
    whole = (mantissas * 2.0**53).astype(np.int64).astype(object)
    lowest = int(exponents[table != 0].min(initial=0))
    shifts = np.where(table != 0, exponents - lowest, 0).astype(object)
    return whole << shifts, Fraction(2) ** (lowest - 53)
