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

from math import comb

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from shapfair.coalitions import count_parties, membership, sizes
from shapfair.game import Game

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
        ValueError: if the last axis is not :math:`2^n` long with :math:`1\le n\le 26`.

    Cost: O(n 2^n) per table, in one pass.
    """
    tables, seeds, n = _tables(game_or_values)
    weights = _weights(n, given=0)
    shares = np.empty((len(tables), n))
    for share, table in zip(shares, tables, strict=True):
        sums = np.diagonal(_pair_sums(table, weights, n))  # up to a constant
        share[:] = sums + (table[-1] - table[0] - sums.sum()) / n
    return shares.reshape(*seeds, n)


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
        ValueError: if the last axis is not :math:`2^n` long with :math:`1\le n\le 26`.

    Cost: O(n 2^n) per table, in one pass; the memory beyond the table is O(2^{n/2} n).
    """
    tables, seeds, n = _tables(game_or_values)
    flows = np.zeros((len(tables), n, n))
    if n > 1:
        weights = _weights(n, given=1)
        others = ~np.eye(n, dtype=bool)
        for flow, table in zip(flows, tables, strict=True):
            sums = _pair_sums(table, weights, n) * others
            costs = table[-1] - table[2 ** np.arange(n)]
            constants = (costs - sums.sum(axis=1)) / (n - 1)
            flow[:] = (sums + constants[:, None]) * others
    return flows.reshape(*seeds, n, n)


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
    weights, k = np.zeros(n + 1), n - given
    for size in range(1, k):
        weights[given + size] = 1 / ((k - 1) * comb(k - 2, size - 1))
    return weights


def _pair_sums(table: np.ndarray, weights: np.ndarray, n: int) -> np.ndarray:
    r"""Sums :math:`\sum_{C\ni i,j} w(|C|)\,v(C)` for all pairs, shape ``(n, n)``.

    The diagonal holds the sums over the coalitions that contain ``i``. The table is read as a
    matrix, whose row is chosen by the upper parties and whose column by the lower ones. One pass
    over blocks of rows, each folded in half once per lower party, yields all sums; nothing of the
    table's size is copied. (A matrix product in place of folding is no faster, and much slower
    where other processes keep the cores busy.)
    """
    m = n // 2
    lower, upper = membership(m).astype(np.float64), membership(n - m).astype(np.float64)
    matrix, row_sizes, column_sizes = table.reshape(2 ** (n - m), 2**m), sizes(n - m), sizes(m)
    row_sums, column_sums = np.empty(2 ** (n - m)), np.zeros(2**m)
    row_lower = np.empty((2 ** (n - m), m))  # per row, the sums over the coalitions with j
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
    crossing = row_lower.T @ upper
    return np.block(
        [
            [lower.T @ (column_sums[:, None] * lower), crossing],
            [crossing.T, upper.T @ (row_sums[:, None] * upper)],
        ]
    )
