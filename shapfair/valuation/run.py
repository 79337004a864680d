"""A run: find the values of coalitions, and keep each as soon as it is known."""

import operator
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from shapfair import memory
from shapfair.coalitions import check_party_count
from shapfair.valuation.agenda import Agenda, OnError
from shapfair.valuation.database import BITS
from shapfair.valuation.evaluation import Evaluation, Maker, Outcome
from shapfair.valuation.leases import Leases
from shapfair.valuation.progress import Progress
from shapfair.valuation.protocol import Valuation
from shapfair.valuation.record import Record
from shapfair.valuation.store import Store
from shapfair.valuation.workers import Here, Workers

MOST_VALUES = 10_000_000
"""Most values of a run."""

BYTES = 2_000
"""Memory that a value takes while its run lasts, measured with a store in memory."""


def run(
    valuation: Valuation,
    seeds: Sequence[int] = (0,),
    *,
    coalitions: Iterable[int] | None = None,
    store: str | Path = ":memory:",
    executor: Executor | None = None,
    window: int | None = None,
    retries: int = 0,
    on_error: OnError = "raise",
) -> Evaluation:
    """Find the value of every coalition under every seed, and keep each as soon as it is known.

    Shows a progress bar on a terminal. A run that was stopped goes on where it was when it is
    called again with the same store. Processes that run at the same time on one store share the
    work. Needs a table of ``2**n`` numbers a seed.

    Args:
        valuation: what coalitions are worth.
        seeds: seeds of the runs, each a row of the value table.
        coalitions: the coalitions to value, as bitmasks; by default all.
        store: file of finished values; the default keeps them in memory alone.
        executor: where the work is done; by default in this process. Any executor of
            ``concurrent.futures`` will do, and that of Dask
            (``client.get_executor(pure=False)``). It is the caller's to shut down.
        window: batches that are given to the executor at once, by default 8 a worker.
        retries: how often a coalition that fails is tried again.
        on_error: when it has failed for good, ``"raise"`` its error or ``"record"`` it in
            ``failures`` and go on.

    Raises:
        ValueError: if an argument is wrong, if the values are too many to be found or kept in
            memory (2 kB each), or if the valuation cannot be sent to the executor.
        StoreError: if the store cannot be used.
        WorkerLost: if a coalition kills its worker, or if the executor or its scheduler is gone.
        Exception: whatever the valuation raises, if ``on_error`` is ``"raise"``.
    """
    n = len(valuation.parties)
    check_party_count(n)
    if coalitions is None:
        check_count(len(seeds), 2**n - 1)
    wanted = range(1, 2**n) if coalitions is None else coalitions
    work: Any = {"executor": executor, "window": window, "retries": retries, "on_error": on_error}
    result = find(valuation, wanted, seeds, store=store, **work)
    values = np.full((len(result.seeds), 2**n), np.nan)
    values[:, 0] = 0
    rows = {seed: k for k, seed in enumerate(result.seeds)}
    for (seed, coalition), value in result.values.items():
        values[rows[seed], coalition] = value
    about = {field.name: getattr(result, field.name) for field in fields(Outcome)}
    return Evaluation(valuation=valuation, values=values, **about)


@dataclass(frozen=True)
class Result(Outcome):
    """Values of the coalitions that were asked for, however many parties there are.

    Attributes:
        values: by seed and coalition (bitmask), those that were found.
    """

    values: Mapping[tuple[int, int], float]


def find(
    valuation: Valuation,
    coalitions: Iterable[int],
    seeds: Sequence[int] = (0,),
    *,
    store: str | Path = ":memory:",
    executor: Executor | None = None,
    window: int | None = None,
    retries: int = 0,
    on_error: OnError = "raise",
) -> Result:
    """Find the values of some coalitions of up to 64 parties; arguments and errors as :func:`run`.

    No table is made, so that it takes the memory of these values alone.
    """
    start = time.perf_counter()
    parties = valuation.parties
    wanted = _checked_coalitions(coalitions, len(parties), len(seeds))
    seeds = _checked_seeds(seeds)
    _check_counts(window, retries, on_error)
    work: Counter[str] = Counter()
    description, bounds = valuation.description(), valuation.bounds
    with Store(store, description, bounds) as values, Leases(values) as leases:
        jobs = valuation.jobs(wanted, seeds)
        progress = Progress(valuation.name, jobs)
        with progress:
            agenda = Agenda(jobs, parties, values, leases, progress, retries, on_error)
            team: Here | Workers
            if executor is not None and agenda.left():
                team = Workers(valuation, executor, window, store)
            else:
                team = Here(valuation)
            with closing(team):
                for left in agenda.rounds():
                    work.update(team.evaluate(left, agenda))
        asked, strangers = set(wanted), values.strangers()
        records = [record for record in values.records(seeds) if record.coalition in asked]
        makers = _makers(values, records)
    return Result(
        seeds=seeds,
        values={(record.seed, record.coalition): record.value for record in records},
        failures=agenda.failures(),
        work=dict(work),
        origin=team.provenance,
        makers=makers,
        seconds=time.perf_counter() - start,
        found=len(jobs) - len(agenda.made) - len(agenda.failures()),
        strangers=strangers,
    )


def _makers(store: Store, records: Iterable[Record]) -> tuple[Maker, ...]:
    """Who found which of the values, in the order of the first of them."""
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record.origin, []).append(record)
    origins = store.origins()
    makers = (Maker.of(records, origins.get(origin, {})) for origin, records in found.items())
    return tuple(sorted(makers, key=lambda maker: maker.first))


def check_count(seeds: int, coalitions: int) -> None:
    """Refuse more values than a run can find, before anything is made for them.

    Raises:
        ValueError: naming how many there are and the limit, or the memory needed.
    """
    count = seeds * coalitions
    what = f"seeds: {seeds:,} seeds times {coalitions:,} coalitions are {count:,} values to find"
    if count > MOST_VALUES:
        raise ValueError(f"{what}, the limit is {MOST_VALUES:,}: take fewer")
    memory.check(count * BYTES, what, "take fewer")


def _checked_coalitions(coalitions: Iterable[int], n: int, seeds: int) -> list[int]:
    if n > BITS:
        raise ValueError(f"parties: {n}, need at most {BITS}")
    wanted = list(dict.fromkeys(map(operator.index, coalitions)))
    check_count(seeds, len(wanted))
    for coalition in wanted:
        if not 0 < coalition < 2**n:
            raise ValueError(
                f"coalitions: {coalition}, need bitmasks from 1 to {2**n - 1} for {n} parties "
                "(the empty coalition is worth 0 and is not valued)"
            )
    return wanted


def _checked_seeds(seeds: Sequence[int]) -> tuple[int, ...]:
    wanted = tuple(map(operator.index, seeds))
    if not wanted or len(set(wanted)) < len(wanted):
        given = f"{wanted}" if len(wanted) < 100 else f"{len(wanted):,} of them"
        raise ValueError(f"seeds: {given}, need at least one, each once")
    return wanted


def _check_counts(window: int | None, retries: int, on_error: str) -> None:
    if window is not None and window < 1:
        raise ValueError(f"window: {window}, need at least 1")
    if retries < 0:
        raise ValueError(f"retries: {retries}, need 0 or more")
    if on_error not in ("raise", "record"):
        raise ValueError(f"on_error: {on_error!r}, need 'raise' or 'record'")
