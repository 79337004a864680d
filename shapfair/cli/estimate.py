"""``shapfair estimate``: payoffs, models and flows from the values of some coalitions."""

import argparse
import contextlib
import importlib
import os
import sys
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shapfair.cli.notes import if_stopped
from shapfair.cli.options import (
    EXPERIMENT_PARTIES,
    add_amount_options,
    check_apart,
    named_amounts,
    on_command_line,
    option_type,
    print_warnings,
    whole_file,
    words_of,
)
from shapfair.cli.store import default_store

if TYPE_CHECKING:
    from shapfair.estimation.bounds import Bounds
    from shapfair.estimation.result import Estimate
    from shapfair.estimation.rewards import Rewards
    from shapfair.game import Repair

OF_A_RUN = "evaluations precision design seed seeds data store scheduler".split()
OF_A_FUNCTION = "parties party name".split()
OF_A_TABLE = ["repair"]


def add_estimate(subparsers: Any) -> None:
    """Describe ``shapfair estimate``."""
    parser = subparsers.add_parser(
        "estimate",
        help="payoffs, models and flows from the values of some coalitions, with intervals",
        description="Estimate payoffs, models and flows from far fewer coalitions than there are: "
        "value those of a design, or take a table in which values are missing.",
        epilog="example: shapfair estimate hospitals.csv",
    )
    add = parser.add_argument
    add(
        "what",
        metavar="WHAT",
        help="an experiment, a function MODULE:NAME that is called with the names of a coalition's "
        "members and a seed, or a value table FILE.csv in which rows or values are missing",
    )
    add("--evaluations", metavar="M", type=option_type("whole"), help="most coalitions to value")
    add(
        "--precision",
        metavar="X",
        type=option_type("positive"),
        help="stop as soon as all payoffs with unlimited budgets are known to ± X",
    )
    add("--design", choices=("random", "active"), help="how to choose them (default: random)")
    add("--seed", metavar="S", type=option_type("whole"), help="seed of the design (default: 0)")
    add("--seeds", metavar="K", type=option_type("whole"), help="train under seeds 0 to K-1")
    add("--data", choices=("full", "embedded"), help="data of an experiment")
    add("--store", metavar="PATH", type=Path, help="file of finished values")
    add("--scheduler", metavar="ADDRESS", help="value on the workers of this Dask scheduler")
    add(
        "--test-examples",
        metavar="K",
        type=option_type("whole"),
        help="values are accuracies on K test examples: show what that can do to the payoffs",
    )
    add("--parties", metavar="A,B,C", help="names of the parties of a function")
    add("--party", metavar="NAME", action="append", help="one more party (repeatable)")
    add("--name", metavar="NAME", help="version of the function, by which its values are kept")
    add_amount_options(add)
    add(
        "--repair",
        choices=("none", "hull"),
        help="hull: for the worst case, replace values of a table that are not monotone by their "
        "monotone hull; the estimate is from the values as given (default: none)",
    )
    add("--format", choices=("table", "json", "csv"), default="table", help="(default: table)")
    add("--out", metavar="FILE", type=Path, help="write to FILE instead of the terminal")
    parser.set_defaults(handler=_estimate, words=words_of(parser))


def _estimate(arguments: argparse.Namespace) -> int:
    what = arguments.what
    is_table = Path(what).suffix.lower() == ".csv"
    table = Path(what) if is_table else None
    check_apart({"WHAT": table, "--store": arguments.store, "--out": arguments.out})
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(whole_file("--out", arguments.out)) if arguments.out else None
        file: Any = sys.stdout
        worst: Bounds | None = None
        notes: list[str] = []
        if is_table:
            _refuse(arguments, OF_A_RUN + OF_A_FUNCTION, f"{what} is a table, nothing is valued")
            estimate, worst, notes = _of_table(what, arguments.repair)
        elif what in EXPERIMENT_PARTIES:
            _refuse(arguments, OF_A_FUNCTION, f"{what} is an experiment and knows its own")
            _refuse(arguments, OF_A_TABLE, f"{what} is an experiment, without a worst case")
            estimate = _of_experiment(arguments, stack)
        elif ":" in what:
            _refuse(arguments, ["data", *OF_A_TABLE], f"{what} is a function")
            estimate = _of_function(arguments, stack)
        else:
            raise ValueError(
                f"argument WHAT: {what!r}, need an experiment ({', '.join(EXPERIMENT_PARTIES)}), a "
                "function MODULE:NAME or a value table FILE.csv"
            )
        rewards = _rewards(arguments, estimate)
        if out:
            file = stack.enter_context(out.open("w", encoding="utf-8", newline=""))
        _write(rewards, worst, arguments, file)
    warnings = [*rewards.warnings, *notes] if arguments.format != "json" else notes
    print_warnings([on_command_line(line, arguments.words) for line in warnings])
    return 0


def _refuse(arguments: argparse.Namespace, options: list[str], reason: str) -> None:
    for option in options:
        if getattr(arguments, option) is not None:
            raise ValueError(f"argument --{option}: {reason}, leave it out")


