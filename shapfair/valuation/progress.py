"""The progress of a run on a terminal."""

from collections.abc import Sequence

from tqdm import tqdm

from shapfair.valuation.protocol import Job


class Progress:
    """Progress bar over the steps of jobs; silent when standard error is not a terminal."""

    def __init__(self, name: str, jobs: Sequence[Job], waiting: Sequence[Job]) -> None:
        self._jobs, self._left = len(jobs), len(waiting)
        total = sum(job.steps for job in jobs)
        done = total - sum(job.steps for job in waiting)
        self._bar = tqdm(
            total=total, initial=done, desc=name, unit="step", unit_scale=True, disable=None
        )

    def stepped(self, steps: int) -> None:
        """Advance the bar."""
        self._bar.update(steps)

    def finished(self) -> None:
        """Count a finished job."""
        self._left -= 1
        self._bar.set_postfix_str(f"{self._jobs - self._left}/{self._jobs} coalitions")

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()
