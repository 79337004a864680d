r"""Stability in exact arithmetic: which coalitions would do better on their own (beyond the paper).

A model can be copied, so a coalition :math:`S` that leaves has a model of value :math:`v(S)` for
every member. What members have is measured by their *totals* :math:`T_i`, model value plus payoff;
with unlimited budgets :math:`T_i = n\varphi_i`. Three readings of "could do better" are here:

- :func:`gains`: members share the model and pay one another within their budgets, which is the
  reading of :mod:`shapfair.stability`; with unlimited budgets the coalition blocks if and only if
  :math:`n\sum_{i\in S}\varphi_i < |S|\,v(S)`, see :func:`deficits`;
- the same without payments, ``gains(values, totals, 0)``: every member has less than
  :math:`v(S)`;
- :func:`better_off_in_the_scheme`: they run the paper's scheme among themselves.

The first is the *club game* :math:`w(S) = |S|\,v(S)`. If all have :math:`v(N)` and nobody pays,
nobody blocks, so its core is never empty where no coalition is worth more than :math:`v(N)`; the
fair totals need not be in it. They are if :math:`v\ge0` is supermodular: :math:`\varphi` is then in
the core of :math:`v` (Shapley 1971), so :math:`n\sum_S\varphi_i\ge n\,v(S)\ge|S|\,v(S)`.

Values are integers, fractions or floats (which are fractions too), in bitmask order. Parties count
from 0.
"""

from fractions import Fraction
from math import inf
from typing import Any

from shapfair.coalitions import bitmask, count_parties, members
from shapfair.theory import exact
from shapfair.theory.axioms.verdict import Verdict, coalition, first_failure, text
from shapfair.theory.exact import Table, Vector


def totals(values: Table, budgets: Any = inf) -> Vector:
    r"""Model value plus payoff of every party, :math:`T_i = m_i + p_i`.

    With unlimited budgets it is :math:`n\varphi_i`.

    Args:
        values: the value table.
        budgets: :math:`b_i\ge 0`, one for all parties or one per party.

    Raises:
        ValueError: as :func:`shapfair.theory.exact.allocate`.

    Cost: that of an exact allocation; of Shapley values with unlimited budgets.
    """
    n = count_parties(len(values))
    if all(b == inf for b in exact.amounts_of("budgets", budgets, n)):
        return tuple(n * share for share in exact.shapley_values(values))
    allocation = exact.allocate(values, budgets)
    return tuple(
        model + payoff
        for model, payoff in zip(allocation.model_values, allocation.payoffs, strict=True)
    )


def deficits(values: Table, given: Table) -> Vector:
    r"""What every coalition has too little, :math:`|S|\,v(S) - \sum_{i\in S} T_i`.

    Since :math:`\sum_S T_i = |S|\,v(N) + \sum_S p_i` with unlimited budgets, a deficit is what the
    coalition pays to the others, :math:`-\sum_S p_i`, beyond what their data are worth to it,
    :math:`|S|(v(N) - v(S))`.

    Args:
        values: the value table.
        given: the totals :math:`T_i`, one per party.

    Returns:
        One deficit per coalition in bitmask order, in units of value; 0 for nobody.

    Raises:
        ValueError: if there are not :math:`2^n` values and ``n`` totals.

    Cost: O(n 2^n) rational operations.
    """
    v, t = _arguments(values, given)
    return tuple(
        s.bit_count() * x - sum((t[i] for i in members(s)), Fraction(0)) for s, x in enumerate(v)
    )


