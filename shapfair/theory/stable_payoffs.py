r"""Payoffs that no coalition leaves for: the most stable ones, and the stable ones nearest to fair.

Totals :math:`x` (model value plus payoff, all models of value :math:`v(N)`) are *stable* if
:math:`\sum_S x_i\ge|S|\,v(S)` for all coalitions and :math:`\sum_N x_i = n\,v(N)`: the core of the
club game of :mod:`shapfair.theory.stability`. It holds free sharing, :math:`x_i = v(N)`, so it is
not empty. Two points of it answer what stability costs:

- :func:`least_core`: the least :math:`\epsilon` with which all deficits can be at most
  :math:`\epsilon` (Maschler, Peleg and Shapley 1979); by so much the most stable payoffs are safe;
- :func:`nearest`: the stable totals with the smallest sum of squared changes of the payoffs. The
  Euclidean norm makes them unique, so symmetric parties stay equal, and what changes is the price
  in fairness.

Both are found in floats, with the few coalitions that matter added as they are violated, for as
many parties as a table has. :func:`proved_least_core` and :func:`proved_nearest` take the
coalitions so found, solve the equations that they make in fractions and verify the optimality
conditions on all coalitions, so that nothing rests on the solver.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from jaxtyping import Float

from shapfair.coalitions import count_parties
from shapfair.extras import load
from shapfair.lattice import sizes
from shapfair.rounding import TOLERANCE, magnitude
from shapfair.shapley import shapley_values
from shapfair.theory import exact
from shapfair.theory.exact import Table, Vector
from shapfair.theory.flints import fmpq, fmpq_mat
from shapfair.theory.stability import deficits

optimize = load("scipy.optimize")

Number = int | Fraction | float

BATCH = 32
"""Violated coalitions added at a time."""


@dataclass(frozen=True)
class LeastCore:
    r"""Totals with the smallest largest deficit, and why there are none with a smaller one.

    Attributes:
        epsilon: the largest deficit of a coalition other than ``N``, in units of value; negative if
            every coalition has more in the consortium than alone.
        totals: :math:`x_i`; there may be other totals with the same largest deficit.
        weights: coalitions with weights :math:`y_S\ge 0` that sum to 1 and count every party
            equally often, say :math:`\mu` times. Whatever the totals, the weighted mean of the
            deficits is :math:`\sum_S y_S|S|\,v(S) - \mu n\,v(N)`, which is ``epsilon``.
    """

    epsilon: Number
    totals: tuple[Number, ...]
    weights: Mapping[int, Number]


@dataclass(frozen=True)
class Nearest:
    r"""Stable totals nearest to given ones in the Euclidean norm.

    Attributes:
        totals: the stable totals.
        changes: totals minus the given ones, which is how payoffs change; they sum to 0.
        prices: coalitions that hold the totals back, with their multipliers :math:`y_S > 0`. Party
            :math:`i` gets :math:`\sum_{S\ni i} y_S - \frac1n\sum_S y_S|S|` more: the others pay
            members of these coalitions to stay. Empty if the given totals are stable.
    """

    totals: tuple[Number, ...]
    changes: tuple[Number, ...]
    prices: Mapping[int, Number]


def least_core(values: Table) -> LeastCore:
    r"""The most stable totals by linear programming (HiGHS).

    Args:
        values: the value table of two or more parties, shape ``(2**n,)``.

    Raises:
        ValueError: if it is not that, or a coalition is worth more than :math:`v(N)`.
        ArithmeticError: if the programmes do not come to an end within rounding.

    Cost: a few dozen programmes of some hundred rows; seconds for n = 20.
    """
    v, n = _checked(values)
    if n < 2:
        raise ValueError("values: one party, nobody can leave")
    club, rows = sizes(n) * v, [1 << i for i in range(n)]
    rows += [2**n - 1 - row for row in rows]
    found: dict[str, np.ndarray] = {}

    def violations() -> np.ndarray:
        sides = _members(rows, n)
        result = optimize.linprog(
            [*[0.0] * n, 1.0],
            A_ub=-np.column_stack([sides, np.ones(len(rows))]),
            b_ub=-club[rows],
            A_eq=[[*[1.0] * n, 0.0]],
            b_eq=[club[-1]],
            bounds=(None, None),
        )
        if result.status != 0:
            raise ArithmeticError(f"HiGHS: {result.message}")
        found["x"], found["weights"] = result.x, -result.ineqlin.marginals
        return club - _sums(result.x[:n]) - result.x[n]

    _generate(rows, violations, float(magnitude(v)))
    weights = {s: float(y) for s, y in zip(rows, found["weights"], strict=True) if y > TOLERANCE}
    return LeastCore(float(found["x"][n]), tuple(map(float, found["x"][:n])), weights)


def nearest(values: Table, given: Table | None = None) -> Nearest:
    r"""The stable totals nearest to given ones, by default to the fair ones :math:`n\varphi_i`.

    Least distance programming by nonnegative least squares (C. L. Lawson and R. J. Hanson, Solving
    Least Squares Problems, 1974, chapter 23).

    Args:
        values: the value table, shape ``(2**n,)``.
        given: totals :math:`T_i` that sum to :math:`n\,v(N)`, shape ``(n,)``.

    Raises:
        ValueError: if they are not that, or a coalition is worth more than :math:`v(N)`.
        ArithmeticError: if the programmes do not come to an end within rounding.

    Cost: a few dozen small programmes; seconds for n = 20.
    """
    v, n = _checked(values)
    t = n * shapley_values(v) if given is None else np.asarray(given, np.float64)
    noise = TOLERANCE * max(float(magnitude(v)), 1e-300)
    if t.shape != (n,) or not abs(t.sum() - n * v[-1]) <= n * noise:
        raise ValueError(f"given: need {n} totals that sum to n v(N) = {n * v[-1]:.6g}")
    missing, rows = sizes(n) * v - _sums(t), list[int]()
    changes, prices = np.zeros(n), dict[int, Number]()

    def violations() -> np.ndarray:
        nonlocal changes, prices
        if rows:
            sides = _members(rows, n)
            changes, multipliers = _least_distance(
                sides - sides.mean(axis=1, keepdims=True), missing[rows]
            )
            prices = {s: float(y) for s, y in zip(rows, multipliers, strict=True) if y > 0}
            rows[:] = prices  # what holds nothing back is found again if it is needed
        return missing - _sums(changes)

    _generate(rows, violations, float(magnitude(v)))
    return Nearest(tuple((t + changes).tolist()), tuple(changes.tolist()), prices)


def proved_least_core(values: Table) -> LeastCore:
    r"""As :func:`least_core`, in fractions and proved.

    Raises:
        ValueError: as there.
        ArithmeticError: as there, or if the coalitions found in floats prove nothing.

    Cost: :func:`least_core`, and O(n 2^n) rational operations.
    """
    v, n = exact.table_of(values)
    guess = least_core([float(x) for x in v])
    held = list(guess.weights)
    # The weights: every party is counted mu times, and they sum to 1.
    equations = [[*(s >> i & 1 for s in held), -1] for i in range(n)] + [[*[1] * len(held), 0]]
    *weights, often = _solution(equations, [0] * n + [1], [0] * (len(held) + 1))
    epsilon = sum(
        (y * s.bit_count() * v[s] for s, y in zip(held, weights, strict=True)), -often * n * v[-1]
    )
    # The totals: whatever is tight is tight exactly, the rest as found.
    start = exact.vector_of(guess.totals)
    scale = float(max(map(abs, v)))
    tight = [
        s
        for s, left in enumerate(deficits(v, start)[1:-1], 1)
        if abs(float(left) - guess.epsilon) <= 10 * n * TOLERANCE * scale
    ]
    equations = [[s >> i & 1 for i in range(n)] for s in [*tight, 2**n - 1]]
    right = [*(s.bit_count() * v[s] - epsilon for s in tight), n * v[-1]]
    x = _solution(equations, right, start)
    if min(weights) < 0 or max(deficits(v, x)[1:-1]) != epsilon:
        raise ArithmeticError("the coalitions found in floats do not prove the least core")
    return LeastCore(epsilon, x, dict(zip(held, weights, strict=True)))


def proved_nearest(values: Table, given: Table | None = None) -> Nearest:
    r"""As :func:`nearest`, in fractions and proved by the conditions of Karush, Kuhn and Tucker.

    Raises:
        ValueError: as there.
        ArithmeticError: as there, or if the coalitions found in floats prove nothing.

    Cost: :func:`nearest`, and O(n 2^n) rational operations.
    """
    v, n = exact.table_of(values)
    fair = [n * x for x in exact.shapley_values(v)]
    t = exact.vector_of(fair if given is None else given)
    if len(t) != n or sum(t) != n * v[-1]:
        raise ValueError(f"given: need {n} totals that sum to n v(N) = {n * v[-1]}")
    guess = nearest([float(x) for x in v], [float(x) for x in t])
    held, missing = list(guess.prices), deficits(v, t)
    # Inner products of the members' indicators, less their means.
    gram = [
        [(r & s).bit_count() - Fraction(r.bit_count() * s.bit_count(), n) for s in held]
        for r in held
    ]
    prices = _solution(gram, [missing[s] for s in held], [0] * len(held)) if held else ()
    paid = sum((y * s.bit_count() for s, y in zip(held, prices, strict=True)), Fraction(0)) / n
    changes = tuple(
        sum((y for s, y in zip(held, prices, strict=True) if s >> i & 1), -paid) for i in range(n)
    )
    x = tuple(a + b for a, b in zip(t, changes, strict=True))
    if min(prices, default=0) < 0 or max(deficits(v, x)) > 0:
        raise ArithmeticError("the coalitions found in floats do not prove the nearest totals")
    return Nearest(x, changes, {s: y for s, y in zip(held, prices, strict=True) if y})


def _checked(values: Table) -> tuple[Float[np.ndarray, " coalitions"], int]:
    v = np.asarray(values, np.float64)
    n = count_parties(v.shape[-1] if v.ndim == 1 else 0)
    largest = float(np.max(v))
    if not np.isfinite(v).all() or largest > v[-1]:
        raise ValueError(
            f"values: v(N) = {v[-1]:.6g}, the largest {largest:.6g}; a coalition worth more than "
            "all parties may always leave, use the hull"
        )
    return v, n


def _generate(rows: list[int], violations: Callable[[], np.ndarray], scale: float) -> None:
    """Solve and add the most violated coalitions to the rows until there are none."""
    noise = TOLERANCE * scale
    for _ in range(1000):
        excess = violations()
        excess[[0, -1]] = 0.0
        most = np.argpartition(-excess, min(BATCH, len(excess) - 1))[:BATCH]
        new = [int(s) for s in most if excess[s] > noise]
        if not new:
            return
        if set(new) <= set(rows):
            break
        rows += [s for s in new if s not in rows]
    raise ArithmeticError("violated coalitions do not come to an end; the values are too uneven")


def _least_distance(
    sides: Float[np.ndarray, "rows parties"], right: Float[np.ndarray, " rows"]
) -> tuple[Float[np.ndarray, " parties"], Float[np.ndarray, " rows"]]:
    """Shortest ``d`` with ``sides d >= right``, and the multipliers that make it of the sides."""
    unit = np.abs(right).max()
    problem = np.vstack([sides.T, right / unit])
    target = np.array([*[0.0] * sides.shape[1], 1.0])
    found = optimize.nnls(problem, target)[0]
    held = np.flatnonzero(found > 0)
    # The equations of the sides that hold, for all digits.
    multipliers = np.zeros(len(right))
    gram = sides[held] @ sides[held].T
    multipliers[held] = np.linalg.lstsq(gram, right[held], rcond=None)[0]
    return multipliers @ sides, multipliers


def _members(rows: Sequence[int], n: int) -> Float[np.ndarray, "rows parties"]:
    return (np.array(rows)[:, None] >> np.arange(n) & 1).astype(np.float64)


def _sums(x: Float[np.ndarray, " parties"]) -> Float[np.ndarray, " coalitions"]:
    """Sum over the members of every coalition."""
    total = np.zeros(2 ** len(x))
    for i, one in enumerate(x):
        np.add(total[: 2**i], one, out=total[2**i : 2 ** (i + 1)])
    return total


def _solution(
    matrix: Sequence[Sequence[Number]], right: Sequence[Number], start: Sequence[Number]
) -> Vector:
    """An exact solution of a linear system; unknowns that it leaves free are as at the start.

    Raises:
        ArithmeticError: if there is none.
    """
    m, begin = len(start), exact.vector_of(start)
    augmented = []
    for row, b in zip(matrix, right, strict=True):
        rest = Fraction(b) - sum(
            (Fraction(a) * x for a, x in zip(row, begin, strict=True)), Fraction(0)
        )
        augmented.append(
            [fmpq(Fraction(a).numerator, Fraction(a).denominator) for a in [*row, rest]]
        )
    reduced, rank = fmpq_mat(augmented).rref()
    found = list(begin)
    for k in range(rank):
        pivot = next(j for j in range(m + 1) if reduced[k, j] != 0)
        if pivot == m:
            raise ArithmeticError("the coalitions found in floats contradict each other")
        step = reduced[k, m]
        found[pivot] += Fraction(int(step.p), int(step.q))
    return tuple(found)
