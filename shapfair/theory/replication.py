r"""Replication: one party's data joins several times, as if it were several parties (Appendix D).

The total payoff of a party and its :math:`K` copies is :math:`T_K`. It depends on the game only
through two nondecreasing sequences: the mean value of the coalitions of :math:`c` other parties,
without the party and with it. Every such pair of sequences, hence every monotone game as far as
replication goes, is a nonnegative combination of *threshold games* :math:`v_{t,s}`, which makes
"one copy does not pay, so many copies do not pay" a finite, exact question for every :math:`n`
and :math:`K`: see :func:`failure`. Its answer for all of them is :func:`failing_copies`.

Everything is exact: values are integers, fractions or floats (which are fractions too), in bitmask
order. Parties count from 0.
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from math import comb, gcd, perm
from typing import Any

from shapfair.coalitions import count_parties
from shapfair.theory.exact import Table, Vector
from shapfair.theory.flints import fmpz_poly

Layers = tuple[tuple[Fraction, int, int], ...]
"""Weights and thresholds ``(weight, t, s)`` of a nonnegative combination of threshold games."""


def replicate(values: Table, party: int, copies: int = 1) -> list[Any]:
    r"""Value table of :math:`v^+`: ``party`` joins with ``copies`` more copies, Equation (14).

    A coalition with the party, a copy or several of them is worth what it is worth with the party.
    The copies are the last parties. Values are passed on untouched, whatever their type.

    Raises:
        ValueError: if there are not :math:`2^n` values, there is no such party, or ``copies`` is
            negative.

    Cost: :math:`2^{n+K}` values.
    """
    n = _check(values, party, copies)
    count_parties(2 ** (n + copies))  # refuses what no memory can hold
    own, old = 1 << party, 2**n - 1
    return [values[c & old | (own if c > old else 0)] for c in range(2 ** (n + copies))]


def total_payoff(values: Table, party: int, copies: int) -> Fraction:
    r"""Payoff :math:`T_K` of ``party`` and its :math:`K` copies together.

    .. math:: T_K = (K+1)\Big(\sum_{c=0}^{n-1} \binom{n-1}{c}\binom{n+K-1}{c}^{-1}\mu_c
              - v(N)\Big)

    with the mean marginal contributions :math:`\mu_c` of :func:`mean_marginals`; (18) is
    :math:`K = 1`. The game with the copies is not built.

    Raises:
        ValueError: as :func:`replicate`.

    Cost: O(2^n) rational operations, whatever the number of copies.
    """
    n, k = _check(values, party, copies), copies
    shares = (
        mu * Fraction(comb(n - 1, c), comb(n + k - 1, c))
        for c, mu in enumerate(mean_marginals(values, party))
    )
    return (k + 1) * (sum(shares, Fraction(0)) - Fraction(values[-1]))


def condition_19(values: Table, party: int) -> tuple[Fraction, Fraction]:
    r"""Both sides of Equation (19): one copy does not pay if the first is at most the second.

    The left side is :math:`n\varphi_i - \sum_C \frac{2|C|}{n}\binom{n-1}{|C|}^{-1}\Delta_v(i|C)`,
    term by term, the right side :math:`v(N)`. Their difference is :math:`T_1 - T_0`.

    Raises:
        ValueError: as :func:`replicate`.
    """
    n, own = _check(values, party, 1), 1 << party
    left = Fraction(0)
    for c in range(2**n):
        if not c & own:
            size = c.bit_count()
            gain = Fraction(values[c | own]) - Fraction(values[c])
            left += (1 - Fraction(2 * size, n)) * gain / comb(n - 1, size)
    return left, Fraction(values[-1])


def averages(values: Table, party: int) -> tuple[Vector, Vector]:
    r"""Mean values :math:`a_c` and :math:`b_c` of the coalitions of ``c`` other parties.

    The first is without ``party``, the second with it, for :math:`c = 0, \dots, n-1`. Of a
    monotone game both are nondecreasing and :math:`a_c\le b_c`.

    Raises:
        ValueError: as :func:`replicate`.
    """
    n, own = _check(values, party, 1), 1 << party
    sums = [[Fraction(0)] * n, [Fraction(0)] * n]
    for c in range(2**n):
        sums[c >> party & 1][(c & ~own).bit_count()] += Fraction(values[c])
    without, joined = (tuple(x / comb(n - 1, c) for c, x in enumerate(row)) for row in sums)
    return without, joined


def mean_marginals(values: Table, party: int) -> Vector:
    r"""Mean marginal contribution :math:`\mu_c = b_c - a_c` to coalitions of ``c`` parties.

    :math:`n\varphi_i = \sum_c\mu_c`.
    """
    without, joined = averages(values, party)
    return tuple(b - a for a, b in zip(without, joined, strict=True))


def rays(n: int) -> list[tuple[int, int]]:
    """The thresholds ``(t, s)`` of all threshold games with ``n`` parties."""
    return [(t, s) for t in range(n) for s in range(max(t, 1), n + 1)]


def ray_game(n: int, t: int, s: int, party: int = 0) -> list[int]:
    r"""Value table of the threshold game :math:`v_{t,s}`.

    A coalition is worth 1 if it has ``party`` and at least ``t`` others, or at least ``s`` others;
    else 0. ``s = n`` cannot be reached: then nothing works without the party.

    Raises:
        ValueError: if not :math:`0\le t\le s\le n`, :math:`t < n`, :math:`s\ge 1`, or there is no
            such party.
    """
    if (t, s) not in rays(n) or not 0 <= party < n:
        raise ValueError(f"n = {n}, t = {t}, s = {s}, party {party}: not a threshold game")
    own = 1 << party
    return [int((c & ~own).bit_count() >= (t if c & own else s)) for c in range(2**n)]


def ray_total(n: int, t: int, s: int, copies: int) -> Fraction:
    r"""Total payoff :math:`T_K(v_{t,s}) = (n+K)(R(t) - R(s)) - (K+1)`.

    Here :math:`R(x) = \binom{n-1}{x}\binom{n+K}{x}^{-1}`. The sum of :func:`total_payoff`
    telescopes, since :math:`R(c) - R(c+1)` is :math:`(K+1)/(n+K)` times its term.
    """
    at_t, at_s = (Fraction(comb(n - 1, x), comb(n + copies, x)) for x in (t, s))
    return (n + copies) * (at_t - at_s) - (copies + 1)


def layers(values: Table, party: int) -> Layers:
    r"""A monotone game as a nonnegative combination of threshold games, as far as ``party`` goes.

    The layer cake: for every level :math:`\ell` that some average takes, the coalition sizes at
    which the averages reach :math:`\ell` are two thresholds :math:`t\le s`, and the weight is the
    distance from :math:`\ell` to the level below.

    Raises:
        ValueError: as :func:`replicate`, and if the averages are not those of a monotone game with
            :math:`v(\emptyset) = 0`.
    """
    without, joined = averages(values, party)
    n = len(joined)
    steps = [*pairwise(without), *pairwise(joined)]
    if without[0] != 0 or any(x > y for x, y in [*steps, *zip(without, joined, strict=True)]):
        raise ValueError("values: not monotone from v(empty) = 0, even on average")
    cake, below = [], Fraction(0)
    for level in sorted({*without, *joined} - {Fraction(0)}):
        t = next(c for c in range(n) if joined[c] >= level)
        s = next((c for c in range(n) if without[c] >= level), n)
        cake.append((level - below, t, s))
        below = level
    return tuple(cake)


def combine(n: int, parts: Sequence[tuple[Any, int, int]], party: int = 0) -> list[Fraction]:
    """Value table of a combination of threshold games; undoes :func:`layers` on average."""
    games = [(Fraction(weight), ray_game(n, t, s, party)) for weight, t, s in parts]
    return [sum((w * game[c] for w, game in games), Fraction(0)) for c in range(2**n)]


def failure(n: int, copies: int) -> Layers | None:
    r"""A monotone game in which one copy does not pay but :math:`K` copies do, if there is any.

    With :math:`x = T_1 - T_0` and :math:`y = T_K - T_0`, the points :math:`(x, y)` of all monotone
    games are the cone of those of the threshold games. So ":math:`x\le 0` implies :math:`y\le 0`"
    holds if and only if no threshold game has :math:`x\le 0 < y` and no two have :math:`x < 0 < x'`
    and :math:`y'/x' > y/x`.

    Returns:
        ``None`` if :math:`T_1\le T_0` implies :math:`T_K\le T_0` in every monotone game with ``n``
        parties, else integer weights of threshold games for :func:`combine`; in that game
        :math:`T_1\le T_0 < T_K` for party 0.

    Raises:
        ValueError: if ``n`` < 2 or ``copies`` < 1.

    Cost: O(n^2) rational operations.
    """
    if n < 2 or copies < 1:
        raise ValueError(f"n = {n}, copies = {copies}: need two parties and one copy")
    points = [(_gain(n, t, s, 1), _gain(n, t, s, copies), t, s) for t, s in rays(n)]
    for x, y, t, s in points:
        if x <= 0 < y:
            return ((Fraction(1), t, s),)
    gains = [p for p in points if p[0] > 0]
    losses = [p for p in points if p[0] < 0]
    if not gains:  # n = 2
        return None
    x, y, t, s = max(gains, key=lambda p: p[1] / p[0])
    x_, y_, t_, s_ = min(losses, key=lambda p: p[1] / p[0])
    if y / x <= y_ / x_:
        return None
    first, second = int(-n * x_), int(n * x)  # n x is an integer, see `_gain`
    common = gcd(first, second)
    return (Fraction(first // common), t, s), (Fraction(second // common), t_, s_)


def holds(n: int, copies: int) -> bool:
    r"""Whether :math:`T_1\le T_0` implies :math:`T_K\le T_0` in every monotone game; exact."""
    return failure(n, copies) is None


def certificate_polynomials(n: int, start: int) -> list[tuple[int, ...]]:
    r"""Polynomials that prove ":math:`T_1\le T_0` implies :math:`T_K\le T_0`" for all large K.

    The multiplier :math:`\theta = nK/(n+K-1)` proves the implication if :math:`y\le\theta x` in
    every threshold game; from three parties on it is the smallest that can. For each game, in the
    order of :func:`rays`, these are the coefficients of
    :math:`(K+1)(K+2)\cdots(K+n-1)\,(\theta x - y)`, a polynomial of integers, in powers of
    :math:`u` where :math:`K = \text{start} + u`. If none is negative, the implication holds for
    every :math:`K\ge\text{start}`.

    Raises:
        ValueError: if ``n`` < 2 or ``start`` < 1.
    """
    if n < 2 or start < 1:
        raise ValueError(f"n = {n}, start = {start}: need two parties and one copy")
    rising = [fmpz_poly([1])]  # (K+1)(K+2)...(K+m), m = 0, ..., n
    for m in range(1, n + 1):
        rising.append(rising[-1] * fmpz_poly([start + m, 1]))
    k, scale = fmpz_poly([start, 1]), rising[n - 1]

    def scaled(x: int) -> fmpz_poly:  # scale (n + K) R(x)
        return perm(n - 1, x) * rising[n - x]

    polynomials = []
    for t, s in rays(n):
        y = scaled(t) - scaled(s) - scale * (k + 1) - scale * (s - t - 1)
        nx = (s - t) * (n + 1 - s - t) - n
        polynomials.append(tuple(map(int, (rising[n - 2] * k * nx - y).coeffs())))
    return polynomials


def proved_from(n: int, start: int) -> bool:
    r"""Whether :func:`certificate_polynomials` prove the implication for all K >= ``start``."""
    return all(a >= 0 for coefficients in certificate_polynomials(n, start) for a in coefficients)


def failing_copies(n: int) -> list[int]:
    r"""All numbers of copies K for which the implication of :func:`failure` is false.

    Theorem (chapter 8): they are :math:`2\le K\le\lfloor(n-2)^2/4\rfloor - 2` for seven parties or
    more, and none for fewer.

    Raises:
        ValueError: if ``n`` < 2.
    """
    if n < 2:
        raise ValueError(f"n = {n}: need two parties")
    return [*range(2, (n - 2) ** 2 // 4 - 1)] if n > 6 else []


def _gain(n: int, t: int, s: int, copies: int) -> Fraction:
    """``T_K - T_0`` of a threshold game; for one copy ``((s-t)(n+1-s-t) - n)/n``."""
    return ray_total(n, t, s, copies) - ray_total(n, t, s, 0)


def _check(values: Table, party: int, copies: int) -> int:
    """Check the arguments and count the parties."""
    n = count_parties(len(values))
    if not 0 <= party < n:
        raise ValueError(f"party {party}: there are {n} parties, counted from 0")
    if copies < 0:
        raise ValueError(f"copies: {copies}, cannot be negative")
    return n