def _of_table(path: str, repair: "Repair | None") -> "tuple[Estimate, Bounds | None, list[str]]":
    """The estimate from a table, its worst case, and what is to be said of that."""
    from shapfair import tables
    from shapfair.estimation.bounds import bounds
    from shapfair.estimation.known import PartialTable
    from shapfair.estimation.result import Estimate

    parties, found = tables.read_partial_csv(path)
    if not found:
        raise ValueError(f"{path}: no values")
    try:
        table = PartialTable.of(parties, list(found.values()))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    estimate = Estimate.from_table(table)
    if table.is_complete:
        if repair == "hull":
            raise ValueError(
                f"repair: {path} is complete and has no worst case, leave it out or take `shapfair "
                "allocate`"
            )
        return estimate, None, []
    try:
        worst = bounds(table, repair=repair or "none")
    except ValueError as reason:
        return estimate, None, [f"no worst case: {reason}"]
    return estimate, worst, list(worst.warnings)


def _of_experiment(arguments: argparse.Namespace, stack: contextlib.ExitStack) -> "Estimate":
    from shapfair.paper import experiments

    experiment = experiments.EXPERIMENTS[arguments.what](arguments.data)
    if not experiment.independent:
        raise ValueError(
            f"argument WHAT: {arguments.what} trains each coalition with the optimiser of the one "
            "before, so none can be left out"
        )
    return _run(arguments, stack, experiment, arguments.store or default_store())


def _of_function(arguments: argparse.Namespace, stack: contextlib.ExitStack) -> "Estimate":
    from shapfair.valuation.executors import WorkerLost
    from shapfair.valuation.protocol import Valuation

    given = arguments.parties.split(",") if arguments.parties else []
    parties = [name.strip(" ") for name in given] + (arguments.party or [])
    store = arguments.store or (":memory:" if arguments.name is None else default_store())
    function = _function(arguments.what)
    if not (callable(function) or isinstance(function, Valuation)):
        raise ValueError(f"argument WHAT: {arguments.what} is {function!r}, need a function")
    try:
        return _run(arguments, stack, function, store, parties)
    except (Exception, SystemExit) as error:  # whatever the user's function may raise
        notes = [note for note in getattr(error, "__notes__", []) if note.startswith("while ")]
        if isinstance(error, SystemExit):
            notes = ["while valuing"]
        if not notes or isinstance(error, WorkerLost):  # which names the coalition itself
            raise
        raise ValueError(
            f"{arguments.what}: {notes[0]}: {type(error).__name__}: {error}"
        ) from error


def _function(what: str) -> Any:
    """A function, or a valuation, from a module in this folder or one that is installed."""
    module, _, name = what.partition(":")
    sys.path.insert(0, os.getcwd())
    try:
        return getattr(importlib.import_module(module), name)
    except AttributeError as error:
        raise ValueError(f"argument WHAT: {error}") from None
    except (Exception, SystemExit) as error:  # whatever the user's module may raise
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"argument WHAT: module {module!r} cannot be loaded ({reason})") from None
    finally:
        sys.path.remove(os.getcwd())


def _run(
    arguments: argparse.Namespace,
    stack: contextlib.ExitStack,
    valued: Any,
    store: Any,
    parties: Any = (),
) -> "Estimate":
    from shapfair.estimation.campaign import estimate
    from shapfair.valuation.executors import connected

    _amounts(arguments, parties or getattr(valued, "parties", ()))  # wrong ones cost no training
    seeds = 1 if arguments.seeds is None else arguments.seeds
    if seeds < 1:
        raise ValueError(f"argument --seeds: {seeds}, need at least 1")
    if str(store) != ":memory:":
        stack.enter_context(if_stopped(f"what is finished is in {store}, run again to go on"))
    executor: Executor | None = None
    if arguments.scheduler:
        executor = stack.enter_context(connected(arguments.scheduler))
    return estimate(
        valued,
        parties,
        evaluations=arguments.evaluations,
        precision=arguments.precision,
        design=arguments.design or "random",
        seed=arguments.seed or 0,
        seeds=range(seeds),
        name=arguments.name,
        store=store,
        executor=executor,
    )


def _amounts(
    arguments: argparse.Namespace, parties: Sequence[str]
) -> tuple[dict[str, float], dict[str, float]]:
    """Budgets of all parties, and the desired values that are given."""
    budgets = named_amounts("--budget", arguments.budget, parties)
    return (
        dict.fromkeys(parties, arguments.default_budget) | budgets,
        named_amounts("--desired", arguments.desired, parties),
    )


def _rewards(arguments: argparse.Namespace, estimate: "Estimate") -> "Rewards":
    from shapfair.estimation.rewards import reward

    amounts = _amounts(arguments, estimate.parties)
    return reward(estimate, *amounts, exchange_rate=arguments.exchange_rate)


def _write(
    rewards: "Rewards", worst: "Bounds | None", arguments: argparse.Namespace, file: Any
) -> None:
    from shapfair.report import estimates

    tests = arguments.test_examples
    if arguments.format == "json":
        file.write(estimates.to_json(rewards, worst, tests))
    elif arguments.format == "csv":
        file.write(estimates.to_csv(rewards))
    else:
        estimates.print_estimate(rewards, worst, tests, file)
