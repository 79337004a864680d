import hashlib
import re
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import screenshots
from helpers import additive
from hypothesis import given
from hypothesis import strategies as st

from shapfair import Game, allocate, receipt
from shapfair.receipt import Source
from shapfair.report.blocks import (
    Code,
    Heading,
    Items,
    Paragraph,
    Picture,
    TextTable,
    to_html,
    to_markdown,
)
from shapfair.report.consortium import ABREAST, Report, narrow, unit
from shapfair.report.rows import settlement

ROOT = Path(__file__).parents[2]
CLINICS = Source.read(ROOT / "book/examples/clinics.csv")
MNIST = Source.read(ROOT / "results/mnist.json")


def blocks_of(source, budgets=float("inf"), currency="", **options):
    return Report(allocate(source.game, budgets, **options), source, currency).blocks()


def under(blocks, heading):
    """The blocks below a heading, up to the next of its level."""
    start = next(k for k, b in enumerate(blocks) if isinstance(b, Heading) and b.text == heading)
    level, found = blocks[start].level, []
    for block in blocks[start + 1 :]:
        if isinstance(block, Heading) and block.level <= level:
            break
        found.append(block)
    return found


def words(blocks):
    text = []
    for block in blocks:
        match block:
            case Heading(line) | Paragraph(line):
                text.append(line)
            case Items(lines) | Code(lines):
                text += lines
            case TextTable(columns, rows):
                text += [" ".join(row) for row in (columns, *rows)]
            case Picture(_, line):
                text.append(line)
    return "\n".join(text)


# --- what it says ----------------------------------------------------------------------------


def test_everyone_has_a_sentence_and_a_page():
    options = {"exchange_rate": 1e6}
    blocks = blocks_of(CLINICS, {"A": 50_000, "B": 0}, "EUR", **options)
    allocation = allocate(CLINICS.game, {"A": 50_000, "B": 0}, **options)
    models = allocation.model_values / 1e6
    summary = words(under(blocks, "Who pays whom, and who gets which model"))
    assert "One unit of model value is worth 1,000,000 EUR." in summary
    assert f"A pays 50,000 EUR on balance and gets a model worth {models[0]:.4f}, " in summary
    assert "B neither pays nor receives anything on balance and gets a model worth" in summary
    assert "C receives 50,000 EUR on balance and gets the full model, worth 0.9400." in summary
    for i, name in enumerate("ABC"):
        page = words(under(blocks, name))
        assert f"What the model that it gets is worth {models[i]:.4f}" in page
        assert f"It pays {allocation.costs[i]:,.0f} EUR" in page
        assert f"It is paid {allocation.revenues[i]:,.0f} EUR" in page
    assert "Its budget is enough" in words(under(blocks, "C"))


def test_more_money_buys_what_an_allocation_with_more_money_gives():
    blocks = blocks_of(CLINICS, {"A": 0.05})
    text = words(under(blocks, "A"))
    now, more, all_of_it = (
        allocate(CLINICS.game, {"A": b}).model_values[0] for b in (0.05, 0.059, np.inf)
    )
    needed = -allocate(CLINICS.game).payoffs[0]
    assert f"With 0.0090 more its model would be worth {more:.4f} instead of {now:.4f}." in text
    assert f"With {needed:.4f} it would get one worth {all_of_it:.4f}" in text
    assert now < more < all_of_it == 0.94
    # That much is enough, and less is not.
    enough, less = (allocate(CLINICS.game, {"A": b}).scaling[0] for b in (needed, needed - 1e-6))
    assert enough == pytest.approx(1, abs=1e-12)
    assert less < 1 - 1e-7


def test_a_desired_value_is_what_it_asked_for():
    text = words(blocks_of(CLINICS, desired={"A": 0.7}))
    assert "gets a model worth 0.7000, 29% of the way up from its own 0.6000, what it asked" in text
    assert "This is not looked into with parties that want less" in text


def test_coalitions_that_would_leave_are_named_with_their_noise():
    blocks = blocks_of(MNIST, repair="hull")
    text = words(under(blocks, "Would anybody leave?"))
    assert "{[0], [1-2], [3-5], [6-9]}" in text
    assert re.search(r"0\.0\d+ 10 of 10 yes", text)
    assert "every member could have" in words(under(blocks, "[0]"))
    assert "No group with it would be better off" in words(under(blocks, "[0-3]"))
    assert "No group of parties would be better off" in words(blocks_of(CLINICS))


def test_noise_and_warnings_are_told():
    several, single = blocks_of(MNIST, repair="hull"), blocks_of(CLINICS)
    assert "means over 10 independent runs" in words(several)
    assert "replaced by the monotone hull" in words(several)
    assert "nothing is known of how much chance" in words(single)


def test_the_receipt_is_the_one_that_its_command_writes():
    allocation = allocate(CLINICS.game, {"A": 0.05})
    text = receipt.to_json(allocation, CLINICS)
    told = words(under(Report(allocation, CLINICS).blocks(), "How to check this"))
    assert hashlib.sha256(text.encode()).hexdigest() in told
    assert CLINICS.sha256 in told
    assert "shapfair allocate VALUES --budget=A=0.05 --format=json --out=receipt.json" in told


# --- the settlement --------------------------------------------------------------------------


@given(st.lists(st.integers(-50, 50).map(float), min_size=1, max_size=9))
def test_transfers_give_everyone_its_payoff(amounts):
    payoffs = [*amounts, -sum(amounts, 0.0)]
    left = list(payoffs)
    transfers = settlement(payoffs)
    for payer, payee, amount in transfers:
        assert amount > 0
        left[payer] += amount
        left[payee] -= amount
    assert left == [0] * len(payoffs)
    assert len(transfers) < len(payoffs)
    # Who has to pay is never paid.
    assert not {t[0] for t in transfers} & {t[1] for t in transfers}


