r"""Clearing in rational numbers, from floats as they stand: what decides where float64 cannot.

Floats are fractions, so the scaling factors that budgets allow can be computed without rounding.
This is slower than float64 by a factor of a hundred to ten thousand, and needs nothing beyond the
standard library. The flows are those of :func:`shapfair.shapley.exact_conditional_shapley_values`.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import inf, lcm
from typing import NamedTuple

Number = int | Fraction
Vector = tuple[Fraction, ...]
Matrix = tuple[Vector, ...]
Rows = Sequence[Sequence[Number]]
Amounts = Sequence[Number | float]
"""Fractions, or ``inf`` for unlimited."""


class Cleared(NamedTuple):
    r"""A clearing vector in rational numbers.

    Attributes:
        scaling: scaling factors :math:`\lambda_i`.
        constrained: parties held back by their budget.
        history: scaling factors at the start and after each round.
    """

    scaling: Vector
    constrained: frozenset[int]
    history: tuple[Vector, ...]


def clear(
    flows: Rows,
    budgets: Amounts,
    caps: Sequence[Number],
) -> Cleared:
    r"""Greatest solution of :math:`\lambda_i = \min(u_i, (b_i + \sum_k\lambda_k F_{ki})/c_i)`.

    The fictitious default algorithm of Eisenberg and Noe (2001): start from the caps, let every
    party that falls short spend exactly what it has, and repeat until no party newly falls short.
    A party without costs has scaling factor 1.

    Args:
        flows: what ``i`` pays ``j``, none of them negative where a budget binds.
        budgets: fractions, or ``inf``.
        caps: largest scaling factors :math:`u_i`.

    Cost: at most ``n`` rounds of one linear system each, O(n^4) operations.
    """
    matrix = clearing_matrix(flows)
    scaling = start(matrix, caps)
    constrained, history = frozenset[int](), [scaling]
    while not (short := short_parties(matrix, budgets, scaling)) <= constrained:
        constrained |= short
        scaling = _spend_all(matrix, budgets, history[0], constrained)
        history.append(scaling)
    return Cleared(scaling, constrained, tuple(history))


def start(matrix: Matrix, caps: Sequence[Number]) -> Vector:
    """The caps, and 1 for parties without costs."""
    return tuple(Fraction(u if matrix[i][i] else 1) for i, u in enumerate(caps))


def short_parties(matrix: Matrix, budgets: Amounts, scaling: Sequence[Number]) -> frozenset[int]:
    """Parties whose budget and revenue do not cover their scaled cost."""
    return frozenset(
        i
        for i, (row, b) in enumerate(zip(matrix, budgets, strict=True))
        if b != inf and dot(row, scaling) > b
    )


def _spend_all(
    matrix: Matrix,
    budgets: Amounts,
    caps: Sequence[Number],
    constrained: frozenset[int],
) -> Vector:
    """Scaling factors when the constrained parties spend all they have and the others pay."""
    d = sorted(constrained)
    paid = [Fraction(0) if i in constrained else x for i, x in enumerate(caps)]
    # Constrained parties have finite budgets, so the funds are fractions.
    funds = [Fraction(budgets[i]) - dot(matrix[i], paid) for i in d]
    spent = solve([[matrix[i][k] for k in d] for i in d], funds)
    scaling = dict(enumerate(caps)) | dict(zip(d, spent, strict=True))
    return tuple(Fraction(x) for x in scaling.values())


def prices(matrix: Matrix, constrained: frozenset[int]) -> tuple[Vector, Vector]:
    r"""Dual solution :math:`(y, z)` that proves the greatest clearing vector optimal.

    :math:`y_D = A_{DD}^{-\top}c_D` on the constrained parties and 0 elsewhere, :math:`z = c -
    A^\top y`, which is 0 on them.

    Cost: one linear system.
    """
    d, columns = sorted(constrained), tuple(zip(*matrix, strict=True))
    costs = [row[i] for i, row in enumerate(matrix)]
    solution = solve([[columns[i][k] for k in d] for i in d], [costs[i] for i in d])
    found = dict(zip(d, solution, strict=True))
    y = tuple(found.get(i, Fraction(0)) for i in range(len(matrix)))
    z = tuple(c - dot(column, y) for c, column in zip(costs, columns, strict=True))
    return y, z


def clearing_matrix(flows: Rows) -> Matrix:
    r""":math:`A = \mathrm{diag}(c) - F^\top`: the budget constraints are :math:`A\lambda\le b`.

    :math:`F` are the flows, rows pay, and :math:`c` its row sums; columns of :math:`A` sum to 0.
    """
    n = len(flows)
    return tuple(
        tuple(Fraction(sum(flows[i]) if k == i else -flows[k][i]) for k in range(n))
        for i in range(n)
    )


def dot(x: Iterable[Number], y: Iterable[Number]) -> Fraction:
    """Sum of products."""
    products = (Fraction(a * b) for a, b in zip(x, y, strict=True) if a and b)
    return sum(products, Fraction(0))


def solve(matrix: Rows, right: Sequence[Number]) -> Vector:
    """Solve a square linear system, by fraction-free elimination (Bareiss 1968).

    E. H. Bareiss, Sylvester's identity and multistep integer-preserving Gaussian elimination,
    Mathematics of Computation 22, 1968, 565-578.

    Raises:
        ZeroDivisionError: if the matrix is singular.

    Cost: O(n^3) integer operations.
    """
    rows = [_whole([*row, b]) for row, b in zip(matrix, right, strict=True)]
    n, divisor = len(rows), 1
    for k in range(n):
        pivot = next((r for r in range(k, n) if rows[r][k]), None)
        if pivot is None:
            raise ZeroDivisionError("singular matrix")
        rows[k], rows[pivot] = rows[pivot], rows[k]
        head = rows[k]
        for r in range(k + 1, n):
            factor = rows[r][k]
            rows[r] = [
                (head[k] * x - factor * y) // divisor for x, y in zip(rows[r], head, strict=True)
            ]
        divisor = head[k]
    solution = [Fraction(0)] * n
    for k in reversed(range(n)):
        rest = rows[k][-1] - dot(rows[k][k + 1 : n], solution[k + 1 :])
        solution[k] = Fraction(rest) / rows[k][k]
    return tuple(solution)


def _whole(row: Sequence[Number]) -> list[int]:
    """A row times its common denominator."""
    common = lcm(*(x.denominator for x in row))
    return [x.numerator * (common // x.denominator) for x in row]
