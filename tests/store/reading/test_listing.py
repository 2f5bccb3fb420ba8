"""Every filter lists the same alerts on each engine, wherever a page begins."""

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

import pytest

from tests.conftest import ENGINES, NOW, Clock, alert, answer, destination, open_store, write
from tests.store.bench import Bench
from tui.domain.alert import Severity
from tui.domain.alert_type import AlertType
from tui.domain.filter_language import parse_filter
from tui.domain.lifecycle import Outcome, Standing
from tui.domain.retry import RetryPolicy
from tui.domain.routing import taken_by
from tui.domain.search import words_of
from tui.store import outbox, prune
from tui.store.reading import listing, queries
from tui.store.reading.filtering import sources
from tui.store.reading.views import AlertRow
from tui.store.tables.rows import fetch

HOUR = 3_600_000
TITLES = (
    "Root login from 203.0.113.9",
    "BruteForce on vpn-3",
    "S3 bucket made public",
    "ÜBER login [bold]",
    "日本語のログイン",
    "100% _disk_ full",
)


@pytest.fixture(scope="module", params=ENGINES)
def history(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Alerts of every kind with deliveries in every state, made once: the tests only read them."""
    clock = Clock()
    with open_store(request.param, tmp_path_factory.mktemp("history"), clock) as store:
        yield filled(Bench(store, clock))


def filled(bench: Bench) -> Bench:
    random = Random(7)
    soc, pager = bench.add(name="soc"), bench.add(name="Ops team")
    alerts = [
        alert(
            alert_id=f"id{number:03}",
            title=random.choice(TITLES),
            name=random.choice((None, "Identity watch")),
            rule_id=random.choice(("AWS.Root.Login", "Okta.BruteForce")),
            severity=random.choice(list(Severity)),
            type=random.choice(list(AlertType)),
            tags=random.choice(((), ("aws",), ("aws", "cloud team"))),
            created_at=NOW - random.choice((0, HOUR, 30 * HOUR)),
            destinations=random.choice(((), ("soc",), ("Ops team",), ("soc", "Ops team"))),
            test=random.random() < 0.1,
        )
        for number in range(60)
    ]
    write(bench.store, outbox.submit, alerts[:50])
    final = RetryPolicy(())
    for claim in bench.claim(slots=55, cap=55).claims[:-3]:
        outcome, policy = random.choice(
            ((Outcome.DELIVERED, bench.policy), (Outcome.REJECTED, bench.policy), (Outcome.REJECTED, final))
        )
        write(bench.store, outbox.finish, [outbox.Finish(claim, answer(outcome), 0.0)], policy)
    write(bench.store, outbox.submit, alerts[50:])
    waiting = bench.rows("SELECT id FROM delivery WHERE state = 'scheduled' AND attempts = 0 ORDER BY id")
    bench.cancel(waiting[0][0])
    assert {row[0] for row in bench.rows("SELECT DISTINCT destination_id FROM delivery")} == {
        soc.id,
        pager.id,
    }
    return bench


def all_rows(bench: Bench) -> list[AlertRow]:
    return page(bench, "", limit=1_000)


def page(bench: Bench, text: str, *, up_to: int = 10**9, limit: int = 1_000, **where: Any) -> list[AlertRow]:
    found = bench.store.read(
        listing.page_of_alerts, parse_filter(text), NOW, up_to=up_to, limit=limit, **where
    )
    return found.result()


def count(bench: Bench, text: str, *, up_to: int = 10**9, **where: Any) -> int:
    return bench.store.read(listing.count_alerts, parse_filter(text), NOW, up_to=up_to, **where).result()


def standings(row: AlertRow, destination: str | None = None) -> set[Standing]:
    return {d.standing for d in row.deliveries if destination in (None, d.destination)}


Matches = Callable[[AlertRow], bool]
FILTERS: dict[str, Matches] = {
    "": lambda row: True,
    "severity:>=high": lambda row: row.severity in ("HIGH", "CRITICAL"),
    "-severity:low,info": lambda row: row.severity not in ("LOW", "INFO"),
    "type:policy": lambda row: row.type == "POLICY",
    "test:yes": lambda row: row.test,
    "since:2h": lambda row: row.created_at >= NOW - 2 * HOUR,
    "until:2h": lambda row: row.created_at < NOW - 2 * HOUR,
    "since:2026-01-30T09:30:00Z until:2026-01-31T09:00Z": lambda row: row.created_at == NOW - HOUR,
    "state:failed to:soc or severity:critical": lambda row: (
        Standing.FAILED in standings(row, "soc") or row.severity == "CRITICAL"
    ),
    "-(state:failed or test:yes)": lambda row: Standing.FAILED not in standings(row) and not row.test,
    "state:failed": lambda row: Standing.FAILED in standings(row),
    "state:retrying": lambda row: Standing.RETRYING in standings(row),
    "state:failed,retrying": lambda row: bool(standings(row) & {Standing.FAILED, Standing.RETRYING}),
    "state:waiting": lambda row: Standing.WAITING in standings(row),
    "state:sending": lambda row: Standing.SENDING in standings(row),
    "state:delivered": lambda row: Standing.DELIVERED in standings(row),
    "state:cancelled": lambda row: Standing.CANCELLED in standings(row),
    "state:unrouted": lambda row: row.not_routed is not None,
    "state:failed,unrouted": lambda row: Standing.FAILED in standings(row) or row.not_routed is not None,
    "state:failed state:delivered": lambda row: False,
    "-state:delivered": lambda row: Standing.DELIVERED not in standings(row),
    "-state:unrouted": lambda row: row.not_routed is None,
    "to:soc": lambda row: bool(standings(row, "soc")),
    'to:"ops team",soc': lambda row: bool(row.deliveries),
    "-to:soc": lambda row: not standings(row, "soc"),
    "to:nobody": lambda row: False,
    "to:soc state:failed": lambda row: Standing.FAILED in standings(row, "soc"),
    "to:soc state:unrouted": lambda row: False,
    "state:failed severity:>=medium -type:policy": lambda row: (
        Standing.FAILED in standings(row)
        and row.severity in ("MEDIUM", "HIGH", "CRITICAL")
        and row.type != "POLICY"
    ),
}


@pytest.mark.parametrize("text", FILTERS)
def test_each_filter_lists_and_counts_its_alerts_newest_first(history: Bench, text: str) -> None:
    wanted = [row for row in all_rows(history) if FILTERS[text](row)]
    assert page(history, text) == wanted
    assert count(history, text) == len(wanted)
    some = [row.key for row in all_rows(history)[::2]]
    matching = history.store.read(listing.matching_keys, parse_filter(text), NOW, some).result()
    assert matching == {row.key for row in wanted} & {*some}
    assert text in ("to:nobody", "to:soc state:unrouted", "state:failed state:delivered") or wanted


def test_words_also_find_the_errors_and_answers_of_failed_attempts(bench: Bench) -> None:
    bench.add()
    answers = {
        "Denied": {"reason": "Forbidden", "response_body": b'{"error":"quota exceeded for tenant 7"}'},
        "Refused": {"outcome": Outcome.UNREACHABLE, "error": "connection refused by 203.0.113.9"},
        "Quota": {"outcome": Outcome.DELIVERED, "response_body": b"exceeded nothing"},
    }
    write(bench.store, outbox.submit, [alert(alert_id=title, title=title) for title in answers])
    for claim in bench.claim().claims:
        ended = {"outcome": Outcome.REJECTED, **answers[claim.alert.title]}
        write(bench.store, outbox.finish, [outbox.Finish(claim, answer(**ended), 0.0)], RetryPolicy(()))

    def found(text: str) -> list[str]:
        assert count(bench, text) == len(page(bench, text))
        return [row.alert_id for row in reversed(page(bench, text))]

    assert found("quota") == ["Denied", "Quota"]
    assert found("exceeded") == ["Denied"]
    assert found('"quota exceeded" denied') == ["Denied"]
    assert found("203.0.113.9 state:failed") == ["Refused"]
    assert found("-quota") == ["Refused"]
    assert found("refused -connection") == []
    assert found("forbidden or connection") == ["Denied", "Refused"]
    taken = taken_by(destination(filter="quota"))
    assert bench.store.read(listing.count_latest, taken, NOW).result() == (1, 3)
    write(bench.store, outbox.submit, [alert(alert_id="newest")])
    gone = write(bench.store, prune.step, NOW + 10**9, prune.ENDS, after=0, limit=10)
    assert gone.alerts == 3
    assert found("quota or connection") == []
    assert bench.store.check() == []


def test_alerts_are_found_by_how_often_they_were_repeated(bench: Bench) -> None:
    once, twice, thrice = (alert(alert_id=name, destinations=()) for name in ("once", "twice", "thrice"))
    for alerts in ([once, twice, thrice], [twice, thrice], [thrice]):
        write(bench.store, outbox.submit, alerts)
    write(bench.store, outbox.submit, [alert(alert_id="at-once", destinations=())] * 2)

    def found(text: str) -> list[str]:
        assert count(bench, text) == len(page(bench, text))
        return [row.alert_id for row in reversed(page(bench, text))]

    assert found("repeats:>0") == ["twice", "thrice", "at-once"]
    assert found("repeats:2") == ["thrice"]
    assert found("repeats:0") == ["once"]
    assert found("-repeats:0,1") == ["thrice"]
    assert found("repeats:<2 id") == [] == found("repeats:<0")


@pytest.mark.parametrize("text", ["", "login", "severity:>=medium", "state:failed,unrouted", "to:soc"])
def test_a_page_begins_at_any_key_and_goes_in_either_direction(history: Bench, text: str) -> None:
    every = page(history, text)
    assert len(every) > 8
    for place, row in enumerate(every):
        assert page(history, text, up_to=row.key, limit=5) == every[place : place + 5]
        assert page(history, text, after=row.key, limit=5, upwards=True) == every[max(0, place - 5) : place]
        assert count(history, text, after=row.key) == place
    assert page(history, text, limit=3, skip=4) == every[4:7]
    assert page(history, text, limit=3, skip=2, upwards=True) == every[-5:-2]
    assert count(history, text, most=4) == 4


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("login", ["login", "aws.root.login"]),
        ("LOG", ["login"]),
        ("über", ["ÜBER"]),
        ("ÜBER", ["ÜBER"]),
        ("203.0.1", ["203.0.113.9"]),
        ("113.9", ["203.0.113.9"]),
        ('"made pub"', ["made public"]),
        ('"public made"', []),
        ("force", ["BruteForce"]),
        ("bruteforce", ["BruteForce"]),
        ("okta.brute", ["okta.bruteforce"]),
        ("ログイン", ["ログイン"]),
        ("語の", ["ログイン"]),
        ("id007", ["id007"]),
        ("watch", ["Identity watch"]),
        ("[bold]", ["[bold]"]),
        ("100%", ["100%"]),
        ("_disk_", ["_disk_"]),
        ("ogin", []),
        ("nowhere", []),
        ("aws", ["aws"]),
    ],
)
def test_a_word_is_found_by_its_prefix_in_texts_ids_and_tags(
    history: Bench, text: str, found: Sequence[str]
) -> None:
    names = dict(history.rows("SELECT id, coalesce(name, '') FROM alert"))
    tags = dict(history.rows("SELECT id, tags FROM alert"))
    rows = all_rows(history)
    texts = {
        row.key: f"{row.headline} {names[row.key]} {row.rule_id} {row.alert_id} {tags[row.key]}".casefold()
        for row in rows
    }
    wanted = [row for row in rows if any(part.casefold() in texts[row.key] for part in found)]
    assert page(history, text) == wanted
    assert count(history, text) == len(wanted)
    without = [row for row in rows if row not in wanted]
    assert page(history, f"-{text}") == without


def test_words_and_terms_must_all_match(history: Bench) -> None:
    wanted = [
        row
        for row in all_rows(history)
        if "login" in words_of(f"{row.headline} {row.rule_id}")
        and Standing.DELIVERED in standings(row, "soc")
    ]
    assert page(history, "login to:soc state:delivered") == wanted != []
    rest = [row for row in page(history, "login root") if "203" in words_of(row.headline)]
    assert page(history, "root login 203 -bucket") == rest != []


def test_a_tag_matches_as_a_whole_ignoring_case(history: Bench) -> None:
    tagged = dict(history.rows("SELECT id, tags FROM alert"))
    rows = all_rows(history)
    assert page(history, "tag:AWS") == [row for row in rows if '"aws"' in tagged[row.key]]
    assert page(history, 'tag:"cloud team"') == [row for row in rows if "cloud team" in tagged[row.key]]
    assert page(history, "tag:cloud") == page(history, "tag:aw") == []
    assert page(history, "-tag:aws") == [row for row in rows if '"aws"' not in tagged[row.key]]
    assert page(history, "tag:nothing,aws") == page(history, "tag:aws")


def test_terms_about_attempts_are_true_of_one_delivery(bench: Bench) -> None:
    bench.add(name="soc")
    bench.add(name="pager")

    def attempt(title: str, *outcomes: tuple[Outcome, int | None, str | None], to: str = "soc") -> None:
        bench.submit(title=title, alert_id=title, destinations=(to,))
        for outcome, status, error in outcomes:
            bench.finish(bench.claim_one(), outcome, status_code=status, error=error)
            bench.clock.advance(60_000)

    attempt(
        "denied", (Outcome.REJECTED, 401, None), (Outcome.REJECTED, 401, None), (Outcome.DELIVERED, 200, None)
    )
    attempt("busy", (Outcome.REJECTED, 503, None), (Outcome.DELIVERED, 204, None), to="pager")
    attempt("late", (Outcome.TIMEOUT, None, "no answer: 100% of 30 s"), (Outcome.DELIVERED, 200, None))
    attempt("fine", (Outcome.DELIVERED, 200, None))
    attempt("again", (Outcome.DELIVERED, 200, None))
    bench.resend(bench.rows("SELECT max(id) FROM delivery")[0][0])

    def titles(text: str) -> list[str]:
        return sorted(row.title for row in page(bench, text))

    assert titles("status:401") == ["denied"]
    assert titles("status:4xx,503") == ["busy", "denied"]
    assert titles("status:>=500") == titles("status:503 to:pager") == ["busy"]
    assert titles("status:503 to:soc") == titles("status:503 status:204") == titles("status:<200") == []
    assert titles("-status:>=400") == ["again", "fine", "late"]
    assert titles("outcome:timeout,rejected") == ["busy", "denied", "late"]
    assert titles('error:"100% OF"') == ["late"]
    assert titles('error:"100_ of"') == titles("error:!") == []
    assert titles("attempts:>2") == ["denied"]
    assert titles("attempts:1 state:delivered") == ["fine"]
    assert titles("round:>1") == ["again"]
    assert titles("status:401 or (attempts:2 -busy)") == ["denied", "late"]
    assert titles("-(status:401 or outcome:timeout)") == ["again", "busy", "fine"]

    def meant(text: str) -> list[int]:
        return bench.store.read(queries.matching_deliveries, parse_filter(text), NOW).result()

    assert len(meant("status:401 or status:503")) == 2
    assert meant("(state:delivered status:401) or (to:pager outcome:timeout)") == meant("status:401")


def test_a_filter_selects_the_deliveries_of_the_alerts_it_lists(history: Bench) -> None:
    def meant(text: str) -> list[int]:
        return history.store.read(queries.matching_deliveries, parse_filter(text), NOW).result()

    rows = all_rows(history)
    for text, matches in (("", lambda row: True), ("login", lambda row: row in page(history, "login"))):
        wanted = [
            d.id for row in rows if matches(row) for d in row.deliveries if d.standing is Standing.FAILED
        ]
        assert meant(f"{text} state:failed") == sorted(wanted)
    some, at_soc = rows[::2], parse_filter("to:soc")
    found = history.store.read(queries.matching_deliveries, at_soc, NOW, of=[row.key for row in some])
    assert found.result() == sorted(d.id for row in some for d in row.deliveries if d.destination == "soc")


def test_what_can_be_resent_is_counted_by_destination(history: Bench) -> None:
    failed = parse_filter("state:failed")
    by_name = history.store.read(queries.resendable_by_name, failed, NOW).result()
    assert by_name.keys() == {"soc", "Ops team"}
    found = history.store.read(queries.matching_deliveries, failed, NOW).result()
    assert sorted(id for ids in by_name.values() for id in ids) == found


# --- what it costs


@pytest.mark.parametrize("history", ["sqlite"], indirect=True)  # whose query plan is text
@pytest.mark.parametrize("text", [*FILTERS, "login", "-login", "tag:aws", "login state:failed"])
def test_no_filter_reads_rows_of_the_alert_table(history: Bench, text: str) -> None:
    def plan(db: Any) -> list[str]:
        steps: list[str] = []
        for source in sources(db, parse_filter(text), NOW):
            query = (
                f"SELECT {source.key} FROM {source.tables} WHERE {source.where} ORDER BY {source.key} DESC"
            )
            steps += [row[3] for row in fetch(db, f"EXPLAIN QUERY PLAN {query}", source.values)]
        return steps

    for step in history.store.read(plan).result():
        if " alert " in f"{step} ":
            assert "USING COVERING INDEX alert_listed" in step, step
        if "delivery" in step:
            assert "USING" in step, step
