"""Destinations are stored with all settings. Pausing, editing and deleting keep the history."""

from dataclasses import replace

import pytest

from tests.conftest import NOW, Clock, write
from tests.store.bench import Bench
from tui.domain.alert import Severity
from tui.domain.alert_type import AlertType
from tui.domain.destination import Destination
from tui.domain.errors import Invalid, Refused
from tui.domain.headers import Header
from tui.domain.lifecycle import State
from tui.domain.rotation import OldSecret
from tui.domain.secret import Secret
from tui.domain.tls import TlsSettings
from tui.store import destinations


def stored(bench: Bench) -> list[Destination]:
    return bench.store.read(destinations.all_destinations).result()


def test_a_destination_comes_back_as_it_was_added(bench: Bench) -> None:
    added = bench.add(
        name="Zürich – SOC",
        url="https://user:pass@hooks.example.com/a?b=c",
        severities=frozenset({Severity.HIGH, Severity.CRITICAL}),
        alert_types=frozenset({AlertType.POLICY}),
        headers=(Header("X-B", Secret("2")), Header("X-A", Secret("env:TOKEN"))),
        secret=Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        timeout_ms=2_500,
        paused=True,
        tls=TlsSettings(
            ca_file="/etc/ca.pem",
            certificate="/etc/client.pem",
            key="/etc/client.key",
            key_password=Secret("env:KEY_PASSWORD"),
            verify=False,
        ),
    )
    assert added.id > 0
    assert stored(bench) == [added]


def test_a_destination_without_severities_can_be_stored(bench: Bench) -> None:
    added = bench.add(severities=frozenset(), alert_types=frozenset())
    assert stored(bench) == [added]


def test_destinations_are_listed_by_name_ignoring_case(bench: Bench) -> None:
    for name in ("soc", "Archive", "pager"):
        bench.add(name=name)
    assert [destination.name for destination in stored(bench)] == ["Archive", "pager", "soc"]


@pytest.mark.parametrize("name", ["straße", "STRASSE", "Straße"])
def test_a_name_in_use_is_refused_in_any_case(bench: Bench, name: str) -> None:
    bench.add(name="Straße")
    with pytest.raises(Invalid) as caught:
        bench.add(name=name)
    assert caught.value.field == "name"
    assert caught.value.message == "there is already a destination called 'Straße'; choose another name"


def test_an_edit_applies_from_the_next_attempt(bench: Bench, soc: Destination) -> None:
    bench.submit()
    bench.submit()
    assert bench.claim(slots=1).claims[0].destination == soc
    edited = write(
        bench.store,
        destinations.edit,
        replace(soc, name="SOC", url="http://localhost/new", timeout_ms=1_000),
    )
    assert stored(bench) == [edited]
    assert bench.claim_one().destination == edited
    assert bench.rows("SELECT url FROM attempt ORDER BY id") == [(soc.url,), ("http://localhost/new",)]


def test_an_edit_keeps_a_pause_made_in_the_meantime(bench: Bench, soc: Destination) -> None:
    bench.pause(soc)
    write(bench.store, destinations.edit, replace(soc, name="SOC"))
    assert stored(bench) == [replace(soc, name="SOC", paused=True)]


def test_an_edit_keeps_changes_that_others_made_in_the_meantime(bench: Bench, soc: Destination) -> None:
    theirs = replace(soc, url="http://localhost/theirs", timeout_ms=1_000)
    write(bench.store, destinations.edit, theirs)
    edited = write(bench.store, destinations.edit, replace(soc, name="SOC", rate=5.0), seen=soc)
    assert edited == replace(theirs, name="SOC", rate=5.0)
    assert stored(bench) == [edited]


def test_an_edit_that_would_undo_another_edit_is_refused(bench: Bench, soc: Destination) -> None:
    theirs = replace(soc, url="http://localhost/theirs", timeout_ms=1_000)
    write(bench.store, destinations.edit, theirs)
    ours = replace(soc, url="http://localhost/ours", timeout_ms=1_000)
    with pytest.raises(destinations.Clash, match=r"changed this destination in the meantime: URL$") as caught:
        write(bench.store, destinations.edit, ours, seen=soc)
    assert stored(bench) == [theirs]
    assert write(bench.store, destinations.edit, ours, seen=caught.value.stored) == ours


def test_a_deleted_destination_is_not_found(bench: Bench, soc: Destination) -> None:
    assert bench.store.read(destinations.find, soc.id).result() == soc
    bench.delete(soc)
    assert bench.store.read(destinations.find, soc.id).result() is None


def test_an_edit_may_not_take_the_name_of_another(bench: Bench, soc: Destination) -> None:
    pager = bench.add(name="pager")
    with pytest.raises(Invalid, match="there is already a destination called 'soc'"):
        write(bench.store, destinations.edit, replace(pager, name="SOC"))
    assert stored(bench) == [pager, soc]


