"""Tocsin for drills: the real program, with crash points, a clock that can be wrong, and other intervals.

    DRILL_CRASH_AT=finishing python -m tests.drills.crashing dispatch

`DRILL_CRASH_AT` is one of POINTS; `:3` after it means the third time. The process ends there with SIGKILL.
`DRILL_CLOCK` is a file with the error of the wall clock in milliseconds. It may change at any time.
`DRILL_POLL_S` is the interval at which a dispatcher polls, `DRILL_PATIENCE_S` how long a command waits for a
lock, `DRILL_SILENCE_S` how long a database may be silent.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from tui.cli import main
from tui.commands.shared import session
from tui.delivery import dispatcher
from tui.delivery.sender import Sender
from tui.store import outbox, prune
from tui.store.engine import database
from tui.store.engine.database import Store
from tui.store.engine.sqlite import Sqlite

POINTS = {
    "claiming": "a claim is written, not committed",
    "claimed": "a claim is committed, nothing is sent",
    "answered": "the answer is here, nothing of it is recorded",
    "finishing": "the answer is written, not committed",
    "finished": "the answer is committed",
    "storing": "a batch of alerts is written, not committed",
    "stored": "a batch of alerts is committed, nobody is told",
    "removing": "a prune has removed some alerts, and not committed that",
    "copying": "a backup is copied, not checked, and has no name yet",
}


class _Crash:
    def __init__(self, where: str) -> None:
        point, _, times = where.partition(":")
        assert point in POINTS, f"DRILL_CRASH_AT is one of {', '.join(POINTS)}"
        self._point, self._left = point, int(times or 1)
        self._lock = threading.Lock()

    def reached(self, point: str) -> None:
        with self._lock:
            self._left -= point == self._point
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def plant(crash: _Crash) -> None:
    """Wrap the real functions with the crash points."""
    claim, finish, submit = outbox.claim, outbox.finish, outbox.submit
    send, write = Sender.send, Store.write
    remove, copy = prune.step, Sqlite.backup

    def claiming(*args: Any, **kwargs: Any) -> Any:
        claims = claim(*args, **kwargs)
        if claims.claims:
            crash.reached("claiming")
        return claims

    def finishing(*args: Any, **kwargs: Any) -> Any:
        finished = finish(*args, **kwargs)
        crash.reached("finishing")
        return finished

    def storing(*args: Any, **kwargs: Any) -> Any:
        receipts = submit(*args, **kwargs)
        crash.reached("storing")
        return receipts

    def removing(*args: Any, **kwargs: Any) -> Any:
        removed = remove(*args, **kwargs)
        crash.reached("removing")
        return removed

    def copying(*args: Any, **kwargs: Any) -> Any:
        return copy(*args, **{**kwargs, "progress": lambda *_: crash.reached("copying")})

    async def sending(sender: Sender, claimed: outbox.Claim) -> Any:
        crash.reached("claimed")
        answer = await send(sender, claimed)
        crash.reached("answered")
        return answer

    def writing(store: Store, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
        future = write(store, work, *args, **kwargs)
        future.add_done_callback(lambda done: committed(work, done))
        return future

    def committed(work: Callable[..., Any], done: Future[Any]) -> None:
        if done.exception() is None:
            if work is storing:
                crash.reached("stored")
            elif getattr(done.result(), "finished", None):
                crash.reached("finished")

    for owner, name, wrapped in (
        (outbox, "claim", claiming),
        (outbox, "finish", finishing),
        (outbox, "submit", storing),
        (Sender, "send", sending),
        (Store, "write", writing),
        (prune, "step", removing),
        (Sqlite, "backup", copying),
    ):
        setattr(owner, name, wrapped)


def shift_clock(by: Path) -> None:
    """Step the wall clock of this process, but not its monotonic clock."""
    real = time.time_ns
    time.time_ns = lambda: real() + int(by.read_text()) * 1_000_000


if __name__ == "__main__":
    if where := os.environ.get("DRILL_CRASH_AT"):
        plant(_Crash(where))
    if file := os.environ.get("DRILL_CLOCK"):
        shift_clock(Path(file))
    if seconds := os.environ.get("DRILL_POLL_S"):
        dispatcher.POLL_S = float(seconds)
    if seconds := os.environ.get("DRILL_PATIENCE_S"):
        session.PATIENCE_S = float(seconds)
    if seconds := os.environ.get("DRILL_SILENCE_S"):
        dispatcher.SILENCE_S = database.SILENCE_S = float(seconds)
    main()
