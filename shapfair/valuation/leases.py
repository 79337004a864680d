"""Who is at which job, so that processes that share a store share the work.

A lease lasts a minute and is renewed while its process works. If that process dies, its leases are
free at once for others on the same machine, and after that minute for those on other machines.
Clocks may be wrong: then at worst a coalition is valued twice, and the first value counts.
"""

import os
import socket
import threading
import time
from collections.abc import Sequence
from uuid import uuid4

from shapfair.valuation.protocol import Job
from shapfair.valuation.store import Store, StoreError

LEASE = 60.0
"""Seconds for which a job is taken."""

TRUSTED = 10 * LEASE
"""A lease that ends later than that from now was written under another clock; it does not count."""


class Leases:
    """The leases of one run, as a context; leaving it gives them back.

    Args:
        store: values of the run.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex}"
        self._over = threading.Event()
        self._renewal = threading.Thread(target=self._renew, name="leases", daemon=True)

    def take(self, jobs: Sequence[Job]) -> list[Job]:
        """Those of the jobs that have no value yet and that no other living process is at.

        They are this process's now. One transaction.
        """
        store = self._store
        if store.in_memory:
            return [job for job in jobs if store.get(job.seed, job.coalition) is None]
        with store.transaction():
            taken = [job for job in jobs if self._is_free(job)]
            for job in taken:
                store.execute(
                    "INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?, ?)",
                    (store.key, job.seed, job.coalition, self._owner, time.time() + LEASE),
                )
        return taken

    def _is_free(self, job: Job) -> bool:
        if self._store.get(job.seed, job.coalition) is not None:
            return False
        rows = self._store.execute(
            "SELECT owner, ends FROM leases WHERE digest = ? AND seed = ? AND coalition = ?",
            (self._store.key, job.seed, job.coalition),
        )
        return not any(owner != self._owner and _counts(owner, ends) for owner, ends in rows)

    def _renew(self) -> None:
        while not self._over.wait(LEASE / 4):
            try:
                self._store.execute(
                    "UPDATE leases SET ends = ? WHERE owner = ?",
                    (time.time() + LEASE, self._owner),
                )
            except StoreError:  # what ends the run is said by whoever puts a value
                continue

    def __enter__(self) -> "Leases":
        if not self._store.in_memory:
            self._renewal.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._store.in_memory:
            return
        self._over.set()
        self._renewal.join()
        try:
            self._store.execute("DELETE FROM leases WHERE owner = ?", (self._owner,))
            self._store.clear_journal()
        except StoreError:  # they end by themselves; an error that is under way counts more
            pass


def _counts(owner: str, ends: float) -> bool:
    """Whether the process that holds a lease seems to be alive."""
    now = time.time()
    if not now < ends < now + TRUSTED:
        return False
    host, pid, _ = owner.rsplit(":", 2)
    return host != socket.gethostname() or _is_running(int(pid))


def _is_running(pid: int) -> bool:
    if os.name != "posix":  # elsewhere the signal 0 is not a question
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
