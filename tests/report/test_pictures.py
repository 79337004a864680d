"""Figures as SVG: their letters, colours, numbers and room, and how they stand in a page."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from helpers import additive
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from shapfair import Game, allocate
from shapfair.report import figures, pictures
from shapfair.report.numbers import LONGEST, numbers, written
from shapfair.report.text_tables import TextTable

LONG = [f"Hospital Zürich {k:02}" for k in range(15)]
EAST = ["東京大学医学部附属病院", "北京協和医院", "서울대학교병원", "大阪", "京都大学"]


def consortium(parties, tables=2):
    """An allocation among parties of growing weight, with budgets that bind for some."""
    values = np.array([additive(*range(1, len(parties) + 1))] * tables) / 10
    values[1:] *= 0.7
    return allocate(Game(values, parties), 0.2)


def luminance(rgb):
    """Relative luminance of a colour by WCAG 2.2, channel by channel."""
    total = 0.0
    for weight, c in zip((0.2126, 0.7152, 0.0722), rgb, strict=True):
        total += weight * (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4)
    return total


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def over(colour, alpha, ground):
    return [alpha * c + (1 - alpha) * g for c, g in zip(colour, ground, strict=True)]


def colours_of_the_site():
    """Ink and ground of the dark pages: the theme's own ground is in its style sheet."""
    css = (figures.Path(__file__).parents[2] / "book/_static/book.css").read_text(encoding="utf-8")
    return to_rgb(re.search(r"--picture-ink: (#\w+)", css)[1]), to_rgb("#14181e")


# --- letters ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dark", [False, True])
def test_numbers_in_cells_have_a_contrast_of_4_5(dark):
    ink, ground = colours_of_the_site() if dark else ((0, 0, 0), (1, 1, 1))
    axes = figures.plot_flows(consortium(LONG[:5]), Figure().subplots())
    (mesh,) = axes.collections
    axes.figure.draw_without_rendering()
    fills = mesh.get_facecolors().reshape(5, 5, 4)
    used = set()
    for text in axes.texts:
        j, i = map(int, text.get_position())
        colour = text.get_color()
        used.add(colour)
        letters = ink if colour == "black" else to_rgb(colour)
        *fill, alpha = fills[i, j]
        assert contrast(letters, over(fill, alpha, ground)) >= 4.5
    assert used == {"black", pictures.ALWAYS_WHITE}  # both occur


def test_letters_contrast_with_every_mixture():
    least = min(
        contrast(to_rgb(figures.letters(colour, share)), over(to_rgb(colour), share, (1, 1, 1)))
        for colour in ("#0068A8", "#D55E00", "#009E73", "#CC79A7", "#0072B2", "#777777")
        for share in np.linspace(0, 1, 41)
    )
    assert least >= 4.5


@pytest.mark.parametrize("ground", ["#ffffff", "#14181e"])
@pytest.mark.parametrize("colour", ["#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00"])
def test_coloured_letters_of_a_page_have_a_contrast_of_4_5(colour, ground):
    figure = Figure()
    figure.text(0.5, 0.5, "paid", color=colour)
    html = pictures.inline(pictures.svg(figure), "words", "a")
    share = re.search(rf"color-mix\(in srgb, {colour.lower()} (\d+)%, currentColor\)", html)
    ink = to_rgb("#000000") if ground == "#ffffff" else colours_of_the_site()[0]
    mixed = over(to_rgb(colour), int(share[1]) / 100, ink)
    assert contrast(mixed, to_rgb(ground)) >= 4.5


def test_letters_are_letters_and_the_file_is_the_same_again():
    made = [pictures.svg(figures.figure(consortium(EAST))) for _ in range(2)]
    assert made[0] == made[1]
    found = {element.text for element in ElementTree.fromstring(made[0]).iter() if element.text}
    assert {*EAST, "cost", "grand coalition"} <= found


def test_small_letters_grow_until_a_phone_shows_them():
    figure = Figure(figsize=(6, 3))
    axes = figure.subplots()
    axes.set_title("nine", fontsize=9)
    axes.text(0, 0, "six", fontsize=6)
    html = pictures.inline(pictures.svg(figure), "words", "a")
    root = ElementTree.fromstring(re.search(r"<svg.*</svg>", html, re.DOTALL)[0])
    width = float(root.get("viewBox").split()[2])
    sizes = {
        t.text: float(re.search(r"size: ([\d.]+)px", t.get("style"))[1]) for t in root.iter("text")
    }
    assert sizes["nine"] * pictures.PHONE / width >= pictures.LEGIBLE
    assert sizes["six"] == 6  # which has to fit where it stands
    assert "min-width" in html
    assert "Scrolls sideways" in html


