"""The app on a real database, with a real dispatcher and a real receiver where a test needs them."""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from textual.css.stylesheet import Stylesheet

from tests.conftest import Clock
from tests.screens.user import User, user_at
from tests.store.bench import Bench
from tui.delivery.background import BackgroundDispatcher
from tui.delivery.slots import Limits
from tui.domain.retry import RetryPolicy
from tui.receiver import Behaviour, Received, build_app
from tui.screens.alerts import screen as alerts
from tui.screens.shared import live
from tui.screens.shared.context import Context
from tui.serving import ServerThread, bind
from tui.store.engine.database import Store

_TESTS = count(1)

POLICY = RetryPolicy((5_000,))
"""One retry: two attempts in a round."""


@pytest.fixture
def engine() -> str:
    """Screens know nothing of engines: one is enough."""
    return "sqlite"


@pytest.fixture(autouse=True)
def at_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In UTC, and neither over ssh nor inside tmux, wherever the tests run."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        patch.delenv("SSH_CONNECTION", raising=False)
        patch.delenv("TMUX", raising=False)
        time.tzset()
        yield
    time.tzset()


@pytest.fixture(autouse=True)
def swept_now_and_then() -> Iterator[None]:
    """No looking for garbage while a test runs: among all that Textual makes it takes as long as the test."""
    gc.disable()
    yield
    if next(_TESTS) % 10 == 0:
        gc.collect()
        gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def reading_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No rest between two reads, nor before the details: these are there for bursts and held keys."""
    monkeypatch.setattr(live, "RELOAD_EVERY_S", 0)
    monkeypatch.setattr(alerts, "DETAILS_AFTER_S", 0)


@pytest.fixture
def bench(store: Store, clock: Clock) -> Bench:
    return Bench(store, clock, POLICY)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The log, which nobody has written yet, under a name that is the same in every run."""
    monkeypatch.chdir(tmp_path)
    return Path("tocsin.log")


@pytest.fixture
def context(store: Store, clock: Clock, log: Path) -> Context:
    """What the app is given as a viewer: nobody in this process delivers."""
    return Context(store=store, clock=clock, policy=POLICY, link_template="", log=log, dispatcher=None)


Opens = Callable[..., AbstractAsyncContextManager[User]]


@pytest.fixture
def viewer(context: Context) -> Opens:
    """Opens the app without a dispatcher."""
    return partial(user_at, context)


@pytest.fixture
def dispatcher(store: Store) -> Iterator[BackgroundDispatcher]:
    running = BackgroundDispatcher(store, policy=POLICY, limits=Limits())
    running.start()
    yield running
    running.drain(0)
    assert running.join(20)


@pytest.fixture
def tocsin(context: Context, dispatcher: BackgroundDispatcher) -> Opens:
    """Opens the app with a dispatcher beside it."""
    return partial(user_at, Context(**{**vars(context), "dispatcher": dispatcher}))


@pytest.fixture(autouse=True, scope="session")
def styles_parsed_once() -> Iterator[None]:
    """Parse each style sheet once and not in every app: that takes a tenth of a test.

    Private to Textual. An app has a cache of its own, which holds until its theme changes the variables.
    """
    parse, parsed = Stylesheet._parse_rules, {}

    def once(self: Stylesheet, *args: Any, **kwargs: Any) -> Any:
        key = (tuple(self._variables.items()), args, tuple(kwargs.items()))
        if key not in parsed:
            parsed[key] = parse(self, *args, **kwargs)
        return parsed[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", once)
        yield


@dataclass
class Receiver:
    """Keeps every request it gets."""

    url: str
    got: list[Received] = field(default_factory=list)


@pytest.fixture
def receive() -> Iterator[Callable[..., Receiver]]:
    """Starts a receiver that answers every request as told."""
    with ExitStack() as running:

        def start(**behaviour: Any) -> Receiver:
            got: list[Received] = []
            app = build_app({"/": Behaviour(**behaviour)}, got.append)
            thread = running.enter_context(ServerThread(bind("127.0.0.1", 0), app))
            return Receiver(f"http://127.0.0.1:{thread.port}/alerts", got)

        yield start


@pytest.fixture
def nobody() -> str:
    """A host and port where nothing listens."""
    with bind("127.0.0.1", 0) as sock:
        return f"127.0.0.1:{sock.getsockname()[1]}"


@pytest.fixture
def clipboard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was put on this machine's clipboard; where tests run there is none."""
    copied: list[str] = []
    monkeypatch.setattr("pyperclip.copy", copied.append)
    return copied
