import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from helpers import additive
from matplotlib import rc_context
from matplotlib.figure import Figure

from shapfair import Game, allocate
from shapfair.report import figures


@pytest.fixture
def axes():
    return Figure().subplots()


@pytest.fixture
def one():
    return allocate(Game(additive(1, 3, 4), ("[0]", "[1-2]", "[0-3]")), [0.5, 0.5, 0.5])


@pytest.fixture
def several():
    return allocate(Game([additive(1, 3, 4), additive(1, 2, 3)]), 0.5)


def bars(axes):
    return [c for c in axes.containers if hasattr(c, "datavalues")]


def test_payoffs_with_costs_and_revenues(one, axes):
    assert figures.plot_payoffs(one, axes) is axes
    costs, revenues, payoffs = (c.datavalues for c in bars(axes))
    np.testing.assert_allclose(costs, -one.costs)
    np.testing.assert_allclose(revenues, one.revenues)
    np.testing.assert_allclose(payoffs, [-0.5, -0.5, 1], atol=1e-12)
    assert [t.get_text() for t in axes.get_xticklabels()] == ["[0]", "[1-2]", "[0-3]"]
    assert "units of value" in axes.get_ylabel()
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["cost", "revenue", "payoff"]


def test_models_stand_on_own_values(one, axes):
    figures.plot_models(one, axes)
    own, gained = bars(axes)
    np.testing.assert_allclose(own.datavalues, one.game.own_values)
    tops = [bar.get_y() + bar.get_height() for bar in gained]
    np.testing.assert_allclose(tops, one.model_values)
    assert [line.get_ydata()[0] for line in axes.lines] == [8]  # v(N)


def test_flows_are_annotated_payer_by_row(one, axes):
    figures.plot_flows(one, axes)
    written = {text.get_position(): text.get_text() for text in axes.texts}
    # Party 1 pays 11/32 of 3 to party 2: column 1, row 0; nobody pays itself.
    assert written[(1, 0)] == "1.03"
    assert written[(0, 1)] == "0.91"
    assert len(written) == 6
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("pays", "is paid (units of value)")


def test_flows_of_several_tables_have_their_standard_errors_below(several, axes):
    figures.plot_flows(several, axes)
    texts = {}
    for text in axes.texts:
        texts.setdefault(text.get_position(), []).append(text)
    assert set(texts) == {(j, i) for i in range(3) for j in range(3) if i != j}
    means, errors = several.mean("adjusted_flows"), several.standard_error("adjusted_flows")
    for (j, i), (mean, error) in texts.items():
        assert float(mean.get_text()) == pytest.approx(means[i, j], abs=5e-3)
        assert error.get_text().startswith("±")
        assert float(error.get_text()[1:]) == pytest.approx(errors[i, j], abs=5e-4)
        assert (mean.get_va(), error.get_va()) == ("bottom", "top")
        assert error.get_fontsize() < mean.get_fontsize()


def arrows(axes):
    """Start, end, width and colour of every arrow, in the order of drawing."""
    drawn = [text for text in axes.texts if getattr(text, "arrow_patch", None)]
    return [
        (tuple(a.xyann), tuple(a.xy), a.arrowprops["linewidth"], a.arrowprops["color"])
        for a in drawn
    ]


def test_payments_are_arrows_from_payer_to_payee(axes):
    places = [(0, 1), (0, 0), (1, 0)]
    payments = [[7, 2, 0], [Fraction(1, 3), 0, 0.25], [0, 4, 0]]
    assert figures.plot_payments(payments, axes, places=places) is axes
    drawn = arrows(axes)
    ends = [(start, end) for start, end, _, _ in drawn]
    assert ends == [((0, 1), (0, 0)), ((0, 0), (0, 1)), ((0, 0), (1, 0)), ((1, 0), (0, 0))]
    written = [text.get_text() for text in axes.texts]
    assert [x for x in written if x] == ["1", "2", "3", "2", "1/3", "0.25", "4"]
    widths = [width for _, _, width, _ in drawn]
    assert widths == pytest.approx([2.5, 1, 1, 5])  # the thinnest is still seen
    colours = [colour for _, _, _, colour in drawn]
    assert colours[1] == colours[2] != colours[0] != colours[3]  # one a payer


