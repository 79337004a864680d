"""The reference of the command line and the examples of its help."""

import shlex

import command_line
import pytest

from shapfair.cli.main import parser

COMMANDS = {command.prog: command for command, _ in command_line.commands(parser())}


def test_all_commands_are_found():
    assert {"shapfair", "shapfair allocate", "shapfair store prune", "shapfair models make"} <= set(
        COMMANDS
    )


@pytest.mark.parametrize("name", [name for name, c in COMMANDS.items() if c.epilog])
def test_examples_are_understood(name):
    _, _, example = COMMANDS[name].epilog.partition("example: ")
    program, *arguments = shlex.split(example)
    assert program == "shapfair"
    assert example.startswith(name)
    assert parser().parse_args(arguments).handler


def test_every_command_has_an_example():
    parts = {"shapfair", "shapfair data", "shapfair store", "shapfair models"}
    own = {name for name in COMMANDS if name.rpartition(" ")[0] in ("shapfair", "shapfair models")}
    assert {name for name in own - parts if not COMMANDS[name].epilog} == set()


def test_a_section_has_what_the_parser_knows():
    directive = command_line.CommandLine.section
    found = directive(None, COMMANDS["shapfair template"], "")
    text = found.astext()
    assert found["ids"] == ["shapfair-template"]
    assert "--parties A,B,C" in text
    assert "names of the parties" in text
    assert "$ shapfair template --parties A,B,C --out values.csv" in text
    choices = directive(None, COMMANDS["shapfair allocate"], "").astext()
    assert "--repair none|hull" in choices
    assert "--help" not in choices
