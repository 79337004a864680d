"""Files that are written whole or not at all."""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from shapfair.leftovers import temporary


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """An empty file beside ``path`` that takes its place at the end, or never after an error.

    Readers and other writers see the old content or the new, never a part. The new file has the
    mode of the old one; a link stays a link, and the file that it leads to is replaced.

    Raises:
        OSError: if a file cannot be made, written or renamed there; ``path`` is as it was.
    """
    target = Path(path).resolve()
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
    # The name is random and the file new, so that nobody can have put a link in its way.
    unfinished = target.with_name(f".{target.name}.{os.urandom(8).hex()}.tmp")

    def make() -> None:
        unfinished.touch(exist_ok=False)

    with temporary(make, lambda _: unfinished.unlink(missing_ok=True)):
        if mode is not None:
            unfinished.chmod(mode)
        yield unfinished
        _flush_to_disk(unfinished)
        unfinished.replace(target)
        if os.name == "posix":
            _flush_to_disk(target.parent)


def write_whole(path: str | Path, content: bytes) -> None:
    """Write a file by way of :func:`replacing`.

    Raises:
        OSError: if it cannot be written; ``path`` is as it was.
    """
    with replacing(path) as unfinished:
        unfinished.write_bytes(content)


def _flush_to_disk(path: Path) -> None:
    """Have the system write what it still holds back of a file or a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
