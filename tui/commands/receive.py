"""`tocsin receive`: a receiver to try things out with, which prints what it gets."""

import errno
import signal
from typing import TYPE_CHECKING

import click

from tui.commands.session import say
from tui.commands.unseen import read_unseen
from tui.domain.errors import Refused
from tui.domain.secret import parse_secret, signing_key
from tui.store.errors import CannotOpen

if TYPE_CHECKING:
    from tui.delivery.verification import Verifier
    from tui.receiver import Received


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8081,
    metavar="PORT",
    help="Listens on this port; 0 for any. Default: 8081.",
)
@click.option(
    "--host", default="127.0.0.1", metavar="ADDRESS", help="Listens on this address. Default: 127.0.0.1."
)
@click.option(
    "--status",
    type=click.IntRange(200, 599),
    default=200,
    metavar="STATUS",
    help="Answers with this status. Default: 200.",
)
@click.option("--body", default="success", help="Answers with this text. Default: success.")
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
@click.option(
    "--secret",
    metavar="SECRET",
    help="Verifies signatures with whsec_…, env:NAME or file:PATH (- reads it from a prompt or a pipe) and"
    " answers 401 to what is not signed with it.",
)
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
    app = receiver.build_app({"/": behaviour}, _print, _verifier(secret))
    try:
        sock = serving.bind(host, port)
    except OSError as error:
        raise CannotOpen(_explain(error, host, port)) from None
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{sock.getsockname()[1]}"
    # Printed only once Ctrl-C is handled: raised as an exception during an import, it could get lost.
    serving.serve(sock, app, announce=lambda: say(f"what is sent to {url} is printed here; Ctrl-C to stop"))


def _verifier(given: str | None) -> "Verifier | None":
    """Raises Invalid, and Refused for a reference behind which there is nothing."""
    secret = parse_secret(read_unseen(given, "signing secret", "secret")) if given else None
    if secret is None:
        return None
    from tui.delivery.secrets import SecretUnavailable, reveal
    from tui.delivery.verification import Verifier

    try:
        value = reveal(secret)
    except SecretUnavailable as problem:
        raise Refused(str(problem)) from None
    signing_key(value)
    return Verifier(value)


def _print(received: "Received") -> None:
    from tui import receiver

    try:
        say("\n".join((*receiver.describe(received), "")))
    except OSError:  # whoever reads this has gone; nobody would see what else comes
        signal.raise_signal(signal.SIGTERM)


def _explain(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} is in use; choose another with --port"
        case errno.EACCES:
            return f"port {port} needs more rights; choose one from 1024 up with --port"
    return f"cannot listen on {host}:{port}: {error.strerror or error}"
