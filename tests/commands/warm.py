"""Run `tocsin` in a process of its own that need not import everything first.

Starting Python and importing what a command needs costs more than most commands do, and the tests run
thousands of them. `multiprocessing`'s fork server imports the modules once; each command then runs in
a process that it forks: with its own standard streams, environment, directory, signals and exit code.
"""

import io
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import DupFd
from typing import Any

PRELOADED = (
    "tui.cli",
    "tui.commands.send",
    "tui.commands.destination.command",
    "tui.commands.alert.command",
    "tui.commands.db",
    "tui.commands.token",
    "tui.delivery.background",
    "tui.intake.formats",
    "tui.store.outbox",
    "tui.store.reading.queries",
    "tui.store.engine.sqlite",
)

_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload([*PRELOADED])


def run(
    args: Sequence[str],
    *,
    input: bytes | None,
    env: Mapping[str, str],
    timeout: float,
    cwd: str | os.PathLike[str] | None = None,
    umask: int = -1,
) -> subprocess.CompletedProcess[bytes]:
    """Run `tocsin ARGS` to its end, as `subprocess.run` does with `capture_output`.

    Raises subprocess.TimeoutExpired when it takes longer than `timeout` seconds, after killing it.
    """
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        stdin.write(input or b"")
        stdin.seek(0)
        process = start(args, [file.fileno() for file in (stdin, out, err)], env=env, cwd=cwd, umask=umask)
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired([*args], timeout)
        code = process.exitcode
        process.close()
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess([*args], code, out.read(), err.read())


def start(
    args: Sequence[str],
    streams: Sequence[int],
    *,
    env: Mapping[str, str],
    cwd: str | os.PathLike[str] | None = None,
    umask: int = -1,
) -> BaseProcess:
    """Start `tocsin ARGS` with these file descriptors as standard input, output and error."""
    process = _server.Process(
        target=_child,
        args=([DupFd(number) for number in streams], [*args], dict(env), cwd and str(cwd), umask),
    )
    process.start()
    return process


def _child(streams: list[Any], args: list[str], env: dict[str, str], cwd: str | None, umask: int) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream.detach(), number)
    files = (os.fdopen(number, mode, closefd=False) for number, mode in enumerate(("rb", "wb", "wb")))
    sys.stdin, sys.stdout, sys.stderr = (
        io.TextIOWrapper(file, encoding="utf-8", errors=errors, line_buffering=errors == "backslashreplace")
        for file, errors in zip(
            files, ("surrogateescape", "surrogateescape", "backslashreplace"), strict=True
        )
    )
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    if cwd is not None:
        os.chdir(cwd)
    if umask >= 0:
        os.umask(umask)
    sys.argv = ["tocsin", *args]
    from tui.cli import main

    main()
