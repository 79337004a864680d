"""The explorer's page in a browser, from a file: what a reader moves, and what it moves."""

import csv
import io
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import budget_explorer
import numpy as np
import pytest
import screenshots
from helpers import ROOT

from shapfair import Game, allocate
from shapfair.cli.main import main

pytestmark = pytest.mark.slow
CLINICS = (ROOT / "book" / "examples" / "clinics.csv").read_text()
BAD = {
    "header": ("A;B;value\n0;0;0\n", "no column is named 'value'"),
    "row": (CLINICS.replace("1,1,0,0.78", "1,1,0.78"), "Line 5: 3 fields, the header has 4"),
    "member": (CLINICS.replace("1,1,0,0.78", "1,2,0,0.78"), "Line 5: membership of party B is '2'"),
    "value": (CLINICS.replace("0.78", "78%"), "Line 5: value '78%' is not a number"),
    "twice": (CLINICS.replace("1,1,0,0.78", "1,0,0,0.78"), "Line 5: coalition {A} appears twice"),
    "missing": (
        CLINICS.replace("1,1,0,0.78\n", ""),
        "No value for 1 of 8 coalitions, first {A, B}",
    ),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A book of two pages, one with the explorer and one with the small one, built strictly."""
    folder = tmp_path_factory.mktemp("book")
    (folder / "results").symlink_to(ROOT / "results")
    (folder / "book").mkdir()
    (folder / "book" / "examples").symlink_to(ROOT / "book" / "examples")
    pages = ["book/explorer", "book/front", *{r.page for r in budget_explorer.RECORDS.values()}]
    for name in filter(None, pages):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / f"{name}.md").write_text(f"# {name}\n\nText.\n")
    (folder / "book" / "explorer.md").write_text("# Explorer\n\n```{budget-explorer}\n```\n")
    (folder / "book" / "front.md").write_text("# Front\n\n```{budget-explorer}\n:small:\n```\n")
    names = "\n".join(filter(None, pages))
    (folder / "index.md").write_text(f"# Book\n\n```{{toctree}}\n{names}\n```\n")
    (folder / "conf.py").write_text(
        f"import sys\nsys.path.append({str(ROOT / 'book' / '_ext')!r})\n"
        "extensions = ['myst_parser', 'budget_explorer']\n"
        "html_theme = 'basic'\nexclude_patterns = ['results', 'book/examples']\n"
        f"html_static_path = [{str(ROOT / 'book' / '_static')!r}]\n"
    )
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-n", "-W", "--keep-going", "-q"]
    done = subprocess.run(
        [*command, str(folder), str(folder / "out")], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    return folder / "out"


@pytest.fixture(scope="module")
def chromium():
    try:
        with screenshots.browser() as browser:
            yield browser
    except SystemExit as error:
        pytest.skip(str(error))


@pytest.fixture
def reader(chromium, site):
    """Opens the explorer at an address; at the end nothing may have gone wrong."""
    troubles, contexts = [], []

    def opened(address="", page="explorer", **options):
        context = chromium.new_context(viewport={"width": 1100, "height": 900}, **options)
        contexts.append(context)
        tab = context.new_page()
        troubles.append(screenshots.listen(tab, "file://"))
        tab.goto(f"file://{site}/book/{page}.html{address}")
        tab.wait_for_selector(".explorer.is-ready .ex-sentence:not(:empty)")
        tab.wait_for_timeout(300)
        return tab

    yield opened
    for context in contexts:
        context.close()
    assert [trouble for found in troubles for trouble in found] == []


def numbers(tab, column):
    texts = tab.locator(f".ex-row:not(.ex-head) .ex-{column} .ex-numbers b").all_inner_texts()
    return [float(text.replace("−", "-").replace(",", "")) for text in texts]


def agrees(tab, game, budgets=np.inf, desired=np.inf, repair="hull"):
    """Whether the page shows what Python gives."""
    tab.wait_for_timeout(350)
    wanted = allocate(game, budgets, desired, repair=repair)
    shown = {"model": "model_values", "payoff": "payoffs"}
    for column, name in shown.items():
        assert numbers(tab, column) == pytest.approx(wanted.mean(name).tolist(), abs=5.1e-4)
    cells = tab.locator(".ex-matrix tbody td:not(.ex-total)").all_inner_texts()
    flows = [float(text.replace("−", "-") or 0) for text in cells]
    assert flows == pytest.approx(wanted.mean("adjusted_flows").ravel().tolist(), abs=5.1e-4)
    short = np.reshape([one.constrained for one in wanted.clearings], (-1, game.n)).any(axis=0)
    badges = tab.locator(".ex-row:not(.ex-head) .ex-badge").all_inner_texts()
    assert ["short" in badge for badge in badges] == short.tolist()
    return wanted


MNIST = Game.from_json(ROOT / "results" / "mnist.json")


def test_money_is_taken_away_by_dragging(reader):
    tab = reader()
    agrees(tab, MNIST)
    assert "Everybody can pay" in tab.inner_text(".ex-sentence")
    slider = tab.get_by_role("slider", name="Budget of [0]")
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    tab.mouse.move(box["x"] + box["width"] - 10, middle)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] * 0.6, middle, steps=5)
    tab.mouse.move(box["x"] + box["width"] * 0.35, middle, steps=5)
    tab.mouse.up()
    tab.wait_for_timeout(400)
    asked = re.fullmatch(r".*#table=mnist&budgets=([\d.]+)(,unlimited){4}", tab.url)
    assert asked, tab.url
    assert 0.2 < float(asked[1]) < 0.5
    agrees(tab, MNIST, {"[0]": float(asked[1])})
    assert "[0] spends all it has" in tab.inner_text(".ex-sentence")
    tab.reload()
    tab.wait_for_timeout(400)
    agrees(tab, MNIST, {"[0]": float(asked[1])})


def test_keys_and_fields(reader):
    tab = reader()
    slider = tab.get_by_role("slider", name="Budget of [6-9]")
    slider.focus()
    tab.keyboard.press("Home")
    agrees(tab, MNIST, {"[6-9]": 0})
    tab.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "0.01"
    agrees(tab, MNIST, {"[6-9]": 0.01})
    tab.keyboard.press("End")
    agrees(tab, MNIST)
    field = tab.get_by_role("textbox", name="Budget of [1-2]")
    field.fill("0.125")
    agrees(tab, MNIST, {"[1-2]": 0.125})
    field.fill("much")
    assert field.get_attribute("aria-invalid") == "true"
    assert "'much' is not a number" in tab.inner_text(".ex-flaw >> nth=2")
    agrees(tab, MNIST, {"[1-2]": 0.125})
    tab.keyboard.press("Tab")
    assert field.input_value() == "0.125"
    field.fill("unlimited")
    agrees(tab, MNIST)


@pytest.mark.parametrize("name", budget_explorer.RECORDS)
def test_presets_are_the_panels(reader, name):
    record = budget_explorer.RECORDS[name]
    game = Game.read(ROOT / record.file)
    tab = reader(f"#table={name}")
    assert tab.get_by_label("Table").first.input_value() == name
    everything = [(None,) * game.n, (0,) * game.n]
    budgets = [preset.budgets for preset in record.presets] or everything
    for k, amounts in enumerate(budgets):
        button = tab.locator(".ex-presets button").nth(k)
        button.click()
        tab.wait_for_timeout(100)
        assert button.get_attribute("aria-pressed") == "true"
        agrees(tab, game, [np.inf if x is None else x for x in amounts])


def test_desired_values_steps_and_who_would_leave(reader):
    wishes = [np.inf, 0.5, np.inf, np.inf, np.inf]
    tab = reader("#table=mnist&budgets=0,0,0,0,0&desired=" + ",".join(map(str, wishes)))
    agrees(tab, MNIST, 0, wishes)
    tab.get_by_label("some want less").uncheck()
    wanted = agrees(tab, MNIST, 0)
    tab.get_by_text("Step by step").click()
    rounds = max(one.rounds for one in wanted.clearings)
    for k in range(rounds):
        assert f"round {k}" in tab.inner_text(".ex-where") or k == 0
        tab.get_by_role("button", name="Next round").click()
    assert tab.inner_text(".ex-where") == f"round {rounds} of {rounds}"
    assert "Nobody else falls short" in tab.inner_text(".ex-step-text")
    shares = tab.locator(".ex-steps tbody td:nth-child(2)").all_inner_texts()
    assert [float(text.strip(" %")) for text in shares] == pytest.approx(
        (100 * wanted.mean("scaling")).tolist(), abs=0.51
    )
    tab.get_by_text("Would anybody leave?").click()
    assert "no coalition would gain" in tab.inner_text(".ex-fold-leaving")


@pytest.mark.parametrize("name", ["mnist", "imdb", "imdb-carried", "clinics"])
def test_whoever_would_leave_is_said_as_python_says_it(reader, name):
    game = Game.read(ROOT / budget_explorer.RECORDS[name].file)
    warnings = allocate(game, repair="hull").warnings
    said = " ".join(line for line in warnings if "would gain by leaving" in line)
    tab = reader(f"#table={name}")
    hint = tab.inner_text(".ex-fold-leaving .ex-fold-hint")
    assert hint.startswith("no coalition would gain") == (not said or "within their noise" in said)
    tab.get_by_text("Would anybody leave?").click()
    listed = tab.locator(".ex-fold-leaving li strong").all_inner_texts()
    assert bool(listed) == bool(said)
    assert all(said.startswith(first) for first in listed[:1])


def paste(tab, text):
    """A real paste, out of the clipboard."""
    area = tab.get_by_label("Value table (CSV)")
    area.fill(text)
    area.press("Control+a")
    area.press("Control+x")
    area.press("Control+v")
    tab.wait_for_timeout(300)


def test_own_table_is_pasted_dropped_and_refused(reader):
    tab = reader()
    tab.get_by_label("Table").first.select_option("own")
    for text, message in BAD.values():
        paste(tab, text)
        trouble = tab.inner_text(".ex-trouble")
        assert message in trouble, trouble
        if message.startswith("Line 5"):
            assert text.splitlines()[4] in trouble
        assert tab.get_by_label("Table").first.input_value() == "mnist"
    paste(tab, CLINICS)
    game = Game.read(ROOT / "book" / "examples" / "clinics.csv")
    assert tab.inner_text(".ex-trouble") == ""
    agrees(tab, game)
    tab.get_by_role("textbox", name="Budget of A").fill("0.05")
    agrees(tab, game, {"A": 0.05})
    assert tab.url.endswith("#table=own&budgets=0.05,unlimited,unlimited")
    tab.reload()  # the table is gone, the budgets come back with it
    tab.wait_for_timeout(400)
    assert "does not hold" in tab.inner_text(".ex-trouble")
    tab.evaluate(
        """(text) => {
            const data = new DataTransfer();
            data.items.add(new File([text], "ours & <theirs>.csv"));
            const drop = new DragEvent("drop", { dataTransfer: data, bubbles: true });
            document.querySelector(".explorer .ex-rows").dispatchEvent(drop);
        }""",
        CLINICS,
    )
    agrees(tab, game, {"A": 0.05})
    assert tab.locator("select option:checked").inner_text() == "ours & <theirs>.csv"


def test_negative_flows_are_refused_until_the_hull_is_taken(reader):
    tab = reader("#table=mnist&budgets=0,0,0,0,0&repair=none")
    assert "some flows are negative" in tab.inner_text(".ex-sentence")
    tab.get_by_role("button", name="Take the monotone hull").click()
    agrees(tab, MNIST, 0)
    tab = reader("#table=mnist&repair=none")
    agrees(tab, MNIST, repair="none")
    edge, _, _ = MNIST.monotonicity().worst_edge.partition(" (table")
    before, after = (side.strip("{}").split(", ") for side in edge.split(" -> "))
    (joins,) = set(after) - set(before)
    *others, last = before
    members = f"{', '.join(others)} and {last}" if others else last
    assert f"where {joins} joins {members}." in tab.inner_text(".ex-remarks")


@pytest.mark.parametrize(
    "address", ["#table=nothing", "#budgets=1,2", "#table=mnist&budgets=0,0,0,0,x", "#repair=%"]
)
def test_address_that_is_not_understood(reader, address):
    tab = reader(address)
    assert "The address is not understood" in tab.inner_text(".ex-note")
    agrees(tab, MNIST)


def test_what_a_reader_takes_along(reader, tmp_path):
    tab = reader("#table=mnist&budgets=0.3,0,0,0,0")
    wanted = agrees(tab, MNIST, [0.3, 0, 0, 0, 0])
    tab.get_by_text("Take it with you").click()
    saved = {}
    for name in ("CSV", "SVG", "JSON"):
        with tab.expect_download() as caught:
            tab.get_by_role("button", name=name).click()
        saved[name] = Path(caught.value.path()).read_text(encoding="utf-8")
    rows, right = (
        list(csv.DictReader(io.StringIO(text))) for text in (saved["CSV"], wanted.to_csv())
    )
    for row, other in zip(rows, right, strict=True):
        assert row.pop("party") == other.pop("party")
        assert list(row)[: len(other)] == list(other)
        assert [float(row[key]) for key in other] == pytest.approx(
            [float(x) for x in other.values()], abs=1e-9
        )
    drawing = ElementTree.fromstring(saved["SVG"])
    texts = [text.text for text in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert set(MNIST.parties) < set(texts)
    receipt = json.loads(saved["JSON"])
    assert receipt["values"] == MNIST.values.tolist()
    assert receipt["payoffs"] == pytest.approx(wanted.mean("payoffs").tolist(), abs=1e-9)
    assert tab.get_by_label("Address of this state").input_value() == tab.url
    # The command of the receipt gives the same numbers, and a proof.
    words = shlex.split(receipt["command"])
    assert words[:3] == ["shapfair", "allocate", "results/mnist.json"]
    out = tmp_path / "receipt.json"
    command = [word for word in words[3:] if not word.startswith("--out=")]
    assert main(["allocate", str(ROOT / words[2]), *command, f"--out={out}"]) == 0
    assert json.loads(out.read_text())["payoffs"] == pytest.approx(receipt["payoffs"], abs=1e-9)


def test_small_one_leads_to_the_large_one(reader, site):
    tab = reader(page="front")
    tab.get_by_role("button", name="No money").click()
    tab.wait_for_timeout(300)
    models = allocate(MNIST, 0, repair="hull").mean("model_values").tolist()
    assert numbers(tab, "model") == pytest.approx(models, abs=5.1e-4)
    assert "#" not in tab.url
    tab.locator(".ex-full").click()
    tab.wait_for_timeout(500)
    assert tab.url == f"file://{site}/book/explorer.html#table=mnist&budgets=0,0,0,0,0"
    agrees(tab, MNIST, 0)
    assert "explorer.js" not in (site / "index.html").read_text()


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_phone(reader, mode):
    tab = reader("#table=mnist-digits&budgets=" + ",".join(["0"] * 10), color_scheme=mode)
    tab.set_viewport_size({"width": 380, "height": 800})
    tab.get_by_label("some want less").check()
    tab.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    tab.wait_for_timeout(300)
    inside = tab.evaluate(
        """[...document.querySelectorAll(".explorer *")].filter((e) =>
            !e.closest(".ex-scroll, .ex-head") && e.getBoundingClientRect().right > 381).length"""
    )
    assert inside == 0
    ink = tab.evaluate("getComputedStyle(document.querySelector('.ex-name')).color")
    light = sum(map(int, re.findall(r"\d+", ink)[:3])) / 3
    assert (light > 128) == (mode == "dark")
    for control in tab.locator(".explorer button:visible, .explorer select, .ex-slider").all():
        box = control.bounding_box()
        assert box is None or box["height"] >= 32, control
