"""``shapfair`` as a process of its own, on a fifth of the embedded images.

A run takes about as long as its start, and yet has a beginning, a middle and an end.
"""

import sys
from dataclasses import replace

from shapfair.cli.program import run
from shapfair.datasets import load
from shapfair.datasets.dataset import ARRAYS
from shapfair.paper import experiments


def small(name="mnist", data=None):
    whole = load(name, "embedded")
    arrays = {array: getattr(whole, array)[::5] for array in ARRAYS}
    return replace(whole, name="small", **arrays)


if __name__ == "__main__":
    experiments.load = small
    sys.exit(run())
