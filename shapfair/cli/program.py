"""The process behind ``shapfair``: the command, and its end within a moment at Ctrl-C.

Python raises ``KeyboardInterrupt`` only when its main thread takes the next step of Python, which a
compiler or a wait for other threads may put off, and wherever that step is, so that it may get lost
or tear a library apart. So here a thread of its own waits for the signal. It takes away what is
unfinished, says what is kept, and ends the process. Nothing is lost by that: whatever is finished
is already in its file.

This module loads next to nothing, so that it is ready as early as possible.
"""

import contextlib
import os
import signal
import sys
import threading

try:
    import resource
except ImportError:  # not a POSIX system
    resource = None  # type: ignore[assignment]

from shapfair import leftovers
from shapfair.cli.notes import stopped

SECONDS = 1.0
"""How long the last words may take before the process ends without them."""

ROOM = 256 << 20
"""Bytes of address space that Python and NumPy take at most, with one thread."""

ROOM_OF_A_THREAD = 40 << 20
"""What NumPy's library of linear algebra takes for each processor, its stack included."""


def run() -> int:
    """Run the command of the process and return its exit status; 130 after Ctrl-C."""
    _open_what_is_closed()
    if shortage := _shortage():
        print(f"shapfair: error: {shortage}", file=sys.stderr)
        return 2
    ours = _end_at_signals() if os.name == "posix" else {}
    from shapfair.cli.main import main

    status = main()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # which is said already; Python would try again at its end, and say more
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    for number in ours:  # all is done and said; Python would die of a signal while it tidies up
        signal.signal(number, signal.SIG_IGN)
    return status


def _open_what_is_closed() -> None:
    """Make sure that there is somewhere to write to.

    Where a stream of the process is closed, the next file that is opened takes its number, and what
    is printed would go there. What goes to standard output must not get lost, so there every write
    is an error; nobody misses what goes to standard error.
    """
    for number, flags in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)  # it gets the lowest number that is free
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)


def _shortage() -> str:
    """What is wrong with the limit on the process's memory; empty if nothing is.

    Where it is too small for NumPy's libraries, these end the process in words of their own, or
    wait for threads that never came to be.
    """
    if resource is None:
        return ""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    need = ROOM + ROOM_OF_A_THREAD * (os.cpu_count() or 1)
    if limit in (resource.RLIM_INFINITY, -1) or limit >= need:
        return ""
    return f"the limit on memory (ulimit -v) is {limit >> 20} MiB, need {need >> 20} MiB"


def _end_at_signals() -> dict[signal.Signals, object]:
    """End the process at once at Ctrl-C, SIGTERM or SIGHUP, unless the caller has these ignored.

    A shell has its background jobs ignore Ctrl-C, and so does ``nohup`` with other signals.

    Returns:
        the signals that end it, and what handled them before.
    """
    ours = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }
    ours = {number: usual for number, usual in ours.items() if signal.getsignal(number) is usual}
    if not ours:
        return ours
    awakening, awakened = os.pipe()
    os.set_blocking(awakened, False)
    # Python writes the number of a signal there, if it has a handler, whatever it is doing.
    signal.set_wakeup_fd(awakened, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(awakening, ours), name="signals", daemon=True).start()
    for number in ours:
        signal.signal(number, lambda number, frame: None)
    return ours


def _watch(awakening: int, ours: dict[signal.Signals, object]) -> None:
    """Wait for a signal and end the process."""
    while (number := os.read(awakening, 1)[0]) not in ours:
        _end_at_signals()
    # By another thread, since whoever holds a lock on the terminal may never let it go.
    last = threading.Thread(target=_last_words, daemon=True)
    last.start()
    last.join(SECONDS)
    os._exit(128 + number)


def _last_words() -> None:
    leftovers.clear_all(SECONDS / 2)
    start = "\n" if os.isatty(2) else ""  # a progress bar may stand on the line
    with contextlib.suppress(OSError):
        os.write(2, f"{start}{stopped()}\n".encode(errors="replace"))
    with contextlib.suppress(Exception):  # nobody may be listening any more
        sys.stdout.flush()
        sys.stderr.flush()
