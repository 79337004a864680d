"""Coalitions as bitmasks: the one place that knows their order.

Bit ``i`` of a bitmask is party ``i``; a value table is indexed by bitmask, so index 0 is the empty
coalition and the last index is the grand coalition :math:`N`.
"""

from collections.abc import Iterable, Sequence

from shapfair import memory

MAX_PARTIES = 26
"""Largest number of parties; a table of 2**26 values takes 0.5 GiB."""


def count_parties(coalitions: int) -> int:
    r"""Number of parties of a table with ``coalitions`` = :math:`2^n` entries.

    Raises:
        ValueError: if the length is not :math:`2^n` with :math:`1\le n\le 26`. Beyond 26 parties
            the message tells the memory that the table would need.
    """
    n = coalitions.bit_length() - 1
    if n < 1 or coalitions != 2**n:
        raise ValueError(
            f"values: {coalitions} coalition values, need 2**n of them with n >= 1 parties "
            "(every coalition once, the empty one included)"
        )
    check_party_count(n)
    return n


def check_party_count(n: int, where: str = "parties") -> None:
    """Refuse more parties than an exact table can hold.

    Args:
        n: number of parties.
        where: what the message begins with, such as the name of a file.

    Raises:
        ValueError: if ``n`` exceeds :data:`MAX_PARTIES`; the message gives the memory needed.
    """
    if n > MAX_PARTIES:
        # For the caller's float64 table and the game's own copy.
        need = f"about {2 * 8 * 2**n // 2**30:,} GiB" if n < 60 else "more memory than there is"
        raise ValueError(
            f"{where}: n = {n:,} parties need {need} for exact values, the limit is "
            f"{MAX_PARTIES} parties: merge parties with similar data, or estimate the "
            "flows from some coalitions (shapfair.estimate)"
        )


def check_memory(n: int, tables: int = 1, copies: int = 1, where: str = "parties") -> None:
    """Refuse tables of float64 that do not fit into the memory that there is.

    Args:
        n: number of parties.
        tables: number of tables.
        copies: how often each is held at once, or what else its making takes.
        where: what the message begins with.

    Raises:
        ValueError: naming ``n``, what is needed and what there is.
    """
    several = f", {tables:,} tables" if tables > 1 else ""
    memory.check(
        copies * 8 * tables * 2**n,
        f"{where}: n = {n} parties{several}",
        "take a machine with more, or merge parties with similar data",
    )


def members(coalition: int) -> tuple[int, ...]:
    """Parties of a coalition in ascending order."""
    return tuple(i for i in range(coalition.bit_length()) if coalition >> i & 1)


def bitmask(parties: Iterable[int]) -> int:
    """Bitmask of a set of parties; the inverse of :func:`members`."""
    return sum(1 << i for i in set(parties))


def coalition_name(coalition: int, parties: Sequence[str]) -> str:
    """Readable name of a coalition, such as ``{[0], [1-2]}``."""
    return "{" + ", ".join(parties[i] for i in members(coalition)) + "}"
