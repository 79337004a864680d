"""Code under watch: what takes too long is stopped and fails."""

import contextlib
import signal


@contextlib.contextmanager
def within(seconds):
    """Raise TimeoutError in the block if it is not over by then, also while it waits for a file."""

    def stop(number, frame):
        raise TimeoutError(f"not over after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
