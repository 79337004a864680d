"""The records: every byte of them is held, and each is as its run wrote it."""

import hashlib
import json

import pytest
from helpers import RESULTS

from shapfair import Game

MANIFEST = dict(
    reversed(line.split("  ", 1)) for line in (RESULTS / "SHA256SUMS").read_text().splitlines()
)
"""Name of every record and the SHA-256 of its bytes, as `sha256sum -c SHA256SUMS` reads it."""


def test_all_records_are_in_the_manifest():
    assert list(MANIFEST) == sorted(path.name for path in RESULTS.glob("*.json"))


@pytest.mark.parametrize("name", MANIFEST)
def test_no_byte_of_a_record_has_changed(name):
    assert hashlib.sha256((RESULTS / name).read_bytes()).hexdigest() == MANIFEST[name]


@pytest.mark.parametrize("name", [name for name in MANIFEST if not name.startswith("models-")])
def test_records_are_as_recorded_and_a_thousandth_more_is_not(name, tmp_path):
    game = Game.read(RESULTS / name)
    assert game.is_as_recorded()
    document = json.loads((RESULTS / name).read_text())
    document["values"][1][3] += 0.001
    (tmp_path / name).write_text(json.dumps(document))
    assert Game.read(tmp_path / name).is_as_recorded() is False
