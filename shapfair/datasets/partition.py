"""The partition of the training data among the parties, and the data of a coalition."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Int, Integer
from numpy.typing import ArrayLike

from shapfair import names
from shapfair.coalitions import check_party_count, members
from shapfair.datasets.dataset import read_only

Duplicates = Literal["drop", "keep"]
"""Whether a record that two members of a coalition hold counts once or twice."""


@dataclass(frozen=True, eq=False)
class Partition:
    r"""Which training records each party holds; a record may be held by several parties.

    Attributes:
        parties: :math:`n` distinct names.
        indices: for each party :math:`i`, the positions of its data :math:`D_i` in the training
            set, distinct; read-only.

    Raises:
        ValueError: if there is no party or more than 26, a name is not taken
            (:mod:`shapfair.names`), a party has no data, or its positions are negative or repeated;
            the message names the party.
    """

    parties: tuple[str, ...]
    indices: tuple[Int[np.ndarray, " _"], ...]

    def __post_init__(self) -> None:
        if not self.parties or len(self.parties) != len(self.indices):
            raise ValueError(
                f"partition: {len(self.parties)} parties and {len(self.indices)} lists of indices, "
                "need one list for each of at least one party"
            )
        check_party_count(len(self.parties), "partition")
        names.check(self.parties, "partition")
        for party, held in zip(self.parties, self.indices, strict=True):
            if held.size == 0:
                raise ValueError(f"partition: party {party!r} has no data, leave it out")
            if held.min() < 0:
                raise ValueError(f"partition: party {party!r} holds negative index {held.min()}")
            distinct, count = np.unique(held, return_counts=True)
            if distinct.size < held.size:
                twice = distinct[count > 1][0]
                raise ValueError(
                    f"partition: party {party!r} holds record {twice} more than once, "
                    "give every index once"
                )
        object.__setattr__(self, "indices", tuple(map(read_only, self.indices)))

    @classmethod
    def by_label(
        cls, labels: Integer[np.ndarray, " train"], label_sets: Mapping[str, Collection[int]]
    ) -> "Partition":
        """Give every party all the records with its labels, as in App. J.1 of the paper.

        Args:
            labels: label of every training record.
            label_sets: labels of every party, such as
                :data:`~shapfair.datasets.MNIST_PARTIES`.

        Raises:
            ValueError: if a party has no label, or a label that no record has; also as the class.
        """
        check_party_count(len(label_sets), "partition")
        present = np.unique(labels)
        for party, wanted in label_sets.items():
            for label in wanted:
                if label not in present:
                    raise ValueError(
                        f"partition: party {party!r} asks for label {label}, but the labels "
                        f"of the data are {', '.join(map(str, present))}"
                    )
        return cls(
            tuple(label_sets),
            tuple(np.flatnonzero(np.isin(labels, list(s))) for s in label_sets.values()),
        )

    @classmethod
    def of(cls, parties: Mapping[str, ArrayLike], records: int) -> "Partition":
        """From the records of every party, of ``records`` that there are.

        Args:
            parties: name of every party, and the positions of its records, or for every record
                whether it holds it, true or false.
            records: number of training records.

        Raises:
            ValueError: if positions are not whole numbers; also as the class.
        """
        indices = []
        for party, given in parties.items():
            held = np.asarray(given)
            if held.dtype == bool and held.shape == (records,):
                held = np.flatnonzero(held)
            if held.ndim != 1 or (held.size and held.dtype.kind not in "iu"):
                raise ValueError(
                    f"partition: party {party!r} has {held.dtype} of shape {held.shape}, need the "
                    f"positions of its records, or true and false for {records} records"
                )
            indices.append(held.astype(np.int64))
        return cls(tuple(parties), tuple(indices))

    def of_seed(self, seed: int) -> "Partition":
        """The partition itself, which is the same under every seed; see :class:`Deal`."""
        return self

    def coalition_indices(
        self, coalition: int, duplicates: Duplicates = "drop"
    ) -> Int[np.ndarray, " held"]:
        r"""Positions of the data on which a coalition trains.

        Args:
            coalition: bitmask, bit ``i`` for party ``i``.
            duplicates: ``"drop"`` for the paper's :math:`D_C = \bigcup_{i \in C} D_i`, sorted, in
                which a record that two parties hold counts once; ``"keep"`` for the parties' data
                one after the other, in which it counts twice.

        Returns:
            Positions in the training set; none for the empty coalition.

        Raises:
            ValueError: if the bitmask names a party that does not exist, or for another
                ``duplicates``.
        """
        self.check_coalition(coalition)
        held = [self.indices[i] for i in members(coalition)]
        if _kept(duplicates):
            return np.concatenate([np.empty(0, np.int64), *held])
        together = np.zeros(self._records, bool)
        for indices in held:
            together[indices] = True
        return np.flatnonzero(together)

    def check_coalition(self, coalition: int) -> None:
        """Refuse a bitmask that names a party which does not exist.

        Raises:
            ValueError: if it does.
        """
        if not 0 <= coalition < 2 ** len(self.parties):
            raise ValueError(
                f"coalition: bitmask {coalition} is not one of {len(self.parties)} parties "
                f"(0 to {2 ** len(self.parties) - 1})"
            )

    def coalition_sizes(self, duplicates: Duplicates = "drop") -> Int[np.ndarray, " coalitions"]:
        """Number of records of every coalition, in bitmask order.

        The length of :meth:`coalition_indices` for all coalitions at once: records are counted by
        the set of their owners, and sums over subsets take ``n 2^n`` additions.
        """
        n = len(self.parties)
        if _kept(duplicates):
            sizes = np.zeros(1, np.int64)
            for held in self.indices:
                sizes = np.concatenate([sizes, sizes + held.size])
            return sizes
        owners = np.zeros(self._records, np.int64)
        for i, held in enumerate(self.indices):
            owners[held] |= 1 << i
        within = np.bincount(owners[owners > 0], minlength=2**n).reshape((2,) * n)
        for axis in range(n):  # of owners exactly C to owners within C
            within = np.cumsum(within, axis)
        within = within.ravel()
        return within[-1] - within[::-1]  # all, without those of whom no owner is a member

    @property
    def _records(self) -> int:
        """Number of records up to the last one that a party holds."""
        return 1 + max(int(held.max()) for held in self.indices)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the parties' names and indices, in order."""
        content = hashlib.sha256()
        for party, held in zip(self.parties, self.indices, strict=True):
            content.update(f"{party!r} {held.size}\n".encode())
            content.update(held.astype("<i8").tobytes())
        return content.hexdigest()


