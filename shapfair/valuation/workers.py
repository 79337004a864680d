"""Jobs on the workers of an executor: threads, processes, or the machines of a Dask cluster.

Jobs go out in batches. A batch has at least as many jobs as a worker does side by side, and lasts
about a second: long beside the way there, short if it is lost. This process alone writes the store.
"""

import math
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from shapfair.valuation import executors
from shapfair.valuation.agenda import Agenda
from shapfair.valuation.batches import Report, Survey, evaluate_batch, survey
from shapfair.valuation.executors import WorkerLost
from shapfair.valuation.protocol import Job, Valuation
from shapfair.valuation.provenance import origin_of

T = TypeVar("T")

BATCH_SECONDS = 1.0
"""How long a batch is meant to last."""

BATCHES_A_WORKER = 8
"""Batches under way for each worker; 20,000 empty jobs on Dask took 81 MB so, all at once 138."""


class Here:
    """This process, in the place of workers.

    Args:
        valuation: what coalitions are worth.
    """

    def __init__(self, valuation: Valuation) -> None:
        self._valuation = valuation
        self.provenance = valuation.provenance()
        self._origin = origin_of(valuation)

    def evaluate(self, jobs: Sequence[Job], agenda: Agenda) -> Mapping[str, int]:
        """Do the jobs, other than those that another process is at, and report to the agenda.

        Returns:
            Amounts of work, as the valuation counts it.

        Raises:
            Exception: whatever the valuation or the agenda raises.
        """
        origin = agenda.sign_in(self._origin)
        return self._valuation.evaluate(
            jobs,
            lambda job, value, seconds: agenda.finished(job, value, seconds, origin),
            agenda.failed,
            is_finished=agenda.skips,
            stepped=agenda.stepped,
        )

    def close(self) -> None:
        """Nothing was started."""


