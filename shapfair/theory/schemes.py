r"""Schemes to compare with: what each one gives the parties of the same game.

A :class:`Scheme` takes a value table to :class:`Rewards`: payoffs, model values, or both. The
paper's own scheme is in the list at both ends of its budgets, beside the ones it discusses. What
other papers leave open is filled in here in the simplest way and called a *reading*: a formula of
this book that may differ from what their authors run.

Everything is exact on the values as they are (integers, fractions, or floats, which are fractions
too), except powers with an exponent that is not an integer. Values are in bitmask order, rewards
in units of value.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from numbers import Rational

import numpy as np
from jaxtyping import Float

from shapfair.coalitions import count_parties, members
from shapfair.game import Game
from shapfair.theory import exact
from shapfair.theory.exact import Table, Vector
from shapfair.theory.flints import arb, ctx, fmpq

Number = Fraction | int | float


@dataclass(frozen=True)
class Rewards:
    """What a scheme gives every party.

    Attributes:
        payoffs: net payoff of every party, negative if it pays; ``None`` if no money changes hands.
        model_values: value of the model that every party receives; ``None`` if parties receive no
            models.
    """

    payoffs: tuple[Number, ...] | None
    model_values: tuple[Number, ...] | None


@dataclass(frozen=True)
class Scheme:
    """A rule from games to rewards, by name.

    Attributes:
        name: a few words for tables.
        rule: from a checked table of fractions to rewards.
    """

    name: str
    rule: Callable[[Vector], Rewards]

    def __call__(self, values: Table) -> Rewards:
        r"""Rewards of every party.

        Args:
            values: the value table of a monotone game with :math:`v(\emptyset)=0`, :math:`v(N)>0`.

        Raises:
            ValueError: if there are not :math:`2^n` finite values from 0 to a positive
                :math:`v(N)`, or the rule does not apply to them, as where flows are negative.

        Cost: O(n 2^n) rational operations, for zero budgets O(n^2 2^n).
        """
        return self.rule(_checked(values))


def rewards_by_seed(
    scheme: Scheme, game: Game
) -> tuple[Float[np.ndarray, "seeds parties"] | None, Float[np.ndarray, "seeds parties"] | None]:
    """Payoffs and model values of every table of a game, shape ``(seeds, n)`` each, or ``None``.

    Raises:
        ValueError: as the scheme does.
    """
    rewards = [scheme(table) for table in game.values.reshape(game.seeds, -1)]
    payoffs, models = (
        None
        if getattr(rewards[0], name) is None
        else np.array([getattr(r, name) for r in rewards], dtype=np.float64)
        for name in ("payoffs", "model_values")
    )
    return payoffs, models


# --- the schemes ---------------------------------------------------------------------------------


def _unlimited(v: Vector) -> Rewards:
    r"""Equation (1): payoffs :math:`n\varphi_i - v(N)`, the best model for all."""
    phi = exact.shapley_values(v)
    return Rewards(tuple(len(phi) * x - v[-1] for x in phi), (v[-1],) * len(phi))


def _zero_budgets(v: Vector) -> Rewards:
    """The solution of (P) with zero budgets."""
    allocation = exact.allocate(v, 0)
    return Rewards(allocation.payoffs, allocation.model_values)


def _external_buyer(v: Vector) -> Rewards:
    r"""Data market: a buyer pays :math:`v(N)` for the model and keeps it, each is paid its share.

    The use of the Shapley value in data valuation (Ghorbani and Zou 2019); no party pays.
    """
    return Rewards(exact.shapley_values(v), None)


def _scaling(v: Vector) -> Rewards:
    r"""Shapley values scaled to a sum given from outside, here all that the parties gain.

    Payoffs :math:`\varphi_i\,\sum_k c_k/\sum_k\varphi_k` with :math:`c_k = v(N) - v(k)`; every
    party has the best model. The scaling that Section 3.1 argues against.
    """
    total = sum(_fees(v), Fraction(0))
    phi = exact.shapley_values(v)
    return Rewards(tuple(total * x / v[-1] for x in phi), (v[-1],) * len(phi))


def _fees_gain_game(v: Vector) -> Rewards:
    r"""Reading of Ohrimenko et al. (2019): fees, shared by the Shapley value of the gain game.

    Party :math:`i` pays :math:`c_i = v(N) - v(i)`; a coalition is worth what its members gain,
    :math:`w(C) = \sum_{i\in C}(v(C) - v(i))`, so :math:`w(N) = \sum_i c_i` is what is paid. The
    payer has a share of its own fee.
    """
    return _after_fees(v, exact.shapley_values(_gains(v)))


def _fees_proportional(v: Vector) -> Rewards:
    r"""Reading of Ohrimenko et al. (2019): fees :math:`c_i`, shared like the Shapley value.

    Payoffs :math:`\varphi_i\,\sum_k c_k/v(N) - c_i`. With fees of :math:`v(N)` in place of
    :math:`c_i` it would be Equation (1), see Remark 3.5.
    """
    shares = _scaling(v).payoffs
    assert shares is not None
    return _after_fees(v, shares)


def _fees_with_newcomer(v: Vector) -> Rewards:
    r"""Reading of what the paper prints for Ohrimenko et al. (2019), found by trying.

    Fees :math:`c_i`, shared like the Shapley value of :math:`u(C) = w(C) + v(C)`, where :math:`w`
    is the gain game: what the members of a coalition gain, and what a newcomer without data would
    gain with them. As :math:`u(N)` is more than the fees, these are shared in proportion.
    """
    enlarged = [gain + value for gain, value in zip(_gains(v), v, strict=True)]
    fees = sum(_fees(v), Fraction(0))
    return _after_fees(v, tuple(fees * x / enlarged[-1] for x in exact.shapley_values(enlarged)))


def _gains(v: Vector) -> Vector:
    r"""The gain game :math:`w(C) = \sum_{i\in C}(v(C) - v(i))`."""
    return tuple(sum((v[c] - v[1 << i] for i in members(c)), Fraction(0)) for c in range(len(v)))


def _after_fees(v: Vector, shares: tuple[Number, ...]) -> Rewards:
    payoffs = tuple(share - fee for share, fee in zip(shares, _fees(v), strict=True))
    return Rewards(payoffs, (v[-1],) * len(payoffs))


def _fees(v: Vector) -> Vector:
    """What each party gains, and pays, :math:`v(N) - v(i)`."""
    return tuple(v[-1] - v[1 << i] for i in range(count_parties(len(v))))


def rho_shapley(rho: int | float | Fraction) -> Scheme:
    r"""Models of value :math:`(\varphi_i/\max\varphi)^\rho\,v(N)`, after Sim et al. (2020).

    No money changes hands. With :math:`\rho = 0` everybody has the best model (:math:`0^0 = 1`);
    the larger :math:`\rho`, the worse all models but the best.

    Args:
        rho: the exponent :math:`\rho\ge 0`; rewards are exact if it is an integer.

    Raises:
        ValueError: if :math:`\rho` is negative or not finite; the scheme, if a Shapley value is
            negative.
    """
    if not 0 <= rho < math.inf:
        raise ValueError(f"rho: {rho}, need a finite number >= 0")
    exponent = int(rho) if rho == int(rho) else float(rho)

    def rule(v: Vector) -> Rewards:
        return Rewards(None, tuple(share**exponent * v[-1] for share in _relative_shares(v)))

    return Scheme(f"ρ-Shapley models, ρ = {rho}", rule)


UNLIMITED = Scheme("unlimited budgets, Eq. (1)", _unlimited)
ZERO_BUDGETS = Scheme("zero budgets, (P)", _zero_budgets)
EXTERNAL_BUYER = Scheme("external buyer, Shapley", _external_buyer)
SCALING = Scheme("proportional scaling", _scaling)
RHO_SHAPLEY = rho_shapley(1)
FEES_GAIN_GAME = Scheme("fees, gain game", _fees_gain_game)
FEES_PROPORTIONAL = Scheme("fees, proportional", _fees_proportional)
FEES_WITH_NEWCOMER = Scheme("fees, gain game with a newcomer", _fees_with_newcomer)
SCHEMES = (
    UNLIMITED,
    ZERO_BUDGETS,
    EXTERNAL_BUYER,
    SCALING,
    RHO_SHAPLEY,
    FEES_GAIN_GAME,
    FEES_PROPORTIONAL,
)
"""The schemes that are compared, the paper's own first."""


