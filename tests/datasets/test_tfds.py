"""tensorflow-datasets for real: MNIST prepared offline has the bits of the other sources.

For texts a builder stands in, as the archive of the reviews is not at hand.
"""

import gzip
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from shapfair.datasets import load, tfds_worker
from shapfair.datasets.imdb import IMDB, Reviews, one_spaced
from shapfair.datasets.mnist import MNIST, RAW_FILES

FILE_NAMES = """
import json
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download.resource import get_dl_fname
infos = tfds.builder("mnist", data_dir="unused").url_infos
print(json.dumps({url: get_dl_fname(url, info.checksum) for url, info in infos.items()}))
"""

READ = """
import sys
from shapfair.datasets.mnist import MNIST
from shapfair.datasets.sources import from_tfds
print(from_tfds(MNIST).canonical().digest, "tensorflow" in sys.modules)
"""

READ_TEST_SPLIT = """
import hashlib
import tensorflow_datasets as tfds
from shapfair.datasets.dataset import canonical_order
from shapfair.datasets.tfds_worker import records
builder = tfds.builder("mnist", data_dir="tensorflow_datasets", file_format="array_record")
assert builder.is_prepared()
inputs, labels = records(builder, "test")
order = canonical_order(inputs, labels)
print(hashlib.sha256(inputs[order].tobytes() + labels[order].tobytes()).hexdigest())
"""


def python(code: str, folder: Path, offline: bool = False, path: Path | None = None) -> str:
    """Standard output of a Python process with its own cache, cut off the network if possible."""
    no_network: list[str] = []
    if offline and shutil.which("unshare"):
        attempt = ["unshare", "-rn"]
        if subprocess.run([*attempt, "true"], check=False).returncode == 0:
            no_network = attempt
    env = {**os.environ, "SHAPFAIR_CACHE": str(folder)}
    if path:
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(path), env.get("PYTHONPATH")]))
    command = [*no_network, sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def idx_bytes(array: np.ndarray) -> bytes:
    """The IDX file of labels or of 28 by 28 images."""
    array = array if array.ndim == 1 else array.reshape(-1, 28, 28)
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.tobytes()


@pytest.fixture(scope="module")
def full():
    dataset = load("mnist")
    if dataset.size != "full":
        pytest.skip("no source of the full data set can be reached")
    return dataset


@pytest.fixture(scope="module")
def downloads(full, tmp_path_factory):
    """A cache folder with the files that tensorflow-datasets would download, in another order."""
    cache = tmp_path_factory.mktemp("cache")
    folder = cache / "tensorflow_datasets" / "downloads" / "mnist"
    folder.mkdir(parents=True)
    file_names = json.loads(python(FILE_NAMES, cache))
    for array, (raw_file, _) in RAW_FILES.items():
        records = getattr(full, array)
        shuffled = records[np.random.default_rng(0).permutation(len(records))]
        (url,) = [url for url in file_names if url.endswith(f"{raw_file}.gz")]
        file = folder / file_names[url]
        file.write_bytes(gzip.compress(idx_bytes(shuffled), compresslevel=1))
        info = {"dataset_names": ["mnist"], "urls": [url]}
        file.with_name(f"{file.name}.INFO").write_text(json.dumps(info))
    return cache


@pytest.mark.skipif(
    find_spec("tensorflow_datasets") is None, reason="the extra shapfair[tfds] is not installed"
)
def test_same_bits_as_from_the_other_sources(full, downloads, tmp_path):
    assert python(READ, downloads, offline=True).split() == [MNIST.digests["full"], "False"]

    # Prepared once, it is read with neither the downloads nor TensorFlow.
    shutil.rmtree(downloads / "tensorflow_datasets" / "downloads")
    (tmp_path / "tensorflow.py").write_text("raise ImportError('TensorFlow is not wanted here')")
    again = python(READ_TEST_SPLIT, downloads, offline=True, path=tmp_path)
    test_split = full.test_inputs.tobytes() + full.test_labels.tobytes()
    assert again.strip() == hashlib.sha256(test_split).hexdigest()


TEXTS = {
    "train": [
        (b"Good,\n really\tgood <br /><br />film", 1),
        ("caf\u00e9\u00a0noir \u2028 ".encode(), 0),
    ],
    "test": [(b"", 0), (b" bad\r\n", 0), (b"fine", 1)],
}


def test_texts_come_one_to_a_line_and_make_the_same_reviews():
    builder = SimpleNamespace(
        info=SimpleNamespace(supervised_keys=("text", "label")),
        as_data_source=lambda split: [{"text": t, "label": np.int64(y)} for t, y in TEXTS[split]],
    )
    inputs, labels = tfds_worker.records(builder, "train")
    assert inputs.tobytes().decode() == "Good, really good <br /><br />film\ncaf\u00e9 noir\n"
    assert (inputs.dtype, labels.dtype, labels.tolist()) == (np.uint8, np.uint8, [1, 0])
    arrays = {"train_inputs": inputs, "train_labels": labels}
    arrays["test_inputs"], arrays["test_labels"] = tfds_worker.records(builder, "test")
    found = IMDB.of_arrays(arrays, "tensorflow-datasets")
    columns = [
        part
        for split in ("train", "test")
        for part in (
            tuple(one_spaced(t.decode()) for t, _ in TEXTS[split]),
            np.array([y for _, y in TEXTS[split]], np.uint8),
        )
    ]
    assert found.to_bytes() == Reviews("imdb", *columns, source="npm").to_bytes()


def test_pictures_come_as_flat_rows():
    pictures = np.arange(2 * 2 * 3 * 3, dtype=np.uint8).reshape(2, 2, 3, 3)
    features = {"image": SimpleNamespace(shape=(2, 3, 3))}
    builder = SimpleNamespace(
        info=SimpleNamespace(supervised_keys=("image", "label"), features=features),
        as_data_source=lambda split: [
            {"image": picture, "label": k} for k, picture in enumerate(pictures)
        ],
    )
    inputs, labels = tfds_worker.records(builder, "train")
    np.testing.assert_array_equal(inputs, pictures.reshape(2, 18))
    assert labels.tolist() == [0, 1]


def test_a_silent_source_is_given_up(monkeypatch):
    pytest.importorskip("requests")
    monkeypatch.setattr(tfds_worker, "SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(ConnectionError, match=r"is not reachable|does not answer"):
            tfds_worker.require_answer(url)
    with pytest.raises(ConnectionError, match="is not reachable"):
        tfds_worker.require_answer(url)
