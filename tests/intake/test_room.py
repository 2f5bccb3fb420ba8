"""The memory that senders share."""

import asyncio

import pytest

from tui.intake.answers import Answered
from tui.intake.room import Room


async def settled(*tasks: "asyncio.Task[None]") -> list[bool]:
    """Let the loop run what it can. Return which tasks are done."""
    for _ in range(5):
        await asyncio.sleep(0)
    return [task.done() for task in tasks]


def taking(room: Room, sender: int | None, size: int) -> "asyncio.Task[None]":
    return asyncio.create_task(room.take(sender, size))


async def test_who_finds_no_room_waits_until_there_is() -> None:
    room = Room(100)
    await room.take(1, 50)
    await room.take(2, 50)
    waiting = taking(room, 3, 10)
    assert await settled(waiting) == [False]
    room.give(1, 50)
    assert await settled(waiting) == [True]


async def test_a_sender_takes_at_most_half_and_holds_up_nobody_else() -> None:
    room = Room(100)
    await room.take(1, 40)
    again, other = taking(room, 1, 40), taking(room, 2, 40)
    assert await settled(again, other) == [False, True]
    room.give(2, 40)
    assert await settled(again) == [False]
    room.give(1, 40)
    assert await settled(again) == [True]


async def test_a_large_body_is_not_overtaken_by_small_ones() -> None:
    room = Room(100)
    await room.take(1, 50)
    await room.take(2, 40)
    large, small = taking(room, 3, 50), taking(room, 4, 10)
    assert await settled(large, small) == [False, False]
    room.give(1, 50)
    assert await settled(large, small) == [True, True]


async def test_a_body_larger_than_half_gets_in_alone() -> None:
    room = Room(100)
    await room.take(1, 90)
    assert await settled(second := taking(room, 2, 90)) == [False]
    room.give(1, 90)
    assert await settled(second) == [True]


async def test_waiting_too_long_is_answered_503_and_leaves_the_line() -> None:
    room = Room(100, patience_s=0)
    await room.take(1, 50)
    await room.take(2, 50)
    with pytest.raises(Answered) as caught:
        await room.take(3, 10)
    assert (caught.value.status, caught.value.response.headers["retry-after"]) == (503, "5")
    room.give(1, 50)
    room.give(2, 50)
    assert await settled(*(taking(room, sender, 50) for sender in (4, 5))) == [True, True]


async def test_a_request_that_is_cancelled_leaves_the_line_and_its_room() -> None:
    room = Room(100)
    await room.take(1, 50)
    await room.take(2, 50)
    waiting, behind = taking(room, 3, 50), taking(room, 4, 50)
    await settled()
    waiting.cancel()
    assert await settled(waiting, behind) == [True, False]
    room.give(1, 50)
    assert await settled(behind) == [True]
    last = taking(room, 5, 50)
    await settled()
    room.give(2, 50)  # lets it in, and it is cancelled before it knows
    last.cancel()
    assert await settled(last, taking(room, 6, 50)) == [True, True]