# --- can given models be had from the rho-Shapley value? -----------------------------------------


@dataclass(frozen=True)
class RhoClash:
    r"""Proof that no exponent makes the :math:`\rho`-Shapley values equal to given models.

    Attributes:
        low: party whose model needs :math:`\rho` to be at most ``largest``.
        high: party whose model needs :math:`\rho` to be at least ``smallest``, which is greater;
            the same party if no exponent suits it alone.
        largest: an upper bound of the exponent that ``low`` needs; ``-inf`` if none suits it.
        smallest: a lower bound of the exponent that ``high`` needs; ``inf`` if none suits it.
        miss: whatever :math:`\rho\ge 0` is, the model of ``low`` or that of ``high`` is off by at
            least this, in units of value.
    """

    low: int
    high: int
    largest: Fraction | float
    smallest: Fraction | float
    miss: Fraction

    @property
    def gap(self) -> Fraction | float:
        r"""Distance of the two sets of exponents, at least; infinite if one is empty."""
        return self.smallest - self.largest


def rho_clash(values: Table, model_values: Table) -> RhoClash | None:
    r"""Two parties that need different :math:`\rho`, if the enclosures prove it.

    Where :math:`0 < \varphi_i < \max\varphi` and :math:`0 < m_i < v(N)`, party :math:`i` has model
    :math:`m_i` for :math:`\rho_i = \log(m_i/v(N))/\log(\varphi_i/\max\varphi)` alone, enclosed here
    in ball arithmetic (Johansson 2017, Arb). Else: the largest Shapley value brings
    :math:`v(N)` for every :math:`\rho` and nothing else for any; Shapley value 0 brings 0 for every
    :math:`\rho > 0` and :math:`v(N)` for :math:`\rho = 0`; other parties have :math:`v(N)` for
    :math:`\rho = 0` alone, and 0 for none. If two of these sets do not meet there is no
    :math:`\rho`.

    Args:
        values: the value table.
        model_values: the models :math:`m_i` in question, one per party.

    Returns:
        The parties that are furthest apart, or ``None`` if no two are seen to differ.

    Raises:
        ValueError: if the table is not as :class:`Scheme` needs it, a Shapley value is negative, or
            there is not one model value between 0 and :math:`v(N)` per party.
    """
    v = _checked(values)
    shares, models = _relative_shares(v), tuple(_fraction(m) for m in model_values)
    if len(models) != len(shares) or not all(0 <= m <= v[-1] for m in models):
        raise ValueError(
            f"model_values: {list(map(float, models))}, need {len(shares)} values from 0 to v(N)"
        )
    parts = [m / v[-1] for m in models]
    ranges = [_exponents(share, part) for share, part in zip(shares, parts, strict=True)]
    low = min(range(len(ranges)), key=lambda i: ranges[i][1])
    high = max(range(len(ranges)), key=lambda i: ranges[i][0])
    largest, smallest = ranges[low][1], ranges[high][0]
    if smallest <= largest:
        return None
    if largest == -math.inf:  # no exponent suits this party alone
        part = parts[low]
        miss = 1 - part if shares[low] == 1 else min(part, 1 - part)
        return RhoClash(low, low, largest, math.inf, miss * v[-1])
    first, second = ((shares[i], parts[i]) for i in (low, high))
    miss = _least_miss(first, second, float(largest), float(smallest))
    return RhoClash(low, high, largest, smallest, miss * v[-1])


