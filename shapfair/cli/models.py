"""``shapfair models make|check|predict``: make the models that were paid for, and use one."""

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shapfair import names
from shapfair.cli.notes import if_stopped
from shapfair.cli.options import (
    EXPERIMENT_PARTIES,
    add_allocation_options,
    allocation_of,
    option_type,
    print_warnings,
    say,
    whole_file,
    words_of,
)
from shapfair.cli.verify import WRONG, findings, show


def add_models(subparsers: Any) -> None:
    """Describe ``shapfair models make|check|predict``."""
    parser = subparsers.add_parser(
        "models",
        help="make for every party the model that it paid for, and use it",
        description="Models that are worth what was paid for them.",
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    _add_make(actions)
    _add_check(actions)
    _add_predict(actions)


def _add_make(actions: Any) -> None:
    parser = actions.add_parser(
        "make",
        help="make for every party the model that it paid for",
        description="Make for every party of an experiment the model of its allocated value, by "
        "stopping the training early (Sec. 4 of the paper). The value tables of all seeds are "
        "averaged, and their mean is allocated. Finished models that fit the order are kept: a run "
        "that was stopped goes on where it was, and a change of budgets makes only the others.",
        epilog="example: shapfair models make mnist --values mnist.json --default-budget 0 "
        "--out models",
    )
    add = parser.add_argument
    add("name", choices=EXPERIMENT_PARTIES, help="experiment")
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
        help="the models are of this one of the seeds of the table (default: 0)",
    )
    add(
        "--data",
        choices=("full", "embedded"),
        help="the data to train on (default: that of the value table)",
    )
    parser.set_defaults(handler=_make, words=words_of(parser))


def _make(arguments: argparse.Namespace) -> int:
    from shapfair.datasets import print_notice
    from shapfair.game import Game
    from shapfair.made_to_order import delivery, ordering
    from shapfair.paper import experiments
    from shapfair.report.text import print_models

    game = Game.read(arguments.values)
    allocation = allocation_of(arguments, game.averaged())
    data = arguments.data or (game.provenance or {}).get("data_size", "full")
    if data not in ("full", "embedded"):
        raise ValueError(f"values: of {names.shown(data)} data, need full or embedded")
    experiment = experiments.EXPERIMENTS[arguments.name](data)
    papers = ordering.papers_of(allocation, game)
    targets = ordering.targets_of(allocation, game, experiment, arguments.seed, papers=papers)
    note = f"what is finished is in {arguments.out}, run again to go on"
    with if_stopped(note), delivery.Progress(len(targets)) as progress:
        models = delivery.deliver(
            experiment,
            targets,
            arguments.seed,
            arguments.out,
            beside=papers,
            scored=progress.scored,
            finished=progress.finished,
            notice=print_notice,
        )
    print_models(models, sys.stdout)
    say(f"models and their receipt in {arguments.out}")
    print_warnings(allocation.warnings)
    return 0


def _add_check(actions: Any) -> None:
    parser = actions.add_parser(
        "check",
        help="check delivered models, and the receipt of their allocation",
        description="Check the receipt of a folder as `shapfair verify` does, and that each model "
        "there is whole, as it was saved, and of this receipt. The exit status is 0 if all holds, "
        "1 if something does not, and 2 if a file cannot be checked.",
        epilog="example: shapfair models check models",
    )
    parser.add_argument(
        "folder",
        metavar="FOLDER",
        type=Path,
        help="receipt.json, values.json, and the two files of one model or of several",
    )
    parser.set_defaults(handler=_check, words=words_of(parser))


def _check(arguments: argparse.Namespace) -> int:
    lines = delivery_findings(arguments.folder)
    show(lines)
    return int(any(line.startswith(WRONG) for line in lines))


def delivery_findings(folder: Path) -> list[str]:
    """What is found in a folder with delivered models.

    Raises:
        ValueError: if its receipt or table cannot be checked.
        OSError: if one of them cannot be read.
    """
    from shapfair.delivered import papers

    receipt, values = folder / papers.RECEIPT, folder / papers.VALUES
    lines = findings(receipt.read_bytes(), values, values.read_bytes())
    if lines[0].startswith(WRONG):
        return lines
    accuracies = "not checked: that the models are as accurate as their documents say"
    return [*lines, *_model_findings(folder, receipt), accuracies]


def _model_findings(folder: Path, receipt: Path) -> Iterator[str]:
    """A line for every model of the folder."""
    from shapfair.delivered import papers
    from shapfair.delivered.document import file_name
    from shapfair.delivered.model import read

    paths = {
        path.with_suffix(".json")
        for ending in ("json", "safetensors")
        for path in folder.glob(file_name("*", ending))
    }
    if not paths:
        yield f"fault: {folder}: no models there"
    runs = dict[str, str]()
    for path in sorted(paths):
        try:
            about, _ = read(path)
            papers.check_model(about, receipt)
        except ValueError as error:
            yield f"fault: {error}"
        except FileNotFoundError as error:
            yield f"fault: {error.filename}: {error.strerror}"
        else:
            runs[path.name] = str(about["experiment"])
            yield f"checked: {path.name}: model of party {about['party']['name']}, of this receipt"
    if len(set(runs.values())) > 1:
        yield f"fault: {folder}: models of several runs: {runs}"


def _add_predict(actions: Any) -> None:
    parser = actions.add_parser(
        "predict",
        help="use a model that was delivered",
        description="Check a delivered model and say what it makes of raw inputs, as CSV. This "
        "needs NumPy and safetensors alone, unless the network is one's own.",
        epilog="example: shapfair models predict models/party-1.json digits.csv",
    )
    add = parser.add_argument
    add("model", metavar="FILE", type=Path, help="party-1.json; party-1.safetensors beside it")
    add(
        "inputs",
        metavar="INPUTS",
        type=Path,
        help="an array (.npy), numbers, an input a line (.csv), or texts, one a line (.txt)",
    )
    add("--out", metavar="FILE.csv", type=Path, help="write to FILE instead of the terminal")
    parser.set_defaults(handler=_predict, words=words_of(parser))


def _predict(arguments: argparse.Namespace) -> int:
    from shapfair.delivered.model import load_model
    from shapfair.delivered.raw import read_inputs, write_predictions

    model = load_model(arguments.model)
    predictions = model.predict(read_inputs(arguments.inputs))
    with contextlib.ExitStack() as stack:
        file: Any = sys.stdout
        if arguments.out:
            out = stack.enter_context(whole_file("--out", arguments.out))
            file = stack.enter_context(out.open("w", encoding="utf-8", newline=""))
        write_predictions(predictions, model.labels, file)
    return 0
