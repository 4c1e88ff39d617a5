"""What of an answer goes out, when it is asked for again, and how: transcripts, without a server."""

from typing import Any

import pytest

from adapters.asking import to_call
from adapters.chat import (
    AssistantMessage,
    ChatRequest,
    Chunk,
    FunctionSpec,
    JSONSchemaFormat,
    NamedTool,
    SystemMessage,
    ToolCallFragment,
    ToolMessage,
    Usage,
    UserMessage,
)
from adapters.dialect import Dialect
from adapters.errors import ContextTooLong, Refused, Unfaithful
from adapters.failures import failure_of_body
from adapters.imitation import LONGEST_TALK, Imitation, added, imitating
from adapters.learnt import Learnt

from .recordings import errors
from .test_attempts import EVERYTHING, NOTHING, SCHEMA_FIRST

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = FunctionSpec(name="get_weather", parameters=CITY)
STRICT = FunctionSpec(name="get_weather", parameters=CITY, strict=True)
TIME = FunctionSpec(name="get_time", parameters={"type": "object"})
KIND = JSONSchemaFormat(
    schema={"name": "kind", "schema": {"type": "object", "properties": {"kind": {"enum": ["a"]}}, "required": ["kind"]}}
)
GOOD = '{"kind":"a"}'
WHY = "'kind' is a required property"


def an_imitation(dialect: Dialect = NOTHING, *, learnt: Learnt | None = None, **fields: Any) -> Imitation:
    request = ChatRequest(**{"model": "tiny", "messages": (UserMessage("hi"),), **fields})
    imitation = imitating(dialect, request, learnt or Learnt("http://x"))
    assert imitation is not None
    return imitation


def said(*texts: str) -> list[Chunk]:
    return [Chunk(text=text) for text in texts]


def call(name: str | None, *arguments: str, index: int = 0, id: str | None = "c0") -> list[Chunk]:
    first = ToolCallFragment(index=index, id=id, name=name)
    fragments = [first, *(ToolCallFragment(index=index, arguments=piece) for piece in arguments)]
    return [Chunk(tool_calls=(fragment,)) for fragment in fragments]


def end(finish: Any = "stop", prompt: int = 10, completion: int = 5) -> list[Chunk]:
    return [Chunk(finish=finish), Chunk(usage=Usage(prompt_tokens=prompt, completion_tokens=completion))]


def ended(finish: str = "stop", times: int = 1) -> Chunk:
    return Chunk(finish=finish, usage=Usage(prompt_tokens=10 * times, completion_tokens=5 * times))


def test_text_is_held_back_until_it_is_known_to_fit() -> None:
    imitation = an_imitation(response_format=KIND)
    assert imitation.feed([Chunk(reasoning="hm"), *said('{"kind"', ':"a"}'), *end()]) == [Chunk(reasoning="hm")]
    assert imitation.finished() == [Chunk(text=GOOD), ended()]


def test_a_code_block_is_taken_off() -> None:
    imitation = an_imitation(response_format="json_object")
    imitation.feed([*said("```json\n", "{}", "\n```"), *end()])
    assert imitation.finished() == [Chunk(text="{}"), ended()]


def test_a_text_that_does_not_fit_is_asked_for_again_once() -> None:
    imitation = an_imitation(response_format=KIND)
    first = imitation.attempt.request
    imitation.feed([*said("{}"), *end()])
    assert imitation.finished() is None
    assert imitation.attempt.request.messages == (
        *first.messages,
        AssistantMessage("{}"),
        UserMessage(f"That was not what is needed: {WHY}. Answer again, with the JSON and with nothing else."),
    )
    assert imitation.attempt.request.response_format == KIND  # it may know it
    imitation.feed([*said(GOOD), *end()])
    assert imitation.finished() == [Chunk(text=GOOD), ended(times=2)]


