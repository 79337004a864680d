"""Files are written whole or not at all, and nothing is left beside them."""

import os
import stat
import subprocess
import sys
import threading

import pytest

from shapfair.files import replacing, write_whole

BEGIN_AND_DIE = """
import os, sys
from shapfair.files import replacing
with replacing(sys.argv[1]) as unfinished:
    unfinished.write_text("half a")
    print(unfinished, flush=True)
    if sys.argv[2] == "die":
        os.kill(os.getpid(), 9)
    sys.stdin.read()
"""


def begin(path, then):
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", BEGIN_AND_DIE, str(path), then]
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
    return process, process.stdout.readline().strip()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_new_file_and_one_in_the_place_of_another(tmp_path):
    path = tmp_path / "a[1].txt"
    write_whole(path, b"one")
    path.chmod(0o640)
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert names(tmp_path) == ["a[1].txt"]


def test_a_new_file_has_the_mode_that_any_new_file_has(tmp_path):
    (tmp_path / "plain").touch()
    write_whole(tmp_path / "a", b"")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_after_an_error_all_is_as_it_was(tmp_path):
    (tmp_path / "a").write_text("old")
    with pytest.raises(TypeError), replacing(tmp_path / "a") as unfinished:
        unfinished.write_text(5)
    assert (tmp_path / "a").read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a").write_text("old")
    (tmp_path / "link").symlink_to("there/a")
    write_whole(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there" / "a").read_text() == "new"


@pytest.mark.skipif(os.name != "posix", reason="no locks that end with their process")
def test_what_a_killed_process_left_goes_and_what_others_are_at_stays(tmp_path):
    dead, left = begin(tmp_path / "a", "die")
    dead.communicate()
    alive, used = begin(tmp_path / "a", "wait")
    (tmp_path / ".a.0123456789abcdef.tmp").symlink_to("elsewhere")
    (tmp_path / ".a.notes.tmp").write_text("somebody else's")
    assert os.path.exists(left) is False  # gone when the second began
    write_whole(tmp_path / "a", b"whole")
    assert os.path.exists(used)
    alive.communicate("")
    assert (tmp_path / "a").read_text() == "half a"
    assert names(tmp_path) == [".a.0123456789abcdef.tmp", ".a.notes.tmp", "a"]


def test_writers_do_not_disturb_each_other(tmp_path):
    """Each clears away what is left, and none of what another is at."""
    contents = [bytes([k]) * 10_000 for k in range(8)]

    def write(content):
        for _ in range(25):
            write_whole(tmp_path / "a", content)

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "a").read_bytes() in contents
    assert names(tmp_path) == ["a"]
