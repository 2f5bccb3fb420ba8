"""`tocsin demo`: the app on a temporary database, with a receiver and a stream of sample alerts."""

import dataclasses
import itertools
import random
import secrets
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from tui.commands.app import has_terminal, run_app
from tui.commands.demo.samples import SAMPLES
from tui.commands.shared.console import say
from tui.commands.shared.session import Session, run_dispatcher
from tui.config import Config
from tui.domain.alert import make_test_alert, parse_alert
from tui.domain.destination import Destination, parse_destination
from tui.domain.errors import Invalid
from tui.domain.network import NetworkPolicy
from tui.domain.retry import RetryPolicy
from tui.domain.text import visible

if TYPE_CHECKING:
    from tui.serving import ServerThread
    from tui.store.engine.database import Store
    from tui.store.reading.views import AlertDetails

# Short, so that a failed delivery appears soon: four attempts in about three seconds.
_DELAYS_MS = (400, 800, 1600)
_FIRST_BURST, _PAUSE_S = 6, 0.9


@click.command()
@click.pass_obj
def demo(session: Session) -> None:
    """Open the app with sample alerts and a temporary database.

    The demo starts a receiver, adds three destinations (one healthy, one flaky, one down) and sends a
    stream of sample alerts. Nothing leaves this machine and nothing is kept. Without a terminal, the demo
    prints a walk-through instead.
    """
    with tempfile.TemporaryDirectory(prefix="tocsin-demo-") as directory:
        config = dataclasses.replace(
            session.config,
            db=str(Path(directory) / "demo.db"),
            log=Path(directory) / "demo.log",
            policy=RetryPolicy(_DELAYS_MS),
            network=NetworkPolicy(),
            environment={},
            kept=Path(directory) / "kept.json",
        )
        with Session(lambda: config).store(create=True) as store, _receiver() as receiver:
            destinations = _add_destinations(store, receiver.port)
            if has_terminal():
                with _stream(store):
                    code = run_app(store, config, dispatching=True, note="demo")
                raise click.exceptions.Exit(code)
            _walk(store, config, destinations)


@contextmanager
def _receiver() -> "Iterator[ServerThread]":
    from tui.receiver import Behaviour, build_app
    from tui.serving import ServerThread, bind

    behaviours = {
        "/healthy": Behaviour(body='{"ok": true}', delay_s=0.03),
        "/flaky": Behaviour(body='{"ok": true}', delay_s=0.12, fail_every=2),
    }
    with ServerThread(bind("127.0.0.1", 0), build_app(behaviours, lambda _: None)) as receiver:
        yield receiver


def _add_destinations(store: "Store", port: int) -> list[Destination]:
    from tui.serving import bind
    from tui.store import destinations

    with bind("127.0.0.1", 0) as closed:
        nobody = closed.getsockname()[1]
    here = f"http://127.0.0.1:{port}"
    return [
        store.write(destinations.add, destination).result()
        for destination in (
            parse_destination(name="healthy", url=f"{here}/healthy"),
            parse_destination(name="flaky", url=f"{here}/flaky", severities=["CRITICAL", "HIGH", "MEDIUM"]),
            parse_destination(name="down", url=f"http://127.0.0.1:{nobody}/down", severities=["CRITICAL"]),
        )
    ]


# --- with a terminal


@contextmanager
def _stream(store: "Store") -> Iterator[None]:
    """Submit sample alerts until the block ends: a few at once, then one at a time."""
    stop = threading.Event()
    thread = threading.Thread(target=_submit_samples, args=(store, stop), name="samples", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _submit_samples(store: "Store", stop: threading.Event) -> None:
    for number, sample in enumerate(itertools.cycle(SAMPLES)):
        if number >= _FIRST_BURST and stop.wait(_PAUSE_S * random.uniform(0.4, 1.6)):
            return
        _submit(store, sample)


def _submit(store: "Store", sample: dict[str, Any]) -> str:
    from tui.store import outbox
    from tui.store.engine.database import wall_clock

    alert = parse_alert(sample, now=wall_clock(), alert_id=secrets.token_hex(16))
    (receipt,) = store.write(outbox.submit, [alert]).result()
    if isinstance(receipt, Invalid):
        raise receipt
    return receipt.alert_id


# --- without a terminal


def _walk(store: "Store", config: Config, destinations: list[Destination]) -> None:
    """Print each step of a delivery, on the real store, dispatcher and receiver."""
    healthy, flaky, down = destinations
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)  # by an exception, which removes the temporary database
    say("Tocsin demo, with a temporary database (no terminal, so this prints a walk-through)\n")
    say("1. Destinations added")
    for destination in destinations:
        say(f"   {destination.name:<8}  {destination.masked_url}")
    say("\n2. Test alert sent to healthy")
    _deliver(store, config, _submit_test(store, healthy), body=True)
    say("\n3. Alert sent to flaky, which rejects every other request: retried until delivered")
    sample = SAMPLES[1] | {"destinations": [flaky.name]}
    _deliver(store, config, _submit(store, sample))
    say("\n4. Alert sent to down, where nothing listens: every attempt fails")
    lost = _submit(store, SAMPLES[0] | {"destinations": [down.name]})
    _deliver(store, config, lost)
    say("\n5. down is fixed and the alert is resent: a second round, the first is kept")
    _fix(store, down, healthy)
    _resend(store, lost)
    _deliver(store, config, lost, body=True)
    say("\nIn a terminal, `tocsin demo` opens the app; `tocsin` opens it on your own database.")


def _end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    sys.exit(128 + number)


def _submit_test(store: "Store", destination: Destination) -> str:
    from tui.store import outbox
    from tui.store.engine.database import wall_clock

    alert = make_test_alert(destination.name, now=wall_clock(), alert_id=secrets.token_hex(16))
    store.write(outbox.submit, [alert]).result()
    return alert.alert_id


def _fix(store: "Store", broken: Destination, working: Destination) -> None:
    from tui.store import destinations

    store.write(destinations.edit, dataclasses.replace(broken, url=working.url)).result()


def _resend(store: "Store", alert_id: str) -> None:
    from tui.store import outbox

    details = _details(store, alert_id)
    store.write(outbox.resend, [delivery.row.id for delivery in details.deliveries]).result()


def _deliver(store: "Store", config: Config, alert_id: str, *, body: bool = False) -> None:
    ids = [delivery.row.id for delivery in _details(store, alert_id).deliveries]
    if not run_dispatcher(store, config, grace_s=5, only=ids):
        raise click.exceptions.Exit(1)
    _say_end(store, alert_id, body=body)


def _details(store: "Store", alert_id: str) -> "AlertDetails":
    from tui.store.reading import queries

    key = store.read(queries.find_alert, alert_id).result()
    details = store.read(queries.alert_details, key).result()
    assert details is not None
    return details


def _say_end(store: "Store", alert_id: str, *, body: bool = False) -> None:
    """Print every attempt and, with `body`, the body of the last response."""
    from tui.store.reading import queries

    (delivery,) = _details(store, alert_id).deliveries
    for attempt in reversed(delivery.attempts):
        place = (
            f"round {attempt.round}, attempt {attempt.number}"
            if delivery.row.round > 1
            else f"attempt {attempt.number}"
        )
        say(f"   {place}: {visible(attempt.summary)} ({attempt.duration_ms} ms)")
    say(f"   {delivery.row.standing}")
    exchange = store.read(queries.exchange, delivery.attempts[0].id).result()
    if body and exchange is not None:
        say(f"   response body: {visible(exchange.response_body.decode())}")
