"""Files of Tocsin are private, whatever the umask, even if others could read them before."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from tests.commands.conftest import PATIENCE_S, TOCSIN, Completed, Tocsin, complaint
from tests.drills.terminal import Terminal

STATE, DATA = ".local/state/tocsin", ".local/share/tocsin"
FILES = {
    f"{DATA}/tocsin.db",
    f"{STATE}/log/tocsin.log",
    f"{STATE}/log/tocsin.log.1",
    f"{STATE}/kept.json",
    "copy.db",
}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077], ids=oct)
def test_files_and_directories_are_private_whatever_the_umask(tocsin: Tocsin, umask: int) -> None:
    home = tocsin.home / "home"
    home.mkdir()
    tocsin.environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "xterm-256color"}
    for args, given in (
        (("destination", "add", "soc", "http://127.0.0.1:1"), ""),
        (("send", "-"), '{"title": "x"}\n'),
        (("db", "backup", str(home / "copy.db")), ""),
    ):
        tocsin(*args, input=given, umask=umask)
    with (home / STATE / "log/tocsin.log").open("r+b") as log:
        log.truncate(11 * 1024 * 1024)  # and is put aside by the next
    umasked = ["sh", "-c", f'umask {umask:o}; exec "$@"', "sh", *TOCSIN]
    app = Terminal(umasked, tocsin.environment, (100, 30))
    app.sees("Alerts · 1")
    app.press("q")
    assert app.exit_code() == 0
    app.close()

    made = list(home.rglob("*"))
    assert {str(path.relative_to(home)) for path in made if path.is_file()} >= FILES
    assert [path for path in made if path.is_file() and mode(path) != 0o600] == []
    assert [path for path in made if path.is_dir() and mode(path) != 0o700] == []


@pytest.mark.parametrize(
    ("before", "after"), [(0o666, 0o660), (0o644, 0o640), (0o640, 0o640), (0o600, 0o600)]
)
def test_a_world_readable_database_or_log_is_made_private(tocsin: Tocsin, before: int, after: int) -> None:
    tocsin("destination", "add", "soc", "http://127.0.0.1:1")
    for path in (tocsin.database, tocsin.log):
        os.chmod(path, before)
    assert tocsin("destination", "list").returncode == 0
    assert {mode(path) for path in (tocsin.database, tocsin.log)} == {after}


@pytest.fixture
def stranger() -> int:
    """The id of another user. Needs the right to change the owner of files."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a link somebody else's")
    return 65534


@pytest.mark.parametrize("name", ["tocsin.db", "tocsin.log"])
def test_nothing_is_written_through_a_link_of_another_user(tocsin: Tocsin, stranger: int, name: str) -> None:
    link, aim = tocsin.home / name, tocsin.home / "aim"
    aim.touch()
    link.symlink_to(aim)
    os.chown(link, stranger, stranger, follow_symlinks=False)
    told = complaint(tocsin("send", "--title", "x"), 3)
    assert f"{link}" in told
    assert "it is a symbolic link that belongs to another user" in told
    assert aim.read_bytes() == b""
    os.chown(link, os.geteuid(), -1, follow_symlinks=False)
    assert tocsin("send", "--title", "x").returncode == 0


@pytest.mark.parametrize("name", ["tocsin.db", "tocsin.log"])
def test_a_file_that_another_user_put_there_is_refused(tocsin: Tocsin, stranger: int, name: str) -> None:
    planted = tocsin.home / name
    planted.touch()
    for mode, group, reason in (
        (0o600, stranger, f"it belongs to another user (uid {stranger})"),
        (0o660, stranger, f"it belongs to another user (uid {stranger})"),
        (0o666, os.getegid(), "every user can write to it"),
    ):
        planted.chmod(mode)
        os.chown(planted, stranger, group)
        assert reason in complaint(tocsin("send", "--title", "x"), 3)
        assert planted.read_bytes() == b""
    planted.chmod(0o660)  # shared by a group of ours
    assert tocsin("send", "--title", "x").returncode == 0


