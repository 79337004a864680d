"""When to stop: the search for the step at which a target is reached, and the data that decide."""

from dataclasses import dataclass, field, replace

import numpy as np

from shapfair.datasets import Examples

SCORES_PER_EPOCH = 8
"""Least number of scores in a pass over the pooled data."""

HALVINGS = 10
"""How finely the last step is divided where a whole one jumps over the target."""

PATIENCE = 3
"""A target that is not reached in this many times the epochs of the experiment is given up."""


@dataclass
class Search:
    """Where a model is on its path of training steps, and how far it goes next.

    Blocks of steps grow while the target is far. A block that passes it is undone and its half is
    tried, until of two neighbouring steps one is below the target and the next is not; the nearer
    of the two is the answer. For this the path must be deterministic.

    Attributes:
        target: accuracy to reach.
        limit: number of steps after which the target is given up.
        longest: most steps between two scores.
        accuracy: accuracy after ``step`` steps.
        step: where the model is.
        reached: whether an accuracy of ``target`` or more was seen.
        curve: accuracy after every number of steps that was scored.
    """

    target: float
    limit: int
    longest: int
    accuracy: float
    step: int = 0
    reached: bool = False
    curve: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.curve[self.step] = self.accuracy
        self.reached = self.accuracy >= self.target
        self._done = self.reached or self.limit <= self.step
        self._block = 1
        self._passed: int | None = None  # a later step at which the target is behind

    @property
    def length(self) -> int:
        """Number of steps to go next; 0 if the search is over."""
        if self._done:
            return 0
        if self._passed is None:
            return min(self._block, self.limit - self.step)
        return max(1, (self._passed - self.step) // 2)

    def score(self, accuracy: float) -> bool:
        """Judge the accuracy ``length`` steps further on: true to stay there, false to go back."""
        length = self.length
        end = self.step + length
        self.curve[end] = accuracy
        if accuracy >= self.target and length > 1:
            self._passed = end
            return False
        if accuracy >= self.target:
            self.reached = self._done = True
            if accuracy - self.target > self.target - self.accuracy:
                return False
        elif self.target - accuracy > accuracy - self.accuracy:
            # Even twice as many steps like these would not pass the target.
            self._block = min(2 * length, self.longest)
        self.step, self.accuracy = end, accuracy
        self._done = self._done or end >= self.limit
        return True


def halves(examples: Examples, seed: int) -> tuple[Examples, Examples]:
    """The examples twice, each time with one half of those to test on.

    The first half is for validation, which decides when to stop; the second is for the final word.
    They have the same number of every class, up to one (labels of regression are spread alike).

    One half is always a little easier than the other. Were it the same one under every seed, test
    accuracies would lean to one side however many seeds there are. So every two seeds (0 and 1, 2
    and 3, ...) have a split of their own, and the second of them swaps its halves.

    Args:
        examples: those to test on are split.
        seed: of the run; the split follows from it.
    """
    labels = examples.test_labels
    pair, swapped = divmod(seed, 2)
    shuffled = np.random.default_rng(abs(pair)).permutation(len(labels))
    first = labels.reshape(len(labels), -1)[:, 0]
    by_class = shuffled[np.argsort(first[shuffled], kind="stable")]
    validation, test = (
        replace(examples, test_inputs=examples.test_inputs[rows], test_labels=labels[rows])
        for rows in (np.sort(by_class[swapped::2]), np.sort(by_class[1 - swapped :: 2]))
    )
    return validation, test
