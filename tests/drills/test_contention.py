"""Many producers and several dispatchers on one database: each alert is sent exactly once."""

from collections.abc import Callable
from signal import SIGTERM

from tests.drills.conftest import assert_nothing_lost
from tests.drills.installation import Installation, json_lines, names
from tests.drills.receiver import Receiver

PRODUCERS, ALERTS_EACH, DISPATCHERS = 20, 200, 4


def test_four_dispatchers_send_each_alert_of_twenty_producers_once(
    installation: Installation, receiver: Receiver, report: Callable[[str], None]
):
    installation.add_destination("soc", receiver.url)
    dispatchers = [installation.dispatcher("--grace", "60") for _ in range(DISPATCHERS)]
    batches = [names(f"producer-{number}", ALERTS_EACH) for number in range(PRODUCERS)]

    producers = [installation.start("send", "-", input=json_lines(batch)) for batch in batches]

    assert [producer.exit_code() for producer in producers] == [0] * PRODUCERS
    installation.wait_until_all_delivered()
    for dispatcher in dispatchers:
        dispatcher.signal(SIGTERM)
    assert [dispatcher.exit_code() for dispatcher in dispatchers] == [0] * DISPATCHERS
    figures = assert_nothing_lost(installation, receiver, [id for batch in batches for id in batch])
    assert set(receiver.by_webhook_id.values()) == {1}, "nothing was claimed twice"
    shares = [dispatcher.said().count("outcome=delivered") for dispatcher in dispatchers]
    assert sum(shares) == PRODUCERS * ALERTS_EACH
    assert min(shares) > 0, f"a dispatcher starved: {shares}"
    report(f"{figures}, delivered by each dispatcher {shares}")
