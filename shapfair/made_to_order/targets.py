"""What is ordered and what is delivered: a target, and a model that meets it."""

from dataclasses import dataclass, field
from typing import Any, Literal

TOLERANCE = 0.005
"""A target is met by a validation accuracy at most this far from it."""

Outcome = Literal["met", "jumped over", "not reached"]


@dataclass(frozen=True)
class Target:
    """The accuracy that a party's model shall have.

    Attributes:
        party: its name in the experiment.
        accuracy: where to stop.
        own: accuracy of the model of the party's own data.
        best: accuracy of the best model that there is to have.

    Raises:
        ValueError: if the accuracy is not between those of the own and the best model.
    """

    party: str
    accuracy: float
    own: float
    best: float

    def __post_init__(self) -> None:
        rounding = 1e-9
        found = f"target: party {self.party} shall get accuracy {self.accuracy:.4g}"
        if not self.accuracy <= self.best + rounding:
            raise ValueError(f"{found}, but the best model has {self.best:.4g}: lower the target")
        if not self.accuracy >= self.own - rounding:
            raise ValueError(
                f"{found}, but the model of its own data has {self.own:.4g}: raise the target"
            )


@dataclass(frozen=True, eq=False)
class RewardModel:
    """A model made to order.

    Attributes:
        target: what was ordered.
        seed: seed of the run.
        start: validation and test accuracy of the model of the party's own data.
        validation: accuracy on the half of the test set that stopped the training.
        test: accuracy on the other half, which has no part in the training.
        step: number of steps on the pooled data. If it is not whole, the last step went only that
            share of its way: it is a step of Adam with the learning rate times that share.
        reached: whether the target or more was seen on the way. If not, this is the most accurate
            model that was seen.
        curve: (step, validation accuracy) of whole steps that were scored, by step; it may go on
            beyond the model's own step.
        parameters: of the experiment's network, with its other collections if it has any.
    """

    target: Target
    seed: int
    start: tuple[float, float]
    validation: float
    test: float
    step: float | int
    reached: bool
    curve: tuple[tuple[int, float], ...] = field(repr=False)
    parameters: dict[str, Any] = field(repr=False)

    @property
    def outcome(self) -> Outcome:
        """``"jumped over"`` if even a share of a step misses the target by over the tolerance."""
        if not self.reached:
            return "not reached"
        missed_by = abs(self.validation - self.target.accuracy)
        return "met" if missed_by <= TOLERANCE else "jumped over"
