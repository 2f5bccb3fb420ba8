"""Bad input gives one line with the error, the right exit code, no traceback, and stores nothing."""

import os
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing

import psycopg
import pytest

from tests.commands.conftest import NOTHING, PATIENCE_S, Completed, Tocsin, complaint, without_stdin
from tests.conftest import create_database, destination, postgres
from tui.domain.alert_type import AlertType

URL = "http://localhost:8081"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "enter the URL"),
        ("hooks.example.com/alerts", "must start with http:// or https://"),
        ("ftp://example.com", "ftp:// is not supported"),
        ("https://", "has no host"),
        ("http://example.com/#now", "fragment"),
        ("http://example.com/a b", "cannot contain spaces"),
        ("http://example.com:0", "port 0"),
        ("http://example.com:99999", "the port is out of range; use 1 to 65535"),
        ("http://[::1", "not a URL"),
        ("http://\u202eexample.com", "cannot contain spaces"),
        ("http://169.254.169.254/latest", "169.254.169.254 is a link-local address (cloud"),
        ("http://[64:ff9b::a9fe:a9fe]", "64:ff9b::a9fe:a9fe, which embeds 169.254.169.254, a link-local"),
        (
            "http://[::]:8081",
            ":: is the unspecified address (use ::1 for this machine); Tocsin never sends to it",
        ),
    ],
)
def test_an_invalid_url_is_refused(tocsin: Tocsin, url: str, words: str) -> None:
    assert words in complaint(tocsin("destination", "add", "soc", url), 2)
    assert tocsin.stored() == NOTHING


def test_a_blocked_url_is_refused(tocsin: Tocsin) -> None:
    tocsin.add(destination(name="soc", url="https://hooks.example.com"))
    refused = "10.0.0.7 is a private address, blocked by the network policy public"

    for command in (("add", "pager", "http://10.0.0.7"), ("edit", "soc", "--url", "http://10.0.0.7")):
        assert complaint(tocsin("--network-policy", "public", "destination", *command), 2) == refused

    open_to = {"TOCSIN_NETWORK_POLICY": "public", "TOCSIN_NETWORK_ALLOW": "10.0.0.0/24"}
    assert tocsin("destination", "add", "pager", "http://10.0.0.7", env=open_to).returncode == 0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["", URL], "enter a display name for the destination"),
        (["x" * 81, URL], "at most 80 characters; this one has 81"),
        (["so\x1b[31mc", URL], "only printable characters"),
        (["soc", URL, "--severity", "URGENT"], "unknown severity 'URGENT'; use one of INFO, LOW, "),
        (["soc", URL, "--severity", "high,"], "unknown severity ''"),
        (["soc", URL, "--severity", "none,low"], "unknown severity 'none'"),
        (["soc", URL, "--type", "ALARM"], f"unknown type 'ALARM'; use one of {', '.join(AlertType)}"),
        (["soc", URL, "--timeout", "0.5"], "1 to 120 seconds"),
        (["soc", URL, "--rate", "fast"], "requests per second"),
        (["soc", URL, "--header", "X-Key"], "'Name: value'"),
        (["soc", URL, "--header", "Host: example.com"], "set by Tocsin"),
        (["soc", URL, "--header", "X-Key: a\r\nX-Other: b"], "a character that is not allowed in a header"),
        (["soc", URL, "--secret", "hunter2"], "must start with whsec_"),
        (["soc", URL, "--secret", "v1,whsec_AAAA"], "remove the 'v1,' prefix"),
        (["soc", URL, "--secret", "-"], "no signing secret came from standard input"),
        (["soc"], "Missing argument 'URL'"),
        (["soc", URL, "--colour", "red"], "No such option"),
    ],
    ids=lambda value: " ".join(value[-2:])[:40] if isinstance(value, list) else "",
)
def test_an_invalid_destination_is_refused(tocsin: Tocsin, given: list[str], words: str) -> None:
    assert words in complaint(tocsin("destination", "add", *given), 2)
    assert tocsin.stored() == NOTHING


def test_a_name_in_use_is_refused_in_any_case(tocsin: Tocsin) -> None:
    tocsin.add(destination(name="Über soc"))
    refusal = complaint(tocsin("destination", "add", "ÜBER SOC", URL), 2)
    assert refusal == "there is already a destination called 'Über soc'; choose another name"
    assert tocsin.stored()["destination"] == 1


