"""Values of coalitions by ``keras.fit``, the networks and settings of App. J.

Run by benchmarks/accuracy.py with the interpreter of the peers' environment:
``python keras_values.py DATA.npz`` prints a line of JSON for every job. DATA holds the training and
test arrays, ``experiment``, ``epochs``, ``batch_size`` and ``jobs``, rows of coalition and seed;
the examples of a job are in ``rows_COALITION_SEED``. With ``summed`` the parts of a sparse gradient
are added up before Adam sees them.
"""

import json
import os
import sys

import numpy as np
from peers import imdb_keras, mnist_keras


def _adam(summed: bool):
    """Adam; the gradient of word vectors as it comes, in parts, or as one array.

    It comes as one part for every place of a word in a batch. Keras 3.15 with TensorFlow squares
    these parts for the second moment; the square of their sum is what Adam is about.
    """
    import keras
    import tensorflow as tf

    class Summed(keras.optimizers.Adam):
        def update_step(self, gradient, variable, learning_rate):
            super().update_step(tf.convert_to_tensor(gradient), variable, learning_rate)

    return (Summed if summed else keras.optimizers.Adam)(1e-3)


def _accuracy(network, loss: str, data, coalition: int, seed: int) -> float:
    """Test accuracy of a new network, fitted to the examples of a job with a new optimiser."""
    import keras

    keras.utils.set_random_seed(1000 * seed + coalition)
    model, rows = network(), data[f"rows_{coalition}_{seed}"]
    model.compile(_adam(bool(data["summed"])), loss, metrics=["accuracy"])
    settings = {"batch_size": int(data["batch_size"]), "verbose": 0}
    x, y = data["train_inputs"][rows], data["train_labels"][rows]
    model.fit(x, y, epochs=int(data["epochs"]), **settings)
    tests = {"x": data["test_inputs"], "y": data["test_labels"]}
    return model.evaluate(**tests, batch_size=1000, verbose=0, return_dict=True)["accuracy"]


def main() -> None:
    """Fit a model for every job."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with np.load(sys.argv[1]) as stored:
        data = dict(stored)
    parts = [(name, data[name]) for name in ("train_inputs", "test_inputs")]
    if str(data["experiment"]) == "mnist":
        network, loss = mnist_keras, "sparse_categorical_crossentropy"
        data.update((name, x.astype(np.float32) / 255) for name, x in parts)
    else:
        network, loss = imdb_keras, "binary_crossentropy"
        data.update((name, x.astype(np.int32)) for name, x in parts)
    for coalition, seed in data["jobs"].tolist():
        found = {"coalition": coalition, "seed": seed}
        found["accuracy"] = _accuracy(network, loss, data, coalition, seed)
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
