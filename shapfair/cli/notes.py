"""What the command line says when it is stopped."""

import contextlib
from collections.abc import Iterator, Sequence

_notes: list[str] = []


def stopped(notes: Sequence[str] = _notes) -> str:
    """The last line of a command that was stopped.

    Args:
        notes: of which the last is said; by default those that stand now.
    """
    return ": ".join(["shapfair: stopped", *notes[-1:]])


@contextlib.contextmanager
def if_stopped(note: str) -> Iterator[None]:
    """Say this, what is kept and how to go on, if the command is stopped within the block."""
    from shapfair import escapes  # late: this module has to load fast

    note = escapes.line(note)
    _notes.append(note)
    try:
        yield
    except KeyboardInterrupt as stop:
        stop.add_note(note)
        raise
    finally:
        _notes.remove(note)
