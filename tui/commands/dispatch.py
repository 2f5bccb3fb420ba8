"""`tocsin dispatch`: deliver without the interface, as a service or until all is done."""

from dataclasses import replace

import click

from tui.commands.shared.console import tell
from tui.commands.shared.session import Session, check_way_out, run_dispatcher
from tui.config import parse_address


@click.command()
@click.option("--drain", is_flag=True, help="Exit once nothing is scheduled or in flight.")
@click.option(
    "--grace",
    type=click.FloatRange(0, 3600),
    default=30,
    metavar="SECONDS",
    help="How long what is in flight has to end when told to stop. Default: 30.",
)
@click.option("--listen", metavar="HOST:PORT", help="Take alerts over HTTP, as POST /alerts.")
@click.pass_obj
def dispatch(session: Session, drain: bool, grace: float, listen: str | None) -> None:
    """Deliver what is queued, without the interface.

    Logs a line for every attempt to stderr and to the log file. SIGTERM and Ctrl-C claim no more and
    let what is in flight end; a second one stops at once. Any number of these may share a database.
    With --drain, being told to stop before all is delivered is a failure (exit code 1).
    """
    from tui.store.reading import queries

    config = replace(session.config, listen=parse_address(listen)) if listen else session.config
    if listen and drain:
        raise click.UsageError("--drain ends when all is delivered, and --listen goes on; give one of them")
    check_way_out(config)
    # Whoever waits for the end waits for no database to be made, nor for a right that does not come.
    with session.store(create=not drain, log_to_stderr=True) as store:
        if drain:
            store.check_writable()
        told = f"delivering from {store.strategy.shown}" + ("" if drain else "; Ctrl-C to stop")
        if not run_dispatcher(store, config, grace_s=grace, until_empty=drain, endpoint=not drain, told=told):
            if drain:
                tell("stopped before all was delivered")
            raise click.exceptions.Exit(1)
        left = store.read(queries.summary).result()
        if left.waiting:
            wait = "1 delivery still waits" if left.waiting == 1 else f"{left.waiting} deliveries still wait"
            tell(f"{wait}, for a later time or a paused destination")
