"""Flags go before the environment, that before the file, that before the defaults."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui import config, config_file
from tui.config import Config
from tui.domain.errors import Invalid
from tui.domain.network import NetworkPolicy, PolicyName, parse_allow
from tui.domain.proxy import Proxy
from tui.domain.retry import DEFAULT_DELAYS_MS
from tui.intake.formats import built_in


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, where no configuration of ours lies."""
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def load(text: str | None = None, environment: dict[str, str] | None = None, **flags: str) -> Config:
    """The configuration with `text` in a file that was asked for."""
    file = None
    if text is not None:
        file = Path.home() / "given.toml"
        file.write_text(text, encoding="utf-8")
    given: dict[str, Any] = {"db": None, "log": None, "file": str(file) if file else None} | flags
    return config.load(**given, environment=environment or {})


def test_without_anything_there_are_defaults(home: Path) -> None:
    loaded = load()
    assert loaded.db == str(home / ".local/share/tocsin/tocsin.db")
    assert loaded.log == home / ".local/state/tocsin/log/tocsin.log"
    assert loaded.policy.delays_ms == DEFAULT_DELAYS_MS
    assert (loaded.concurrency, loaded.per_destination, loaded.link_template) == (64, 16, "")
    assert loaded.keys == {}
    assert loaded.kept == home / ".local/state/tocsin/kept.json"


def test_the_file_sets_everything(home: Path) -> None:
    loaded = load(
        'db = "~/a.db"\nlog = "~/a.log"\nlink_template = "https://example.com/{alertId}"\n'
        "[retry]\ndelays = [1, 2.5]\n[dispatch]\nconcurrency = 8\nper_destination = 4\n"
    )
    assert (loaded.db, loaded.log) == (str(home / "a.db"), home / "a.log")
    assert loaded.link_template == "https://example.com/{alertId}"
    assert loaded.policy.delays_ms == (1000, 2500)
    assert (loaded.concurrency, loaded.per_destination) == (8, 4)


def test_the_environment_sets_everything() -> None:
    loaded = load(
        environment={
            "TOCSIN_DB": "/a.db",
            "TOCSIN_LOG": "/a.log",
            "TOCSIN_LINK_TEMPLATE": "https://example.com/{alertId}",
            "TOCSIN_RETRY_DELAYS": "1, 2.5",
            "TOCSIN_CONCURRENCY": "8",
            "TOCSIN_PER_DESTINATION": "4",
        }
    )
    assert (loaded.db, loaded.log) == ("/a.db", Path("/a.log"))
    assert loaded.link_template == "https://example.com/{alertId}"
    assert loaded.policy.delays_ms == (1000, 2500)
    assert (loaded.concurrency, loaded.per_destination) == (8, 4)


def test_each_goes_before_the_next() -> None:
    file, environment = 'db = "/file.db"', {"TOCSIN_DB": "/environment.db"}
    assert load(file).db == "/file.db"
    assert load(file, environment).db == "/environment.db"
    assert load(file, environment, db="/flag.db").db == "/flag.db"


def test_the_network_may_be_set_in_each_way() -> None:
    file = '[network]\npolicy = "public"\nallow = ["10.0.0.0/8", "fd12::7"]\n'
    wide = parse_allow(["10.0.0.0/8", "fd12::7"])
    assert load().network == NetworkPolicy(PolicyName.LOCAL)
    assert load(file).network == NetworkPolicy(PolicyName.PUBLIC, wide)
    environment = {"TOCSIN_NETWORK_POLICY": "local", "TOCSIN_NETWORK_ALLOW": "10.1.0.0/16, 127.0.0.1"}
    assert load(file, environment).network == NetworkPolicy(
        PolicyName.LOCAL, parse_allow(["10.1.0.0/16", "127.0.0.1"])
    )
    assert load(file, environment, network_policy="public", network_allow="::1").network == NetworkPolicy(
        PolicyName.PUBLIC, parse_allow(["::1"])
    )


def test_proxies_come_from_the_environment_and_are_not_shown() -> None:
    loaded = load(environment={"HTTPS_PROXY": "http://me:hunter2@proxy.example:3128"})
    assert loaded.proxies.https == Proxy("proxy.example", 3128, "Basic bWU6aHVudGVyMg==")
    assert "hunter2" not in repr(loaded)


def test_a_proxy_that_cannot_be_used_is_no_concern_of_who_sends_nothing() -> None:
    loaded = load(environment={"ALL_PROXY": "socks5://127.0.0.1:1080"})
    with pytest.raises(Invalid, match="ALL_PROXY is a socks5:// proxy"):
        _ = loaded.proxies


