r"""Can it be gamed? What a party gains by showing less than it has, or as more than it is.

A *move* of a party changes the game or the budgets that the scheme sees: it withholds data, joins
under several names, joins forces with others, lets somebody in, or hides money. Each predicate here
compares what the party has before and after, in one game and exactly; it holds if the move does not
pay. What is a theorem holds in every game, as its docstring says, and what is not fails in games
that the tests show. What a party has is its *total*, model value plus payoff (see
:func:`shapfair.theory.stability.totals`); of several models it uses the best.

With unlimited budgets payoffs are :math:`p_i = n\varphi_i - v(N)` and totals
:math:`T_i = n\varphi_i`. Values are integers, fractions or floats (which are fractions too), in
bitmask order. Parties count from 0, in witnesses from 1.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import inf
from typing import Any

from shapfair.coalitions import bitmask, count_parties, members
from shapfair.theory import exact
from shapfair.theory.axioms.verdict import Verdict, coalition, first_failure, text
from shapfair.theory.exact import Table, Vector
from shapfair.theory.replication import replicate
from shapfair.theory.stability import restricted, totals

# --- withholding ---------------------------------------------------------------------------------


def withholding(values: Table, shown: Table, party: int, budgets: Any = inf) -> Verdict:
    r"""Whether a party has no larger total by withholding some of its data.

    Theorem (unlimited budgets): let :math:`w\le v` on coalitions with :math:`i` and :math:`w = v`
    elsewhere. Then :math:`p_i(w)\le p_i(v)`, so the total does not rise, not even if the party adds
    what it withheld to the model, which is then worth :math:`v(N)` at most. Proof: in

    .. math:: p_i(v) = \sum_{C\ni i, C\ne N} \frac{v(C)}{\binom{n-1}{|C|-1}}
              - \sum_{C\not\ni i} \frac{v(C)}{\binom{n-1}{|C|}}

    only the first sum changes, and it falls.

    With budgets it is a theorem for two parties, where the greatest clearing vector gives
    :math:`T_1 = v(N) + \min(v(1) - v(2), b_2)`, which falls with :math:`v(1)` and :math:`v(N)`; and
    for any number if the others make up for what is withheld, see :func:`made_up_for`. In general
    it may fail from three parties on: what is hidden makes one of the others look less useful and
    another one more, which can buy more from ``party`` if it was short of money.

    Args:
        values: the value table :math:`v` with all data.
        shown: the value table :math:`w` without what ``party`` withholds.
        party: who withholds.
        budgets: :math:`b_i\ge 0`, one for all parties or one per party.

    Raises:
        ValueError: if ``shown`` is not such a table, there is no such party, or as
            :func:`shapfair.theory.exact.allocate`.

    Cost: two exact allocations.
    """
    v, w = _shown(values, shown, party)
    before, after = (totals(table, budgets)[party] for table in (v, w))
    return _not_more(party, before, after, "if it withholds data")


def made_up_for(values: Table, shown: Table, party: int) -> bool:
    r"""Whether others make up for what a party withholds, the more the more of them there are.

    That is, :math:`u(C) = v(C) - w(C)` does not rise when others join a coalition with :math:`i`.
    It is so in *coverage games*, where a coalition is worth the items that it has: :math:`u(C)` is
    what it lacks of the hidden ones.

    Theorem (any budgets, both games monotone): then withholding lowers the total,
    :math:`T_i(w)\le T_i(v) - u(N)`. Proof: compare two economies in which :math:`i` buys models of
    value :math:`m` and :math:`m - u(N)`, so that it spends :math:`s` and :math:`s + d` with
    :math:`d = u(i) - u(N)\ge 0`, a part :math:`s/c_i` and :math:`(s+d)/(c_i+d)` of what it lacks.
    For :math:`j, k\ne i` the flows :math:`F_{kj}` and :math:`F_{ij}` do not fall, because

    .. math:: w(C\cup j) - w(C) = v(C\cup j) - v(C) + u(C) - u(C\cup j)

    for :math:`C\ni i`, and :math:`c_j` falls by :math:`u(N)`. So the others earn no less, by
    induction over rounds of payments from above, and their payoffs
    :math:`p_j = \max(r_j - c_j, -b_j)` do not fall. What comes back to :math:`i` is what it spends
    less :math:`\sum_{j\ne i} p_j`: at most :math:`d` more than before, while :math:`v(i)` is
    :math:`u(i) = d + u(N)` less. So the largest :math:`m` that :math:`i` can pay for, and with it
    the total, fall by at least :math:`u(N)`.

    Arguments and errors are those of :func:`withholding`.

    Cost: O(n 2^n).
    """
    v, w = _shown(values, shown, party)
    lost = [more - less for more, less in zip(v, w, strict=True)]
    return all(
        lost[c | 1 << j] <= lost[c]
        for c in range(len(lost))
        if c >> party & 1
        for j in range(len(lost).bit_length() - 1)
    )


# --- several names and one party -----------------------------------------------------------------


def merged(values: Table, names: Iterable[int]) -> list[Any]:
    r"""The game in which several parties are one, which joins coalitions with all their data.

    The one party takes the place of the smallest; the others keep their order.

    Args:
        values: the value table.
        names: the parties that are one.

    Raises:
        ValueError: if there are not :math:`2^n` values or no such parties.
    """
    group, n = _group(values, names), count_parties(len(values))
    places = [k for k in range(n) if k not in group[1:]]
    data = [bitmask(group) if k in group else 1 << k for k in places]
    return [values[sum(data[k] for k in members(c))] for c in range(2 ** len(places))]


def names_and_party(values: Table, names: Iterable[int]) -> tuple[Fraction, Fraction]:
    r"""Payoffs of several names together, and of the one party that they are if they merge.

    With unlimited budgets. Raises and costs as :func:`merged` and
    :func:`shapfair.theory.exact.shapley_values`.
    """
    group = _group(values, names)
    apart, one = _payoffs(values), _payoffs(merged(values, group))
    return sum((apart[k] for k in group), Fraction(0)), one[group[0]]


def names_bound(values: Table, names: Iterable[int]) -> Verdict:
    r"""Whether names together have at most their number times the payoff of the party they are.

    Theorem: let party :math:`i` of :math:`v` appear in a game under :math:`m` names, which hold any
    parts, overlaps or copies of its data and are worth the more the more of them there are. Then

    .. math:: \sum_{\text{names}} p \le m\,p_i(v).

    Proof: let a coalition :math:`C` of others be joined by the names in all orders; the
    :math:`(j+1)`-th adds :math:`\delta_j(C)\ge 0` in the mean, all of them together
    :math:`\Delta(i|C)`. With :math:`c = |C|`, :math:`n` parties in :math:`v` and
    :math:`n + m - 1` in the game of names,

    .. math:: \sum_{\text{names}} (n+m-1)\,\varphi = m \sum_{C} \sum_{j<m}
        \frac{\binom{m-1}{j}}{\binom{n+m-2}{c+j}}\,\delta_j(C)
        \le m \sum_C \frac{\Delta(i|C)}{\binom{n-1}{c}} = m\,n\varphi_i(v),

    since :math:`\binom{n-1}{c}\binom{m-1}{j}\big/\binom{n+m-2}{c+j}` is a hypergeometric
    probability; take :math:`m\,v(N)` from both ends. That of :func:`copies`, for which
    :math:`\delta_0 = \Delta` and the rest 0, is Appendix D.

    Args:
        values: the value table of the game of names.
        names: the parties that are one.

    Raises:
        ValueError: as :func:`merged`, and if some name lowers the value of a coalition.
    """
    v, group = exact.table_of(values)[0], _group(values, names)
    for k in group:
        for c in range(len(v)):
            if v[c | 1 << k] < v[c]:
                raise ValueError(f"values: name {k + 1} lowers the value of {coalition(c)}")
    several, one = names_and_party(v, group)
    m = len(group)
    return first_failure(
        [f"{coalition(bitmask(group))} have {text(several)}, {m} times {text(one)} is less"]
        * (several > m * one)
    )


def false_names(values: Table, names: Iterable[int]) -> Verdict:
    r"""Whether several names have no more payoff together than the one party that they are.

    Theorem: so it is if that party's payoff is not positive, by :func:`names_bound`. Hence such a
    party gains nothing by copies, parts or withholding; and parties whose *buyers' club* would have
    no positive payoff lose nothing by forming it. With a positive payoff either may fail.

    Arguments and errors are those of :func:`merged`.
    """
    group = _group(values, names)
    several, one = names_and_party(values, group)
    who = coalition(bitmask(group))
    return first_failure(
        [f"{who} have {text(several)} under their names, {text(one)} as one party"]
        * (several > one)
    )


def copies(values: Table, party: int, purses: Sequence[Any], budgets: Any = inf) -> Verdict:
    r"""Whether a party has no larger total with copies of itself that share its budget.

    Theorem (any budgets): so it is if :math:`v` is supermodular, or as long as copies do not lower
    what others pay one another, :math:`F^+_{kj}\ge F_{kj}`. Proof: let the best of the names buy a
    part :math:`\lambda` of what it lacks, and all names :math:`\Lambda\ge\lambda` together. Had
    the party alone bought :math:`\lambda`, the others would have earned no more than with the
    copies, so their payoffs would be no larger in sum, and what comes back to the party smaller at
    most by what the other names spend. So it can pay for that model, and its total is no smaller.

    Conjecture: so it is in every game if no party has a budget, and with any budgets if
    :math:`p_i(v)\le 0` unlimited. With unlimited budgets the latter is a theorem,
    :func:`false_names`; otherwise searches find no counterexample. With a positive payoff and
    budgets it fails.

    Args:
        values: the value table.
        party: who copies itself.
        purses: what the party itself and each of its copies take of its budget.
        budgets: :math:`b_i\ge 0`, one for all parties or one per party.

    Raises:
        ValueError: if the purses do not sum to the party's budget or there is no copy, or as
            :func:`shapfair.theory.exact.allocate`.

    Cost: an exact allocation with and one without the copies.
    """
    after, before = copies_and_party(values, party, purses, budgets)
    return _not_more(party, before, after, f"with {len(purses) - 1} more names")


def copies_and_party(
    values: Table, party: int, purses: Sequence[Any], budgets: Any = inf
) -> tuple[Fraction, Fraction]:
    r"""Totals of a party with copies of itself, and of the party alone.

    With copies: the best model of all names and all their payoffs. Arguments, errors and cost are
    those of :func:`copies`.
    """
    n = count_parties(len(values))
    _check_party(party, n)
    b = list(exact.amounts_of("budgets", budgets, n))
    own, *others = exact.amounts_of("purses", purses, max(len(purses), 2))
    if sum(others, own) != b[party]:
        raise ValueError(f"purses: sum to {sum(others, own)}, the budget is {b[party]}")
    before = totals(values, b)[party]
    b[party] = own
    allocation = exact.allocate(replicate(values, party, len(others)), [*b, *others])
    names = [party, *range(n, n + len(others))]
    best = max(allocation.model_values[k] for k in names)
    return best + sum((allocation.payoffs[k] for k in names), Fraction(0)), before


# --- newcomers and money -------------------------------------------------------------------------


def entry(values: Table, newcomer: int, budgets: Any = inf) -> Verdict:
    r"""Whether nobody has a smaller total because a party has joined.

    Theorem (unlimited budgets): so it is if :math:`v` is supermodular and :math:`v(C)\ge 0`: then
    Shapley values do not fall (Sprumont 1990, population monotonicity), and
    :math:`n\varphi_i(v)\ge n\varphi_i(v_{-k})\ge (n-1)\varphi_i(v_{-k})`. In other games a newcomer
    with the same data as an incumbent takes a part of what that one was paid.

    Y. Sprumont, Population monotonic allocation schemes for cooperative games with transferable
    utility, Games and Economic Behavior 2, 1990, 378-394.

    Args:
        values: the value table with the newcomer.
        newcomer: who has joined.
        budgets: :math:`b_i\ge 0`, one for all parties or one per party.

    Raises:
        ValueError: if there is no such party or no other, or as
            :func:`shapfair.theory.exact.allocate`.
    """
    n = count_parties(len(values))
    _check_party(newcomer, n)
    if n == 1:
        raise ValueError("values: there is no other party")
    b = exact.amounts_of("budgets", budgets, n)
    incumbents = [i for i in range(n) if i != newcomer]
    after = totals(values, b)
    before = totals(restricted(values, bitmask(incumbents)), [b[i] for i in incumbents])
    return first_failure(
        f"party {i + 1} has {text(after[i])}, without party {newcomer + 1} {text(old)}"
        for i, old in zip(incumbents, before, strict=True)
        if after[i] < old
    )


def hidden_budget(
    values: Table, budgets: Sequence[Any], party: int, shown: Any, worth: Any = 1
) -> Verdict:
    r"""Whether a party is no better off by showing less money than it has.

    Theorem: so it is if a model is worth its price, since the party's total does not fall when its
    budget rises (chapter 5, more money). If a model is worth less to the party than it costs,
    ``worth`` < 1, it may pay to show less: the model gets worse by more than the payoff rises.

    Args:
        values: the value table.
        budgets: what parties have, :math:`b_i\ge 0`.
        party: who hides money.
        shown: what it shows, at most what it has.
        worth: what a unit of model value is worth to the party, in units of payoff.

    Raises:
        ValueError: if it shows more than it has, or as :func:`shapfair.theory.exact.allocate`.
    """
    n = count_parties(len(values))
    _check_party(party, n)
    have = exact.amounts_of("budgets", budgets, n)
    less = [*have[:party], exact.amounts_of("shown", shown, 1)[0], *have[party + 1 :]]
    if less[party] > have[party]:
        raise ValueError(f"shown: {shown}, more than the budget {have[party]}")
    before, after = (
        Fraction(worth) * one.model_values[party] + one.payoffs[party]
        for one in (exact.allocate(values, b) for b in (have, less))
    )
    return _not_more(party, before, after, "if it hides money")


# --- continuity ----------------------------------------------------------------------------------


def jump(
    values: Table, budgets: Any, other_values: Table, other_budgets: Any
) -> tuple[Fraction, Fraction]:
    r"""How far apart models and paid flows of two allocations are, largest differences.

    Theorem: on monotone games models :math:`m_i` and paid flows :math:`\lambda_iF_{ij}` are
    continuous in :math:`(v, b)` jointly. Proof: they are bounded, and the properties that determine
    them (individual rationality, consistency, budgets, complementarity, weak efficiency) are
    closed, so every limit of outcomes is the outcome of the limit. Scaling factors are not
    continuous where a party's gain :math:`c_i` vanishes, and nothing of this holds if flows alone
    are nonnegative.

    Args:
        values: a value table.
        budgets: :math:`b_i\ge 0`, one for all parties or one per party.
        other_values: another.
        other_budgets: likewise.

    Returns:
        Largest difference of a model value, and of what one party pays another, in units of value.

    Raises:
        ValueError: as :func:`shapfair.theory.exact.allocate`, or if numbers of parties differ.
    """
    if len(values) != len(other_values):
        raise ValueError("other_values: numbers of parties differ")
    first, second = exact.allocate(values, budgets), exact.allocate(other_values, other_budgets)
    models = _furthest(first.model_values, second.model_values)
    return models, max(
        _furthest([x * f for f in row], [y * g for g in other])
        for x, row, y, other in zip(
            first.scaling, first.flows, second.scaling, second.flows, strict=True
        )
    )


# --- helpers -------------------------------------------------------------------------------------


def _payoffs(values: Table) -> Vector:
    """Equation (1)."""
    shares = exact.shapley_values(values)
    return tuple(len(shares) * x - sum(shares, Fraction(0)) for x in shares)


def _furthest(x: Sequence[Fraction], y: Sequence[Fraction]) -> Fraction:
    return max(abs(a - b) for a, b in zip(x, y, strict=True))


def _not_more(party: int, before: Fraction, after: Fraction, how: str) -> Verdict:
    return first_failure(
        [f"party {party + 1} has {text(before)}, {how} {text(after)}"] * (after > before)
    )


def _group(values: Table, names: Iterable[int]) -> tuple[int, ...]:
    """Some parties, in ascending order."""
    n, group = count_parties(len(values)), tuple(sorted(set(names)))
    if not group or group[0] < 0 or group[-1] >= n:
        raise ValueError(f"names: {group}, need one or more of {n} parties, counted from 0")
    return group


def _shown(values: Table, shown: Table, party: int) -> tuple[Vector, Vector]:
    """The game with all data of a party, and that without some of them."""
    (v, n), w = exact.table_of(values), exact.vector_of(shown)
    _check_party(party, n)
    if len(w) != len(v):
        raise ValueError(f"shown: {len(w)} values, need {len(v)}")
    for c, (more, less) in enumerate(zip(v, w, strict=True)):
        if less > more or (less < more and not c >> party & 1):
            raise ValueError(
                f"shown: {coalition(c)} has {text(less)} for {text(more)}; party {party + 1} can "
                "only lower the value of coalitions that it is in"
            )
    return v, w


def _check_party(party: int, n: int) -> None:
    if not 0 <= party < n:
        raise ValueError(f"party {party}: there are {n} parties, counted from 0")
