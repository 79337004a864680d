"""Memory: whether there is enough of it, asked before work that needs much.

Whoever runs out of memory half-way is killed by the system, and so may be others on its machine.
"""

import os
from collections.abc import Iterator
from pathlib import Path

try:
    import resource
except ImportError:  # not a POSIX system
    resource = None  # type: ignore[assignment]

SMALL = 1 << 26
"""What needs no more than that, 64 MiB, is not asked."""

_SYSTEM = Path("/")
"""Where the files of Linux begin that tell of memory."""


def check(needed: int, what: str, advice: str) -> None:
    """Refuse what does not fit into the memory that there is.

    Args:
        needed: bytes.
        what: what needs them, as the message begins.
        advice: what can be done instead.

    Raises:
        ValueError: if there is less; the message says how much is needed and how much there is.
    """
    if needed <= SMALL:
        return
    there = available()
    if there is not None and needed > there:
        raise ValueError(f"{what}: {gib(needed)} of memory needed, {gib(there)} there: {advice}")


def check_address_space(needed: int, what: str) -> None:
    """Refuse what does not fit into the address space that ``RLIMIT_AS`` leaves.

    That is more than memory: libraries reserve much that they never use, and some crash if they do
    not get it.

    Args:
        needed: bytes.
        what: what needs them, as the message begins.

    Raises:
        ValueError: if there is less; the message says how much is needed and how much there is.
    """
    there = next(_of_limit(), None)
    if there is not None and needed > there:
        raise ValueError(
            f"{what}: {gib(needed)} of address space needed, {gib(there)} left: raise the limit "
            "(`ulimit -v`)"
        )


def available() -> int | None:
    """Bytes that this process may still take; None where the system does not tell.

    The least of what the machine has free, what a container of Linux leaves, and ``RLIMIT_AS``.
    """
    return min((*_of_machine(), *_of_container(), *_of_limit()), default=None)


def gib(amount: int) -> str:
    """Bytes for people, such as ``1.5 GiB``."""
    return f"{amount / 2**30:,.1f} GiB"


def _of_machine() -> Iterator[int]:
    try:
        lines = (_SYSTEM / "proc/meminfo").read_text().splitlines()
        yield next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):  # not Linux: then what is there, used or not
        names = getattr(os, "sysconf_names", {})
        if "SC_PHYS_PAGES" in names and "SC_PAGE_SIZE" in names:
            yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _of_container() -> Iterator[int]:
    """What the groups of this process (cgroup v2) leave; caches of files are given back."""
    try:
        groups = (_SYSTEM / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for group in (line.removeprefix("0::/") for line in groups if line.startswith("0::/")):
        own = _SYSTEM / "sys/fs/cgroup" / group
        for folder in [own, *own.parents][: len(Path(group).parts) + 1]:
            try:
                most = int((folder / "memory.max").read_text())
                used = dict(line.split() for line in (folder / "memory.stat").open())["anon"]
                yield max(0, most - int(used))
            except (OSError, ValueError, KeyError):  # no such file, or no limit: "max"
                continue


def _of_limit() -> Iterator[int]:
    if resource is None:
        return
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    if most != resource.RLIM_INFINITY:
        try:
            used = int((_SYSTEM / "proc/self/statm").read_text().split()[0])
        except OSError:
            used = 0
        yield max(0, most - used * resource.getpagesize())
