"""Frames by number: what is counted, where streams end, and what is remembered for how long."""

import asyncio
from collections.abc import Sequence

import pytest

from proxy.engine.broadcast import Broadcast, Follower
from proxy.schema.events import ErrorBody, Event, MessageChanged, RunChanged, RunCreated, StepChanged, StreamError
from proxy.schema.runs import RunStatus
from tests.builders import a_message, a_run, a_step

RUN = a_run()
CREATED: list[Event] = [RunCreated(RUN), RunChanged(RUN)]


def said(text: str) -> Event:
    return MessageChanged(a_message(text), text)


def moved(status: RunStatus) -> Event:
    return RunChanged(a_run(id=RUN.id, thread_id=RUN.thread_id, status=status))


WAITS = moved(RunStatus.REQUIRES_ACTION)
OVER = moved(RunStatus.COMPLETED)
UNTOLD: Event = StepChanged(a_step(), None)


def frame(event: Event) -> bytes:
    return b"" if event.name is None else f"{event.name.removeprefix('thread.run.')} ".encode()


def broadcast(*events: Sequence[Event], kept_seconds: float = 60.0, counted_seconds: float = 60.0) -> Broadcast:
    made = Broadcast(frame, kept_seconds=kept_seconds, counted_seconds=counted_seconds)
    for batch in events:
        made.publish(RUN.id, batch)
    return made


async def read(follower: Follower | None) -> str:
    assert follower is not None
    async with asyncio.timeout(1):
        return b"".join([ready async for ready in follower]).decode().strip()


async def test_streams_end_where_the_run_rests() -> None:
    frames = broadcast([*CREATED, said("a"), UNTOLD, WAITS], [said("b"), OVER])
    assert frames.count(RUN.id) == frames.position(RUN.id) == 6
    assert await read(frames.follow(RUN.id, since=0)) == "created queued a requires_action"
    assert await read(frames.follow(RUN.id, since=3)) == "requires_action"
    assert await read(frames.follow(RUN.id, since=4)) == "b completed"


async def test_what_is_not_announced_is_not_counted() -> None:
    frames = broadcast([*CREATED, UNTOLD, said("a"), UNTOLD])
    assert frames.count(RUN.id) == 3
    frames.publish(RUN.id, [UNTOLD, OVER])
    assert await read(frames.resume(RUN.id, after=2)) == "a completed"


async def test_whoever_comes_back_gets_the_rest() -> None:
    frames = broadcast([*CREATED, said("a"), said("b"), OVER])
    whole = ["created", "queued", "a", "b", "completed"]
    for number in range(len(whole) + 1):
        assert await read(frames.resume(RUN.id, after=number)) == " ".join(whole[number:])


async def test_a_run_that_rests_has_no_more_to_say() -> None:
    frames = broadcast([*CREATED, WAITS])
    assert await read(frames.resume(RUN.id, after=1)) == "queued requires_action"
    assert await read(frames.resume(RUN.id, after=3)) == ""
    frames.publish(RUN.id, [said("b")])
    waiting = frames.resume(RUN.id, after=3)
    frames.publish(RUN.id, [OVER])
    assert await read(waiting) == "b completed"
    assert await read(frames.resume(RUN.id, after=4)) == "completed"
    assert await read(frames.resume(RUN.id, after=2)) == "requires_action"


async def test_an_error_ends_a_stream_and_the_run_may_go_on() -> None:
    error = StreamError(ErrorBody(message="Sorry."))
    frames = broadcast([*CREATED, error])
    assert await read(frames.resume(RUN.id, after=0)) == "created queued error"
    frames.publish(RUN.id, [said("again"), OVER])
    assert await read(frames.resume(RUN.id, after=3)) == "again completed"


async def test_a_run_that_says_no_more() -> None:
    frames = broadcast(CREATED)
    follower = frames.follow(RUN.id, since=2)
    frames.end(RUN.id)
    frames.end(RUN.id)
    assert await read(follower) == ""
    assert await read(frames.resume(RUN.id, after=0)) == "created queued"


async def test_one_that_never_said_anything() -> None:
    frames = broadcast()
    follower = frames.follow(RUN.id, since=0)
    frames.end(RUN.id)
    assert await read(follower) == ""


async def test_frames_are_forgotten_when_the_run_is_over() -> None:
    frames = broadcast([*CREATED, OVER], kept_seconds=0)
    slow = frames.follow(RUN.id, since=0)
    await forgotten(frames)
    assert (frames.resume(RUN.id, after=1), frames.count(RUN.id)) == (None, None)
    assert frames._channels == {}
    assert await read(slow) == "created queued completed"


async def test_numbers_go_on_where_frames_of_a_waiting_run_are_forgotten() -> None:
    frames = broadcast([*CREATED, said("a"), WAITS], kept_seconds=0)
    await forgotten(frames)
    assert frames.resume(RUN.id, after=1) is None
    assert frames.count(RUN.id) == 4
    position = frames.position(RUN.id)
    frames.publish(RUN.id, [said("b")])
    follower = frames.follow(RUN.id, since=position)
    frames.publish(RUN.id, [said("c"), OVER])
    assert await read(follower) == "b c completed"
    for after, rest in {1: "b c completed", 4: "b c completed", 5: "c completed", 7: ""}.items():
        assert await read(frames.resume(RUN.id, after=after)) == rest
    await forgotten(frames)
    assert frames._channels == {}


async def test_the_count_is_forgotten_when_the_run_cannot_go_on_any_more() -> None:
    frames = broadcast([*CREATED, WAITS], kept_seconds=0, counted_seconds=0)
    await forgotten(frames)
    await forgotten(frames)
    assert frames._channels == {}


async def test_following_keeps_nothing_longer() -> None:
    frames = broadcast([*CREATED, OVER], kept_seconds=0)
    await read(frames.resume(RUN.id, after=0))
    await forgotten(frames)
    assert frames._channels == {}


@pytest.mark.parametrize("after", [0, 1, 2, 9])
async def test_a_run_that_another_process_began_is_told_from_what_is_known(after: int) -> None:
    frames = broadcast([moved(RunStatus.IN_PROGRESS), said("a"), OVER])
    assert frames.count(RUN.id) is None
    assert await read(frames.resume(RUN.id, after=after)) == "in_progress a completed"


async def test_one_event_alone() -> None:
    frames = broadcast()
    assert await read(frames.told(OVER)) == "completed"
    assert frames._channels == {}


async def forgotten(frames: Broadcast) -> None:
    """Let a timer of no seconds go off."""
    loop = asyncio.get_running_loop()
    gone_off = loop.create_future()
    loop.call_later(0.001, gone_off.set_result, None)
    await gone_off
