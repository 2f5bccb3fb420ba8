"""Web pages cannot send alerts, neither directly nor through DNS rebinding."""

import httpx
import pytest
from starlette.datastructures import Headers

from tests.intake.conftest import Serve, stored
from tests.store.bench import Bench
from tui.intake.answers import Answered
from tui.intake.browsers import check_not_a_page

HOSTS = frozenset({"alerts.example.com"})


@pytest.fixture
def engine() -> str:
    """A refusal never reaches the database: one engine is enough."""
    return "sqlite"


def judge(*hosts: str, http_version: str = "1.1") -> int | None:
    """Return the status of the refusal of a request with these Host headers, or None."""
    headers = Headers(raw=[(b"host", host.encode()) for host in hosts])
    try:
        check_not_a_page(headers, http_version, HOSTS)
    except Answered as refused:
        return refused.status
    return None


class TestTheHost:
    @pytest.mark.parametrize(
        "host",
        [
            "127.0.0.1",
            "127.0.0.1:8808",
            "localhost:8808",
            "LOCALHOST",
            "[::1]:8808",
            "[2001:db8::7]",
            "203.0.113.9",
            "alerts.example.com",
            "Alerts.Example.com.:443",
        ],
    )
    def test_may_be_an_address_or_a_name_of_the_endpoint(self, host: str) -> None:
        assert judge(host) is None

    @pytest.mark.parametrize(
        "host",
        [
            "evil.example",
            "evil.example:8808",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil.example@127.0.0.1",
            "alerts.example.com.evil.example",
            "example.com",
            "127.1",
            "0x7f000001",
            "[evil.example]",
            "[::1].evil.example",
            "",
        ],
    )
    def test_of_any_other_name_is_refused(self, host: str) -> None:
        assert judge(host) == 421

    def test_must_be_given_exactly_once(self) -> None:
        assert judge() == judge("localhost", "localhost") == 400

    def test_is_optional_in_http_1_0(self) -> None:
        assert judge(http_version="1.0") is None
        assert judge("evil.example", http_version="1.0") == 421

    @pytest.mark.parametrize("path", ["/healthz", "/openapi.json", "/alerts", "/nowhere"])
    def test_is_checked_on_every_path(self, serve: Serve, path: str) -> None:
        refused = serve(hosts=HOSTS).get(path, headers={"Host": "evil.example:8808"})
        assert (refused.status_code, refused.json()) == (
            421,
            {"error": "'evil.example' is not a name of this endpoint; add it to hosts under [listen]"},
        )

    def test_may_be_a_configured_name(self, bench: Bench, serve: Serve) -> None:
        client = serve(hosts=HOSTS)
        sent = client.post("/alerts", json={"title": "x"}, headers={"Host": "alerts.example.com"})
        assert sent.status_code == 202


class TestAPage:
    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://localhost:3000"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Sec-Fetch-Site": "same-origin"},
        ],
        ids=str,
    )
    def test_may_not_send_alerts(self, bench: Bench, client: httpx.Client, headers: dict[str, str]) -> None:
        refused = client.post("/alerts", json={"title": "x"}, headers=headers)
        assert (refused.status_code, refused.json()) == (
            403,
            {"error": "web pages are not allowed to send alerts"},
        )
        assert stored(bench) == []

    @pytest.mark.parametrize("path", ["/alerts", "/healthz", "/openapi.json", "/nowhere"])
    def test_preflight_is_refused(self, client: httpx.Client, path: str) -> None:
        """Without CORS headers in the answer to a preflight, browsers send nothing."""
        asked = {
            "Origin": "https://evil.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        }
        refused = client.options(path, headers=asked)
        assert refused.status_code == 403
        assert [name for name in refused.headers if name.startswith("access-control")] == []

    def test_no_answer_has_a_cors_header(self, client: httpx.Client) -> None:
        answers = [
            client.get("/healthz"),
            client.get("/openapi.json"),
            client.post("/alerts", json={"title": "x"}),
            client.options("/alerts"),
        ]
        assert [answer.status_code for answer in answers] == [200, 200, 202, 405]
        for each in answers:
            assert [name for name in each.headers if name.startswith("access-control")] == []

    def test_a_person_may_open_it_from_the_address_bar(self, client: httpx.Client) -> None:
        """The address bar sends `Sec-Fetch-Site: none`."""
        assert client.get("/healthz", headers={"Sec-Fetch-Site": "none"}).status_code == 200
