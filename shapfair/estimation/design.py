r"""Which coalitions to value: a fixed random order for every size, taken from the front.

The empty coalition, every single party and the grand coalition are always valued. Of the other
sizes :math:`s` so many are taken that the sampling error of the flows is least if what is left to
estimate has the same spread in all sizes (Neyman's allocation): in proportion to
:math:`1/\sqrt{s(s-1)(n-s)}`, as a coalition adds :math:`N_s G(C)` times its value to the flows,
whose squares sum to :math:`n^2(n-1)/(s(s-1)(n-s))`. The order follows from the seed and the
parties' number alone, so a larger budget only adds coalitions to a smaller one.

J. Neyman, On the two different aspects of the representative method, Journal of the Royal
Statistical Society 97(4), 1934, 558-625.
"""

from collections.abc import Iterator
from itertools import combinations, islice
from math import comb

import numpy as np

FOLDS = 4
"""Parts into which the coalitions of a size are dealt, so that each can be held out."""

_LISTED = 20_000
"""Sizes with no more coalitions are shuffled as a whole; of others coalitions are drawn."""


def always(n: int) -> list[int]:
    """Single parties and the grand coalition, as bitmasks."""
    return list(dict.fromkeys([*(1 << i for i in range(n)), 2**n - 1]))


def least(n: int) -> int:
    """Smallest number of coalitions that allows an estimate with errors."""
    return len(always(n)) + sum(min(FOLDS, comb(n, s)) for s in range(2, n))


def order_of_size(n: int, size: int, seed: int) -> Iterator[int]:
    """All coalitions of a size as bitmasks, each once, in the order of the seed."""
    rng, total = np.random.default_rng([seed, n, size]), comb(n, size)
    if total <= _LISTED:
        every = [sum(1 << i for i in members) for members in combinations(range(n), size)]
        yield from (every[k] for k in rng.permutation(total))
        return
    seen: set[int] = set()
    while len(seen) < total:
        coalition = sum(1 << int(i) for i in rng.permutation(n)[:size])
        if coalition not in seen:
            seen.add(coalition)
            yield coalition


def allocation(n: int, evaluations: int) -> dict[int, int]:
    """How many coalitions of every size from 2 to ``n - 1`` a budget has.

    Args:
        n: number of parties.
        evaluations: coalitions in all, single parties and the grand coalition included.

    Raises:
        ValueError: if that is fewer than :func:`least`.
    """
    if evaluations < least(n):
        raise ValueError(
            f"evaluations: {evaluations}, need at least {least(n)} for {n} parties: all single "
            f"parties, the grand coalition and {FOLDS} of every other size"
        )
    most = {s: comb(n, s) for s in range(2, n)}
    share = {s: 1 / np.sqrt(s * (s - 1) * (n - s)) for s in most}
    given = {s: min(FOLDS, most[s]) for s in most}
    left = min(evaluations, 2**n - 1) - len(always(n)) - sum(given.values())
    for _ in range(left):  # one at a time, to the size that is furthest behind its share
        open_sizes = [s for s in most if given[s] < most[s]]
        chosen = min(open_sizes, key=lambda s: (given[s] + 1) / share[s])
        given[chosen] += 1
    return given


def random_design(n: int, evaluations: int, seed: int) -> list[int]:
    """The coalitions of a budget as bitmasks; those of a smaller budget are among them.

    Raises:
        ValueError: as :func:`allocation`.

    Cost: O(evaluations n); sizes with up to 20,000 coalitions are listed.
    """
    chosen = always(n)
    for size, count in allocation(n, evaluations).items():
        chosen += islice(order_of_size(n, size, seed), count)
    return chosen


def spread_design(n: int, count: int, seed: int) -> list[int]:
    """All coalitions if they are no more than ``count``, else so many of a random design."""
    if count >= 2**n - 1:
        return list(range(1, 2**n))
    return random_design(n, max(count, least(n)), seed + 1)


def paired_design(n: int, evaluations: int, seed: int) -> list[int]:
    """Single parties, all, the complements of single parties, then pairs of complements.

    Pairs are drawn by size in proportion to :math:`1/(s(n-s))`.

    Raises:
        ValueError: if the budget does not suffice for single parties and all.
    """
    if evaluations < len(always(n)):
        raise ValueError(f"evaluations: {evaluations}, need at least {len(always(n))}")
    everybody, rng = 2**n - 1, np.random.default_rng([seed, n])
    chosen = dict.fromkeys(always(n))
    chosen |= dict.fromkeys(everybody ^ 1 << int(i) for i in rng.permutation(n))
    sizes = np.arange(1, n)
    chances = 1 / (sizes * (n - sizes))
    while len(chosen) < min(evaluations, everybody):
        size = int(rng.choice(sizes, p=chances / chances.sum()))
        coalition = sum(1 << int(i) for i in rng.permutation(n)[:size])
        chosen |= dict.fromkeys([coalition, everybody ^ coalition])
    return list(chosen)[:evaluations]
