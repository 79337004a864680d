r"""The allocation in rational numbers: the path that proofs use and float results are held to.

Values are integers, fractions or floats (which are fractions too), in bitmask order. Nothing is
rounded, so a property of an :class:`Adjustment` holds or does not; there are no tolerances. The
fast float path is :func:`shapfair.allocation.allocate`. Nothing beyond the standard library is
needed, NumPy neither.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from math import comb, inf
from typing import Any, Protocol, runtime_checkable

from shapfair import rational
from shapfair.coalitions import count_parties
from shapfair.rational import Matrix, Vector


@runtime_checkable
class Table(Protocol):
    """Values of all coalitions in bitmask order, each ``int``, ``Fraction`` or ``float``.

    Tuples, lists and NumPy's arrays are tables.
    """

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __getitem__(self, index: int, /) -> Any: ...


def shapley_values(values: Table) -> Vector:
    r"""Shapley value of every party (Section 2 of the paper), term by term.

    Raises:
        ValueError: if there are not :math:`2^n` values.

    Cost: O(n 2^n) rational operations.
    """
    v, n = table_of(values)
    shares = [Fraction(0)] * n
    for c in range(2**n):
        for i in range(n):
            if not c >> i & 1:
                shares[i] += (v[c | 1 << i] - v[c]) / (n * comb(n - 1, c.bit_count()))
    return tuple(shares)


def conditional_shapley_values(values: Table) -> Matrix:
    r"""Conditional Shapley values by Equation (5): entry ``[i][j]`` is what ``i`` pays ``j``.

    Raises:
        ValueError: if there are not :math:`2^n` values.

    Cost: O(n^2 2^n) rational operations.
    """
    v, n = table_of(values)
    return tuple(
        tuple(Fraction(0) if j == i else _flow(v, n, i, j) for j in range(n)) for i in range(n)
    )


def _flow(v: Vector, n: int, i: int, j: int) -> Fraction:
    pair = 1 << i | 1 << j
    gains = (
        (v[c | pair] - v[c | 1 << i]) / comb(n - 2, c.bit_count())
        for c in range(2**n)
        if not c & pair
    )
    return sum(gains, Fraction(0)) / (n - 1)


@dataclass(frozen=True)
class Adjustment:
    r"""Scaling factors for a game, whether good ones or not, and all that follows from them.

    Attributes:
        values: the value table.
        budgets: :math:`b_i`; ``math.inf`` for unlimited.
        desired: desired model values :math:`r_i`; ``math.inf`` for the best model.
        flows: conditional Shapley values, ``flows[i][j]`` is what ``i`` pays ``j`` unscaled.
        scaling: scaling factors :math:`\lambda_i`.
        constrained: parties that the last round of :func:`allocate` found held back by their
            budget; empty if the scaling factors come from elsewhere.
        history: scaling factors of :func:`allocate` at the start and after each round.
    """

    values: Vector
    budgets: tuple[Fraction | float, ...]
    desired: tuple[Fraction | float, ...]
    flows: Matrix
    scaling: Vector
    constrained: frozenset[int] = frozenset()
    history: tuple[Vector, ...] = ()

    @cached_property
    def n(self) -> int:
        """Number of parties."""
        return len(self.flows)

    @cached_property
    def grand_value(self) -> Fraction:
        """:math:`v(N)`."""
        return self.values[-1]

    @cached_property
    def own_values(self) -> Vector:
        """:math:`v(i)` of every party."""
        return tuple(self.values[1 << i] for i in range(self.n))

    @cached_property
    def gains(self) -> Vector:
        """Unscaled costs :math:`c_i = v(N) - v(i)`, by fair cost (4)."""
        return tuple(sum(row, Fraction(0)) for row in self.flows)

    @cached_property
    def caps(self) -> Vector:
        r"""Largest scaling factors :math:`u_i = (t_i - v(i))/c_i`, Equation (61) repaired.

        The target is :math:`t_i`, see :attr:`targets`; a party with nothing to gain has
        :math:`u_i = 1`.
        """
        return tuple(
            (target - own) / gain if gain else Fraction(1)
            for target, own, gain in zip(self.targets, self.own_values, self.gains, strict=True)
        )

    @cached_property
    def targets(self) -> Vector:
        r"""Model values wanted, :math:`t_i = \min(v(N), \max(v(i), r_i))`."""
        return tuple(
            Fraction(min(self.grand_value, max(own, r)))
            for own, r in zip(self.own_values, self.desired, strict=True)
        )

    @cached_property
    def costs(self) -> Vector:
        r"""What every party pays, :math:`\lambda_i c_i`."""
        return tuple(x * gain for x, gain in zip(self.scaling, self.gains, strict=True))

    @cached_property
    def revenues(self) -> Vector:
        r"""What every party is paid, :math:`\sum_k\lambda_k\varphi_{i|k}`."""
        columns = zip(*self.flows, strict=True)
        return tuple(
            sum((x * f for x, f in zip(self.scaling, column, strict=True)), Fraction(0))
            for column in columns
        )

    @cached_property
    def payoffs(self) -> Vector:
        """Revenue minus cost, Equation (7)."""
        return tuple(r - c for r, c in zip(self.revenues, self.costs, strict=True))

    @cached_property
    def shortfalls(self) -> tuple[Fraction | float, ...]:
        r"""What every party lacks to pay its cost, :math:`-p_i(\lambda) - b_i`."""
        return tuple(-p - b for p, b in zip(self.payoffs, self.budgets, strict=True))

    @cached_property
    def model_values(self) -> Vector:
        r"""Value of every party's model, :math:`v(i) + \lambda_i c_i`, Equation (10)."""
        return tuple(own + cost for own, cost in zip(self.own_values, self.costs, strict=True))