def test_a_picture_that_a_phone_can_show_does_not_scroll():
    html = pictures.inline(pictures.svg(figures.figure(consortium(["a", "b", "c"]))), "words", "a")
    assert "min-width" not in html
    assert "Scrolls" not in html


# --- room ---------------------------------------------------------------------------------------


def overlap(one, other):
    return min(one.x1, other.x1) - max(one.x0, other.x0) > 0.5 and (
        min(one.y1, other.y1) - max(one.y0, other.y0) > 0.5
    )


@pytest.mark.parametrize(
    "parties",
    [LONG[:2], LONG[:5], LONG[:9], LONG, EAST, ["a", "b"], [f"{k}" for k in range(15)]],
    ids=["2 long", "5 long", "9 long", "15 long", "5 east", "2 short", "15 short"],
)
def test_nothing_overlaps_or_leaves_the_picture(parties):
    drawing = figures.figure(consortium(parties))
    with pictures.wide_letters():
        drawing.draw_without_rendering()
        flows = drawing.axes[2]
        for axes in drawing.axes:
            names = axes.get_xticklabels()
            assert [name.get_text() for name in names] == list(parties)
            boxes = [name.get_window_extent() for name in names]
            boxes.append(axes.xaxis.label.get_window_extent())
            if axes is flows:
                boxes += [name.get_window_extent() for name in axes.get_yticklabels()]
                boxes.append(axes.yaxis.label.get_window_extent())
            pairs = [(a, b) for k, a in enumerate(boxes) for b in boxes[:k]]
            assert not any(overlap(a, b) for a, b in pairs)
            assert axes.get_window_extent().height > 100
        tight = drawing.get_tightbbox().padded(-0.05)
        assert tight.x0 >= 0
        assert tight.y0 >= 0
        assert tight.x1 <= drawing.get_figwidth()
        assert tight.y1 <= drawing.get_figheight()
        cell = flows.get_window_extent().width / len(parties)
        assert max(text.get_window_extent().width for text in flows.texts) < cell
        least = min(text.get_fontsize() for text in flows.texts)
    assert least >= 7.4


def test_letters_of_east_asia_have_a_square_each():
    drawing = Figure(dpi=72)
    text, dashes = drawing.text(0, 0, "東京" * 3), drawing.text(0, 0, "\N{EM DASH}" * 6)
    with pictures.wide_letters():
        drawing.draw_without_rendering()
        widths = [one.get_window_extent().width for one in (text, dashes)]
    assert widths[0] == pytest.approx(widths[1], abs=1)
    assert widths[0] == pytest.approx(6 * text.get_fontsize(), rel=0.05)


# --- numbers ------------------------------------------------------------------------------------


def read(figure):
    figure.draw_without_rendering()
    return numbers(figure)


def column(table, name):
    k = table.columns.index(name)
    return [float(row[k].replace(",", "")) for row in table.rows]


def test_numbers_of_bars_are_those_drawn():
    allocation = consortium(LONG[:5])
    payoffs, models, flows = pictures.numbers_of(pictures.svg(figures.figure(allocation)))
    assert [row[0] for row in payoffs.table.rows] == LONG[:5]
    for name, wanted in {
        "cost": -allocation.mean("costs"),
        "revenue": allocation.mean("revenues"),
        "payoff": allocation.mean("payoffs"),
        "payoff ±": allocation.standard_error("payoffs"),
    }.items():
        assert column(payoffs.table, name) == pytest.approx(wanted, rel=1e-3, abs=1e-12)
    own, gained = column(models.table, "own model"), column(models.table, "gained")
    assert np.add(own, gained) == pytest.approx(allocation.mean("model_values"), rel=1e-3)
    assert f"grand coalition: {allocation.mean('grand_value'):.4g}" in models.title
    drawn = allocation.mean("adjusted_flows")
    for i, row in enumerate(flows.table.rows):
        assert row[0] == LONG[i]
        for j, cell in enumerate(row[1:]):
            if i == j:
                assert cell == ""
            else:
                assert float(cell.split()[0]) == pytest.approx(drawn[i, j], abs=6e-4)


def test_numbers_of_lines_with_bands_and_a_legend():
    axes = Figure().subplots()
    x, y = [1, 2, 4], np.array([0.5, 0.25, 0.125])
    axes.plot(x, y, color="#D55E00", label="error")
    axes.fill_between(x, y - 0.1, y + 0.1, color="#D55E00", alpha=0.2)
    axes.axhline(0.3, color="black")
    axes.set(xlabel="orders", title="$v$ of MNIST")
    axes.legend()
    (found,) = read(axes.figure)
    assert found.title == "v of MNIST"
    assert found.table.columns == ("orders", "error", "error band from", "error band to")
    assert column(found.table, "error band from") == pytest.approx(y - 0.1)
    assert column(found.table, "error band to") == pytest.approx(y + 0.1)


