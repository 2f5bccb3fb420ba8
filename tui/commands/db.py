"""`tocsin db`: look after the database."""

import click

from tui.commands.session import Session, say, tell


@click.group(no_args_is_help=False)
def db() -> None:
    """Look after the database."""


@db.command()
@click.pass_obj
def check(session: Session) -> None:
    """Look for damage in the database.

    Prints each problem on a line of its own and exits 1 if there is one.
    """
    with session.store() as store:
        for caveat in store.caveats():
            tell(f"warning: {caveat}")
        problems = store.check()
        shown = store.strategy.shown
    for problem in problems:
        tell(f"tocsin: {problem}")
    if problems:
        raise click.exceptions.Exit(1)
    say(f"{shown} is sound")


@db.command()
@click.pass_obj
def migrate(session: Session) -> None:
    """Bring the database to the form this version of Tocsin needs.

    Every command does so as it starts; this one does nothing else and says what it did.
    """
    with session.store() as store:
        shown, migrated = store.strategy.shown, store.strategy.migrated
    say(f"{shown}: applied {', '.join(migrated)}" if migrated else f"{shown} is up to date")
