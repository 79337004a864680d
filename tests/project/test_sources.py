"""Code that the API and the claims link to."""

import re
from html import unescape
from types import SimpleNamespace

import ledger
import pytest
import sources
from helpers import ROOT

TEXT = '''"""A & B."""


class Game:
    """<A game>
    of two lines."""

    @property
    def n(self):
        def inner(): ...


async def play(): ...
'''


def app():
    return SimpleNamespace(env=SimpleNamespace())


def test_a_page_has_the_text_and_an_anchor_at_every_definition():
    page = sources.page("shapfair/x.py", TEXT)
    assert re.findall(r'id="([^"]+)"', page) == ["Game", "Game.n", "Game.n.inner", "play"]
    code = re.search(r"<pre[^>]*>(.*)</pre>", page, re.DOTALL)[1]
    assert unescape(re.sub(r"<[^>]+>", "", code)).rstrip() == TEXT.rstrip()
    assert 'href="../../index.html"' in page


@pytest.mark.parametrize(
    ("module", "name", "wanted"),
    [
        ("shapfair.allocation", "allocate", "shapfair/allocation.html#allocate"),
        ("shapfair", "Game", "shapfair/game.html#Game"),
        ("shapfair.game", "Game.n", "shapfair/game.html#Game.n"),
        ("shapfair.theory.exact", "Adjustment.caps", "shapfair/theory/exact.html#Adjustment.caps"),
        ("shapfair.theory.exact", "Adjustment.values", None),  # a field, which has no code
        ("shapfair.rational", "Matrix", None),  # a type
        ("numpy", "array", None),
    ],
)
def test_names_of_the_api_lead_to_their_code(module, name, wanted):
    built = app()
    found = sources.resolve(built, "py", {"module": module, "fullname": name})
    assert found == (wanted and f"../../sources/{wanted}")
    assert len(sources.linked(built)) == bool(wanted)


def test_every_test_of_the_ledger_has_its_anchor():
    rows = ledger.load(ROOT / "book" / "claims")
    named = {test for row in rows for test in ledger.as_list(row.get("test", []))}
    for path in {test.partition("::")[0] for test in named}:
        page = sources.page(path, (ROOT / path).read_text(encoding="utf-8"))
        for test in named:
            there, _, name = test.partition("::")
            if there == path:
                assert f'<span id="{name.partition("[")[0]}">' in page