def test_formats_of_ones_own_come_before_those_built_in() -> None:
    loaded = load('[formats.acme.alert]\ntitle = "what"\n[formats.wazuh.severities]\nHIGH = [10]\n')
    assert list(loaded.formats) == ["acme", *load().formats]
    assert load().formats is built_in()


def test_an_empty_variable_is_none_at_all() -> None:
    assert load('db = "/file.db"', {"TOCSIN_DB": ""}).db == "/file.db"


def test_the_default_file_is_read_if_it_is_there(home: Path) -> None:
    path = config_file.default_path()
    assert path.is_relative_to(home)
    path.parent.mkdir(parents=True)
    path.write_text('db = "/default.db"')
    assert load().db == "/default.db"


def test_the_environment_may_name_the_file(home: Path) -> None:
    (home / "named.toml").write_text('db = "/named.db"')
    assert load(environment={"TOCSIN_CONFIG": "~/named.toml"}).db == "/named.db"


def test_a_relative_path_is_made_absolute() -> None:
    assert load(db="a.db").db == str(Path.cwd() / "a.db")


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "PostgreSQL"])
def test_the_url_of_a_server_is_kept_as_it_is(scheme: str) -> None:
    assert load(db=f"{scheme}://soc@db.example.com/tocsin").db == "postgresql://soc@db.example.com/tocsin"


@pytest.mark.parametrize(
    "text",
    ['[keys]\n"alerts.resend" = "x"\n"app.help" = "h,?"', '[keys]\nalerts.resend = "x"\napp.help = "h,?"'],
    ids=["in quotation marks", "bare"],
)
def test_keys_are_taken_by_id(text: str) -> None:
    assert load(text).keys == {"alerts.resend": "x", "app.help": "h,?"}


