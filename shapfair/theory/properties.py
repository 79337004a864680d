r"""Schemes against properties: every cell of the table is searched for a counterexample.

The games are those of the paper, monotone with :math:`v(\emptyset)=0` and :math:`v(N)>0`, with
small integer values, all of them up to a bound and in a fixed order: fewer parties first, then the
smaller :math:`v(N)`, then the smaller sum of all values, then the table in lexicographic order;
pairs of games by the sums of these. So a counterexample that is found is the smallest. That none is
found is a proof for these games; the page of the book proves it for all, but for the cells that are
:data:`UNPROVEN`. No scheme looks at the names of parties, so one game stands for all that differ by
names.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any, Literal

from shapfair.coalitions import members
from shapfair.games import IntegerTable, renamed, small_games
from shapfair.theory.axioms import Verdict, balance, dummy_party, linearity, symmetry
from shapfair.theory.axioms.verdict import coalition, first_failure, text
from shapfair.theory.replication import replicate
from shapfair.theory.schemes import ZERO_BUDGETS, Rewards, Scheme

Answer = Literal["yes", "none found", "no", "does not apply"]

SINGLES = ((2, 4), (3, 2), (4, 1))
"""Numbers of parties, and the largest grand value of their games that are searched one by one."""
PAIRS = ((2, 2), (3, 1))
"""The same for pairs of games, which linearity is about."""
_SAMPLE = (0, 1, 1, 1)
"""Any game; tells whether a scheme gives payoffs, models or both."""
UNPROVEN = frozenset({(ZERO_BUDGETS.name, "replication")})
"""Cells without a counterexample in the search and without a proof for all games."""


@dataclass(frozen=True)
class Property:
    """A property that a scheme may have.

    Attributes:
        name: a word or two for tables.
        needs: the part of the :class:`~shapfair.theory.schemes.Rewards` that it speaks of, if only
            one.
        bounds: numbers of parties and bounds of :math:`v(N)` of the games that are searched.
        check: whether it holds in one game, or for two games together.
    """

    name: str
    needs: Literal["payoffs", "model_values"] | None
    bounds: tuple[tuple[int, int], ...]
    check: Callable[..., Verdict]


@dataclass(frozen=True)
class Cell:
    """What the search says of a scheme and a property.

    Attributes:
        scheme: name of the scheme.
        property: name of the property.
        answer: ``"yes"`` or, for :data:`UNPROVEN` ones, ``"none found"`` if no game of the search
            breaks it.
        counterexample: the smallest game that breaks it, or pair of games; empty if there is none.
        witness: what breaks it, or why it does not apply, in words.
        searched: number of games, or pairs, that were looked at.
    """

    scheme: str
    property: str
    answer: Answer
    counterexample: tuple[IntegerTable, ...] = ()
    witness: str = ""
    searched: int = 0


def cell(scheme: Scheme, prop: Property) -> Cell:
    """Search for the smallest counterexample.

    Cost: the scheme on all games of the search, seconds if there is no counterexample.
    """
    names = scheme.name, prop.name
    if prop.needs and getattr(_rewards(scheme, _SAMPLE), prop.needs) is None:
        missing = {"payoffs": "no payments", "model_values": "no models"}
        return Cell(*names, "does not apply", witness=missing[prop.needs])
    searched = 0
    for games in _search(prop):
        searched += 1
        verdict = prop.check(scheme, *games)
        if not verdict:
            return Cell(*names, "no", games, verdict.witness, searched)
    return Cell(*names, "none found" if names in UNPROVEN else "yes", searched=searched)


def _search(prop: Property) -> Iterator[tuple[IntegerTable, ...]]:
    """Games, or pairs, in order."""
    for n, most in prop.bounds:
        if prop.bounds is not PAIRS:
            yield from ((v,) for v in small_games(n, most))
            continue
        firsts = list(small_games(n, most))
        seconds = sorted({other for v in firsts for other in renamed(v)})
        pairs = product(firsts, seconds)
        yield from sorted(pairs, key=lambda p: (p[0][-1] + p[1][-1], sum(p[0]) + sum(p[1]), p))


# --- the properties ------------------------------------------------------------------------------


@lru_cache(maxsize=2**17)
def _rewards(scheme: Scheme, values: IntegerTable) -> Rewards:
    return scheme(values)


def _parts(scheme: Scheme) -> dict[str, Callable[[Any], Any]]:
    """What a scheme gives, by name, each as a function of the table as predicates want it."""
    parts: dict[str, Callable[[Any], Any]] = {
        "payoff": lambda values: _rewards(scheme, tuple(values)).payoffs,
        "model value": lambda values: _rewards(scheme, tuple(values)).model_values,
    }
    return {word: part for word, part in parts.items() if part(_SAMPLE) is not None}


def _of_each(scheme: Scheme, verdict: Callable[[Callable[[Any], Any]], Verdict]) -> Verdict:
    """Whether a predicate holds for payoffs and for model values, as far as there are any."""
    verdicts = ((word, verdict(part)) for word, part in _parts(scheme).items())
    return first_failure(f"{word}: {found.witness}" for word, found in verdicts if not found)


def _total(scheme: Scheme) -> Callable[[Any], Any]:
    """Payoff and model of every party together."""
    parts = _parts(scheme).values()
    return lambda values: [sum(column) for column in zip(*(p(values) for p in parts), strict=True)]


def _is_balanced(scheme: Scheme, values: IntegerTable) -> Verdict:
    return balance(lambda v: _rewards(scheme, v).payoffs, values)


def _is_symmetric(scheme: Scheme, values: IntegerTable) -> Verdict:
    return _of_each(scheme, lambda part: symmetry(part, values))


def _is_linear(scheme: Scheme, first: IntegerTable, second: IntegerTable) -> Verdict:
    return _of_each(scheme, lambda part: linearity(part, first, second, 2))


def _charges_dummies(scheme: Scheme, values: IntegerTable) -> Verdict:
    verdict = dummy_party(_total(scheme), values, 0)
    return first_failure([f"payoff plus model: {verdict.witness}"] * (not verdict))


def _asks_no_money(scheme: Scheme, values: IntegerTable) -> Verdict:
    return first_failure(
        f"party {i + 1} pays {text(-p)}"
        for i, p in enumerate(_rewards(scheme, values).payoffs or ())
        if p < 0
    )


def _is_rational(scheme: Scheme, values: IntegerTable) -> Verdict:
    return first_failure(
        f"party {i + 1} has a model of {text(m)}, less than its own {values[1 << i]}"
        for i, m in enumerate(_rewards(scheme, values).model_values or ())
        if m < values[1 << i]
    )


def _is_weakly_efficient(scheme: Scheme, values: IntegerTable) -> Verdict:
    best = max(_rewards(scheme, values).model_values or ())
    return first_failure([f"the best model is worth {text(best)}"] * (best != values[-1]))


def _deters_copies(scheme: Scheme, values: IntegerTable) -> Verdict:
    n = len(values).bit_length() - 1
    return first_failure(
        f"party {i + 1} has a {word} of {text(alone)} alone, {text(twice)} with a copy"
        for i in range(n)
        for word, part in _parts(scheme).items()
        for alone, copies in [(part(values)[i], part(replicate(values, i)))]
        # Money adds up; of two models a party uses the better one.
        for twice in [(sum if word == "payoff" else max)((copies[i], copies[-1]))]
        if twice > alone
    )


PROPERTIES = (
    Property("balance", "payoffs", SINGLES, _is_balanced),
    Property("symmetry", None, SINGLES, _is_symmetric),
    Property("linearity", None, PAIRS, _is_linear),
    Property("dummy", None, SINGLES, _charges_dummies),
    Property("budget", "payoffs", SINGLES, _asks_no_money),
    Property("individual rationality", "model_values", SINGLES, _is_rational),
    Property("weak efficiency", "model_values", SINGLES, _is_weakly_efficient),
    Property("replication", None, SINGLES, _deters_copies),
)
"""The properties of the table.

