"""The edges of the acknowledgement: 2xx and nothing else."""

import pytest

from tests.delivery.scripted import response
from tui.domain.lifecycle import Outcome


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, Outcome.DELIVERED), (299, Outcome.DELIVERED), (300, Outcome.REJECTED), (304, Outcome.REJECTED)],
)
async def test_only_a_2xx_acknowledges(receive, send, status, outcome):
    reply = await send((await receive(response(b"", status=f"{status} ?"))).url)

    assert (reply.outcome, reply.status_code) == (outcome, status)


@pytest.mark.parametrize(
    "location", ["https://hooks.example.com/services/T000/s3cret-t0ken", "/services/T000/s3cret-t0ken"]
)
async def test_the_error_of_a_redirect_masks_the_token_in_its_location(receive, send, location):
    reply = await send((await receive(response(b"", f"Location: {location}", status="302 Found"))).url)

    assert reply.outcome is Outcome.REJECTED
    assert "…0ken" in (reply.error or "")
    assert "t0ken" not in (reply.error or "")


@pytest.mark.parametrize(
    ("status", "header", "stopped_by"),
    [
        ("410 Gone", "X: y", "status 410"),
        ("503 Busy", "Webhook-Delivery: abort-message", "the header webhook-delivery: abort-message"),
        ("301 Moved", "webhook-delivery: foo, Abort-Message", "the header webhook-delivery: abort-message"),
        ("503 Busy", "webhook-delivery: disable", None),
        ("404 Not Found", "X: abort-message", None),
        ("200 OK", "webhook-delivery: abort-message", None),
    ],
)
async def test_a_receiver_stops_the_retries_if_its_destination_allows_it(
    receive, send, status, header, stopped_by
):
    answer = response(b"", header, status=status)
    allowed = await send((await receive(answer)).url, allow_stop=True)
    retried = await send((await receive(answer)).url)

    assert allowed.permanent == (stopped_by is not None)
    assert not retried.permanent
    assert retried.outcome is allowed.outcome
    assert (allowed.error or "").endswith(f"; not retried: stopped by {stopped_by}") == allowed.permanent
    assert "stopped" not in (retried.error or "")
