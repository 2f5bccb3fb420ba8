"""Senders that sign their requests instead of presenting a token."""

import gzip
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from tests.conftest import NOW, Clock, write
from tests.intake.conftest import Serve, stored
from tests.store.bench import Bench
from tui.domain.secret import Secret, format_secret
from tui.domain.signature import Scheme
from tui.domain.token import Token, digest_of
from tui.intake.bodies import Bodies
from tui.intake.room import UNPROVEN, Room
from tui.store import tokens
from tui.store.engine.database import Store

pytestmark = pytest.mark.parametrize("engine", ["sqlite"])

SECRET = format_secret(b"the secret of the sender; 32 bytes"[:32])
OTHER = format_secret(b"of another sender, also 32 bytes.."[:32])
AT = NOW // 1000
BODY = b'{"title": "Zo\xc3\xab"}'


@pytest.fixture
def add(store: Store) -> Callable[..., Token]:
    def add(name: str, scheme: Scheme | None, secret: str = SECRET, **settings) -> Token:
        token = Token(name, digest_of(name), verify=scheme, secret=scheme and Secret(secret), **settings)
        return write(store, tokens.add, token)

    return add


def standard(body: bytes = BODY, *, id: str = "msg_1", at: int = AT, secret: str = SECRET) -> dict[str, str]:
    """Sign with the official package; it signs text, so only for a body in UTF-8."""
    signed = Webhook(secret).sign(id, datetime.fromtimestamp(at, UTC), body.decode())
    return {"webhook-id": id, "webhook-timestamp": str(at), "webhook-signature": signed}


def github(body: bytes = BODY, *, id: str = "72d3162e", secret: str = SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, "sha256").hexdigest()
    return {"X-GitHub-Delivery": id, "X-Hub-Signature-256": f"sha256={digest}"}


def post(
    client: httpx.Client, sender: str, headers: Mapping[str, str], body: bytes = BODY, **params: str
) -> httpx.Response:
    given = {"Content-Type": "application/json", **headers}
    return client.post("/alerts", params={"sender": sender, **params}, content=body, headers=given)


@pytest.mark.parametrize("sign", [standard, github], ids=["standard", "github"])
def test_a_signed_request_is_stored_and_its_repeat_is_not(bench: Bench, serve: Serve, add, sign) -> None:
    add("Zürich", Scheme.STANDARD if sign is standard else Scheme.GITHUB)
    client = serve()
    first, again = (post(client, "zürich", sign()) for _ in range(2))
    other = post(client, "Zürich", sign(id="another"))
    assert [answer.status_code for answer in (first, again, other)] == [202] * 3
    assert [answer.json()[0]["repeated"] for answer in (first, again, other)] == [False, True, False]
    assert again.json()[0]["alertId"] == first.json()[0]["alertId"]
    assert stored(bench) == ["Zoë"] * 2


def test_what_is_not_signed_is_refused(bench: Bench, serve: Serve, add, caplog) -> None:
    add("billing", Scheme.STANDARD)
    add("github", Scheme.GITHUB)
    add("ci", None)
    client = serve()
    bearer = {"Authorization": f"Bearer {SECRET}"}
    refused = [
        ("billing", {}, "sender 'billing': the request is not signed: missing webhook-id and"),
        ("billing", bearer, "missing webhook-id"),
        ("billing", standard(at=AT - 301), "301 s in the past"),
        ("billing", standard(at=AT + 301), "301 s in the future"),
        ("billing", standard(secret=OTHER), "the signature is wrong"),
        ("billing", standard(b"{}"), "the signature is wrong"),
        ("billing", standard() | {"webhook-id": "msg_2"}, "the signature is wrong"),
        ("billing", github(), "missing webhook-id"),
        ("github", github(secret=OTHER), "the signature is wrong"),
        ("github", standard(), "X-Hub-Signature-256 is missing"),
        ("ci", standard(), "no token verifies signatures"),
        ("nobody", standard(), "no token verifies signatures"),
    ]
    for sender, headers, words in refused:
        answer = post(client, sender, headers)
        assert (answer.status_code, words in answer.json()["error"]) == (401, True), (sender, answer.text)
        assert answer.headers["www-authenticate"]
    assert stored(bench) == []
    assert [secret for secret in (SECRET, OTHER, *standard().values()) if secret in caplog.text] == []


