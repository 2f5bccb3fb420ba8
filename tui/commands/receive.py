"""`tocsin receive`: a test receiver that prints every request."""

import errno
import signal
from typing import TYPE_CHECKING

import click

from tui.commands.shared.console import say
from tui.commands.shared.secret_input import read_unseen
from tui.domain.errors import Refused
from tui.domain.secret import parse_secret, signing_key
from tui.store.errors import CannotOpen

if TYPE_CHECKING:
    from tui.delivery.verification import Verifier
    from tui.receiver import Received

_VENDORS = (
    "slack",
    "teams",
    "discord",
    "google-chat",
    "mattermost",
    "telegram",
    "pagerduty",
    "opsgenie",
    "ntfy",
    "cloudevents",
    "splunk-hec",
    "generic",
    "grafana-irm",
    "ocsf",
)
"""Written here, so that --help imports no server; a test compares them with `serving.vendors`."""


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8081,
    metavar="PORT",
    help="Listen on this port. 0: any free port. Default: 8081.",
)
@click.option(
    "--host", default="127.0.0.1", metavar="ADDRESS", help="Listen on this address. Default: 127.0.0.1."
)
@click.option(
    "--status",
    type=click.IntRange(200, 599),
    metavar="STATUS",
    help="Respond with this status. With --as, to valid requests only. Default: 200, or the vendor's.",
)
@click.option("--body", help="Respond with this body. Default: success, or the vendor's.")
@click.option(
    "--as",
    "vendor",
    type=click.Choice(_VENDORS),
    metavar="VENDOR",
    help="Check requests against the limits of a vendor and respond as it does: slack, teams, discord,"
    " pagerduty, telegram or another shape. With --fail, respond 429 in its way.",
)
@click.option(
    "--delay",
    type=click.FloatRange(0, 3600),
    default=0,
    metavar="SECONDS",
    help="Wait before each response. Default: 0 s.",
)
@click.option(
    "--fail",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Respond 503 to the first N requests. Default: 0.",
)
@click.option(
    "--retry-after",
    type=click.IntRange(0),
    metavar="SECONDS",
    help="Send this Retry-After header with every response that is not 2xx.",
)
@click.option(
    "--secret",
    metavar="SECRET",
    help="Verify signatures with this secret: whsec_…, env:NAME, file:PATH or - (a prompt or a pipe). Respond"
    " 401 to requests that fail.",
)
def receive(
    port: int,
    host: str,
    status: int | None,
    body: str | None,
    vendor: str | None,
    delay: float,
    fail: int,
    retry_after: int | None,
    secret: str | None,
) -> None:
    """Run a test receiver that prints every request, until Ctrl-C.

    \b
    tocsin receive --fail 2 --retry-after 5
    tocsin receive --as slack
    tocsin destination add try http://127.0.0.1:8081
    """
    from tui import receiver, serving

    behaviour = receiver.Behaviour(
        status, body, delay, fail_first=fail, retry_after=retry_after, vendor=vendor or ""
    )
    app = receiver.build_app({"/": behaviour}, _print, _verifier(secret))
    try:
        sock = serving.bind(host, port)
    except OSError as error:
        raise CannotOpen(_explain(error, host, port)) from None
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{sock.getsockname()[1]}"
    # Printed only once Ctrl-C is handled: raised as an exception during an import, it could get lost.
    serving.serve(sock, app, announce=lambda: say(f"listening on {url} (press Ctrl-C to stop)"))


def _verifier(given: str | None) -> "Verifier | None":
    """Return the verifier for this secret. Raises Invalid, or Refused if a reference cannot be read."""
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
    except OSError:  # stdout is closed: nobody would see further requests
        signal.raise_signal(signal.SIGTERM)


def _explain(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} is in use; choose another with --port"
        case errno.EACCES:
            return f"no permission to use port {port}; choose 1024 or higher with --port"
    return f"cannot listen on {host}:{port}: {error.strerror or error}"
