"""Files that are written whole or not at all."""

import contextlib
import os
import stat
from collections.abc import Iterator
from glob import escape
from pathlib import Path

from shapfair.leftovers import temporary

try:
    import fcntl
except ImportError:  # not a POSIX system: unfinished files of killed processes stay there
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """An empty file beside ``path`` that takes its place at the end, or never after an error.

    Readers and other writers see the old content or the new, never a part. The new file has the
    mode of the old one; a link stays a link, and the file that it leads to is replaced. Unfinished
    files that killed processes have left there are removed.

    Raises:
        OSError: if a file cannot be made, written or renamed there; ``path`` is as it was.
    """
    target = Path(path).resolve()
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