class Workers:
    """An executor, and how its workers are kept busy.

    Args:
        valuation: what coalitions are worth.
        executor: where the work is done.
        window: batches under way at once, by default :data:`BATCHES_A_WORKER` for each worker.
        store: where finished values are, for messages.

    Raises:
        ValueError: if the valuation cannot be sent to a worker.
        WorkerLost: if there are no workers any more.
    """

    def __init__(
        self, valuation: Valuation, executor: Executor, window: int | None, store: str | Path
    ) -> None:
        self._name, self._store = valuation.name, store
        self._given = self._executor = executor
        self._own_process = not isinstance(executor, ThreadPoolExecutor)
        self._losses = executors.losses(executor)
        found = self._survey(valuation)
        self.provenance, self._capacity = found.provenance, found.capacity
        self._count = executors.count_workers(executor)
        self._window = window or BATCHES_A_WORKER * self._count
        self._seconds, self._steps = 0.0, 0  # of all batches so far

    def _survey(self, valuation: Valuation) -> Survey:
        try:
            self._valuation = executors.shared(self._executor, valuation)
            return self._submit(survey).result()
        except WorkerLost:
            raise
        except CancelledError as error:
            raise self._gone() from error
        except self._losses as error:
            raise self._gone() from error
        except Exception as error:
            raise ValueError(
                f"executor: {self._name!r} does not work on its workers "
                f"({type(error).__name__}: {error}): they need the same packages as this process, "
                "and a score from the top level of a module"
            ) from error

    def evaluate(self, jobs: Sequence[Job], agenda: Agenda) -> Mapping[str, int]:
        """Do the jobs, other than those that another process is at, and report to the agenda.

        If a worker is lost, the jobs that it may have been at are done one at a time, so that a
        job which kills its worker is alone then, and known.

        Returns:
            Amounts of work, as the valuation counts it.

        Raises:
            WorkerLost: if the executor or its scheduler is gone; else what the agenda raises.
        """
        queue, under_way = deque(jobs), dict[Future[Report], list[Job]]()
        self._work = Counter[str]()
        try:
            while queue or under_way:
                self._fill(queue, under_way, agenda)
                if lost := self._collect(under_way, agenda):
                    # A pool begins batches in their order: its workers were at the first of them.
                    for job in chain(*lost[: self._count]):
                        self._do_alone(job, agenda)
                    queue.extendleft(reversed(list(chain(*lost[self._count :]))))
        finally:  # after an error or Ctrl-C
            for future in under_way:
                future.cancel()
        return self._work

    def close(self) -> None:
        """Stop what was started here; the executor that was given is its owner's."""
        executors.end_broken(self._executor)
        if self._executor is not self._given:
            self._executor.shutdown(wait=False, cancel_futures=True)

    def _fill(
        self, queue: deque[Job], under_way: dict[Future[Report], list[Job]], agenda: Agenda
    ) -> None:
        """Give out batches up to the window; two a worker while their length is not known."""
        most = self._window if self._steps else min(self._window, 2 * self._count)
        while queue and len(under_way) < most:
            if batch := agenda.take(self._next_batch(queue)):
                under_way[self._submit(evaluate_batch, batch)] = batch

    def _collect(
        self, under_way: dict[Future[Report], list[Job]], agenda: Agenda
    ) -> list[list[Job]]:
        """Receive at least one batch; if one is lost, all, so that nothing is under way then.

        Returns:
            The batches that are lost, in their order.
        """
        lost: list[list[Job]] = []
        while under_way:
            done = wait(under_way, return_when=FIRST_COMPLETED).done
            for future in [future for future in under_way if future in done]:
                batch = under_way.pop(future)
                if not self._receive(future, agenda):
                    lost.append(batch)
            if not lost:
                break
        return lost

    def _do_alone(self, job: Job, agenda: Agenda) -> None:
        """Do a job while nothing else is under way: if its worker dies now, that is its doing."""
        if agenda.take([job]) and not self._receive(self._submit(evaluate_batch, [job]), agenda):
            agenda.failed(
                job,
                WorkerLost(
                    f"{agenda.name(job)}: its worker died, also with nothing else to do: it may "
                    "need more memory than there is, or something in it ends the process"
                ),
            )

    def _submit(self, function: Callable[..., T], *arguments: Any) -> Future[T]:
        everything = (function, self._valuation, *arguments, self._own_process)
        try:
            return self._executor.submit(*everything)
        except Exception as error:
            # A pool that breaks while it starts a process says so by an OSError.
            broken = isinstance(error, BrokenExecutor | OSError)
            pool = executors.renewed(self._executor) if broken else None
            if pool is None:
                raise self._gone() from error
            self.close()
            self._executor = pool
            return pool.submit(*everything)

    def _next_batch(self, queue: deque[Job]) -> list[Job]:
        """The next jobs: as many as a worker does at once, or more if they are short and many."""
        most = max(self._capacity, len(queue) // (2 * self._count))
        pace = self._seconds / self._steps if self._steps else math.inf
        batch, seconds = [queue.popleft()], 0.0
        while queue and len(batch) < most:
            seconds += batch[-1].steps * pace
            if len(batch) >= self._capacity and seconds > BATCH_SECONDS:
                break
            batch.append(queue.popleft())
        return batch

    def _receive(self, future: Future[Report], agenda: Agenda) -> bool:
        """Report the outcome of a batch; false if it has none because its worker died."""
        try:
            report = future.result()
        except self._losses:
            return False
        except CancelledError as error:
            raise self._gone() from error
        origin = agenda.sign_in(report.origin)
        for job, value, seconds in report.values:
            agenda.finished(job, value, seconds, origin)
            agenda.stepped(job.steps)
            self._steps += job.steps
        self._seconds += report.seconds
        self._work.update(report.work)
        for job, reason in report.errors:
            agenda.failed(job, reason)
        return True

    def _gone(self) -> WorkerLost:
        kept = (
            "nothing is kept without a store"
            if str(self._store) == ":memory:"
            else f"what is finished is in {self._store}, run again to go on"
        )
        return WorkerLost(f"executor: its workers or their scheduler are gone: {kept}")