def test_pausing_and_resuming_changes_nothing_else(bench: Bench, soc: Destination) -> None:
    bench.pause(soc)
    assert stored(bench) == [replace(soc, paused=True)]
    bench.pause(soc, paused=False)
    assert stored(bench) == [soc]


def test_deleting_cancels_pending_deliveries_and_keeps_the_history(bench: Bench, soc: Destination) -> None:
    [sent] = bench.submit()
    bench.finish(bench.claim_one())
    [in_flight] = bench.submit()
    bench.claim_one()
    waiting = bench.submit() + bench.submit()

    assert bench.delete(soc) == len(waiting)

    assert stored(bench) == []
    assert [bench.progress(delivery).state for delivery in (sent, in_flight, *waiting)] == [
        State.DELIVERED,
        State.IN_FLIGHT,
        State.CANCELLED,
        State.CANCELLED,
    ]
    assert bench.history(sent) == [(1, 1, "delivered")]
    assert bench.rows("SELECT name, deleted_at FROM destination") == [("soc", NOW)]


def test_deleting_keeps_pending_deliveries_of_other_destinations(bench: Bench, soc: Destination) -> None:
    bench.add(name="pager")
    [waiting] = bench.submit(destinations=("pager",))
    assert bench.delete(soc) == 0
    assert bench.progress(waiting).state is State.SCHEDULED


def test_a_deleted_destination_frees_its_name_repeatedly(bench: Bench, soc: Destination) -> None:
    bench.delete(soc)
    again = bench.add(name="SOC")
    assert again.id != soc.id
    bench.delete(again)
    assert stored(bench) == []


def test_nothing_can_be_done_to_a_deleted_destination(bench: Bench, soc: Destination) -> None:
    bench.delete(soc)
    for work, arguments in (
        (destinations.edit, (soc,)),
        (destinations.delete, (soc.id,)),
        (lambda tx: destinations.set_paused(tx, soc.id, paused=True), ()),
    ):
        with pytest.raises(Refused, match="this destination has been deleted"):
            write(bench.store, work, *arguments)


# --- rotating the signing secret

FIRST, SECOND, THIRD = (Secret(f"env:{name}") for name in ("FIRST", "SECOND", "THIRD"))
HOUR = 3_600_000


def rotate(bench: Bench, soc: Destination, new: Secret | None, overlap_ms: int = HOUR) -> Destination:
    return write(bench.store, destinations.edit, replace(soc, secret=new), overlap_ms=overlap_ms)


def test_a_secret_that_is_rotated_is_kept_until_the_overlap_ends(bench: Bench) -> None:
    soc = bench.add(secret=FIRST)
    rotated = rotate(bench, soc, SECOND)
    assert rotated == replace(soc, secret=SECOND, old_secret=OldSecret(FIRST, NOW + HOUR))
    assert stored(bench) == [rotated]


def test_an_unrelated_edit_keeps_the_old_secret_until_it_expires(bench: Bench, clock: Clock) -> None:
    soc = rotate(bench, bench.add(secret=FIRST), SECOND)
    edited = write(bench.store, destinations.edit, replace(soc, name="pager"))
    assert edited.old_secret == OldSecret(FIRST, NOW + HOUR)
    clock.advance(HOUR)
    write(bench.store, destinations.edit, edited)
    assert [each.old_secret for each in stored(bench)] == [None]
    assert bench.rows("SELECT old_secret FROM destination") == [(None,)]


def test_replacing_or_removing_the_secret_drops_the_old_one(
    bench: Bench,
) -> None:
    soc = rotate(bench, bench.add(secret=FIRST), SECOND)
    replaced = write(bench.store, destinations.edit, replace(soc, secret=THIRD))
    assert (replaced.secret, replaced.old_secret) == (THIRD, OldSecret(FIRST, NOW + HOUR))
    assert write(bench.store, destinations.edit, replace(replaced, secret=None)).old_secret is None


def test_rotating_twice_within_an_overlap_is_refused_and_without_one_ends_it(bench: Bench) -> None:
    soc = rotate(bench, bench.add(secret=FIRST), SECOND)
    with pytest.raises(Refused, match="already being rotated"):
        rotate(bench, soc, THIRD)
    assert stored(bench) == [soc]
    assert rotate(bench, soc, THIRD, 0) == replace(soc, secret=THIRD, old_secret=None)


def test_an_edit_does_not_undo_a_rotation_in_the_meantime(bench: Bench) -> None:
    seen = bench.add(secret=FIRST)
    rotated = rotate(bench, seen, SECOND)
    edited = write(bench.store, destinations.edit, replace(seen, name="pager"), seen=seen)
    assert edited == replace(rotated, name="pager")
    with pytest.raises(destinations.Clash, match="signing secret"):
        write(bench.store, destinations.edit, replace(seen, secret=THIRD), seen=seen, overlap_ms=HOUR)
