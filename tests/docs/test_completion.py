"""Shell completion works as the README says."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs import pages

WORDS = {
    "bash": 'COMP_WORDS=(tocsin de); COMP_CWORD=1; _tocsin_completion tocsin; echo "${COMPREPLY[@]}"',
    "fish": "complete -C 'tocsin de'",
}


def test_the_readme_names_the_variable_of_every_shell() -> None:
    assert set(re.findall(r"_TOCSIN_COMPLETE=(\w+)_source", pages.read("README.md"))) == {
        "bash",
        "zsh",
        "fish",
    }


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_prints_a_script_for_the_shell(shell: str) -> None:
    assert "_tocsin_completion" in script(shell)


@pytest.mark.parametrize("shell", WORDS)
def test_the_shell_completes_a_command(shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    tocsin = tmp_path / "tocsin"
    tocsin.write_text(f'#!/bin/sh\nPYTHONPATH={pages.ROOT} exec {sys.executable} -m tui "$@"\n')
    tocsin.chmod(0o755)
    done = subprocess.run(
        [shell, "-c", f"{script(shell)}\n{WORDS[shell]}"],
        env=environment() | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert {"demo", "destination"} <= set(done.stdout.split())


def script(shell: str) -> str:
    command = [sys.executable, "-m", "tui"]
    variables = environment() | {"_TOCSIN_COMPLETE": f"{shell}_source"}
    done = subprocess.run(command, cwd=pages.ROOT, env=variables, capture_output=True, text=True, check=True)
    return done.stdout


def environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
