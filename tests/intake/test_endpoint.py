"""The HTTP endpoint on a real socket: what it accepts and refuses. It stores before it answers."""

import gzip
import json
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import ENGINES, NOW, Clock, alert, write
from tests.intake.conftest import Post, stored
from tests.store.bench import Bench
from tui.intake import endpoint, requests
from tui.intake.bodies import BODY_LIMIT
from tui.store import outbox
from tui.store.engine.database import Store
from tui.store.errors import DiskFull, StoreUnavailable

TOKEN = "t0ken"
BOTH = pytest.mark.parametrize("engine", ENGINES)


@pytest.fixture
def engine() -> str:
    """SQLite, unless the test is marked with BOTH: what the store does is tested there, on both."""
    return "sqlite"


class TestAcceptedAlerts:
    @BOTH
    def test_one(self, bench: Bench, post: Post) -> None:
        soc = bench.add(name="soc")

        answer = post({"title": "Root login", "severity": "CRITICAL", "alertId": "a-1"})

        [(webhook_id,)] = bench.rows("SELECT webhook_id FROM delivery")
        assert (answer.status_code, answer.json()) == (
            202,
            [
                {
                    "alertId": "a-1",
                    "repeated": False,
                    "notRouted": None,
                    "deliveries": [{"id": webhook_id, "destination": "soc", "destinationId": soc.id}],
                    "revived": [],
                    "folded": [],
                }
            ],
        )
        assert bench.rows("SELECT title, severity, created_at FROM alert") == [
            ("Root login", "CRITICAL", NOW)
        ]

    def test_one_that_is_not_routed(self, post: Post) -> None:
        [receipt] = post({"title": "x"}).json()
        assert (receipt["deliveries"], receipt["notRouted"]) == ([], "there was no destination yet")

    def test_several(self, bench: Bench, post: Post) -> None:
        for body, kind in (
            (b'[{"title": "a"}, {"title": "b"}]', "application/json; charset=utf-8"),
            (b'{"title": "c"}\n{"title": "d"}\n', "application/x-ndjson"),
            (b'{"title": "e"}\n\n{"title": "f"}', "application/json"),
        ):
            answer = post(body, Content_Type=kind)
            assert (answer.status_code, len(answer.json())) == (202, 2)
        assert stored(bench) == list("abcdef")

    def test_of_a_program_whatever_the_content_type(self, bench: Bench, client: httpx.Client) -> None:
        kinds = ("application/octet-stream", "text/json", "application/vnd.x+json")
        for headers in ({}, *({"Content-Type": kind} for kind in kinds)):
            assert client.post("/alerts", content=b'{"title": "x"}', headers=headers).status_code == 202
        assert stored(bench) == ["x"] * 4

    def test_compressed_with_gzip(self, bench: Bench, post: Post) -> None:
        one, two = gzip.compress(b'{"title": "a"}'), gzip.compress(b'{"title":') + gzip.compress(b'"b"}')
        assert [post(body, Content_Encoding="gzip").status_code for body in (one, two)] == [202] * 2
        assert stored(bench) == ["a", "b"]

    def test_get_a_link_from_the_template(self, bench: Bench, serve: Callable[..., httpx.Client]) -> None:
        client = serve(link_template="https://soc.example.com/{alertId}")
        client.post("/alerts", json={"title": "x", "alertId": "a-1"})
        assert bench.rows("SELECT link FROM alert") == [("https://soc.example.com/a-1",)]

    def test_wake_the_dispatcher(self, serve: Callable[..., httpx.Client]) -> None:
        told = threading.Event()
        serve(nudge=told.set).post("/alerts", json={"title": "x"})
        assert told.wait(20)


FIRING = {
    "version": "4",
    "groupKey": "k",
    "receiver": "tocsin",
    "status": "firing",
    "alerts": [
        {
            "status": "firing",
            "fingerprint": "f1",
            "startsAt": "2026-01-31T09:15:00Z",
            "labels": {"alertname": "HighLoad", "severity": "critical"},
            "annotations": {"summary": "Load is high"},
        }
    ],
}


