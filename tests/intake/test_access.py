"""Who may send: tokens are asked for, revoked while the endpoint runs, and each has its rate."""

import contextlib
import logging
import threading
from base64 import b64encode
from collections.abc import Callable

import httpx
import pytest

from tests.conftest import NOW, Clock, write
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
"""After which an endpoint looks whether the tokens have changed."""


@pytest.fixture
def add(store: Store) -> Callable[..., Token]:
    """Stores a token of `VALUES`."""

    def add(name: str = "ci", **settings) -> Token:
        return write(store, tokens.add, Token(name, digest_of(VALUES[name]), **settings))

    return add


@pytest.fixture
def ticks() -> Clock:
    """What access measures its own time with."""
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
    def test_is_asked_for(self, bench: Bench, serve: Serve, add, given, caplog) -> None:
        add()
        answer = serve().post("/alerts", json={"title": "x"}, headers=given)
        asked = answer.headers["www-authenticate"]
        assert (answer.status_code, asked) == (401, 'Bearer, Basic realm="Tocsin"')
        assert stored(bench) == []
        for value in (*VALUES.values(), "wrong"):
            assert value not in answer.text + caplog.text

    @pytest.mark.parametrize("user", ["sns", "", "ü"])
    def test_lets_in_as_a_password_too(self, bench: Bench, serve: Serve, add, user: str) -> None:
        add()
        assert send(serve(), Authorization=basic(f"{user}:{VALUES['ci']}")) == 202

    @pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
    def test_lets_in(self, bench: Bench, serve: Serve, add, scheme: str) -> None:
        for name in VALUES:
            add(name)
        client = serve(configured=CONFIGURED)
        for value in (*VALUES.values(), CONFIGURED):
            assert send(client, Authorization=f"{scheme}  {value}") == 202
        assert stored(bench) == ["x"] * 3

    def test_is_needed_even_if_only_configured(self, serve: Serve) -> None:
        assert [send(serve(configured=CONFIGURED), token) for token in (None, CONFIGURED)] == [401, 202]

    def test_is_not_asked_for_on_this_machine_while_there_is_none(self, serve: Serve) -> None:
        assert send(serve()) == 202

    def test_is_asked_for_beyond_this_machine_whatever_there_is(self, serve: Serve) -> None:
        assert send(serve(beyond=True)) == 401

    def test_ends_when_it_expires(self, serve: Serve, add, clock: Clock) -> None:
        add(expires_at=NOW + 1000)
        client = serve()
        before = send(client, VALUES["ci"])
        clock.advance(1000)
        assert (before, send(client, VALUES["ci"])) == (202, 401)

    @pytest.mark.parametrize("path", ["/healthz", "/openapi.json"])
    def test_is_not_asked_for_how_the_endpoint_is(self, serve: Serve, path: str) -> None:
        assert serve(beyond=True).get(path).status_code == 200

    def test_is_told_of_in_the_description(self, serve: Serve, add) -> None:
        plain = serve().get("/openapi.json").json()
        add()
        guarded = serve().get("/openapi.json").json()
        assert "security" not in plain["paths"]["/alerts"]["post"]
        assert guarded["paths"]["/alerts"]["post"]["security"] == [{"token": []}, {"password": []}]


