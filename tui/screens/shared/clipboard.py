"""Copies text where the person can paste it: through the terminal, and to this machine's clipboard."""

import asyncio
import contextlib
import os
import threading
from typing import Any

from textual.app import App

_LIMIT_S = 2.0
_MOST_FOR_TERMINAL = 700_000
"""Characters; base64 makes a third more of them, and xterm stops at a million."""


async def copy(app: App[Any], text: str, what: str) -> bool:
    """Put `text` on the clipboard and say which way it went; False if there was none.

    The terminal's own clipboard (OSC 52) works over ssh but never tells whether it did. On this
    machine pyperclip is tried as well, with a limit: some of its helpers hang.
    """
    app.copy_to_clipboard(text)
    ways = [] if _terminal_cannot(text) else ["the terminal"]
    if not os.environ.get("SSH_CONNECTION") and await _copy_locally(text):
        ways.append("this machine's clipboard")
    if not ways:
        return False
    hint = ""
    if os.environ.get("TMUX") and len(ways) == 1:
        hint = " (in tmux this needs `set -g set-clipboard on`)"
    app.notify(f"Copied {what} through {' and '.join(ways)}{hint}", markup=False)
    return True


def _terminal_cannot(text: str) -> bool:
    """Whether the terminal is one of those known to have no clipboard, or none for this much."""
    known = os.environ.get("TERM") in ("linux", "dumb") or os.environ.get("TERM_PROGRAM") == "Apple_Terminal"
    return known or len(text) > _MOST_FOR_TERMINAL


async def _copy_locally(text: str) -> bool:
    """In a daemon thread, which a helper that hangs cannot keep the program open with."""
    loop = asyncio.get_running_loop()
    copied: asyncio.Future[bool] = loop.create_future()

    def tell(success: bool) -> None:
        if not copied.done():
            copied.set_result(success)

    def work() -> None:
        import pyperclip

        try:
            pyperclip.copy(text)
            success = True
        except (pyperclip.PyperclipException, OSError):
            success = False
        with contextlib.suppress(RuntimeError):  # the app was closed meanwhile
            loop.call_soon_threadsafe(tell, success)

    threading.Thread(target=work, name="clipboard", daemon=True).start()
    try:
        return await asyncio.wait_for(copied, _LIMIT_S)
    except TimeoutError:
        return False
