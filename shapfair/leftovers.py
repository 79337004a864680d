"""What has to go when the process ends: unfinished files, folders, processes of ours.

Whoever has something that must not outlive the process holds it by :func:`temporary`. It goes when
its block ends; if the process is ended on the spot, :func:`clear_all` takes away what is left.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

Thing = TypeVar("Thing")

undisturbed = threading.RLock()
"""Held for the moment of a change that should not be cut in two, such as a commit."""

_left: dict[object, Callable[[], object]] = {}


@contextlib.contextmanager
def temporary(make: Callable[[], Thing], clear: Callable[[Thing], object]) -> Iterator[Thing]:
    """What ``make`` makes, until ``clear`` takes it away at the end of the block.

    Args:
        make: makes the thing; takes a moment.
        clear: takes it away, also if it is gone already.
    """
    key = object()
    with undisturbed:  # nothing is ever there and not on the list
        thing = make()
        _left[key] = partial(clear, thing)
    try:
        yield thing
    finally:
        with undisturbed:
            del _left[key]
            clear(thing)


def clear_all(seconds: float) -> None:
    """Take away what is left, for good: whoever wants to make or change something waits for ever.

    Args:
        seconds: how long to wait for a change that is under way.
    """
    undisturbed.acquire(timeout=seconds)
    for clear in reversed(list(_left.values())):
        with contextlib.suppress(Exception):
            clear()
