r"""Worst case: what a partial table leaves open if more data never do harm.

Payoffs and flows are linear in the values. If the game is monotone, every unknown value lies
between those of its known parts and wholes, and the least and the greatest payoff of a party that
such a table allows are two linear programmes. Nothing is estimated, so nothing can be wrong but the
assumption; the bounds are sharp, each by itself.

Q. Huangfu and J. A. J. Hall, Parallelizing the dual revised simplex method, Mathematical
Programming Computation 10, 2018, 119-142 (HiGHS).
"""

from dataclasses import dataclass
from typing import get_args

import numpy as np
from jaxtyping import Float

from shapfair.coalitions import coalition_name
from shapfair.estimation.known import PartialTable
from shapfair.estimation.weights import counts, flow_terms, payoff_terms
from shapfair.extras import load
from shapfair.game import Repair
from shapfair.lattice import membership
from shapfair.rounding import NOISE, exponent

MAX_PARTIES = 12
"""Most parties of the linear programmes, which have a variable for every unknown coalition."""


@dataclass(frozen=True, eq=False)
class Bounds:
    """Least and greatest values that a monotone game with the known values can have.

    Attributes:
        payoffs: ends for every party, shape ``(2, n)``.
        flows: ends for every pair, shape ``(2, n, n)``; what ``i`` pays ``j``.
        values: ends of every coalition's value in bitmask order, shape ``(2, 2**n)``.
        warnings: what a reader of the numbers should know: how many values were raised.
    """

    payoffs: Float[np.ndarray, "2 n"]
    flows: Float[np.ndarray, "2 n n"]
    values: Float[np.ndarray, "2 coalitions"]
    warnings: tuple[str, ...] = ()


def bounds(table: PartialTable, *, repair: Repair = "none") -> Bounds:
    r"""Worst cases of a partial table by monotonicity.

    Args:
        table: the values that are known, averaged over the seeds.
        repair: ``"hull"`` raises known values that are not monotone to their monotone hull, of
            every known :math:`C` to the greatest known :math:`v(D)` with :math:`D\subseteq C`, and
            warns; ``"none"`` refuses them. Drops within rounding noise (:mod:`shapfair.rounding`)
            are raised in any case. An estimate from the same table stays with the values as given.

    Raises:
        ValueError: if ``repair`` is neither, if there are more than 12 parties, or if the known
            values are not monotone.
        MissingExtra: (an ``ImportError``) without SciPy.

    Cost: :math:`2n^2` linear programmes in the unknown values.
    """
    if repair not in get_args(Repair):
        raise ValueError(f"repair: {repair!r}, need one of {', '.join(get_args(Repair))}")
    n = table.n
    if n > MAX_PARTIES:
        raise ValueError(f"parties: {n}, bounds by monotonicity need {MAX_PARTIES} at most")
    values = np.full(2**n, np.nan)
    values[[0, *table.coalitions]] = [0.0, *table.mean]
    low, high = _ends(values, n)
    rises = np.nan_to_num(low - values)  # of coalitions that are not known none
    warnings: tuple[str, ...] = ()
    if rises.max() > NOISE * np.abs(table.mean).max():
        if repair == "none":
            _refuse(low, high, table)
        warnings = (_on_hull(rises, table),)
    low, high = _ends(np.where(np.isnan(values), values, low), n)
    members, size = membership(n)[1:], membership(n).sum(axis=1)
    weights = (1 / counts(n)[size[1:]])[:, None]
    rows = np.hstack(
        [payoff_terms(members) * weights, flow_terms(members).reshape(-1, n * n) * weights]
    ).T
    unit = np.ldexp(1.0, exponent(float(np.abs(table.mean).max())))  # HiGHS has tolerances of 1e-7
    programmes = _Programmes(low / unit, high / unit, n)
    found = unit * np.array([programmes.ends(np.append(0.0, row)) for row in rows]).T
    return Bounds(found[:, :n], found[:, n:].reshape(2, n, n), np.stack([low, high]), warnings)


def _ends(values: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Greatest known value of a part, and least of a whole; nan in ``values`` is not known."""
    low = np.where(np.isnan(values), -np.inf, values)
    high = np.where(np.isnan(values), np.inf, values)
    for i in range(n):
        lows, highs = low.reshape(-1, 2, 1 << i), high.reshape(-1, 2, 1 << i)
        np.maximum(lows[:, 0], lows[:, 1], out=lows[:, 1])
        np.minimum(highs[:, 0], highs[:, 1], out=highs[:, 0])
    return low, high


def _refuse(low: np.ndarray, high: np.ndarray, table: PartialTable) -> None:
    coalition = int(np.argmax(low - high))
    raise ValueError(
        f"values: coalition {coalition_name(coalition, table.parties)} has a part worth "
        f"{low[coalition]:g} and a whole worth {high[coalition]:g}: the known values are not "
        "monotone, no bounds follow; repair='hull' raises them to their monotone hull"
    )


def _on_hull(rises: np.ndarray, table: PartialTable) -> str:
    worst = int(np.argmax(rises))
    return (
        f"raised to the monotone hull for the worst case: {np.count_nonzero(rises)} of "
        f"{len(table.coalitions)} known values, {coalition_name(worst, table.parties)} the most, "
        f"by {rises[worst]:.4g}; the estimate is from the values as given"
    )


class _Programmes:
    """Linear programmes over all monotone tables with the known values."""

    def __init__(self, low: np.ndarray, high: np.ndarray, n: int) -> None:
        self._low, self._high, self._free = low, high, np.flatnonzero(low < high)
        index = np.full(2**n, -1)
        index[self._free] = np.arange(len(self._free))
        bits = 1 << np.arange(n)
        small = np.repeat(self._free, n)
        large = small | np.tile(bits, len(self._free))
        # Edges between unknown coalitions; with known ones the ends say it already.
        edges = (small != large) & (index[large] >= 0)
        rows = np.arange(edges.sum())
        sparse = load("scipy.sparse")
        shape = (len(rows), len(self._free))
        ones = np.ones(len(rows))
        self._edges = sparse.csr_array((ones, (rows, index[small[edges]])), shape=shape)
        self._edges -= sparse.csr_array((ones, (rows, index[large[edges]])), shape=shape)

    def ends(self, weights: np.ndarray) -> tuple[float, float]:
        """Least and greatest weighted sum of values."""
        fixed = np.where(self._low < self._high, 0.0, self._low)
        known, costs = float(weights @ fixed), weights[self._free]
        return known + self._least(costs), known - self._least(-costs)

    def _least(self, costs: np.ndarray) -> float:
        if not costs.any():
            return 0.0
        result = load("scipy.optimize").linprog(
            costs,
            A_ub=self._edges,
            b_ub=np.zeros(self._edges.shape[0]),
            bounds=np.stack([self._low[self._free], self._high[self._free]], axis=1),
            method="highs",
        )
        if result.status != 0:
            raise RuntimeError(f"HiGHS: {result.message}")
        return float(result.fun)
