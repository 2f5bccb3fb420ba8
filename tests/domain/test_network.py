"""Which addresses may be sent to, under each policy, in every form an address takes."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tui.domain.errors import Invalid
from tui.domain.network import (
    NetworkPolicy,
    PolicyName,
    is_local,
    literal,
    parse_allow,
    parse_policy,
)

LOCAL, PUBLIC = NetworkPolicy(PolicyName.LOCAL), NetworkPolicy(PolicyName.PUBLIC)

NEVER, LOCALLY, ANYWHERE = "never", "under local", "under both"

VECTORS = {
    # the internet
    "1.1.1.1": ANYWHERE,
    "8.8.8.8": ANYWHERE,
    "9.255.255.255": ANYWHERE,
    "11.0.0.0": ANYWHERE,
    "100.63.255.255": ANYWHERE,
    "100.128.0.0": ANYWHERE,
    "126.255.255.255": ANYWHERE,
    "128.0.0.1": ANYWHERE,
    "168.63.129.15": ANYWHERE,
    "169.253.255.255": ANYWHERE,
    "169.255.0.0": ANYWHERE,
    "172.15.255.255": ANYWHERE,
    "172.32.0.0": ANYWHERE,
    "192.0.1.0": ANYWHERE,
    "192.31.196.1": ANYWHERE,
    "192.167.255.255": ANYWHERE,
    "192.169.0.0": ANYWHERE,
    "198.17.255.255": ANYWHERE,
    "198.20.0.0": ANYWHERE,
    "223.255.255.255": ANYWHERE,
    "2001:200::1": ANYWHERE,
    "2001:4860:4860::8888": ANYWHERE,
    "2606:4700::1111": ANYWHERE,
    "2620:4f:8000::1": ANYWHERE,
    "3ffe::1": ANYWHERE,
    # this machine and private networks
    "127.0.0.1": LOCALLY,
    "127.255.255.254": LOCALLY,
    "::1": LOCALLY,
    "10.0.0.1": LOCALLY,
    "10.255.255.255": LOCALLY,
    "172.16.0.1": LOCALLY,
    "172.31.255.255": LOCALLY,
    "192.168.1.7": LOCALLY,
    "100.64.0.1": LOCALLY,
    "100.100.100.100": LOCALLY,
    "100.127.255.255": LOCALLY,
    "fc00::1": LOCALLY,
    "fd12:3456::7": LOCALLY,
    "fec0::1": LOCALLY,
    # nobody's, or not for this
    "192.0.0.1": LOCALLY,
    "192.0.0.170": LOCALLY,
    "192.0.2.1": LOCALLY,
    "198.51.100.1": LOCALLY,
    "203.0.113.9": LOCALLY,
    "198.18.0.1": LOCALLY,
    "198.19.255.255": LOCALLY,
    "192.88.99.1": LOCALLY,
    "2001:db8::1": LOCALLY,
    "3fff::1": LOCALLY,
    "3fff:fff::1": LOCALLY,
    "2001:1::1": LOCALLY,
    "2001:2::1": LOCALLY,
    "2001:10::1": LOCALLY,
    "2001:20::1": LOCALLY,
    "2001:2f::1": LOCALLY,
    # link-local and what clouds hand out credentials at
    "169.254.0.0": NEVER,
    "169.254.169.254": NEVER,
    "169.254.170.2": NEVER,
    "169.254.255.255": NEVER,
    "100.100.100.200": NEVER,
    "168.63.129.16": NEVER,
    "192.0.0.192": NEVER,
    "fe80::1": NEVER,
    "fe80::1%eth0": NEVER,
    "fe80::a9fe:a9fe": NEVER,
    "febf::1": NEVER,
    "fd00:ec2::254": NEVER,
    "fd00:ec2::23": NEVER,
    "fd20:ce::254": NEVER,
    "fd00:c1::a9fe:a9fe": NEVER,
    "fd00:a9fe:a9fe::1": NEVER,
    "fd00:42::42": NEVER,
    "fd00:100::100:200": NEVER,
    # no receiver can be there
    "0.0.0.0": NEVER,
    "0.1.2.3": NEVER,
    "224.0.0.1": NEVER,
    "239.255.255.255": NEVER,
    "240.0.0.1": NEVER,
    "255.255.255.254": NEVER,
    "255.255.255.255": NEVER,
    "::": NEVER,
    "::2": NEVER,
    "100::1": NEVER,
    "100:0:0:1::1": NEVER,
    "200::1": NEVER,
    "4000::1": NEVER,
    "5f00::1": NEVER,
    "ff02::1": NEVER,
    "ff0e::1": NEVER,
    # an IPv4 address inside
    "::ffff:8.8.8.8": ANYWHERE,
    "::ffff:127.0.0.1": LOCALLY,
    "::ffff:169.254.169.254": NEVER,
    "::ffff:0.0.0.0": NEVER,
    "::ffff:0:8.8.8.8": NEVER,
    "::8.8.8.8": NEVER,
    "::127.0.0.1": NEVER,
    "::169.254.169.254": NEVER,
    "64:ff9b::8.8.8.8": ANYWHERE,
    "64:ff9b::127.0.0.1": LOCALLY,
    "64:ff9b::10.0.0.1": LOCALLY,
    "64:ff9b::169.254.169.254": NEVER,
    "64:ff9b:0:0:1::8.8.8.8": NEVER,
    "64:ff9b:1::8.8.8.8": LOCALLY,
    "64:ff9b:1::10.0.0.1": LOCALLY,
    "64:ff9b:1::169.254.169.254": NEVER,
    "64:ff9b:1:ffff::100.100.100.200": NEVER,
    "64:ff9b:1:a9fe:a9:fe00::": NEVER,  # its prefix is 48 bits long
    "64:ff9b:1:a00:0:100::": LOCALLY,
    "64:ff9b:1:a9:fe:a9fe::": NEVER,  # 56
    "64:ff9b:1:0:a9:fea9:fe00::": NEVER,  # 64
    "64:ff9b:1:0:a:0:100::": LOCALLY,
    "2002:808:808::1": ANYWHERE,
    "2002:7f00:1::1": LOCALLY,
    "2002:a9fe:a9fe::1": NEVER,
    "2001:0:808:808::f7f7:f7f7": LOCALLY,  # Teredo, server and client of the internet
    "2001:0:a9fe:a9fe::f7f7:f7f7": NEVER,
    "2001:0:808:808::5601:5601": NEVER,
    "2a00:1450::5efe:8.8.8.8": ANYWHERE,
    "2a00:1450::5efe:10.0.0.1": LOCALLY,
    "2a00:1450::200:5efe:169.254.169.254": NEVER,
}

v4 = st.ip_addresses(v=4)
any_address = st.one_of(v4, st.ip_addresses(v=6))


def where(address: str) -> str:
    judged = LOCAL.judge(ip_address(address)), PUBLIC.judge(ip_address(address))
    return {(False, False): ANYWHERE, (False, True): LOCALLY, (True, True): NEVER}[
        (judged[0] is not None, judged[1] is not None)
    ]


@pytest.mark.parametrize(("address", "allowed"), VECTORS.items())
def test_an_address_may_be_sent_to(address, allowed):
    assert where(address) == allowed


@given(v4)
@example(IPv4Address("169.254.169.254"))
@example(IPv4Address("127.0.0.1"))
@example(IPv4Address("8.8.8.8"))
@example(IPv4Address("0.0.0.0"))
@example(IPv4Address("0.0.0.1"))
def test_an_ipv4_address_in_another_is_judged_as_that_ipv4_address(inner):
    forms = [
        IPv6Address((0xFFFF << 32) | int(inner)),  # mapped
        IPv6Address((0x64FF9B << 96) | int(inner)),  # NAT64
        IPv6Address((0x2002 << 112) | int(inner) << 80 | 1),  # 6to4
    ]

    for policy in (LOCAL, PUBLIC, NetworkPolicy(PolicyName.PUBLIC, parse_allow(["10.0.0.0/8", "127.0.0.1"]))):
        expected = policy.judge(inner) is None
        assert [policy.judge(form) is None for form in forms] == [expected] * 3


@given(v4, st.integers(0, 0xFFFF), st.sampled_from([48, 56, 64, 96]))
def test_what_is_never_sent_to_is_not_sent_to_behind_a_private_nat64(inner, subnet, length):
    """Whatever part of its 48 bits of prefix the operator uses (RFC 8215, RFC 6052 section 2.2)."""
    prefix = 0x64FF9B0001 << 80
    bits = int(inner)
    if length == 96:
        address = prefix | subnet << 64 | bits
    else:
        kept = subnet >> (64 - length) << (64 - length)
        joined = (kept << 56) | bits << (88 - length)
        address = prefix | (joined >> 56 << 64) | joined & (1 << 56) - 1

    assert address >> 80 == 0x64FF9B0001
    of_a_machine = bits >> 24 and bits & 0xFFFFFF  # others no translator has a way to
    if LOCAL.judge(inner) is not None and of_a_machine:
        assert LOCAL.judge(IPv6Address(address)) is not None
    assert PUBLIC.judge(IPv6Address(address)) is not None


@given(any_address)
def test_every_address_has_a_verdict_and_public_lets_through_no_more_than_local(address):
    if PUBLIC.judge(address) is None:
        assert LOCAL.judge(address) is None
    assert LOCAL.judge(address, "hooks.example.com") != ""


@given(st.ip_addresses(v=6))
def test_outside_of_what_iana_has_given_out_no_ipv6_address_is_public(address):
    if PUBLIC.judge(address) is None and not any(address in network for network in parse_allow(["2000::/3"])):
        assert address.ipv4_mapped is not None or int(address) >> 32 == 0x64FF9B << 64


class TestTheReason:
    @pytest.mark.parametrize(
        ("policy", "host", "address", "told"),
        [
            (
                LOCAL,
                "hooks.example.com",
                "169.254.169.254",
                "hooks.example.com is 169.254.169.254, a link-local address (cloud metadata); "
                "Tocsin never sends to it",
            ),
            (LOCAL, "", "224.0.0.1", "224.0.0.1 is a multicast address; Tocsin never sends to it"),
            (
                LOCAL,
                "0.0.0.0",
                "0.0.0.0",
                "0.0.0.0 is the unspecified address (use 127.0.0.1 for this machine); Tocsin "
                "never sends to it",
            ),
            (
                PUBLIC,
                "hooks.example.com",
                "10.0.0.7",
                "hooks.example.com is 10.0.0.7, a private address, blocked by the network policy public",
            ),
            (
                PUBLIC,
                "::1",
                "::1",
                "::1 is a loopback address, blocked by the network policy public",
            ),
            (
                LOCAL,
                "hooks.example.com",
                "64:ff9b::a9fe:a9fe",
                "hooks.example.com is 64:ff9b::a9fe:a9fe, which embeds 169.254.169.254, "
                "a link-local address (cloud metadata); Tocsin never sends to it",
            ),
            (
                LOCAL,
                "",
                "2002:6464:64c8::1",
                "2002:6464:64c8::1, which embeds 100.100.100.200, a cloud's metadata address; "
                "Tocsin never sends to it",
            ),
        ],
    )
    def test_names_the_address_and_the_rule(self, policy, host, address, told):
        assert policy.judge(ip_address(address), host) == told


class TestWhatIsAllowedAllTheSame:
    @pytest.mark.parametrize(
        ("network", "address", "allowed"),
        [
            ("10.0.0.0/8", "10.1.2.3", True),
            ("10.0.0.0/8", "11.1.2.3", True),  # is public anyway
            ("10.0.0.0/8", "172.16.0.1", False),
            ("10.0.0.0/8", "64:ff9b::10.1.2.3", True),
            ("10.1.2.3", "10.1.2.3", True),
            ("10.1.2.3", "10.1.2.4", False),
            ("fd12::/16", "fd12::1", True),
            ("64:ff9b:1::/48", "64:ff9b:1::8.8.8.8", True),
            ("64:ff9b:1::/48", "64:ff9b:1::10.0.0.1", False),
            ("64:ff9b:1::/48", "64:ff9b:1::169.254.169.254", False),
        ],
    )
    def test_is_what_the_list_holds(self, network, address, allowed):
        policy = NetworkPolicy(PolicyName.PUBLIC, parse_allow([network]))

        assert (policy.judge(ip_address(address)) is None) is allowed

    @pytest.mark.parametrize("policy", PolicyName)
    @pytest.mark.parametrize(
        ("wide", "exact"),
        [
            ("169.254.0.0/16", "169.254.169.254"),
            ("169.254.169.254/31", "169.254.169.254/32"),
            ("0.0.0.0/0", "100.100.100.200"),
            ("fd00::/8", "fd00:ec2::254"),
            ("::/0", "fe80::1"),
        ],
    )
    def test_holds_metadata_only_when_that_one_address_is_named(self, policy, wide, exact):
        address = ip_address(exact.partition("/")[0])

        assert NetworkPolicy(policy, parse_allow([wide])).judge(address) is not None
        assert NetworkPolicy(policy, parse_allow([wide, exact])).judge(address) is None

    @pytest.mark.parametrize(
        ("given", "told"),
        [
            ("10.0.0.1/8", "network.allow: '10.0.0.1/8' has bits set after its prefix; write 10.0.0.0/8"),
            (
                "office",
                "network.allow: 'office' is not a network or address like 10.0.0.0/8 or fd12::7",
            ),
            (10, "network.allow: 10 is not a network or address like 10.0.0.0/8 or fd12::7"),
            (
                "::ffff:10.0.0.0/104",
                "network.allow: ::ffff:10.0.0.0/104 is checked by the IPv4 address it embeds; "
                "list that address instead",
            ),
        ],
    )
    def test_is_refused_where_it_means_nothing(self, given, told):
        with pytest.raises(Invalid) as refused:
            parse_allow([given])

        assert (refused.value.field, refused.value.message) == ("network.allow", told)

    def test_a_policy_that_does_not_exist_is_named(self):
        assert parse_policy(" Public ") is PolicyName.PUBLIC
        with pytest.raises(Invalid, match="the network policy must be local or public, not 'private'"):
            parse_policy("private")


class TestAHostThatIsNotLookedUp:
    @pytest.mark.parametrize(
        "spelling",
        [
            "127.0.0.1",
            "2130706433",
            "0x7f.1",
            "0177.0.0.1",
            "127.1",
            "127.0.0.1.",
            "0x7F000001",
            "017700000001",
        ],
    )
    def test_is_an_address_however_it_is_spelled(self, spelling):
        assert literal(spelling) == IPv4Address("127.0.0.1")
        assert is_local(spelling)

    @pytest.mark.parametrize("name", ["hooks.example.com", "cafe", "1.2.3.4.5", "0x7g", "256.1.1.1", "", "é"])
    def test_is_a_name_where_it_is_no_address(self, name):
        assert literal(name) is None

    @pytest.mark.parametrize(
        "host",
        ["localhost", "LOCALHOST.", "app.localhost", "::1", "::ffff:127.0.0.1", "ip6-localhost", "127.9.9.9"],
    )
    def test_is_this_machine(self, host):
        assert is_local(host)

    @pytest.mark.parametrize(
        "host", ["localhost.example.com", "notlocalhost", "10.0.0.1", "128.0.0.1", "::2"]
    )
    def test_is_another_machine(self, host):
        assert not is_local(host)

    @pytest.mark.parametrize(
        ("policy", "host", "told"),
        [
            (LOCAL, "127.0.0.1", None),
            (LOCAL, "hooks.example.com", None),
            (
                LOCAL,
                "2852039166",
                "2852039166 is 169.254.169.254, a link-local address (cloud metadata); Tocsin "
                "never sends to it",
            ),
            (LOCAL, "metadata", None),  # who knows what it is, before it is looked up
            (PUBLIC, "hooks.lan", None),
        ],
    )
    def test_is_judged_by_what_it_says(self, policy, host, told):
        assert policy.judge_host(host) == told

    @pytest.mark.parametrize(
        ("host", "told"),
        [
            ("hooks.example.com", None),
            ("8.8.8.8", None),
            ("intranet", "intranet is a private network name, blocked by the network policy public"),
            ("hooks.corp.internal", "is a private network name"),
            ("nas.local.", "is a private network name"),
            ("10.0.0.1", "10.0.0.1 is a private address, blocked by the network policy public"),
            (
                "Metadata.Google.Internal.",
                "Metadata.Google.Internal. is the name of a cloud's metadata service; Tocsin "
                "never sends to it",
            ),
        ],
    )
    def test_is_judged_by_its_name_where_a_proxy_looks_it_up(self, host, told):
        judged = PUBLIC.judge_unresolved(host)

        assert told in (judged or "") if told else judged is None

    def test_is_judged_by_its_name_no_more_than_is_certain(self):
        assert LOCAL.judge_unresolved("metadata.google.internal") is not None
        assert LOCAL.judge_unresolved("169.254.169.254") is not None
        assert LOCAL.judge_unresolved("intranet") is None
