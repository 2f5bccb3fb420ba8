"""Copy text to the clipboard: through the terminal (OSC 52), and to that of this machine."""

import asyncio
import contextlib
import os
import threading
from typing import Any

from textual.app import App

_LIMIT_S = 2.0
_MOST_FOR_TERMINAL = 700_000
"""Characters. Base64 adds a third, and xterm's limit is a million."""


async def copy(app: App[Any], text: str, what: str) -> bool:
    """Copy `text` and say in a message how it was copied. Return False if no clipboard was available.

    OSC 52 works over SSH, but the terminal does not confirm it. Unless the session is remote, pyperclip is
    used as well, with a time limit because some of its helper programs hang.
    """
    app.copy_to_clipboard(text)
    ways = [] if _terminal_cannot(text) else ["terminal"]
    if not os.environ.get("SSH_CONNECTION") and await _copy_locally(text):
        ways.append("system")
    if not ways:
        return False
    hint = ""
    if os.environ.get("TMUX") and len(ways) == 1:
        hint = " (tmux requires `set -g set-clipboard on`)"
    app.notify(f"Copied {what} to the {' and '.join(ways)} clipboard{hint}", markup=False)
    return True


def _terminal_cannot(text: str) -> bool:
    """Whether the terminal is known to lack a clipboard, or the text is too long for it."""
    known = os.environ.get("TERM") in ("linux", "dumb") or os.environ.get("TERM_PROGRAM") == "Apple_Terminal"
    return known or len(text) > _MOST_FOR_TERMINAL


async def _copy_locally(text: str) -> bool:
    """Copy with pyperclip, in a daemon thread so that a helper program that hangs does not block exit."""
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
