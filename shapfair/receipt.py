"""Receipts: an allocation as a file that anybody can check.

A receipt names the value table by the SHA-256 of its file, repeats the options, and gives for every
table all numbers from the flows to the payoffs and the proof that they are right. It depends on the
table's file and on the options alone, to the byte: it has no time, no path, and no character that
another encoding could change. :mod:`shapfair.verifier` checks it; ``receipt.schema.json`` beside
this module is its JSON Schema.
"""

import hashlib
import json
import math
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from shapfair import __version__, files
from shapfair.allocation import Allocation, allocate
from shapfair.game import Game
from shapfair.tables import form_of

FORMAT = "shapfair receipt 1"
"""Name and version of the format; the version rises when a key changes its meaning."""

ON_COMMAND_LINE = {"repair='hull'": "--repair hull"}
"""What warnings call an argument of Python -> its option, since a receipt speaks of the command."""


class Source(NamedTuple):
    """The file of a value table, read once: what is hashed is what was parsed.

    Attributes:
        game: the value function, before exchange rate and repair.
        form: ``csv`` or ``json``.
        sha256: of the file's bytes, in hexadecimal digits.
        size: number of bytes.
    """

    game: Game
    form: str
    sha256: str
    size: int

    @classmethod
    def read(cls, path: str | Path) -> "Source":
        """Read a value table, as :meth:`shapfair.Game.read`.

        Raises:
            ValueError: if the file is not a value table.
            OSError: if it cannot be read.
        """
        form_of(path)
        return cls.of(path, files.read(path))

    @classmethod
    def of(cls, path: str | Path, content: bytes) -> "Source":
        """The same of a file that has been read."""
        game, digest = Game.read(path, content), hashlib.sha256(content).hexdigest()
        return cls(game, form_of(path), digest, len(content))


def receipt(allocation: Allocation, source: Source) -> dict[str, Any]:
    """The receipt of an allocation as JSON holds it, unlimited amounts as ``None``.

    Args:
        allocation: of the source's game.
        source: the file that the values come from.

    Raises:
        ValueError: if the allocation is of another game.

    Cost: O(2^n) per table beyond that of the allocation.
    """
    _check_source(allocation, source.game)
    document = allocation.to_dict()
    parties = document["parties"]
    options = {
        "budgets": dict(zip(parties, document["budgets"], strict=True)),
        "desired": dict(zip(parties, document["desired"], strict=True)),
        "exchange_rate": allocation.exchange_rate,
        "repair": allocation.repair,
    }
    return {
        "format": FORMAT,
        "written_by": f"shapfair {__version__}",
        "input": {"form": source.form, "bytes": source.size, "sha256": source.sha256},
        "command": command(options),
        "options": options,
        **document,
        "warnings": [_on_command_line(line) for line in allocation.warnings],
        "tables": list(_tables(allocation)),
    }


def to_json(allocation: Allocation, source: Source) -> str:
    """:func:`receipt` as JSON text in ASCII; the same table and options give the same bytes."""
    return json.dumps(receipt(allocation, source), indent=1, allow_nan=False) + "\n"


def again(document: dict[str, Any], source: Source) -> dict[str, Any]:
    """The receipt that this version of shapfair gives for the options of a receipt.

    Args:
        document: a receipt, whose options are taken.
        source: the file of its value table.

    Raises:
        ValueError: as :func:`shapfair.allocation.allocate`.
    """
    options = document["options"]
    budgets, desired = (
        {party: math.inf if amount is None else amount for party, amount in options[name].items()}
        for name in ("budgets", "desired")
    )
    settings = {name: options[name] for name in ("exchange_rate", "repair")}
    return receipt(allocate(source.game, budgets, desired, **settings), source)


def command(options: dict[str, Any]) -> str:
    """The command that writes a receipt with these options, in canonical form.

    Limited amounts come in the order of the parties, what is a default does not appear, and the
    file of the value table is called ``VALUES``.
    """
    words = ["shapfair", "allocate", "VALUES"]
    for option, amounts in (("--budget", "budgets"), ("--desired", "desired")):
        named = options[amounts].items()
        words += [f"{option}={name}={amount!r}" for name, amount in named if amount is not None]
    if options["exchange_rate"] != 1:
        words.append(f"--exchange-rate={options['exchange_rate']!r}")
    if options["repair"] != "none":
        words.append(f"--repair={options['repair']}")
    return shlex.join([*words, "--format=json"])


def _check_source(allocation: Allocation, game: Game) -> None:
    """Refuse an allocation of other values than those of the file."""
    game = game.scaled(allocation.exchange_rate)
    game = game.hull() if allocation.repair == "hull" else game
    given = allocation.game
    same = game.parties == given.parties and game.seed_labels == given.seed_labels
    if not (same and np.array_equal(game.values, given.values)):
        raise ValueError("allocation: not of the game of this source, allocate source.game")


def _tables(allocation: Allocation) -> Iterable[dict[str, Any]]:
    """What a receipt says of every table of the game."""
    game, count = allocation.game, allocation.game.seeds
    columns = {
        "grand_value": game.grand_value,
        "own_values": game.own_values,
        "shapley": allocation.shapley,
        "unscaled_flows": allocation.flows,
        "scaling": allocation.scaling,
        "scaled_flows": allocation.adjusted_flows,
        "costs": allocation.costs,
        "revenues": allocation.revenues,
        "payoffs": allocation.payoffs,
        "model_values": allocation.model_values,
    }
    rows = {
        name: np.reshape(x, (count, *x.shape[game.values.ndim - 1 :])).tolist()
        for name, x in columns.items()
    }
    for k, proof in enumerate(allocation.certificates):
        yield {
            "seed": game.seed_labels[k] if game.seed_labels else None,
            **{name: row[k] for name, row in rows.items()},
            "certificate": {
                "budget_prices": proof.budget_prices.tolist(),
                "cap_prices": proof.cap_prices.tolist(),
                "primal": proof.primal,
                "dual": proof.dual,
            },
        }


def _on_command_line(warning: str) -> str:
    for argument, option in ON_COMMAND_LINE.items():
        warning = warning.replace(argument, option)
    return warning
