"""What runs on a worker: batches of jobs, sent there and back."""

import os
import pickle
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shapfair.valuation import executors
from shapfair.valuation.protocol import Job, Valuation
from shapfair.valuation.provenance import origin_of

DEVICES = "SHAPFAIR_DEVICES"
"""Variable of the environment with the devices a process may use; a worker takes 1 without it."""


@dataclass(frozen=True)
class Survey:
    """What a worker says of itself before it gets work."""

    capacity: int
    provenance: dict[str, Any]


@dataclass(frozen=True)
class Report:
    """What comes back from a batch: values with seconds, errors, what it took, and by whom."""

    values: list[tuple[Job, float, float]]
    errors: list[tuple[Job, Exception]]
    work: dict[str, int]
    seconds: float
    origin: dict[str, Any]


def survey(valuation: Valuation, own_process: bool) -> Survey:
    """Runs on a worker: how much it can do at once, and with what."""
    _settle_in(own_process)
    return Survey(valuation.capacity(), valuation.provenance())


def evaluate_batch(valuation: Valuation, jobs: Sequence[Job], own_process: bool) -> Report:
    """Runs on a worker: find the values of some jobs."""
    _settle_in(own_process)
    start = time.perf_counter()
    values: dict[Job, tuple[float, float]] = {}
    errors: dict[Job, Exception] = {}

    def finished(job: Job, value: float, seconds: float) -> None:
        values[job] = value, seconds

    def failed(job: Job, error: Exception) -> None:
        errors[job] = _portable(error) if own_process else error

    work = valuation.evaluate(
        jobs,
        finished,
        failed,
        is_finished=lambda job: job in values or job in errors,
        stepped=lambda steps: None,
    )
    seconds = time.perf_counter() - start
    found = [(job, *value) for job, value in values.items()]
    return Report(found, list(errors.items()), dict(work), seconds, origin_of(valuation))


def _settle_in(own_process: bool) -> None:
    """A worker is one of several on its machine: it must not take all the cores."""
    if own_process:
        os.environ.setdefault(DEVICES, "1")
        executors.keep_memory()


def _portable(error: Exception) -> Exception:
    """The error with its traceback in words; a stand-in if it would not survive the way back."""
    error.add_note("on a worker:\n" + "".join(traceback.format_exception(error)).rstrip())
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # whatever its class does when it is taken apart or put together
        stand_in = RuntimeError(f"{type(error).__name__}: {error}")
        stand_in.__notes__ = error.__notes__
        return stand_in
    return error
