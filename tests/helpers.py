"""Slow, obvious and exact: what the fast code is compared with.

Games are lists of integers or fractions in bitmask order; results are fractions.
"""

from fractions import Fraction
from itertools import chain, combinations, permutations
from math import comb, factorial, inf
from pathlib import Path

from hypothesis import strategies as st

from shapfair.games import additive as additive
from shapfair.games import is_monotone as is_monotone
from shapfair.games import monotone_games

ROOT = Path(__file__).parents[1]
"""The checkout."""
RESULTS = ROOT / "results"
"""The records."""


def parties(values):
    return len(values).bit_length() - 1


def subsets(items):
    items = list(items)
    return chain.from_iterable(combinations(items, k) for k in range(len(items) + 1))


def bits(members):
    return sum(1 << i for i in members)


# --- games ---------------------------------------------------------------------------------------


def monotone_hull(values):
    """Largest value of a subset, by looking at all of them."""
    size = len(values)
    return [max(values[b] for b in range(size) if b & c == b) for c in range(size)]


SMALL_GAMES = monotone_games(3, 3)
"""All 718 monotone games of three parties with integer values and 1 <= v(N) <= 3."""


def fractions(record, examples):
    """Tables of a record, whose values are shares of so many test examples, as fractions."""
    found = []
    for row in record["values"]:
        table = tuple(Fraction(round(x * examples), examples) for x in row)
        assert [float(x) for x in table] == row
        found.append(table)
    return tuple(found)


@st.composite
def tables(draw, min_parties=1, max_parties=6, monotone=True):
    """Integer tables; small numbers make dummies, ties and omnipotent parties common."""
    n = draw(st.integers(min_parties, max_parties))
    top = draw(st.sampled_from([1, 2, 5, 1000]))
    low = 0 if monotone else -top
    rest = draw(st.lists(st.integers(low, top), min_size=2**n - 1, max_size=2**n - 1))
    values = [0, *rest]
    return monotone_hull(values) if monotone else values


@st.composite
def amounts(draw, n, top=20):
    """Budgets: all zero, or any mixture of zero, small fractions and unlimited."""
    if draw(st.booleans()):
        return [Fraction(0)] * n
    one = st.sampled_from([Fraction(0), inf]) | st.fractions(0, top, max_denominator=8)
    return draw(st.lists(one, min_size=n, max_size=n))


# --- Shapley values ------------------------------------------------------------------------------


def shapley_by_permutations(values):
    """Average marginal contribution over all orders of arrival."""
    n = parties(values)
    phi = [Fraction(0)] * n
    for order in permutations(range(n)):
        coalition = 0
        for i in order:
            phi[i] += Fraction(values[coalition | 1 << i] - values[coalition], factorial(n))
            coalition |= 1 << i
    return phi


def flows_by_permutations(values):
    """Average marginal contribution of j over the orders that i begins, Remark 3.10."""
    n = parties(values)
    flows = [[Fraction(0)] * n for _ in range(n)]
    for order in permutations(range(n)):
        coalition = 1 << order[0]
        for j in order[1:]:
            gain = values[coalition | 1 << j] - values[coalition]
            flows[order[0]][j] += Fraction(gain, factorial(n - 1))
            coalition |= 1 << j
    return flows


def flows_by_definition(values):
    """Equation (5), term by term."""
    n = parties(values)
    flows = [[Fraction(0)] * n for _ in range(n)]
    for i, j in permutations(range(n), 2):
        for others in subsets(set(range(n)) - {i, j}):
            c = bits(others)
            gain = values[c | 1 << i | 1 << j] - values[c | 1 << i]
            flows[i][j] += Fraction(gain, (n - 1) * comb(n - 2, len(others)))
    return flows


# --- clearing ------------------------------------------------------------------------------------


