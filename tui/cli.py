"""The `tocsin` command: global options, subcommands, and the one place that turns errors into messages.

This is the composition root: with the commands, it alone wires store, dispatcher and app together.
"""

import importlib
import io
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import click
from click.core import ParameterSource

from tui import __version__, config
from tui.commands.shared.console import tell
from tui.commands.shared.session import Session
from tui.domain.errors import Invalid, Refused, Unknown
from tui.logs import first_line
from tui.store.errors import CannotOpen, StoreUnavailable

_GLOBAL_OPTIONS = ("--db", "--config", "--log", "--network-policy", "--network-allow")
DONE, FAILED, USAGE, CANNOT_START = 0, 1, 2, 3

_COMMANDS = {
    "demo": "demo.command",
    "send": "send",
    "route": "route",
    "watch": "watch",
    "dispatch": "dispatch",
    "receive": "receive",
    "destination": "destination.command",
    "alert": "alert.command",
    "shape": "shape",
    "token": "token",
    "db": "db",
}
"""Each command's module below `tui.commands`, in the order that help lists them."""


class LazyGroup(click.Group):
    """A group that imports a command's module only when the command runs or help lists it."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"tui.commands.{_COMMANDS[cmd_name]}")
        return getattr(module, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:  # click suggests only commands that are imported
            name = error.command_name
            raise click.exceptions.NoSuchCommand(name, possibilities=_COMMANDS, ctx=ctx) from None


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"auto_envvar_prefix": "TOCSIN", "help_option_names": ["-h", "--help"]},
    epilog=(
        "Give these options before the command. Every option can also be set with an environment variable, "
        "like TOCSIN_DB, or TOCSIN_SEND_TITLE for the option of a command. Exit codes: 0 success, 1 failed "
        "or not found, 2 usage error, 3 could not start."
    ),
)
@click.option(
    "--db",
    metavar="PATH|URL",
    envvar="TOCSIN_DB",
    help="Database: a file, or postgresql://USER@HOST/NAME. Default: a file in your data directory.",
)
@click.option(
    "--config",
    "config_file",
    metavar="FILE",
    envvar="TOCSIN_CONFIG",
    help="Configuration file. Default: config.toml in your configuration directory, if it exists.",
)
@click.option(
    "--log", metavar="FILE", envvar="TOCSIN_LOG", help="Log file. Default: in your state directory."
)
@click.option(
    "--no-dispatch", is_flag=True, help="Open the app without delivering, beside `tocsin dispatch`."
)
@click.option(
    "--read-only",
    is_flag=True,
    help="Open the app without delivering or changing anything. A role that may only SELECT is enough.",
)
@click.option(
    "--listen",
    metavar="HOST:PORT",
    envvar="TOCSIN_LISTEN",
    help="Receive alerts over HTTP (POST /alerts) while the app is open.",
)
@click.option(
    "--network-policy",
    metavar="local|public",
    envvar="TOCSIN_NETWORK_POLICY",
    help="Networks that alerts may be sent to: private ones too, or only public ones. Default: local.",
)
@click.option(
    "--network-allow",
    metavar="NETWORKS",
    envvar="TOCSIN_NETWORK_ALLOW",
    help="Allow these networks and addresses as well. Separate several with commas.",
)
@click.version_option(__version__, prog_name="tocsin")
@click.pass_context
def cli(
    ctx: click.Context,
    db: str | None,
    config_file: str | None,
    log: str | None,
    no_dispatch: bool,
    read_only: bool,
    listen: str | None,
    network_policy: str | None,
    network_allow: str | None,
) -> None:
    """Deliver security alerts to webhooks and never lose one.

    Without a command, tocsin opens the app.

    \b
    tocsin demo                          # try the app on sample alerts
    tocsin destination add soc URL       # add a destination
    tocsin send --title "Root login"     # queue an alert
    tocsin dispatch                      # deliver without the app
    """
    session = Session(
        partial(
            config.load,
            db=db,
            file=config_file,
            log=log,
            listen=listen,
            network_policy=network_policy,
            network_allow=network_allow,
        )
    )
    ctx.obj = session
    if read_only and ctx.get_parameter_source("read_only") is ParameterSource.COMMANDLINE:
        if ctx.invoked_subcommand is not None:
            raise click.UsageError("--read-only is for the app, not for a command", ctx)
        if ctx.get_parameter_source("listen") is ParameterSource.COMMANDLINE:
            raise click.UsageError("--read-only cannot receive alerts; leave out --listen", ctx)
    if ctx.invoked_subcommand is None:
        from tui.commands.app import open_app

        open_app(session, dispatching=not no_dispatch, read_only=read_only)


def main() -> NoReturn:
    """Run the command line and exit.

    Exit codes: 0 success, 1 failed or not found, 2 usage error, 3 could not start.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # where ✓ cannot be encoded, print \u2713
    try:
        _check_encoding()
        code: Any = cli.main(standalone_mode=False, prog_name="tocsin")
        if sys.stdout is not None:
            sys.stdout.flush()
    except click.exceptions.Exit as exit:
        code = exit.exit_code
    except click.UsageError as error:
        code = _fail(USAGE, _wrong_use(error))
    except Unknown as error:  # a missing name is a failure, not a usage error
        code = _fail(FAILED, error.message)
    except Invalid as error:
        code = _fail(USAGE, error.message)
    except (Refused, StoreUnavailable) as error:
        code = _fail(FAILED, str(error))
    except CannotOpen as error:
        code = _fail(CANNOT_START, str(error))
    except (click.Abort, KeyboardInterrupt):
        code = 130
    except OSError as error:
        # Flushing the rest would only raise again at exit.
        if sys.stdout is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        gone = isinstance(error, BrokenPipeError)  # the reader stopped, as in `tocsin alert list | head`
        code = FAILED if gone else _fail(FAILED, f"cannot write the output: {error.strerror}")
    except Exception as error:
        code = _fail(FAILED, _bug(error))
    sys.exit(code if isinstance(code, int) else DONE)


