"""Where an alert goes, and why when that is nowhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import NOW, alert, destination
from tui.domain.alert import Alert, Severity, make_test_alert
from tui.domain.alert_type import AlertType
from tui.domain.destination import Destination
from tui.domain.errors import Invalid
from tui.domain.filter_language import parse_filter
from tui.domain.matching import matcher, words_text
from tui.domain.routing import choices, parse_destination_filter, route, taken_by


def names(destinations: list[Destination]) -> list[str]:
    return [destination.name for destination in destinations]


SOC = destination(id=1, name="soc")
PAGER = destination(id=2, name="Pager", severities=frozenset({Severity.CRITICAL}))
POLICIES = destination(id=3, name="policies", alert_types=frozenset({AlertType.POLICY}), paused=True)
NAMED_ONLY = destination(id=4, name="named only", severities=frozenset())
AWS = destination(id=5, name="aws", filter="tag:aws -bucket")
CLOUD = destination(id=7, name="cloud", log_types=("AWS.CloudTrail", "okta.*"), filter="-test")
ALL = [SOC, PAGER, POLICIES, NAMED_ONLY, AWS]


@pytest.mark.parametrize(
    ("sent", "to"),
    [
        (alert(severity=Severity.HIGH), ["soc"]),
        (alert(severity=Severity.CRITICAL), ["soc", "Pager"]),
        (alert(severity=Severity.INFO, type=AlertType.POLICY), ["soc", "policies"]),
        (alert(severity=Severity.INFO, destinations=("pager",)), ["Pager"]),
        (alert(destinations=("named only", "soc")), ["named only", "soc"]),
        (alert(destinations=("2", "PAGER", " pager ")), ["Pager"]),
        (alert(tags=("AWS",)), ["soc", "aws"]),
        (alert(tags=("aws",), title="Bucket made public"), ["soc"]),
        (alert(title="Bucket made public", destinations=("aws",)), ["aws"]),
    ],
)
def test_an_alert_goes_to_those_it_names_else_to_those_that_take_it(sent: Alert, to: list[str]) -> None:
    assert (names(route(sent, ALL)[0]), route(sent, ALL)[1]) == (to, None)


@pytest.mark.parametrize(
    ("sent", "destinations", "reason"),
    [
        (alert(destinations=()), ALL, "the alert asks for no destination"),
        (alert(), [], "there was no destination yet"),
        (alert(severity=Severity.LOW), [PAGER, NAMED_ONLY], "no destination takes severity LOW"),
        (alert(), [POLICIES], "no destination takes type RULE"),
        (
            alert(severity=Severity.HIGH),
            [PAGER, POLICIES],
            "no destination takes both severity HIGH and type RULE",
        ),
        (alert(), [AWS, PAGER], "no destination's filter matches it: aws requires tag:aws -bucket"),
        (
            alert(),
            [AWS, destination(name="b", filter="nothing"), destination(name="c", filter="-root"), AWS, AWS],
            "no destination's filter matches it: aws requires tag:aws -bucket, b requires "
            "nothing, c requires -root"
            " and 2 more",
        ),
    ],
)
def test_an_alert_that_goes_nowhere_says_why(
    sent: Alert, destinations: list[Destination], reason: str
) -> None:
    assert route(sent, destinations) == ([], reason)


@pytest.mark.parametrize(
    ("log_types", "reason"),
    [
        (("AWS.S3", "aws.cloudtrail"), None),
        (("Okta.SystemLog",), None),
        (("Okta",), "log type Okta"),
        (("AWS.CloudTrail.Digest", "GCP"), "log type AWS.CloudTrail.Digest, GCP"),
        ((), "it has no log type"),
    ],
)
def test_a_destination_takes_alerts_of_its_log_types(log_types: tuple[str, ...], reason: str | None) -> None:
    sent = alert(log_types=log_types)
    [choice] = choices(sent, [CLOUD])
    assert choice.reason == (reason and f"{reason}; it takes AWS.CloudTrail, okta.*")
    assert route(sent, [CLOUD])[1] == (
        reason and f"no destination for its severity and type takes its log types: {reason}"
    )
    assert matcher(taken_by(CLOUD))(sent, words_text(sent)) is (reason is None)


def test_each_destination_says_why_it_does_not_get_an_alert() -> None:
    filtered = destination(id=6, name="either", filter='(tag:gcp "my bucket") or -root')

    def reasons(sent: Alert) -> dict[str, str | None]:
        return {choice.destination.name: choice.reason for choice in choices(sent, [*ALL, filtered])}

    assert reasons(alert(severity=Severity.HIGH, tags=("gcp",))) == {
        "soc": None,
        "Pager": "severity HIGH; it takes CRITICAL",
        "policies": "type RULE; it takes POLICY",
        "named only": "severity HIGH; it takes none",
        "aws": "its filter: tag:aws does not match",
        "either": 'its filter: "my bucket" or -root does not match',
    }
    assert set(reasons(alert(destinations=("soc",))).values()) == {None, "the alert names other destinations"}
    assert set(reasons(alert(destinations=())).values()) == {"the alert asks for no destination"}


def test_an_alert_that_names_an_unknown_destination_is_refused() -> None:
    with pytest.raises(Invalid) as caught:
        route(alert(destinations=("soc", "nowhere")), ALL)
    assert caught.value.field == "destination"
    assert caught.value.message == (
        "no destination is named 'nowhere'; choose from: soc, Pager, policies, named only, aws"
    )


# --- the filter


def test_a_filter_is_kept_as_it_was_typed() -> None:
    assert parse_destination_filter('  tag:AWS  -"root login" severity:>=high ') == (
        'tag:AWS  -"root login" severity:>=high'
    )
    assert parse_destination_filter(" ") == ""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "tag:aws state:failed",
            "state: is not allowed in a destination's filter; a new alert has no delivery yet",
        ),
        (
            "-to:soc",
            "to: is not allowed in a destination's filter; this filter already belongs to a destination",
        ),
        ("since:2h", "since: is not allowed in a destination's filter; every new alert matches"),
        (
            "test:no",
            "test: is not allowed in a destination's filter; a test alert ignores the filter "
            "of the destination it tests",
        ),
        ("severity:urgent", "unknown severity 'urgent'; use one of INFO, LOW, MEDIUM, HIGH, CRITICAL"),
        ("tag:a\x1bb", "a filter can contain only printable characters"),
        ("x" * 501, "a filter can have at most 500 characters; this one has 501"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused_in_words(text: str, says: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_destination_filter(text)
    assert (caught.value.field, caught.value.message) == ("filter", says)


def test_what_a_destination_takes_is_a_filter_of_the_list() -> None:
    picky = destination(
        severities=frozenset({Severity.HIGH, Severity.LOW}),
        alert_types=frozenset({AlertType.RULE}),
        filter="tag:aws",
    )
    assert taken_by(picky) == parse_filter("test:no severity:low,high type:rule tag:aws")


# --- whatever comes


filters = {
    "severities": st.frozensets(st.sampled_from(Severity)),
    "alert_types": st.frozensets(st.sampled_from(AlertType)),
    "filter": st.sampled_from(["", "tag:aws", "-tag:aws"]),
    "paused": st.booleans(),
}
some_destinations = st.lists(st.fixed_dictionaries(filters), max_size=6).map(
    lambda many: [destination(id=n, name=f"d{n}", **changes) for n, changes in enumerate(many, 1)]
)
some_alert = st.builds(
    alert,
    severity=st.sampled_from(Severity),
    type=st.sampled_from(AlertType),
    tags=st.sampled_from([(), ("aws",)]),
)


def lets_through(target: Destination, sent: Alert) -> bool:
    return target.filter == "" or (target.filter == "tag:aws") is ("aws" in sent.tags)


@given(some_alert, some_destinations)
def test_an_alert_that_names_none_goes_to_exactly_those_whose_filters_contain_it(
    sent: Alert, destinations: list[Destination]
) -> None:
    routed, reason = route(sent, destinations)
    assert {d.id for d in routed} == {
        d.id
        for d in destinations
        if sent.severity in d.severities and sent.type in d.alert_types and lets_through(d, sent)
    }
    assert (reason is None) is bool(routed)


@given(some_alert, some_destinations, st.data())
def test_an_alert_that_names_some_goes_to_exactly_those_whatever_they_filter(
    sent: Alert, destinations: list[Destination], data: st.DataObject
) -> None:
    references = [reference for d in destinations for reference in (d.name, d.name.upper(), str(d.id))]
    named = data.draw(st.lists(st.sampled_from(references), max_size=5) if references else st.just([]))
    routed, reason = route(alert(severity=sent.severity, destinations=tuple(named)), destinations)
    assert {d.id for d in routed} == {int(reference.lower().removeprefix("d")) for reference in named}
    assert len(routed) == len({d.id for d in routed})
    assert (reason is None) is bool(routed)


@given(some_destinations.filter(bool), st.data())
def test_a_test_alert_goes_to_its_destination_and_no_other_whatever_that_filters(
    destinations: list[Destination], data: st.DataObject
) -> None:
    tested = data.draw(st.sampled_from(destinations))
    assert route(make_test_alert(tested.name, now=NOW, alert_id="t"), destinations) == ([tested], None)


@given(some_alert, some_destinations)
def test_the_reason_for_going_nowhere_is_true(sent: Alert, destinations: list[Destination]) -> None:
    _, reason = route(sent, destinations)
    severity = any(sent.severity in d.severities for d in destinations)
    kind = any(sent.type in d.alert_types for d in destinations)
    both = [d for d in destinations if sent.severity in d.severities and sent.type in d.alert_types]
    if reason is not None and both:
        assert f"{both[0].name} requires {both[0].filter}" in reason
    elif reason is not None and destinations:
        assert (sent.severity in reason) is (not severity or kind)
        assert (str(sent.type) in reason.split()) is severity
