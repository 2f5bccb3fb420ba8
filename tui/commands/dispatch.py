"""`tocsin dispatch`: deliver without the interface, as a service or until all is done."""

import click

from tui.commands.session import Session, run_dispatcher, tell


@click.command()
@click.option("--drain", is_flag=True, help="Exit once nothing is scheduled or in flight.")
@click.option(
    "--grace",
    type=click.FloatRange(0, 3600),
    default=30,
    show_default=True,
    help="Seconds that what is in flight has to end when told to stop.",
)
@click.pass_obj
def dispatch(session: Session, drain: bool, grace: float) -> None:
    """Deliver what is queued, without the interface.

    Logs a line for every attempt to stderr and to the log file. SIGTERM and Ctrl-C claim no more and
    let what is in flight end; a second one stops at once. Any number of these may share a database.
    """
    from tui.store import queries

    with session.store(log_to_stderr=True) as store:
        tell(f"delivering from {store.strategy.shown}" + ("" if drain else "; Ctrl-C to stop"))
        if not run_dispatcher(store, session.config, grace_s=grace, until_empty=drain):
            raise click.exceptions.Exit(1)
        left = store.read(queries.summary).result()
        if left.waiting:
            tell(f"{left.waiting} deliveries still wait, for a later time or a paused destination")
