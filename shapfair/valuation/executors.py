"""What differs between executors: the pools of the standard library, and Dask's.

Dask is an extra, so nothing of it is imported before one of its executors is there.
"""

import ctypes
import logging
import os
import pickle
import sys
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any

from shapfair import escapes
from shapfair.valuation.protocol import Valuation


class WorkerLost(OSError):
    """A job killed its worker, or there are no workers any more; the message says which."""


def client_of(executor: Executor) -> Any:
    """The Dask client of an executor, None of any other kind."""
    is_dask = type(executor).__module__.partition(".")[0] == "distributed"
    return executor._client if is_dask else None  # type: ignore[attr-defined]


def shared(executor: Executor, valuation: Valuation) -> Any:
    """What to pass to a worker for the valuation, which may hold all the data.

    Dask gets it once, as a task: each of its workers fetches it once from another, and if all are
    lost the scheduler has it, as bytes that it does not read. Threads share it; to processes it
    goes with every batch.
    """
    client = client_of(executor)
    if client is None:
        return valuation
    import cloudpickle
    import dask

    # The warning is for those who send the data with every task.
    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TB"}):
        return client.submit(pickle.loads, cloudpickle.dumps(valuation), pure=False)


def count_workers(executor: Executor) -> int:
    """How many jobs or batches the executor works on at once."""
    client = client_of(executor)
    if client is not None:
        return max(1, sum(client.nthreads().values()))
    return getattr(executor, "_max_workers", None) or os.cpu_count() or 1


def losses(executor: Executor) -> tuple[type[BaseException], ...]:
    """What a future raises whose worker died; Dask has then tried it on several."""
    if client_of(executor) is None:
        return (BrokenExecutor,)
    from distributed import KilledWorker

    return (KilledWorker,)


def renewed(executor: Executor) -> Executor | None:
    """A pool like one that is broken: it never recovers when one of its processes dies.

    None for executors of other kinds.
    """
    if type(executor) is not ProcessPoolExecutor:
        return None
    pool: Any = executor  # it does not say otherwise what it was made from
    end_broken(pool)
    return ProcessPoolExecutor(
        pool._max_workers, pool._mp_context, pool._initializer, pool._initargs
    )


def end_broken(executor: Executor) -> None:
    """End the processes that a broken pool has forgotten.

    A pool of Python 3.11 ends its processes when one dies, but not one that it starts at that
    moment, and then waits for it for ever when it is shut down.
    """
    pool: Any = executor
    if isinstance(executor, ProcessPoolExecutor) and pool._broken:
        for process in list((pool._processes or {}).values()):
            process.kill()


@cache
def keep_memory() -> None:
    """Let this process keep memory that it frees, if it is a worker of Dask on Linux.

    Dask has glibc give every freed block of 64 kB or more back to the system at once. Training
    needs such blocks again at the next step, and took half as much time again for that.
    """
    if sys.platform == "linux" and os.environ.get("MALLOC_TRIM_THRESHOLD_") == "65536":
        set_option = getattr(ctypes.CDLL(None), "mallopt", lambda option, value: None)
        for option, value in ((-1, 128 << 20), (-3, 32 << 20)):  # M_TRIM_ and M_MMAP_THRESHOLD
            set_option(option, value)


@contextmanager
def connected(scheduler: str) -> Iterator[Executor]:
    """The executor of a running Dask cluster.

    Args:
        scheduler: its address, such as ``tcp://10.0.0.1:8786``.

    Raises:
        ValueError: if Dask is not installed.
        WorkerLost: if nobody answers there.
    """
    try:
        from distributed import Client
    except ImportError:
        raise ValueError(
            "a scheduler needs Dask, which is not installed: pip install 'shapfair[cluster]'"
        ) from None
    # What its client has to say of a lost connection is said here, in one line.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    try:
        client = Client(scheduler)
    except (OSError, ValueError) as error:
        raise WorkerLost(f"scheduler {scheduler}: cannot be reached ({error})") from error
    try:
        if not client.nthreads():
            waiting = f"shapfair: waiting for a worker at {scheduler}"
            print(escapes.line(waiting), file=sys.stderr)
        yield client.get_executor(pure=False)
    finally:
        client.close(timeout=2)
