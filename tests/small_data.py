"""A data set of forty records that stands in for MNIST."""

import numpy as np

from shapfair.datasets import Dataset, cache
from shapfair.datasets.dataset import Recipe


def small_dataset(source="npm", seed=0):
    """The records, in an order that depends on ``seed``."""
    records = np.random.default_rng(1).integers(0, 256, (40, 4), np.uint8)
    order = np.random.default_rng(seed)
    train, test = order.permutation(30), 30 + order.permutation(10)
    return Dataset(
        name="small",
        train_inputs=records[train, 1:],
        train_labels=records[train, 0] % 10,
        test_inputs=records[test, 1:],
        test_labels=records[test, 0] % 10,
        classes=10,
        source=source,
        size="full",
    )


SMALL = Recipe(
    name="small",
    title="Small",
    citation="nobody",
    classes=10,
    shapes={"full": ((30, 3), (30,), (10, 3), (10,))},
    digests={"full": small_dataset().canonical().digest},
    tfds_builder="small",
    npm_package="small@1.0.0",
    read_package=lambda archive: small_dataset(),
)


def fetch_many_times(start):
    """A process that writes and reads the cache while others do."""
    start.wait()
    for _ in range(50):
        cache.write(small_dataset().canonical())
        assert cache.read(SMALL).digest == SMALL.digests["full"]
