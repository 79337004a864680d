"""A model made to order as the document of :mod:`shapfair.delivered.document`, and back."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from shapfair.datasets.inputs import Numbers
from shapfair.delivered import document, weights
from shapfair.made_to_order.targets import Price, RewardModel, Target
from shapfair.training.experiment import Experiment
from shapfair.training.learner import CLASSIFICATION, REGRESSION, Kind
from shapfair.training.program import network_program
from shapfair.training.step import example_of
from shapfair.training.traces import inputs_outline, lane_outline, outlines
from shapfair.valuation.store import digest


def files_of(model: RewardModel, experiment: Experiment) -> tuple[bytes, bytes]:
    """Content of the two files of a model: the document, the weights.

    Raises:
        ValueError: if the network's variables cannot be written, or a number is not finite.
    """
    arrays = dict(weights.flat(model.parameters))
    content = weights.to_bytes(arrays)
    target = asdict(model.target)
    party, price = target.pop("party"), target.pop("price")
    number = experiment.parties.index(party) + 1
    results = ("start", "alone", "validation", "test", "step", "reached", "outcome", "curve")
    about = {
        "format": document.FORMAT,
        "party": {"name": party, "number": number, "parties": experiment.parties},
        "target": target,
        "price": price,
        "result": {name: getattr(model, name) for name in results},
        **_use_of(experiment, model.seed),
        "weights": {
            "file": document.file_name(number, "safetensors"),
            "sha256": hashlib.sha256(content).hexdigest(),
            "arrays": {
                name: {"shape": array.shape, "dtype": str(array.dtype)}
                for name, array in arrays.items()
            },
        },
        "versions": experiment.provenance()["versions"],
    }
    return document.to_bytes(about), content


def repriced(about: Mapping[str, Any], target: Target) -> bytes:
    """Content of a document that is the same but for what was ordered, and its price."""
    fields = asdict(target)
    price = {"price": fields.pop("price")}
    del fields["party"]
    return document.to_bytes({**about, "target": fields, **price})


def model_of(about: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> RewardModel:
    """The model of a document and its weights."""
    result, price = about["result"], about["price"]
    target = Target(
        about["party"]["name"],
        **about["target"],
        price=None if price is None else Price(**price),
    )
    validation, test = result["start"]
    return RewardModel(
        target=target,
        seed=about["experiment"]["seed"],
        start=(validation, test),
        alone=result["alone"],
        validation=result["validation"],
        test=result["test"],
        step=result["step"],
        reached=result["reached"],
        curve=tuple((step, accuracy) for step, accuracy in result["curve"]),
        parameters=weights.nested(arrays),
    )


def check_can_be_saved(experiment: Experiment) -> None:
    """Refuse, before anything is trained, what the files cannot hold.

    Raises:
        ValueError: if the network has variables that are not plain arrays, or if a name cannot be
            printed.
    """
    dict(weights.flat(lane_outline(experiment.learner, experiment.dataset).variables))
    for name in (experiment.name, *experiment.parties):
        if not document.TEXT.fullmatch(name):
            raise ValueError(f"name: {name!r} cannot be printed, call it otherwise")


def _use_of(experiment: Experiment, seed: int) -> dict[str, Any]:
    """What every model of the experiment has in common, to be told and to be used."""
    example = example_of(experiment.dataset)
    inputs = experiment.inputs or Numbers(example.shape, str(example.dtype))
    return {
        "experiment": {
            "name": experiment.name,
            "digest": digest(experiment.description()),
            "data": experiment.dataset.size,
            "seed": seed,
        },
        "task": _task_of(experiment),
        "labels": _labels_of(experiment),
        "inputs": inputs.to_json(),
        "network": _network_of(experiment),
    }


def _task_of(experiment: Experiment) -> str:
    known = {CLASSIFICATION: "classification", REGRESSION: "regression"}
    return known.get(experiment.task, "own")


def _labels_of(experiment: Experiment) -> list[str]:
    """Names of the classes; none if the model gives numbers."""
    if experiment.task != CLASSIFICATION:
        return []
    learner, data = experiment.learner, experiment.dataset
    variables = lane_outline(learner, data).variables
    outputs = outlines(learner.outputs, variables, inputs_outline(data, 1)).shape[-1]
    return list(experiment.labels or map(str, range(max(2, outputs))))


def _network_of(experiment: Experiment) -> dict[str, Any]:
    network, example = experiment.network, example_of(experiment.dataset)
    seen = {"shape": example.shape, "dtype": str(example.dtype)}
    name = type(network).__name__
    if Kind.of(network) is not None:
        fields = {k: v for k, v in experiment.description()["network"].items() if k != "kind"}
        return {"name": name, "fields": fields, "program": None, "inputs": seen}
    variables = lane_outline(experiment.learner, experiment.dataset).variables
    program = network_program(network, variables, example)
    return {"name": name, "fields": {}, "program": program, "inputs": seen}
