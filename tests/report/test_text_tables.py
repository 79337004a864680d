import io

import pytest
from helpers import additive

from shapfair import Game, allocate
from shapfair.made_to_order.targets import RewardModel, Target
from shapfair.report.rows import flow_table, number_format, party_table
from shapfair.report.text import print_models
from shapfair.report.text_tables import TextTable, console, html

SMALL = TextTable(["party", "pays"], [["[0]", "1.5"], ["b & c", "10"]], "<>")


class Terminal(io.StringIO):
    """A file that says it is a terminal."""

    def isatty(self):
        return True


def lines(*tables):
    file = io.StringIO()
    for table in tables:
        console(file).print(table)
    return file.getvalue().splitlines()


# --- one table, three ways -----------------------------------------------------------------------


def test_plain_text_keeps_the_sides():
    assert repr(SMALL).splitlines() == ["party  pays", "[0]     1.5", "b & c    10"]


def test_without_sides_everything_stands_left():
    assert repr(TextTable(["a", "b"], [["long", "x"]])).splitlines() == ["a     b", "long  x"]


def test_html_escapes_and_keeps_the_sides():
    assert SMALL._repr_html_().splitlines() == [
        '<table class="claims">',
        '<thead><tr><th>party</th><th style="text-align: right">pays</th></tr></thead>',
        "<tbody>",
        '<tr><td>[0]</td><td style="text-align: right">1.5</td></tr>',
        '<tr><td>b &amp; c</td><td style="text-align: right">10</td></tr>',
        "</tbody>",
        "</table>",
    ]


def test_a_notebook_shows_columns_on_the_left_as_such():
    shown = TextTable(("a", "b", "c"), [("1", "2", "3")], "<<>")._repr_html_()
    assert '<td>1</td><td style="text-align: left">2</td>' in shown
    assert '<td style="text-align: right">3</td>' in shown


def test_html_with_anchors_and_markup_of_cells():
    shown = html(SMALL, "x y", ids=["one", "two"], markup=str.upper)
    assert shown.startswith('<table class="x y">')
    assert '<tr id="two"><td>B & C</td>' in shown
    with pytest.raises(ValueError, match="zip"):
        html(SMALL, ids=["one"])


def test_terminal_draws_lines_and_reads_no_markup():
    drawn = lines(SMALL)
    assert drawn[1] == "┃ party ┃ pays ┃"
    assert "│ [0]   │  1.5 │" in drawn
    assert "│ [a] :star: │" in lines(TextTable(["name"], [["[a] :star:"]]))


def test_lines_break_at_the_edge_of_a_terminal_alone(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    terminal, file = Terminal(), io.StringIO()
    for out in (terminal, file):
        console(out).print("word " * 20)
    assert len(terminal.getvalue().splitlines()) == 3
    assert len(file.getvalue().splitlines()) == 1


def test_an_empty_table_has_its_head():
    assert repr(TextTable(["a", "b"], [])) == "a  b"
    assert TextTable([], [])._repr_html_().count("<tr>") == 1
    assert repr(TextTable(["", "b"], [["", "c"]])).splitlines() == ["  b", "  c"]


@pytest.mark.parametrize(
    ("rows", "align", "message"),
    [
        ([["x"]], "", "rows: row 1 has 1 cells, need 2"),
        ([["x", "y"], ["x", "y", "z"]], "", "rows: row 2 has 3 cells, need 2"),
        ([], ">", "align: '>', need < or > for each of 2 columns"),
        ([], "<^", "align: '<\\^'"),
    ],
)
def test_what_does_not_fit_is_an_error(rows, align, message):
    with pytest.raises(ValueError, match=message):
        TextTable(["a", "b"], rows, align)


# --- rows of allocations and models --------------------------------------------------------------


def test_rows_of_an_allocation():
    allocation = allocate(Game(additive(1, 3, 4), ("x", "y", "z")), {"x": 0.5})
    table = party_table(allocation)
    assert table.columns[:3] == ("party", "budget", "own value")
    assert table.rows[0] == ("x", "0.500", "1.000", "1.000", "0.3571", "3.500", "-0.500")
    assert table.rows[1][1] == "unlimited"
    flows = flow_table(allocation)
    assert flows.columns == ("pays", "x", "y", "z")
    assert [row[k] for k, row in enumerate(flows.rows, start=1)] == ["", "", ""]
    # Party x, scaled by 5/14, pays 3/2 of that to y.
    assert flows.rows[0] == ("x", "", "1.071", "1.429")


def test_values_are_as_measured_and_payments_in_the_currency():
    game = Game(additive(0.1, 0.3, 0.4), ("x", "y", "z"))
    allocation = allocate(game, {"x": 0.05, "y": 2e5}, exchange_rate=1e6)
    table = party_table(allocation, "EUR")
    assert table.columns == (
        *("party", "budget (EUR)", "own value", "Shapley value (EUR)"),
        *("scaling", "model value", "payoff (EUR)"),
    )
    # A small budget is shown as it was given.
    assert table.rows[0][:4] == ("x", "0.05", "0.1000", "100,000")
    assert table.rows[1][:3] == ("y", "200,000", "0.3000")
    assert flow_table(allocation).rows[2][1] == "100,000"


def test_desired_values_have_a_column_if_there_are_any():
    allocation = allocate(Game(additive(1, 3, 4)), desired={"1": 5})
    table = party_table(allocation)
    assert table.columns[2] == "desired"
    assert [row[2] for row in table.rows] == ["5.000", "unlimited", "unlimited"]


def test_rows_of_models():
    target = Target("[0]", 0.9, 0.5, 0.97)
    model = RewardModel(target, 0, (0.5, 0.5), 0.5, 0.90004, 0.89, 12.25, True, (), {})
    file = io.StringIO()
    print_models([model], file)
    assert "│ [0]   │ 0.5000 │ 0.9000 │     0.9000 │ 0.8900 │ 12.25 │ met" in file.getvalue()


@pytest.mark.parametrize(
    ("scale", "number", "text"),
    [
        (0.97, -0.00001, "0.0000"),
        (0.97, 0.25, "0.2500"),
        (8.0, 2 / 3, "0.667"),
        (12345.0, 1234.5678, "1,235"),
        (1e-6, 2.5e-7, "0.000000250"),
        (0.0, 0.0, "0.0"),
    ],
)
def test_numbers_share_their_decimals(scale, number, text):
    assert number_format(scale)(number) == text
