"""The commands of each page are run from top to bottom, as a reader would, in a home of their own.

A line is skipped if it needs more than this machine (`sudo`, `git`, a package manager …) or opens the app.
`test_commands.py` still checks the options in it. A command that runs until it is stopped runs in the
background until the end of the page, and must not end before.
"""

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.docs import pages, shell
from tui.serving import bind

NOT_HERE = {"git", "pip", "pipx", "uv", "sudo", "systemctl", "journalctl", "alias", "aws", "node"}
"""Programs that change the machine, or that it may not have."""
NOT_RUN = {
    "#!/bin/sh": "a script for Wazuh's integrator",
    "export TOCSIN_DB=postgresql://": "needs a PostgreSQL server at db.example.com",
}
"""Blocks that contain this text, with the reason."""
GENERATED = {"docs/commands.md"}

RECEIVER = "tocsin receive --port 8081"
ENDPOINT = "tocsin dispatch --listen 127.0.0.1:8808"
DESTINATIONS = "\n".join(f"tocsin destination add {name} http://127.0.0.1:8081" for name in ("soc", "pager"))
TOKEN = "TOKEN=$(tocsin token add walk | grep -o 'tcs_[A-Za-z0-9_-]*' | head -1)"
FAILED = """
tocsin destination add pager http://127.0.0.1:8081 --secret generate
tocsin send --title "It fails"
TOCSIN_RETRY_DELAYS=0.01 tocsin dispatch --drain
tocsin receive --port 8081
"""
BEFORE = {
    "README.md": "tocsin db migrate",
    "docs/destinations.md": DESTINATIONS,
    "docs/integrations.md": f"{ENDPOINT}\n{TOKEN}",
    "docs/on-call.md": FAILED,
    "docs/receivers.md": RECEIVER,
    "docs/sending.md": f"{RECEIVER}\n{DESTINATIONS}",
    "docs/service.md": f"{RECEIVER}\n{ENDPOINT}",
}
"""What a page takes for granted."""

BEGIN = r"""
set -euo pipefail
until_open() {
    for _ in {1..600}; do (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return; sleep 0.1; done
    return 1
}
newest() {
    tocsin alert list --json | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)[0]["alertId"])'
}
"""
END = r"""
for started in $(jobs -p); do kill -0 "$started"; done
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with `tocsin` on its PATH, and the files that pages speak of."""
    tocsin = tmp_path / "bin" / "tocsin"
    for directory in ("bin", "backups", "var"):
        (tmp_path / directory).mkdir()
    tocsin.write_text(
        f'#!/bin/sh\nPYTHONPATH={pages.ROOT} exec {sys.executable} -m tui "$@"\n', encoding="utf-8"
    )
    tocsin.chmod(0o755)
    (tmp_path / "alerts.jsonl").write_text('{"title": "a"}\n{"title": "b", "severity": "HIGH"}\n')
    (tmp_path / "eve.json").write_text('{"event_type": "dns", "timestamp": "2026-01-31T09:30:00+0000"}\n')
    return tmp_path


def free_port() -> int:
    with bind("127.0.0.1", 0) as socket:
        return socket.getsockname()[1]


def adapted(script: str, home: Path, ports: dict[str, str]) -> str:
    """Put paths and ports of this test in place of those that the page shows."""
    for shown, ours in ports.items():
        script = script.replace(shown, ours)
    script = script.replace("/backups/", f"{home}/backups/")
    return re.sub(r"/var/[\w/.]+/", f"{home}/var/", script)


def step(line: str) -> str:
    """Return a line as the script runs it."""
    words_of_each = list(shell.simple_commands(line))
    if not words_of_each or any(_program(words) in NOT_HERE for words in words_of_each):
        return ""
    arguments = [shell.arguments_of_tocsin(words) for words in words_of_each]
    if any(given is not None and opens_the_app(given) for given in arguments):
        return ""
    line = re.sub(r"\bID\b", '"$(newest)"', line)
    if "tail" in map(_program, words_of_each) or any(given and runs_on(given) for given in arguments):
        port = re.search(r"(?:--port |:)(\d+)", line)
        wait = f"until_open {port[1]}" if port else ""
        return f"{{ {line.partition(' #')[0]}; }} >>background.log 2>&1 &\n{wait}"
    return line


def _program(words: list[str]) -> str:
    return next((word for word in words if "=" not in word), "")


def opens_the_app(arguments: list[str]) -> bool:
    return not any(word in {"--version", "--help"} or word.isalpha() for word in arguments)


def runs_on(arguments: list[str]) -> bool:
    return arguments[0] in {"receive", "watch"} or (arguments[0] == "dispatch" and "--drain" not in arguments)


def blocks_to_run(name: str) -> list[str]:
    texts = [block.text for block in pages.blocks(name, "sh")]
    return [text for text in texts if not any(sign in text for sign in NOT_RUN)]


WALKS = [name for name in pages.NAMES if name not in GENERATED and blocks_to_run(name)]


@pytest.mark.parametrize("name", WALKS)
def test_the_commands_of_a_page_work_in_order(name: str, home: Path) -> None:
    ports = {"8081": str(free_port()), "8808": str(free_port())}
    texts = [adapted(text, home, ports) for text in (BEFORE.get(name, ""), *blocks_to_run(name))]
    steps = [step(line) for text in texts for line in shell.lines(text)]
    script = "\n".join([BEGIN, "set -x", *filter(None, steps), END])
    walk = subprocess.Popen(
        ["bash", "-c", script],
        cwd=home,
        env={
            "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "PYTHON": sys.executable,
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # so that what runs in the background can be ended with it
    )
    try:
        said, _ = walk.communicate(f"http://127.0.0.1:{ports['8081']}\n", timeout=120)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(walk.pid, signal.SIGKILL)
        walk.wait()
    background = home / "background.log"
    assert walk.returncode == 0, said + (background.read_text() if background.exists() else "")


def test_every_block_that_is_not_run_is_still_in_the_documentation() -> None:
    every = "".join(block.text for name in pages.NAMES for block in pages.blocks(name, "sh"))
    assert [sign for sign in NOT_RUN if sign not in every] == []
    assert set(BEFORE) <= set(pages.NAMES)