def adjustment(
    values: Table, scaling: Collection[Any], budgets: Any = inf, desired: Any = inf
) -> Adjustment:
    r"""The outcome of given scaling factors, feasible or not.

    Args:
        values: the value table.
        scaling: :math:`\lambda_i` of every party.
        budgets: one for all parties or one per party.
        desired: one for all parties or one per party.

    Raises:
        ValueError: if there are not :math:`2^n` values, or not one factor and one nonnegative
            amount per party.
    """
    start = _unscaled(values, budgets, desired)
    if len(scaling) != start.n:
        raise ValueError(f"scaling: {len(scaling)} factors for {start.n} parties")
    return replace(start, scaling=vector_of(scaling))


def allocate(values: Table, budgets: Any = inf, desired: Any = inf) -> Adjustment:
    r"""Greatest scaling factors within the budgets: the solution of (P), or of (Q) repaired.

    The fictitious default algorithm of Eisenberg and Noe (2001): start from the caps, let every
    party that falls short spend exactly what it has, and repeat until no party newly falls short.

    Args:
        values: the value table, whose flows must not be negative where a budget binds.
        budgets: :math:`b_i\ge 0`, one for all parties or one per party.
        desired: :math:`r_i\ge 0`, likewise.

    Raises:
        ValueError: if there are not :math:`2^n` values or not one nonnegative amount per party,
            or if a party falls short although some flow is negative.

    Cost: O(n^2 2^n) for the flows and at most n - 1 exact linear systems of at most n - 1 unknowns.
    """
    start = _unscaled(values, budgets, desired)
    unscaled = replace(start, scaling=start.caps)
    if any(lack > 0 for lack in unscaled.shortfalls) and min(map(min, start.flows)) < 0:
        raise ValueError("values: a budget binds and some flow is negative; use the hull")
    cleared = rational.clear(start.flows, start.budgets, start.caps)
    return replace(start, **cleared._asdict())


def certificate(allocation: Adjustment) -> tuple[Vector, Vector]:
    r"""Dual solution :math:`(y, z)` that proves an allocation of :func:`allocate` optimal.

    :math:`y_D = A_{DD}^{-\top}c_D` on the constrained parties and 0 elsewhere, :math:`z = c -
    A^\top y` off them. Both are nonnegative and :math:`c^\top\lambda = b^\top y + u^\top z`, so
    linear programming duality leaves nothing better. :math:`y_i` is the right derivative of the
    total cost :math:`c^\top\lambda` with respect to the budget :math:`b_i`.

    Returns:
        :math:`y` and :math:`z`, ``n`` numbers each.

    Cost: one exact linear system.
    """
    return rational.prices(clearing_matrix(allocation.flows), allocation.constrained)


def clearing_matrix(flows: Sequence[Sequence[Any]]) -> Matrix:
    r""":math:`A = \mathrm{diag}(c) - F^\top`: the budget constraints are :math:`A\lambda\le b`.

    :math:`F` are the flows, rows pay, and :math:`c` its row sums; columns of :math:`A` sum to 0.
    """
    return rational.clearing_matrix([vector_of(row) for row in flows])


def join(first: Sequence[Any], second: Sequence[Any]) -> Vector:
    """Larger scaling factor of every party; feasible if both are and no flow is negative.

    This makes the feasible scaling factors a join-semilattice, so there is a greatest one: the
    repaired proof of Lemma G.3.
    """
    return vector_of(max(x, y) for x, y in zip(first, second, strict=True))


def solve(matrix: Sequence[Sequence[int | Fraction]], right: Sequence[int | Fraction]) -> Vector:
    """Solve a square linear system exactly.

    Raises:
        ZeroDivisionError: if the matrix is singular.
    """
    return rational.solve([vector_of(row) for row in matrix], vector_of(right))


def _unscaled(values: Table, budgets: Any, desired: Any) -> Adjustment:
    v, n = table_of(values)
    return Adjustment(
        values=v,
        budgets=amounts_of("budgets", budgets, n),
        desired=amounts_of("desired", desired, n),
        flows=conditional_shapley_values(v),
        scaling=(),
    )


def table_of(values: Table) -> tuple[Vector, int]:
    r"""A value table as fractions, and its number of parties.

    Raises:
        ValueError: if there are not :math:`2^n` values.
    """
    return vector_of(values), count_parties(len(values))


def vector_of(numbers: Iterable[Any]) -> Vector:
    """Integers, fractions and floats as fractions, NumPy's too."""
    # NumPy's integers pass for rational ones, but overflow; their items are Python's.
    return tuple(Fraction(x.item() if hasattr(x, "item") else x) for x in numbers)


def amounts_of(argument: str, given: Any, n: int) -> tuple[Fraction | float, ...]:
    """One nonnegative amount per party as a fraction, or ``inf``.

    Args:
        argument: what messages call them.
        given: one amount for all parties or one per party.
        n: number of parties.

    Raises:
        ValueError: if there are not ``n`` numbers >= 0.
    """
    amounts = list(given) if isinstance(given, Iterable) else [given] * n
    if len(amounts) != n:
        raise ValueError(f"{argument}: {len(amounts)} amounts for {n} parties")
    for i, amount in enumerate(amounts):
        if not amount >= 0:
            raise ValueError(f"{argument}: party {i + 1} has {amount}, need a number >= 0")
    return tuple(inf if amount == inf else vector_of([amount])[0] for amount in amounts)
