"""However a model server's bytes are cut up on their way, and however it cuts a call up, the run says the same."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.chat import ToolCallFragment
from adapters.dialects import DIALECTS
from adapters.errors import UpstreamError
from adapters.reading import Reading
from adapters.sse import SSEDecoder
from proxy.api.sse import frame
from proxy.runs.failures import last_error
from proxy.runs.inputs import Ended, Failed, Received, Started
from proxy.runs.progress import RunProgress
from proxy.runs.turn import Turn
from proxy.schema.events import MessageDelta, StepDelta
from tests.adapters.recordings import recording, streams
from tests.runs.conftest import WEATHER, Played, counting_ids, finish, fragment, new_run

DIALECT_OF = {"llama-server": "llamacpp", "transformers-serve": "generic", "sglang-router": "sglang"}


def told(server: str, pieces: list[bytes]) -> Played:
    """What a run makes of an answer that arrives in these pieces; one that breaks off is a failure."""
    dialect = DIALECTS[DIALECT_OF.get(server, server.removesuffix("-reasoning"))]
    reading, decoder = Reading(dialect), SSEDecoder()
    turn = Turn(new_run(tools=[WEATHER]), RunProgress(), new_id=counting_ids())
    events = turn.feed(Started(1))
    try:
        for chunks in [*(reading.feed(decoder.feed(piece)) for piece in pieces), reading.feed(decoder.end())]:
            for chunk in chunks:
                events += turn.feed(Received(chunk, 2))
        if reading.failure is not None:
            raise reading.failure
        reading.check_end()
        events += turn.feed(Ended(3))
    except UpstreamError as failure:
        events += turn.feed(Failed(last_error(failure, model="tiny"), 3))
    return Played(turn, events)


def shown(played: Played) -> tuple[list[str], str, list[dict[str, str]], list[bytes]]:
    """Names with deltas taken together, the text and calls they add up to, and every frame that is no delta."""
    others = [event for event in played.events if not isinstance(event, MessageDelta | StepDelta)]
    names = [name for before, name in pairwise(["", *played.names]) if not (name == before and name.endswith("delta"))]
    return names, played.streamed_text, played.streamed_calls, [frame(event) for event in others]


@pytest.mark.parametrize(("server", "case"), streams())
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_cut_of_the_bytes_tells_the_same_run(server: str, case: str, data: Any) -> None:
    body = recording(server, case).body
    cuts = sorted(data.draw(st.sets(st.integers(1, len(body) - 1), max_size=30)))
    pieces = [body[start:end] for start, end in pairwise([0, *cuts, len(body)])]
    assert b"".join(pieces) == body
    whole = shown(told(server, [body]))
    assert shown(told(server, pieces)) == whole
    assert len(whole[0]) > 2, "the recording says something"


@pytest.mark.parametrize(("server", "case"), streams())
def test_byte_by_byte_too(server: str, case: str) -> None:
    body = recording(server, case).body
    assert shown(told(server, [body[i : i + 1] for i in range(len(body))])) == shown(told(server, [body]))


@st.composite
def calls_in_fragments(draw: st.DrawFn) -> tuple[list[tuple[str, str]], list[ToolCallFragment]]:
    """Calls, and one of the ways in which servers may stream them: whole, in pieces, name alone, name repeated."""
    arguments = st.dictionaries(st.text(max_size=5), st.text(max_size=12) | st.integers() | st.none(), max_size=4)
    calls = [
        (f"function_{index}", json.dumps(draw(arguments), ensure_ascii=draw(st.booleans())))
        for index in range(draw(st.integers(1, 4)))
    ]
    fragments: list[ToolCallFragment] = []
    for index, (name, text) in enumerate(calls):
        cuts = sorted(draw(st.sets(st.integers(1, len(text) - 1), max_size=6)))
        pieces = [text[start:end] for start, end in pairwise([0, *cuts, len(text)])]
        if draw(st.booleans()):
            fragments.append(ToolCallFragment(index=index, id=f"theirs-{index}", name=name))
        else:
            fragments.append(ToolCallFragment(index=index, name=name, arguments=pieces.pop(0)))
        repeats = draw(st.booleans())
        fragments += [ToolCallFragment(index=index, name=name if repeats else None, arguments=p) for p in pieces]
    return calls, fragments


@given(calls_in_fragments())
def test_any_fragments_of_calls_make_the_same_calls(
    given: tuple[list[tuple[str, str]], list[ToolCallFragment]],
) -> None:
    calls, fragments = given
    turn = Turn(new_run(tools=[WEATHER]), RunProgress(), new_id=counting_ids())
    pieces = [fragment(f.index, f.name, f.arguments, id=f.id) for f in fragments]
    inputs = [Started(1), *pieces, finish("tool_calls"), Ended(3)]
    played = Played(turn, [event for each in inputs for event in turn.feed(each)])
    assert [(call["name"], call["arguments"]) for call in played.streamed_calls] == calls
    action = played.run.required_action
    assert action is not None
    waiting = action.submit_tool_outputs.tool_calls
    assert [(call.function.name, call.function.arguments) for call in waiting] == calls
    assert [call.id for call in waiting] == [call["id"] for call in played.streamed_calls]
    assert len({call.id for call in waiting}) == len(calls)
