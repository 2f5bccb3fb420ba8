"""`tocsin shape`: list, show, check and try the shapes in which alerts are sent."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tui.commands.shared import output
from tui.commands.shared.console import json_option, say, say_json
from tui.commands.shared.session import Session
from tui.domain.alert import Alert, make_test_alert
from tui.domain.destination import PANTHER
from tui.domain.errors import Invalid, Refused

if TYPE_CHECKING:
    from tui.delivery.shapes.shape import Shape
    from tui.store.engine.database import Store

_SAMPLE_URL = "https://receiver.example/topic"
_ABOUT_PANTHER = "Tocsin's own form: 13 keys, as Panther's custom webhook sends them"


@click.group(no_args_is_help=False)
def shape() -> None:
    """Manage shapes: the forms that receivers expect."""


@shape.command("list")
@json_option
@click.pass_obj
def list_shapes(session: Session, as_json: bool) -> None:
    """List the built-in shapes and your own."""
    from tui.delivery.shapes import library

    _ = session.config  # names the directory of your own shapes
    own = set(library.own_names())
    rows: list[tuple[str, str, str]] = []
    for name in library.names():
        try:
            about = _ABOUT_PANTHER if name == PANTHER else library.find(name).about
        except Invalid as error:
            about = f"cannot be used: {error.message}"
        rows.append((name, "own" if name in own and name != PANTHER else "built-in", about))
    if as_json:
        say_json([dict(zip(("name", "from", "about"), row, strict=True)) for row in rows])
    else:
        output.print_table(("NAME", "FROM", "ABOUT"), rows, shrink=2, state=1)


@shape.command()
@click.argument("name")
@click.pass_obj
def show(session: Session, name: str) -> None:
    """Print the file of a shape, to copy and change it.

    \b
    tocsin shape show slack > ~/.config/tocsin/shapes/my-slack.toml
    """
    from tui.delivery.shapes import library

    _ = session.config
    if name == PANTHER:
        raise Refused("panther has no file; see what it sends with `tocsin shape render panther`")
    say(library.text_of(name).rstrip("\n"))


@shape.command()
@click.argument("file", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """Check a shape, and render it for a sample alert. Exits 1 with the place of a mistake."""
    from tui.delivery.shapes import library
    from tui.delivery.shapes.shape import Shape

    try:
        checked = Shape(file.stem, library.read_file(file))
        _render(checked, _sample())
    except Invalid as error:
        raise Refused(f"{file}: {error.message}") from None
    say(f"{file} is valid")


@shape.command()
@click.argument("name")
@click.argument("references", metavar="[ALERT]...", nargs=-1)
@click.option("--last", type=click.IntRange(1, 1000), metavar="N", help="Render the last N alerts.")
@click.pass_obj
def render(session: Session, name: str, references: tuple[str, ...], last: int | None) -> None:
    """Print the bodies that a shape makes of alerts, one per line.

    NAME is a shape or the path of a file. Without alerts, a test alert is rendered. Values that come from
    the destination, such as a routing key, are masked.

    \b
    tocsin shape render slack --last 10
    tocsin shape render ./mine.toml 4c2f91aa
    """
    from tui.delivery.request import payload
    from tui.delivery.shapes import library
    from tui.delivery.shapes.shape import Shape

    if references and last:
        raise click.UsageError("give alerts or --last, not both")
    _ = session.config
    path = Path(name)
    if name == PANTHER:
        for alert in _alerts(session, references, last):
            say(payload(alert, 1).decode())
        return
    try:
        found = Shape(path.stem, library.read_file(path)) if path.suffix == ".toml" else library.find(name)
        for alert in _alerts(session, references, last):
            say(_render(found, alert))
    except Invalid as error:
        raise Refused(f"{name}: {error.message}") from None


def _render(made: "Shape", alert: Alert) -> str:
    from tui.domain.secret import MASK

    rendered = made.render(
        alert, _SAMPLE_URL, webhook_id="sample", round=1, secret=lambda _: MASK, masked=True
    )
    return rendered.body.decode()


def _alerts(session: Session, references: tuple[str, ...], last: int | None) -> list[Alert]:
    if not references and not last:
        return [_sample()]
    from tui.store.reading import queries

    with session.store() as store:
        if last:
            return store.read(queries.last_alerts, last).result()
        return [_alert(store, reference) for reference in references]


def _alert(store: "Store", reference: str) -> Alert:
    from tui.store.reading import queries

    details = store.read(queries.alert_details, store.read(queries.find_alert, reference).result()).result()
    if details is None:
        raise Refused(f"{reference} was deleted meanwhile")
    return details.alert


def _sample() -> Alert:
    import time

    return make_test_alert("sample", now=time.time_ns() // 1_000_000, alert_id="sample")
