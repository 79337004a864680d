"""The same networks and batches in the ways that people usually write them.

Run by benchmarks/run.py with the interpreter of the peers' environment:
``python peers.py PEER DATA.npz`` prints milliseconds per model-step as JSON. Every peer trains one
model, with all cores, at its default settings. DATA holds ``inputs`` and ``labels``.
"""

import json
import os
import statistics
import sys
import time

import numpy as np

Data = np.ndarray


def _median_ms(run_steps, steps: int, repeats: int = 3) -> float:
    """Median milliseconds per step of ``repeats`` runs, after a warm-up run."""
    run_steps(steps)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run_steps(steps)
        times.append((time.perf_counter() - start) / steps * 1e3)
    return statistics.median(times)


def _fit_ms(model, loss: str, inputs: Data, labels: Data, batch: int, steps: int) -> float:
    """``model.fit``, compiled by Keras, over ``steps`` batches."""
    import keras

    model.compile(keras.optimizers.Adam(1e-3), loss)

    def run(steps):
        count = steps * batch
        model.fit(inputs[:count], labels[:count], batch_size=batch, epochs=1, verbose=0)

    return _median_ms(run, steps)


def _torch_ms(model, inputs, labels: Data, batch: int, steps: int) -> float:
    """Forward, backward, step."""
    import torch

    adam = torch.optim.Adam(model.parameters(), 1e-3)
    entropy, y = torch.nn.CrossEntropyLoss(), torch.from_numpy(labels)

    def run(steps):
        order = torch.randperm(len(inputs))
        for k in range(steps):
            rows = order[k * batch : (k + 1) * batch]
            adam.zero_grad()
            entropy(model(inputs[rows]), y[rows]).backward()
            adam.step()

    return _median_ms(run, steps)


# MNIST, batches of 64


def mnist_keras():
    """The network of App. J.1."""
    import keras

    return keras.Sequential(
        [
            keras.layers.Input((784,)),
            keras.layers.Dense(64, "relu"),
            keras.layers.Dense(64, "relu"),
            keras.layers.Dense(10, "softmax"),
        ]
    )


def mnist_keras_eager(inputs: Data, labels: Data) -> float:
    """One GradientTape per batch, not compiled."""
    import keras
    import tensorflow as tf

    images = inputs.astype(np.float32) / 255
    model, adam = mnist_keras(), keras.optimizers.Adam(1e-3)
    entropy = keras.losses.SparseCategoricalCrossentropy()

    def run(steps):
        order = np.random.permutation(len(images))
        for k in range(steps):
            rows = order[k * 64 : (k + 1) * 64]
            with tf.GradientTape() as tape:
                loss = entropy(labels[rows], model(images[rows], training=True))
            gradient = tape.gradient(loss, model.trainable_variables)
            adam.apply_gradients(zip(gradient, model.trainable_variables, strict=True))

    return _median_ms(run, steps=150)


def mnist_keras_fit(inputs: Data, labels: Data) -> float:
    images = inputs.astype(np.float32) / 255
    return _fit_ms(mnist_keras(), "sparse_categorical_crossentropy", images, labels, 64, 900)


def mnist_torch(inputs: Data, labels: Data) -> float:
    import torch

    model = torch.nn.Sequential(
        torch.nn.Linear(784, 64),
        torch.nn.ReLU(),
        torch.nn.Linear(64, 64),
        torch.nn.ReLU(),
        torch.nn.Linear(64, 10),
    )
    images = torch.from_numpy(inputs.astype(np.float32) / 255)
    return _torch_ms(model, images, labels, 64, 900)


# CIFAR-10, batches of 512


def cifar10_keras_fit(inputs: Data, labels: Data) -> float:
    import keras

    model = keras.Sequential(
        [
            keras.layers.Input((32, 32, 3)),
            keras.layers.Conv2D(32, 3, activation="relu"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Conv2D(64, 3, activation="relu"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Conv2D(64, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(64),
            keras.layers.Dense(10, "softmax"),
        ]
    )
    images = inputs.reshape(-1, 32, 32, 3).astype(np.float32) / 255
    return _fit_ms(model, "sparse_categorical_crossentropy", images, labels, 512, 19)


def cifar10_torch(inputs: Data, labels: Data) -> float:
    """Channels last, the faster layout on a CPU."""
    import torch

    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 32, 3),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(32, 64, 3),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(64, 64, 3),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(1024, 64),
        torch.nn.Linear(64, 10),
    ).to(memory_format=torch.channels_last)
    images = inputs.reshape(-1, 32, 32, 3).transpose(0, 3, 1, 2).astype(np.float32) / 255
    images = torch.from_numpy(images).contiguous(memory_format=torch.channels_last)
    return _torch_ms(model, images, labels, 512, 19)


# IMDB, batches of 32


def imdb_keras():
    """The network of App. J.3, as printed."""
    import keras

    return keras.Sequential(
        [
            keras.layers.Input((250,), dtype="int32"),
            keras.layers.Embedding(10_001, 16),
            keras.layers.Dropout(0.2),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(16),
            keras.layers.Dense(1, "sigmoid"),
        ]
    )


def imdb_keras_fit(inputs: Data, labels: Data) -> float:
    return _fit_ms(imdb_keras(), "binary_crossentropy", inputs.astype(np.int32), labels, 32, 300)


PEERS = {
    "mnist-keras-eager": mnist_keras_eager,
    "mnist-keras-fit": mnist_keras_fit,
    "mnist-torch": mnist_torch,
    "cifar10-keras-fit": cifar10_keras_fit,
    "cifar10-torch": cifar10_torch,
    "imdb-keras-fit": imdb_keras_fit,
}


def main() -> None:
    """Time one peer and print it as JSON."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    data = np.load(sys.argv[2])
    print(json.dumps({"ms": PEERS[sys.argv[1]](data["inputs"], data["labels"].astype(np.int64))}))


if __name__ == "__main__":
    main()