def _exponents(share: Fraction, part: Fraction) -> tuple[Fraction | float, Fraction | float]:
    r"""An interval with every :math:`\rho\ge 0` that takes ``share`` to ``part`` as a power.

    From ``inf`` to ``-inf`` if there is none.
    """
    everything, none = (Fraction(0), math.inf), (math.inf, -math.inf)
    if share == 1:
        return everything if part == 1 else none
    if part == 1:
        return Fraction(0), Fraction(0)
    if part == 0:
        return everything if share == 0 else none
    if share == 0:
        return none
    quotient = _enclosed(lambda: _arb(part).log() / _arb(share).log())
    return _rational(quotient.lower()), _rational(quotient.upper())


def _least_miss(
    low: tuple[Fraction, Fraction], high: tuple[Fraction, Fraction], largest: float, smallest: float
) -> Fraction:
    r"""What one of two parties that clash misses at least, relative to :math:`v(N)`.

    A party is its share :math:`x` and its part :math:`y` to be met by :math:`x^\rho`. Split the
    exponents at any :math:`s`: for :math:`\rho\ge s` the first party has at most :math:`x^s`, too
    little; for :math:`\rho\le s` the other at least its :math:`x^s`, too much. The best split has
    both miss the same; it is sought in floats, and what it proves is enclosed.
    """
    (x, y), (other_x, other_y) = low, high
    a, b = largest, smallest
    for _ in range(50):
        s = (a + b) / 2
        too_little, too_much = float(y) - float(x) ** s, float(other_x) ** s - float(other_y)
        a, b = (s, b) if too_little < too_much else (a, s)
    s_exact = _arb(Fraction(a))
    misses = (
        _enclosed(lambda: _arb(y) - _arb(x) ** s_exact),
        _enclosed(lambda: _arb(other_x) ** s_exact - _arb(other_y)),
    )
    return max(min(_rational(miss.lower()) for miss in misses), Fraction(0))


