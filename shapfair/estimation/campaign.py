"""A campaign: value coalitions by a design until a budget or a precision is reached."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Literal

import numpy as np

from shapfair.estimation.active import batches
from shapfair.estimation.completion import check_memory
from shapfair.estimation.design import always, least, paired_design, random_design
from shapfair.estimation.known import PartialTable, check_range
from shapfair.estimation.remarks import ENOUGH, Design
from shapfair.estimation.result import Estimate
from shapfair.estimation.weights import MAX_PARTIES
from shapfair.valuation.functions import Score, ScoreValuation
from shapfair.valuation.protocol import Valuation
from shapfair.valuation.run import check_count, find

ENUMERATED = 7
"""Most parties for which all coalitions are valued unless a budget says otherwise."""

GROWTH = 1.5
"""By how much the budget grows from one look at the precision to the next."""

LOOKS = 10
"""Most looks at the precision."""


def estimate(
    score_or_valuation: Score | Valuation,
    parties: Sequence[str] = (),
    *,
    evaluations: int | None = None,
    precision: float | int | None = None,
    design: Literal["random", "active"] = "random",
    seed: int = 0,
    seeds: Sequence[int] = (0,),
    name: str | None = None,
    store: str | Path = ":memory:",
    executor: Executor | None = None,
) -> Estimate:
    """Flows and payoffs with intervals, from the values of some coalitions.

    >>> from shapfair.estimation import estimate
    >>> parties = [f"clinic {i}" for i in range(12)]
    >>> def score(members, seed):
    ...     return 1 - 0.8 ** len(members)
    >>> found = estimate(score, parties, evaluations=240)
    >>> bool(abs(found.payoffs).max() < 0.005)
    True
    >>> round(found.share, 3)
    0.059

    Like :func:`shapfair.evaluate` it keeps every value in the store, goes on where it was if it was
    stopped, and takes any executor. A larger budget with the same ``seed`` continues the design of
    a smaller one.

    Args:
        score_or_valuation: a function ``score(party_names, seed)``, see :func:`shapfair.evaluate`,
            or a valuation such as an experiment.
        parties: names of 2 to 64 parties; an experiment knows its own.
        evaluations: most coalitions to value under every seed; by default all for up to 7 parties,
            else 20 a party.
        precision: stop as soon as all payoffs are known to so much: the half width of simultaneous
            95 % intervals is no more, and every payoff differs by less from the estimate before. It
            is looked at for preset budgets that grow by a half each, from 20 evaluations a party
            on; the estimate before the first of them, from two thirds of its budget, cannot stop
            the run.
        design: ``"random"`` has intervals for any game; ``"active"`` needs fewer coalitions
            where the surrogate is right, and has no certificate.
        seed: of the design.
        seeds: of the trainings; the values under several are averaged and show the noise.
        name: version of the score, needed for a store that is kept.
        store: file of finished values; the default keeps them in memory alone.
        executor: where the values are found; by default here.

    Raises:
        ValueError: if an argument is wrong, the budget does not suffice for single parties and all,
            or there is not the memory for it; also if the values are too large or too small.
        MissingExtra: (an ``ImportError``) without SciPy, unless all coalitions are valued.
        Exception: whatever the score raises; a coalition that fails is never left out.
    """
    valuation = _valuation(score_or_valuation, parties, name, store)
    n = len(valuation.parties)
    budgets = _budgets(n, evaluations, precision, design)
    known: dict[int, list[float]] = {}
    seconds = 0.0

    def value(coalitions: Sequence[int]) -> None:
        nonlocal seconds
        if new := [c for c in coalitions if c not in known]:
            result = find(valuation, new, seeds, store=store, executor=executor)
            seconds += sum(maker.seconds for maker in result.makers)
            known.update({c: [result.values[s, c] for s in result.seeds] for c in new})
            check_range(np.array(list(known.values())))

    looks, before = max(1, len(budgets) - 1), None
    for budget in budgets:
        if budget < 2**n - 1:
            check_memory(n, budget, "evaluations")
        check_count(len(seeds), budget)
        chosen: Design = design if least(n) <= budget else "paired"
        order = _value_all(n, budget, chosen, seed, known, value)
        table = PartialTable(valuation.parties, tuple(order), np.array([known[c] for c in order]).T)
        found = Estimate.from_table(table, design=chosen, seed=seed, looks=looks, seconds=seconds)
        if precision is not None and before is not None:
            change = float(np.max(np.abs(found.payoffs - before)))
            if found.margin <= precision and change < precision:
                break
        before = found.payoffs
    return found


def _value_all(
    n: int,
    budget: int,
    design: Design,
    seed: int,
    known: dict[int, list[float]],
    value: Callable[[Sequence[int]], None],
) -> list[int]:
    """Value the coalitions of a budget, and say which they are."""
    if budget >= 2**n - 1:
        order = list(range(1, 2**n))
    elif design == "active":
        return list(_actively(n, budget, seed, known, value))
    else:
        order = (random_design if design == "random" else paired_design)(n, budget, seed)
    value(order)
    return order


def _actively(
    n: int,
    budget: int,
    seed: int,
    known: dict[int, list[float]],
    value: Callable[[Sequence[int]], None],
) -> Iterator[int]:
    means: dict[int, float] = {}
    for batch in batches(n, budget, seed, means):
        value(batch)
        means |= {c: float(np.mean(known[c])) for c in batch}
        yield from batch


def _valuation(
    given: Score | Valuation, parties: Sequence[str], name: str | None, store: str | Path
) -> Valuation:
    if isinstance(parties, str):
        raise ValueError(f"parties: {parties!r} is one name, need a sequence of names")
    if not isinstance(given, Valuation):
        if name is None and str(store) != ":memory:":
            raise ValueError("name: need one for this version of the score, to keep its values by")
        valuation: Valuation = ScoreValuation(
            given, tuple(parties), "score" if name is None else name
        )
    else:
        valuation = given
        if parties and tuple(parties) != valuation.parties:
            raise ValueError(f"parties: not those of {valuation.name}, leave them out")
    n = len(valuation.parties)
    if not 2 <= n <= MAX_PARTIES:
        raise ValueError(f"parties: {n}, need 2 to {MAX_PARTIES} for an estimate")
    return valuation


def _budgets(
    n: int, evaluations: int | None, precision: float | int | None, design: str
) -> list[int]:
    """The budgets after which an estimate is made, the last of which ends the campaign.

    The first of several is there to compare the second with.
    """
    if design not in ("random", "active"):
        raise ValueError(f"design: {design!r}, need 'random' or 'active'")
    if evaluations is not None and evaluations < len(always(n)):
        raise ValueError(
            f"evaluations: {evaluations}, need at least {len(always(n))} for {n} parties: single "
            "parties and all"
        )
    everything = 2**n - 1
    if precision is None:
        usual = everything if n <= ENUMERATED else ENOUGH * n
        return [min(usual if evaluations is None else evaluations, everything)]
    if not precision > 0:
        raise ValueError(f"precision: {precision}, need a number > 0")
    if design == "active":
        raise ValueError("precision: needs design 'random', an active design has no certificate")
    if n <= ENUMERATED and evaluations is None:
        return [everything]
    most = min(everything if evaluations is None else evaluations, everything)
    looks = [int(ENOUGH * n * GROWTH**k) for k in range(-1, LOOKS)]
    if evaluations is None:
        most = min(most, looks[-1])
    return [*(budget for budget in looks if budget < most), most]
