"""Write docs/commands.md from the commands' own help: `uv run python docs/reference.py`."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click

from tui.cli import cli

PAGE = Path(__file__).parent / "commands.md"

INTRODUCTION = """\
# Commands

This page is generated from `tocsin --help` by `uv run python docs/reference.py`. Do not edit it.

Options of `tocsin` itself come before the command: `tocsin --db /tmp/x.db send …`. Every option can also be
set with an environment variable, named after the command and the option: `TOCSIN_DB`, `TOCSIN_SEND_TITLE`,
`TOCSIN_DISPATCH_GRACE`.

| exit code | meaning |
|---|---|
| 0 | Success. |
| 1 | The command failed, or the alert, destination or token that you named does not exist. |
| 2 | Wrong usage: an unknown option, or a value that is not allowed. |
| 3 | The command could not start: for example, it cannot open the database or write the log. |
| 130 | Stopped with Ctrl-C. |
"""


def page() -> str:
    """Return docs/commands.md as it should be."""
    tree = list(commands(click.Context(cli, info_name="tocsin")))
    contents = "\n".join(f"- [{c.command_path}](#{c.command_path.replace(' ', '-')})" for c in tree)
    return "\n".join([INTRODUCTION, contents, "", *(section(context) for context in tree)])


def commands(context: click.Context) -> Iterator[click.Context]:
    """Yield a context for the command of `context` and for every visible command below it."""
    yield context
    if not isinstance(context.command, click.Group):
        return
    for name in context.command.list_commands(context):
        command = context.command.get_command(context, name)
        if command is not None and not command.hidden:
            yield from commands(click.Context(command, info_name=name, parent=context))


def section(context: click.Context) -> str:
    """Return the heading, usage, description and options of one command."""
    command = context.command
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    parts = [f"## {context.command_path}", f"```\n{usage}\n```", *prose(command.help or "")]
    parts += [options] if (options := option_table(context)) else []
    return "\n\n".join(parts) + "\n"


def prose(help: str) -> Iterator[str]:
    """Yield the paragraphs of a help text; those that click does not rewrap (`\\b`) as code."""
    text = inspect.cleandoc(help).partition("\f")[0]
    for paragraph in re.split(r"\n\s*\n", text):
        if paragraph.startswith("\b"):
            yield "```sh\n" + paragraph.removeprefix("\b").strip("\n") + "\n```"
        else:
            yield plain(paragraph)


def option_table(context: click.Context) -> str:
    records = (
        parameter.get_help_record(context)
        for parameter in context.command.get_params(context)
        if isinstance(parameter, click.Option) and "--help" not in parameter.opts
    )
    rows = [f"| {cell(f'`{names}`')} | {cell(plain(text))} |" for names, text in filter(None, records)]
    return "\n".join(["| option | |", "|---|---|", *rows]) if rows else ""


def plain(text: str) -> str:
    """Return `text` on one line, with nothing that Markdown would read as markup."""
    return re.sub(r"(?<!`)([*<])", r"\\\1", " ".join(text.split()))


def cell(text: str) -> str:
    return text.replace("|", r"\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