class TestWhileTheEndpointRuns:
    def test_a_revoked_token_lets_nobody_in_a_moment_later(
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
    def test_revoking_the_last_opens_it_to_nobody(
        self, store: Store, serve: Serve, add, ticks: Clock, beyond: bool
    ) -> None:
        add()
        client = serve(ticks=ticks, beyond=beyond)
        revoke(store)
        assert until_refused(client, VALUES["ci"], ticks)
        assert send(client) == 401
        assert send(serve(beyond=beyond)) == 401, "nor after a restart"

    def test_a_new_token_lets_in_and_from_then_on_one_is_needed(
        self, serve: Serve, add, ticks: Clock
    ) -> None:
        client = serve(ticks=ticks)
        assert send(client) == 202
        add()
        assert until_refused(client, None, ticks)
        assert send(client, VALUES["ci"]) == 202

    def test_the_database_is_asked_only_when_something_changed_and_not_at_each_request(
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
        assert asked.count(tokens.every_token) <= 2, "once for the use that was written down"

    def test_a_database_that_does_not_answer_changes_nothing_until_it_does(
        self, store: Store, serve: Serve, add, ticks: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add()
        client = serve(ticks=ticks)
        assert send(client, VALUES["ci"]) == 202  # so that its use is written down, and nothing more changes
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
    """401 for who is not let in. Who is sends what cannot be stored, so that the database stays as it is."""
    given = {"Authorization": f"Bearer {token}"} if token else {}
    return client.post("/alerts", json=7, headers=given).status_code


def until_refused(client: httpx.Client, token: str | None, ticks: Clock) -> bool:
    """PostgreSQL tells of a change in its own time."""
    for _ in range(1000):
        ticks.advance(A_WHILE_MS)
        if send(client, token) == 401:
            return True
    return False


class TestTheRate:
    def test_is_each_tokens_own(self, serve: Serve, add, ticks: Clock) -> None:
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
        assert refused.json() == {"error": "at most 2 requests a second are taken from here"}
        assert other == [202] * 10
        assert send(client, VALUES["ci"]) == 202

    def test_says_when_to_come_back_and_no_earlier(self, serve: Serve, add, ticks: Clock) -> None:
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

    def test_of_the_configuration_is_for_all_that_have_none(self, serve: Serve, add, ticks: Clock) -> None:
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

    def test_holds_for_those_without_a_token_together(self, serve: Serve, ticks: Clock) -> None:
        client = serve(ticks=ticks, rate=1.0)
        assert [send(client) for _ in range(3)] == [202, 202, 429]

    def test_is_spent_by_nobody_who_is_not_let_in(self, serve: Serve, add, ticks: Clock) -> None:
        add("ci", rate=0.01)
        client = serve(ticks=ticks)
        assert [send(client, "wrong") for _ in range(3)] == [401] * 3
        assert send(client, VALUES["ci"]) == 202


class TestTheLastUse:
    def last_uses(self, store: Store) -> list[int | None]:
        return [token.last_used_at for token in store.read(tokens.every_token).result()]

    def test_is_written_down_once_a_minute_at_most(
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

    async def test_of_the_last_minute_is_written_down_at_the_end(
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

    async def test_keeps_nobody_from_ending_where_the_database_keeps_silent(
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
        write(store, lambda tx: None)  # behind what is being written
        return self.last_uses(store)


class TestTheLog:
    def test_says_who_was_refused_by_the_tokens_name(self, serve: Serve, add, caplog) -> None:
        add("ci", rate=0.01)
        client = serve()
        send(client)
        send(client, VALUES["ci"])
        send(client, VALUES["ci"])
        client.post("/alerts", content=b"{", headers={"Authorization": "Bearer wr0ng"})

        assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
            "127.0.0.1: 401, a token is needed; send Authorization: Bearer TOKEN",
            "127.0.0.1, token 'ci': 429, at most 0.01 requests a second are taken from here",
            "127.0.0.1: 401, this is no token of this endpoint; send Authorization: Bearer TOKEN",
        ]
        assert VALUES["ci"] not in caplog.text

    def test_says_whose_alert_is_wrong(self, serve: Serve, add, caplog) -> None:
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

    def test_a_flood_of_one_kind_hides_no_other(self, serve: Serve, add, caplog) -> None:
        add()
        client = serve()
        for _ in range(50):
            send(client)
        client.post("/alerts", json=7, headers={"Authorization": f"Bearer {VALUES['ci']}"})
        assert "token 'ci': 422" in caplog.records[-1].getMessage()
