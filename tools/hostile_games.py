"""Allocations of hostile games, held to exact fractions.

Usage: python tools/hostile_games.py [--games N] [--seed S] [--kind KIND]

Random games of 1 to 8 parties: values over 600 powers of ten, near-ties, subnormal and huge ones,
monotone and not; budgets and desired values that are zero, unlimited, finite, tiny, near a tie, or
mixed; with the hull and without. Every allocation is compared with exact arithmetic on the same
floats, by code of its own: Equation (5) term by term, and clearing by python-flint. Counted are
allocations that are right, right or differing with a warning that rounding noise decides, refused
with a reason that holds, and wrong: none may be wrong without a warning.

What is right: scaling factors to 1e-9 (where flows are within the noise, to its share of the
party's flows), amounts to 1e-9 of the table's magnitude, prices of the certificate to 1e-9 of
themselves.
"""

import argparse
import sys
from collections import Counter
from fractions import Fraction
from itertools import permutations
from math import comb, inf, isfinite, lcm
from random import Random

import numpy as np
from flint import fmpq, fmpq_mat

from shapfair import Allocation, Game, allocate

TOLERANCE = Fraction(1, 10**9)
NOISE = Fraction(64, 2**52)
SURE = ("right", "right, with a warning", "differs, with a warning", "refused with a reason")


# --- games ---------------------------------------------------------------------------------------


def wide(rng: Random, size: int) -> list[float]:
    """Values over 600 powers of ten."""
    return [rng.random() * 10.0 ** rng.uniform(-300, 300) for _ in range(size)]


def near_ties(rng: Random, size: int) -> list[float]:
    """Small integers, off by little."""
    off = 10.0 ** rng.uniform(-17, -8)
    top = rng.choice([1, 2, 5])
    return [rng.randint(0, top) * (1 + off * rng.choice([-1, 0, 0, 1, 2])) for _ in range(size)]


def leaks(rng: Random, size: int) -> list[float]:
    """Values of two very different magnitudes, so that some parties pay others almost nothing."""
    small = 10.0 ** rng.uniform(-17, -6)
    levels = [0.0, small, 2 * small, 1.0, 1.0 + small, 1.1]
    return [rng.choice(levels) for _ in range(size)]


def subnormal(rng: Random, size: int) -> list[float]:
    """Values from the smallest positive float64 on."""
    top = 2 ** rng.randint(1, 60)
    return [rng.randint(0, top) * 5e-324 for _ in range(size)]


def huge(rng: Random, size: int) -> list[float]:
    """Values up to the largest float64."""
    top = 10.0 ** rng.uniform(305, 308.25)
    return [rng.random() * top for _ in range(size)]


def magnitudes(rng: Random, size: int) -> list[float]:
    """Values over a dozen powers of ten."""
    return [rng.random() * 10.0 ** rng.uniform(-12, 0) for _ in range(size)]


def integers(rng: Random, size: int) -> list[float]:
    """Integers from 0 to 1000: nothing hostile."""
    return [float(rng.randint(0, 1000)) for _ in range(size)]


def shares(rng: Random, size: int) -> list[float]:
    """Numbers from 0 to 1: nothing hostile."""
    return [rng.random() for _ in range(size)]


HOSTILE = (wide, near_ties, leaks, subnormal, huge, magnitudes)
ORDINARY = (integers, shares)
KINDS = {kind.__name__: kind for kind in (*HOSTILE, *ORDINARY)}


def random_game(rng: Random, kind: str, parties: int) -> tuple[list[float], str]:
    """Values, and the repair: about half of them are allocated without the hull."""
    values = KINDS[kind](rng, 2**parties)
    if kind in HOSTILE_NAMES and rng.random() < 0.3:
        values = [x * rng.choice([-1, 0, 1, 1]) for x in values]
    values[0] = 0.0
    if kind in HOSTILE_NAMES and rng.random() < 0.3:  # unsorted games mostly refuse budgets
        return values, "none"
    hull = Game(values).hull().values.tolist()
    return (hull, "none") if rng.random() < 0.5 else (values, "hull")


HOSTILE_NAMES = tuple(kind.__name__ for kind in HOSTILE)


def random_amounts(rng: Random, values: list[float]) -> list[float]:
    """Budgets or desired values of every structure."""
    n, top = len(values).bit_length() - 1, max(map(abs, values))
    choices = [
        lambda: 0.0,
        lambda: inf,
        lambda: top * rng.random(),
        lambda: top * 10.0 ** rng.uniform(-17, -6),
        lambda: abs(rng.choice(values)),
        lambda: abs(rng.choice(values) - rng.choice(values)) / rng.randint(1, n),
    ]
    if rng.random() < 0.5:
        choices = [rng.choice(choices)]
    amounts = [rng.choice(choices)() for _ in range(n)]
    return [x if x == inf or isfinite(x) else top for x in amounts]


# --- exact ---------------------------------------------------------------------------------------


