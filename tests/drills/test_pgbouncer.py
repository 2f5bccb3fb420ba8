"""Behind PgBouncer in transaction mode, each transaction may run in another session of the server."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from signal import SIGTERM

import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.conftest import new_database
from tests.drills.conftest import assert_nothing_lost
from tests.drills.installation import Installation, eventually, names
from tests.drills.receiver import Receiver

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")


@pytest.fixture(params=["", "options"], ids=["that refuses options", "that ignores options"])
def bouncer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a new database behind PgBouncer with one session for all."""
    if PGBOUNCER is None:
        pytest.skip("needs pgbouncer")
    url = new_database("postgresql", tmp_path)
    server = conninfo_to_dict(url)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    shared = tempfile.mkdtemp(prefix="tocsin-pgbouncer-")
    Path(shared).chmod(0o755)  # PgBouncer does not run as root
    settings = Path(shared) / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\n* = host={server['host']} user={server['user']}\n[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\npool_mode = transaction\n"
        f"unix_socket_dir =\ndefault_pool_size = 3\nignore_startup_parameters = {request.param}\n"
    )
    settings.chmod(0o644)
    user = Path(str(server["host"])).owner()
    libraries = next(Path(PGBOUNCER).parents[1].glob("lib/*-linux-gnu"), Path("/none"))
    running = subprocess.Popen(
        [PGBOUNCER, "-q", *(["-u", user] if os.geteuid() == 0 else []), str(settings)],
        env={"LD_LIBRARY_PATH": str(libraries)},
        stderr=subprocess.DEVNULL,
    )

    def is_up() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    eventually(is_up, lambda: f"pgbouncer does not listen: {running.poll()}")
    yield f"postgresql://{server['user']}@127.0.0.1:{port}/{server['dbname']}"
    running.terminate()
    running.wait()
    shutil.rmtree(shared)


@pytest.fixture
def installation(bouncer: str, tmp_path: Path) -> Iterator[Installation]:
    installation = Installation("postgresql", tmp_path, bouncer)
    yield installation
    installation.close()


def test_alerts_are_delivered_through_pgbouncer(installation: Installation, receiver: Receiver):
    installation.environment["DRILL_POLL_S"] = "3600"  # only the change notice tells of new alerts
    installation.add_destination("soc", receiver.url)
    dispatchers = [installation.dispatcher(), installation.dispatcher()]
    sent: list[str] = []
    for number in range(12):  # psycopg prepares a statement that has run five times
        new = names(f"alert-{number}", 4)
        installation.queue(new)
        sent += new
        receiver.wait_for_requests(len(new))
    installation.wait_until_all_delivered()

    for dispatcher in dispatchers:
        dispatcher.signal(SIGTERM)
        assert dispatcher.exit_code() == 0, dispatcher.said()
        assert "cannot record" not in dispatcher.said()
    assert_nothing_lost(installation, receiver, sent)
