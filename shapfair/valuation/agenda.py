"""The agenda of a run: what is left to do, what was done, and what failed."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from shapfair.coalitions import coalition_name, members
from shapfair.valuation.evaluation import Failure
from shapfair.valuation.leases import Leases
from shapfair.valuation.progress import Progress
from shapfair.valuation.protocol import Job
from shapfair.valuation.store import Store

OnError = Literal["raise", "record"]

PATIENCE = 0.25
"""Seconds between two looks at the store while other processes are at all that is left."""


class Agenda:
    """Jobs of a run; whoever does them reports here.

    Args:
        jobs: all jobs, in the order to start them.
        parties: names, for messages.
        store: where values go.
        leases: who is at which job.
        progress: what is shown meanwhile.
        retries: how often a job that fails is tried again.
        on_error: whether a job that has failed for good ends the run.

    Attributes:
        made: the jobs whose values this run has found.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        parties: Sequence[str],
        store: Store,
        leases: Leases,
        progress: Progress,
        retries: int,
        on_error: OnError,
    ) -> None:
        self._jobs, self._parties = jobs, parties
        self._store, self._leases, self._progress = store, leases, progress
        self._retries, self._on_error = retries, on_error
        self._lock = threading.Lock()
        self._tries: Counter[Job] = Counter()
        self.made: set[Job] = set()
        self._errors: dict[Job, Exception] = {}  # of jobs that have failed for good

    def rounds(self) -> Iterator[list[Job]]:
        """What is left to do, until nothing is.

        A second round has the jobs that are to be tried again and those that another process was
        at; while it is at all that is left, this one waits.
        """
        while jobs := self.left():
            before = len(self.made) + self._tries.total()
            yield jobs
            if len(self.made) + self._tries.total() == before:
                time.sleep(PATIENCE)

    def left(self) -> list[Job]:
        """Jobs without a value that have not failed for good."""
        there = self._store.keys()
        done = [job for job in self._jobs if (job.seed, job.coalition) in there]
        self._progress.known(done)
        return [
            job
            for job in self._jobs
            if (job.seed, job.coalition) not in there and job not in self._errors
        ]

    def skips(self, job: Job) -> bool:
        """Whether not to start a job: it is done, or another process is at it."""
        return not self.take([job])

    def take(self, jobs: Sequence[Job]) -> list[Job]:
        """Those of the jobs that are this process's to start."""
        return [job for job in self._leases.take(jobs) if job not in self._errors]

    def sign_in(self, origin: Mapping[str, Any]) -> str:
        """Note what is known of a process that finds values, see :meth:`finished`."""
        return self._store.sign_in(origin)

    def finished(self, job: Job, value: float, seconds: float, origin: str) -> None:
        """Keep a value, with the seconds that it took and who found it."""
        if self._store.put(job.seed, job.coalition, value, seconds, origin):
            with self._lock:
                self.made.add(job)
        self._progress.finished()

    def failed(self, job: Job, error: Exception) -> None:
        """Note a failure; the job will be in the next round if it may be tried again.

        Raises:
            Exception: the error, with a note of the job, if that ends the run.
        """
        with self._lock:
            self._tries[job] += 1
            if self._tries[job] <= self._retries:
                return
            if self._on_error == "raise":
                error.add_note(f"while valuing {self.name(job)}")
                raise error
            self._errors[job] = error

    def failures(self) -> tuple[Failure, ...]:
        """What has failed for good."""
        return tuple(
            Failure(tuple(self._parties[i] for i in members(job.coalition)), job.seed, error)
            for job, error in self._errors.items()
        )

    def stepped(self, steps: int) -> None:
        """Advance the progress bar."""
        self._progress.advance(steps)

    def name(self, job: Job) -> str:
        """A job in words, such as ``coalition {A, C}, seed 0``."""
        return f"coalition {coalition_name(job.coalition, self._parties)}, seed {job.seed}"