def test_a_text_that_never_fits() -> None:
    imitation = an_imitation(response_format=KIND)
    imitation.feed([*said("{}"), *end()])
    assert imitation.finished() is None
    assert imitation.feed([*said("{}"), *end()]) == []
    with pytest.raises(Unfaithful, match="its answer does not fit the response_format: 'kind' is a required property"):
        imitation.finished()


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_an_answer_that_was_cut_off_goes_out_as_it_is(finish: str) -> None:
    imitation = an_imitation(response_format=KIND)
    imitation.feed([*said('```json\n{"ki'), *end(finish)])
    assert imitation.finished() == [Chunk(text='```json\n{"ki'), ended(finish)]


def test_a_refusal_needs_no_format() -> None:
    imitation = an_imitation(response_format=KIND)
    assert imitation.feed([Chunk(refusal="No."), *end()]) == [Chunk(refusal="No.")]
    assert imitation.finished() == [ended()]


def test_an_empty_answer_does_not_fit() -> None:
    imitation = an_imitation(response_format="json_object")
    imitation.feed([Chunk(reasoning="hm"), *end()])
    assert imitation.finished() is None
    assert imitation.attempt.request.messages[-1] == UserMessage(
        "hi\n\nThat was not what is needed: it is empty. Answer again, with the JSON and with nothing else."
    )


def test_an_answer_without_usage_or_finish() -> None:
    imitation = an_imitation(response_format="json_object")
    imitation.feed(said("{}"))
    assert imitation.finished() == [Chunk(text="{}")]


# Formats beside tools


@pytest.mark.parametrize("dialect", [NOTHING, SCHEMA_FIRST], ids=lambda d: d.title)
def test_calls_stream_through_beside_a_format(dialect: Dialect) -> None:
    imitation = an_imitation(dialect, response_format=KIND, tools=(WEATHER,))
    made = call("get_weather", '{"city":', '"Paris"}')
    assert imitation.feed([*said("Let me see."), *made, *end("tool_calls")]) == made
    assert imitation.finished() == [ended("tool_calls")]


def test_a_text_beside_tools_may_fit_at_once() -> None:
    imitation = an_imitation(SCHEMA_FIRST, response_format=KIND, tools=(WEATHER,))
    imitation.feed([*said(GOOD), *end()])
    assert imitation.finished() == [Chunk(text=GOOD), ended()]


def test_otherwise_the_server_sees_to_it() -> None:
    imitation = an_imitation(SCHEMA_FIRST, response_format=KIND, tools=(WEATHER,), max_tokens=100)
    first = imitation.attempt.request
    imitation.feed([*said("river"), *end()])
    assert imitation.finished() is None
    second = imitation.attempt.request
    assert (second.messages, second.tools, second.response_format, second.max_tokens) == (first.messages, (), KIND, 95)
    assert imitation.feed([*said("{", "}"), *end()]) == said("{", "}")  # with its grammar, nothing has to wait
    assert imitation.finished() == [ended(times=2)]


def test_or_nobody_but_us() -> None:
    imitation = an_imitation(response_format=KIND, tools=(WEATHER,))
    imitation.feed([*said("river"), *end()])
    assert imitation.finished() is None
    assert imitation.attempt.request.tools == ()
    assert imitation.attempt.request.response_format == KIND
    assert imitation.attempt.request.messages[-2] == AssistantMessage("river")
    assert imitation.feed([*said(GOOD), *end()]) == []
    assert imitation.finished() == [Chunk(text=GOOD), ended(times=2)]


# Refused formats


@pytest.mark.parametrize("tools", [(), (WEATHER,)])
def test_a_refused_format_is_imitated(tools: tuple[FunctionSpec, ...]) -> None:
    learnt = Learnt("http://x")
    imitation = an_imitation(EVERYTHING, learnt=learnt, response_format=KIND, tools=tools)
    assert imitation.attempt.is_plain
    assert imitation.refused(Refused("'response_format.type' must be 'text'", status=400))
    attempt = imitation.attempt
    assert (attempt.request.response_format, attempt.request.tools, attempt.text) == ("text", tools, KIND)
    assert isinstance(attempt.request.messages[0], SystemMessage)
    assert not learnt.takes_format("tiny", "json_schema")
    again = an_imitation(EVERYTHING, learnt=learnt, response_format=KIND, tools=tools)
    assert again.attempt == attempt  # the next request is not refused first


