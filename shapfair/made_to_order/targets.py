"""What is ordered and what is delivered: a target, and a model that meets it."""

import math
import re
from dataclasses import dataclass, field
from typing import Any, Literal

TOLERANCE = 0.005
"""A target is met by a validation accuracy at most this far from it."""

DISAGREEMENT = 0.1
"""Share of the test examples about which a model and the same one, trained elsewhere, disagree.

Other machines round otherwise, and training makes much of little. Own models that were trained
again with gradients summed in another order, which is rounding, disagreed about up to 10 % of the
examples of CIFAR-10 (their accuracies differed by up to 0.0046), 4 % of MNIST (0.0018) and none of
its embedded subset; of IMDB, with dropout drawn anew as well, about up to 2 % (0.0023).
"""


def repetition_tolerance(examples: int) -> float:
    """How far the accuracy of a model may lie from that of the same one, trained elsewhere.

    Three standard errors of the difference, if they disagree about :data:`DISAGREEMENT` of the
    examples and are right equally often: 0.0095 for 10,000 examples.

    Args:
        examples: number of test examples.
    """
    return 3 * math.sqrt(DISAGREEMENT / examples)


Outcome = Literal["met", "own is better", "jumped over", "not reached"]


@dataclass(frozen=True)
class Price:
    """What the allocation says of a party, in its units.

    Attributes:
        payoff: the party's payoff; it is negative if the party pays.
        scaling: its scaling factor, the share of what there is to gain that it paid for.
        exchange_rate: payoff per unit of accuracy.
        receipt: SHA-256 (hex) of the receipt of the allocation, if there is one.

    Raises:
        ValueError: if the receipt is not such a digest.
    """

    payoff: float
    scaling: float
    exchange_rate: float = 1.0
    receipt: str | None = None

    def __post_init__(self) -> None:
        if self.receipt is not None and not re.fullmatch("[0-9a-f]{64}", self.receipt):
            raise ValueError(f"receipt: {self.receipt!r}, need a SHA-256 in 64 hexadecimal digits")


@dataclass(frozen=True)
class Target:
    """The accuracy that a party's model shall have.

    Attributes:
        party: its name in the experiment.
        accuracy: where to stop.
        own: accuracy of the model of the party's own data, in the table that was allocated.
        best: accuracy of the best model that there is to have, likewise.
        alone: what the value table says of the model of the party's own data under the seed of the
            run. A run measures it again and goes no further if the two are not the same. ``None``
            leaves this out.
        price: what the allocation says of the party, if there is one behind the target.

    Raises:
        ValueError: if the accuracy is not between those of the own and the best model.
    """

    party: str
    accuracy: float
    own: float
    best: float
    alone: float | None = None
    price: Price | None = None

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
        alone: accuracy of that model over all test examples, as a value table has it.
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
    alone: float
    validation: float
    test: float
    step: float | int
    reached: bool
    curve: tuple[tuple[int, float], ...] = field(repr=False)
    parameters: dict[str, Any] = field(repr=False)

    @property
    def outcome(self) -> Outcome:
        """How the model compares with the target.

        ``"met"`` within :data:`TOLERANCE`; ``"own is better"`` if under this seed the model of the
        party's own data is better already, which then is the one delivered; ``"jumped over"`` if
        even a share of a step misses by more; ``"not reached"``.
        """
        if not self.reached:
            return "not reached"
        above = self.validation - self.target.accuracy
        if abs(above) <= TOLERANCE:
            return "met"
        return "own is better" if self.step == 0 and above > 0 else "jumped over"
