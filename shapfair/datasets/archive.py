"""Files inside the archive of an npm package, whoever made it.

A tape archive is a row of blocks: a header, then the content of the file. Here only regular files
count, by the names that are wanted. Links, devices and sparse files are passed over, and nothing is
written to disk, so that no name leads anywhere. The tar module of the standard library is kinder
than that: it follows links, and does what headers say of headers to come.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from shapfair.datasets import bounded
from shapfair.datasets.dataset import DataError

BLOCK = 512
"""Bytes of a header, and what contents are filled up to."""

_REGULAR = (b"0", b"\0")
"""Kinds of header that begin a regular file."""


def read_files(archive: Path, files: Mapping[str, str]) -> dict[str, bytes]:
    """Content of some files of an archive, by the caller's key.

    Args:
        archive: the ``.tgz`` file.
        files: for each key, the path inside the archive.

    Raises:
        DataError: if the archive is truncated, damaged or too large, or lacks one of the files.
        OSError: if it cannot be read.
    """
    content = bounded.read(archive)
    try:
        wanted = set(files.values())
        found = {name: part for name, part in _regular_files(bounded.from_gzip(content), wanted)}
    except DataError as error:
        raise DataError(f"{archive.name}: archive {error}") from error
    for path in files.values():
        if path not in found:
            raise DataError(f"{archive.name}: {path} is missing, or not a regular file")
    return {key: found[path] for key, path in files.items()}


def _regular_files(tape: bytes, wanted: set[str]) -> Iterator[tuple[str, bytes]]:
    place = 0
    while any(header := tape[place : place + BLOCK]):
        size, start = _size_after(header), place + BLOCK
        if start + size > len(tape):
            raise DataError("truncated or damaged (a file goes beyond its end)")
        if header[156:157] in _REGULAR and (name := _name(header)) in wanted:
            yield name, tape[start : start + size]
        place = start + size + -size % BLOCK


def _size_after(header: bytes) -> int:
    """Bytes of content after a header, in octal digits; its checksum has to be right."""
    try:
        size, total = (_octal(header[part]) for part in (slice(124, 136), slice(148, 156)))
    except ValueError:
        raise DataError("truncated or damaged (a header is none)") from None
    # The checksum is that of the header with spaces in its own place.
    if len(header) < BLOCK or sum(header) - sum(header[148:156]) + 8 * ord(" ") != total:
        raise DataError("truncated or damaged (a header is none)")
    return size


def _octal(field: bytes) -> int:
    digits = field.strip(b" \0")
    if not digits.isdigit():
        raise ValueError
    return int(digits, 8)


def _name(header: bytes) -> str:
    """Path of a file; the longer ones are written in two parts."""
    parts = [header[345:500], header[:100]] if header[257:262] == b"ustar" else [header[:100]]
    return "/".join(part.split(b"\0")[0].decode(errors="replace") for part in parts if any(part))
