r"""Which schemes satisfy the paper's axioms? Exact linear algebra over all games at once.

A linear scheme is known by its values on the unit games; these values are the unknowns. An axiom
holds for all games of a subspace if and only if it holds for the games of a basis, so finitely many
:class:`Equation` say all of it, and their rank (python-flint, exact) tells how many linear schemes
there are. Dimension 0 means at most one, which proves uniqueness for the given ``n``.

Games are tables with :math:`v(\emptyset) = 0`, a space of dimension :math:`2^n - 1`; linearity is
built in. The paper's games are monotone. Unanimity games are, too, and are a basis, so a scheme
that is linear on monotone games extends to all games in one way, and nothing is lost.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import factorial, lcm

from shapfair.theory.axioms import roles
from shapfair.theory.exact import Table, conditional_shapley_values
from shapfair.theory.flints import fmpz_mat

Number = int | Fraction
Functional = Callable[[Table], Number]
"""From a game to a number, such as ``lambda v: v[-1]``."""


@dataclass(frozen=True)
class Equation:
    """A linear equation in the values of a scheme on the unit games.

    Attributes:
        left: coefficient of the unknown ``(party, coalition)``, which is what the party receives in
            the coalition's unit game; absent ones are 0.
        right: right-hand side.
    """

    left: dict[tuple[int, int], Number]
    right: Number


@dataclass(frozen=True)
class Solutions:
    """How many schemes satisfy some equations.

    Attributes:
        unknowns: number of unknowns.
        rank: rank of the left-hand sides.
        consistent: whether there is a solution.
    """

    unknowns: int
    rank: int
    consistent: bool

    @property
    def dimension(self) -> int:
        """Dimension of the solutions if there are any; 0 if there is at most one."""
        return self.unknowns - self.rank

    @property
    def unique(self) -> bool:
        """Whether there is exactly one solution."""
        return self.consistent and self.dimension == 0


# --- payoff schemes (Lemma 3.1) ------------------------------------------------------------------


def payoff_dimension(n: int, without: str | None = None) -> int:
    r"""Dimension of the linear payoff schemes with the axioms of Lemma 3.1; 0 if (1) is alone.

    For every :math:`n\ge 2` it is 0, or without balance :math:`n`, without dummies :math:`n-1`,
    without symmetry :math:`\sum_{T\ne\emptyset}(|T|-1) = (n-2)2^{n-1}+1`.

    Args:
        n: number of parties.
        without: axiom to drop, ``"balance"``, ``"dummy"`` or ``"symmetry"``.

    Raises:
        ValueError: if there is no axiom of that name.

    Cost: one exact rank of :math:`n(2^n-1)` columns; seconds for seven parties.
    """
    return solutions(n, n, _rest(payoff_axioms(n), without)).dimension


def payoff_axioms(n: int) -> dict[str, list[Equation]]:
    """Axioms of Lemma 3.1 by name, besides linearity."""
    return {
        "balance": _total(n, lambda v: 0),
        "dummy": _dummy(n, lambda v: -v[-1]),
        "symmetry": _symmetry(n),
    }


def _total(n: int, amount: Functional) -> list[Equation]:
    """Payoffs sum to ``amount``; balance if that is 0."""
    everyone = dict.fromkeys(range(n), 1)
    return [_equation(everyone, game, amount(game)) for game in unit_games(n)]


def _dummy(n: int, payoff: Functional) -> list[Equation]:
    """Dummy parties receive ``payoff``."""
    return [_equation({i: 1}, v, payoff(v)) for i in range(n) for v in dummy_games(n, i)]


def _symmetry(n: int) -> list[Equation]:
    """Symmetric parties receive the same."""
    return [
        _equation({i: 1, j: -1}, game, 0)
        for i, j in combinations(range(n), 2)
        for game in symmetric_games(n, i, j)
    ]


# --- other totals and dummies (Remark 3.6) -------------------------------------------------------


def affine_system(n: int, alpha: Number | Functional, beta: Functional) -> Solutions:
    r"""Linear schemes with symmetry, total :math:`\beta(v)` and the dummies of Remark 3.6.

    A dummy receives :math:`(\beta(v) - \alpha v(N))/n`. There is one solution for every scalar
    :math:`\alpha` and linear functional :math:`\beta`, and none for a constant :math:`\beta\ne 0`.

    Args:
        n: number of parties.
        alpha: the scalar, or a functional :math:`\gamma(v)` in place of :math:`\alpha v(N)`.
        beta: the total. The equations are asked of the basis games and of their doubles, where a
            linear scheme pays twice as much; so no solution is found for a constant, which is not
            linear.
    """
    return solutions(n, n, affine_axioms(n, alpha, beta))


def affine_axioms(n: int, alpha: Number | Functional, beta: Functional) -> list[Equation]:
    """Equations of :func:`affine_system`."""

    def gamma(game: Table) -> Number:
        return alpha(game) if callable(alpha) else alpha * game[-1]

    def dummy_payoff(game: Table) -> Number:
        return Fraction(beta(game) - gamma(game)) / n

    equations = [*_total(n, beta), *_dummy(n, dummy_payoff), *_symmetry(n)]
    doubles = [*_total(n, _of_double(beta)), *_dummy(n, _of_double(dummy_payoff))]
    return equations + [
        Equation({unknown: 2 * x for unknown, x in row.left.items()}, row.right) for row in doubles
    ]


def anonymous_functional(weights: Sequence[Number]) -> Functional:
    r"""The functional :math:`\gamma(v) = \sum_T g_{|T|}c_T(v)` of weights :math:`g_1,\dots,g_n`.

    :math:`c_T` are the dividends of the game. These are all linear functionals that do not depend
    on the names of the parties; equal weights :math:`\alpha` give :math:`\alpha v(N)`.
    """

    def gamma(game: Table) -> Number:
        terms = enumerate(dividends(game))
        return sum((weights[t.bit_count() - 1] * x for t, x in terms if t), Fraction(0))

    return gamma


def affine_payoffs(values: Table, weights: Sequence[Number], beta: Functional) -> list[Fraction]:
    r"""The solution of :func:`affine_system` for an anonymous functional.

    .. math:: p_i = \sum_{T\ni i} \frac{g_{|T|}}{|T|} c_T(v) + \frac{\beta(v) - \gamma(v)}{n}

    Equal weights :math:`\alpha` give Remark 3.6, :math:`\alpha\varphi_i + (\beta - \alpha v(N))/n`.
    """
    n, parts = len(weights), list(enumerate(dividends(values)))
    rest = Fraction(beta(values) - anonymous_functional(weights)(values)) / n
    return [
        sum(
            (
                Fraction(weights[t.bit_count() - 1]) / t.bit_count() * x
                for t, x in parts
                if t >> i & 1
            ),
            rest,
        )
        for i in range(n)
    ]


def dividends(values: Table) -> list[Number]:
    r"""Coefficients of a game in the basis of unanimity games (Moebius transform).

    :math:`c_T = \sum_{C\subseteq T} (-1)^{|T|-|C|} v(C)`, so that :math:`v(C) =
    \sum_{T\subseteq C} c_T`.
    """
    parts = list(values)
    for i in range(len(parts).bit_length() - 1):
        for t in range(len(parts)):
            if t >> i & 1:
                parts[t] -= parts[t ^ 1 << i]
    return parts


# --- flow schemes (Lemma 3.7) --------------------------------------------------------------------


def flow_dimension(n: int, without: str | None = None) -> int:
    r"""Dimension of the linear schemes of one party's flows with the axioms of Lemma 3.7.

    0 if (5) is alone. It does not matter which party pays; it is the first here. For every
    :math:`n\ge 2` it is 0, or without fair cost :math:`n-1`, without dummies :math:`n-2`, without
    symmetry :math:`(n-3)2^{n-2}+1`: the numbers of Lemma 3.1 for the other :math:`n-1` parties.

    Args:
        n: number of parties.
        without: axiom to drop, ``"fair cost"``, ``"conditional dummy"`` or ``"conditional
            symmetry"``.

    Raises:
        ValueError: if there is no axiom of that name.

    Cost: as :func:`payoff_dimension`.
    """
    return solutions(n, n - 1, _rest(flow_axioms(n), without)).dimension


def flow_axioms(n: int, i: int = 0) -> dict[str, list[Equation]]:
    """Axioms of Lemma 3.7 for the flows from party ``i``, by name, besides linearity."""
    return {
        "fair cost": _fair_cost(n, i),
        "conditional dummy": _conditional_dummy(n, i),
        "conditional symmetry": _conditional_symmetry(n, i),
    }


def _fair_cost(n: int, i: int) -> list[Equation]:
    r"""Party ``i`` pays :math:`v(N) - v(i)` in all, Equation (4)."""
    others = dict.fromkeys(set(range(n)) - {i}, 1)
    return [_equation(others, game, game[-1] - game[1 << i]) for game in unit_games(n)]


def _conditional_dummy(n: int, i: int) -> list[Equation]:
    """Party ``i`` pays nothing to dummies given ``i``."""
    return [
        _equation({j: 1}, game, 0)
        for j in range(n)
        if j != i
        for game in conditional_dummy_games(n, i, j)
    ]


def _conditional_symmetry(n: int, i: int) -> list[Equation]:
    """Party ``i`` pays parties that are symmetric given ``i`` the same."""
    return [
        _equation({j: 1, k: -1}, game, 0)
        for j, k in combinations(sorted(set(range(n)) - {i}), 2)
        for game in conditional_symmetric_games(n, i, j, k)
    ]


def flow_map_rank(n: int) -> int:
    r"""Dimension of the matrices that are the flows of some game; :math:`(n-1)(n+2)/2`.

    Cost: the flows of :math:`2^n-1` games and one exact rank.
    """
    unit = factorial(n - 1)  # makes the weights of (5) integers
    rows = [
        [int(unit * x) for flows in conditional_shapley_values(game) for x in flows]
        for game in unit_games(n)
    ]
    return int(fmpz_mat(rows).rank())


# --- bases of the games that a hypothesis describes ----------------------------------------------


def unit_games(n: int) -> list[list[int]]:
    r"""The :math:`2^n - 1` games in which one nonempty coalition is worth 1 and no other."""
    return [_indicator(n, [c]) for c in range(1, 2**n)]


def dummy_games(n: int, i: int) -> list[list[int]]:
    r"""Basis of the games in which ``i`` is a dummy, of dimension :math:`2^{n-1}-1`."""
    return [_indicator(n, [c, c | 1 << i]) for c in roles.without(n, i) if c]


def symmetric_games(n: int, i: int, j: int) -> list[list[int]]:
    r"""Basis of the games in which ``i`` and ``j`` are symmetric, :math:`3\cdot 2^{n-2}-1` many."""
    return _symmetric(n, roles.without(n, i, j), i, j)


def conditional_dummy_games(n: int, i: int, j: int) -> list[list[int]]:
    r"""Basis of the games in which ``j`` is a dummy given ``i``."""
    pairs = [[c | 1 << i, c | 1 << i | 1 << j] for c in roles.without(n, i, j)]
    return [_indicator(n, worth) for worth in [*_free(n, i), *pairs]]


def conditional_symmetric_games(n: int, i: int, j: int, k: int) -> list[list[int]]:
    r"""Basis of the games in which ``j`` and ``k`` are symmetric given ``i``."""
    return _symmetric(n, [c | 1 << i for c in roles.without(n, i, j, k)], j, k) + [
        _indicator(n, worth) for worth in _free(n, i)
    ]


# --- equations -----------------------------------------------------------------------------------


def solutions(n: int, receivers: int, equations: Sequence[Equation]) -> Solutions:
    """Solutions of equations in what every receiver gets in every unit game.

    Cost: one exact rank, or two if some right-hand side is not 0.
    """
    columns = {
        unknown: k for k, unknown in enumerate(sorted({u for e in equations for u in e.left}))
    }
    rows = [[0] * (len(columns) + 1) for _ in equations]
    for row, equation in zip(rows, equations, strict=True):
        unit = lcm(*(Fraction(x).denominator for x in [equation.right, *equation.left.values()]))
        row[-1] = int(unit * equation.right)
        for unknown, x in equation.left.items():
            row[columns[unknown]] = int(unit * x)
    rank = int(fmpz_mat([row[:-1] for row in rows]).rank())
    consistent = not any(row[-1] for row in rows) or int(fmpz_mat(rows).rank()) == rank
    return Solutions(receivers * (2**n - 1), rank, consistent)


def satisfied(equations: Iterable[Equation], on_unit_games: Sequence[Sequence[Number]]) -> bool:
    """Whether a linear scheme satisfies equations.

    Args:
        equations: the equations.
        on_unit_games: what every party receives in every game of :func:`unit_games`.
    """
    return all(
        sum(x * on_unit_games[c - 1][k] for (k, c), x in equation.left.items()) == equation.right
        for equation in equations
    )


def _equation(combination: dict[int, int], game: Table, right: Number) -> Equation:
    """A combination of what the parties receive in a game is ``right``."""
    left = {(k, c): x * v for k, x in combination.items() for c, v in enumerate(game) if v}
    return Equation(left, right)


def _rest(axioms: dict[str, list[Equation]], without: str | None) -> list[Equation]:
    if without is not None and without not in axioms:
        raise ValueError(f"without: {without!r}, need one of {', '.join(axioms)}")
    return [row for name, rows in axioms.items() if name != without for row in rows]


def _of_double(functional: Functional) -> Functional:
    return lambda game: functional([2 * v for v in game])


def _indicator(n: int, coalitions: Sequence[int]) -> list[int]:
    return [int(c in coalitions) for c in range(2**n)]


def _free(n: int, i: int) -> list[list[int]]:
    """Nonempty coalitions without ``i``, each alone."""
    return [[c] for c in roles.without(n, i) if c]


def _symmetric(n: int, bases: Iterable[int], j: int, k: int) -> list[list[int]]:
    """Games in which ``j`` and ``k`` add the same to every one of some coalitions without them."""
    worths = [
        worth
        for c in bases
        for worth in ([c], [c | 1 << j | 1 << k], [c | 1 << j, c | 1 << k])
        if worth != [0]
    ]
    return [_indicator(n, worth) for worth in worths]
