"""The paper's experiments, as App. J describes them: data, parties, network, training."""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Literal

from shapfair.datasets import (
    CIFAR10_CLASSES,
    CIFAR10_PARTIES,
    IMDB_CLASSES,
    IMDB_PARTIES,
    IMDB_REVIEWS_EACH,
    MNIST_CLASSES,
    MNIST_PARTIES,
    Dataset,
    Deal,
    Duplicates,
    Partition,
    load,
)
from shapfair.datasets.inputs import Images, Texts
from shapfair.datasets.text import Vocabulary
from shapfair.paper.carried import CarriedExperiment
from shapfair.paper.networks import CNN, MLP, WordAverage
from shapfair.training.experiment import Experiment
from shapfair.training.plan import Training

MNIST_DISJOINT_PARTIES = {f"[{d}-{d + 1}]": [d, d + 1] for d in range(0, 10, 2)}
"""Five parties of two digits each; no image has two owners."""

MNIST_DIGIT_PARTIES = {f"[{d}]": [d] for d in range(10)}
"""Ten parties with a digit each; beyond the paper."""

MNIST_OVERLAPPING_PARTIES = {
    f"[{first}-{last}]" if first < last else f"[{first}]": list(range(first, last + 1))
    for first, last in [
        *[(0, 1), (0, 3), (1, 2), (2, 2), (3, 5), (4, 6)],
        *[(4, 7), (5, 5), (6, 7), (7, 9), (8, 9), (9, 9)],
    ]
}
"""Twelve parties with one to four digits, which others have, too; beyond the paper."""

_Size = Literal["full", "embedded"] | None


def mnist(
    data: _Size = None,
    duplicates: Duplicates = "drop",
    *,
    name: str = "mnist",
    parties: Mapping[str, Collection[int]] = MNIST_PARTIES,
    carried: bool = False,
    training: Training | None = None,
) -> Experiment:
    """The MNIST experiment of Sec. 5 and App. J.1, and the same with other parties.

    Args:
        data: ``"full"`` for the 60,000 + 10,000 images, ``"embedded"`` for the 5,000 + 1,000 that
            come with the package; by default the full ones, or if no source can be reached the
            embedded ones.
        duplicates: see :class:`~shapfair.training.experiment.Experiment`.
        name: what the experiment is called.
        parties: digits of every party.
        carried: with the optimiser of :class:`~shapfair.paper.carried.CarriedExperiment`.
        training: by default that of App. J.1.
    """
    dataset = load("mnist", data)
    partition = Partition.by_label(dataset.train_labels, parties)
    kind = CarriedExperiment if carried else Experiment
    parts = (name, dataset, partition, MLP(), training or Training(), duplicates)
    return kind(*parts, inputs=Images((28, 28)), labels=MNIST_CLASSES)


def mnist_with_copy(party: str, data: _Size = None) -> Experiment:
    """MNIST with a sixth party that has the same data as ``party``: a replication (App. D).

    Args:
        party: a name in :data:`~shapfair.datasets.MNIST_PARTIES`; "copy of" precedes its copy's.
        data: see :func:`mnist`.

    Raises:
        ValueError: if there is no such party.
    """
    if party not in MNIST_PARTIES:
        raise ValueError(f"party: no {party!r} in MNIST, choose from {', '.join(MNIST_PARTIES)}")
    parties = {**MNIST_PARTIES, f"copy of {party}": MNIST_PARTIES[party]}
    return mnist(data, name=f"mnist-copy-{party.strip('[]')}", parties=parties)


def cifar10(data: _Size = None) -> Experiment:
    """The CIFAR-10 experiment of App. J.2.

    Args:
        data: ``"full"``, the default; no part of CIFAR-10 is embedded in the package.

    Raises:
        DataError: if no source of CIFAR-10 can be reached.
    """
    dataset = load("cifar10", data)
    partition = Partition.by_label(dataset.train_labels, CIFAR10_PARTIES)
    training = Training(batch_size=512, epochs=20)
    parts = ("cifar10", dataset, partition, CNN(), training)
    return Experiment(*parts, inputs=Images((32, 32, 3)), labels=CIFAR10_CLASSES)


def imdb(
    data: _Size = None,
    protocol: Literal["printed", "published", "carried"] = "printed",
) -> Experiment:
    """The IMDB experiment of App. J.3; the reviews are dealt anew under every seed.

    The reviews that are dealt are the same 20,000 under every seed, the first of the canonical
    order, and the vocabulary is theirs; only who gets which differs. The paper does not say which
    20,000 of the 25,000 it took.

    Args:
        data: ``"full"``, the default; no part of the reviews is embedded in the package.
        protocol: ``"printed"`` as in App. J.3; ``"published"`` with the network of the authors'
            code, which has no linear layer between the average and the output; ``"carried"`` with
            that network and the optimiser's state carried from coalition to coalition, as that
            code does.

    Raises:
        DataError: if no source of the reviews can be reached.
    """
    reviews = load("imdb", data)
    deal = Deal(IMDB_PARTIES, IMDB_REVIEWS_EACH)
    dealt = len(deal.parties) * deal.each
    vocabulary = Vocabulary.of(reviews.train_texts[:dealt])
    dataset = Dataset(
        name="imdb",
        train_inputs=vocabulary.encode(reviews.train_texts[:dealt]),
        train_labels=reviews.train_labels[:dealt],
        test_inputs=vocabulary.encode(reviews.test_texts),
        test_labels=reviews.test_labels,
        classes=2,
        source=reviews.source,
        size=reviews.size,
    )
    network = WordAverage() if protocol == "printed" else WordAverage(hidden=0)
    name = "imdb" if protocol == "printed" else f"imdb-{protocol}"
    training = Training(batch_size=32, epochs=10)
    kind = CarriedExperiment if protocol == "carried" else Experiment
    parts = (name, dataset, deal, network, training)
    return kind(*parts, inputs=Texts(vocabulary.words), labels=IMDB_CLASSES)


EXPERIMENTS: dict[str, Callable[..., Experiment]] = {
    "mnist": mnist,
    "mnist-carried": partial(mnist, name="mnist-carried", carried=True),
    "mnist-duplicates": partial(mnist, name="mnist-duplicates", duplicates="keep"),
    "mnist-copy-1-2": partial(mnist_with_copy, "[1-2]"),
    "mnist-copy-6-9": partial(mnist_with_copy, "[6-9]"),
    "mnist-disjoint": partial(mnist, name="mnist-disjoint", parties=MNIST_DISJOINT_PARTIES),
    "mnist-digits": partial(mnist, name="mnist-digits", parties=MNIST_DIGIT_PARTIES),
    "mnist-overlapping": partial(
        mnist,
        name="mnist-overlapping",
        parties=MNIST_OVERLAPPING_PARTIES,
        training=Training(epochs=1),
    ),
    "cifar10": cifar10,
    "imdb": imdb,
    "imdb-published": partial(imdb, protocol="published"),
    "imdb-carried": partial(imdb, protocol="carried"),
}
"""Name on the command line -> function that builds the experiment."""
