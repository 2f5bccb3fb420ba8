"""One GET that is no delivery."""

import pytest

from tests.delivery.scripted import Receive, answering, hang, response
from tui.delivery import fetch as module
from tui.delivery.dialling import Dialler
from tui.delivery.fetch import NotFetched, fetch
from tui.domain.network import NetworkPolicy, PolicyName


async def test_a_2xx_is_enough_and_the_body_is_not_read(receive: Receive) -> None:
    receiver = await receive(answering(response(b"x" * 100_000)))
    await fetch(f"{receiver.url}/?Action=ConfirmSubscription&Token=t0k", Dialler())
    [request] = receiver.requests
    assert request.startswith(b"GET /?Action=ConfirmSubscription&Token=t0k HTTP/1.1\r\nHost: 127.0.0.1:")


@pytest.mark.parametrize("status", ["403 Forbidden", "302 Found"])
async def test_anything_else_is_not_and_a_redirect_is_not_followed(receive: Receive, status: str) -> None:
    receiver = await receive(answering(response(b"", "Location: /other", status=status)))
    with pytest.raises(NotFetched, match=f"127.0.0.1 answered {status[:3]}"):
        await fetch(f"{receiver.url}/?Token=t0k", Dialler())
    assert len(receiver.requests) == 1


async def test_the_network_policy_applies(receive: Receive) -> None:
    receiver = await receive(answering(response()))
    with pytest.raises(NotFetched) as caught:
        await fetch(f"{receiver.url}/?Token=t0k", Dialler(NetworkPolicy(PolicyName.PUBLIC)))
    assert "t0k" not in str(caught.value)
    assert receiver.requests == []


async def test_it_gives_up_in_time(receive: Receive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DEADLINE_S", 0.05)
    receiver = await receive(hang)
    with pytest.raises(NotFetched, match=r"127.0.0.1 did not answer within"):
        await fetch(f"{receiver.url}/?Token=t0k", Dialler())