def test_payments_in_both_directions_keep_apart(axes):
    figures.plot_payments([[0, 1], [1, 0]], axes, ["a", "b"], [(0, 0), (0, 1)])
    (x, y), (other_x, other_y) = (t.get_position() for t in axes.texts if t.get_text() == "1")
    assert x > 0 > other_x  # up on the right, down on the left
    assert y < 0.5 < other_y  # nearer to the payer


def test_payments_in_one_direction_are_straight(axes):
    figures.plot_payments([[0, 1], [0, 0]], axes, ["a", "b"], [(0, 0), (0, 1)])
    ((x, _),) = (t.get_position() for t in axes.texts if t.get_text() == "1")
    assert x == 0


@pytest.mark.parametrize("parties", [3, 5, 6, 8])
def test_numbers_of_flows_fit_their_cells(parties):
    values = np.array([additive(*range(1, parties + 1))] * 2) / 10
    values[1] *= 0.7
    with rc_context():
        figures.use_style()
        drawing = Figure(figsize=(6, 4.2))
        axes = figures.plot_flows(allocate(Game(values)), drawing.subplots())
        drawing.draw_without_rendering()
    cell = axes.get_window_extent().width / parties
    boxes = [text.get_window_extent() for text in axes.texts]
    assert max(box.width for box in boxes) < cell
    heights = [
        upper.height + lower.height for upper, lower in zip(boxes[::2], boxes[1::2], strict=True)
    ]
    assert max(heights) < cell


@pytest.mark.parametrize("plot", [figures.plot_payoffs, figures.plot_models])
def test_several_tables_have_error_bars(one, several, plot):
    axes = Figure().subplots(2)
    for allocation, ax, drawn in [(one, axes[0], 0), (several, axes[1], 1)]:
        plot(allocation, ax)
        assert sum(getattr(bar, "errorbar", None) is not None for bar in ax.containers) == drawn


def test_error_bars_are_one_standard_error(several, axes):
    figures.plot_payoffs(several, axes)
    segments = axes.containers[-1].errorbar.lines[2][0].get_segments()
    lengths = [float(segment[1, 1] - segment[0, 1]) / 2 for segment in segments]
    np.testing.assert_allclose(lengths, several.standard_error("payoffs"), atol=1e-12)


def test_a_figure_is_the_same_bytes_again(one, tmp_path):
    for name in ("a.svg", "b.svg"):
        figures.save(figures.figure(one), tmp_path / name)
    content = (tmp_path / "a.svg").read_bytes()
    assert content == (tmp_path / "b.svg").read_bytes()
    assert content.startswith(b"<?xml")
    assert len(figures.figure(one).axes) == 3


@pytest.mark.parametrize("values", [[0, 1], [0, 0, 0, 0], [0, 3, 2, 1, 0, 3, 2, 4]])
def test_any_allocation_can_be_drawn(values, tmp_path):
    figures.save(figures.figure(allocate(Game(values))), tmp_path / "f.png", "png")


@pytest.mark.parametrize(
    "parties",
    [[f"hospital number {k}" for k in range(3)], ["[0]", "[1-2]", "copy of [6-9], twice"]],
)
def test_long_names_stand_upright(parties, axes):
    figures.plot_payoffs(allocate(Game(additive(1, 2, 3), parties)), axes)
    assert {t.get_rotation() for t in axes.get_xticklabels()} == {90}


def test_style_is_set_on_demand():
    import matplotlib

    with rc_context():
        figures.use_style()
        assert matplotlib.rcParams["svg.hashsalt"] == "shapfair"
        assert matplotlib.rcParams["figure.facecolor"] == "white"


def test_matplotlib_is_imported_when_drawing():
    code = "import sys, shapfair.report.figures; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_notebook_shows_pictures_with_numbers():
    code = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
import matplotlib
matplotlib.use("module://matplotlib_inline.backend_inline")
from shapfair.report import figures, pictures
figures.use_style()
import matplotlib.pyplot as plt
figure, axes = plt.subplots()
axes.bar(["a", "b"], [1, 2], label="paid")
data, _ = shell.display_formatter.format(figure)
assert set(data) == {"image/svg+xml", "text/plain"}, set(data)
(found,) = pictures.numbers_of(data["image/svg+xml"])
assert found.table.rows == (("a", "1"), ("b", "2")), found
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