def solve(matrix, right):
    """Solve a linear system by Gauss and Jordan; None if it is singular."""
    n = len(matrix)
    rows = [[*map(Fraction, row), Fraction(b)] for row, b in zip(matrix, right, strict=True)]
    for k in range(n):
        pivot = next((r for r in range(k, n) if rows[r][k]), None)
        if pivot is None:
            return None
        rows[k], rows[pivot] = rows[pivot], rows[k]
        rows[k] = [x / rows[k][k] for x in rows[k]]
        for r in range(n):
            if r != k and rows[r][k]:
                factor = rows[r][k]
                rows[r] = [x - factor * y for x, y in zip(rows[r], rows[k], strict=True)]
    return [row[-1] for row in rows]


def dot(x, y):
    return sum(a * b for a, b in zip(x, y, strict=True))


def clearing_matrix(flows):
    """A, so that A x <= b are the budget constraints."""
    n = len(flows)
    return [[(sum(flows[i]) if k == i else 0) - flows[k][i] for k in range(n)] for i in range(n)]


def vertices(flows, budgets, caps=None):
    """Vertices of the feasible set of (P), or (Q), from every choice of n tight constraints."""
    n = len(flows)
    rows = [(row, b) for row, b in zip(clearing_matrix(flows), budgets, strict=True) if b < inf]
    for i in range(n):
        unit = [int(i == k) for k in range(n)]
        rows += [(unit, caps[i] if caps else 1), ([-x for x in unit], 0)]
    found = set()
    for chosen in combinations(rows, n):
        point = solve([row for row, _ in chosen], [right for _, right in chosen])
        if point is not None and all(dot(row, point) <= right for row, right in rows):
            found.add(tuple(point))
    return found


def revenues(flows, scaling):
    n = len(flows)
    return [sum(scaling[k] * flows[k][i] for k in range(n)) for i in range(n)]


def shortfalls(flows, budgets, scaling):
    """What every party lacks to pay its scaled cost."""
    income = revenues(flows, scaling)
    return [
        scaling[i] * sum(flows[i]) - income[i] - budgets[i] if budgets[i] < inf else -inf
        for i in range(len(flows))
    ]


def clearing_for(flows, budgets, caps, constrained):
    """Scaling factors when exactly the constrained parties spend all they have."""
    n, d = len(flows), sorted(constrained)
    scaling = list(caps)
    matrix = [[(sum(flows[i]) if i == k else 0) - flows[k][i] for k in d] for i in d]
    right = [
        budgets[i] + sum(caps[k] * flows[k][i] for k in range(n) if k not in constrained) for i in d
    ]
    solution = solve(matrix, right)
    if solution is None:
        return None
    for i, x in zip(d, solution, strict=True):
        scaling[i] = x
    return scaling


def convention(flows, caps):
    """Caps, 1 for parties with nothing to gain."""
    return [cap if sum(row) else Fraction(1) for cap, row in zip(caps, flows, strict=True)]


def fictitious_default(flows, budgets, caps):
    """Greatest clearing vector and its constrained parties, exactly."""
    caps = convention(flows, caps)
    scaling, constrained = list(caps), set()
    while True:
        short = {i for i, s in enumerate(shortfalls(flows, budgets, scaling)) if s > 0}
        if short <= constrained:
            return scaling, constrained
        constrained |= short
        scaling = clearing_for(flows, budgets, caps, constrained)


def clearing_by_enumeration(flows, budgets, caps):
    """Greatest of all clearing vectors, found by trying every set of constrained parties."""
    n, caps = len(flows), convention(flows, caps)
    found = []
    for d in subsets(i for i in range(n) if budgets[i] < inf):
        scaling = clearing_for(flows, budgets, caps, set(d))
        if scaling is not None and is_clearing(flows, budgets, caps, scaling):
            found.append(scaling)
    greatest = [max(column) for column in zip(*found, strict=True)]
    assert greatest in found  # the solutions are a lattice
    return greatest


def is_clearing(flows, budgets, caps, scaling):
    """Whether every party pays in full or all it has."""
    income = revenues(flows, scaling)
    return all(
        scaling[i] == (min(caps[i], (budgets[i] + income[i]) / cost) if cost else caps[i])
        for i, cost in enumerate(map(sum, flows))
    )
