"""Receipts: what `shapfair allocate --format json` writes, and that nothing else changes it."""

import hashlib
import json
import shlex
from math import inf
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT, additive
from jsonschema import Draft202012Validator

from shapfair import Game, __version__, allocate, files, receipt
from shapfair.cli.main import main

PARTIES = ("[0]", "[1-2]", "b=c")
SCHEMA = json.loads((ROOT / "shapfair" / "receipt.schema.json").read_text())
SEVERAL = Game([additive(1, 3, 4), additive(1, 2, 3)], PARTIES, seed_labels=("7", "9"))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Game(additive(1, 3, 4), PARTIES).to_csv("v.csv")
    SEVERAL.to_csv("seeds.csv")


def written(capsys, *arguments):
    """The bytes of a receipt, those of a file and those that are printed."""
    command = ["allocate", *arguments, "--format=json"]
    assert main(command) == 0
    printed = capsys.readouterr().out.encode()
    assert main([*command, "--out=r.json"]) == 0
    with open("r.json", "rb") as file:
        assert file.read() == printed
    return printed


def test_it_has_what_an_allocation_has_and_more(capsys):
    options = ["--budget=[0]=0.5", "--desired=b=c=9", "--exchange-rate=2", "--repair=hull"]
    document = json.loads(written(capsys, "v.csv", *options))
    game = Game.read("v.csv")
    result = allocate(game, {"[0]": 0.5}, {"b=c": 9}, exchange_rate=2, repair="hull")
    assert {key: document[key] for key in result.to_dict()} == result.to_dict()
    more = {"format", "written_by", "input", "command", "options", "tables"}
    assert document.keys() - result.to_dict().keys() == more
    assert document["format"] == "shapfair receipt 1"
    assert document["written_by"] == f"shapfair {__version__}"
    with open("v.csv", "rb") as file:
        content = file.read()
    digest = hashlib.sha256(content).hexdigest()
    assert document["input"] == {"form": "csv", "bytes": len(content), "sha256": digest}
    assert document["options"] == {
        "budgets": {"[0]": 0.5, "[1-2]": None, "b=c": None},
        "desired": {"[0]": None, "[1-2]": None, "b=c": 9},
        "exchange_rate": 2,
        "repair": "hull",
    }


def test_every_table_has_the_whole_chain(capsys):
    document = json.loads(written(capsys, "seeds.csv", "--default-budget=0"))
    result = allocate(SEVERAL, 0)
    assert [table["seed"] for table in document["tables"]] == ["7", "9"]
    names = {
        **{name: name for name in ("grand_value", "own_values")},
        "shapley": "shapley",
        "unscaled_flows": "flows",
        "scaling": "scaling",
        "scaled_flows": "adjusted_flows",
        "costs": "costs",
        "revenues": "revenues",
        "payoffs": "payoffs",
        "model_values": "model_values",
    }
    for k, table in enumerate(document["tables"]):
        assert list(table) == ["seed", *names, "certificate"]
        for key, name in names.items():
            source = result if hasattr(result, name) else result.game
            np.testing.assert_array_equal(table[key], getattr(source, name)[k])
        proof = result.certificates[k]
        assert table["certificate"]["budget_prices"] == proof.budget_prices.tolist()
        assert (table["certificate"]["primal"], table["certificate"]["dual"]) == (
            proof.primal,
            proof.dual,
        )


@pytest.mark.parametrize("name", ["v.csv", "seeds.csv", "v.json"])
def test_it_is_of_the_schema(capsys, name):
    Game([0, 3, 2, 1, 0, 3, 2, 4], PARTIES, {"data_size": "embedded"}).to_json("v.json")
    Draft202012Validator.check_schema(SCHEMA)
    document = json.loads(written(capsys, name))
    Draft202012Validator(SCHEMA).validate(document)


def test_the_schema_knows_every_key_and_no_other(capsys):
    """Whatever is dropped or added, the schema sees it."""
    document = json.loads(written(capsys, "seeds.csv"))

    def objects(part):
        if isinstance(part, dict):
            yield part
        for inner in part.values() if isinstance(part, dict) else part:
            if isinstance(inner, dict | list):
                yield from objects(inner)

    validator = Draft202012Validator(SCHEMA)
    for part in list(objects(document)):
        if part.keys() == set(PARTIES):
            continue  # it does not know their names
        for key in list(part):
            part[f"{key}_"] = part.pop(key)
            assert not validator.is_valid(document), key
            part[key] = part.pop(f"{key}_")
    assert validator.is_valid(document)


# --- the same bytes ------------------------------------------------------------------------------


def test_paths_and_the_order_of_options_change_nothing(capsys, tmp_path):
    one = written(capsys, "v.csv", "--budget=[0]=0.5", "--budget=[1-2]=0.25", "--desired=b=c=7")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "v.csv").rename(tmp_path / "elsewhere" / "w.CSV")
    other = ["--desired=b=c=7.0", "--budget=[1-2]=2.5e-1", "--budget=[0]=.50", "--repair=none"]
    assert written(capsys, "elsewhere/w.CSV", *other) == one
    assert b"elsewhere" not in one


def test_a_default_is_what_it_says_for_every_party(capsys):
    named = [f"--budget={party}=0" for party in PARTIES]
    assert written(capsys, "v.csv", "--default-budget=-0") == written(capsys, "v.csv", *named)