def test_a_format_that_is_refused_only_when_asked_for_again() -> None:
    imitation = an_imitation(SCHEMA_FIRST, response_format=KIND, tools=(WEATHER,))
    imitation.feed([*said("river"), *end()])
    assert imitation.finished() is None
    messages = imitation.attempt.request.messages
    assert imitation.refused(Refused("response_format is not supported", status=400))
    assert (imitation.attempt.request.messages, imitation.attempt.request.response_format) == (messages, "text")
    assert imitation.feed([*said(GOOD), *end()]) == []
    assert imitation.finished() == [Chunk(text=GOOD), ended(times=2)]


@pytest.mark.parametrize("server", ["vllm", "sglang"])
def test_a_schema_that_is_too_much_for_the_grammar(server: str) -> None:
    (refusal,) = [
        failure_of_body(error.status, error.body.encode())
        for error in errors()
        if (error.server, error.case) == (server, "err_schema_unsupported")
    ]
    assert isinstance(refusal, Refused)
    learnt = Learnt("http://x")
    imitation = an_imitation(SCHEMA_FIRST, learnt=learnt, response_format=KIND)
    assert imitation.refused(refusal)
    assert imitation.attempt.holds_text
    assert learnt.takes_format("tiny", "json_schema")  # others may do


def test_a_schema_that_is_none_is_not_imitated() -> None:
    broken = JSONSchemaFormat(schema={"name": "x", "schema": {"type": "nonsense"}})
    imitation = an_imitation(SCHEMA_FIRST, response_format=broken)
    assert not imitation.refused(Refused("Grammar error: Invalid type: nonsense", status=400))


@pytest.mark.parametrize(
    "refusal",
    [Refused("temperature must not be negative", status=400), ContextTooLong("response_format", status=400)],
)
def test_other_refusals_are_refusals(refusal: Refused) -> None:
    assert not an_imitation(EVERYTHING, response_format=KIND).refused(refusal)


def test_nothing_is_done_to_the_answer_of_a_server_that_honours_formats() -> None:
    imitation = an_imitation(EVERYTHING, response_format=KIND)
    chunks = [*said("{", "}"), *end()]
    assert imitation.feed(chunks) is chunks
    assert imitation.finished() == []
    assert not imitation.refused(Refused("response_format", status=400))  # too late


def test_a_format_that_was_not_sent_cannot_have_been_refused() -> None:
    imitation = an_imitation(NOTHING, response_format=KIND, tools=(WEATHER,))
    assert not imitation.refused(Refused("response_format is not supported", status=400))


# Forced calls


@pytest.mark.parametrize("dialect", [NOTHING, EVERYTHING], ids=lambda d: d.title)
def test_only_the_forced_call_goes_out(dialect: Dialect) -> None:
    imitation = an_imitation(dialect, tools=(WEATHER, TIME), tool_choice=NamedTool("get_time"))
    other, forced = call("get_weather", "{}", index=0), call("get_time", "{", "}", index=1)
    assert imitation.feed([*said("Let me see."), *other, *forced, *end()]) == forced
    assert imitation.finished() == [ended()]


def test_arguments_wait_for_their_name() -> None:
    imitation = an_imitation(EVERYTHING, tools=(TIME,), tool_choice="required")
    nameless, named = ToolCallFragment(index=0, arguments="{"), ToolCallFragment(index=0, name="get_time")
    assert imitation.feed([Chunk(tool_calls=(nameless,))]) == []
    assert imitation.feed([Chunk(tool_calls=(named,))]) == [Chunk(tool_calls=(nameless, named))]


