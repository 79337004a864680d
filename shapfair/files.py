"""Files: read if they are regular ones that fit into memory, written whole or not at all.

A pipe, a terminal or a device may keep a reader waiting, or never end. A pipe is refused also as
``/dev/stdin`` or ``<(command)``: what came through it is gone, so nobody could look at it again
when the numbers made of it are in doubt.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from glob import escape
from pathlib import Path

from shapfair import memory
from shapfair.leftovers import temporary

try:
    import fcntl
except ImportError:  # not a POSIX system: unfinished files of killed processes stay there
    fcntl = None  # type: ignore[assignment]

_KINDS = {
    stat.S_IFDIR: ("a folder", "name a file in it"),
    stat.S_IFIFO: ("a pipe", "save what comes out of it to a file first"),
    stat.S_IFSOCK: ("a socket", "save what comes out of it to a file first"),
}
_DEVICE = ("a device", "save what comes out of it to a file first")
_UNHURRIED = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
"""Opening does not wait, in case the file has become a pipe since it was looked at."""


def read(path: str | Path, most: int | None = None) -> bytes:
    """Content of a regular file.

    Args:
        path: the file; a link is followed.
        most: bytes that it may have, by default as many as there is memory.

    Raises:
        ValueError: if it is no regular file, or is too large.
        OSError: if it cannot be read.
    """
    check_regular(path)
    with open(os.open(path, os.O_RDONLY | _UNHURRIED), "rb") as file:
        facts = os.fstat(file.fileno())
        _check_kind(path, facts.st_mode)
        if most is not None and facts.st_size > most:
            raise ValueError(f"{path}: {facts.st_size:,} bytes found, at most {most:,} expected")
        memory.check(facts.st_size, f"{path}: {facts.st_size:,} bytes", "read it elsewhere")
        return file.read(facts.st_size)  # no more, should somebody write to it


def check_regular(path: str | Path) -> None:
    """Refuse what is no regular file.

    Raises:
        ValueError: naming what it is.
        OSError: if there is nothing.
    """
    _check_kind(path, os.stat(path).st_mode)


def _check_kind(path: str | Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind, advice = _KINDS.get(stat.S_IFMT(mode), _DEVICE)
        raise ValueError(f"{path}: is {kind}, not a file: {advice}")


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """An empty file beside ``path`` that takes its place at the end, or never after an error.

    Readers and other writers see the old content or the new, never a part. The new file has the
    mode of the old one; a link stays a link, and the file that it leads to is replaced. Unfinished
    files that killed processes have left there are removed.

    Raises:
        OSError: if a file cannot be made, written or renamed there, or what is there is no file;
            ``path`` is as it was.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():  # such as a device behind a link
        raise OSError(errno.EEXIST, "is there and not a file", os.fspath(path))
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
    _clear_away_what_others_left(target)
    with temporary(lambda: _Unfinished(target), _Unfinished.clear) as unfinished:
        if mode is not None:
            unfinished.path.chmod(mode)
        yield unfinished.path
        _flush_to_disk(unfinished.path)
        unfinished.path.replace(target)
        if os.name == "posix":
            _flush_to_disk(target.parent)


def write_whole(path: str | Path, content: bytes) -> None:
    """Write a file by way of :func:`replacing`.

    Raises:
        OSError: if it cannot be written; ``path`` is as it was.
    """
    with replacing(path) as unfinished:
        unfinished.write_bytes(content)


class _Unfinished:
    """A new file beside another one. A lock that ends with its process tells that it is in use."""

    def __init__(self, target: Path) -> None:
        while True:
            # The name is random and the file new, so that nobody can have put a link in its way.
            self.path = target.with_name(f".{target.name}.{os.urandom(8).hex()}.tmp")
            self._handle = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
            if fcntl:
                fcntl.flock(self._handle, fcntl.LOCK_EX)
            if self.path.exists():  # nobody took it for a left one before it was locked
                return
            os.close(self._handle)

    def clear(self) -> None:
        self.path.unlink(missing_ok=True)
        os.close(self._handle)


def _clear_away_what_others_left(target: Path) -> None:
    """Remove unfinished files beside a file whose processes are no more."""
    if not fcntl:
        return
    for left in target.parent.glob(f".{escape(target.name)}.{'[0-9a-f]' * 16}.tmp"):
        with contextlib.suppress(OSError):  # it is in use, gone, or somebody else's
            handle = os.open(left, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                left.unlink()
                left.with_name(f"{left.name}-journal").unlink(missing_ok=True)  # of a store
            finally:
                os.close(handle)


def _flush_to_disk(path: Path) -> None:
    """Have the system write what it still holds back of a file or a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
