"""Prometheus Alertmanager sends to `tocsin dispatch --listen`, as in docs/integrations.md."""

import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.drills.installation import Installation, eventually
from tests.drills.receiver import Receiver

TOKEN = "0123456789abcdef0123456789abcdef"
REFUSED = "alertmanager_notification_requests_failed_total"
BINARY, TOOL = "prometheus-alertmanager", "amtool"
CONFIGURATION = """
route:
  receiver: tocsin
  group_by: [cluster]
  group_wait: 100ms
  group_interval: 1s
  repeat_interval: 1s
receivers:
  - name: tocsin
    webhook_configs:
      - url: {url}
        send_resolved: true
        http_config:
          authorization:
            credentials_file: {token}
"""

pytestmark = [
    pytest.mark.skipif(
        shutil.which(BINARY) is None, reason=f"Debian's {BINARY} is not here: apt-get install {BINARY}"
    ),
    pytest.mark.parametrize("engine", ["sqlite"], indirect=True),
]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@dataclass
class Alertmanager:
    url: str
    log: Path
    home: Path

    def fire(self, name: str, *labels: str, summary: str = "", ended: bool = False) -> None:
        """Add an alert with `amtool`, firing or resolved."""
        end = [f"--end={datetime.now(UTC).isoformat()}"] if ended else []
        about = [f"--annotation=summary={summary}"] if summary else []
        command = [TOOL, f"--alertmanager.url={self.url}", "alert", "add", *end, *about, name, *labels]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home)}
        subprocess.run(command, check=True, env=environment)

    def notified(self, what: str = "alertmanager_notifications_total") -> int:
        """Return the number of notifications to webhooks, or with `…_failed_total` of failures."""
        with urlopen(f"{self.url}/metrics") as answer:
            text = answer.read().decode()
        found = re.findall(rf'^{what}{{[^}}]*integration="webhook"[^}}]*}} (\d+)', text, re.MULTILINE)
        return sum(map(int, found))

    def said(self) -> str:
        return self.log.read_text()[-2000:]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def alertmanager(tmp_path: Path, port: int) -> Iterator[Alertmanager]:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    configuration = tmp_path / "alertmanager.yml"
    configuration.write_text(CONFIGURATION.format(url=f"http://127.0.0.1:{port}/alerts", token=token))
    address, log = f"127.0.0.1:{free_port()}", tmp_path / "alertmanager.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [
                BINARY,
                f"--config.file={configuration}",
                f"--storage.path={tmp_path / 'alertmanager'}",
                f"--web.listen-address={address}",
                "--cluster.listen-address=",
            ],
            stdout=said,
            stderr=said,
        )
    peer = Alertmanager(f"http://{address}", log, tmp_path)
    try:
        eventually(lambda: "Listening on" in peer.said() or process.poll() is not None, peer.said)
        if "alertmanager/default.tmpl: no such file" in peer.said():  # unpacked, not installed
            pytest.skip(f"Debian's {BINARY} reads a template from /usr/share: apt-get install {BINARY}")
        assert process.poll() is None, peer.said()
        yield peer
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def listening(installation: Installation, receiver: Receiver, port: int) -> Callable[[], None]:
    """Start the dispatcher that Alertmanager sends to."""
    installation.add_destination("soc", receiver.url)
    installation.environment["TOCSIN_LISTEN_TOKEN"] = TOKEN

    def listen() -> None:
        installation.start("dispatch", "--listen", f"127.0.0.1:{port}").wait_until_said(
            "receiving alerts at "
        )

    return listen


def shown(installation: Installation) -> list[tuple[str, str]]:
    return sorted(installation.sql("SELECT title, severity FROM alert"))


def test_firing_resolved_and_repeated_alerts_are_stored_once_each(
    installation: Installation, receiver: Receiver, alertmanager: Alertmanager, listening: Callable[[], None]
):
    listening()
    disk = ("DiskAlmostFull", "instance=db-3", "severity=critical", "cluster=a")
    alertmanager.fire(*disk, summary="Disk of db-3 almost full")
    eventually(lambda: len(receiver.requests) == 1, alertmanager.said)
    sent = alertmanager.notified()
    eventually(lambda: alertmanager.notified() >= sent + 2, alertmanager.said)
    assert shown(installation) == [("Disk of db-3 almost full", "CRITICAL")], "what it repeats is stored once"

    # Two more in the group, so that one request brings three.
    alertmanager.fire("DiskAlmostFull", "instance=db-4", "severity=warning", "cluster=a")
    alertmanager.fire("host=web-1", "cluster=a")
    eventually(lambda: len(receiver.requests) == 3, alertmanager.said)
    alertmanager.fire(*disk, summary="Disk of db-3 almost full", ended=True)
    eventually(lambda: len(receiver.requests) == 4, alertmanager.said)

    assert shown(installation) == [
        ("Disk of db-3 almost full", "CRITICAL"),
        ("DiskAlmostFull", "MEDIUM"),
        ("Resolved: Disk of db-3 almost full", "INFO"),
        ("cluster=a, host=web-1", "MEDIUM"),
    ]
    assert alertmanager.notified("alertmanager_notifications_failed_total") == 0
    installation.wait_until_all_delivered()
    assert set(receiver.by_alert.values()) == {1}
    found = json.loads(installation.run("alert", "list", "--filter", "tag:resolved", "--json"))
    assert [alert["title"] for alert in found] == ["Resolved: Disk of db-3 almost full"]


def test_alerts_that_fire_during_an_outage_arrive_later(
    installation: Installation, receiver: Receiver, alertmanager: Alertmanager, listening: Callable[[], None]
):
    alertmanager.fire("Early", "cluster=a")
    eventually(lambda: "connection refused" in alertmanager.said(), alertmanager.said)
    listening()
    eventually(lambda: [title for title, _ in shown(installation)] == ["Early"], alertmanager.said)

    refused = alertmanager.notified(REFUSED)
    with closing(sqlite3.connect(installation.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        alertmanager.fire("While it is locked", "cluster=b")
        eventually(lambda: alertmanager.notified(REFUSED) > refused, alertmanager.said)
    eventually(lambda: len(shown(installation)) == 2, alertmanager.said)
    installation.wait_until_all_delivered()
    assert set(receiver.by_alert.values()) == {1}
