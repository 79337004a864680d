"""The reference of the command line, made from its parser when the book is built."""

import argparse
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from shapfair.cli.main import parser
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


def commands(
    program: argparse.ArgumentParser, about: str = ""
) -> Iterator[tuple[argparse.ArgumentParser, str]]:
    """A parser and those of its commands, with the line that its help has on each."""
    yield program, about
    for action in program._actions:
        if isinstance(action, argparse._SubParsersAction):
            lines = {choice.dest: choice.help for choice in action._choices_actions}
            for name, command in action.choices.items():
                yield from commands(command, lines.get(name) or "")


def words(action: argparse.Action) -> str:
    """An argument as it is typed: ``--budget NAME=AMOUNT``."""
    if not action.option_strings:
        name = action.metavar or action.dest.upper()
        return " ".join(name) if isinstance(name, tuple) else name
    names = ", ".join(action.option_strings)
    if action.nargs == 0:
        return names
    choices = "|".join(map(str, action.choices)) if action.choices else action.dest.upper()
    return f"{names} {action.metavar or choices}"


def entry(action: argparse.Action) -> nodes.definition_list_item:
    """An argument and what it does."""
    text = (action.help or "").replace("%%", "%")
    return nodes.definition_list_item(
        "",
        nodes.term("", "", nodes.literal("", words(action))),
        nodes.definition("", nodes.paragraph("", text)),
    )


class CommandLine(SphinxDirective):
    """A section for every command: what it does, its arguments, an example."""

    def run(self) -> list[nodes.Node]:
        """The sections, in the order of ``shapfair --help``."""
        return [self.section(*command) for command in commands(parser())][1:]

    def section(self, command: argparse.ArgumentParser, about: str) -> nodes.section:
        """One command."""
        name = nodes.make_id(command.prog)
        found = nodes.section("", nodes.title("", command.prog), ids=[name], names=[name])
        text = command.description or f"{about[:1].upper()}{about[1:]}."
        found += nodes.paragraph("", text)
        given = [
            action
            for action in command._actions
            if not isinstance(action, argparse._HelpAction | argparse._SubParsersAction)
            and action.help != argparse.SUPPRESS
        ]
        if given:
            found += nodes.definition_list("", *map(entry, given))
        if command.epilog:
            _, _, example = command.epilog.partition("example: ")
            shown = f"$ {example}" if example else command.epilog
            found += nodes.literal_block("", shown, language="console")
        return found


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("command-line", CommandLine)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
