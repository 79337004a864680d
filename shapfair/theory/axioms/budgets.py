"""Properties of adjustments within budgets (Section 4, App. G to I)."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import inf

from shapfair.theory.axioms.roles import at_least_as_desirable
from shapfair.theory.axioms.verdict import Number, Verdict, differ, first_failure, text
from shapfair.theory.exact import Adjustment, allocate


def budget_constraints(a: Adjustment, *, atol: Number = 0) -> Verdict:
    r"""No party pays more than its budget and its revenue, :math:`-p_i(\lambda)\le b_i`."""
    return first_failure(
        f"party {i + 1} lacks {text(short)}"
        for i, short in enumerate(a.shortfalls)
        if not short <= atol
    )


def performance_constraints(a: Adjustment, *, atol: Number = 0) -> Verdict:
    r"""No model is better than wanted, :math:`m_i\le\max(v(i), r_i)`, Equation (60)."""
    return first_failure(
        f"party {i + 1} has a model of {text(m)}, more than {text(max(own, r))}"
        for i, (m, own, r) in enumerate(zip(a.model_values, a.own_values, a.desired, strict=True))
        if not m - max(own, r) <= atol
    )


def budget_efficiency(a: Adjustment, *, atol: Number = 0) -> Verdict:
    r"""Every party has the best model or spends all it has, budget efficiency repaired.

    :math:`m_i = v(N)` or :math:`-p_i(\lambda) = b_i`: whether a party can afford the best model is
    judged at the revenue that it really receives, not at the revenue that it would receive if
    nobody had a budget, as in :func:`budget_efficiency_as_printed`.
    """
    return first_failure(_idle(a, [a.grand_value] * a.n, atol))


def budget_efficiency_as_printed(a: Adjustment, *, atol: Number = 0) -> Verdict:
    r"""Budget efficiency in the words of Section 4.

    A party with :math:`-p_i(v)\le b_i` has the best model, :math:`m_i = v(N)`; any other spends all
    it has, :math:`-p_i(\lambda) = b_i`. The others' budgets may cut a party's revenue so that it
    can no longer afford what it could at :math:`p_i(v)`; then no adjustment satisfies this together
    with the budget constraints. :func:`budget_efficiency` is the repaired form.
    """
    return first_failure(_misjudged(a, [a.grand_value] * a.n, [Fraction(1)] * a.n, atol))


def weak_efficiency(a: Adjustment, *, atol: Number = 0) -> Verdict:
    r"""Some party has the best model, :math:`m_i = v(N)` (Remark 4.2)."""
    return _some_party_at(a, [a.grand_value] * a.n, atol)


def performance_budget_efficiency(a: Adjustment, *, atol: Number = 0) -> Verdict:
    r"""Every party has what it wants or spends all it has, performance-budget efficiency repaired.

    :math:`m_i = t_i` or :math:`-p_i(\lambda) = b_i` with the target :math:`t_i = \min(v(N),
    \max(v(i), r_i))`. See :func:`performance_budget_efficiency_as_printed` for what it repairs.
    """
    return first_failure(_idle(a, a.targets, atol))


def performance_budget_efficiency_as_printed(a: Adjustment, *, atol: Number = 0) -> Verdict:
    r"""Performance-budget efficiency in the words of App. I.

    A party that can afford the model value :math:`\min(v(N), r_i)` has it; any other spends all it
    has. The paper does not say at which revenue; it is taken here with the others at their caps
    :math:`u_k`, where they would be with unlimited budgets. Like
    :func:`budget_efficiency_as_printed` this overrates revenues, and where :math:`r_i < v(i)` it
    asks for a model that individual rationality forbids.
    """
    return first_failure(_misjudged(a, _printed_targets(a), a.caps, atol))


def weak_efficiency_variant(a: Adjustment, *, atol: Number = 0) -> Verdict:
    r"""Some party has the model it wants, :math:`m_i = t_i`, App. I repaired.

    The target is :math:`t_i = \min(v(N), \max(v(i), r_i))`, which is at least :math:`v(i)`.
    """
    return _some_party_at(a, a.targets, atol)


def weak_efficiency_variant_as_printed(a: Adjustment, *, atol: Number = 0) -> Verdict:
    r"""Some party has a model of value :math:`\min(v(N), r_i)` (end of App. I).

    It fails where every party wants less than it has already, :math:`r_i < v(i)`.
    """
    return _some_party_at(a, _printed_targets(a), atol)


def pareto_efficiency(a: Adjustment, *, atol: Number = 0) -> Verdict:
    r"""No adjustment within the constraints gives some party a better model and none a worse one.

    What is left to gain is a problem of the same kind: the budgets are what every party has left,
    and the targets are :math:`v(i) + (t_i - m_i)`. If no flow is negative it has a greatest
    solution (Lemma G.3), and the adjustment is efficient if that is zero. An adjustment outside the
    constraints is not efficient.

    Raises:
        ValueError: if a budget binds and some flow is negative.
    """
    models = list(zip(a.own_values, a.model_values, a.targets, strict=True))
    modest = first_failure(
        f"party {i + 1} has a model of {text(m)}, outside {text(own)} to {text(target)}"
        for i, (own, m, target) in enumerate(models)
        if not own - atol <= m <= target + atol
    )
    within = budget_constraints(a, atol=atol)
    if not (within and modest):
        return modest if within else within
    more = allocate(
        a.values,
        budgets=[max(-short, 0) for short in a.shortfalls],
        desired=[own + max(target - m, Fraction(0)) for own, m, target in models],
    )
    return first_failure(
        f"party {i + 1} could have {text(a.model_values[i] + gain)} in place of "
        f"{text(a.model_values[i])}, and no party less than now"
        for i, gain in enumerate(more.costs)
        if gain > atol
    )


def desirability_order(a: Adjustment, *, atol: Number = 0) -> Verdict:
    r"""A party that is at least as desirable, with no smaller budget and wish, has no worse model.

    If :math:`i` is at least as desirable as :math:`j`, :math:`b_i\ge b_j` and :math:`r_i\ge r_j`,
    then :math:`m_i\ge m_j`; if :math:`t_i = v(N)`, also :math:`\lambda_i\ge\lambda_j`; and if
    budgets and wishes are the same, :math:`p_i\ge p_j`. Not in the paper; the greatest scaling
    factors satisfy it.
    """
    return first_failure(
        f"party {i + 1} is at least as desirable as party {j + 1} but has {what} "
        f"{text(mine)} < {text(theirs)}"
        for i in range(a.n)
        for j in range(a.n)
        if i != j
        and a.budgets[i] >= a.budgets[j]
        and a.desired[i] >= a.desired[j]
        and at_least_as_desirable(a.values, i, j)
        for what, mine, theirs in _compared(a, i, j)
        if not theirs - mine <= atol
    )


def _compared(a: Adjustment, i: int, j: int) -> Iterable[tuple[str, Fraction, Fraction]]:
    yield "model value", a.model_values[i], a.model_values[j]
    if a.targets[i] == a.grand_value:
        yield "scaling factor", a.scaling[i], a.scaling[j]
    if (a.budgets[i], a.desired[i]) == (a.budgets[j], a.desired[j]):
        yield "payoff", a.payoffs[i], a.payoffs[j]


def _printed_targets(a: Adjustment) -> list[Fraction]:
    return [min(a.grand_value, Fraction(r)) if r < inf else a.grand_value for r in a.desired]


def _idle(a: Adjustment, targets: Sequence[Fraction], atol: Number) -> Iterable[str]:
    """Parties that have neither the model they want nor spent all they have."""
    for i, (m, target, short) in enumerate(zip(a.model_values, targets, a.shortfalls, strict=True)):
        if differ(m, target, atol) and differ(short, 0, atol):
            yield (
                f"party {i + 1} has a model of {text(m)}, not {text(target)}, "
                f"and {text(-short)} of its budget left"
            )


def _misjudged(
    a: Adjustment, targets: Sequence[Fraction], others: Sequence[Fraction], atol: Number
) -> Iterable[str]:
    """Parties that break the printed rule, with revenues when the others have these factors."""
    for i, (m, target, short) in enumerate(zip(a.model_values, targets, a.shortfalls, strict=True)):
        revenue = sum((others[k] * a.flows[k][i] for k in range(a.n)), Fraction(0))
        lack = target - a.own_values[i] - revenue - a.budgets[i]
        if lack <= atol and differ(m, target, atol):
            yield f"party {i + 1} can afford {text(target)} but has a model of {text(m)}"
        if lack > atol and differ(short, 0, atol):
            yield (
                f"party {i + 1} cannot afford {text(target)} "
                f"but has {text(-short)} of its budget left"
            )


def _some_party_at(a: Adjustment, targets: Sequence[Fraction], atol: Number) -> Verdict:
    if any(not differ(m, t, atol) for m, t in zip(a.model_values, targets, strict=True)):
        return Verdict(True)
    models, wanted = (", ".join(map(text, xs)) for xs in (a.model_values, targets))
    return Verdict(False, f"models of {models}; none is its party's {wanted}")
