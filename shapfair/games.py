r"""Named games and small games, as lists of exact numbers in bitmask order.

Values are passed on as they come: integers and fractions stay exact. For computing with a table see
:class:`shapfair.Game`.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import permutations
from typing import Any

from shapfair.coalitions import count_parties, members

IntegerTable = tuple[int, ...]
"""Integer values in bitmask order."""


def additive(*shares: Any) -> list[Any]:
    r"""Every coalition is worth the sum of its members' shares, one share a party.

    Cost: :math:`O(n 2^n)`.
    """
    return [sum(shares[i] for i in members(c)) for c in range(2 ** len(shares))]


def unanimity(n: int, coalition: int) -> list[int]:
    """Coalitions with all members of ``coalition`` are worth 1, others 0."""
    return [int(c & coalition == coalition) for c in range(2**n)]


def majority(n: int) -> list[int]:
    """Coalitions of more than half of the parties are worth 1, others 0."""
    return [int(2 * c.bit_count() > n) for c in range(2**n)]


def gloves(left: int, right: int) -> list[int]:
    """``left`` parties have a left glove each, then ``right`` a right one; pairs are worth 1."""
    lefts = 2**left - 1
    return [
        min((c & lefts).bit_count(), (c & ~lefts).bit_count()) for c in range(2 ** (left + right))
    ]


def is_monotone(values: Sequence[Any]) -> bool:
    r"""Whether no party's arrival makes a coalition worse, exactly.

    :meth:`shapfair.Game.monotonicity` does the same for measured tables, up to rounding.

    Raises:
        ValueError: if there are not :math:`2^n` values.

    Cost: :math:`O(n 2^n)`.
    """
    n = count_parties(len(values))
    return all(values[c] <= values[c | 1 << i] for c in range(2**n) for i in range(n))


def monotone_games(n: int, most: int) -> list[IntegerTable]:
    r"""All monotone integer games with :math:`v(\emptyset)=0` and :math:`1\le v(N)\le` ``most``.

    They are in lexicographic order. There are 718 for 3 parties and ``most`` = 3.

    Cost: the games times :math:`2^n`; their number grows with ``most`` to the power :math:`2^n`.
    """
    games: list[IntegerTable] = [(0,)]
    for c in range(1, 2**n):
        games = [
            (*v, x)
            for v in games
            for x in range(max(v[c & ~(1 << i)] for i in members(c)), most + 1)
        ]
    return [v for v in games if v[-1]]


def renamed(values: IntegerTable) -> Iterator[IntegerTable]:
    """The game with its parties in every order, once for each of the :math:`n!` orders."""
    n = count_parties(len(values))
    for order in permutations(range(n)):
        moved = (sum(1 << order[i] for i in members(c)) for c in range(2**n))
        yield tuple(values[c] for c in moved)


@cache
def small_games(n: int, most: int) -> tuple[IntegerTable, ...]:
    r"""One of the :func:`monotone_games` for all that differ by the names of the parties alone.

    They are ordered by :math:`v(N)`, then by the sum of the values, then as tables.

    Cost: :math:`n!` tables for each of the :func:`monotone_games`.
    """
    found: dict[IntegerTable, None] = {}
    for v in sorted(monotone_games(n, most), key=lambda v: (v[-1], sum(v), v)):
        if not any(other in found for other in renamed(v)):
            found[v] = None
    return tuple(found)