def test_the_command_gives_the_receipt(capsys, tmp_path):
    Game([0, 3, 2, 1, 0, 3, 2, 4], ("Zürich", "it's", "a b")).to_csv("w.csv")
    options = ["--budget=Zürich=1e-5", "--budget=it's=1e22", "--desired=a b=0.1"]
    receipt = written(capsys, "w.csv", *options, "--repair=hull", "--exchange-rate=0.1")
    name, *arguments = shlex.split(json.loads(receipt)["command"])
    assert (name, arguments[:2], arguments[-1]) == (
        "shapfair",
        ["allocate", "VALUES"],
        "--format=json",
    )
    assert written(capsys, "w.csv", *arguments[2:-1]) == receipt


def test_it_is_in_ascii(capsys):
    Game([0, 1, 1, 2], ("Zürich", "東京")).to_csv("w.csv")
    receipt = written(capsys, "w.csv")
    assert receipt.isascii()
    assert json.loads(receipt)["parties"] == ["Zürich", "東京"]


@pytest.mark.parametrize(
    ("options", "command"),
    [
        ({}, "shapfair allocate VALUES --format=json"),
        (
            {"budgets": {"c": 0.5, "a": 0.0}, "repair": "hull"},
            "shapfair allocate VALUES --budget=a=0.0 --budget=c=0.5 --repair=hull --format=json",
        ),
        (
            {"budgets": inf, "desired": {"b": 1}, "exchange_rate": 2},
            "shapfair allocate VALUES --desired=b=1.0 --exchange-rate=2.0 --format=json",
        ),
    ],
)
def test_the_canonical_command(options, command):
    Game(additive(1, 2, 3), ("a", "b", "c")).to_csv("w.csv")
    source = receipt.Source.read("w.csv")
    assert receipt.receipt(allocate(source.game, **options), source)["command"] == command


def test_the_worked_example_of_the_page_is_this_receipt(capsys):
    page = (ROOT / "book" / "receipt.md").read_text(encoding="utf-8")
    clinics = ROOT / "book" / "examples" / "clinics.csv"
    document = json.loads(written(capsys, str(clinics), "--budget=A=0.05"))
    (table,) = document["tables"]
    flows = [[f"{x:.2f}" if x else "" for x in row] for row in table["unscaled_flows"]]
    for party, row in zip("ABC", flows, strict=True):
        cells = " | ".join([party, *row, f"{sum(map(float, filter(None, row))):.2f}"])
        assert f"| {cells} |".replace("|  |", "| |") in page
    np.testing.assert_allclose(table["scaling"], [8 / 17, 1, 1])
    proof = table["certificate"]
    np.testing.assert_allclose(proof["budget_prices"], [1, 0, 0])
    np.testing.assert_allclose(proof["cap_prices"], [0, 0.30, 0.19], atol=1e-15)
    assert f"Both\n   sides are {proof['primal']:.2f}" in page
    assert proof["primal"] == pytest.approx(proof["dual"])
    first, second, third = table["payoffs"]
    assert f"${first:.2f}$, ${second:.4f}$ and ${third:.4f}$, which sum to 0" in page
    assert (
        f"0.13={table['scaled_flows'][0][1]:.4f}$ and C {table['scaled_flows'][0][2]:.4f}" in page
    )
    assert f"0.60={table['model_values'][0]:.2f}$" in page


# --- what is hashed is what is parsed ------------------------------------------------------------


@pytest.mark.parametrize("name", ["v.csv", "v.json"])
def test_the_file_is_read_once(monkeypatch, name):
    SEVERAL.to_json("v.json")
    content = Path(name).read_bytes()
    source = receipt.Source.of(name, content)
    assert source.sha256 == hashlib.sha256(content).hexdigest()
    reads = []

    def read(path):
        reads.append(str(path))
        return content

    monkeypatch.setattr(files, "read", read)
    again = receipt.Source.read(name)
    assert reads == [name]
    assert (again.sha256, again.size) == (source.sha256, len(content))


def test_python_speaks_of_the_command_in_a_receipt():
    Game([0, 3, 2, 1, 0, 3, 2, 4], PARTIES).to_csv("w.csv")
    source = receipt.Source.read("w.csv")
    (warning, _) = receipt.receipt(allocate(source.game), source)["warnings"]
    assert warning.endswith("; --repair hull replaces the game by its monotone hull")


@pytest.mark.parametrize(
    "other",
    [
        Game(additive(1, 3, 5), PARTIES),
        Game(additive(1, 3, 4), ("a", "b", "c")),
        Game(additive(1, 3, 4), PARTIES, seed_labels=["7"]),
    ],
)
def test_an_allocation_of_another_game_gets_no_receipt(other):
    source = receipt.Source.read("v.csv")
    with pytest.raises(ValueError, match=r"^allocation: not of the game of this source"):
        receipt.receipt(allocate(other, exchange_rate=2, repair="hull"), source)


def test_a_receipt_can_be_had_again():
    source = receipt.Source.read("seeds.csv")
    allocation = allocate(source.game, {"[0]": 0.5}, {"b=c": 1}, exchange_rate=2, repair="hull")
    document = json.loads(receipt.to_json(allocation, source))
    assert receipt.again(document, source) == document
