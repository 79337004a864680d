"""What a Dask cluster costs: two workers on this machine beside two devices of one process."""

import os
import statistics
from collections.abc import Iterator

from distributed import Client, LocalCluster
from training import Row

from shapfair import evaluate
from shapfair.paper.experiments import mnist

SEEDS = range(1, 11)
"""Of the compared runs; seed 0 compiles."""


def nothing(parties: tuple[str, ...], seed: int) -> int:
    """A job that costs nothing, so that what is left is the way there and back."""
    return 1


def rows(repeats: int = 3) -> Iterator[Row]:
    """Measure everything; each row says what, the median, the target and whether it is met."""
    os.environ["SHAPFAIR_DEVICES"] = "2"  # of this process; workers take one each
    experiment = mnist("embedded")
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, env={"SHAPFAIR_DEVICES": "1"}
        ) as cluster,
        Client(cluster) as client,
    ):
        executor = client.get_executor(pure=False)
        jobs = 31 * 100
        empty = [
            evaluate(nothing, "A B C D E".split(), name="n", seeds=range(100), executor=executor)
            for _ in range(repeats + 1)
        ]
        ms = statistics.median(run.seconds for run in empty[1:]) / jobs * 1e3
        yield _row("an empty function job, two Dask workers", f"{ms:.2f} ms", "<= 10 ms", ms <= 10)
        experiment.run([0])
        experiment.run(range(1, 3), executor=executor)
        ratios = [  # side by side in time, so that a busy moment hits both
            experiment.run(SEEDS, executor=executor).seconds / experiment.run(SEEDS).seconds
            for _ in range(repeats)
        ]
    over = statistics.median(ratios) - 1
    yield _row(
        "embedded MNIST, 310 models, two Dask workers, more than two devices of one process",
        f"{over:+.1%}",
        "<= 3 %",
        over <= 0.03,
    )


def _row(what: str, result: str, target: str, met: bool) -> Row:
    return {"what": what, "result": result, "target": target, "met": met}
