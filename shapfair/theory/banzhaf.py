r"""Banzhaf values: what the Shapley value is told apart from, where a property is missing."""

from fractions import Fraction

from shapfair.coalitions import count_parties
from shapfair.theory.exact import Table, Vector


def banzhaf_values(values: Table) -> Vector:
    r"""Mean marginal contribution of every party over all coalitions of the others.

    .. math:: 2^{1-n}\sum_{C\not\ni i} v(C\cup i) - v(C)

    They are symmetric, linear and 0 for dummies, but do not sum to :math:`v(N)`: Banzhaf, "Weighted
    voting doesn't work", Rutgers Law Review 19 (1965).

    Raises:
        ValueError: if there are not :math:`2^n` values.

    Cost: :math:`O(n 2^n)` rational operations.
    """
    n = count_parties(len(values))

    def mean(i: int) -> Fraction:
        others = (c for c in range(2**n) if not c >> i & 1)
        gains = (Fraction(values[c | 1 << i]) - Fraction(values[c]) for c in others)
        return sum(gains, Fraction(0)) / 2 ** (n - 1)

    return tuple(map(mean, range(n)))
