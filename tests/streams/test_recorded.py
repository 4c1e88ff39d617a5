"""Recorded streams of the real service, asked for again: the same requests to our server, and the same frames from it.

The model server says what the model said then. What must be equal is every event's name and order, every key, what is
null, and every value but ids and times; `is_known` and `put_right` tell what the real service did otherwise, and why.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from compat_tests.scripted_upstream import Call, Say, Step, Stream
from tests.recordings import cases, scenarios
from tests.streams.cases import NOT_BUILT
from tests.streams.expected import Frame
from tests.streams.place import Place

Exchange = dict[str, Any]
AN_ID = re.compile(r"\b(?:asst|thread|run|step|msg|call)_[A-Za-z0-9]{24}\b")
ASKED = {"model", "instructions", "tools", "temperature", "top_p", "response_format"}


def frames_of(exchange: Exchange) -> list[Frame]:
    return [(e["event"], e["data"]) for e in exchange["response"].get("sse") or [] if e["event"] != "done"]


def hosted_tool_in(exchange: Exchange) -> str | None:
    """The tool that runs where the model does, where the stream has a call of one."""
    calls = [
        call["type"].replace("_", " ")
        for event, data in frames_of(exchange)
        if event == "thread.run.step.completed"
        for call in data["step_details"].get("tool_calls", [])
    ]
    return next((kind for kind in calls if kind != "function"), None)


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What was asked, and answered, in a scenario that has streams."""

    name: str
    day: str
    exchanges: list[Exchange]

    @property
    def hosted_tools(self) -> set[str]:
        return {tool for each in self.exchanges if (tool := hosted_tool_in(each))}


def streamed() -> Iterator[Recorded]:
    for name, scenario in scenarios():
        exchanges = [each for each in scenario["exchanges"] if each["request"]["method"] == "POST"]
        streams = [each for each in exchanges if frames_of(each)]
        if streams:
            if all(each["request"]["body"] is None for each in streams):
                exchanges = [*prepared(streams[0]), *streams]
            yield Recorded(name=name, day=scenario["recorded_at"][:10], exchanges=exchanges)


def prepared(stream: Exchange) -> Iterator[Exchange]:
    """Requests that lead to a stream of which only the answer was recorded."""
    frames = frames_of(stream)
    runs = [data for _, data in frames if data["object"] == "thread.run"]
    run = runs[0]
    for other in runs:  # written down by hand in one case, and spelt in two ways
        other |= {"model": run["model"], "instructions": run["instructions"]}
    thread = next((data for event, data in frames if event == "thread.created"), {"metadata": {}})
    message = {"messages": [{"role": "user", "content": "Hello."}], "metadata": thread["metadata"]}
    settings = {key: value for key, value in run.items() if key in ASKED}
    path, body = (
        stream["request"]["path"],
        {"assistant_id": run["assistant_id"], "metadata": run["metadata"], "stream": True},
    )
    yield asked("/v1/assistants", settings, {"id": run["assistant_id"]})
    if path == "/v1/threads/runs":
        stream["request"]["body"] = body | {"thread": message}
        return
    yield asked("/v1/threads", message, {"id": run["thread_id"]})
    if path.endswith("/submit_tool_outputs"):
        calls = frames[0][1]["step_details"]["tool_calls"]
        outputs = [{"tool_call_id": call["id"], "output": call["function"]["output"]} for call in calls]
        stream["request"]["body"] = {"tool_outputs": outputs, "stream": True}
        yield before_outputs(frames, path.removesuffix(f"/{run['id']}/submit_tool_outputs"), body)
    else:
        stream["request"]["body"] = body


def before_outputs(frames: list[Frame], path: str, body: Any) -> Exchange:
    """The stream that must have come before one that begins with outputs: of the calls, and not compared."""
    step, run = frames[0][1], next(data for _, data in frames if data["object"] == "thread.run")
    calls = step["step_details"]["tool_calls"]
    details = {"type": "tool_calls", "tool_calls": [{**call, "index": i} for i, call in enumerate(calls)]}
    action = {"submit_tool_outputs": {"tool_calls": calls}}
    events = {
        "thread.run.created": {"id": run["id"]},
        "thread.run.step.created": {"id": step["id"]},
        "thread.run.step.delta": {"delta": {"step_details": details}},
        "thread.run.requires_action": {"required_action": action},
    }
    sse = [{"event": event, "data": data} for event, data in events.items()]
    return asked(path, body, None) | {"response": {"sse": sse, "compared": False}}


def asked(path: str, body: Any, answer: Any) -> Exchange:
    return {"request": {"method": "POST", "path": path, "body": body}, "response": {"body": answer}}


def said_in(exchange: Exchange, following: list[Frame]) -> Stream:
    """What the model said, piece by piece, and the tokens that it took: those of a step of calls are told later."""
    steps: list[Step] = []
    finish = "stop"
    for event, data in frames_of(exchange):
        if event == "thread.message.delta":
            steps += [Say(part["text"]["value"]) for part in data["delta"]["content"]]
        elif event == "thread.run.step.delta":
            finish = "tool_calls"
            for call in data["delta"]["step_details"]["tool_calls"]:
                function = call["function"]
                if "name" in function:
                    steps.append(Call(call["index"], function["name"], tuple(filter(None, [function["arguments"]]))))
                else:
                    opened = steps.pop()
                    assert isinstance(opened, Call)
                    steps.append(Call(opened.index, opened.name, (*opened.arguments, function["arguments"])))
        elif event == "thread.message.incomplete":
            finish = "length"
    used = [d["usage"] for event, d in [*frames_of(exchange), *following] if event == "thread.run.step.completed"]
    # A stream after outputs begins with the step before.
    after_outputs = exchange["request"]["path"].endswith("/submit_tool_outputs")
    usage = used[1 if after_outputs else 0]
    told = {key: usage[key] for key in ("prompt_tokens", "completion_tokens", "total_tokens")}
    return Stream(tuple(steps), finish=finish, usage=told)


