"""A PostgreSQL server stops, crashes or cuts connections while dispatchers share it: nothing is lost."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from signal import SIGCONT, SIGSTOP, SIGTERM
from typing import Any

import pytest

from tests.conftest import create_database, start_postgres
from tests.drills.conftest import assert_nothing_lost
from tests.drills.installation import Installation, eventually, names
from tests.drills.outage import CAP, RECOVERED, TROUBLE, assert_send_is_refused, ride_out
from tests.drills.receiver import Receiver

PASSWORD = "hunter2"
NO_ANSWER = "the database server does not answer"
SOON_SILENT = {"DRILL_SILENCE_S": "0.5", "DRILL_POLL_S": "0.1"}


class Server:
    """A PostgreSQL server for these drills, with fsync on."""

    def __init__(self) -> None:
        self._server = start_postgres()

    def new_database(self) -> str:
        """Create a database. Return its URL, with a password that the server does not check."""
        return create_database(self._server.get_uri()).replace("@", f":{PASSWORD}@", 1)

    @contextmanager
    def down(self, mode: str) -> Iterator[None]:
        """Stop the server with `pg_ctl -m`: `fast` closes connections, `immediate` is a crash."""
        subprocess.run(
            [self._server.bin_path / "pg_ctl", "-w", "-D", self._server.pgdata, "-m", mode, "stop"],
            user=self._server.system_user,
            cwd="/",
            stdout=subprocess.DEVNULL,
            check=True,
        )
        try:
            yield
        finally:
            self._server.ensure_postgres_running()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Freeze the server, as a hanging disk does: it is silent, and its connections stay open."""
        first = (self._server.pgdata / "postmaster.pid").read_text().split()[0]
        others = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        processes = [int(process) for process in (first, *others)]
        for process in processes:
            os.kill(process, SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                os.kill(process, SIGCONT)

    def close(self) -> None:
        self._server.cleanup()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def installation(server: Server, tmp_path: Path) -> Iterator[Installation]:
    installation = Installation("postgresql", tmp_path, server.new_database())
    yield installation
    installation.close()
    written = [installation.log, *tmp_path.glob("*.stderr")]
    assert [file for file in written if PASSWORD in file.read_text()] == []


def cut_connections(installation: Installation) -> None:
    """Cut all connections of `tocsin` to the server."""
    installation.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


# --- the server goes away


def drill_down(
    installation: Installation, receiver: Receiver, fault: AbstractContextManager[None], **lasting: Any
) -> str:
    alerts = names("alert", 3 * CAP)
    return ride_out(
        installation, receiver, fault, alerts=alerts, reason=NO_ANSWER, refusals=(NO_ANSWER,), **lasting
    )


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_restart_of_the_server_loses_nothing(
    installation: Installation, receiver: Receiver, server: Server, report: Callable[[str], None], mode: str
):
    report(drill_down(installation, receiver, server.down(mode)))


@pytest.mark.long
def test_half_a_minute_of_downtime_loses_nothing(
    installation: Installation, receiver: Receiver, server: Server, report: Callable[[str], None]
):
    report(drill_down(installation, receiver, server.down("immediate"), lasting=lambda: time.sleep(30)))


def test_a_dispatcher_stopped_while_the_server_is_down_reports_unrecorded_answers(
    installation: Installation, receiver: Receiver, server: Server
):
    alerts = names("alert", CAP)
    installation.add_destination("soc", receiver.url, timeout_s=120)
    receiver.may_answer.clear()
    installation.queue(alerts)
    dispatcher = installation.dispatcher("--grace", "0.3")
    receiver.wait_for_requests(CAP)

    with server.down("immediate"):
        receiver.may_answer.set()
        dispatcher.wait_until_said(TROUBLE)
        dispatcher.signal(SIGTERM)
        assert dispatcher.exit_code() == 1

    assert f"stopped with {CAP} answers not recorded" in dispatcher.said()
    installation.let_leases_run_out()
    installation.run("dispatch", "--drain")
    assert_nothing_lost(installation, receiver, alerts)


def test_a_frozen_server_loses_nothing(
    installation: Installation, receiver: Receiver, server: Server, report: Callable[[str], None]
):
    installation.environment |= SOON_SILENT
    silent = "the database does not answer"
    alerts = names("alert", 3 * CAP)
    told = ride_out(
        installation, receiver, server.frozen(), alerts=alerts, reason=silent, refusals=(NO_ANSWER,), sends=1
    )
    report(told)


def test_a_dispatcher_stops_while_the_server_is_frozen(installation: Installation, server: Server):
    installation.environment |= SOON_SILENT
    dispatcher = installation.dispatcher("--grace", "0.1")
    with server.frozen():
        dispatcher.wait_until_said(TROUBLE)
        dispatcher.signal(SIGTERM)
        assert dispatcher.exit_code() == 1
    assert NO_ANSWER in dispatcher.said()


def test_connections_cut_repeatedly_under_load_lose_nothing(
    installation: Installation, receiver: Receiver, report: Callable[[str], None]
):
    alerts, cuts, between = names("alert", 600), 8, 3 * CAP
    receiver.latency_s = 0.02
    # A claim may be committed and the word of it cut off: it is made again when its lease has run out.
    installation.add_destination("soc", receiver.url, timeout_s=10)
    installation.queue(alerts)
    dispatcher = installation.dispatcher()

    for _ in range(cuts):
        receiver.wait_for_requests(between)  # more than were in flight: it claims again
        cut_connections(installation)

    installation.wait_until_all_delivered()
    # A connection cut between two transactions is opened anew and nothing is said.
    assert dispatcher.said().count(TROUBLE) == dispatcher.said().count(RECOVERED) <= cuts
    assert set(receiver.by_alert.values()) == {1}, "results were kept, nothing was sent again"
    assert "late answer ignored" not in dispatcher.said(), "it knows what it had recorded before the cut"
    report(f"{cuts} cuts, {assert_nothing_lost(installation, receiver, alerts)}")


def test_send_reports_in_one_sentence_that_the_server_is_down(installation: Installation, server: Server):
    installation.run("db", "migrate")

    with server.down("fast"):
        done = installation.ask("send", "--title", "Root login")
        assert_send_is_refused(installation, (NO_ANSWER,))

    assert done.returncode == 3
    assert done.stderr.startswith("tocsin: cannot open the database postgresql://")
    assert done.stderr.endswith(f": {NO_ANSWER}\n")
    assert PASSWORD not in done.stderr
    assert installation.count("alert") == 0


def test_the_server_of_the_drills_keeps_commits(installation: Installation):
    installation.run("db", "migrate")
    assert installation.ask("db", "check").stderr == "", "no caveat: fsync is on"


# --- several dispatchers


def test_a_second_dispatcher_doubles_what_is_in_flight(
    installation: Installation, receiver: Receiver, report: Callable[[str], None]
):
    alerts = names("alert", 1000)
    receiver.latency_s = 0.3
    installation.add_destination("soc", receiver.url, timeout_s=120)
    installation.queue(alerts)
    dispatchers = [installation.dispatcher()]
    receiver.wait_for_requests(4 * CAP)
    alone = receiver.peak

    dispatchers.append(installation.dispatcher())

    eventually(lambda: receiver.peak == 2 * CAP, lambda: f"at most {receiver.peak} at once")
    receiver.wait_for_requests(4 * CAP)
    receiver.latency_s = 0.0
    installation.wait_until_all_delivered()
    for dispatcher in dispatchers:
        dispatcher.signal(SIGTERM)
        assert dispatcher.exit_code() == 0
    assert (alone, receiver.peak) == (CAP, 2 * CAP)
    assert set(receiver.by_alert.values()) == {1}, "nothing was claimed twice"
    report(f"at once {alone}, then {receiver.peak}; {assert_nothing_lost(installation, receiver, alerts)}")


# --- how a dispatcher hears of an alert


def send_one_after_the_other(installation: Installation, alerts: list[str]) -> None:
    """Send alerts one by one from this process, not the dispatcher's."""
    for alert in alerts:
        installation.queue([alert])
        installation.wait_until_all_delivered()


def test_an_alert_of_another_process_reaches_a_waiting_dispatcher_by_notification(
    installation: Installation, receiver: Receiver
):
    installation.environment["DRILL_POLL_S"] = "3600"  # nothing else tells it
    installation.add_destination("soc", receiver.url)
    installation.dispatcher()

    send_one_after_the_other(installation, names("alert", 3))

    assert_nothing_lost(installation, receiver, names("alert", 3))


def test_notifications_resume_after_the_listening_connection_was_cut(
    installation: Installation, receiver: Receiver
):
    installation.environment["DRILL_POLL_S"] = "3600"
    installation.add_destination("soc", receiver.url)
    installation.dispatcher()
    send_one_after_the_other(installation, ["before"])

    cut_connections(installation)

    send_one_after_the_other(installation, ["after", "later"])
    assert_nothing_lost(installation, receiver, ["before", "after", "later"])


def test_an_alert_with_a_lost_notification_is_found_by_polling(
    installation: Installation, receiver: Receiver
):
    installation.add_destination("soc", receiver.url)
    installation.dispatcher()
    for table in ("alert", "destination", "delivery", "attempt"):
        installation.sql(f"DROP TRIGGER {table}_changed ON {table}")

    send_one_after_the_other(installation, ["root-login"])

    assert_nothing_lost(installation, receiver, ["root-login"])
