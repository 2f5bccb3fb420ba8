"""`tocsin dispatch`: deliver without the app, as a service or until nothing is pending."""

from dataclasses import replace

import click

from tui.commands.shared.console import tell
from tui.commands.shared.session import Session, check_way_out, run_dispatcher
from tui.config import parse_address


@click.command()
@click.option("--drain", is_flag=True, help="Exit once no delivery is pending or in flight.")
@click.option(
    "--grace",
    type=click.FloatRange(0, 3600),
    default=30,
    metavar="SECONDS",
    help="Wait this long for requests in flight when stopping. Default: 30 s.",
)
@click.option("--listen", metavar="HOST:PORT", help="Receive alerts over HTTP (POST /alerts).")
@click.pass_obj
def dispatch(session: Session, drain: bool, grace: float, listen: str | None) -> None:
    """Deliver queued alerts without the app.

    \b
    tocsin dispatch
    tocsin dispatch --listen 127.0.0.1:8080
    tocsin dispatch --drain

    Every attempt is logged to stderr and to the log file. SIGTERM or Ctrl-C starts no new request and
    waits for those in flight; a second signal stops at once. Several dispatchers may share a database.
    With --drain, a signal before the end exits with code 1.
    """
    from tui.store.reading import queries

    config = replace(session.config, listen=parse_address(listen)) if listen else session.config
    if listen and drain:
        raise click.UsageError(
            "--drain exits when nothing is pending, but --listen runs until stopped; give only one of them"
        )
    check_way_out(config)
    # --drain must not create a database, nor wait for write permission that never comes.
    with session.store(create=not drain, log_to_stderr=True) as store:
        if drain:
            store.check_writable()
        told = f"delivering from {store.strategy.shown}" + ("" if drain else "; press Ctrl-C to stop")
        if not run_dispatcher(store, config, grace_s=grace, until_empty=drain, endpoint=not drain, told=told):
            if drain:
                tell("stopped before everything was delivered")
            raise click.exceptions.Exit(1)
        left = store.read(queries.summary).result()
        if count := left.waiting + left.retrying:
            pending = "1 delivery is" if count == 1 else f"{count} deliveries are"
            tell(f"{pending} still pending: scheduled for later, or the destination is paused")