def exact_flows(values: list[Fraction]) -> list[list[Fraction]]:
    """Equation (5), term by term, over integers."""
    n = len(values).bit_length() - 1
    unit = lcm(*(v.denominator for v in values))
    whole = [int(v * unit) for v in values]
    weight = lcm(*(comb(n - 2, s) for s in range(n - 1))) if n > 1 else 1
    flows = [[Fraction(0)] * n for _ in range(n)]
    for i, j in permutations(range(n), 2):
        pair, total = 1 << i | 1 << j, 0
        for c in range(2**n):
            if not c & pair:
                gain = whole[c | pair] - whole[c | 1 << i]
                total += gain * (weight // comb(n - 2, c.bit_count()))
        flows[i][j] = Fraction(total, unit * weight * (n - 1))
    return flows


def flint_solve(matrix: list[list[Fraction]], right: list[Fraction]) -> list[Fraction]:
    """Solve a linear system."""
    if not right:
        return []
    entries = fmpq_mat([[fmpq(x.numerator, x.denominator) for x in row] for row in matrix])
    column = fmpq_mat([[fmpq(x.numerator, x.denominator)] for x in right])
    return [Fraction(int(x.p), int(x.q)) for x in entries.solve(column).entries()]


class Exact:
    """The answer for one table of floats as they stand; negative flows in the noise count as 0."""

    def __init__(self, values: list[float], budgets: list[float], desired: list[float]):
        self.values = [Fraction(v) for v in values]
        self.n = n = len(values).bit_length() - 1
        self.magnitude = max(map(abs, self.values))
        self.noise = NOISE * self.magnitude
        self.raw = exact_flows(self.values)
        self.flows = [[max(f, 0) if -f <= self.noise else f for f in row] for row in self.raw]
        self.negative = min(map(min, self.flows)) < 0
        self.costs = [sum(row, Fraction(0)) for row in self.flows]
        self.budgets = [b if b == inf else Fraction(b) for b in budgets]
        own, grand = [self.values[1 << i] for i in range(n)], self.values[-1]
        self.own, self.grand = own, grand
        self.caps = [
            (min(grand, max(v, r)) - v) / (grand - v) if grand > v and c else Fraction(1)
            for v, r, c in zip(own, map(to_fraction, desired), self.costs, strict=True)
        ]
        self.constrained: set[int] = set()
        self.scaling = list(self.caps)
        self.lack = max(self.shortfalls())
        self.scaling = [
            u if abs(grand - v) > self.noise else Fraction(1)
            for u, v in zip(self.caps, own, strict=True)
        ]
        self.conventional_lack = max(self.shortfalls())
        self.scaling = list(self.caps)
        while not self.negative and (short := self.short() - self.constrained):
            self.constrained |= short
            self.spend()

    def shortfalls(self) -> list[Fraction | float]:
        """What every party lacks."""
        lacks = []
        for i, budget in enumerate(self.budgets):
            income = sum(self.scaling[k] * self.flows[k][i] for k in range(self.n))
            need = self.scaling[i] * self.costs[i] - income
            lacks.append(-inf if budget == inf else need - budget)
        return lacks

    def short(self) -> set[int]:
        """Parties that fall short."""
        return {i for i, lack in enumerate(self.shortfalls()) if lack > 0}

    def block(self) -> list[list[Fraction]]:
        """Rows and columns of the constrained parties of diag(c) - F^T."""
        d = sorted(self.constrained)
        return [[(self.costs[i] if i == k else 0) - self.flows[k][i] for k in d] for i in d]

    def spend(self) -> None:
        """Let the constrained parties spend all they have."""
        d = sorted(self.constrained)
        rest = [k for k in range(self.n) if k not in self.constrained]
        funds = [self.budgets[i] + sum(self.caps[k] * self.flows[k][i] for k in rest) for i in d]
        for i, x in zip(d, flint_solve(self.block(), funds), strict=True):
            self.scaling[i] = x

    def prices(self) -> tuple[list[Fraction], list[Fraction]]:
        """The certificate's."""
        d, y = sorted(self.constrained), [Fraction(0)] * self.n
        transposed = [list(row) for row in zip(*self.block(), strict=True)]
        for i, x in zip(d, flint_solve(transposed, [self.costs[i] for i in d]), strict=True):
            y[i] = x
        z = []
        for i in range(self.n):
            received = sum(self.flows[i][k] * y[k] for k in range(self.n))
            z.append(self.costs[i] * (1 - y[i]) + received)
        return y, z


def to_fraction(x: float) -> Fraction | float:
    """A float as it stands."""
    return x if x == inf else Fraction(x)


# --- verdicts ------------------------------------------------------------------------------------


def judge(values: list[float], repair: str, budgets: list[float], desired: list[float]) -> str:
    """What became of one game."""
    game = Game(values).hull() if repair == "hull" else Game(values)
    exact = Exact(game.values.tolist(), budgets, desired)
    try:
        result = allocate(Game(values), budgets, desired, repair=repair)
    except ValueError as error:
        return "refused with a reason" if refusal_holds(str(error), exact) else "refused wrongly"
    doubtful = any("rounding noise" in warning for warning in result.warnings)
    right = not mistakes(result, exact)
    if doubtful:
        return "right, with a warning" if right else "differs, with a warning"
    return "right" if right else "wrong without a warning"


def refusal_holds(reason: str, exact: Exact) -> bool:
    """Whether what a refusal says is so."""
    if "another unit" in reason:
        largest = float(exact.magnitude)
        return not 2.0**-1028 <= largest <= sys.float_info.max / (4 * exact.n)
    if "negative" in reason:
        return exact.negative and max(exact.lack, exact.conventional_lack) > 0
    if "price of the certificate" in reason:
        return max(map(max, exact.prices())) > sys.float_info.max
    return False


def mistakes(result: Allocation, exact: Exact) -> list[str]:
    """What is not right."""
    n, scale = exact.n, exact.magnitude
    if exact.negative and exact.lack > 0:
        return ["a budget binds"]
    own, grand, noisy = exact.own, exact.grand, has_noise(exact)
    found = []
    for i in range(n):
        flow = sum(map(abs, exact.flows[i]))
        most = max(TOLERANCE * flow, n * exact.noise if noisy else 0)
        if flow and abs(Fraction(result.scaling[i]) - exact.scaling[i]) * flow > most:
            found.append("scaling")
    revenues = [sum(exact.scaling[k] * exact.flows[k][i] for k in range(n)) for i in range(n)]
    costs = [x * c for x, c in zip(exact.scaling, exact.costs, strict=True)]
    payoffs = [r - c for r, c in zip(revenues, costs, strict=True)]
    models = [v + x * (grand - v) for v, x in zip(own, exact.scaling, strict=True)]
    for name, right in [
        ("payoffs", payoffs),
        ("model_values", models),
        ("costs", costs),
        ("flows", [f for row in exact.raw for f in row]),
    ]:
        given = np.ravel(getattr(result, name)).tolist()
        if any(abs(Fraction(x) - y) > TOLERANCE * scale for x, y in zip(given, right, strict=True)):
            found.append(name)
    return found + certificate_mistakes(result, exact, noisy)


def has_noise(exact: Exact) -> bool:
    """Whether some flow or gain is within the noise, but not 0."""
    gains = [exact.grand - v for v in exact.own]
    return any(0 < abs(f) <= exact.noise for f in [*gains, *(f for row in exact.raw for f in row)])


def certificate_mistakes(result: Allocation, exact: Exact, noisy: bool) -> list[str]:
    """What is not right with the proof: with negative costs it is open, and must say so."""
    proof, scale, found = result.certificates[0], exact.magnitude, []
    open_by = sum((-c for c in exact.costs if c < 0), Fraction(0))
    said = any("no certificate" in warning for warning in result.warnings)
    if abs(Fraction(proof.gap) - open_by) > 2 * TOLERANCE * scale:
        found.append("gap")
    if said != (open_by > TOLERANCE * scale) and abs(open_by - TOLERANCE * scale) > exact.noise:
        found.append("open certificate")
    if noisy:  # the proof is for flows without noise
        return found
    y, z = exact.prices()
    z = [max(x, Fraction(0)) for x in z]
    for name, given, right, least in [
        ("y", proof.budget_prices, y, 0),
        ("z", proof.cap_prices, z, scale),
        (
            "primal",
            [proof.primal],
            [sum(map(lambda c, x: c * x, exact.costs, exact.scaling))],
            scale,
        ),
    ]:
        for x, one in zip(given, right, strict=True):
            if abs(Fraction(x) - one) > TOLERANCE * max(least, one):
                found.append(name)
    return found


def campaign(games: int, seed: int, kind: str | None = None) -> Counter[str]:
    """Count the verdicts; what is wrong is printed so that it can be repeated."""
    counts: Counter[str] = Counter()
    for number in range(games):
        rng = Random(f"{seed}/{number}")
        chosen = kind or rng.choice(HOSTILE_NAMES)
        values, repair = random_game(rng, chosen, rng.choice([1, 2, 2, 3, 3, 3, 4, 4, 5, 6, 7, 8]))
        budgets, desired = random_amounts(rng, values), random_amounts(rng, values)
        if rng.random() < 0.5:
            desired = [inf] * len(desired)
        verdict = judge(values, repair, budgets, desired)
        counts[verdict] += 1
        if verdict not in SURE:
            print(f"{verdict}: game {number} of seed {seed} ({chosen})")
            print(f"  allocate(Game({values}), {budgets}, {desired}, repair={repair!r})")
    return counts


def main() -> int:
    """Run the campaign; 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--games", type=int, default=1000, help="how many (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the random games")
    parser.add_argument("--kind", choices=KINDS, help="one kind alone (default: all hostile ones)")
    given = parser.parse_args()
    counts = campaign(given.games, given.seed, given.kind)
    for verdict in (*SURE, *sorted(counts.keys() - set(SURE))):
        print(f"{counts[verdict]:8,d}  {verdict}")
    return int(not counts.keys() <= set(SURE))


if __name__ == "__main__":
    sys.exit(main())