@pytest.mark.parametrize(
    "command",
    [
        ["destination", "show", "sock"],
        ["destination", "test", "sock"],
        ["destination", "edit", "sock", "--timeout", "5"],
        ["destination", "rotate", "sock"],
        ["destination", "pause", "sock"],
        ["destination", "delete", "sock"],
        ["send", "--title", "x", "--to", "sock"],
        ["alert", "list", "--destination", "sock"],
        ["alert", "list", "--filter", "login to:sock"],
        ["alert", "list", "--filter", "-to:sock"],
    ],
    ids=" ".join,
)
def test_an_unknown_destination_is_an_error_in_every_command(tocsin: Tocsin, command: list[str]) -> None:
    tocsin.add(destination())
    assert complaint(tocsin(*command), 1) == "no destination is named 'sock'; choose from: soc"
    assert tocsin.stored()["alert"] == 0


def test_deleted_destinations_are_named_as_deleted(tocsin: Tocsin) -> None:
    for _ in range(2):
        for name in ("old", "soc"):
            tocsin.add(destination(name=name))
            tocsin("destination", "delete", name, "--yes")
    tocsin.add(destination(name="soc"))
    told = complaint(tocsin("alert", "list", "--filter", "to:sock"), 1)
    assert told == "no destination is named 'sock'; choose from: soc, old (deleted)"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--title", "x", "--severity", "URGENT"], "unknown severity 'URGENT'"),
        (["--title", "x", "--type", "ALARM"], "unknown type 'ALARM'"),
        (["--severity", "HIGH"], "an alert needs a title, a name or an id"),
        (["--title", "x", "--context", "{"], "--context is not JSON"),
        (["--title", "x", "--context", "[1]"], "alertContext must be a JSON object, not an array"),
        (["--title", "x", "alerts.json"], "not both"),
        (["--title", "x", "--wait", "long"], "--wait takes a number of seconds, not 'long'"),
        (["nowhere.json"], "cannot read nowhere.json: No such file or directory"),
        (["/"], "cannot read /: Is a directory"),
    ],
    ids=lambda value: " ".join(value[-2:]) if isinstance(value, list) else "",
)
def test_an_invalid_alert_is_refused(tocsin: Tocsin, given: list[str], words: str) -> None:
    assert words in complaint(tocsin("send", *given), 2)
    assert tocsin.stored() == NOTHING


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", "the input is empty"),
        ('{"title": "x', "line 1: this is not JSON: unterminated string starting at column 11"),
        ("5", "an alert must be a JSON object, not a number"),
        ('{"title": "x",\n\n  "tags": [}', "line 3: this is not JSON: "),
        ('{"title": "x", "alertContext": "y"}', "line 1: alertContext must be a JSON object, not a string"),
        ('[\n{"title": "x", "sevrity": "LOW"}]', "item 1: unknown key 'sevrity'; did you mean 'severity'?"),
        ('{"title": "x", "destinations": ["soc"]}', "line 1: no destination is named 'soc'"),
        ("[" * 100_000, "the JSON is nested too deeply"),
        (b"\n\xff\xfe", "line 2: this is not JSON: "),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_document_without_an_alert_is_refused(tocsin: Tocsin, text: str | bytes, refusal: str) -> None:
    assert complaint(tocsin("send", "-", input=text), 2).startswith(refusal)
    assert tocsin.stored() == NOTHING


