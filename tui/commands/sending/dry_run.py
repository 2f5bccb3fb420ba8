"""`tocsin send --dry-run`: print what would be stored of a source, and why."""

import contextlib
import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tui.commands.sending.format_option import new_id, reader
from tui.commands.sending.source import Source
from tui.commands.shared.console import JsonArray, say, tell
from tui.commands.shared.output import print_fields
from tui.commands.shared.session import Session, destination_named, patiently
from tui.domain.alert import Alert, format_time
from tui.domain.errors import Invalid
from tui.domain.text import visible

if TYPE_CHECKING:
    from tui.intake.dry_run import Explanation
    from tui.store.engine.database import Store

_WIDTH = 66


def dry_run(session: Session, source: Source, format_name: str, to: tuple[str, ...], *, as_json: bool) -> int:
    """Explain everything in the source and return how many items are bad.

    Raises Interrupted after a signal.
    """
    from tui.intake.dry_run import MOST_EXPLAINED, DryRun
    from tui.intake.formats import Skipped

    counts: Counter[str] = Counter()
    array = JsonArray() if as_json else None
    with _store(session) as store:
        for name in to:
            destination_named(store, name)
        run = DryRun(store, session.config.formats, new_id, session.config.revive_after_ms)
        read = reader(session, format_name, run.id)
        for batch in source.batches:
            for start in range(0, len(batch), MOST_EXPLAINED):
                source.check_interrupted()
                readings = [
                    (item.value, replace(one, result=replace(one.result, destinations=to)))
                    if to and isinstance(one.result, Alert)
                    else (item.value, one)
                    for item in batch[start : start + MOST_EXPLAINED]
                    for one in read(item)
                ]
                for one in patiently(lambda readings=readings: run.explain(readings)):
                    match one.result:
                        case Invalid():
                            counts["bad"] += 1
                        case Skipped():
                            counts["skipped"] += 1
                        case _:
                            counts["repeated" if one.receipt and one.receipt.repeated else "new"] += 1
                    if array is not None:
                        array.append(one.as_json)
                    else:
                        _print(one)
        if array is not None:
            array.close()
    tell(
        f"dry run, nothing was stored: {counts['new']} new, {counts['repeated']} already stored, "
        f"{counts['skipped']} skipped, {counts['bad']} bad"
    )
    return counts["bad"]


@contextlib.contextmanager
def _store(session: Session) -> "Iterator[Store]":
    """Open the database. One that does not exist yet is not created: an empty one takes its place."""
    from tui.store.engine.database import Store
    from tui.store.engine.sqlite import Sqlite

    db = session.config.db
    if db.startswith("postgresql://") or Path(db).exists():
        with session.store() as store:
            yield store
        return
    with TemporaryDirectory() as directory, Store(Sqlite(Path(directory) / "tocsin.db")) as store:
        yield store


def _print(one: "Explanation") -> None:
    from tui.intake.formats import Skipped

    place = f"{one.place}: " if one.place else ""
    if isinstance(one.result, Invalid):
        tell(f"tocsin: {place}{one.result.message}")
        return
    say(visible(f"{place}{one.format}"))
    if isinstance(one.result, Skipped):
        print_fields([("skipped", _wrapped(one.result.reason))], indent="  ")
        return
    alert = one.result
    no_id = one.as_json["alertId"] is None
    print_fields(
        (
            ("title", _wrapped(alert.headline) + _origin(one, "title", "\n")),
            ("severity", _wrapped(alert.severity + _origin(one, "severity", ", "))),
            ("time", _wrapped(format_time(alert.created_at) + _origin(one, "createdAt", ", "))),
            ("type", alert.type),
            ("ID", "" if no_id else _wrapped(alert.alert_id + _origin(one, "alertId", ", "))),
            ("notes", _wrapped(" ".join(one.notes))),
            ("identity", _wrapped(one.identity)),
            ("stored", _stored(one)),
            ("goes to", _wrapped(_goes_to(one))),
        ),
        indent="  ",
    )


def _origin(one: "Explanation", name: str, before: str) -> str:
    """Return the keys that a field came from, or the ones that were looked at in vain."""
    if keys := one.origins.get(name):
        return f"{before}from {', '.join(keys)}"
    looked = one.looked_at.get(name)
    if not (one.origins or looked):
        return ""  # the document is inside another one
    if name == "createdAt":
        return f"{before}now: " + (f"none of {', '.join(looked)}" if looked else "the document has no time")
    if name == "severity":
        return f"{before}the default" + (f": none of {', '.join(looked)} is known" if looked else "")
    return ""


def _stored(one: "Explanation") -> str:
    assert one.receipt is not None
    return "no, it is stored already" if one.receipt.repeated else "yes"


def _goes_to(one: "Explanation") -> str:
    receipt = one.receipt
    assert receipt is not None
    if receipt.not_routed is not None:
        return f"no destination: {receipt.not_routed}"
    sent = receipt.revived if receipt.repeated else receipt.deliveries
    told = [target.name + " (paused)" * target.paused for _, _, target in sent]
    told += [f"{target.name}, folded into {into}" for target, into in receipt.folded]
    return "; ".join(told) or "nowhere again"


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.wrap(visible(text), _WIDTH))