def test_no_delays_are_no_retries() -> None:
    assert load("[retry]\ndelays = []").policy.limit(test=False) == 1


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        ("db = 5", "db", "db must be a string in quotation marks"),
        ('db = "a\\u0000b"', "db", "db must be a string"),
        ('db = "~nobody-of-that-name/a.db"', "db", "cannot find the home directory"),
        ('log = "~nobody-of-that-name/a.log"', "log", "cannot find the home directory"),
        ('db = "https://example.com"', "db", "must be a file path or a postgresql:// URL"),
        ('db = "postgresql:/soc:pw@db/tocsin"', "db", "must be a file path or a postgresql:// URL"),
        ('db = "host=db password=hunter2"', "db", "must be a file path or a postgresql:// URL"),
        ('db = "password = hunter2"', "db", "must be a file path or a postgresql:// URL"),
        ('db = "postgres//soc:hunter2@db/tocsin"', "db", "must be a file path or a postgresql:// URL"),
        ("keys = 5", "keys", "keys must be a table of strings"),
        ("[keys]\n'alerts.resend' = 5", "alerts.resend", "must be a string in quotation marks"),
        ("retry = 5", "config", "unknown setting retry; "),
        ("[retry]\ndelays = 5", "retry.delays", "a list of seconds"),
        ("[retry]\ndelays = {a = 1}", "retry.delays", "a list of seconds"),
        ("[retry]\ndelays = [[1]]", "retry.delays", "given.toml: retry.delays: a retry delay must be"),
        (
            "[retry]\ndelays = [1,1,1,1,1,1,1,1,1,1,1]",
            "retry.delays",
            "retry.delays: at most 10 delays are allowed",
        ),
        ("[dispatch]\nconcurrency = 0", "dispatch.concurrency", "from 1 to 1024, not 0"),
        ("[dispatch]\nconcurrency = inf", "dispatch.concurrency", "from 1 to 1024, not inf"),
        ("[dispatch]\nper_destination = 'x'", "dispatch.per_destination", "from 1 to 1024, not 'x'"),
        ("[dispatch]\nper_destinaton = 1", "config", "did you mean dispatch.per_destination?"),
        ("db = 'a'\ndb = 'b'", "config", "is not valid TOML"),
        ("a = " + "[" * 5000, "config", "is not valid TOML"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_setting_that_makes_no_sense_is_named(text: str, field: str, words: str) -> None:
    with pytest.raises(Invalid) as refused:
        load(text)
    assert refused.value.field == field
    assert words in refused.value.message
    assert "hunter2" not in refused.value.message


def test_a_file_that_cannot_be_read_is_named(home: Path) -> None:
    with pytest.raises(Invalid, match=r"the configuration file .* does not exist"):
        load(file="/nowhere.toml")
    os.mkfifo(home / "pipe")
    with pytest.raises(Invalid, match="pipe is not a regular file"):
        load(file=str(home / "pipe"))
    with pytest.raises(Invalid, match=r"cannot read .*: Is a directory"):
        load(file=str(home))
    (home / "latin.toml").write_bytes(b"db = '\xe9'")
    with pytest.raises(Invalid, match="is not valid TOML"):
        load(file=str(home / "latin.toml"))


@given(st.text())
def test_no_variable_is_too_strange(text: str) -> None:
    for variable in ("TOCSIN_RETRY_DELAYS", "TOCSIN_CONCURRENCY"):
        try:
            loaded = load(environment={variable: text})
        except Invalid:
            continue
        assert len(loaded.policy.delays_ms) <= 10
        assert 1 <= loaded.concurrency <= 1024


def test_filters_of_ones_own_are_kept_by_name_and_checked() -> None:
    loaded = load('[filters]\n"night shift" = "severity:>=high since:12h"\nours = "to:soc"\n')
    assert loaded.filters == (("night shift", "severity:>=high since:12h"), ("ours", "to:soc"))
    assert load().filters == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[filters]\nours = "state:broken"\n', "the filter 'ours': unknown state 'broken'"),
        ("[filters]\nours = 7\n", "ours must be a string in quotation marks"),
        ('filters = "state:failed"\n', "filters must be a table of strings"),
    ],
)
def test_a_filter_that_makes_no_sense_is_named(text: str, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        load(text)
    assert words in caught.value.message


class TestRepeats:
    def test_revive_after_15_minutes_by_default(self) -> None:
        assert load().revive_after_ms == 900_000

    def test_revive_after_the_time_in_the_file_or_the_environment(self) -> None:
        assert load('[repeats]\nrevive_after = "1h"\n').revive_after_ms == 3_600_000
        assert load(environment={"TOCSIN_REVIVE_AFTER": "90s"}).revive_after_ms == 90_000

    @pytest.mark.parametrize("value", ["0", '"0"', '"off"'])
    def test_never_revive_if_disabled(self, value: str) -> None:
        assert load(f"[repeats]\nrevive_after = {value}\n").revive_after_ms is None

    @pytest.mark.parametrize("value", ["15", '"soon"', "true", "[]"])
    def test_refuse_what_is_not_a_time_span(self, value: str) -> None:
        with pytest.raises(Invalid, match=r"^repeats.revive_after must be a time span from 1s to 30d"):
            load(f"[repeats]\nrevive_after = {value}\n")


class TestTheEndpoint:
    def test_is_limited_and_named_by_nothing_unless_told(self) -> None:
        assert (load().listen_rate, load().listen_hosts) == (None, frozenset())

    def test_by_the_file(self) -> None:
        loaded = load('[listen]\nrate = 2.5\nhosts = ["Alerts.Example.com.", "tocsin"]\n')
        assert (loaded.listen_rate, loaded.listen_hosts) == (2.5, {"alerts.example.com", "tocsin"})

    def test_by_the_environment(self) -> None:
        given = {"TOCSIN_LISTEN_RATE": "10", "TOCSIN_LISTEN_HOSTS": "alerts.example.com, tocsin"}
        loaded = load(environment=given)
        assert (loaded.listen_rate, loaded.listen_hosts) == (10.0, {"alerts.example.com", "tocsin"})

    @pytest.mark.parametrize("rate", ["-1", '"fast"', "true", "[]"])
    def test_not_by_what_is_no_rate(self, rate: str) -> None:
        with pytest.raises(Invalid, match=r"listen.rate: the rate must be 0.01 to 1000 requests per second"):
            load(f"[listen]\nrate = {rate}\n")

    def test_confirms_the_sns_topics_of_the_file_or_the_environment(self) -> None:
        first, second = (f"arn:aws:sns:eu-west-1:111122223333:{name}" for name in ("a", "b"))
        assert load(f'[listen]\nsns_topics = ["{first}"]\n').sns_topics == {first}
        given = {"TOCSIN_LISTEN_SNS_TOPICS": f"{first}, {second}"}
        assert load(environment=given).sns_topics == {first, second}
        for wrong in ('["findings"]', "[7]", "7", f'["{first}.*"]'):
            with pytest.raises(Invalid, match=r"^listen.sns_topics"):
                load(f"[listen]\nsns_topics = {wrong}\n")

    @pytest.mark.parametrize("hosts", ['["a b"]', '["http://a"]', '["a:80"]', '["*"]', "[7]", "7", '[""]'])
    def test_not_by_what_is_no_name(self, hosts: str) -> None:
        with pytest.raises(Invalid, match=r"listen.hosts must be a list of names"):
            load(f"[listen]\nhosts = {hosts}\n")