def _kept(duplicates: str) -> bool:
    if duplicates not in get_args(Duplicates):
        raise ValueError(f"duplicates: {duplicates!r} is neither 'drop' nor 'keep'")
    return duplicates == "keep"


@dataclass(frozen=True)
class Deal:
    """Records dealt to the parties at random, anew for every seed, as in App. J.3 of the paper.

    Attributes:
        parties: distinct names.
        each: number of records that every party gets, of the first ones of the training set.

    Raises:
        ValueError: if there is no party or more than 26, a name is not taken
            (:mod:`shapfair.names`), or ``each`` is not positive.
    """

    parties: tuple[str, ...]
    each: int

    def __post_init__(self) -> None:
        if self.each < 1:
            raise ValueError(f"deal: {self.each} records for every party, need at least 1")
        check_party_count(len(self.parties), "deal")
        self.of_seed(0)  # finds what is wrong with the names

    def of_seed(self, seed: int) -> Partition:
        """What the parties hold under a seed: no record twice, no record left out."""
        deck = np.random.default_rng([seed, len(self.parties)]).permutation(
            self.each * len(self.parties)
        )
        return Partition(self.parties, tuple(np.sort(hand) for hand in deck.reshape(-1, self.each)))

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the parties' names and the number of records of each."""
        return hashlib.sha256(f"deal {self.parties!r} {self.each}".encode()).hexdigest()
