r"""How large :math:`\rho` may be for the :math:`\rho`-Shapley models of a game."""

import math
from dataclasses import dataclass

from shapfair.coalitions import bitmask
from shapfair.theory import exact
from shapfair.theory.exact import Table


@dataclass(frozen=True)
class RhoBounds:
    r"""The largest exponents with which nobody has cause to leave.

    With models of value :math:`m_i = (\varphi_i/\max\varphi)^\rho\,v(N)` and a monotone game,
    after Sim et al. (2020), whose bounds these are as we read them:

    Attributes:
        rational: every party has at least what it has alone, :math:`m_i\ge v(i)`, if and only if
            :math:`\rho` is no larger than this.
        stable: in every coalition somebody has at least what the coalition's model is worth,
            :math:`m_i\ge v(C)` for some :math:`i\in C`, if and only if :math:`\rho` is no larger
            than this; it is at most ``rational``.
    """

    rational: float
    stable: float


def rho_bounds(values: Table) -> RhoBounds:
    r"""Both bounds, to the last few digits of a float; ``inf`` where every exponent will do.

    Of the members of :math:`C` the one with the largest Shapley value has the best model. So the
    coalitions that decide are :math:`C_i`, all parties whose Shapley value is no larger than that
    of :math:`i`: of the coalitions in which :math:`i` has the best model they are worth most. Then

    .. math:: \min_i \frac{\log(v(C_i)/v(N))}{\log(\varphi_i/\max\varphi)}

    over the parties without the largest Shapley value is the second bound, and the first has
    :math:`v(i)` in place of :math:`v(C_i)`.

    Args:
        values: the value table of a monotone game with :math:`v(N)>0`.

    Raises:
        ValueError: if it is not that.

    Cost: O(n 2^n) rational operations.
    """
    v, n = exact.table_of(values)
    falls = any(v[c] > v[c | 1 << i] for c in range(len(v)) for i in range(n))
    if v[0] != 0 or falls or v[-1] <= 0:
        raise ValueError("values: need a monotone game with v(N) > 0, such as the hull of a table")
    phi = exact.shapley_values(v)
    below = [i for i in range(n) if phi[i] < max(phi)]
    weaker = {i: bitmask(j for j in range(n) if phi[j] <= phi[i]) for i in below}

    def largest(i: int, coalition: int) -> float:
        if v[coalition] == 0:
            return math.inf
        if phi[i] == 0 or v[coalition] == v[-1]:
            return 0.0
        return math.log(v[coalition] / v[-1]) / math.log(phi[i] / max(phi))

    return RhoBounds(
        min((largest(i, 1 << i) for i in below), default=math.inf),
        min((largest(i, weaker[i]) for i in below), default=math.inf),
    )
