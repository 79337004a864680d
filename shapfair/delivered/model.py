"""A delivered model in use: raw inputs in, class names out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64, Shaped

from shapfair.datasets import inputs as raw_inputs
from shapfair.datasets.inputs import Inputs
from shapfair.delivered import document, papers, plain, weights

if TYPE_CHECKING:
    from flax import linen as nn

BATCH = 250
"""Inputs that go through a network at a time, so that what lies between its layers stays small."""

CLASSIFICATION = "classification"

Outputs = Callable[[np.ndarray], np.ndarray]
"""From what a network sees to its outputs."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model says of some inputs.

    Attributes:
        outputs: of the network, shape ``(inputs, outputs)``; in regression the numbers themselves.
        probabilities: of every class, shape ``(inputs, classes)``; ``None`` if there are none.
        labels: name of the likeliest class, shape ``(inputs,)``; likewise.
    """

    outputs: Shaped[np.ndarray, "inputs ..."]
    probabilities: Float64[np.ndarray, "inputs classes"] | None
    labels: Shaped[np.ndarray, " inputs"] | None


@dataclass(frozen=True, eq=False, repr=False)
class DeliveredModel:
    """A model as a party gets it.

    Attributes:
        document: what it is: party, target, price, accuracies; see
            :data:`shapfair.delivered.document.FORM`.
        weights: name of every array, and the array.
        inputs: how raw inputs are read.
        labels: names of the classes.
    """

    document: Mapping[str, Any]
    weights: Mapping[str, np.ndarray]
    inputs: Inputs
    labels: tuple[str, ...]
    _outputs: Outputs

    def __repr__(self) -> str:
        run, target = self.document["experiment"], self.document["target"]
        return (
            f"DeliveredModel({self.document['network']['name']} of party {self.party!r}, "
            f"{run['name']}, seed {run['seed']}, target {target['accuracy']:.4f})"
        )

    @property
    def party(self) -> str:
        """Whose model it is."""
        return str(self.document["party"]["name"])

    def predict(self, raw: Any) -> Predictions:
        """What the model says of raw inputs.

        Args:
            raw: pictures as an array of whole numbers from 0 to 255, shape ``(n, 28, 28)`` or
                ``(n, 784)`` for MNIST, ``(n, 32, 32, 3)`` for CIFAR-10; a list of texts for IMDB;
                arrays as those that the experiment was made of for a network of one's own.

        Raises:
            ValueError: if the inputs are others, or cannot be meant; if the outputs are not
                finite, as those of weights that were damaged.
        """
        seen = self.inputs.read(raw)
        with np.errstate(over="ignore", invalid="ignore"):
            outputs = np.concatenate(
                [self._outputs(seen[k : k + BATCH]) for k in range(0, len(seen), BATCH)]
            )
        if not np.isfinite(outputs).all():
            raise ValueError("weights: outputs are not finite, get the model again")
        if self.document["task"] != CLASSIFICATION:
            return Predictions(outputs, None, None)
        if outputs.ndim != 2 or max(2, outputs.shape[1]) != len(self.labels):
            raise ValueError(f"labels: {len(self.labels)} for outputs of shape {outputs.shape[1:]}")
        single = outputs.shape[1] == 1
        likely = (outputs[:, 0] > 0).astype(int) if single else outputs.argmax(1)
        return Predictions(outputs, _probabilities(outputs), np.array(self.labels)[likely])


def load_model(path: str | Path, *, network: "nn.Module | None" = None) -> DeliveredModel:
    """Read a delivered model; nothing in its files is executed.

    Networks of the paper need NumPy and the package safetensors alone.

    Args:
        path: ``party-1.json`` or ``party-1.safetensors``; the other file lies beside it. If
            ``receipt.json`` lies there, too, the model must be one of that receipt.
        network: if the model's network is none of the paper's, the Flax network of its experiment.

    Raises:
        ValueError: if a file is damaged, edited, or that of another party, if the model is none of
            the receipt, if the network is missing, or is another one.
        OSError: if a file cannot be read.
        MissingExtra: (an ``ImportError``) if a package is not installed.
    """
    path = Path(path)
    if path.suffix not in (".json", ".safetensors"):
        raise ValueError(f"{path}: a model's file ends in .json or .safetensors")
    path = path.with_suffix(".json")
    about, arrays = read(path)
    if (receipt := path.with_name(papers.RECEIPT)).exists():
        papers.check_model(about, receipt)
    try:
        inputs = raw_inputs.from_json(about["inputs"])
        _check_inputs(about["network"]["inputs"], inputs)
        outputs = _outputs_of(about, arrays, network)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return DeliveredModel(about, arrays, inputs, tuple(about["labels"]), outputs)


def read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Document and weights of a model, both verified.

    Raises:
        ValueError: if a file is damaged, edited, or that of another party.
        OSError: if a file cannot be read.
    """
    about = document.read(path)
    stored, arrays = about["weights"], document.arrays_of(about)
    return about, weights.read(path.with_name(stored["file"]), arrays, stored["sha256"])


def _check_inputs(said: Mapping[str, Any], inputs: Inputs) -> None:
    if (tuple(said["shape"]), said["dtype"]) != inputs.seen:
        raise ValueError("network.inputs are not what the inputs are read to")


def _outputs_of(
    about: Mapping[str, Any], arrays: Mapping[str, np.ndarray], network: "nn.Module | None"
) -> Outputs:
    said = about["network"]
    shape = tuple(said["inputs"]["shape"])
    if said["program"] is not None:
        if network is None:
            raise ValueError(
                f"its network {said['name']} is none of the paper's: give it as in "
                "load_model(path, network=...)"
            )
        from shapfair.delivered.own import outputs_of

        return outputs_of(network, arrays, about)
    if network is not None:
        raise ValueError(f"network: the model has the paper's {said['name']}, leave it out")
    known = plain.network_of(said["name"], said["fields"])
    wanted = {name: weights.Kind(one, "float32") for name, one in known.shapes(shape).items()}
    weights.check(arrays, wanted)
    return lambda x: known.outputs(arrays, x)


def _probabilities(outputs: Shaped[np.ndarray, "n k"]) -> Float64[np.ndarray, "n classes"]:
    """Softmax; a single output speaks for the second of two classes."""
    logits = outputs.astype(np.float64)
    if logits.shape[1] == 1:
        logits = np.hstack([np.zeros_like(logits), logits])
    shares = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(shares / shares.sum(1, keepdims=True))
