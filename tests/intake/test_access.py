"""Access to the endpoint: required tokens, revocation while it runs, and rate limits."""

import contextlib
import logging
import threading
from base64 import b64encode
from collections.abc import Callable

import httpx
import pytest

from tests.conftest import ENGINES, NOW, Clock, write
from tests.intake.conftest import Serve, stored
from tests.store.bench import Bench
from tui.domain.token import Token, digest_of, format_token
from tui.intake import access as access_module
from tui.intake.access import Access
from tui.store import tokens
from tui.store.engine.database import Store
from tui.store.errors import StoreUnavailable

CONFIGURED = "0123456789abcdef"
VALUES = {name: format_token(name.encode().ljust(32)) for name in ("ci", "grafana")}
A_WHILE_MS = 500
"""After this time, an endpoint checks whether the tokens have changed."""


@pytest.fixture
def engine() -> str:
    """Access decides without SQL: one engine is enough, except where it watches or writes the database."""
    return "sqlite"


@pytest.fixture
def add(store: Store) -> Callable[..., Token]:
    """Store a token of `VALUES`."""

    def add(name: str = "ci", **settings) -> Token:
        return write(store, tokens.add, Token(name, digest_of(VALUES[name]), **settings))

    return add


@pytest.fixture
def ticks() -> Clock:
    """The monotonic clock of Access."""
    return Clock(0)


def send(client: httpx.Client, token: str | None = None, **headers: str) -> int:
    given = headers | ({"Authorization": f"Bearer {token}"} if token else {})
    return client.post("/alerts", json={"title": "x"}, headers=given).status_code


def basic(credentials: str) -> str:
    return "Basic " + b64encode(credentials.encode()).decode()


def revoke(store: Store, name: str = "ci") -> None:
    write(store, tokens.revoke, name)


class TestAToken:
    @pytest.mark.parametrize(
        "given",
        [
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": f"Bearer {VALUES['grafana']}"},
            {"Authorization": f"Bearer {VALUES['ci'][:-1]}"},
            {"Authorization": f"Basic {VALUES['ci']}"},
            {"Authorization": basic(VALUES["ci"])},
            {"Authorization": basic("sns:wrong")},
            {"Authorization": basic(f"{VALUES['ci']}:")},
            {"Authorization": VALUES["ci"]},
            {"Authorization": "Bearer"},
            {"Authorization": f"Bearer {digest_of(VALUES['ci'])}"},
            {"Authorization": "Bearer \u00e9".encode("latin-1")},
        ],
        ids=str,
    )
    def test_is_required(self, bench: Bench, serve: Serve, add, given, caplog) -> None:
        add()
        answer = serve().post("/alerts", json={"title": "x"}, headers=given)
        asked = answer.headers["www-authenticate"]
        assert (answer.status_code, asked) == (401, 'Bearer, Basic realm="Tocsin"')
        assert stored(bench) == []
        for value in (*VALUES.values(), "wrong"):
            assert value not in answer.text + caplog.text

    @pytest.mark.parametrize("user", ["sns", "", "ü"])
    def test_is_accepted_as_a_password(self, bench: Bench, serve: Serve, add, user: str) -> None:
        add()
        assert send(serve(), Authorization=basic(f"{user}:{VALUES['ci']}")) == 202

    @pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
    def test_is_accepted(self, bench: Bench, serve: Serve, add, scheme: str) -> None:
        for name in VALUES:
            add(name)
        client = serve(configured=CONFIGURED)
        for value in (*VALUES.values(), CONFIGURED):
            assert send(client, Authorization=f"{scheme}  {value}") == 202
        assert stored(bench) == ["x"] * 3

    def test_is_required_if_only_the_configuration_has_one(self, serve: Serve) -> None:
        assert [send(serve(configured=CONFIGURED), token) for token in (None, CONFIGURED)] == [401, 202]

    def test_is_not_required_on_this_machine_while_none_exists(self, serve: Serve) -> None:
        assert send(serve()) == 202

    def test_is_always_required_beyond_this_machine(self, serve: Serve) -> None:
        assert send(serve(beyond=True)) == 401

    def test_is_refused_after_it_expires(self, serve: Serve, add, clock: Clock) -> None:
        add(expires_at=NOW + 1000)
        client = serve()
        before = send(client, VALUES["ci"])
        clock.advance(1000)
        assert (before, send(client, VALUES["ci"])) == (202, 401)

    @pytest.mark.parametrize("path", ["/healthz", "/openapi.json"])
    def test_is_not_required_for_health_and_description(self, serve: Serve, path: str) -> None:
        assert serve(beyond=True).get(path).status_code == 200

    def test_is_in_the_description_if_required(self, serve: Serve, add) -> None:
        plain = serve().get("/openapi.json").json()
        add()
        guarded = serve().get("/openapi.json").json()
        assert "security" not in plain["paths"]["/alerts"]["post"]
        assert guarded["paths"]["/alerts"]["post"]["security"] == [
            {"token": []},
            {"password": []},
            {"url": []},
            {"standard": []},
            {"github": []},
        ]