def test_an_alert_with_the_id_of_another_is_refused(tocsin: Tocsin) -> None:
    done = tocsin("send", "-", input='[{"title": "x", "alertId": "a"}, {"title": "y", "alertId": "a"}]')
    assert done.returncode == 2
    told, stored = done.stderr.splitlines()
    assert told == "tocsin: item 2: an alert with the id 'a' is already stored with other content"
    assert stored.startswith("tocsin: stored what cannot be read in alert ")
    assert tocsin.stored()["alert"] == 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--state", "lost"], "unknown state 'lost'; use one of waiting, retrying, "),
        (["--severity", "URGENT"], "unknown severity 'URGENT'"),
        (
            ["--since", "yesterday"],
            "since: requires a time span like 30m, 2h or 7d, or a time like 2026-11-28 or",
        ),
        (["--filter", "colour:red"], "unknown filter colour:"),
        (["--filter", 'to:"Ops'], "a quotation mark is not closed"),
        (["--limit", "0"], "--limit"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_invalid_filter_is_refused(tocsin: Tocsin, given: list[str], words: str) -> None:
    tocsin.add()
    assert words in complaint(tocsin("alert", "list", *given), 2)


ASKING = (
    ["alert", "list"],
    ["alert", "show", "3f2a91c07d55"],
    ["alert", "resend", "3f2a91c07d55"],
    ["alert", "cancel", "3f2a91c07d55"],
    ["destination", "list"],
    ["destination", "show", "soc"],
    ["destination", "edit", "soc", "--timeout", "5"],
    ["destination", "rotate", "soc"],
    ["destination", "test", "soc"],
    ["destination", "pause", "soc"],
    ["destination", "resume", "soc"],
    ["destination", "delete", "soc", "--yes"],
    ["token", "list"],
    ["token", "revoke", "grafana"],
    ["dispatch", "--drain"],
    ["db", "check"],
    ["db", "prune", "--older-than", "90d"],
)


class TestDatabase:
    @pytest.mark.parametrize("command", ASKING, ids=" ".join)
    def test_a_missing_one_is_an_error_for_commands_that_only_read(
        self, tocsin: Tocsin, command: list[str]
    ) -> None:
        path = tocsin.home / "mistyped" / "tocsin.db"
        refusal = complaint(tocsin("--db", str(path), *command), 3)
        assert refusal.startswith(f"there is no database {path}; choose another with --db")
        assert not path.parent.exists()

    def test_an_empty_file_is_not_a_database(self, tocsin: Tocsin) -> None:
        tocsin.database.touch()
        assert "there is no database" in complaint(tocsin("alert", "list"), 3)
        assert tocsin.database.stat().st_size == 0

    def test_reading_commands_leave_an_empty_postgresql_database_empty(self, tocsin: Tocsin) -> None:
        url = create_database(postgres())
        refusal = complaint(tocsin("--db", url, "alert", "list"), 3)
        assert refusal.startswith("there are no Tocsin tables in postgresql://")
        with psycopg.connect(url) as connection:
            assert connection.execute(
                "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
            ).fetchone() == (0,)

    @pytest.mark.parametrize(
        "command",
        [
            ["send", "--title", "x"],
            ["destination", "add", "soc", URL],
            ["token", "add", "grafana"],
            ["db", "migrate"],
        ],
        ids=" ".join,
    )
    def test_a_missing_one_is_created_by_commands_that_write(
        self, tocsin: Tocsin, command: list[str]
    ) -> None:
        assert tocsin(*command).returncode == 0
        assert tocsin.json("alert", "list") is not None

    def test_a_directory_is_refused(self, tocsin: Tocsin) -> None:
        tocsin.database.mkdir()
        refusal = f"{tocsin.database} is a directory; --db takes the path of a file"
        assert complaint(tocsin("alert", "list"), 3) == refusal

    def test_a_path_below_a_file_is_refused(self, tocsin: Tocsin, file: Callable[..., str]) -> None:
        path = file("") + "/tocsin.db"
        assert "its directory is a file" in complaint(tocsin("--db", path, "alert", "list"), 3)

    def test_a_file_that_is_not_a_database_is_refused(self, tocsin: Tocsin) -> None:
        tocsin.database.write_text("Dear diary, " * 500)
        refusal = complaint(tocsin("send", "--title", "x"), 3)
        assert refusal == f"{tocsin.database} is not a database; choose another file with --db"
        assert tocsin.database.read_text() == "Dear diary, " * 500

    def test_a_database_of_another_program_is_refused(self, tocsin: Tocsin) -> None:
        with closing(sqlite3.connect(tocsin.database)) as db:
            db.execute("CREATE TABLE bookmark (url)")
        before = tocsin.database.read_bytes()
        refusal = complaint(tocsin("send", "--title", "x"), 3)
        assert refusal == f"{tocsin.database} belongs to another program; choose another file with --db"
        assert tocsin.database.read_bytes() == before

    def test_a_database_of_a_newer_tocsin_is_refused(self, tocsin: Tocsin) -> None:
        tocsin.add()
        with closing(sqlite3.connect(tocsin.database)) as db, db:
            db.execute("INSERT INTO schema_migration (name, applied) VALUES ('9999_later', '2050-01-01')")
        refusal = complaint(tocsin("send", "--title", "x"), 3)
        assert "made by a newer Tocsin (it has 9999_later)" in refusal

    def test_an_unsupported_engine_is_refused(self, tocsin: Tocsin) -> None:
        refusal = complaint(tocsin("--db", "mysql://localhost/tocsin", "alert", "list"), 2)
        assert "--db must be a file path or a postgresql:// URL" in refusal

    def test_an_unreachable_server_is_reported(self, tocsin: Tocsin) -> None:
        refusal = complaint(tocsin("--db", "postgresql://soc:s3cret@127.0.0.1:1/tocsin", "alert", "list"), 3)
        assert "cannot open the database postgresql://127.0.0.1:1/tocsin: " in refusal
        assert "s3cret" not in refusal


def test_an_unwritable_log_is_reported(tocsin: Tocsin) -> None:
    tocsin.log.mkdir()
    refusal = complaint(tocsin("send", "--title", "x"), 3)
    assert (
        refusal == f"cannot write the log {tocsin.log}: it is not a regular file; choose another with --log"
    )
    assert tocsin.stored() == NOTHING


def test_a_home_that_cannot_be_created_is_reported(tocsin: Tocsin) -> None:
    nowhere = "/proc/nohome"  # where no directory can be made, though /proc is there
    tocsin.environment = {"PATH": os.environ["PATH"], "HOME": nowhere}
    refusal = complaint(tocsin("send", "--title", "x"), 3)
    assert refusal == (
        f"cannot write the log {nowhere}/.local/state/tocsin/log/tocsin.log: "
        "No such file or directory; choose another with --log"
    )
    tocsin.environment["TOCSIN_LOG"] = str(tocsin.log)
    refusal = complaint(tocsin("send", "--title", "x"), 3)
    assert refusal == (
        f"cannot create the database {nowhere}/.local/share/tocsin/tocsin.db: No such file or directory"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("link_templat = ''", "unknown setting link_templat; did you mean link_template?"),
        ("[retry]\ndelay = [5]", "unknown setting retry.delay; did you mean retry.delays?"),
        ("[format.acme]\ndetect = 'a'", "unknown setting format.acme; did you mean formats?"),
        ("db = ", "is not valid TOML: "),
        ("[retry]\ndelays = ['soon']", "a retry delay must be 0 to 604800 seconds"),
        ("[network]\npolicy = 'private'", "the network policy must be local or public, not 'private'"),
        ("[network]\nallow = '10.0.0.1/8'", "has bits set after its prefix; write 10.0.0.0/8"),
        ("[network]\nallow = 10", "network.allow must be a list of networks"),
    ],
)
def test_an_invalid_configuration_is_refused(
    tocsin: Tocsin, file: Callable[..., str], text: str, words: str
) -> None:
    assert words in complaint(tocsin("--config", file(text, "config.toml"), "alert", "list"), 2)


