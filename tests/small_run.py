"""``shapfair`` as a process of its own, on a fifth of the embedded images.

A run takes about as long as its start, and yet has a beginning, a middle and an end. With
``SMALL_RUN_WAITS_AT=K`` it waits for a signal before it stores its K-th value, so that whoever
stops it cannot be too late.
"""

import os
import signal
import sys
from dataclasses import replace

from shapfair.cli.program import run
from shapfair.datasets import load
from shapfair.datasets.dataset import ARRAYS
from shapfair.paper import experiments
from shapfair.valuation import run as valuation_run
from shapfair.valuation.store import Store


def small(name="mnist", data=None):
    whole = load(name, "embedded")
    arrays = {array: getattr(whole, array)[::5] for array in ARRAYS}
    return replace(whole, name="small", **arrays)


class Waiting(Store):
    """A store that waits for a signal, once, before it takes a value."""

    left = int(os.environ.get("SMALL_RUN_WAITS_AT", "0"))

    def put(self, *args, **kwargs):
        Waiting.left -= 1
        if Waiting.left == 0:
            signal.pause()
        return super().put(*args, **kwargs)


if __name__ == "__main__":
    experiments.load = small
    valuation_run.Store = Waiting
    sys.exit(run())