def _enclosed(compute: Callable[[], arb]) -> arb:
    """A ball that contains the result, to some 30 digits."""
    with ctx.workprec(128):
        return compute()


def _arb(x: Fraction) -> arb:
    return arb(fmpq(x.numerator, x.denominator))


def _rational(x: arb) -> Fraction:
    """An end of a ball, which is a binary fraction, as it is."""
    q = x.fmpq()
    return Fraction(int(q.p), int(q.q))


# --- checks --------------------------------------------------------------------------------------


def _checked(values: Table) -> Vector:
    v = tuple(map(_fraction, values))
    count_parties(len(v))
    if v[0] != 0:
        raise ValueError(f"values: the empty coalition has value {v[0]}, it must be 0")
    if v[-1] <= 0:
        raise ValueError(f"values: v(N) = {v[-1]}, there is nothing to share, need v(N) > 0")
    return v


def _fraction(x: object) -> Fraction:
    number = x.item() if isinstance(x, np.generic) else x
    if not isinstance(number, Rational | float) or not math.isfinite(number):
        raise ValueError(f"values: {x!r}, need finite numbers")
    return Fraction(number)


def _relative_shares(v: Vector) -> Vector:
    """Shapley values over the largest; it is positive because they sum to :math:`v(N) > 0`."""
    phi = exact.shapley_values(v)
    for i, x in enumerate(phi):
        if x < 0:
            raise ValueError(
                f"values: party {i + 1} has a negative Shapley value {float(x):.4g}, so it has no "
                "ρ-Shapley value; use the monotone hull"
            )
    return tuple(x / max(phi) for x in phi)
