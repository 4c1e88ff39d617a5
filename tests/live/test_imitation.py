"""What we imitate, in front of the real model servers: our adapter, their schedulers, grammars and parsers."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.chat import ChatRequest, Chunk, FunctionSpec, JSONSchemaFormat, NamedTool, UserMessage
from adapters.errors import Unfaithful
from adapters.server import ModelServer
from config.settings import UpstreamSettings

from . import servers
from .test_facts import CITY, DIALECTS, SCHEMA

KIND = JSONSchemaFormat(schema={"name": "kind", "strict": True, "schema": SCHEMA})
WEATHER = FunctionSpec(name="get_weather", description="Get the weather.", parameters=CITY)
TIME = FunctionSpec(name="get_time", description="Get the time.", parameters={"type": "object"})


@pytest.fixture
async def ours(server: servers.ModelServer) -> AsyncIterator[ModelServer]:
    adapter = ModelServer(UpstreamSettings(url=server.url), DIALECTS[server.name])
    yield adapter
    await adapter.aclose()


async def answer(ours: ModelServer, asked: str, **fields: Any) -> list[Chunk]:
    request = ChatRequest(
        model=servers.MODEL_NAME, messages=(UserMessage(asked),), temperature=0.0, max_tokens=200, **fields
    )
    async with ours.stream(request) as stream:
        return [chunk async for arrived in stream for chunk in arrived]


def text_of(chunks: list[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


def calls_of(chunks: list[Chunk]) -> list[tuple[str | None, str]]:
    fragments = [fragment for chunk in chunks for fragment in chunk.tool_calls]
    names = {fragment.index: fragment.name for fragment in fragments if fragment.name}
    return [
        (name, "".join(fragment.arguments for fragment in fragments if fragment.index == index))
        for index, name in names.items()
    ]


async def test_a_model_may_call_although_there_is_a_format(ours: ModelServer) -> None:
    chunks = await answer(ours, "weather in Paris", tools=(WEATHER,), response_format=KIND)
    ((name, arguments),) = calls_of(chunks)  # the words about the format may distract a tiny model from the city
    assert (name, list(json.loads(arguments))) == ("get_weather", ["city"])
    assert text_of(chunks) == ""


async def test_or_answers_in_the_format(ours: ModelServer) -> None:
    """Its words do not fit, so the server is asked for the format alone; what both cost is told."""
    chunks = await answer(ours, "say river", tools=(WEATHER,), response_format=KIND)
    assert json.loads(text_of(chunks))["kind"] in ("a", "b")
    (usage,) = [chunk.usage for chunk in chunks if chunk.usage is not None]
    alone = await answer(ours, "say river", response_format=KIND)
    (once,) = [chunk.usage for chunk in alone if chunk.usage is not None]
    assert usage.prompt_tokens > 2 * once.prompt_tokens


async def test_a_named_call(ours: ModelServer) -> None:
    chunks = await answer(ours, "weather in Paris", tools=(TIME, WEATHER), tool_choice=NamedTool("get_weather"))
    assert {name for name, _ in calls_of(chunks)} == {"get_weather"}
    assert text_of(chunks) == ""


async def test_a_schema_that_the_grammar_does_not_know(ours: ModelServer) -> None:
    """The tiny model cannot follow words about a format, which is then said, instead of an answer that is none."""
    unknown = {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}, "required": ["a"]}
    wanted = JSONSchemaFormat(schema={"name": "x", "schema": unknown})
    if ours.dialect.name == "llamacpp":
        assert "a" in json.loads(text_of(await answer(ours, "say river", response_format=wanted)))
        return
    with pytest.raises(Unfaithful, match="does not fit the response_format"):
        await answer(ours, "say river", response_format=wanted)


@pytest.mark.parametrize("effort", ["none", "minimal", "max"])
async def test_an_effort(ours: ModelServer, effort: str) -> None:
    assert text_of(await answer(ours, "say river", reasoning_effort=effort)) == "river"
