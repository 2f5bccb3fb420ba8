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
