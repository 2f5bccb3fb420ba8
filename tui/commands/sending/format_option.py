"""`--format`: the format of the alerts that a command reads."""

import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from tui.commands.shared.console import say_json
from tui.commands.shared.session import Session
from tui.domain.errors import Invalid
from tui.intake.documents import Item

if TYPE_CHECKING:
    from tui.intake.formats import Reading

LIST = "list"
format_option: Callable[..., Any] = click.option(
    "--format",
    "format_name",
    default="auto",
    metavar="NAME",
    help="Format of the alerts in a file or pipe, like falco or suricata. 'list' lists the formats. "
    "Default: auto, which detects the format of each document.",
)


def list_formats(session: Session, *, as_json: bool) -> None:
    from tui.commands.shared.output import print_fields

    named = [(format.name, format.about) for format in session.config.formats.values()]
    if as_json:
        say_json([{"name": name, "about": about} for name, about in named])
    else:
        print_fields([("auto", "the first of these formats that fits"), *named])


def new_id() -> str:
    return secrets.token_hex(16)


def reader(
    session: Session, name: str, new_id: Callable[[], str] = new_id
) -> "Callable[[Item], list[Reading]]":
    """Return a function that reads an item in the named format; raises Invalid for an unknown name."""
    from tui.intake.formats import Reading, format_named, read

    formats = session.config.formats
    format = format_named(name, formats)

    def read_item(item: Item) -> list[Reading]:
        if item.error is not None:
            return [Reading(item.place, Invalid("json", item.error), name)]
        return read(
            item.value,
            format,
            formats,
            now=time.time_ns() // 1_000_000,
            new_id=new_id,
            link_template=session.config.link_template,
            place=item.place,
        )

    return read_item