def test_largest_debts_come_first():
    assert settlement([-3.0, -1.0, 4.0]) == [(0, 2, 3), (1, 2, 1)]
    assert settlement([0.0, 0.0]) == []
    assert all(one[2] >= other[2] for one, other in pairwise(settlement([-3.0, -2.0, 1.0, 4.0])))
    text = words(blocks_of(Source.of("v.csv", b"A,B,value\n0,0,0\n1,0,1\n0,1,1\n1,1,1\n")))
    assert "Nobody has to pay anybody on balance." in text


@pytest.mark.parametrize(
    ("grand", "amount"), [(0.94, 0.009), (1e6, 1e4), (123.0, 1.0), (0.0, 1.0), (-5.0, 0.05)]
)
def test_an_amount_to_think_in(grand, amount):
    assert unit(grand) == pytest.approx(amount)


# --- how it is written -----------------------------------------------------------------------

HOSTILE = ("<script>alert(1)</script>", "a|b_c*d", "[x](y)")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    file = tmp_path_factory.mktemp("hostile") / "v.csv"
    Game(additive(1, 2, 3), HOSTILE).to_csv(file)
    return blocks_of(Source.read(file), 0.5)


def test_names_are_harmless_in_html(hostile):
    page = to_html(hostile)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!#|data:)""", page)  # asks for no other file
    assert page.count("<h1") == page.count("</h1>") == 1
    assert '<html lang="en">' in page


def test_names_are_harmless_in_markdown(hostile):
    text = to_markdown(hostile)
    assert r"a\|b\_c\*d" in text
    assert r"\[x\]\(y\)" in text
    assert r"\<script\>alert\(1\)\</script\>" in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    bars = [len(re.findall(r"(?<!\\)\|", line)) for line in tables]
    assert min(bars) >= 3
    assert "<svg" not in text


def test_pages_break_before_every_party():
    page = to_html(blocks_of(CLINICS))
    assert re.findall(r'<h2 class="new-page">(.*?)</h2>', page) == ["In pictures", "A", "B", "C"]


@pytest.mark.parametrize("wide", [1, ABREAST, ABREAST + 1, 26])
def test_wide_tables_are_told_in_parts(wide):
    table = TextTable(
        ("pays", *map(str, range(wide))),
        [("a", *map(str, range(100, 100 + wide)))],
        "<" + ">" * wide,
    )
    parts = narrow(table)
    assert max(len(part.columns) for part in parts) <= ABREAST + 1
    assert [part.columns[0] for part in parts] == ["pays"] * len(parts)
    assert {row[0] for part in parts for row in part.rows} == {"a"}
    assert [name for part in parts for name in part.columns[1:]] == list(table.columns[1:])
    assert [cell for part in parts for cell in part.rows[0][1:]] == list(table.rows[0][1:])
    assert {part.align[1:].strip(">") for part in parts} == {""}


LONG = tuple(f"Krankenhaus{k:02} Nord" for k in range(12))  # 18 characters, and long words
PAPER = {"width": 680, "height": 943}
"""What A4 leaves of its width, and US letter of its height, in CSS pixels."""
SPOILT = """
(height) => {
    const shown = (e) => e.checkVisibility();
    const all = (names) => [...document.querySelectorAll(names)].filter(shown);
    const found = [];
    for (const e of all("body *"))
        if (e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
            found.push(`wide: ${e.outerHTML.slice(0, 60)}`);
    for (const e of all("figure, table, pre"))
        if (e.getBoundingClientRect().height > height)
            found.push(`high: ${e.outerHTML.slice(0, 60)}`);
    for (const e of all("h1, h2, h3, p, li, th, td, pre, svg"))
        if (getComputedStyle(e).color !== "rgb(0, 0, 0)" && !e.closest("thead"))
            found.push(`pale: ${e.outerHTML.slice(0, 60)}`);
    return found;
}
"""


@pytest.mark.slow
@pytest.mark.skipif(not any(map(shutil.which, screenshots.BROWSERS)), reason="no Chromium here")
def test_on_paper_nothing_is_cut_and_all_is_black(tmp_path):
    Game(additive(*range(1, 13)), LONG).to_csv(tmp_path / "long.csv")
    options = {"exchange_rate": 2e5, "currency": "EUR"}
    sources = Source.read(tmp_path / "long.csv"), MNIST
    with screenshots.browser() as browser:
        page = browser.new_page(viewport=PAPER, color_scheme="dark")
        page.emulate_media(media="print")
        for source in sources:
            page.set_content(to_html(blocks_of(source, 0.5, repair="hull", **options)))
            assert page.evaluate(SPOILT, PAPER["height"]) == []
            tops = page.locator(".new-page").evaluate_all(
                "all => all.map(e => e.getBoundingClientRect().top)"
            )
            assert len(tops) == source.game.n + 1
            # Every party has one page; its content is no higher.
            assert max(b - a for a, b in pairwise(tops[1:])) < PAPER["height"]


def test_code_stands_as_it_is():
    blocks = [Code(["shapfair allocate VALUES '--budget=a b=1' < x"])]
    assert "<pre" in to_html(blocks)
    assert "&#x27;--budget=a b=1&#x27; &lt; x" in to_html(blocks)
    assert to_markdown(blocks) == "    shapfair allocate VALUES '--budget=a b=1' < x\n"
