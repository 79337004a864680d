"""Models made to order, on disk: what is written, what is kept, what is made anew.

:mod:`shapfair.delivered` says what the two files of a model are, and reads them. The weights are
put in their place first and the document right after: if the power fails between the two, they do
not fit, which every reader finds, and the model is made anew.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from shapfair.delivered import document, papers
from shapfair.delivered.model import read
from shapfair.files import replacing, write_whole
from shapfair.leftovers import undisturbed
from shapfair.made_to_order.describing import check_can_be_saved, files_of, model_of, repriced
from shapfair.made_to_order.making import check_own, reward_models
from shapfair.made_to_order.targets import RewardModel, Target
from shapfair.made_to_order.workbench import Scored
from shapfair.training.experiment import Experiment
from shapfair.valuation.progress import Bar
from shapfair.valuation.store import digest

SAME = 1e-9
"""Targets that are no further apart are one order."""


def deliver(
    experiment: Experiment,
    targets: Sequence[Target],
    seed: int,
    folder: str | Path,
    *,
    beside: papers.Papers | None = None,
    scored: Scored = lambda party, step, accuracy: None,
    finished: Callable[[RewardModel], None] = lambda model: None,
    notice: Callable[[str], None] = lambda line: None,
) -> tuple[RewardModel, ...]:
    """Make the models and save each as soon as it is made.

    A model of the folder that fits its order (party, seed, experiment, target) is kept; if its
    price is another now, its document says so when all models are made. Every other is made anew
    and takes the place of what is there.

    Args:
        experiment: data, parties, network and training.
        targets: what to make.
        seed: seed of the run.
        folder: where the models go; made if missing.
        beside: receipt and table to lay beside the models when all are made.
        scored: see :func:`~shapfair.made_to_order.making.reward_models`.
        finished: called with every new model when it is saved.
        notice: called with one line for every model of the folder that is made anew.

    Raises:
        ValueError: if a file that no delivery has left there is in the way, if the files cannot
            hold the network's variables, or as
            :func:`~shapfair.made_to_order.making.reward_models`.
        OSError: if a file cannot be read or written.
    """
    check_can_be_saved(experiment)
    if beside:
        papers.check_place(beside, Path(folder))
    kept: dict[str, RewardModel] = {}
    for target in targets:
        if (model := _kept(target, experiment, seed, Path(folder), notice)) is not None:
            kept[target.party] = replace(model, target=target)
    old = [model.target for model in kept.values()]
    check_own(old, {party: model.alone for party, model in kept.items()}, seed, experiment)

    def save_and_report(model: RewardModel) -> None:
        save(model, folder, experiment)
        finished(model)

    missing = [target for target in targets if target.party not in kept]
    made = reward_models(experiment, missing, seed, finished=save_and_report, scored=scored)
    for target in old:
        _reprice(_path(folder, experiment, target.party), target)
    if beside:
        papers.save(beside, Path(folder))
    models = kept | {model.target.party: model for model in made}
    return tuple(models[target.party] for target in targets)


def save(model: RewardModel, folder: str | Path, experiment: Experiment) -> Path:
    """Write a model's files.

    Args:
        model: what to write.
        folder: where the files go; made if missing.
        experiment: the experiment of the model.

    Returns:
        where the document is.

    Raises:
        ValueError: if the network's variables cannot be written, or a number is not finite.
        OSError: if a file cannot be written; then both are as they were.
    """
    path = _path(folder, experiment, model.target.party)
    path.parent.mkdir(parents=True, exist_ok=True)
    about, weights = files_of(model, experiment)
    files = {path: about, path.with_suffix(".safetensors"): weights}
    with undisturbed, ExitStack() as stack:  # what comes last into it is the first to get in place
        for file, content in files.items():
            stack.enter_context(replacing(file)).write_bytes(content)
    return path


def load(path: str | Path) -> RewardModel:
    """Read a model that :func:`save` wrote; nothing in the files is executed.

    Raises:
        ValueError: if a file is damaged, edited, or that of another party.
        OSError: if a file cannot be read.
    """
    return model_of(*read(Path(path)))


def _path(folder: str | Path, experiment: Experiment, party: str) -> Path:
    return Path(folder) / document.file_name(experiment.parties.index(party) + 1, "json")


def _kept(
    target: Target,
    experiment: Experiment,
    seed: int,
    folder: Path,
    notice: Callable[[str], None],
) -> RewardModel | None:
    """The model in the folder, if it fits the order.

    Raises:
        NotADocument: (a ValueError) if the file that bears the name of its document is none.
    """
    if target.party not in experiment.parties:
        return None  # which is refused where the models are made
    path = _path(folder, experiment, target.party)
    if not path.exists():
        return None
    try:
        about, arrays = read(path)
        model = model_of(about, arrays)
    except document.NotADocument as error:
        raise document.NotADocument(f"{error}: move it away, or choose another folder") from None
    except (ValueError, FileNotFoundError) as error:
        notice(f"{error}: party {target.party}'s model is made anew")
        return None
    same_run = about["experiment"]["digest"] == digest(experiment.description())
    same = (model.target.party, model.seed) == (target.party, seed) and same_run
    if not (same and abs(model.target.accuracy - target.accuracy) <= SAME):
        notice(
            f"{path}: party {model.target.party}'s model with target {model.target.accuracy:.4f}, "
            f"seed {model.seed} of {about['experiment']['name']}, makes place for one with target "
            f"{target.accuracy:.4f}, seed {seed}"
        )
        return None
    return model


def _reprice(path: Path, target: Target) -> None:
    """Let the document of a kept model say what was ordered now."""
    content = repriced(document.read(path), target)
    if content != path.read_bytes():
        write_whole(path, content)


class Progress(Bar):
    """Progress bar over the models."""

    def __init__(self, count: int) -> None:
        super().__init__("models", count, "models")

    def scored(self, party: str, step: int, accuracy: float) -> None:
        """Show where a model is."""
        self.note(f"{party}: step {step}, accuracy {accuracy:.4f}")

    def finished(self, model: RewardModel) -> None:
        """Count a model."""
        self.advance()
