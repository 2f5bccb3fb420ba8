"""Every `tocsin …` in the documentation is a command, with options, that exists."""

import re
from collections.abc import Iterator

import click
import pytest

from tests.docs import pages, shell
from tui.cli import cli


@pytest.fixture(autouse=True)
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A group still finds and parses its subcommand; no command does anything."""
    monkeypatch.setattr(click.Command, "invoke", lambda *_: None)


def refusal(arguments: list[str]) -> str:
    """Return why the command line refuses these arguments; empty if it accepts them."""
    try:
        cli.main(arguments, prog_name="tocsin", standalone_mode=False)
    except click.exceptions.Exit:
        return ""
    except click.ClickException as error:
        return error.format_message()
    return ""


def in_blocks(name: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the line of the block and the arguments of each `tocsin` in a page's code blocks."""
    for block in pages.blocks(name, "sh", "ini"):
        text = block.text
        if block.language == "ini":
            text = "\n".join(re.findall(r"(?m)^ExecStart=(.*)$", text))
        for words in shell.simple_commands(text):
            if (arguments := shell.arguments_of_tocsin(words)) is not None:
                yield block.line, arguments


@pytest.mark.parametrize("name", pages.NAMES)
def test_every_command_in_a_block_is_accepted(name: str) -> None:
    refused = [(line, args, why) for line, args in in_blocks(name) if (why := refusal(args))]
    assert refused == []


@pytest.mark.parametrize("name", pages.NAMES)
def test_every_command_in_a_sentence_exists(name: str) -> None:
    """It may leave out what is required, and end in `…`."""
    refused: list[tuple[list[str], str]] = []
    for code in pages.inline_code(name):
        if not re.match(r"(uv run )?tocsin( |$)", code):
            continue
        for words in shell.simple_commands(code.replace("…", "")):
            arguments = shell.arguments_of_tocsin(words)
            why = refusal(arguments) if arguments is not None else ""
            if why and not why.startswith("Missing ") and not why.endswith("requires an argument."):
                refused.append((words, why))
    assert refused == []


@pytest.mark.parametrize("arguments", [["sned"], ["send", "--titel", "x"], ["destination", "add", "--fold"]])
def test_a_mistake_would_be_noticed(arguments: list[str]) -> None:
    assert refusal(arguments)