def test_a_missing_configuration_is_refused(tocsin: Tocsin) -> None:
    refusal = complaint(tocsin("alert", "list", env={"TOCSIN_CONFIG": "/nowhere.toml"}), 2)
    assert refusal == "the configuration file /nowhere.toml does not exist"


@pytest.mark.parametrize(
    ("delays", "words"),
    [
        ("soon", "TOCSIN_RETRY_DELAYS: a retry delay must be 0 to 604800 seconds (a week), not 'soon'"),
        ("1,2,3,4,5,6,7,8,9,10,11", "at most 10 delays are allowed, one per retry; there are 11"),
    ],
)
def test_invalid_retry_delays_are_refused(tocsin: Tocsin, delays: str, words: str) -> None:
    assert words in complaint(tocsin("alert", "list", env={"TOCSIN_RETRY_DELAYS": delays}), 2)


@pytest.mark.parametrize(
    ("command", "variable", "words"),
    [
        ("dispatch", "TOCSIN_DISPATCH_GRACE", "a number"),
        ("alert list", "TOCSIN_ALERT_LIST_LIMIT", "a whole number"),
    ],
)
def test_an_invalid_environment_variable_is_named(
    tocsin: Tocsin, command: str, variable: str, words: str
) -> None:
    told = complaint(tocsin(*command.split(), env={variable: "x"}), 2)
    assert told == f"Invalid value for {variable}: 'x' is not {words}; see `tocsin {command} --help`"


def test_a_closed_standard_input_is_reported(tocsin: Tocsin) -> None:
    def run(*args: str) -> Completed:
        return subprocess.run(
            without_stdin(*args),
            env=tocsin.environment,
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE_S,
        )

    assert complaint(run("send", "-"), 2) == "there is no standard input to read from"
    assert "nothing to send" in complaint(run("send"), 2)
    refusal = complaint(run("destination", "add", "soc", URL, "--secret", "-"), 2)
    assert refusal == "there is no standard input to read the signing secret from"
    assert tocsin.stored() == NOTHING


def test_a_command_without_its_subcommand_is_refused(tocsin: Tocsin) -> None:
    assert complaint(tocsin("destination"), 2) == "Missing command; see `tocsin destination --help`"


def test_the_app_needs_a_terminal(tocsin: Tocsin) -> None:
    refusal = complaint(tocsin(), 3)
    assert "`tocsin dispatch`" in refusal
    assert "`tocsin send`" in refusal
