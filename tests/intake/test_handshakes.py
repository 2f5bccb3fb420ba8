"""What tools ask before they send alerts, each as its documentation shows it."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest

from tests.intake.conftest import Serve, stored
from tests.store.bench import Bench
from tui.delivery.fetch import NotFetched
from tui.intake.handshakes import HANDSHAKES, Handshakes

pytestmark = pytest.mark.parametrize("engine", ["sqlite"])

TOKEN = "0123456789abcdef"
TOPIC = "arn:aws:sns:eu-west-1:111122223333:findings"
CODE = "512d38b6-c7b8-40c8-89fe-f46f9e9622b6"
EVIL = "<script>alert(1)</script>"
VALIDATION = [
    {
        "id": "2d1781af-3a4c-4d7c-bd0c-e34b19da4e66",
        "topic": "/subscriptions/x",
        "subject": "",
        "data": {"validationCode": CODE, "validationUrl": "https://example.com/validate?id=1"},
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "eventTime": "2026-01-31T09:30:00.1234567Z",
        "metadataVersion": "1",
        "dataVersion": "1",
    }
]
CHALLENGE = {"token": "Jhj5dZrVaK7ZwHHjRyZWjbDl", "challenge": EVIL, "type": "url_verification"}

Ask = Callable[[httpx.Client, Mapping[str, str]], httpx.Response]
ASKED: Mapping[str, tuple[str, dict[str, Any], Any]] = {
    "Okta event hooks": (
        "GET",
        {"headers": {"X-Okta-Verification-Challenge": EVIL, "Accept": "application/json"}},
        {"verification": EVIL},
    ),
    "CloudEvents, Azure Event Grid with the CloudEvents schema": (
        "OPTIONS",
        {"headers": {"WebHook-Request-Origin": "eventgrid.azure.net", "WebHook-Request-Rate": "120"}},
        "",
    ),
    "Azure Event Grid": (
        "POST",
        {"json": VALIDATION, "headers": {"aeg-event-type": "SubscriptionValidation"}},
        {"validationResponse": CODE},
    ),
    "Microsoft Graph change notifications": (
        "POST",
        {"params": {"validationToken": EVIL}, "headers": {"Content-Type": "text/plain; charset=utf-8"}},
        EVIL,
    ),
    "Slack's Events API, and tools that copy it": ("POST", {"json": CHALLENGE}, {"challenge": EVIL}),
    "GitHub": (
        "POST",
        {"json": {"zen": "Keep it logically awesome.", "hook_id": 1}, "headers": {"X-GitHub-Event": "ping"}},
        {"ping": "Keep it logically awesome."},
    ),
}


def ask(client: httpx.Client, tool: str, token: str = "") -> httpx.Response:
    method, given, _ = ASKED[tool]
    params = given.get("params", {}) | ({"token": token} if token else {})
    return client.request(method, "/alerts", **{**given, "params": params})


def test_every_handshake_is_answered_with_the_token_and_nothing_is_stored(bench: Bench, serve: Serve) -> None:
    client = serve(configured=TOKEN)
    assert set(ASKED) == {shake.tool for shake in HANDSHAKES}
    for tool, (_, _, expected) in ASKED.items():
        refused, answer = ask(client, tool), ask(client, tool, TOKEN)
        assert refused.status_code == 401, tool
        assert EVIL not in refused.text
        kind = answer.headers["content-type"]
        found = answer.json() if kind == "application/json" else answer.text
        assert (answer.status_code, found) == (200, expected), tool
        assert kind in ("application/json", "text/plain; charset=utf-8")
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert stored(bench) == []


def test_cloudevents_abuse_protection_allows_the_origin_at_any_rate(serve: Serve) -> None:
    headers = ask(serve(), "CloudEvents, Azure Event Grid with the CloudEvents schema").headers
    assert headers["webhook-allowed-origin"] == "eventgrid.azure.net"
    assert (headers["webhook-allowed-rate"], headers["allow"]) == ("*", "POST")


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {}),
        ("OPTIONS", {}),
        ("HEAD", {}),
        ("GET", {"WebHook-Request-Origin": "x"}),
        ("OPTIONS", {"X-Okta-Verification-Challenge": "x"}),
        ("PUT", {"X-GitHub-Event": "ping"}),
    ],
)
def test_other_requests_without_a_body_are_405(serve: Serve, method: str, headers: dict[str, str]) -> None:
    answer = serve(configured=TOKEN).request(method, "/alerts", headers=headers)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_what_only_looks_like_a_handshake_is_an_alert(bench: Bench, serve: Serve) -> None:
    client = serve()
    for body, headers in (
        ({"title": "url_verification failed"}, {}),
        ({"title": "b", "type": "RULE", "description": "url_verification", "alertContext": {}}, {}),
        ({"title": "c"}, {"X-GitHub-Event": "push"}),
        ({"title": "d"}, {"aeg-event-type": "SubscriptionValidation"}),
        ({"title": "e"}, {"x-amz-sns-message-type": "SubscriptionConfirmation"}),
    ):
        assert client.post("/alerts", json=body, headers=headers).status_code == 202
    assert stored(bench) == ["url_verification failed", "b", "c", "d", "e"]


def test_a_web_page_gets_no_answer(serve: Serve) -> None:
    client = serve()
    page = {"Origin": "https://evil.example"}
    for tool, (method, given, _) in ASKED.items():
        answer = client.request(method, "/alerts", **{**given, "headers": given.get("headers", {}) | page})
        assert answer.status_code == 403, tool


def confirmation(topic: str = TOPIC, token: str = "2336412f37fb") -> dict[str, str]:
    return {
        "Type": "SubscriptionConfirmation",
        "MessageId": f"165545c9-{topic}-{token}",
        "Token": token,
        "TopicArn": topic,
        "Message": f"You have chosen to subscribe to the topic {topic}.\nVisit the SubscribeURL.",
        "SubscribeURL": f"https://sns.evil.example/?Action=ConfirmSubscription&Token={token}",
        "Timestamp": "2026-01-31T09:15:00.250Z",
    }


class TestSns:
    def post(self, client: httpx.Client, message: Mapping[str, str]) -> httpx.Response:
        headers = {
            "Content-Type": "text/plain; charset=UTF-8",
            "x-amz-sns-message-type": message["Type"],
            "x-amz-sns-topic-arn": message["TopicArn"],
        }
        return client.post("/alerts", content=json.dumps(message), headers=headers)

    def test_a_subscription_to_an_allowed_topic_is_confirmed_at_sns_itself(
        self, bench: Bench, serve: Serve
    ) -> None:
        opened: list[str] = []

        async def confirm(url: str) -> None:
            opened.append(url)

        client = serve(handshakes=Handshakes(frozenset({TOPIC}), confirm))
        answer = self.post(client, confirmation())
        assert (answer.status_code, answer.json()) == (200, {"confirmed": TOPIC})
        assert opened == [
            "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn%3Aaws%3Asns%3Aeu-west-1"
            "%3A111122223333%3Afindings&Token=2336412f37fb"
        ]
        assert stored(bench) == []

    def test_any_other_becomes_an_alert_with_the_link(self, bench: Bench, serve: Serve, caplog) -> None:
        async def confirm(url: str) -> None:
            raise NotFetched("sns.eu-west-1.amazonaws.com answered 403")

        client = serve(handshakes=Handshakes(frozenset({TOPIC}), confirm))
        other = TOPIC.replace("1111", "9999")
        for message in (confirmation(other), confirmation(token="a&b"), confirmation()):
            assert self.post(client, message).status_code == 202
        assert stored(bench) == [
            f"Confirm the SNS subscription to {topic}" for topic in (other, TOPIC, TOPIC)
        ]
        [link] = bench.rows("SELECT link FROM alert WHERE title LIKE '%9999%'")
        assert link == (confirmation(other)["SubscribeURL"],)
        assert f"cannot confirm the SNS subscription to {TOPIC}: sns.eu-west-1" in caplog.text
