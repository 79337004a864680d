"""``shapfair models``: make for every party the model that it paid for."""

import argparse
import sys
from pathlib import Path
from typing import Any

from shapfair.cli.notes import if_stopped
from shapfair.cli.options import (
    EXPERIMENT_NAMES,
    add_allocation_options,
    allocation_of,
    option_type,
    print_warnings,
    words_of,
)


def add_models(subparsers: Any) -> None:
    """Describe ``shapfair models``."""
    parser = subparsers.add_parser(
        "models",
        help="make for every party the model that it paid for",
        description="Make for every party of an experiment the model of its allocated value, by "
        "stopping the training early (Sec. 4 of the paper). Finished models are kept: a run that "
        "was stopped goes on where it was.",
    )
    add = parser.add_argument
    add("name", choices=EXPERIMENT_NAMES, help="experiment")
    add(
        "--values",
        metavar="FILE.json",
        type=Path,
        required=True,
        help="value table of the experiment, as `shapfair reproduce --out` writes it",
    )
    add("--out", metavar="FOLDER", type=Path, required=True, help="where the models go")
    add_allocation_options(
        add,
        repair="hull",
        reason=": a coalition may leave data unused, and tables of accuracies seldom are monotone",
    )
    add(
        "--seed",
        metavar="S",
        type=option_type("whole"),
        default=0,
        help="table and seed to take (default: 0)",
    )
    add(
        "--data",
        choices=("full", "embedded"),
        help="the data to train on (default: that of the value table)",
    )
    parser.set_defaults(handler=_models, words=words_of(parser))


def _models(arguments: argparse.Namespace) -> int:
    from shapfair.game import Game
    from shapfair.made_to_order import delivery
    from shapfair.paper import experiments
    from shapfair.report.text import print_models

    game = Game.read(arguments.values)
    allocation = allocation_of(arguments, game.averaged())
    data = arguments.data or (game.provenance or {}).get("data_size", "full")
    experiment = experiments.EXPERIMENTS[arguments.name](data)
    targets = delivery.targets_of(
        allocation, game, experiment, arguments.seed, exchange_rate=arguments.exchange_rate
    )
    note = f"what is finished is in {arguments.out}, run again to go on"
    with if_stopped(note), delivery.Progress(len(targets)) as progress:
        models = delivery.deliver(
            experiment,
            targets,
            arguments.seed,
            arguments.out,
            scored=progress.scored,
            finished=progress.finished,
        )
    print_models(models, sys.stdout)
    print(f"models in {arguments.out}")
    print_warnings(allocation.warnings)
    return 0