With payoffs :math:`p_i` and model values :math:`m_i`,

- balance: payoffs sum to 0 (Section 3.1);
- symmetry: symmetric parties receive the same (Section 3.1);
- linearity: rewards are linear in :math:`v` (Section 3.1); checked on sums and doubles;
- dummy: a dummy pays for the model that it receives, :math:`p_i = -m_i`, where a reward that the
  scheme does not give counts 0: this is :math:`-v(N)` in Section 3.1 and 0 in App. A;
- budget: nobody has to pay, so parties with zero budgets can take part (Section 4);
- individual rationality: :math:`m_i\\ge v(i)`, from (8);
- weak efficiency: some :math:`m_i = v(N)` (Remark 4.2);
- replication: a party that joins twice has no more in all, and no better model (App. D).
"""


# --- for readers ---------------------------------------------------------------------------------


def describe(values: IntegerTable) -> str:
    """A monotone game by the smallest coalitions of every value: ``{1}: 1, {2}: 2``.

    A coalition is worth the largest value of a listed one that it contains. The number of parties
    is added if some party is in no listed coalition.
    """
    n = len(values).bit_length() - 1
    smallest = [
        c for c in range(1, 2**n) if all(values[c & ~(1 << i)] < values[c] for i in members(c))
    ]
    listed = ", ".join(f"{coalition(c)}: {values[c]}" for c in smallest)
    return (
        listed if set().union(*map(members, smallest)) == set(range(n)) else f"{listed} (n = {n})"
    )