class TestAlertsOfOtherTools:
    def test_are_read_in_their_formats(self, bench: Bench, client: httpx.Client) -> None:
        for query in ("", "?format=alertmanager", "?format=auto"):
            assert client.post(f"/alerts{query}", json=FIRING).status_code == 202
        assert bench.rows("SELECT title, severity FROM alert") == [("Load is high", "CRITICAL")]

    def test_reported_again_with_other_content_are_repeats(self, bench: Bench, post: Post) -> None:
        post(FIRING)
        again = json.loads(json.dumps(FIRING).replace("Load is high", "Load is higher"))
        [receipt] = post(again).json()
        assert receipt["repeated"]
        assert stored(bench) == ["Load is high"]

    def test_that_are_skipped_are_in_the_answer(self, bench: Bench, post: Post) -> None:
        flow = json.loads((Path(__file__).parent / "samples/suricata_flow.json").read_text())["document"]
        answer = post([flow, {"title": "x"}])
        skipped, receipt = answer.json()
        assert answer.status_code == 202
        assert (skipped["item"], set(skipped)) == ("item 1", {"item", "skipped"})
        assert receipt["alertId"]
        assert stored(bench) == ["x"]

    def test_that_are_skipped_are_in_the_description(self, client: httpx.Client) -> None:
        post = client.get("/openapi.json").json()["paths"]["/alerts"]["post"]
        entries = post["responses"]["202"]["content"]["application/json"]["schema"]["items"]["oneOf"]
        assert [set(entry["required"]) for entry in entries] == [
            {"alertId", "repeated", "notRouted", "deliveries", "revived", "folded"},
            {"item", "skipped"},
        ]

    @BOTH
    def test_of_a_storm_are_stored_in_one_request(self, bench: Bench, post: Post) -> None:
        stored_before = 0
        for count, length in ((1_001, 10), (900, 1_800)):
            alerts = [
                {
                    "status": "firing",
                    "fingerprint": f"{length}-{number}",
                    "startsAt": "2026-01-31T09:15:00Z",
                    "labels": {"alertname": "PodCrash", "pod": f"p-{number}"},
                    "annotations": {"summary": f"p-{number}", "description": "x" * length},
                }
                for number in range(count)
            ]
            answer = post(FIRING | {"alerts": alerts})
            assert (answer.status_code, len(answer.json())) == (202, count)
            assert len(stored(bench)) - stored_before == count
            stored_before += count

    def test_in_an_unknown_format_are_refused(self, bench: Bench, client: httpx.Client) -> None:
        answer = client.post("/alerts?format=nagios", json=FIRING)
        assert answer.status_code == 422
        assert "nagios" in answer.json()["error"]
        assert stored(bench) == []

    def test_over_the_limit_are_refused(
        self, bench: Bench, post: Post, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert endpoint.MOST_ALERTS == 20_000
        monkeypatch.setattr(endpoint, "MOST_ALERTS", 100)
        assert post(FIRING | {"alerts": FIRING["alerts"] * 101}).status_code == 413
        assert stored(bench) == []


class TestRepeats:
    def test_are_acknowledged_and_stored_only_once(self, bench: Bench, post: Post, clock: Clock) -> None:
        bench.add()
        first = post({"title": "x", "alertId": "a-1"})
        clock.advance(60_000)
        again = post({"title": "x", "alertId": "a-1"})

        assert (first.status_code, again.status_code) == (202, 202)
        assert again.json() == [first.json()[0] | {"repeated": True}]
        assert stored(bench) == ["x"]

    @BOTH
    def test_with_other_content_are_a_conflict(self, bench: Bench, post: Post) -> None:
        post({"title": "x", "alertId": "a-1"})
        answer = post([{"title": "new"}, {"title": "y", "alertId": "a-1"}])

        assert answer.status_code == 409
        assert answer.json() == {
            "error": "nothing was stored: item 2: "
            "an alert with the id 'a-1' is already stored with other content",
            "items": [
                {
                    "item": "item 2",
                    "field": "alertId",
                    "error": "an alert with the id 'a-1' is already stored with other content",
                }
            ],
            "bad": 1,
        }
        assert stored(bench) == ["x"]

    def test_with_the_same_idempotency_key_are_repeats(self, bench: Bench, post: Post) -> None:
        body = [{"title": "a"}, {"title": "a"}]
        first, again = (post(body, Idempotency_Key="8e03978e") for _ in range(2))
        other = post(body, Idempotency_Key="another")

        ids = [[receipt["alertId"] for receipt in answer.json()] for answer in (first, again, other)]
        assert ids[0] == ids[1]
        assert len({*ids[0], *ids[2]}) == 4
        assert stored(bench) == ["a"] * 4

    def test_with_the_same_delivery_header_are_repeats(self, bench: Bench, post: Post) -> None:
        for header, title in (("webhook-id", "a"), ("X-GitHub-Delivery", "b")):
            answers = [post({"title": title}, **{header: title + key}).json()[0] for key in "kkl"]
            assert [answer["repeated"] for answer in answers] == [False, True, False]
        assert stored(bench) == ["a", "a", "b", "b"]

    def test_an_idempotency_key_reused_for_other_content_is_a_conflict(
        self, bench: Bench, post: Post
    ) -> None:
        post({"title": "a"}, Idempotency_Key="k")
        assert post({"title": "b"}, Idempotency_Key="k").status_code == 409
        assert stored(bench) == ["a"]

    def test_an_idempotency_key_of_a_wrong_length_is_refused(self, bench: Bench, post: Post) -> None:
        assert post({"title": "a"}, Idempotency_Key="").status_code == 422
        assert post({"title": "a"}, Idempotency_Key="k" * 256).status_code == 422
        assert stored(bench) == []


DEEP = b"[" * 100_000
MALFORMED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "the input is empty"),
    "blank": (b" \n ", "the input is empty"),
    "truncated": (b'[{"title": "x"}, {"tit', "line 1: this is not JSON"),
    "no JSON": (b"title=x", "line 1: this is not JSON"),
    "a number": (b"7", "an alert must be a JSON object, not a number"),
    "null": (b"null", "an alert must be a JSON object, not null"),
    "a text": (b'"x"', "an alert must be a JSON object, not a string"),
    "an array of arrays": (
        b'[{"title": "x"}, [7]]',
        "item 2, item 1: an alert must be a JSON object, not a number",
    ),
    "nested too deeply": (DEEP, "the JSON is nested too deeply"),
    "a context nested too deeply": (
        b'{"title": "x", "alertContext": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}",
        "",
    ),
    "a huge number": (b'{"title": "x", "alertContext": {"n": 1e999}}', ""),
    "a number of many digits": (b'{"title": "x", "alertContext": {"n": ' + b"9" * 5_000 + b"}}", ""),
    "not a number": (b'{"title": "x", "alertContext": {"n": NaN}}', ""),
    "UTF-16": ('{"title": "x"}'.encode("utf-16"), "line 1: this is not JSON"),
    "a raw control character": (b'{"title": "\x01"}', "line 1: this is not JSON"),
    "two objects on a line": (b'{"title": "x"} {"title": "y"}', "line 1: this is not JSON"),
    "a wrong type": (b'{"title": 7}', ""),
    "a key that is a slip": (b'{"title": "x", "severty": "LOW"}', ""),
    "a context that is no object": (
        b'[{"title": "a"}, {"title": "x", "alertContext": 1}]',
        "item 2: alertContext",
    ),
    "an unknown destination": (
        b'[{"title": "a"}, {"title": "x", "destinations": ["b"]}]',
        "item 2: no destination",
    ),
    "a bad line": (b'{"title": "a"}\n{"title": "b"\n{"title": "c"}', "line 2: this is not JSON"),
    "nothing to call it by": (b"{}", "line 1: an alert needs a title, a name or an id"),
}


