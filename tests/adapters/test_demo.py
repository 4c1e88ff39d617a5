"""The built-in model: talks and calls tools by rule, as the API's promises have it."""

import asyncio
from typing import Any

import msgspec
import pytest

from adapters.chat import (
    AssistantMessage,
    ChatRequest,
    Chunk,
    FunctionCall,
    FunctionSpec,
    JSONSchemaFormat,
    NamedTool,
    SystemMessage,
    TextPart,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from adapters.demo import DemoUpstream, answer

WEATHER = FunctionSpec(
    name="get_current_temperature",
    parameters={
        "type": "object",
        "properties": {"location": {"type": "string"}, "unit": {"type": "string", "enum": ["Celsius", "Fahrenheit"]}},
        "required": ["location", "unit"],
    },
)
RAIN = FunctionSpec(
    name="get_rain",
    parameters={"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]},
)


def a_request(said: str = "hello", **fields: Any) -> ChatRequest:
    return ChatRequest(**{"model": "demo", "messages": (SystemMessage("be kind"), UserMessage(said)), **fields})


def text_of(chunks: list[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


def finish_of(chunks: list[Chunk]) -> list[str]:
    return [chunk.finish for chunk in chunks if chunk.finish]


def calls_of(chunks: list[Chunk]) -> list[tuple[str, Any]]:
    calls: dict[int, list[str]] = {}
    for fragment in (fragment for chunk in chunks for fragment in chunk.tool_calls):
        known = calls.setdefault(fragment.index, ["", ""])
        calls[fragment.index] = [known[0] + (fragment.name or ""), known[1] + fragment.arguments]
    return [(name, msgspec.json.decode(arguments)) for name, arguments in calls.values()]


def test_it_talks_word_by_word() -> None:
    chunks = answer(a_request("how are you?"))
    assert text_of(chunks).endswith("I heard you: how are you?")
    assert len(chunks) > 10
    assert finish_of(chunks) == ["stop"]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == len(chunks) - 2
    assert chunks[-1].usage.prompt_tokens > 0


def test_it_greets_who_says_nothing() -> None:
    assert text_of(answer(a_request(messages=()))).startswith("Hello!")


def test_it_reads_parts() -> None:
    parts = UserMessage((TextPart("one"), TextPart("two")))
    assert text_of(answer(a_request(messages=(parts,)))).endswith("I heard you: one two")


def test_it_stops_at_max_tokens() -> None:
    chunks = answer(a_request("a long story", max_tokens=3))
    assert text_of(chunks) == "I am the"
    assert finish_of(chunks) == ["length"]


def test_it_calls_a_tool_that_was_mentioned() -> None:
    chunks = answer(a_request("What is the temperature in Paris in Celsius?", tools=(RAIN, WEATHER)))
    assert [name for name, _ in calls_of(chunks)] == ["get_current_temperature"]
    assert finish_of(chunks) == ["tool_calls"]
    assert text_of(chunks) == ""


def test_it_calls_in_parallel() -> None:
    chunks = answer(a_request("Will there be rain in Paris, Rome and Oslo?", tools=(WEATHER, RAIN)))
    assert calls_of(chunks) == [("get_rain", {"location": city}) for city in ("Paris", "Rome", "Oslo")]


def test_it_calls_one_at_a_time_if_told_to() -> None:
    request = a_request("rain in Paris and Rome", tools=(RAIN,), parallel_tool_calls=False)
    assert calls_of(answer(request)) == [("get_rain", {"location": "Paris"})]


def test_it_does_not_call_what_nobody_mentioned() -> None:
    assert calls_of(answer(a_request("hello", tools=(RAIN,)))) == []


def test_none_is_none() -> None:
    chunks = answer(a_request("rain in Paris", tools=(RAIN,), tool_choice="none"))
    assert (calls_of(chunks), finish_of(chunks)) == ([], ["stop"])


def test_required_calls_something() -> None:
    chunks = answer(a_request("hello", tools=(WEATHER, RAIN), tool_choice="required"))
    assert calls_of(chunks) == [("get_current_temperature", {"location": "demo", "unit": "Celsius"})]


def test_named_calls_that_one() -> None:
    request = a_request("the temperature in Paris", tools=(WEATHER, RAIN), tool_choice=NamedTool("get_rain"))
    assert calls_of(answer(request)) == [("get_rain", {"location": "Paris"})]


def after_outputs(*outputs: str, **fields: Any) -> ChatRequest:
    calls = tuple(
        ToolCall(id=f"call_{index}", function=FunctionCall("get_rain", "{}")) for index in range(len(outputs))
    )
    messages = (
        UserMessage("rain in Paris and Rome"),
        AssistantMessage(content=None, tool_calls=calls),
        *(ToolMessage(tool_call_id=f"call_{index}", content=output) for index, output in enumerate(outputs)),
    )
    return a_request(messages=messages, tools=(RAIN,), **fields)


def test_it_answers_with_the_outputs() -> None:
    chunks = answer(after_outputs("10 %", "no rain"))
    assert text_of(chunks) == "The tools say: 10 %; no rain"
    assert finish_of(chunks) == ["stop"]


def test_it_must_call_again_if_told_to() -> None:
    assert [name for name, _ in calls_of(answer(after_outputs("10 %", tool_choice="required")))] == ["get_rain"]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer"}, 1),
        ({"type": "number"}, 1),
        ({"type": "boolean"}, True),
        ({"type": ["string", "null"]}, "demo"),
        ({"type": "null"}, None),
        ({"const": 5}, 5),
        ({"type": "array", "items": {"type": "string"}}, ["demo"]),
        ({"type": "array"}, []),
        ({"type": "object", "properties": {"b": {"type": "boolean"}}, "required": ["b"]}, {"b": True}),
        ({}, "demo"),
    ],
)
def test_it_fills_in_any_kind_of_parameter(schema: dict[str, Any], value: Any) -> None:
    parameters = {"type": "object", "properties": {"x": schema}, "required": ["x"]}
    tool = FunctionSpec(name="do_something", parameters=parameters)
    assert calls_of(answer(a_request("hm", tools=(tool,), tool_choice="required"))) == [("do_something", {"x": value})]


def test_a_tool_without_parameters() -> None:
    tool = FunctionSpec(name="get_date", parameters={})
    assert calls_of(answer(a_request("what date is it?", tools=(tool,)))) == [("get_date", {})]


def test_a_schema_is_followed() -> None:
    schema = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
    chunks = answer(a_request("hi", response_format=JSONSchemaFormat(schema={"name": "x", "schema": schema})))
    assert msgspec.json.decode(text_of(chunks)) == {"answer": "hi"}


def test_json_is_json() -> None:
    assert msgspec.json.decode(text_of(answer(a_request("hi", response_format="json_object")))) == {"answer": "hi"}


async def test_as_an_upstream() -> None:
    demo = DemoUpstream()
    async with demo.stream(a_request("hello")) as stream:
        chunks = [chunk async for chunks in stream for chunk in chunks]
    assert chunks == answer(a_request("hello"))
    assert [model.id for model in await demo.models()] == ["demo"]
    assert await demo.count_tokens("demo", ["", "12345678"]) == [1, 3]
    await demo.aclose()


async def test_leaving_early() -> None:
    demo = DemoUpstream(delay_seconds=600)
    async with asyncio.timeout(5), demo.stream(a_request("hello")):
        pass
