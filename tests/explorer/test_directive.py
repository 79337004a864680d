"""What the directive of the explorer puts into a page."""

import json

import budget_explorer
import pytest
import yaml
from budget_explorer import RECORDS, Preset, Record
from helpers import RESULTS, ROOT

from shapfair import Game


@pytest.mark.parametrize("name", RECORDS)
def test_entry_is_the_record(name):
    found = budget_explorer.entry(name, ROOT, lambda document: f"{document}.html")
    record = RECORDS[name]
    game = Game.read(ROOT / record.file)
    assert json.loads(json.dumps(found["values"])) == game.values.reshape(-1, 2**game.n).tolist()
    assert tuple(found["parties"]) == game.parties
    if record.file.startswith("results/"):
        sums = (RESULTS / "SHA256SUMS").read_text()
        assert f"{found['sha256']}  {record.file.removeprefix('results/')}\n" in sums
    chapters = [
        chapter["file"]
        for part in yaml.safe_load((ROOT / "_toc.yml").read_text())["parts"]
        for chapter in part["chapters"]
    ]
    assert budget_explorer.FULL_PAGE in chapters
    assert ("page" in found) == (record.page in chapters)


def test_preset_of_other_parties_is_refused(monkeypatch):
    wrong = Record("book/examples/clinics.csv", "x", "", presets=(Preset("one", (0,)),))
    monkeypatch.setitem(RECORDS, "wrong", wrong)
    with pytest.raises(ValueError, match="one: 1 budgets for 3 parties"):
        budget_explorer.entry("wrong", ROOT, str)