def test_numbers_at_different_places_have_a_row_each():
    axes = Figure().subplots()
    axes.scatter([0, 1], [2, 3], label="one")
    axes.plot([5], [7], "o", label="other")
    axes.set(xlabel="share", ylabel="payoff")
    (found,) = read(axes.figure)
    assert found.table.columns == ("series", "share", "payoff")
    assert sorted(found.table.rows) == [("one", "0", "2"), ("one", "1", "3"), ("other", "5", "7")]
    axes.set(xlabel="", ylabel="")
    (again,) = read(axes.figure)
    assert again.table == TextTable(("series", "place", "value"), found.table.rows, "<>>")


def test_numbers_of_bars_that_lie_are_named_on_the_left():
    axes = Figure().subplots()
    for shift, name in (-0.2, "apart"), (0.2, "together"):
        axes.barh(np.arange(3) + shift, [3, 1, 2], 0.4, label=name)
    axes.set_yticks(range(3), ["a and b", "a and c", "b and c"])
    (found,) = read(axes.figure)
    assert [row[0] for row in found.table.rows] == ["a and b", "a and c", "b and c"]
    assert column(found.table, "apart") == column(found.table, "together") == [3, 1, 2]


def test_error_bars_of_unequal_length_have_two_ends():
    axes = Figure().subplots()
    axes.errorbar([0, 1], [5, 6], [[1, 2], [3, 4]], fmt="o", label="payoff")
    (found,) = read(axes.figure)
    assert column(found.table, "payoff from") == [4, 4]
    assert column(found.table, "payoff to") == [8, 10]


def test_numbers_of_cells_and_of_arrows():
    cells, arrows = Figure().subplots(2)
    cells.pcolormesh([0.5, 1.5, 2.5], [0, 1], [[3, 4]])
    cells.set(xlabel="copies", ylabel="row")
    figures.plot_payments([[0, 2], [0.5, 0]], arrows, ["a", "b"])
    first, second = read(cells.figure)
    assert first.table == TextTable(("row \\ copies", "1", "2"), [("0.5", "3", "4")], ">>>")
    assert second.table.rows == (("a", "b", "2"), ("b", "a", "0.5"))


def test_of_long_lines_some_points_are_written():
    axes = Figure().subplots()
    axes.plot(np.arange(4000), np.arange(4000) ** 2)
    (found,) = read(axes.figure)
    assert len(found.table.rows) == LONGEST
    assert (found.table.rows[0][0], found.table.rows[-1][0]) == ("0", "3,999")
    assert f"{LONGEST} of 4,000 points" in found.title


def test_four_digits_are_written():
    assert written([0.123456, -2.0, 1e-17, 123456.7]) == ["0.1235", "-2", "0", "123,457"]
    assert written([np.nan, np.inf]) == ["", "inf"]


# --- in a page ----------------------------------------------------------------------------------


def test_a_picture_in_a_page_has_words_and_names_of_its_own():
    picture = pictures.svg(figures.figure(consortium(["<b>", "b"])))
    html = pictures.inline(picture, 'Who "pays" & whom', "picture-7")
    root = ElementTree.fromstring(re.search(r"<svg.*</svg>", html, re.DOTALL)[0])
    assert (root.get("role"), root.get("aria-label")) == ("img", 'Who "pays" & whom')
    names = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(names) == len(set(names)) > 0
    assert all(name.startswith("picture-7-") for name in names)
    referred = set(re.findall(r"(?:url\(|href=\")#([\w-]+)", html))
    assert referred == set(names)
    assert "<b>" not in html
    assert "<style" not in html  # it would hold for the whole page
    assert "metadata" not in html


def test_black_white_and_grey_follow_the_page():
    html = pictures.inline(pictures.svg(figures.figure(consortium(["a", "b"]))), "words", "a")
    for colour in ("#000000", "#ffffff", "#dddddd", "#999999"):
        assert colour not in html
    assert "color-mix(in srgb, currentColor 13%, var(--picture-ground, #fff))" in html
    assert figures.COST.lower() in html


def test_numbers_open_under_a_picture():
    picture = pictures.svg(figures.figure(consortium(["<b>", "b"])))
    html = pictures.details(pictures.numbers_of(picture))
    assert html.startswith("<details")
    assert html.count("<table") == 3
    assert "<b>" not in html
    assert pictures.details([]) == ""