@pytest.mark.parametrize(
    ("answered", "why"),
    [
        (said("river"), "no call"),
        ([Chunk(reasoning="river")], "no call"),
        (call("get_weather", "{}"), "the call of get_weather"),
        (call(None, "{}"), "no call"),
    ],
    ids=["text", "nothing but reasoning", "another function", "no name"],
)
def test_a_forced_call_that_does_not_come_is_asked_for_again_once(answered: list[Chunk], why: str) -> None:
    imitation = an_imitation(EVERYTHING, tools=(WEATHER, TIME), tool_choice=NamedTool("get_time"))
    reasoning = [chunk for chunk in answered if chunk.reasoning]
    assert imitation.feed([*answered, *end("tool_calls")]) == reasoning
    assert imitation.finished() is None
    words = f"That was {why}. {to_call({'get_time'})}"
    talked = (UserMessage("hi"), AssistantMessage("river"), UserMessage(words))
    assert imitation.attempt.request.messages == (
        talked if answered == said("river") else (UserMessage(f"hi\n\n{words}"),)
    )
    imitation.feed([*answered, *end()])
    with pytest.raises(Unfaithful, match=f"tool_choice requires a call of get_time, and what came was {why}"):
        imitation.finished()


def test_a_server_that_talks_without_end_is_hung_up_on() -> None:
    imitation = an_imitation(tools=(TIME,), tool_choice="required")
    imitation.feed(said("x" * LONGEST_TALK))
    assert not imitation.has_heard_enough
    imitation.feed(said("x"))
    assert imitation.has_heard_enough
    assert imitation.finished() is None
    assert not imitation.has_heard_enough


def test_it_may_talk_once_it_has_called() -> None:
    imitation = an_imitation(tools=(TIME,), tool_choice="required")
    imitation.feed([*call("get_time", "{}"), *said("x" * 2 * LONGEST_TALK)])
    assert not imitation.has_heard_enough


def test_talk_that_was_cut_off_is_not_asked_for_again() -> None:
    imitation = an_imitation(tools=(TIME,), tool_choice="required")
    imitation.feed([*said("river"), *end("length")])
    assert imitation.finished() == [Chunk(text="river"), ended("length")]


def test_other_texts_may_be_as_long_as_they_like() -> None:
    imitation = an_imitation(response_format=KIND)
    imitation.feed(said("x" * 2 * LONGEST_TALK))
    assert not imitation.has_heard_enough


# Strict functions


def test_strict_calls_are_held_back_where_the_server_may_get_them_wrong() -> None:
    imitation = an_imitation(tools=(STRICT, TIME))
    made = [*call("get_weather", '{"city":', '"Oslo"}'), *call("get_time", "{}", index=1, id="c1")]
    assert imitation.feed([*said("Let me see."), *made, *end("tool_calls")]) == said("Let me see.")
    held = tuple(fragment for chunk in made for fragment in chunk.tool_calls)
    assert imitation.finished() == [Chunk(tool_calls=held), ended("tool_calls")]


def test_arguments_that_do_not_fit_are_asked_for_again_once() -> None:
    imitation = an_imitation(tools=(STRICT, TIME))
    wrong = [*call("get_weather", '{"city":1}'), *call("get_time", "{}", index=1, id=None)]
    assert imitation.feed([*wrong, *end("tool_calls")]) == []
    assert imitation.finished() is None
    hi, made, *outputs = imitation.attempt.request.messages
    assert hi == UserMessage("hi")
    assert isinstance(made, AssistantMessage)
    assert [each.function.name for each in made.tool_calls] == ["get_weather", "get_time"]
    assert [output.content.partition(":")[0] for output in outputs if isinstance(output, ToolMessage)] == [
        "Not called. Its arguments do not fit its parameters",
        "Not called yet, because another call was wrong. Call it again.",
    ]
    imitation.feed([*wrong, *end("tool_calls")])
    with pytest.raises(Unfaithful, match=r"get_weather: 1 is not of type 'string' \(at \$\.city\)"):
        imitation.finished()


def test_what_has_been_said_is_not_said_twice() -> None:
    imitation = an_imitation(tools=(STRICT,))
    assert imitation.feed([*said("Let me see."), *call("get_weather", "{}"), *end()]) == said("Let me see.")
    assert imitation.finished() is None
    right = call("get_weather", '{"city":"Oslo"}')
    assert imitation.feed([*said("Let me see."), *right, *end("tool_calls")]) == []
    held = tuple(fragment for chunk in right for fragment in chunk.tool_calls)
    assert imitation.finished() == [Chunk(tool_calls=held), ended("tool_calls", times=2)]


