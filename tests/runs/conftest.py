"""A transcript's tools: a turn with ids that count up, inputs in, events out."""

from collections import Counter
from collections.abc import Callable

import pytest
from msgspec import UNSET

from adapters.chat import Chunk, FinishReason, ToolCallFragment, Usage
from proxy.runs.inputs import Input, Received
from proxy.runs.progress import RunProgress
from proxy.runs.turn import Turn
from proxy.schema.events import Event, MessageChanged, MessageDelta, RunChanged, StepChanged, StepDelta, TextDeltaPart
from proxy.schema.runs import Run
from proxy.schema.tools import Function, FunctionTool

WEATHER = FunctionTool(function=Function(name="get_weather", parameters={"type": "object"}, strict=False))


def new_run(**changes: object) -> Run:
    given: dict[str, object] = {
        "id": "run_1",
        "created_at": 5,
        "assistant_id": "asst_1",
        "thread_id": "thread_1",
        "expires_at": 605,
        "model": "m",
    }
    return Run(**(given | changes))  # type: ignore[arg-type]


def counting_ids() -> Callable[[str], str]:
    counts: Counter[str] = Counter()

    def new_id(prefix: str) -> str:
        counts[prefix] += 1
        return f"{prefix}_{counts[prefix]}"

    return new_id


def said(text: str, *, at: int = 11) -> Received:
    return Received(Chunk(text=text), at)


def fragment(index: int, name: str | None = None, arguments: str = "", *, id: str | None = None) -> Received:
    return Received(Chunk(tool_calls=(ToolCallFragment(index=index, id=id, name=name, arguments=arguments),)), 11)


def finish(reason: FinishReason, prompt: int = 0, completion: int = 0) -> Received:
    usage = Usage(prompt_tokens=prompt, completion_tokens=completion) if prompt or completion else None
    return Received(Chunk(finish=reason, usage=usage), 12)


def names(events: list[Event]) -> list[str]:
    """Event names as a stream would show them, without the `thread.` that all share."""
    return [event.name.removeprefix("thread.") for event in events if event.name is not None]


class Played:
    """A finished transcript, and what a client that only reads the stream would have made of it."""

    def __init__(self, turn: Turn, events: list[Event]) -> None:
        self.turn = turn
        self.events = events
        self.names = names(events)
        self.run = turn.run
        self.messages = {e.message.id: e.message for e in events if isinstance(e, MessageChanged)}
        self.steps = {e.step.id: e.step for e in events if isinstance(e, StepChanged)}

    @property
    def streamed_text(self) -> str:
        parts = [part for e in self.events if isinstance(e, MessageDelta) for part in e.delta.content]
        return "".join(p.text.value for p in parts if isinstance(p, TextDeltaPart) and isinstance(p.text.value, str))

    @property
    def streamed_calls(self) -> list[dict[str, str]]:
        """Calls as the official client adds them up: strings of one index are concatenated."""
        calls: dict[int, dict[str, str]] = {}
        for event in self.events:
            if isinstance(event, StepDelta):
                for call in event.delta.step_details.tool_calls:
                    merged = calls.setdefault(call.index, {"id": "", "name": "", "arguments": ""})
                    for key, value in (
                        ("id", call.id),
                        ("name", call.function.name),
                        ("arguments", call.function.arguments),
                    ):
                        merged[key] += "" if value is UNSET else str(value)
        return [calls[index] for index in sorted(calls)]

    @property
    def last_run_event(self) -> Run:
        return [e.run for e in self.events if isinstance(e, RunChanged)][-1]


Play = Callable[..., Played]


@pytest.fixture
def play() -> Play:
    def play(*inputs: Input, run: Run | None = None, progress: RunProgress | None = None) -> Played:
        turn = Turn(run or new_run(), progress or RunProgress(), new_id=counting_ids())
        return Played(turn, [event for given in inputs for event in turn.feed(given)])

    return play
