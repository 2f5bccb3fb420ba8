"""`tocsin receive`: a receiver to try things out with, which prints what it gets."""

import contextlib
import errno
import functools
import hmac
import signal
from typing import TYPE_CHECKING

import click

from tui.commands.session import say
from tui.domain.errors import Invalid
from tui.domain.secret import Secret, parse_secret
from tui.store.errors import CannotOpen

if TYPE_CHECKING:
    from tui.receiver import Received

_TOLERANCE_S = 300
"""How far the sender's clock may be off, as Standard Webhooks has it."""


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8081,
    show_default=True,
    help="Listens on this port; 0 for any.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Listens on this address.")
@click.option(
    "--status",
    type=click.IntRange(200, 599),
    default=200,
    show_default=True,
    help="Answers with this status.",
)
@click.option("--body", default="success", show_default=True, help="Answers with this text.")
@click.option(
    "--delay", type=click.FloatRange(0, 3600), default=0, metavar="SECONDS", help="Waits before each answer."
)
@click.option(
    "--fail", type=click.IntRange(0), default=0, metavar="N", help="Answers 503 to the first N requests."
)
@click.option(
    "--retry-after",
    type=click.IntRange(0),
    metavar="SECONDS",
    help="Asks for this with every answer that is not 2xx.",
)
@click.option("--secret", metavar="SECRET", help="Verifies signatures with whsec_…, env:NAME or file:PATH.")
def receive(
    port: int,
    host: str,
    status: int,
    body: str,
    delay: float,
    fail: int,
    retry_after: int | None,
    secret: str | None,
) -> None:
    """Take alerts like any webhook and print each, until Ctrl-C.

    \b
    tocsin receive --fail 2 --retry-after 5
    tocsin destination add try http://127.0.0.1:8081
    """
    from tui import receiver, serving

    behaviour = receiver.Behaviour(status, body, delay, fail_first=fail, retry_after=retry_after)
    app = receiver.build_app({"/": behaviour}, functools.partial(_print, parse_secret(secret or "")))
    try:
        sock = serving.bind(host, port)
    except OSError as error:
        raise CannotOpen(_explain(error, host, port)) from None
    shown = f"[{host}]" if ":" in host else host
    with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C may come before the server listens for it
        say(f"what is sent to http://{shown}:{sock.getsockname()[1]} is printed here; Ctrl-C to stop")
        serving.serve(sock, app)


def _print(secret: Secret | None, received: "Received") -> None:
    from tui import receiver

    head, *rest = receiver.describe(received)
    verdict = [_verify(secret, received)] if secret else []
    try:
        say("\n".join((head, *verdict, *rest, "")))
    except OSError:  # whoever reads this has gone; nobody would see what else comes
        signal.raise_signal(signal.SIGTERM)


def _verify(secret: Secret, received: "Received") -> str:
    """Whether a request is signed with `secret`, and why not."""
    from tui.delivery.request import signature
    from tui.delivery.secrets import SecretUnavailable, reveal

    webhook_id, timestamp = received.header("webhook-id"), received.header("webhook-timestamp")
    given = received.header("webhook-signature").split()
    if not (webhook_id and timestamp and given):
        return "not signed: webhook-id, webhook-timestamp and webhook-signature belong together"
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 12):
        return "badly signed: webhook-timestamp is not a number of seconds"
    late = received.at // 1000 - int(timestamp)
    if abs(late) > _TOLERANCE_S:
        return f"badly signed: webhook-timestamp is {abs(late)} s in the {'past' if late > 0 else 'future'}"
    try:
        right = signature(reveal(secret), webhook_id, int(timestamp), received.body)
    except (SecretUnavailable, Invalid) as error:
        return f"not verified: {error}"
    if any(hmac.compare_digest(right.encode(), each.encode()) for each in given):
        return "signed"
    return "badly signed: with another secret, or the body was changed on its way"


def _explain(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} is in use; choose another with --port"
        case errno.EACCES:
            return f"port {port} needs more rights; choose one from 1024 up with --port"
    return f"cannot listen on {host}:{port}: {error.strerror or error}"
