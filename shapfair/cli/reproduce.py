"""``shapfair reproduce``: train one model per coalition and tabulate their values."""

import argparse
import contextlib
import sys
from collections.abc import Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from shapfair.cli.notes import if_stopped
from shapfair.cli.options import (
    EXPERIMENT_PARTIES,
    check_apart,
    on_command_line,
    option_type,
    print_warnings,
    say,
    whole_file,
    words_of,
)
from shapfair.cli.store import default_store


def add_reproduce(subparsers: Any) -> None:
    """Describe ``shapfair reproduce``."""
    parser = subparsers.add_parser(
        "reproduce",
        help="train one model per coalition and tabulate their values",
        description="Train one model per coalition, as App. J of the paper describes. Finished "
        "values are kept: a run that was stopped goes on where it was.",
        epilog="example: shapfair reproduce mnist --seeds 1 --out mnist.json",
    )
    add = parser.add_argument
    add("name", choices=EXPERIMENT_PARTIES, help="experiment")
    add(
        "--seeds",
        metavar="K",
        type=option_type("whole"),
        default=1,
        help="seeds 0 to K-1 (default: 1)",
    )
    add(
        "--data",
        choices=("full", "embedded"),
        help="embedded: the 5,000 + 1,000 MNIST images that come with shapfair (default: full, "
        "or for MNIST embedded if no source of the full data can be reached)",
    )
    add(
        "--store",
        metavar="PATH",
        type=Path,
        help="file of finished values (default: values.sqlite in the cache folder)",
    )
    add(
        "--scheduler",
        metavar="ADDRESS",
        help="train on the workers of this Dask scheduler, such as tcp://10.0.0.1:8786 "
        "(default: on this machine's devices)",
    )
    add("--out", metavar="FILE.json", type=Path, help="write the value table with its provenance")
    words = words_of(parser, repair="shapfair allocate --repair hull")
    parser.set_defaults(handler=_reproduce, words=words)


def _reproduce(arguments: argparse.Namespace) -> int:
    _check_seeds(arguments)
    store = arguments.store or default_store()
    check_apart({"--store": store, "--out": arguments.out})
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(whole_file("--out", arguments.out)) if arguments.out else None

        stack.enter_context(if_stopped(f"what is finished is in {store}, run again to go on"))

        from shapfair.allocation import allocate
        from shapfair.paper import experiments
        from shapfair.report.text import print_allocation

        experiment = experiments.EXPERIMENTS[arguments.name](arguments.data)
        executor = stack.enter_context(_workers(arguments, experiment.independent))
        run = experiment.run(range(arguments.seeds), store=store, executor=executor)
        if out:
            run.game.to_json(out)
        new = run.values[:, 1:].size - run.found
        say(
            f"{experiment.name}: {new} models trained in {run.seconds:.1f} s, {run.found} found in "
            f"the store, data from {experiment.dataset.source}"
        )
        allocation = allocate(run.game)
        print_allocation(allocation, sys.stdout)
        print_warnings([on_command_line(line, arguments.words) for line in allocation.warnings])
        if run.strangers:
            say(
                f"shapfair: {store} also holds {run.strangers} values of other experiments, "
                "none of them was used",
                sys.stderr,
            )
    return 0


def _check_seeds(arguments: argparse.Namespace) -> None:
    """Refuse no seeds, and so many that their models could not be trained, before data are loaded.

    Raises:
        ValueError: naming the number of models and the limit.
    """
    if arguments.seeds < 1:
        raise ValueError(f"argument --seeds: {arguments.seeds}, need at least 1")
    from shapfair.valuation.run import check_count

    check_count(arguments.seeds, 2 ** EXPERIMENT_PARTIES[arguments.name] - 1)


@contextlib.contextmanager
def _workers(arguments: argparse.Namespace, independent: bool) -> Iterator[Executor | None]:
    """The workers of ``--scheduler``, None without it.

    Raises:
        ValueError: if the coalitions cannot be trained apart from each other.
    """
    if not arguments.scheduler:
        yield None
        return
    if not independent:
        raise ValueError(
            f"argument --scheduler: {arguments.name} trains its coalitions one after the other, "
            "each with the optimiser of the one before: leave it out"
        )
    from shapfair.valuation.executors import connected

    with connected(arguments.scheduler) as executor:
        yield executor
