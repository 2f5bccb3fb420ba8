"""Which requests go through which proxy, by the variables of the environment."""

import base64

import pytest

from tui.domain.errors import Invalid
from tui.domain.proxy import Proxies, Proxy, parse_proxies

ONE, TWO = Proxy("one.example", 3128), Proxy("two.example", 80)


def proxy_of(url: str, **environment: str) -> Proxy | None:
    scheme, _, rest = url.partition("://")
    host, _, port = rest.rpartition(":")
    return parse_proxies(environment).of(scheme, host, int(port))


class TestWhichVariableCounts:
    @pytest.mark.parametrize(
        ("environment", "https", "http"),
        [
            ({}, None, None),
            ({"https_proxy": "http://one.example:3128"}, ONE, None),
            ({"HTTPS_PROXY": "http://one.example:3128"}, ONE, None),
            ({"HTTP_PROXY": "one.example:3128"}, None, ONE),
            ({"all_proxy": "http://one.example:3128/"}, ONE, ONE),
            ({"ALL_PROXY": "two.example", "https_proxy": "one.example:3128"}, ONE, TWO),
            ({"https_proxy": "one.example:3128", "HTTPS_PROXY": "two.example"}, ONE, None),
            ({"https_proxy": "", "HTTPS_PROXY": "two.example"}, None, None),
            ({"https_proxy": "", "ALL_PROXY": "two.example"}, TWO, TWO),
            ({"ALL_PROXY": "two.example", "NO_PROXY": "*"}, None, None),
            (
                {"ALL_PROXY": "socks5://x", "https_proxy": "two.example", "http_proxy": "two.example"},
                TWO,
                TWO,
            ),
        ],
    )
    def test_for_each_scheme(self, environment, https, http):
        proxies = parse_proxies(environment)

        assert proxies.of("https", "hooks.example.com", 443) == https
        assert proxies.of("http", "hooks.example.com", 80) == http

    def test_a_user_and_a_password_become_an_authorization_that_is_not_shown(self):
        proxies = parse_proxies({"https_proxy": "http://us%40er:p%3Aw@[fd12::7]:3128"})

        assert proxies.https == Proxy("fd12::7", 3128, "Basic " + base64.b64encode(b"us@er:p:w").decode())
        assert str(proxies) == "proxy [fd12::7]:3128 for https"
        assert "Basic" not in repr(proxies)

    def test_they_are_told_in_words(self):
        assert str(Proxies()) == ""
        assert str(Proxies(ONE, ONE)) == "proxy one.example:3128"
        assert str(Proxies(ONE, TWO)) == "proxy one.example:3128 for https, proxy two.example:80 for http"

    @pytest.mark.parametrize("kind", ["https", "socks5", "socks5h", "my-own"])
    def test_a_proxy_of_another_kind_is_refused_in_words(self, kind):
        with pytest.raises(Invalid) as refused:
            parse_proxies({"ALL_PROXY": f"{kind}://user:hunter2@proxy.example:1080"})

        assert refused.value.message == (
            f"ALL_PROXY is a {kind}:// proxy; Tocsin supports only http:// proxies, which also carry https; "
            "use one of those or unset ALL_PROXY"
        )

    @pytest.mark.parametrize(
        "value", ["http://", "http://:80", "http://u:hunter2@h:port", "h:0", "http://[::1", "http://a b"]
    )
    def test_what_is_no_proxy_is_refused_and_not_repeated(self, value):
        with pytest.raises(Invalid) as refused:
            parse_proxies({"https_proxy": value})

        assert refused.value.message == (
            "https_proxy is not a proxy URL; write it like http://proxy.example.com:3128"
        )


class TestWhatGoesThroughNone:
    @pytest.mark.parametrize(
        "url",
        [
            "http://localhost:80",
            "http://app.localhost:80",
            "http://127.0.0.1:8081",
            "http://0x7f.1:8081",
            "https://::1:443",
            "https://::ffff:127.0.0.1:443",
        ],
    )
    def test_this_machine_is_reached_without(self, url):
        assert proxy_of(url, all_proxy="one.example:3128") is None

    @pytest.mark.parametrize(
        ("exempt", "url", "through"),
        [
            ("example.com", "https://example.com:443", False),
            ("example.com", "https://hooks.example.com:443", False),
            ("example.com", "https://HOOKS.Example.COM.:443", False),
            ("example.com", "https://notexample.com:443", True),
            ("example.com", "https://example.com.evil:443", True),
            (".example.com", "https://hooks.example.com:443", False),
            (".example.com", "https://example.com:443", False),
            ("*.example.com", "https://hooks.example.com:443", False),
            ("Example.COM.", "https://example.com:443", False),
            ("a.example, example.com other.example", "https://example.com:443", False),
            ("example.com:8443", "https://example.com:8443", False),
            ("example.com:8443", "https://example.com:443", True),
            ("10.0.0.7", "http://10.0.0.7:80", False),
            ("10.0.0.7", "http://10.0.0.70:80", True),
            ("10.0.0.7:8080", "http://10.0.0.7:8080", False),
            ("10.0.0.7:8080", "http://10.0.0.7:80", True),
            ("10.0.0.0/8", "http://10.1.2.3:80", False),
            ("10.0.0.0/8", "http://0xa010203:80", False),
            ("10.0.0.0/8", "http://11.1.2.3:80", True),
            ("10.0.0.0/8:80", "http://10.1.2.3:80", False),
            ("10.0.0.0/8:80", "http://10.1.2.3:81", True),
            ("10.0.0.0/8", "http://ten.example.com:80", True),
            ("fd12::/16", "http://fd12::7:80", False),
            ("[fd12::7]", "http://fd12::7:80", False),
            ("[fd12::7]:81", "http://fd12::7:80", True),
            (",. :", "http://hooks.example.com.:80", True),
        ],
    )
    def test_nor_is_what_no_proxy_names(self, exempt, url, through):
        assert proxy_of(url, all_proxy="one.example:3128", no_proxy=exempt) == (ONE if through else None)