class TestRefusals:
    def test_what_is_malformed_is_named_and_nothing_is_stored(self, bench: Bench, post: Post) -> None:
        for name, (body, words) in MALFORMED.items():
            answer = post(body)
            assert answer.status_code == 422, name
            assert answer.json()["error"].startswith(f"nothing was stored: {words}"), name
            assert stored(bench) == [], name

    def test_invalid_utf_8_in_valid_json_is_accepted(self, bench: Bench, post: Post) -> None:
        assert post(b'{"title": "x\xff"}').status_code == 202
        assert stored(bench) == ["x\ufffd"]

    def test_the_last_of_duplicate_keys_wins(self, bench: Bench, post: Post) -> None:
        assert post(b'{"title": "a", "title": "b"}').status_code == 202
        assert stored(bench) == ["b"]

    def test_errors_are_listed_up_to_a_hundred(self, bench: Bench, post: Post) -> None:
        answer = post([{"title": "good"}] + [7] * 999)
        assert (answer.status_code, answer.json()["bad"], len(answer.json()["items"])) == (422, 999, 100)
        assert stored(bench) == []

    def test_too_many_alerts(self, bench: Bench, post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(endpoint, "MOST_ALERTS", 100)
        one = b'{"id":"a"}'
        for begin, between, end in ((b"[", b",", b"]"), (b"", b"\n", b""), (b"[[", b",", b"]]")):
            answer = post(begin + between.join([one] * 101) + end)
            assert answer.status_code == 413
            assert answer.json() == {"error": "the request has more than 100 alerts; send it in parts"}
        assert stored(bench) == []

    def test_after_a_thousand_errors_nothing_more_is_read(self, bench: Bench, post: Post) -> None:
        for body in (b"[" + b"7," * 2_000 + b"oops", b"oops\n{}\n" + b"oops\n" * 2_000):
            answer = post(body)
            assert (answer.status_code, answer.json()["bad"]) == (422, 1_000)
            assert len(answer.json()["items"]) == 100
        assert stored(bench) == []

    def test_a_body_too_long(self, bench: Bench, post: Post) -> None:
        assert post({"title": "x" * BODY_LIMIT}).status_code == 413
        assert stored(bench) == []

    def test_a_content_type_other_than_json(self, bench: Bench, post: Post) -> None:
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
            answer = post({"title": "x"}, Content_Type=kind)
            assert (answer.status_code, answer.json()["error"]) == (
                415,
                f"alerts are JSON; send Content-Type: application/json, not {kind}",
            )
        assert stored(bench) == []

    def test_plain_text_is_accepted_only_from_sns(self, bench: Bench, post: Post) -> None:
        """SNS labels its JSON so. A web page cannot send this header without a preflight."""
        answer = post({"title": "x"}, Content_Type="text/plain", X_Amz_SNS_Message_Type="Notification")
        assert answer.status_code == 202

    def test_an_unknown_compression(self, bench: Bench, post: Post) -> None:
        assert post({"title": "x"}, Content_Encoding="br").status_code == 415
        assert stored(bench) == []

    def test_a_body_that_is_no_gzip_or_cut_off(self, bench: Bench, post: Post) -> None:
        for body in (b'{"title": "x"}', gzip.compress(b'{"title": "x"}')[:-3]):
            assert post(body, Content_Encoding="gzip").status_code == 422
        assert stored(bench) == []

    def test_a_body_that_inflates_beyond_the_limit(self, bench: Bench, post: Post) -> None:
        bomb = gzip.compress(b" " * (BODY_LIMIT + 1))
        assert post(bomb, Content_Encoding="gzip").status_code == 413
        assert stored(bench) == []

    def test_an_unclear_content_type_from_a_browser(self, bench: Bench, client: httpx.Client) -> None:
        for kind in ({}, {"Content-Type": "application/octet-stream"}):
            headers = {"Sec-Fetch-Site": "none"} | kind
            assert client.post("/alerts", content=b'{"title": "x"}', headers=headers).status_code == 415
        assert stored(bench) == []

    def test_a_slash_at_the_end_is_no_redirect(self, bench: Bench, client: httpx.Client) -> None:
        answer = client.post("/alerts/", json={"title": "x"})
        assert (answer.status_code, answer.history) == (202, [])
        assert stored(bench) == ["x"]
        assert client.get("/healthz/").status_code == 404

    def test_other_paths_and_methods(self, client: httpx.Client) -> None:
        assert client.get("/").status_code == 404
        assert client.post("/alert").status_code == 404
        wrong = client.get("/alerts")
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")

    def test_a_body_that_breaks_off_stores_nothing(self, bench: Bench, client: httpx.Client) -> None:
        with socket.create_connection(("127.0.0.1", client.base_url.port)) as gone:
            gone.sendall(b"POST /alerts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200\r\n\r\n")
            gone.sendall(b'{"title": "x"}')
        assert client.get("/healthz").status_code == 200
        assert stored(bench) == []


SURROGATES = [
    (b'[{"event_type":"alert","timestamp":1,"alert":{"signature":"s"},"in_iface":"x"},'
     b'{"event_type":"\\ud800","timestamp":1,"in_iface":"x"}]', "", 202),
    (b'{"title": "x", "\\ud800": 1}', "?format=tocsin", 422),
    (b'{"title": "x", "alertId": "\\ud800"}', "?format=tocsin", 202),
    (b'{"title": "x", "severity": "\\ud800"}', "?format=tocsin", 422),
    (b'{"\\ud800": 1}', "?format=plain", 422),
    (b'{"title": "x"}', "?format=%ED%A0%80", 422),
]  # fmt: skip


@BOTH
def test_a_lone_surrogate_does_not_change_the_status(bench: Bench, client: httpx.Client) -> None:
    for body, query, status in SURROGATES:
        before = len(stored(bench))
        answer = client.post(f"/alerts{query}", content=body)
        assert answer.status_code == status, body
        assert len(stored(bench)) - before == (status == 202), body


class TestCloudEventsInBinaryMode:
    HEADERS = {
        "ce-specversion": "1.0",
        "ce-id": "e-7",
        "ce-source": "/scanner/%C3%BC",
        "ce-type": "com.example.finding",
        "ce-time": "2026-01-31T09:15:00.25Z",
    }

    def test_the_data_is_the_alert_and_headers_fill_in_the_rest(self, bench: Bench, post: Post) -> None:
        for _ in range(2):
            answer = post({"title": "Open port", "severity": "HIGH"}, **self.HEADERS)
            assert answer.status_code == 202
        [receipt] = answer.json()
        assert receipt["repeated"]
        assert bench.rows("SELECT title, severity, created_at, tags FROM alert") == [
            ("Open port", "HIGH", 1_769_850_900_250, '["/scanner/ü"]')
        ]

    def test_is_the_same_alert_as_in_structured_mode(self, bench: Bench, post: Post) -> None:
        data = {"answer": 42}
        event = {name.removeprefix("ce-"): value for name, value in self.HEADERS.items()}
        event |= {"source": "/scanner/ü", "data": data}
        post(data, **self.HEADERS)
        [receipt] = post(event, **{"Content-Type": "application/cloudevents+json"}).json()
        assert receipt["repeated"]
        [(title, context)] = bench.rows("SELECT title, context FROM alert")
        assert (title, json.loads(context)) == ("com.example.finding", event)

    def test_a_batch_is_an_array(self, bench: Bench, post: Post) -> None:
        events = [
            {"specversion": "1.0", "id": id, "source": "/s", "type": "t", "data": {"title": id}}
            for id in "ab"
        ]
        kind = {"Content-Type": "application/cloudevents-batch+json"}
        assert post(events, **kind).status_code == 202
        assert stored(bench) == ["a", "b"]

    def test_an_event_without_data_is_read_from_its_headers(self, bench: Bench, post: Post) -> None:
        assert post(b"", **self.HEADERS).status_code == 202
        assert bench.rows("SELECT title FROM alert") == [("com.example.finding",)]

    def test_data_that_is_not_json_is_refused(self, bench: Bench, post: Post) -> None:
        answer = post(b"{oops}", **self.HEADERS)
        assert answer.status_code == 422
        assert "this is not JSON" in answer.json()["error"]
        assert stored(bench) == []


class TestUnavailable:
    def test_the_answer_says_when_to_retry(
        self, store: Store, post: Post, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for error, status in (
            (DiskFull("the disk is full"), 429),
            (StoreUnavailable("the database is locked"), 503),
        ):
            lost: Future[Any] = Future()
            lost.set_exception(error)
            with monkeypatch.context() as patch:
                patch.setattr(store, "write", lambda *_, lost=lost, **__: lost)
                answer = post({"title": "x"})
            assert (answer.status_code, answer.headers["retry-after"]) == (status, "5")
            assert answer.json() == {"error": str(error)}
        assert post({"title": "x"}).status_code == 202

    def test_a_full_queue_refuses_alerts_until_it_is_shorter(
        self, bench: Bench, serve: Callable[..., httpx.Client]
    ) -> None:
        bench.add()
        client = serve(queue_limit=2)
        bench.submit()
        [last] = bench.submit()

        full = client.post("/alerts", json={"title": "x"})
        bench.cancel(last)
        room = client.post("/alerts", json={"title": "x"})

        assert (full.status_code, full.headers["retry-after"], room.status_code) == (429, "5", 202)
        assert full.json()["error"] == "2 deliveries are pending already; retry when some are delivered"

    def test_senders_that_give_up_at_4xx_get_503(
        self, bench: Bench, serve: Callable[..., httpx.Client]
    ) -> None:
        bench.add()
        client = serve(queue_limit=1)
        bench.submit()
        for header, status in (
            ({"User-Agent": "Alertmanager/0.25.0"}, 503),
            ({"User-Agent": "Grafana"}, 503),
            ({"x-amz-sns-message-type": "Notification"}, 503),
            ({"User-Agent": "curl/8.5"}, 429),
        ):
            full = client.post("/alerts", json={"title": "x"}, headers=header)
            assert (full.status_code, full.headers["retry-after"]) == (status, "5")

    def test_an_internal_error_answers_500_and_the_next_request_succeeds(
        self, bench: Bench, post: Post, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(outbox, "submit_groups", lambda *_, **__: 1 / 0)
            assert post({"title": "x"}).status_code == 500
        assert post({"title": "y"}).status_code == 202
        assert stored(bench) == ["y"]


class TestManyAtOnce:
    @BOTH
    def test_share_transactions_and_each_gets_its_own_answer(
        self, bench: Bench, store: Store, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """While one transaction is written, new requests gather for the next."""
        bench.add(name="soc")
        write_now, begun, go_on = store.write, threading.Event(), threading.Event()
        sizes: list[int] = []

        def slow_write(work: Any, *args: Any, **named: Any) -> Any:
            if work is outbox.submit_groups:
                sizes.append(len(args[0]))

            def waiting(tx: Any) -> Any:
                begun.set()
                assert go_on.wait(20)
                return work(tx, *args, **named)

            return write_now(waiting)

        monkeypatch.setattr(store, "write", slow_write)
        bodies = [{"title": f"{n}", "alertId": f"a-{n}"} for n in range(30)]
        bodies[7] |= {"destinations": ["nowhere"]}

        with ThreadPoolExecutor(30) as threads:
            first = threads.submit(client.post, "/alerts", json={"title": "first"})
            assert begun.wait(20)
            answers = [threads.submit(client.post, "/alerts", json=body) for body in bodies]
            threading.Thread(target=lambda: (until_gathered(client), go_on.set())).start()
            statuses = [answer.result().status_code for answer in answers]
            assert first.result().status_code == 202

        assert statuses == [422 if n == 7 else 202 for n in range(30)]
        assert sum(sizes) == 31
        assert len(sizes) < 31
        assert bench.rows("SELECT count(*) FROM delivery") == [(30,)]


def until_gathered(client: httpx.Client) -> None:
    """Wait until the server has read some of the requests: it answers later ones."""
    with httpx.Client(base_url=client.base_url, trust_env=False) as other:
        for _ in range(5):
            other.get("/openapi.json")


def test_it_describes_itself(serve: Callable[..., httpx.Client]) -> None:
    plain = serve().get("/openapi.json").json()
    guarded = serve(configured=TOKEN).get("/openapi.json").json()
    assert set(plain["paths"]) == {"/alerts", "/alerts/", "/healthz", "/openapi.json"}
    assert "security" not in plain["paths"]["/alerts"]["post"]
    assert guarded["paths"]["/alerts"]["post"]["security"] == [
        {"token": []},
        {"password": []},
        {"url": []},
        {"standard": []},
        {"github": []},
    ]
    assert {"get", "options", "post"} == set(guarded["paths"]["/alerts"])


def test_its_description_names_what_it_reads_and_answers(serve: Callable[..., httpx.Client]) -> None:
    post = serve().get("/openapi.json").json()["paths"]["/alerts"]["post"]
    headers = {each["name"].lower() for each in post["parameters"] if each["in"] == "header"}
    assert headers == {*requests.KEY_HEADERS, "content-encoding"}
    assert set(requests.TYPES) <= set(post["requestBody"]["content"])
    with_retry = {status for status, answer in post["responses"].items() if "headers" in answer}
    assert with_retry == {"429", "503"}


def test_its_description_names_every_key_an_alert_may_have(serve: Callable[..., httpx.Client]) -> None:
    from tui.domain.alert import KEYS

    body = serve().get("/openapi.json").json()["paths"]["/alerts"]["post"]["requestBody"]
    one, _ = body["content"]["application/json"]["schema"]["oneOf"]
    assert set(one["properties"]) == set(KEYS)


@BOTH
def test_an_alert_stored_by_another_process_is_a_conflict(bench: Bench, store: Store, post: Post) -> None:
    write(store, outbox.submit, [alert(alert_id="a-1", title="x")])
    assert post({"title": "y", "alertId": "a-1"}).status_code == 409