def test_a_named_sender_must_sign_even_where_no_token_is_required(bench: Bench, serve: Serve) -> None:
    assert post(serve(), "nobody", {}).status_code == 401
    assert stored(bench) == []


def test_the_body_is_verified_as_it_was_sent(bench: Bench, serve: Serve, add) -> None:
    add("github", Scheme.GITHUB)
    client, packed = serve(), gzip.compress(BODY)
    gzipped = {"Content-Encoding": "gzip"}
    assert post(client, "github", github(packed) | gzipped, packed).status_code == 202
    assert post(client, "github", github(BODY, id="2") | gzipped, packed).status_code == 401
    spaced = b" " + BODY + b"\n"
    assert post(client, "github", github(BODY, id="3"), spaced).status_code == 401
    assert stored(bench) == ["Zoë"]


def test_another_key_does_not_make_a_captured_request_new(bench: Bench, serve: Serve, add) -> None:
    """Only webhook-id is signed. A replay with an Idempotency-Key of its own is still a repeat."""
    add("billing", Scheme.STANDARD)
    client = serve()
    for key in ("1", "2"):
        assert post(client, "billing", standard() | {"Idempotency-Key": key}).status_code == 202
    assert stored(bench) == ["Zoë"]


def test_it_expires_is_revoked_and_limited_like_other_tokens(
    bench: Bench, store: Store, serve: Serve, add, clock: Clock
) -> None:
    add("billing", Scheme.STANDARD, rate=1.0)
    add("github", Scheme.GITHUB, expires_at=NOW + 1000)
    ticks = Clock(0)
    client = serve(ticks=ticks)
    wrong = [post(client, "billing", standard(secret=OTHER)).status_code for _ in range(3)]
    answers = [post(client, "billing", standard(id=str(number))).status_code for number in range(3)]
    before = post(client, "github", github()).status_code
    clock.advance(1000)
    after = post(client, "github", github(id="2"))
    assert (wrong, answers, before) == ([401] * 3, [202, 202, 429], 202), "wrong ones use nothing up"
    assert (after.status_code, after.json()["error"]) == (401, "this token has expired")

    revoked = write(store, tokens.revoke, "billing")
    assert revoked.secret is None
    ticks.advance(60_000)
    gone = post(client, "billing", standard())
    assert (gone.status_code, gone.json()["error"]) == (401, "the token of this sender was revoked")
    assert SECRET not in str(bench.rows("SELECT * FROM token WHERE name = 'billing'"))


def test_a_secret_that_cannot_be_read_is_503_and_only_the_log_says_why(
    bench: Bench, serve: Serve, add, caplog, monkeypatch: pytest.MonkeyPatch
) -> None:
    add("github", Scheme.GITHUB, "env:GITHUB_SECRET")
    client = serve()
    answer = post(client, "github", github())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "GITHUB_SECRET" not in answer.text
    assert "the environment variable GITHUB_SECRET is not set" in caplog.text
    monkeypatch.setenv("GITHUB_SECRET", SECRET)
    assert post(client, "github", github()).status_code == 202


def test_strangers_cannot_use_up_the_memory_for_bodies_of_senders_with_a_token(serve: Serve, add) -> None:
    """A signed body is read before it is known who sent it, so those have a share of their own."""
    add("github", Scheme.GITHUB)
    long = json.dumps({"title": "x" * 100_000}).encode()
    room = Room(2 * len(long) + 1_000, patience_s=0.0)
    client = serve(bodies=Bodies(room=room), configured="0123456789abcdef")
    room._held[UNPROVEN] = len(long)  # another such body that is being read
    assert post(client, "github", github(long, secret=OTHER), long).status_code == 503
    token = {"Authorization": "Bearer 0123456789abcdef", "Content-Type": "application/json"}
    assert client.post("/alerts", content=long, headers=token).status_code == 202
    assert post(client, "github", github()).status_code == 202