def with_our_ids(value: Any, ids: dict[str, str]) -> Any:
    return json.loads(AN_ID.sub(lambda found: ids.get(found[0], found[0]), json.dumps(value)))


def learn(theirs: Any, ours: Any, ids: dict[str, str]) -> None:
    """Note which id of ours stands where theirs does."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in theirs.keys() & ours.keys():
            learn(theirs[key], ours[key], ids)
    elif isinstance(theirs, list) and isinstance(ours, list):
        for each, other in zip(theirs, ours, strict=False):
            learn(each, other, ids)
    elif isinstance(theirs, str) and isinstance(ours, str) and AN_ID.fullmatch(theirs):
        assert ids.setdefault(theirs, ours) == ours


STREAMED = list(streamed())
COMPARED = [pytest.param(each, id=each.name) for each in STREAMED if not each.hosted_tools]


@pytest.mark.parametrize("everything", cases([STREAMED] if STREAMED else []))
def test_what_is_not_compared_is_not_built(everything: list[Recorded]) -> None:
    assert set().union(*(each.hosted_tools for each in everything)) == set(NOT_BUILT)
    assert len(COMPARED) >= len(everything) / 2


@pytest.mark.parametrize("recorded", cases(COMPARED))
async def test_a_recorded_stream(place: Place, recorded: Recorded) -> None:
    streams = [each for each in recorded.exchanges if frames_of(each)]
    after = [frames_of(each) for each in streams[1:]] + [[]]
    place.world.upstream.script(map(said_in, streams, after))
    ids: dict[str, str] = {}
    for exchange in recorded.exchanges:
        path = with_our_ids(exchange["request"]["path"], ids).removeprefix("/v1")
        body = with_our_ids(exchange["request"]["body"] or {}, ids)
        theirs = [put_right(*frame) for frame in frames_of(exchange)]
        if not theirs:
            learn(exchange["response"]["body"], await place.ask("POST", path, body), ids)
            continue
        ours = await place.stream(path, body)
        if not exchange["response"].get("compared", True):
            for event, data in theirs:
                learn(data, dict(ours)[event], ids)
            continue
        assert [event for event, _ in ours] == [event for event, _ in theirs]
        for (event, data), (_, told) in zip(ours, theirs, strict=True):
            learn(told, data, ids)
            expected = with_our_ids(told, ids)
            found = [each for each in differences(expected, data) if not is_known(*each, recorded.day)]
            assert (event, found) == (event, [])
            assert [key for key in data if key in told] == [key for key in told if key in data]
    assert place.world.upstream.unanswered == 0


LATER = {
    ".parallel_tool_calls": "2024-06-19",
    ".reasoning_effort": "2025-09",
    ".usage.prompt_token_details": "2025-09",
    ".usage.completion_tokens_details": "2025-09",
    ".tools[].function.strict": "2025-09",
    ".tools[].file_search": "2025-03",
    ".tools[].file_search.ranking_options": "2025-03",
}
"""Keys of ours that the real service had, too, from a certain day on, or from an earlier one."""
OF_OUR_STEPS = {".metadata": {}, ".expired_at": None}
"""Keys that the specification lists, and that the real service never sent."""


def put_right(event: str, data: dict[str, Any]) -> Frame:
    """What the real service itself did otherwise later on."""
    if event == "thread.run.completed" and data["status"] == "incomplete":
        # Until May 2024. The limit that was met here was the other one: sixteen tokens, all of them used.
        assert data["usage"]["completion_tokens"] >= data["max_completion_tokens"]
        return "thread.run.incomplete", data | {"incomplete_details": {"reason": "max_completion_tokens"}}
    return event, data


def is_known(path: str, theirs: Any, ours: Any, day: str) -> bool:
    if theirs is ABSENT and day < LATER.get(path, ""):
        return True
    if theirs is ABSENT and path in OF_OUR_STEPS:
        return bool(ours == OF_OUR_STEPS[path])
    # Its streams told of files for a tool that was not there, its other answers about the same object did not. Ours are
    # the same in both.
    return (path, theirs, ours) == (".tool_resources.code_interpreter", {"file_ids": []}, ABSENT)


class Absent:
    def __repr__(self) -> str:
        return "absent"


ABSENT = Absent()


def differences(theirs: Any, ours: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where the two are not the same: the path, what they have there and what we have."""
    match theirs, ours:
        case dict(), dict():
            for key in [*theirs, *(key for key in ours if key not in theirs)]:
                yield from differences(theirs.get(key, ABSENT), ours.get(key, ABSENT), f"{path}.{key}")
        case list(), list() if len(theirs) == len(ours):
            for each, other in zip(theirs, ours, strict=True):
                yield from differences(each, other, f"{path}[]")
        case int(), int() if path.endswith("_at"):
            pass
        case _ if theirs != ours:
            yield path, theirs, ours
