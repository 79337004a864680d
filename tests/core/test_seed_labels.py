"""The labels of seeds are kept, and messages use them."""

import pytest

from shapfair import Game, allocate

CSV = "a,value,seed\n0,0.0,7\n1,1.0,7\n0,0.0,9\n1,2.0,9\n"


def test_csv_keeps_the_labels(tmp_path):
    path, again = tmp_path / "v.csv", tmp_path / "again.csv"
    path.write_text(CSV)
    game = Game.read(path)
    assert (game.seed_labels, game.seeds) == (("7", "9"), 2)
    game.to_csv(again)
    assert again.read_text() == CSV


def test_a_single_seed_keeps_its_label_too(tmp_path):
    path = tmp_path / "v.csv"
    path.write_text("a,value,seed\n0,0.0,x\n1,1.0,x\n")
    game = Game.read(path)
    assert (game.seed_labels, game.values.shape) == (("x",), (2,))
    game.to_csv(tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_text() == path.read_text()


def test_derived_games_keep_them():
    game = Game([[0, 1], [0, 2]], ("a",), seed_labels=(7, 9))
    assert game.scaled(2).seed_labels == game.hull().seed_labels == ("7", "9")


def test_messages_name_the_seed():
    game = Game([[0, 1, 1, 2], [0, 3, 1, 2]], ("a", "b"), seed_labels=(7, 9))
    assert game.monotonicity().worst_edge == "{a} -> {a, b} (table of seed 9)"
    with pytest.raises(ValueError, match=r"^table of seed 9: flows: party a pays party b a neg"):
        allocate(game, 0)
    with pytest.raises(ValueError, match=r"coalition \{1\} of table of seed 9 has value inf"):
        Game([[0, 1], [0, float("inf")]], seed_labels=(7, 9))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["7"], "1 labels for 2 tables"),
        (["7", "7"], "two tables are of seed '7'"),
        (["7", " 9"], "' 9', need a printable label"),
        (["7", ""], "'', need a printable label"),
    ],
)
def test_labels_that_cannot_be_kept_are_refused(labels, message):
    with pytest.raises(ValueError, match=f"^seed_labels: {message}"):
        Game([[0, 1], [0, 2]], seed_labels=labels)


# --- smells that were ----------------------------------------------------------------------------


def test_a_game_on_its_way_through_allocate_is_checked_once(monkeypatch):
    game, checks = Game([[0, 1, 2, 4], [0, 2, 1, 5]]), []
    monkeypatch.setattr(Game, "__init__", lambda *_: checks.append("copied and checked"))
    assert allocate(game).game is game
    allocate(game, 0, repair="hull", exchange_rate=2.0)
    assert checks == []


def test_scaling_is_built_once_and_read_only():
    result = allocate(Game([0, 1, 2, 4]), 0)
    assert result.scaling is result.scaling
    with pytest.raises(ValueError, match="read-only"):
        result.scaling[0] = 2


@pytest.mark.parametrize("name", ["payoff", "game", "warnings", "budgets"])
def test_an_unknown_amount_is_one_clear_line(name):
    result = allocate(Game([0, 1, 2, 4]), 0)
    for average in (result.mean, result.standard_error):
        with pytest.raises(ValueError, match=f"^name: '{name}', need one of scaling, payoffs, "):
            average(name)
