"""The position in a followed file is stored together with the alerts read from it."""

from dataclasses import replace

import pytest

from tests.conftest import NOW, alert, write
from tests.store.bench import Bench
from tui.domain.errors import Invalid, Refused
from tui.domain.filter_language import parse_filter
from tui.store import following
from tui.store.following import Place
from tui.store.outbox import Receipt
from tui.store.reading import listing
from tui.store.tables.rows import execute

START = Place(device=1, inode=7, position=0, head="", head_size=0)
FURTHER = replace(START, position=100, head="ab", head_size=100)


def place(bench: Bench, source: str = "host:/eve.json") -> Place | None:
    return bench.store.read(following.place_of, source).result()


def take(bench: Bench, before: Place | None, after: Place, *alerts, source: str = "host:/eve.json"):
    return write(bench.store, following.take, source, before, after, alerts)


def test_a_file_that_was_never_followed_has_no_place(bench: Bench) -> None:
    assert place(bench) is None


def test_alerts_and_place_are_stored_together(bench: Bench) -> None:
    take(bench, None, START)
    take(bench, START, FURTHER, alert(), alert())
    assert place(bench) == FURTHER
    assert bench.rows("SELECT count(*) FROM alert") == [(2,)]


def test_each_source_has_its_own_place(bench: Bench) -> None:
    take(bench, None, START, source="a:/eve.json")
    take(bench, None, FURTHER, source="b:/eve.json")
    assert (place(bench, "a:/eve.json"), place(bench, "b:/eve.json")) == (START, FURTHER)


def test_a_bad_alert_does_not_hold_the_place_back(bench: Bench) -> None:
    [answer] = take(bench, None, FURTHER, alert(destinations=("nowhere",)))
    assert isinstance(answer, Invalid)
    assert place(bench) == FURTHER


@pytest.mark.parametrize("before", [None, START], ids=["as if for the first time", "from behind"])
def test_a_follower_that_is_behind_another_stores_nothing(bench: Bench, before: Place | None) -> None:
    take(bench, None, FURTHER)
    with pytest.raises(Refused, match=r"another `tocsin watch` already follows host:/eve.json"):
        take(bench, before, replace(START, position=50), alert())
    assert place(bench) == FURTHER
    assert bench.rows("SELECT count(*) FROM alert") == [(0,)]


def test_a_commit_whose_answer_was_lost_is_not_stored_twice(bench: Bench) -> None:
    alerts = [alert(), alert(destinations=("nowhere",))]
    first, _ = take(bench, None, FURTHER, *alerts)
    assert isinstance(first, Receipt)
    again = write(bench.store, following.take, "host:/eve.json", None, FURTHER, alerts, in_doubt=True)
    assert again[0] == replace(first, repeated=True)
    assert isinstance(again[1], Invalid)
    assert bench.rows("SELECT count(*) FROM alert") == [(1,)]


def test_a_follower_in_doubt_that_is_behind_another_stores_nothing(bench: Bench) -> None:
    take(bench, None, FURTHER)
    with pytest.raises(Refused):
        write(bench.store, following.take, "host:/eve.json", None, START, [alert()], in_doubt=True)
    assert bench.rows("SELECT count(*) FROM alert") == [(0,)]


def test_a_stored_report_gets_its_new_content_and_is_still_one_alert(bench: Bench) -> None:
    report = alert(context='{"lines": 1}', description="1 line")
    grown = replace(report, context='{"lines": 2}', description="2 lines")
    write(bench.store, following.take, "/eve.json", None, START, [], (), [report])
    further = replace(FURTHER, report=report.alert_id)
    for in_doubt in (False, True):
        write(bench.store, following.take, "/eve.json", START, further, [], (), [grown], in_doubt=in_doubt)
        assert bench.rows("SELECT context, description FROM alert") == [('{"lines": 2}', "2 lines")]
    assert bench.store.read(following.last_report, further).result() == replace(grown, destinations=None)


def test_a_report_is_found_by_its_new_content_only(bench: Bench) -> None:
    report = alert(context='{"raw": "apple"}', description="1 line")
    grown = replace(report, context='{"raw": "apple pear", "n": 2}', description="2 lines")
    write(bench.store, following.take, "/eve.json", None, START, [], (), [report])
    write(bench.store, following.take, "/eve.json", START, FURTHER, [], (), [grown])

    def found(text: str) -> int:
        return bench.store.read(listing.count_alerts, parse_filter(text), NOW, up_to=10).result()

    asked = ["pear", "apple", '"2 lines"', "context.n:2", '"1 line"', "context.raw:apple"]
    assert [found(text) for text in asked[:4]] == [1, 1, 1, 1]
    assert [found(text) for text in asked[4:]] == [0, 0]


def test_a_deleted_report_is_stored_again(bench: Bench) -> None:
    report = alert()
    write(bench.store, following.take, "/eve.json", None, START, [], (), [report])
    write(bench.store, lambda tx: execute(tx.db, "DELETE FROM alert"))
    write(bench.store, following.take, "/eve.json", START, FURTHER, [], (), [report])
    assert bench.rows("SELECT alert_id FROM alert") == [(report.alert_id,)]


def test_places_of_a_path_are_found_under_any_source_name(bench: Bench) -> None:
    further = replace(FURTHER, modified=5)
    take(bench, None, START, source="a:/eve.json")
    take(bench, None, START, source="a:/other/eve.json")
    take(bench, None, further, source="/eve.json")
    assert bench.store.read(following.places_elsewhere, "/eve.json").result() == [further, START]
