"""The progress of a run on a terminal."""

import sys
from collections.abc import Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from shapfair import escapes
from shapfair.valuation.protocol import Job

BarType = TypeVar("BarType", bound="Bar")


class Bar:
    """A progress bar on standard error; silent when that is not a terminal.

    Args:
        name: what is under way.
        total: how many units it has.
        unit: what they are called.
    """

    def __init__(self, name: str, total: int, unit: str) -> None:
        self._bars = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(unit),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[note]}", markup=False),
            console=Console(file=sys.stderr),
            disable=not sys.stderr.isatty(),
        )
        self._task = self._bars.add_task(escapes.terminal(name), total=total, note="")

    def advance(self, units: int = 1) -> None:
        """Count units that were done."""
        self._bars.advance(self._task, units)

    def show(self, units: int) -> None:
        """Say how many units are done in all."""
        self._bars.update(self._task, completed=units)

    def note(self, text: str) -> None:
        """Show a remark beside the bar."""
        self._bars.update(self._task, note=escapes.terminal(text))

    def __enter__(self: BarType) -> BarType:
        self._bars.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bars.stop()


class Progress(Bar):
    """The progress of jobs: a bar over their steps, and how many are finished."""

    def __init__(self, name: str, jobs: Sequence[Job]) -> None:
        super().__init__(name, sum(job.steps for job in jobs), "steps")
        self._jobs, self._done = len(jobs), 0

    def known(self, done: Sequence[Job]) -> None:
        """Say which jobs are finished, whoever did them."""
        self._done = len(done)
        self.show(sum(job.steps for job in done))
        self.note(f"{self._done}/{self._jobs} coalitions")

    def finished(self) -> None:
        """Count a finished job."""
        self._done += 1
        self.note(f"{self._done}/{self._jobs} coalitions")