def test_but_an_answer_after_all_is() -> None:
    imitation = an_imitation(tools=(STRICT,))
    imitation.feed([*said("Let me see."), *call("get_weather", "{}"), *end()])
    assert imitation.finished() is None
    imitation.feed([*said("It is cold."), *end()])
    assert imitation.finished() == [Chunk(text="\n\nIt is cold."), ended(times=2)]


def test_calls_that_are_not_made_need_not_fit() -> None:
    imitation = an_imitation(tools=(STRICT,), parallel_tool_calls=False)
    imitation.feed([*call("get_weather", '{"city":"Oslo"}'), *call("get_weather", "{}", index=1, id="c1"), *end()])
    assert imitation.finished() is not None


@pytest.mark.parametrize("arguments", ["", "{}"])
def test_no_arguments_are_an_object(arguments: str) -> None:
    for dialect in (NOTHING, EVERYTHING):
        strict = FunctionSpec(name="get_time", parameters={"type": "object"}, strict=True)
        imitation = an_imitation(dialect, tools=(strict,))
        imitation.feed([*call("get_time", arguments), *end("tool_calls")])
        assert imitation.finished() is not None


def test_calls_that_were_cut_off_go_out_as_they_are() -> None:
    imitation = an_imitation(tools=(STRICT,))
    cut = call("get_weather", '{"ci')
    imitation.feed([*cut, *end("length")])
    held = tuple(fragment for chunk in cut for fragment in chunk.tool_calls)
    assert imitation.finished() == [Chunk(tool_calls=held), ended("length")]


def test_a_server_that_honours_strict_is_only_checked_for_objects() -> None:
    imitation = an_imitation(EVERYTHING, tools=(STRICT,))
    made = call("get_weather", '{"town":1}')
    assert imitation.feed([*said("So."), *made, *end("tool_calls")]) == [*said("So."), *made]
    assert imitation.finished() == [ended("tool_calls")]


def test_what_went_out_cannot_be_asked_for_again() -> None:
    imitation = an_imitation(EVERYTHING, tools=(STRICT,))
    imitation.feed([*call("get_weather", "true"), *end("tool_calls")])
    with pytest.raises(Unfaithful, match="get_weather: they are no JSON object"):
        imitation.finished()


def test_a_forced_strict_call() -> None:
    imitation = an_imitation(tools=(STRICT, TIME), tool_choice="required")
    for answered in (said("hm"), call("get_weather", "{}")):  # one fault of each kind
        imitation.feed([*answered, *end()])
        assert imitation.finished() is None
    assert imitation.attempt.forced == {"get_weather", "get_time"}
    imitation.feed([*call("get_weather", '{"city":"Oslo"}'), *end()])
    assert imitation.finished() is not None


def test_a_strict_call_and_then_a_text_beside_a_format() -> None:
    imitation = an_imitation(tools=(STRICT,), response_format=KIND)
    for answered in (call("get_weather", "{}"), said("river")):
        assert imitation.feed([*answered, *end()]) == []
        assert imitation.finished() is None
    assert imitation.attempt.request.tools == ()
    imitation.feed([*said(GOOD), *end()])
    assert imitation.finished() == [Chunk(text=GOOD), ended(times=3)]


# Tokens


def test_max_tokens_are_for_all_answers_together() -> None:
    for limit, left in ((8, 3), (5, 1)):
        imitation = an_imitation(response_format=KIND, max_tokens=limit)
        imitation.feed([*said("{}"), *end()])
        assert imitation.finished() is None
        assert imitation.attempt.request.max_tokens == left


def test_sums_of_usage() -> None:
    one = Usage(prompt_tokens=1, completion_tokens=2, cached_tokens=3, reasoning_tokens=4)
    assert added(one, None) == added(None, one) == one
    assert added(None, None) is None
    assert added(one, one) == Usage(prompt_tokens=2, completion_tokens=4, cached_tokens=6, reasoning_tokens=8)