def gains(values: Table, given: Table, budgets: Any = inf) -> Vector:
    r"""What each member of a coalition could have more if the coalition left, :math:`g(S)`.

    The largest :math:`g` for which members with a model of value :math:`v(S)` each can pay one
    another, nobody more than its budget, so that member :math:`i` has :math:`T_i + g`; see
    :mod:`shapfair.stability` for the formula. With unlimited budgets it is the deficit of
    :func:`deficits` by :math:`|S|`, with zero budgets :math:`v(S) - \max_S T_i`.

    Args:
        values: the value table.
        given: the totals :math:`T_i`, one per party.
        budgets: :math:`b_i\ge 0`, one for all parties or one per party.

    Returns:
        One gain per coalition in bitmask order, in units of value; 0 for nobody.

    Raises:
        ValueError: if there are not :math:`2^n` values, ``n`` totals and nonnegative budgets.

    Cost: O(n^2 2^n) rational operations.
    """
    v, t = _arguments(values, given)
    b = exact.amounts_of("budgets", budgets, len(t))
    by_funds = sorted(range(len(t)), key=lambda i: t[i] + b[i])
    found = [Fraction(0)]
    for s in range(1, len(v)):
        inside = [i for i in by_funds if s >> i & 1]
        owed, needed = sum((t[i] for i in inside), Fraction(0)), []
        for k, i in enumerate(inside):
            needed.append(owed / (len(inside) - k))
            if b[i] == inf:
                break
            owed -= t[i] + Fraction(b[i])
        found.append(v[s] - max(needed))
    return tuple(found)


def blocking(values: Table, given: Table, budgets: Any = inf) -> dict[int, Fraction]:
    r"""Coalitions that gain by leaving, and what each member gains; ``N`` is no such coalition.

    Arguments, errors and cost are those of :func:`gains`.
    """
    found = gains(values, given, budgets)
    return {s: gain for s, gain in enumerate(found[:-1]) if gain > 0}


def is_stable(values: Table, budgets: Any = inf) -> Verdict:
    r"""Whether no coalition gains by leaving the paper's scheme; the witness gains most.

    Arguments and errors are those of :func:`totals` and :func:`gains`.
    """
    found = blocking(values, totals(values, budgets), budgets)
    worst = sorted(found, key=lambda s: (-found[s], s))
    return first_failure(
        f"{coalition(s)} could have {text(found[s])} more each without the others" for s in worst
    )


def better_off_in_the_scheme(values: Table, budgets: Any = inf) -> tuple[int, ...]:
    r"""Coalitions whose members could run the scheme without the others, and none would mind.

    All have as much as before and some have more, with the same budgets and the game of their own
    coalitions. Then sharing a model of value :math:`v(S)` among them is as good, so the gain of
    :func:`gains` is not negative.

    Raises:
        ValueError: as :func:`totals`.

    Cost: an exact allocation for every coalition.
    """
    before, n = totals(values, budgets), count_parties(len(values))
    b = exact.amounts_of("budgets", budgets, n)
    found = []
    for s in range(1, 2**n - 1):
        inside = members(s)
        old = [before[i] for i in inside]
        new = list(totals(restricted(values, s), [b[i] for i in inside]))
        if new != old and all(x >= y for x, y in zip(new, old, strict=True)):
            found.append(s)
    return tuple(found)


def restricted(values: Table, parties: int) -> list[Any]:
    r"""The game of a coalition's own coalitions; its members keep their order.

    Args:
        values: the value table.
        parties: bitmask of the parties that stay.

    Raises:
        ValueError: if there are not :math:`2^n` values, or the coalition is empty or has others
            than the ``n`` parties.
    """
    if not 0 < parties < 2 ** count_parties(len(values)):
        raise ValueError(f"parties: {parties}, need a bitmask of parties of the game")
    inside = members(parties)
    subsets = range(2 ** len(inside))
    return [values[bitmask(inside[k] for k in members(c))] for c in subsets]


def is_supermodular(values: Table) -> bool:
    r"""Whether parties are worth the more the later they come, exactly.

    :math:`v(C\cup\{i,j\}) - v(C\cup j) \ge v(C\cup i) - v(C)` for all :math:`i, j\notin C`.

    L. S. Shapley, Cores of convex games, International Journal of Game Theory 1, 1971, 11-26.

    Raises:
        ValueError: if there are not :math:`2^n` values.

    Cost: O(n^2 2^n).
    """
    n = count_parties(len(values))
    return all(
        values[c | 1 << i | 1 << j] + values[c] >= values[c | 1 << i] + values[c | 1 << j]
        for c in range(2**n)
        for i in range(n)
        for j in range(i)
        if not c & (1 << i | 1 << j)
    )


def _arguments(values: Table, given: Table) -> tuple[Vector, Vector]:
    v, n = exact.table_of(values)
    if len(given) != n:
        raise ValueError(f"totals: {len(given)} for {n} parties")
    return v, exact.vector_of(given)