def test_root_may_use_the_database_of_a_service(tocsin: Tocsin, stranger: int) -> None:
    home = tocsin.home / "service"
    home.mkdir(0o700)
    env = {"TOCSIN_DB": str(home / "tocsin.db")}
    assert tocsin("send", "--title", "x", env=env).returncode == 0
    for file in (home, *home.iterdir()):
        os.chown(file, stranger, stranger)
    done = tocsin("alert", "list", "--json", env=env)
    assert '"title": "x"' in done.stdout
    assert {file.stat().st_uid for file in home.iterdir()} == {stranger}


def with_no_rights_of_root(tocsin: Tocsin, *args: str) -> Completed:
    """Run `tocsin ARGS` without root's right to open every file."""
    words = ["setpriv", "--bounding-set=-all", *TOCSIN, *args]
    return subprocess.run(
        words, env=tocsin.environment, capture_output=True, encoding="utf-8", timeout=PATIENCE_S
    )


@pytest.mark.parametrize(
    "command",
    [
        ("alert", "list"),
        ("send", "--title", "x"),
        ("dispatch", "--drain"),
        ("db", "backup", "copy.db"),
    ],
    ids=" ".join,
)
def test_a_database_in_a_directory_of_another_user_is_reported(
    tocsin: Tocsin, stranger: int, command: tuple[str, ...]
) -> None:
    theirs = tocsin.home / "theirs"
    theirs.mkdir(mode=0o700)
    database = theirs / "tocsin.db"
    tocsin("--db", str(database), "destination", "add", "soc", "http://127.0.0.1:1")
    os.chown(theirs, stranger, stranger)
    told = complaint(with_no_rights_of_root(tocsin, "--db", str(database), *command), 3)
    assert told == f"the database {database} cannot be read: Permission denied; run as its owner"


@pytest.mark.usefixtures("stranger")
def test_a_read_only_database_is_not_drained(tocsin: Tocsin) -> None:
    shared = tocsin.home / "shared"
    shared.mkdir()
    database = shared / "tocsin.db"
    tocsin("--db", str(database), "destination", "add", "soc", "http://127.0.0.1:1")
    database.chmod(0o444)
    told = complaint(with_no_rights_of_root(tocsin, "--db", str(database), "dispatch", "--drain"), 3)
    assert told == f"cannot write to {database}: the database cannot be written"


class TestAWorldReadableConfiguration:
    @pytest.mark.parametrize(
        ("text", "named"),
        [
            ('[listen]\ntoken = "of-the-endpoint-itself"', "listen.token"),
            ('db = "postgresql://soc:hunter2@127.0.0.1:1/tocsin"', "db"),
            ('db = "postgresql://127.0.0.1:1/tocsin?password=hunter2"', "db"),
        ],
    )
    def test_with_a_secret_prints_a_warning(self, tocsin: Tocsin, text: str, named: str) -> None:
        tocsin.add()
        path = configured(tocsin, text, 0o644)
        done = tocsin("destination", "list")
        warning = (
            f"warning: every user of this machine can read the secret in {path} ({named}); "
            "make the file private with chmod 600"
        )
        assert done.returncode == 0
        assert done.stderr.splitlines()[0] == warning
        assert "hunter2" not in done.stderr
        path.chmod(0o640)
        assert "warning" not in tocsin("destination", "list").stderr

    @pytest.mark.parametrize(
        "text", ['[listen]\ntoken = "env:TOKEN"', 'db = "postgresql:///tocsin"', "[retry]\ndelays = [1]"]
    )
    def test_without_a_secret_prints_no_warning(self, tocsin: Tocsin, text: str) -> None:
        tocsin.add()
        configured(tocsin, text, 0o644)
        assert "warning" not in tocsin("destination", "list").stderr


def configured(tocsin: Tocsin, text: str, mode: int) -> Path:
    path = tocsin.home / "config.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    tocsin.environment["TOCSIN_CONFIG"] = str(path)
    return path