def _wrong_use(error: click.UsageError) -> str:
    """Say what is wrong with the command line and how to fix it."""
    command = error.ctx.command_path if error.ctx else "tocsin"
    if isinstance(error, click.NoSuchOption) and error.option_name in _GLOBAL_OPTIONS:
        option, words = error.option_name, command.partition(" ")[2]
        return f"{option} comes before the command: tocsin {option} … {words}"
    if isinstance(error, click.NoSuchOption | click.exceptions.NoSuchCommand) and error.possibilities:
        return f"{error.message.rstrip('.')}; did you mean {error.possibilities[0]}?"
    message = error.format_message()
    if variable := _variable_of(error):
        message = f"Invalid value for {variable}: {error.message}"
    for name, plain in _NUMBERS.items():
        message = message.replace(name, plain)
    return f"{message.rstrip('.')}; see `{command} --help`"


_NUMBERS = {"not a valid float range": "not a number", "not a valid integer range": "not a whole number"}


def _variable_of(error: click.UsageError) -> str:
    """Return the environment variable that holds the bad value, or "" if it came from an option."""
    if not isinstance(error, click.BadParameter) or error.ctx is None or not error.param:
        return ""
    source = error.ctx.get_parameter_source(error.param.name or "")
    if source is not ParameterSource.ENVIRONMENT:
        return ""
    return f"{error.ctx.auto_envvar_prefix}_{error.param.name}".upper()


def _bug(error: Exception) -> str:
    """Say what failed and where in Tocsin. No values: they may contain secrets."""
    from traceback import extract_tb

    root = Path(__file__).parent
    ours = [frame for frame in extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(root)]
    place = f"{Path(ours[-1].filename).relative_to(root.parent)}:{ours[-1].lineno}" if ours else "Tocsin"
    return f"internal error (a bug) in {place}: {type(error).__name__}: {first_line(error)}"


def _check_encoding() -> None:
    """Raise Invalid if an argument or a TOCSIN_ variable is not UTF-8: no code below expects such text."""
    given = [(f"argument {place}", word) for place, word in enumerate(sys.argv[1:], start=1)]
    given += [(name, value) for name, value in os.environ.items() if name.startswith("TOCSIN_")]
    for where, text in given:
        if any("\udc80" <= character <= "\udcff" for character in text):  # how Python decodes such bytes
            raise Invalid("", f"{where} is not UTF-8 text")  # do not quote it: it may be a secret


def _fail(code: int, message: str) -> int:
    tell(f"tocsin: {message}")
    return code
