"""The command line: global options, the commands, and one place where every error becomes a line.

It is the composition root: the only place that wires store, dispatcher and app together.
"""

import importlib
import io
import os
import sys
from functools import partial
from typing import Any, NoReturn

import click

from tui import __version__, config
from tui.commands.session import Session, tell
from tui.domain.errors import Invalid, Refused
from tui.store.errors import CannotOpen, StoreUnavailable

DONE, FAILED, USAGE, CANNOT_START = 0, 1, 2, 3

_COMMANDS = {
    "demo": "demo",
    "send": "send",
    "watch": "watch",
    "dispatch": "dispatch",
    "receive": "receive",
    "destination": "destination",
    "alert": "alert",
    "db": "db",
}


class LazyGroup(click.Group):
    """Imports a command's module when it is called, or when help lists it."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"tui.commands.{_COMMANDS[cmd_name]}")
        return getattr(module, cmd_name)


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"auto_envvar_prefix": "TOCSIN", "help_option_names": ["-h", "--help"]},
)
@click.option(
    "--db",
    metavar="PATH|URL",
    envvar="TOCSIN_DB",
    help="The database: a file, or postgresql://USER@HOST/NAME. Default: in your data directory.",
)
@click.option("--config", "config_file", metavar="FILE", envvar="TOCSIN_CONFIG", help="A configuration file.")
@click.option("--log", metavar="FILE", envvar="TOCSIN_LOG", help="The log. Default: in your state directory.")
@click.option("--no-dispatch", is_flag=True, help="Only look: `tocsin dispatch` delivers beside the app.")
@click.option(
    "--listen",
    metavar="HOST:PORT",
    envvar="TOCSIN_LISTEN",
    help="Take alerts over HTTP, as POST /alerts, while the app is open.",
)
@click.version_option(__version__, prog_name="tocsin")
@click.pass_context
def cli(
    ctx: click.Context,
    db: str | None,
    config_file: str | None,
    log: str | None,
    no_dispatch: bool,
    listen: str | None,
) -> None:
    """Deliver security alerts to webhooks and never lose one.

    Without a command, opens the app.
    """
    session = Session(partial(config.load, db=db, file=config_file, log=log, listen=listen))
    ctx.obj = session
    if ctx.invoked_subcommand is None:
        from tui.commands.app import open_app

        open_app(session, dispatching=not no_dispatch)


def main() -> NoReturn:
    """The entry point. Exit codes: 0 done, 1 it failed, 2 wrong use, 3 could not start."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that cannot show ✓ shows \u2713
    try:
        _refuse_what_is_no_text()
        code: Any = cli.main(standalone_mode=False, prog_name="tocsin")
        if sys.stdout is not None:
            sys.stdout.flush()
    except click.exceptions.Exit as exit:
        code = exit.exit_code
    except click.UsageError as error:
        help_of = error.ctx.command_path if error.ctx else "tocsin"
        code = _fail(USAGE, f"{error.format_message().rstrip('.')}; see `{help_of} --help`")
    except Invalid as error:
        code = _fail(USAGE, error.message)
    except (Refused, StoreUnavailable) as error:
        code = _fail(FAILED, str(error))
    except CannotOpen as error:
        code = _fail(CANNOT_START, str(error))
    except (click.Abort, KeyboardInterrupt):
        code = 130
    except OSError as error:
        # Flushing what is left would only raise again at exit.
        if sys.stdout is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        gone = isinstance(error, BrokenPipeError)  # whoever read our output has read enough
        code = FAILED if gone else _fail(FAILED, f"cannot write the output: {error.strerror}")
    sys.exit(code if isinstance(code, int) else DONE)


def _refuse_what_is_no_text() -> None:
    """Bytes that are not UTF-8, in an argument or a variable of ours, stop here: nothing below takes them."""
    given = [(f"argument {place}", word) for place, word in enumerate(sys.argv[1:], start=1)]
    given += [(name, value) for name, value in os.environ.items() if name.startswith("TOCSIN_")]
    for where, text in given:
        if any("\udc80" <= character <= "\udcff" for character in text):  # how Python hands them to us
            raise Invalid("", f"{where} is not UTF-8 text")  # not which: it may be a secret


def _fail(code: int, message: str) -> int:
    tell(f"tocsin: {message}")
    return code
