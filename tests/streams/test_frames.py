"""Streams on the wire: the names of their events, and every key and value of what they carry, in order."""

import json
import re
from typing import get_args, get_type_hints

import pytest

from proxy.schema.events import FileSearchCallDelta, FunctionCallDelta, ToolCallsDelta
from tests.streams.cases import CASES, NOT_BUILT, ROWS
from tests.streams.expected import SCORE, Frame
from tests.streams.place import Place, as_read

AN_ID = re.compile(r"\b(asst|thread|run|step|msg|call)_[A-Za-z0-9]{24}\b")
A_SCORE = re.compile(r'"score": 0\.\d+')


def numbered(streams: list[list[Frame]]) -> list[list[Frame]]:
    """Ids by their kind and the order in which they come up, and one score for all."""
    seen: dict[str, dict[str, str]] = {}

    def number(found: re.Match[str]) -> str:
        kind = seen.setdefault(found[1], {})
        return kind.setdefault(found[0], f"{found[1]}_{len(kind) + 1}")

    told: list[list[Frame]] = json.loads(A_SCORE.sub(f'"score": {SCORE}', AN_ID.sub(number, json.dumps(streams))))
    return [[(name, data) for name, data in stream] for stream in told]


def test_every_kind_of_stream_has_a_case_or_a_reason() -> None:
    covered = set().union(*(case.rows for case in CASES.values()))
    assert covered | set(NOT_BUILT) == ROWS
    assert covered & set(NOT_BUILT) == set()


def test_what_is_not_built_is_not_there() -> None:
    """Once deltas can tell of other tools, their streams need cases."""
    (delta,) = get_args(get_type_hints(ToolCallsDelta)["tool_calls"])
    assert get_args(delta) == (FunctionCallDelta, FileSearchCallDelta)


@pytest.mark.parametrize("name", CASES)
async def test_every_frame(place: Place, name: str) -> None:
    case = CASES[name]
    plan = await place.plan(case)
    streams = await place.frames(plan)
    seen = numbered(streams)
    assert [[event for event, _ in stream] for stream in seen] == [
        [event for event, _ in stream] for stream in case.streams
    ]
    for stream, expected in zip(seen, case.streams, strict=True):
        for (event, data), (_, told) in zip(stream, expected, strict=True):
            assert (event, data) == (event, told)
            assert list(data) == list(told)
    assert place.world.upstream.unanswered == 0


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.full_disk])
async def test_what_was_said_is_there(place: Place, name: str) -> None:
    frames = [frame for stream in await place.frames(await place.plan(CASES[name])) for frame in stream]
    last = {data["id"]: data for event, data in frames if not event.endswith(".delta")}
    stored = await place.get(frames[-1][1])
    assert stored.run == frames[-1][1]
    assert stored.steps == [as_read(data) for data in last.values() if data["object"] == "thread.run.step"]
    assert stored.messages == [data for data in last.values() if data["object"] == "thread.message"]
    await place.is_free(stored.run["thread_id"])
