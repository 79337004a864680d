"""The same MNIST network and batches in the ways that people usually write them.

Run by benchmarks/run.py with the interpreter of the peers' environment:
``python peers.py {keras-eager,keras-fit,torch} IMAGES.npz`` prints milliseconds per model-step.
Every peer trains one model on the 60,000 images, with all cores, at its default settings.
"""

import json
import os
import statistics
import sys
import time

import numpy as np

BATCH = 64


def _median_ms(run_steps, steps: int, repeats: int) -> float:
    """Median milliseconds per step of ``repeats`` runs, after a warm-up run."""
    run_steps(steps)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run_steps(steps)
        times.append((time.perf_counter() - start) / steps * 1e3)
    return statistics.median(times)


def _keras_model():
    import keras

    return keras.Sequential(
        [
            keras.layers.Input((784,)),
            keras.layers.Dense(64, "relu"),
            keras.layers.Dense(64, "relu"),
            keras.layers.Dense(10, "softmax"),
        ]
    )


def keras_eager(images: np.ndarray, labels: np.ndarray) -> float:
    """One GradientTape per batch, not compiled."""
    import keras
    import tensorflow as tf

    model, adam = _keras_model(), keras.optimizers.Adam(1e-3)
    entropy = keras.losses.SparseCategoricalCrossentropy()

    def run(steps):
        order = np.random.permutation(len(images))
        for k in range(steps):
            rows = order[k * BATCH : (k + 1) * BATCH]
            with tf.GradientTape() as tape:
                loss = entropy(labels[rows], model(images[rows], training=True))
            gradient = tape.gradient(loss, model.trainable_variables)
            adam.apply_gradients(zip(gradient, model.trainable_variables, strict=True))

    return _median_ms(run, steps=150, repeats=3)


def keras_fit(images: np.ndarray, labels: np.ndarray) -> float:
    """``model.fit``, compiled by Keras."""
    import keras

    model = _keras_model()
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")

    def run(steps):
        count = steps * BATCH
        model.fit(images[:count], labels[:count], batch_size=BATCH, epochs=1, verbose=0)

    return _median_ms(run, steps=900, repeats=3)


def torch_loop(images: np.ndarray, labels: np.ndarray) -> float:
    """Forward, backward, step."""
    import torch

    model = torch.nn.Sequential(
        torch.nn.Linear(784, 64),
        torch.nn.ReLU(),
        torch.nn.Linear(64, 64),
        torch.nn.ReLU(),
        torch.nn.Linear(64, 10),
    )
    adam = torch.optim.Adam(model.parameters(), 1e-3)
    entropy = torch.nn.CrossEntropyLoss()
    x, y = torch.from_numpy(images), torch.from_numpy(labels)

    def run(steps):
        order = torch.randperm(len(x))
        for k in range(steps):
            rows = order[k * BATCH : (k + 1) * BATCH]
            adam.zero_grad()
            entropy(model(x[rows]), y[rows]).backward()
            adam.step()

    return _median_ms(run, steps=900, repeats=3)


PEERS = {"keras-eager": keras_eager, "keras-fit": keras_fit, "torch": torch_loop}


def main() -> None:
    """Time one peer and print it as JSON."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    data = np.load(sys.argv[2])
    images = data["images"].astype(np.float32) / 255
    print(json.dumps({"ms": PEERS[sys.argv[1]](images, data["labels"].astype(np.int64))}))


if __name__ == "__main__":
    main()
