r"""Stability: which coalitions would do better on their own (beyond the paper).

A model can be copied. So a coalition :math:`S` that leaves has a model of value :math:`v(S)` for
each of its members, who may pay one another within their budgets. With :math:`T_i` for what party
:math:`i` has in the consortium, model value plus payoff, all of them can have :math:`g` more if

.. math:: \sum_{i\in S}\min(v(S) - g,\ T_i + b_i) \ge \sum_{i\in S} T_i,

because member :math:`i` can hand on what exceeds :math:`T_i + g`, but not more than :math:`b_i`.
The largest such :math:`g` is what the coalition *gains by leaving*; it *blocks* if :math:`g > 0`.

.. math:: g(S) = v(S) - h(S), \qquad h(S) = \max_{\emptyset\ne R\subseteq S}
    \frac1{|R|}\Big(\sum_{i\in R} T_i - \sum_{i\in S\setminus R} b_i\Big).

With unlimited budgets :math:`h(S)` is the mean of its members' :math:`T_i = n\varphi_i`, so
:math:`S` blocks if and only if :math:`n\sum_{i\in S}\varphi_i < |S|\,v(S)`. With zero budgets it is
the largest of them: every member must have less than :math:`v(S)`. The grand coalition never
blocks an allocation of :func:`shapfair.allocation.allocate` if no flow is negative and nobody
desires less than the best model; it is left out here. NumPy alone; exact twins are in
:mod:`shapfair.theory.stability`.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from shapfair.coalitions import count_parties
from shapfair.lattice import sizes
from shapfair.rounding import TOLERANCE, exponent, magnitude


@dataclass(frozen=True, eq=False)
class Leaving:
    r"""What every coalition gains by leaving, over the tables of a game.

    Attributes:
        gains: mean over the tables of :math:`g(S)`, what each member would have more, in units of
            payoff and bitmask order, shape ``(2**n,)``; 0 for nobody and for everybody.
        errors: standard errors of the means, shape ``(2**n,)``; ``nan`` for a single table.
        tables: number of tables in which each coalition gains, shape ``(2**n,)``.
        seeds: number of tables.
        noise: gains up to this size are rounding, in units of payoff.
    """

    gains: Float[np.ndarray, " coalitions"]
    errors: Float[np.ndarray, " coalitions"]
    tables: Int[np.ndarray, " coalitions"]
    seeds: int
    noise: float

    @property
    def blocking(self) -> Int[np.ndarray, " blocking"]:
        """Coalitions that gain on average, the largest gain first; of equals the smaller bitmask.

        Gains are equal if rounding may have made their difference.

        Cost: a sort of those that gain.
        """
        found = np.flatnonzero(self.gains > self.noise)
        return found[np.argsort(-np.rint(self.gains[found] / self.noise), kind="stable")]

    def margins(self, level: float = 0.95) -> Float[np.ndarray, " coalitions"]:
        r"""Half widths of confidence intervals of all gains, which cover together.

        Student's intervals over the tables with Bonferroni's correction for the :math:`2^n - 2`
        coalitions that can leave, since it is the largest gain that one looks at. They show how
        tables differ by seed, not what the finite test set does to all of them (see
        :func:`shapfair.noise.gain_weights`).

        Args:
            level: joint confidence level, between 0 and 1.

        Returns:
            Half widths in units of payoff, shape ``(2**n,)``; ``nan`` for a single table.

        Raises:
            ValueError: if the level is not between 0 and 1.
        """
        if not 0 < level < 1:
            raise ValueError(f"level: {level}, need a number between 0 and 1")
        if self.seeds == 1:
            return self.errors
        tail = (1 - level) / (2 * max(len(self.gains) - 2, 1))
        return student_quantile(self.seeds - 1, tail) * self.errors


def leaving(
    values: ArrayLike, totals: ArrayLike, budgets: float | int | ArrayLike = math.inf
) -> Leaving:
    r"""What every coalition gains by leaving a consortium in which parties have given totals.

    Args:
        values: value tables in units of payoff, shape ``(2**n,)`` or ``(seeds, 2**n)``.
        totals: :math:`T_i` of every party under every table, model value plus payoff in the same
            unit, shape ``(n,)`` or ``(seeds, n)``.
        budgets: :math:`b_i\ge 0`, one for all parties or one per party; ``inf`` is unlimited.

    Raises:
        ValueError: if there are not :math:`2^n` finite values per table, one finite total per party
            and table, and one nonnegative budget per party.

    Cost: O(n 2^n) per table, less with unlimited budgets, and memory of a few tables; half a second
    for n = 20.
    """
    v = np.atleast_2d(np.asarray(values, np.float64))
    t = np.atleast_2d(np.asarray(totals, np.float64))
    n = count_parties(v.shape[-1])
    if v.ndim != 2 or t.shape != (len(v), n):
        raise ValueError(f"totals: shape {t.shape} for tables {v.shape}, need one a party")
    if not (np.isfinite(v).all() and np.isfinite(t).all()):
        raise ValueError("values and totals: need finite numbers")
    b = np.asarray(budgets, np.float64)
    if b.shape not in ((), (n,)) or not (b >= 0).all():
        raise ValueError(f"budgets: need one number >= 0, or {n} of them")
    largest = float(magnitude(v).max())
    power = exponent(largest)  # so that neither sums nor squares leave float64's range
    mean, squares, count = np.zeros(2**n), np.zeros(2**n), np.zeros(2**n, np.int64)
    noise = TOLERANCE * float(np.ldexp(largest, -power))
    for k in range(len(v)):
        table, total, budget = (np.ldexp(x, -power) for x in (v[k], t[k], b))
        gains = table - needed_values(total, budget)
        gains[[0, -1]] = 0.0  # nobody to leave, and nobody to leave behind
        count += gains > noise
        step = gains - mean
        mean += step / (k + 1)
        squares += step * (gains - mean)
    errors = np.full(2**n, np.nan)
    if len(v) > 1:
        errors = np.sqrt(squares / (len(v) - 1) / len(v))
    mean, errors = np.ldexp(mean, power), np.ldexp(errors, power)
    least = float(np.finfo(np.float64).smallest_subnormal)
    return Leaving(mean, errors, count, len(v), max(TOLERANCE * largest, least))


def needed_values(
    totals: Float[np.ndarray, " parties"], budgets: float | int | ArrayLike = math.inf
) -> Float[np.ndarray, " coalitions"]:
    r"""Value :math:`h(S)` that its own model must have for a coalition to lose nothing by leaving.

    The largest :math:`R` in the formula above spares those who run out of money first, the members
    with the smallest :math:`T_i + b_i`; so one pass per party decides.

    Args:
        totals: :math:`T_i`, shape ``(n,)``.
        budgets: :math:`b_i\ge 0`, one for all or one per party.

    Returns:
        Values in the unit of the totals, in bitmask order, shape ``(2**n,)``; 0 for nobody.

    Cost: O(n 2^n), or O(2^n) with unlimited budgets.
    """
    n = len(totals)
    funds = totals + np.broadcast_to(np.asarray(budgets, np.float64), n)
    owed, payers = np.zeros(2**n), sizes(n).astype(np.float64)
    for i in range(n):
        np.add(owed[: 2**i], totals[i], out=owed[2**i : 2 ** (i + 1)])
    needed = np.zeros(2**n)
    np.divide(owed, payers, out=needed, where=payers > 0)
    for i in np.argsort(funds, kind="stable").tolist():
        if funds[i] >= totals.max():
            break  # nobody needs more than the largest total, so no budget binds from here on
        with_i = [x.reshape(-1, 2, 1 << i)[:, 1] for x in (owed, payers, needed)]
        with_i[0] -= funds[i]
        with_i[1] -= 1
        rest = np.full_like(with_i[0], -np.inf)
        np.divide(with_i[0], with_i[1], out=rest, where=with_i[1] > 0)
        np.maximum(with_i[2], rest, out=with_i[2])
    return needed


def student_quantile(df: int, tail: float) -> float:
    r"""The point that Student's distribution exceeds with a given probability, without SciPy.

    For whole degrees of freedom the distribution of :math:`\theta = \arctan(t/\sqrt{df})` is a
    finite sum of powers of :math:`\cos\theta` (M. Abramowitz and I. Stegun, Handbook of
    Mathematical Functions, 1964, 26.7.3 and 26.7.4), which is inverted by bisection.

    Args:
        df: degrees of freedom, at least 1.
        tail: the probability, from 1e-12 to 1/2.

    Cost: O(df).
    """
    low, high = 0.0, math.pi / 2
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (middle, high) if _upper_tail(df, middle) > tail else (low, middle)
    return math.tan(low) * math.sqrt(df)


def _upper_tail(df: int, angle: float) -> float:
    """Probability that a variable of Student's distribution exceeds ``sqrt(df) tan(angle)``."""
    odd = df % 2
    term, total = (math.cos(angle) if odd else 1.0), 0.0
    for k in range(2 + odd, df + 2, 2):
        total += term
        term *= (k - 1) / k * math.cos(angle) ** 2
    inner = math.sin(angle) * total
    return (1 - (2 / math.pi * (angle + inner) if odd else inner)) / 2
