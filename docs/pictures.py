"""Draw the pictures of this directory: `uv run python docs/pictures.py`.

The script opens the app on a store of its own. It plays four hours through under its own clock: sample
alerts, real claims and retries, and the answers of made-up receivers. It sends nothing and uses no
chance, so the same code draws the same pictures.
"""

import asyncio
import os
import random
import re
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from animation import Frame, animate
from textual.pilot import Pilot
from textual.widgets import Input

from tui.app import TocsinApp
from tui.commands.demo.samples import SAMPLES
from tui.domain.alert import parse_alert
from tui.domain.attempt import Answer
from tui.domain.destination import Destination, parse_destination
from tui.domain.lifecycle import Outcome
from tui.domain.retry import RetryPolicy
from tui.screens.shared.context import Context
from tui.store import destinations, outbox
from tui.store.engine.database import Store
from tui.store.engine.sqlite import Sqlite
from tui.store.outbox import Claim, Finish

HERE = Path(__file__).parent

SECOND, MINUTE = 1_000, 60_000
NOW = 1_769_851_800_000  # 2026-01-31T09:30:00Z
BEGIN = NOW - 240 * MINUTE
TICKETS_BACK, PAGER_BUSY = NOW - 25 * MINUTE, NOW - 6 * MINUTE

# A picture: its file's name, how wide and high it is, what is pressed, and what is then to be read.
PICTURES: tuple[tuple[str, tuple[int, int], tuple[str, ...], str], ...] = (
    ("alerts", (120, 30), ("j", "j"), "WHAT COMES NEXT"),
    ("destinations", (120, 24), ("2",), "attempts delivered"),
    ("activity", (120, 24), ("4",), "LAST 24 HOURS"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """A frame of the animation: what is pressed, what is then on the screen, and for how long."""

    keys: tuple[str, ...]
    text: str
    seconds: float = 1.5
    turn: int = 0
    """How far the clock moves, in milliseconds, before the picture is taken."""


_KEYS = {" ": "space", ":": "colon", "/": "slash", ".": "full_stop"}


def typed(text: str, *, by: int = 4) -> Iterator[Step]:
    """`text` typed into the field that has the focus, some letters a frame."""
    for start in range(0, len(text), by):
        letters = text[start : start + by]
        keys = tuple(_KEYS.get(letter, letter) for letter in letters)
        yield Step(keys, "", seconds=0.35)


DEMO = (120, 30)
WALK: tuple[Step, ...] = (
    Step((), "DELIVERY STATUS", 2),
    Step((), "Root login", 1.5, turn=12 * SECOND),
    Step((), "Root login", 1.5, turn=14 * SECOND),
    Step(("j", "j"), "DELIVERY STATUS", 2.5),
    Step(("slash",), "Alerts", 0.6),
    *typed("to:tickets state:failed", by=5),
    Step(("enter",), "failed", 2),
    Step(("r",), "tickets", 1.5),
    Step((), "tickets", 2.5, turn=2 * SECOND),
    Step(("4",), "LAST 24 HOURS", 2),
    Step(("2",), "attempts delivered", 2.5),
    Step(("n",), "Display name", 1),
    *typed("oncall"),
    Step(("tab",), "URL", 0.4),
    *typed("https://hooks.example.com/oncall", by=8),
    Step((), "Severities", 2.5),
)


class Clock:
    """Milliseconds since 1970, standing still until turned."""

    now = BEGIN

    def __call__(self) -> int:
        return self.now


class Idle:
    """A dispatcher that has nothing to do: what was due has been answered by this script."""

    trouble: str | None = None
    in_flight: int = 0

    def nudge(self) -> None:
        pass


# --- what happened


def set_up() -> list[Destination]:
    """One that has been overloaded for minutes, one that was away for hours, one that is well."""
    return [
        parse_destination(
            name="pager",
            url="https://hooks.example.com/services/T0/a1b2c3d4",
            severities=["CRITICAL", "HIGH"],
            secret="env:PAGER_SECRET",  # noqa: S106 - names one
        ),
        parse_destination(
            name="tickets",
            url="http://tickets.example.com:8080/hook",
            severities=["CRITICAL"],
            timeout="10",
        ),
        parse_destination(name="siem", url="https://siem.example.com/in"),
    ]


def ending(claim: Claim, now: int, luck: random.Random) -> Answer:
    """What the destination made of this attempt."""
    name = claim.destination.name
    if name == "tickets" and now < TICKETS_BACK:
        error = "nothing is listening on tickets.example.com:8080"
        return Answer(outcome=Outcome.UNREACHABLE, ended_at=now + 1, duration_ms=1, error=error)
    busy = name == "pager" and now > PAGER_BUSY
    took = luck.randint(900, 1_400) if busy else luck.randint(25, 90)
    code, reason, body = (
        (503, "Service Unavailable", b'{"error":"overloaded"}') if busy else (200, "OK", b'{"ok":true}')
    )
    return Answer(
        outcome=Outcome.REJECTED if busy else Outcome.DELIVERED,
        ended_at=now + took,
        duration_ms=took,
        status_code=code,
        reason=reason,
        error=f"the receiver answered {code} {reason}" if busy else None,
        remote_address="203.0.113.80:443",
        response_headers=(("Content-Type", "application/json"),),
        response_body=body,
        response_length=len(body),
    )


def raised(luck: random.Random) -> Iterator[tuple[int, dict[str, Any]]]:
    """Sample alerts, with when each was raised."""
    at, number = BEGIN, 0
    while at <= NOW - 2 * SECOND:
        yield at, SAMPLES[number % len(SAMPLES)]
        at += luck.randint(5, 40) * SECOND
        number += 1


def live_through(store: Store, clock: Clock, policy: RetryPolicy) -> None:
    """Send every alert when it is raised, and try every delivery when it is due."""
    luck = random.Random(1)
    for destination in set_up():
        store.write(destinations.add, destination).result()
    for number, (at, sample) in enumerate(raised(luck)):
        deliver_until(store, clock, policy, at, luck)
        alert = parse_alert(sample, now=at, alert_id=f"{number:032x}")
        store.write(outbox.submit, [alert]).result()
    deliver_until(store, clock, policy, NOW, luck)


def deliver_until(store: Store, clock: Clock, policy: RetryPolicy, until: int, luck: random.Random) -> None:
    while True:
        claims = store.write(outbox.claim, policy=policy, slots=64, cap=64, busy={}).result()
        ended = [Finish(claim, ending(claim, clock.now, luck), luck.random()) for claim in claims.claims]
        if ended:
            store.write(outbox.finish, ended, policy).result()
        elif claims.next_due is None or claims.next_due > until:
            clock.now = until
            return
        else:
            clock.now = claims.next_due


# --- what is drawn


def own(picture: str) -> str:
    """The SVG, asking nobody for a font, and with its blanks kept by whatever draws it."""
    picture = re.sub(r"\s*@font-face \{.*?\}", "", picture, flags=re.DOTALL)
    return picture.replace("<svg ", '<svg xml:space="preserve" ', 1)


@asynccontextmanager
async def opened(context: Context, size: tuple[int, int]) -> AsyncIterator[Pilot[None]]:
    """The app on the store of `context`, once its first screen stands still."""
    notice = context.store.watch()
    try:
        app = TocsinApp(context, notice)
        app.animation_level = "none"
        async with app.run_test(size=size) as pilot:
            await standing_still(pilot, "DELIVERY STATUS")
            yield pilot
    finally:
        notice.close()


async def draw(context: Context, size: tuple[int, int], keys: Sequence[str], text: str) -> str:
    """The screen after these keys, once it shows `text` and stands still."""
    async with opened(context, size) as pilot:
        await pilot.press(*keys)
        return own(await standing_still(pilot, text))


async def draw_walk(context: Context, clock: Clock) -> str:
    """The animation: a walk through the app while alerts come in and are delivered."""
    frames: list[Frame] = []
    luck = random.Random(2)
    async with opened(context, DEMO) as pilot:
        for step in WALK:
            await pilot.press(*step.keys)
            if step.turn:
                await asyncio.to_thread(go_on, context.store, clock, context.policy, step.turn, luck)
            frames.append(Frame(own(await standing_still(pilot, step.text)), step.seconds))
    return animate(frames)


def go_on(store: Store, clock: Clock, policy: RetryPolicy, turn: int, luck: random.Random) -> None:
    """Move the clock by `turn`: one more alert comes in, and what is due is delivered."""
    at = clock.now + turn // 2
    deliver_until(store, clock, policy, at, luck)
    sample = SAMPLES[luck.randrange(len(SAMPLES))]
    store.write(outbox.submit, [parse_alert(sample, now=at, alert_id=f"{at:032x}")]).result()
    deliver_until(store, clock, policy, at + turn - turn // 2, luck)


async def standing_still(pilot: Pilot[None], text: str) -> str:
    alike: list[str] = []
    for _ in range(600):
        for field in pilot.app.screen.query(Input):
            field.cursor_blink = False
        await pilot.pause(0.05)
        picture = pilot.app.export_screenshot()
        alike = [*alike, picture] if alike[-1:] == [picture] else [picture]
        if len(alike) >= 8 and text in picture.replace("&#160;", " "):
            return picture
    raise SystemExit(f"the screen never came to rest with {text!r} on it")


def main(into: Path = HERE) -> None:
    os.environ["TZ"] = "UTC"
    time.tzset()
    clock, policy = Clock(), RetryPolicy()
    with (
        tempfile.TemporaryDirectory(prefix="tocsin-pictures-") as directory,
        Store(Sqlite(Path(directory) / "pictures.db", clock)) as store,
    ):
        live_through(store, clock, policy)

        def context() -> Context:  # a new one each time: it holds what one run of the app keeps
            return Context(
                store=store,
                clock=clock,
                policy=policy,
                link_template="",
                log=Path(directory) / "pictures.log",
                dispatcher=Idle(),
            )

        for name, size, keys, text in PICTURES:
            picture = asyncio.run(draw(context(), size, keys, text))
            (into / f"{name}.svg").write_text(picture, encoding="utf-8")
        walk = asyncio.run(draw_walk(context(), clock))
        (into / "demo.svg").write_text(walk, encoding="utf-8")


if __name__ == "__main__":
    main()
