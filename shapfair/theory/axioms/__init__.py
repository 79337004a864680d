r"""The paper's properties as predicates: does this payoff scheme, this adjustment have it?

A predicate returns a :class:`Verdict`, which is true or false and says in words what breaks the
property. Numbers are compared exactly unless ``atol`` allows for rounding; whether a party is a
dummy, say, is read off the table as it is (:mod:`shapfair.theory.axioms.roles`).

Where a property as printed cannot hold, it stands beside its repaired form under the same name with
``_as_printed``. Parties are counted from 0 in arguments and from 1 in words, as in the paper.

Value tables have :math:`2^n` entries, in bitmask order and in units of value, as has ``atol``; with
another length there is a ``ValueError``. Looking for the parties that a property speaks of takes
:math:`O(n^3 2^n)` steps at most, beside the calls of the scheme.
"""

from shapfair.theory.axioms.adjusted import (
    adjusted_values,
    feasibility,
    individual_rationality,
    marginal_contribution_consistency,
    marginal_contribution_consistency_as_printed,
)
from shapfair.theory.axioms.budgets import (
    budget_constraints,
    budget_efficiency,
    budget_efficiency_as_printed,
    desirability_order,
    pareto_efficiency,
    performance_budget_efficiency,
    performance_budget_efficiency_as_printed,
    performance_constraints,
    weak_efficiency,
    weak_efficiency_variant,
    weak_efficiency_variant_as_printed,
)
from shapfair.theory.axioms.payoffs import (
    balance,
    conditional_dummy,
    conditional_symmetry,
    dummy_party,
    efficiency,
    fair_cost,
    flow_linearity,
    linearity,
    symmetry,
)
from shapfair.theory.axioms.roles import (
    at_least_as_desirable,
    conditional_dummies,
    conditional_symmetric_pairs,
    dummies,
    omnipotent,
    symmetric_pairs,
)
from shapfair.theory.axioms.verdict import Verdict

__all__ = [
    "Verdict",
    "adjusted_values",
    "at_least_as_desirable",
    "balance",
    "budget_constraints",
    "budget_efficiency",
    "budget_efficiency_as_printed",
    "conditional_dummies",
    "conditional_dummy",
    "conditional_symmetric_pairs",
    "conditional_symmetry",
    "desirability_order",
    "dummies",
    "dummy_party",
    "efficiency",
    "fair_cost",
    "feasibility",
    "flow_linearity",
    "individual_rationality",
    "linearity",
    "marginal_contribution_consistency",
    "marginal_contribution_consistency_as_printed",
    "omnipotent",
    "pareto_efficiency",
    "performance_budget_efficiency",
    "performance_budget_efficiency_as_printed",
    "performance_constraints",
    "symmetric_pairs",
    "symmetry",
    "weak_efficiency",
    "weak_efficiency_variant",
    "weak_efficiency_variant_as_printed",
]
