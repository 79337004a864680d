"""Roles of parties in a game: dummies, symmetric and omnipotent parties, the more desirable ones.

They are the hypotheses of the paper's properties. Values are in bitmask order and compared as they
are, without tolerance. Parties are counted from 0 here and from 1 in the paper.
"""

from collections.abc import Iterator
from itertools import combinations

from shapfair.coalitions import count_parties
from shapfair.theory.exact import Table


def dummies(values: Table) -> tuple[int, ...]:
    r"""Parties that add nothing to any coalition (Section 3.1).

    :math:`v(C\cup i) = v(C)` for all :math:`C\subseteq N\setminus i`.
    """
    n = count_parties(len(values))
    return tuple(i for i in range(n) if all(values[c | 1 << i] == values[c] for c in without(n, i)))


def symmetric_pairs(values: Table) -> tuple[tuple[int, int], ...]:
    r"""Pairs :math:`i < j` that any coalition gains the same from (Section 3.1).

    :math:`v(C\cup i) = v(C\cup j)` for all :math:`C\subseteq N\setminus\{i,j\}`.
    """
    n = count_parties(len(values))
    return tuple(
        (i, j)
        for i, j in combinations(range(n), 2)
        if all(values[c | 1 << i] == values[c | 1 << j] for c in without(n, i, j))
    )


def omnipotent(values: Table) -> tuple[int, ...]:
    r"""Parties that need no other (Remark 3.11).

    :math:`v(C\cup i) = v(i)` for all :math:`C\subseteq N\setminus i`.
    """
    n = count_parties(len(values))
    return tuple(
        i for i in range(n) if all(values[c | 1 << i] == values[1 << i] for c in without(n, i))
    )


def conditional_dummies(values: Table, i: int) -> tuple[int, ...]:
    r"""Parties that add nothing to any coalition with ``i`` (Section 3.2).

    :math:`v(C\cup\{i,j\}) = v(C\cup i)` for all :math:`C\subseteq N\setminus\{i,j\}`.
    """
    n = count_parties(len(values))
    return tuple(
        j
        for j in range(n)
        if j != i
        and all(values[c | 1 << i | 1 << j] == values[c | 1 << i] for c in without(n, i, j))
    )


def conditional_symmetric_pairs(values: Table, i: int) -> tuple[tuple[int, int], ...]:
    r"""Pairs :math:`j < k` that any coalition with ``i`` gains the same from (Section 3.2).

    :math:`v(C\cup\{i,j\}) = v(C\cup\{i,k\})` for all :math:`C\subseteq N\setminus\{i,j,k\}`.
    """
    n = count_parties(len(values))
    return tuple(
        (j, k)
        for j, k in combinations(sorted(set(range(n)) - {i}), 2)
        if all(
            values[c | 1 << i | 1 << j] == values[c | 1 << i | 1 << k] for c in without(n, i, j, k)
        )
    )


def at_least_as_desirable(values: Table, i: int, j: int) -> bool:
    r"""Whether no coalition without both gains less from ``i`` than from ``j``.

    :math:`v(C\cup i)\ge v(C\cup j)` for all :math:`C\subseteq N\setminus\{i,j\}`, the desirability
    relation of cooperative game theory.
    """
    n = count_parties(len(values))
    return all(bool(values[c | 1 << i] >= values[c | 1 << j]) for c in without(n, i, j))


def without(n: int, *parties: int) -> Iterator[int]:
    """Coalitions of ``n`` parties that have none of the given ones, as bitmasks."""
    barred = sum(1 << i for i in parties)
    return (c for c in range(2**n) if not c & barred)
