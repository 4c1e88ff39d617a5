"""The judge can find a server guilty: of a stream in which anything is missing, and of an answer with another field."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from compat_tests.exchange import Answer, Recording, Request
from tests.judge.agreement import TIMES, Ids, disagreements
from tests.judge.conftest import JUDGES, NO_FIRST, RECORDINGS
from tests.judge.sessions import Court
from tests.recordings import cases

Lie = Callable[[list[bytes]], list[bytes]]
STREAMING = "openai-dotnet/assistants.StreamingRunWorks"
needs_recordings = pytest.mark.parametrize("recordings", cases([RECORDINGS] if RECORDINGS else []), ids=["all"])
every_client = pytest.mark.parametrize("generation", JUDGES)


def of(courts: dict[str, Court], generation: str) -> Court:
    if generation not in courts:
        pytest.skip(NO_FIRST)
    return courts[generation]


def without(event: str) -> Lie:
    """The first of that name is missing."""

    def lie(frames: list[bytes]) -> list[bytes]:
        place = next(place for place, each in enumerate(frames) if each.startswith(b"event: " + event.encode() + b"\n"))
        return frames[:place] + frames[place + 1 :]

    return lie


def swapped(frames: list[bytes]) -> list[bytes]:
    """The last two deltas, the other way round."""
    *_, one, other = [place for place, each in enumerate(frames) if b"thread.message.delta" in each]
    told = list(frames)
    told[one], told[other] = told[other], told[one]
    return told


def told_otherwise(old: bytes, new: bytes) -> Lie:
    """The last time that it is said."""
    return lambda frames: [bytes(each) for each in _replaced_last(frames, old, new)]


def _replaced_last(frames: list[bytes], old: bytes, new: bytes) -> list[bytes]:
    place = max(place for place, each in enumerate(frames) if old in each)
    return [each.replace(old, new) if number == place else each for number, each in enumerate(frames)]


LIES: dict[str, Lie] = {
    "nothing": lambda frames: frames,
    **{
        f"no {event}": without(event)
        for event in [
            "thread.run.created",
            "thread.run.queued",
            "thread.run.step.created",
            "thread.message.created",
            "thread.message.delta",
            "thread.message.completed",
            "thread.run.step.completed",
            "thread.run.completed",
        ]
    },
    "a delta twice": lambda frames: frames[:8] + frames[7:],
    "deltas swapped": swapped,
    "a run that is never completed": told_otherwise(b'"status":"completed"', b'"status":"in_progress"'),
    "another step": told_otherwise(b'"type":"message_creation"', b'"type":"tool_calls"'),
    "no usage": told_otherwise(b'"usage":{', b'"used":{'),
}


@every_client
@needs_recordings
@pytest.mark.asyncio(loop_scope="session")
async def test_lies_in_a_live_stream(recordings: list[Recording], generation: str, courts: dict[str, Court]) -> None:
    court = of(courts, generation)
    (recording,) = [each for each in recordings if each.name == STREAMING]
    noticed, tampered = {}, []
    for name, lie in LIES.items():

        def tamper(frames: list[bytes], name: str = name, lie: Lie = lie) -> list[bytes]:
            told = lie(frames)
            if told != frames:
                tampered.append(name)
            return told

        court.tap.tamper = tamper
        try:
            noticed[name] = bool((await court.judge(recording)).differences)
        finally:
            court.tap.tamper = None
    assert tampered == [name for name in LIES if name != "nothing"]
    assert noticed == {name: name != "nothing" for name in LIES}


@every_client
@needs_recordings
@pytest.mark.asyncio(loop_scope="session")
async def test_other_fields_in_an_answer(
    recordings: list[Recording], generation: str, courts: dict[str, Court]
) -> None:
    """Whatever is not null: gone, and of another type."""
    wanted = {}
    for recording in recordings:
        for exchange in recording.exchanges:
            body = exchange.answer.body
            if (
                isinstance(body, dict)
                and exchange.answer.status == 200
                and isinstance(exchange.request.body, dict | None)
            ):
                wanted.setdefault((body.get("object"), exchange.request.method), exchange)
    assert len(wanted) > 20
    fed = of(courts, generation).fed
    tried, unnoticed = 0, []
    for (kind, _), exchange in wanted.items():
        before = await fed.play(exchange.request, exchange.answer)
        if "why" in before:
            continue
        for key, body in changed(exchange.answer.body):
            after = await fed.play(exchange.request, replace(exchange.answer, body=body))
            tried += 1
            if not list(disagreements(before, after, Ids())):
                unnoticed.append(f"{kind}.{key}")
    assert tried > 300
    assert unnoticed == []


def changed(body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The body with one key changed, for each that says something."""
    for key, value in body.items():
        if value is not None:
            yield f"{key} gone", {name: each for name, each in body.items() if name != key}
            yield (
                f"{key} otherwise",
                body | {key: {"something": "else"} if not isinstance(value, dict) else "something else"},
            )
        if isinstance(value, dict):
            for inner, other in changed(value):
                yield f"{key}.{inner}", body | {key: other}


@every_client
@pytest.mark.asyncio(loop_scope="session")
async def test_other_errors(generation: str, courts: dict[str, Court]) -> None:
    fed = of(courts, generation).fed
    error = {
        "message": "No thread found with id 'thread_none'.",
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }
    request = Request(method="GET", path="/v1/threads/thread_none")

    async def seen(status: int = 404, **given: Any) -> Any:
        body = {"error": error | given}
        return await fed.play(request, Answer(status=status, headers={"content-type": "application/json"}, body=body))

    right = await seen()
    assert right["raised"][""] == "NotFoundError"
    assert list(disagreements(right, await seen(), Ids())) == []
    for wrong in [
        await seen(status=400),
        await seen(message="No."),
        await seen(type="server_error"),
        await seen(param="thread_id"),
        await seen(code="not_found"),
        await fed.play(request, Answer(status=404, body="no JSON")),
        await fed.play(request, Answer(status=200, headers={"content-type": "application/json"}, body={})),
    ]:
        assert list(disagreements(right, wrong, Ids()))


def test_ids_stand_for_one_another() -> None:
    ids = Ids()
    assert ids.agree("thread_aaaaaaaa", "thread_bbbbbbbb")
    assert ids.agree("In thread_aaaaaaaa, there is step_cccccccc.", "In thread_bbbbbbbb, there is step_dddddddd.")
    assert not ids.agree("thread_aaaaaaaa", "thread_cccccccc")
    assert not ids.agree("thread_dddddddd", "thread_bbbbbbbb")
    assert not ids.agree("thread_eeeeeeee", "run_eeeeeeee")
    assert not ids.agree("some", "other")


def test_times_are_times() -> None:
    assert TIMES.fullmatch("created_at")
    seen = {"call": "x", "returned": {"": "Thread", "created_at": 1}}
    assert list(disagreements(seen, {"call": "x", "returned": {"": "Thread", "created_at": 2}}, Ids())) == []
    for other in ({"": "Thread"}, {"": "Thread", "created_at": "2"}, {"": "Thread", "created_at": 1.0}, {"": "Other"}):
        assert list(disagreements(seen, {"call": "x", "returned": other}, Ids()))
