r"""Rules that are linear, symmetric and balanced: can printed payoffs come from one?

With linearity, symmetry and balance, and without the dummy axiom, Lemma 3.1 leaves :math:`n-1`
degrees of freedom (:mod:`shapfair.theory.uniqueness`). They are these: with :math:`d_{is}` for the
mean value of the coalitions of size :math:`s` with party :math:`i` minus that of those without,

.. math:: p_i(v) = \sum_{s=1}^{n-1} t_s\,d_{is}(v)

for weights :math:`t_1,\dots,t_{n-1}` that do not depend on the game; Equation (1) has
:math:`t_s = 1`. So payoffs of two games with as many parties by one rule satisfy linear equations,
whatever the rule is, and a linear programme says how far printed ones are from that.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from shapfair.coalitions import count_parties
from shapfair.extras import load
from shapfair.lattice import membership, sizes

optimize = load("scipy.optimize")


@dataclass(frozen=True, eq=False)
class LinearFit:
    r"""The rule that is nearest to printed payoffs.

    Attributes:
        miss: how many units the worst payoff is off under the nearest rule; a unit is what each
            payoff may be off.
        weights: the nearest rule's :math:`t_s`, for sizes 1 to ``n - 1``.
        multipliers: a proof that no rule is nearer, one number :math:`y` for each payoff: the sum
            of :math:`y d` is 0 for every size, so every rule gives :math:`\sum y p = 0`; the
            printed ones give ``miss``, and :math:`\sum |y| u = 1` for the units :math:`u`.
    """

    miss: float
    weights: Float[np.ndarray, " sizes"]
    multipliers: Float[np.ndarray, " payoffs"]


def payoffs_by_size(values: ArrayLike) -> Float[np.ndarray, "parties sizes"]:
    r"""The :math:`d_{is}` of a game; rows sum to the payoffs of Equation (1).

    Args:
        values: the value table of two or more parties, shape ``(2**n,)``.

    Returns:
        In units of value, shape ``(n, n - 1)``.

    Raises:
        ValueError: if it is not that.

    Cost: O(n^2 2^n).
    """
    v = np.asarray(values, dtype=np.float64)
    n = count_parties(v.shape[-1] if v.ndim == 1 else 0)
    if n < 2:
        raise ValueError("values: one party, there is nobody to pay")
    size, member = sizes(n), membership(n).astype(bool)
    return np.array(
        [
            [v[(size == s) & held].mean() - v[(size == s) & ~held].mean() for s in range(1, n)]
            for held in member.T
        ]
    )


def nearest_linear_rule(
    parts: Sequence[Float[np.ndarray, "_ _"]],
    printed: Sequence[Sequence[float] | Float[np.ndarray, " _"]],
    units: Sequence[float],
) -> LinearFit:
    r"""The linear, symmetric, balanced rule nearest to payoffs printed for some games (HiGHS).

    .. math:: \min_{t,\,z}\; z \quad\text{such that}\quad
        \Big|\sum_s t_s d_{is} - p_i\Big|\le z\,u \quad\text{for all parties of all games}

    Args:
        parts: :func:`payoffs_by_size` of every game, all with the same number of parties.
        printed: the payoffs :math:`p_i` of every game.
        units: for every game the :math:`u` that its payoffs may be off, such as half a unit of
            their last digit if they are rounded.

    Raises:
        ValueError: if the shapes do not fit, or a unit is not positive.
        ArithmeticError: if HiGHS finds no solution.
    """
    if len({d.shape for d in parts}) != 1 or not len(parts) == len(printed) == len(units):
        raise ValueError("parts: need one matrix, one printed vector and one unit for every game")
    vectors = [np.asarray(p, dtype=np.float64) for p in printed]
    if any(p.shape != d.shape[:1] for p, d in zip(vectors, parts, strict=True)) or min(units) <= 0:
        raise ValueError("printed: need one payoff for every party, and units above 0")
    rows, payoffs = np.vstack(parts), np.concatenate(vectors)
    unit = np.repeat(np.asarray(units, float), [len(d) for d in parts])
    rows, payoffs = rows / unit[:, None], payoffs / unit
    ones = np.ones((len(rows), 1))
    result = optimize.linprog(
        [*[0.0] * rows.shape[1], 1.0],
        A_ub=np.block([[rows, -ones], [-rows, -ones]]),
        b_ub=np.concatenate([payoffs, -payoffs]),
        bounds=(None, None),
    )
    if result.status != 0:
        raise ArithmeticError(f"HiGHS: {result.message}")
    above, below = np.split(-result.ineqlin.marginals, 2)
    return LinearFit(float(result.fun), result.x[:-1], (below - above) / unit)
