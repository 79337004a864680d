"""Files and packed bytes up to a limit: what is larger is neither read nor unpacked to the end."""

import lzma
import zlib
from pathlib import Path

from shapfair import files
from shapfair.datasets.dataset import DataError

MOST = 1 << 28
"""Bytes of a data set in whatever form, 256 MiB; CIFAR-10, the largest, has 184 million."""


def read(file: Path) -> bytes:
    """Content of a regular file.

    Raises:
        DataError: if it is no regular file, or larger than :data:`MOST`.
        OSError: if it cannot be read.
    """
    try:
        return files.read(file, MOST)
    except ValueError as error:
        raise DataError(str(error)) from error


def from_gzip(content: bytes) -> bytes:
    """What is packed in gzip's format.

    Raises:
        DataError: if that is truncated, damaged, or larger than :data:`MOST`.
    """
    unpacker = zlib.decompressobj(wbits=31)
    try:
        found = unpacker.decompress(content, MOST + 1)
    except zlib.error as error:
        raise DataError(f"truncated or damaged ({error})") from error
    return _whole(found, unpacker.eof)


def from_xz(content: bytes) -> bytes:
    """What is packed in the format of xz.

    Raises:
        DataError: if that is truncated, damaged, or larger than :data:`MOST`.
    """
    unpacker = lzma.LZMADecompressor(memlimit=MOST)
    try:
        found = unpacker.decompress(content, MOST + 1)
    except (lzma.LZMAError, EOFError) as error:
        raise DataError(f"truncated or damaged ({error})") from error
    return _whole(found, unpacker.eof)


def _whole(found: bytes, ended: bool) -> bytes:
    if len(found) > MOST:
        raise DataError(f"unpacks to more than {MOST:,} bytes")
    if not ended:
        raise DataError("truncated or damaged (it ends too early)")
    return found