@pytest.mark.parametrize("engine", ENGINES)
class TestWhileTheEndpointRuns:
    def test_a_revoked_token_is_refused_a_moment_later(
        self, store: Store, serve: Serve, add, ticks: Clock
    ) -> None:
        for name in VALUES:
            add(name)
        client = serve(ticks=ticks)
        assert send(client, VALUES["ci"]) == 202

        revoke(store)
        ticks.advance(A_WHILE_MS)

        assert until_refused(client, VALUES["ci"], ticks)
        assert send(client, VALUES["grafana"]) == 202

    @pytest.mark.parametrize("beyond", [True, False])
    def test_a_token_stays_required_after_the_last_is_revoked(
        self, store: Store, serve: Serve, add, ticks: Clock, beyond: bool
    ) -> None:
        add()
        client = serve(ticks=ticks, beyond=beyond)
        revoke(store)
        assert until_refused(client, VALUES["ci"], ticks)
        assert send(client) == 401
        assert send(serve(beyond=beyond)) == 401, "nor after a restart"

    def test_a_new_token_is_accepted_and_required_from_then_on(self, serve: Serve, add, ticks: Clock) -> None:
        client = serve(ticks=ticks)
        assert send(client) == 202
        add()
        assert until_refused(client, None, ticks)
        assert send(client, VALUES["ci"]) == 202

    def test_tokens_are_read_only_after_a_change_and_not_for_each_request(
        self, store: Store, serve: Serve, add, ticks: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add()
        client = serve(ticks=ticks)
        read, asked = store.read, []

        def reading(work, *args):
            asked.append(work)
            return read(work, *args)

        monkeypatch.setattr(store, "read", reading)
        for _ in range(20):
            ticks.advance(A_WHILE_MS)
            client.post("/alerts", json=7, headers={"Authorization": f"Bearer {VALUES['ci']}"})
        assert asked.count(tokens.every_token) <= 2, "once because the use of a token was stored"

    def test_known_tokens_are_kept_while_the_database_is_unavailable(
        self, store: Store, serve: Serve, add, ticks: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add()
        client = serve(ticks=ticks)
        assert send(client, VALUES["ci"]) == 202  # stores its use now, so that nothing changes later
        asked = []

        def lost(db):
            asked.append(db)
            raise StoreUnavailable("gone")

        with monkeypatch.context() as patch:
            patch.setattr(tokens, "every_token", lost)
            revoke(store)
            while not asked:
                ticks.advance(A_WHILE_MS)
                assert judge(client, VALUES["ci"]) == LET_IN
            assert judge(client) == 401

        ticks.advance(A_WHILE_MS)
        assert judge(client, VALUES["ci"]) == 401


LET_IN = 422


def judge(client: httpx.Client, token: str | None = None) -> int:
    """Post an invalid alert, so that the database does not change: 401 if refused, else `LET_IN`."""
    given = {"Authorization": f"Bearer {token}"} if token else {}
    return client.post("/alerts", json=7, headers=given).status_code


def until_refused(client: httpx.Client, token: str | None, ticks: Clock) -> bool:
    """Send until the answer is 401: PostgreSQL notifies of a change with a delay."""
    for _ in range(1000):
        ticks.advance(A_WHILE_MS)
        if send(client, token) == 401:
            return True
    return False


class TestTheRate:
    def test_applies_to_each_token_separately(self, serve: Serve, add, ticks: Clock) -> None:
        add("ci", rate=2.0)
        add("grafana")
        client = serve(ticks=ticks)

        answers = [send(client, VALUES["ci"]) for _ in range(4)]
        refused = client.post(
            "/alerts", json={"title": "x"}, headers={"Authorization": f"Bearer {VALUES['ci']}"}
        )
        other = [send(client, VALUES["grafana"]) for _ in range(10)]
        ticks.advance(int(refused.headers["retry-after"]) * 1000)

        assert answers == [202, 202, 202, 429]
        assert refused.json() == {"error": "the rate limit is 2 requests per second"}
        assert other == [202] * 10
        assert send(client, VALUES["ci"]) == 202

    def test_names_the_exact_time_to_retry(self, serve: Serve, add, ticks: Clock) -> None:
        add("ci", rate=0.1)
        client = serve(ticks=ticks)
        send(client, VALUES["ci"])
        ask = {"Authorization": f"Bearer {VALUES['ci']}"}
        refused = client.post("/alerts", json={"title": "x"}, headers=ask)
        assert refused.headers["retry-after"] == "9"
        ticks.advance(8_000)
        assert send(client, VALUES["ci"]) == 429
        ticks.advance(1_000)
        assert send(client, VALUES["ci"]) == 202

    def test_of_the_configuration_applies_to_tokens_without_their_own(
        self, serve: Serve, add, ticks: Clock
    ) -> None:
        add("ci", rate=100.0)
        add("grafana")
        client = serve(ticks=ticks, rate=1.0, configured=CONFIGURED)
        answers = {
            name: [send(client, value) for _ in range(3)]
            for name, value in (VALUES | {"configured": CONFIGURED}).items()
        }
        assert answers == {
            "ci": [202, 202, 202],
            "grafana": [202, 202, 429],
            "configured": [202, 202, 429],
        }

    def test_is_shared_by_all_senders_without_a_token(self, serve: Serve, ticks: Clock) -> None:
        client = serve(ticks=ticks, rate=1.0)
        assert [send(client) for _ in range(3)] == [202, 202, 429]

    def test_is_not_used_up_by_refused_requests(self, serve: Serve, add, ticks: Clock) -> None:
        add("ci", rate=0.01)
        client = serve(ticks=ticks)
        assert [send(client, "wrong") for _ in range(3)] == [401] * 3
        assert send(client, VALUES["ci"]) == 202


@pytest.mark.parametrize("engine", ENGINES)
class TestTheLastUse:
    def last_uses(self, store: Store) -> list[int | None]:
        return [token.last_used_at for token in store.read(tokens.every_token).result()]

    def test_is_stored_at_most_once_a_minute(
        self, store: Store, serve: Serve, add, ticks: Clock, clock: Clock
    ) -> None:
        add("ci")
        add("grafana")
        client = serve(ticks=ticks)

        first = self.after(store, client, clock, 0)
        soon = self.after(store, client, clock, 59_000)
        ticks.advance(60_000)
        later = self.after(store, client, clock, 1_000)

        assert first == [NOW, None]
        assert soon == first
        assert later == [NOW + 60_000, None]

    async def test_of_the_last_minute_is_stored_at_shutdown(
        self, store: Store, add, ticks: Clock, clock: Clock
    ) -> None:
        add("ci")
        with contextlib.closing(store.watch()) as notice:
            access = Access(store, notice, clock, ticks=ticks)
            for _ in range(2):
                access.admit(await access.identify(f"Bearer {VALUES['ci']}"))
                clock.advance(1000)
            access.record()
        assert self.last_uses(store) == [NOW + 1000]

    async def test_does_not_delay_shutdown_if_the_database_is_silent(
        self, store: Store, add, ticks: Clock, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(access_module, "SILENCE_S", 0.01)
        add("ci")
        silent = threading.Event()
        with contextlib.closing(store.watch()) as notice:
            access = Access(store, notice, clock, ticks=ticks)
            for _ in range(2):
                access.admit(await access.identify(f"Bearer {VALUES['ci']}"))
            store.write(lambda tx: silent.wait())
            access.record()
        silent.set()

    def after(self, store: Store, client: httpx.Client, clock: Clock, pause: int) -> list[int | None]:
        clock.advance(pause)
        assert send(client, VALUES["ci"]) == 202
        write(store, lambda tx: None)  # wait for the pending write
        return self.last_uses(store)


class TestTheLog:
    def test_names_the_token_of_a_refused_request(self, serve: Serve, add, caplog) -> None:
        add("ci", rate=0.01)
        client = serve()
        send(client)
        send(client, VALUES["ci"])
        send(client, VALUES["ci"])
        client.post("/alerts", content=b"{", headers={"Authorization": "Bearer wr0ng"})

        assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
            "127.0.0.1: 401, a token is required; send Authorization: Bearer TOKEN",
            "127.0.0.1, token 'ci': 429, the rate limit is 0.01 requests per second",
            "127.0.0.1: 401, the token is not valid; send Authorization: Bearer TOKEN",
        ]
        assert VALUES["ci"] not in caplog.text

    def test_names_the_token_that_sent_a_bad_alert(self, serve: Serve, add, caplog) -> None:
        add()
        send_this = {"Authorization": f"Bearer {VALUES['ci']}"}
        serve().post("/alerts", json=[{"title": "x"}, {"title": 7}], headers=send_this)
        [line] = [record.getMessage() for record in caplog.records]
        assert line.startswith("127.0.0.1, token 'ci': 422, nothing was stored: item 2: ")

    def test_is_not_flooded(self, serve: Serve, clock: Clock, caplog) -> None:
        client = serve(beyond=True)
        for _ in range(50):
            send(client)
        first = len(caplog.records)
        clock.advance(10_000)
        send(client)
        assert (first, len(caplog.records)) == (21, 22)
        assert "(and 29 more since the last such line)" in caplog.records[-1].getMessage()

    def test_many_refusals_of_one_kind_do_not_hide_another(self, serve: Serve, add, caplog) -> None:
        add()
        client = serve()
        for _ in range(50):
            send(client)
        client.post("/alerts", json=7, headers={"Authorization": f"Bearer {VALUES['ci']}"})
        assert "token 'ci': 422" in caplog.records[-1].getMessage()


class TestATokenInTheUrl:
    """For senders that can set only a URL."""

    def test_is_accepted(self, bench: Bench, serve: Serve, add: Callable[..., Token]) -> None:
        add()
        client = serve()
        for path in ("/alerts", "/alerts/"):
            assert (
                client.post(f"{path}?format=tocsin&token={VALUES['ci']}", json={"title": "x"}).status_code
                == 202
            )
        assert stored(bench) == ["x", "x"]

    def test_does_not_help_a_wrong_header(self, serve: Serve, add: Callable[..., Token]) -> None:
        add()
        answer = serve().post(
            f"/alerts?token={VALUES['ci']}", json={"title": "x"}, headers={"Authorization": "Bearer no"}
        )
        assert answer.status_code == 401

    @pytest.mark.parametrize("body", [{"title": "x", "severity": "no"}, {"title": "x"}])
    def test_is_in_no_log_and_no_answer(
        self, serve: Serve, add: Callable[..., Token], caplog: pytest.LogCaptureFixture, body: dict[str, str]
    ) -> None:
        add()
        client = serve()
        caplog.set_level(logging.DEBUG, "tui")
        caplog.set_level(logging.DEBUG, "uvicorn")
        for value in (VALUES["ci"], VALUES["grafana"]):
            for path in ("/alerts", "/elsewhere", "/healthz"):
                answer = client.post(f"{path}?token={value}&format=tocsin", json=body)
                assert value not in answer.text + str(answer.headers)
        ours = [
            record.getMessage()
            for record in caplog.records
            if not record.name.startswith(("httpx", "httpcore"))
        ]
        assert not [line for line in ours if any(value in line for value in VALUES.values())]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_key_belongs_to_its_token(bench: Bench, serve: Serve, add: Callable[..., Token]) -> None:
    add("ci")
    add("grafana")
    client = serve()
    for name in ("ci", "grafana", "ci"):
        assert send(client, VALUES[name], **{"Idempotency-Key": "k"}) == 202
    assert stored(bench) == ["x", "x"]
