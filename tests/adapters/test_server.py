"""A model server over real sockets: answers, refusals, silence, hang-ups, second attempts."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from adapters.chat import ChatRequest, Chunk, FunctionSpec, UserMessage
from adapters.dialects import DIALECTS
from adapters.errors import (
    Broken,
    ContextTooLong,
    RateLimited,
    Refused,
    SpokeNonsense,
    TimedOut,
    UnknownModel,
    Unreachable,
    UpstreamError,
)
from adapters.server import ModelServer
from adapters.upstream import Model
from compat_tests.scripted_upstream import (
    Cut,
    Raw,
    Reply,
    Say,
    ScriptedUpstream,
    Stream,
    close_mid_stream,
    error,
    hang,
    never_answers,
    nonsense,
    refuse,
    scripted_upstream,
    text,
    tool_calls,
)
from config.settings import UpstreamSettings

from .recordings import recorded_json
from .test_detect import a_site

WEATHER = FunctionSpec(name="get_weather", parameters={"type": "object", "properties": {"city": {"type": "string"}}})


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with scripted_upstream() as upstream:
        yield upstream


@asynccontextmanager
async def a_server(upstream: ScriptedUpstream, dialect: str = "generic", **fields: Any) -> AsyncIterator[ModelServer]:
    settings = UpstreamSettings(**{"url": upstream.url, **fields})
    server = ModelServer(settings, DIALECTS[dialect], backoff_seconds=0.0)
    try:
        yield server
    finally:
        await server.aclose()


def a_request(said: str = "hello", **fields: Any) -> ChatRequest:
    return ChatRequest(**{"model": "tiny", "messages": (UserMessage(said),), **fields})


async def answer(server: ModelServer, request: ChatRequest | None = None) -> list[Chunk]:
    chunks: list[Chunk] = []
    async with server.stream(request or a_request()) as stream:
        async for arrived in stream:
            assert arrived
            chunks += arrived
    return chunks


def text_of(chunks: list[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


async def read_into(said: list[Chunk], stream: AsyncIterator[Sequence[Chunk]]) -> None:
    async for arrived in stream:
        said += arrived


async def failure(server: ModelServer, request: ChatRequest | None = None) -> UpstreamError:
    with pytest.raises(UpstreamError) as raised:
        await answer(server, request)
    return raised.value


@pytest.mark.parametrize("flavour", ["generic", "vllm", "sglang", "llamacpp"])
async def test_text(flavour: Any) -> None:
    async with scripted_upstream(flavour=flavour) as upstream, a_server(upstream, flavour) as server:
        upstream.reply(text("Hello there, you.", thinking="Hm, hm."))
        chunks = await answer(server)
    assert text_of(chunks) == "Hello there, you."
    assert "".join(chunk.reasoning for chunk in chunks) == "Hm, hm."
    assert [chunk.finish for chunk in chunks if chunk.finish] == ["stop"]
    assert [chunk.usage.prompt_tokens for chunk in chunks if chunk.usage] == [4]
    assert upstream.headers[0]["content-type"] == "application/json"


@pytest.mark.parametrize("flavour", ["generic", "vllm", "sglang", "llamacpp"])
async def test_tool_calls(flavour: Any) -> None:
    async with scripted_upstream(flavour=flavour) as upstream, a_server(upstream, flavour) as server:
        chunks = await answer(server, a_request("weather in Paris and Rome", tools=(WEATHER,)))
    fragments = [fragment for chunk in chunks for fragment in chunk.tool_calls]
    assert [(fragment.index, fragment.name) for fragment in fragments if fragment.name] == [
        (0, "get_weather"),
        (1, "get_weather"),
    ]
    for index, city in enumerate(["Paris", "Rome"]):
        assert "".join(each.arguments for each in fragments if each.index == index) == f'{{"city": "{city}"}}'


@pytest.mark.parametrize(("parse", "calls"), [("auto", ["get_weather"]), ("always", ["get_weather"]), ("never", [])])
async def test_tool_calls_that_the_server_left_in_the_text(parse: str, calls: list[str]) -> None:
    markup = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>'
    async with (
        scripted_upstream(flavour="vllm") as upstream,
        a_server(upstream, "vllm", parse_tool_calls=parse) as server,
    ):
        upstream.reply(text(markup, pieces=["<tool", "_call>\n{", markup[13:40], markup[40:]]))
        chunks = await answer(server, a_request("weather in Paris", tools=(WEATHER,)))
    assert [fragment.name for chunk in chunks for fragment in chunk.tool_calls] == calls
    assert text_of(chunks) == ("" if calls else markup)
    assert [chunk.finish for chunk in chunks if chunk.finish] == ["tool_calls" if calls else "stop"]


@pytest.mark.parametrize("begins_thinking", [True, False])
async def test_thinking_that_the_server_left_in_the_text(begins_thinking: bool) -> None:
    async with scripted_upstream() as upstream, a_server(upstream, begins_thinking=begins_thinking) as server:
        upstream.reply(text("Hm, hm. </think>Yes." if begins_thinking else "<think>Hm, hm. </think>Yes."))
        chunks = await answer(server)
    assert ("".join(chunk.reasoning for chunk in chunks), text_of(chunks)) == ("Hm, hm. ", "Yes.")


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
async def test_the_address_may_end_in_v1(upstream: ScriptedUpstream, suffix: str) -> None:
    async with a_server(upstream, url=upstream.url + suffix) as server:
        assert text_of(await answer(server)) == "hello"
        assert server.url == upstream.url


async def test_the_key_is_sent(upstream: ScriptedUpstream) -> None:
    async with a_server(upstream, api_key="secret") as server:
        await answer(server)
    assert upstream.headers[0]["authorization"] == "Bearer secret"


async def test_without_a_key_none_is_sent(upstream: ScriptedUpstream) -> None:
    async with a_server(upstream) as server:
        await answer(server)
    assert "authorization" not in upstream.headers[0]


async def test_entering_returns_with_the_head(upstream: ScriptedUpstream) -> None:
    gate = asyncio.Event()
    upstream.reply(text("late").waiting(gate, after=0))
    async with a_server(upstream) as server, asyncio.timeout(5), server.stream(a_request()) as stream:
        gate.set()
        assert text_of([chunk async for arrived in stream for chunk in arrived]) == "late"


async def test_chunks_come_while_the_model_speaks(upstream: ScriptedUpstream) -> None:
    gate = asyncio.Event()
    upstream.reply(text("one two").waiting(gate, after=1))
    async with a_server(upstream) as server, asyncio.timeout(5), server.stream(a_request()) as stream:
        assert [chunk.text for chunk in await anext(stream)] == ["one"]
        gate.set()
        assert text_of([chunk async for arrived in stream for chunk in arrived]) == " two"


async def test_leaving_early_hangs_up(upstream: ScriptedUpstream) -> None:
    upstream.reply(hang(after=1))
    async with a_server(upstream) as server:
        async with server.stream(a_request()) as stream:
            await anext(stream)
            assert not upstream.hung_up.is_set()
        async with asyncio.timeout(5):
            await upstream.hung_up.wait()


async def test_leaving_without_reading_hangs_up(upstream: ScriptedUpstream) -> None:
    upstream.reply(hang(after=1))
    async with a_server(upstream) as server:
        async with server.stream(a_request()):
            pass
        async with asyncio.timeout(5):
            await upstream.hung_up.wait()


@pytest.mark.parametrize("reply", [never_answers(), hang(after=1)], ids=["before the head", "in mid-stream"])
async def test_cancelling_hangs_up(upstream: ScriptedUpstream, reply: Reply) -> None:
    upstream.reply(reply)
    async with a_server(upstream) as server:
        task = asyncio.get_running_loop().create_task(answer(server))
        await upstream.received()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(5):
            await upstream.hung_up.wait()


async def test_a_complete_answer_leaves_its_connection_open(upstream: ScriptedUpstream) -> None:
    async with a_server(upstream) as server:
        for _ in range(3):
            await answer(server)
        connections = [connection for kept in server.client.session.connector._conns.values() for connection in kept]  # type: ignore[union-attr]
    assert len(connections) == 1
    assert not upstream.hung_up.is_set()


async def test_silence_before_the_first_token(upstream: ScriptedUpstream) -> None:
    upstream.reply(never_answers())
    async with a_server(upstream, first_token_timeout_seconds=0.05) as server:
        assert type(await failure(server)) is TimedOut
    assert len(upstream.requests) == 1


async def test_a_role_is_no_token(upstream: ScriptedUpstream) -> None:
    """A prompt may take longer than the pauses within an answer; only the first token ends that wait."""
    upstream.reply(hang(after=0))
    async with a_server(upstream, first_token_timeout_seconds=0.05, idle_timeout_seconds=60) as server:
        assert type(await failure(server)) is TimedOut


async def test_silence_within_an_answer(upstream: ScriptedUpstream) -> None:
    upstream.reply(hang(after=2))
    async with a_server(upstream, idle_timeout_seconds=0.05) as server, server.stream(a_request()) as stream:
        said: list[Chunk] = []
        with pytest.raises(TimedOut):
            await read_into(said, stream)
        assert text_of(said) == "one two"
    async with asyncio.timeout(5):
        await upstream.hung_up.wait()


async def test_a_slow_first_token_is_not_idle(upstream: ScriptedUpstream) -> None:
    gate = asyncio.Event()
    upstream.reply(text("late").waiting(gate, after=0))
    async with a_server(upstream, idle_timeout_seconds=0.05) as server, server.stream(a_request()) as stream:
        asyncio.get_running_loop().call_later(0.15, gate.set)
        assert text_of([chunk async for arrived in stream for chunk in arrived]) == "late"


async def test_comments_keep_an_answer_alive(upstream: ScriptedUpstream) -> None:
    gates = [asyncio.Event() for _ in range(4)]
    reply = Stream((Say("a"), *(Raw(b": keep-alive\n\n") for _ in gates), Say("b")))
    for at, gate in enumerate(gates):
        reply = reply.waiting(gate, after=1 + 2 * at)
        asyncio.get_running_loop().call_later(0.1 * (at + 1), gate.set)
    upstream.reply(reply)
    async with a_server(upstream, idle_timeout_seconds=0.25) as server:
        assert text_of(await answer(server)) == "ab"


async def test_a_connection_that_breaks_in_mid_stream(upstream: ScriptedUpstream) -> None:
    upstream.reply(close_mid_stream(after=2))
    async with a_server(upstream) as server, server.stream(a_request()) as stream:
        said: list[Chunk] = []
        with pytest.raises(SpokeNonsense, match="closed the connection in mid-stream"):
            await read_into(said, stream)
    assert text_of(said) == "one two"
    assert len(upstream.requests) == 1


async def test_an_end_in_mid_stream(upstream: ScriptedUpstream) -> None:
    """Well-formed as HTTP, and still only half an answer."""
    upstream.reply(text("half an", finish=None, done=False))
    async with a_server(upstream) as server:
        assert "closed the connection in mid-stream" in (await failure(server)).message


async def test_an_answer_may_end_without_done(upstream: ScriptedUpstream) -> None:
    upstream.reply(text("whole", done=False))
    async with a_server(upstream) as server:
        assert text_of(await answer(server)) == "whole"


async def test_a_break_after_the_finish_and_done_does_not_matter(upstream: ScriptedUpstream) -> None:
    finish = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    upstream.reply(Stream((Say("whole"), Raw(finish), Cut()), finish=None))
    async with a_server(upstream) as server:
        assert text_of(await answer(server)) == "whole"


async def test_an_answer_without_usage(upstream: ScriptedUpstream) -> None:
    upstream.reply(text("whole", usage={}))
    async with a_server(upstream) as server:
        assert not any(chunk.usage for chunk in await answer(server))


async def test_an_error_inside_a_stream(upstream: ScriptedUpstream) -> None:
    broken = b'data: {"error":{"message":"out of memory","type":"InternalServerError","code":500}}\n\n'
    upstream.reply(Stream((Say("one"), Raw(broken)), finish=None))
    async with a_server(upstream) as server, server.stream(a_request()) as stream:
        said: list[Chunk] = []
        with pytest.raises(Broken, match="out of memory"):
            await read_into(said, stream)
    assert text_of(said) == "one"


async def test_a_server_that_does_not_stream(upstream: ScriptedUpstream) -> None:
    body = b'{"object":"chat.completion","choices":[{"index":0,"message":{"content":"whole"},"finish_reason":"stop"}]}'
    upstream.reply(nonsense(body, content_type="application/json"))
    async with a_server(upstream) as server:
        assert await answer(server) == [Chunk(text="whole", finish="stop")]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"<html>hello</html>", "text/html"),
        (b"hello", "text/plain"),
        (b'{"hello":1}', "application/json"),
        (b"hello", "text/event-stream"),
        (b"data: hello\n\n", "text/event-stream"),
    ],
)
async def test_nonsense(upstream: ScriptedUpstream, body: bytes, content_type: str) -> None:
    upstream.reply(nonsense(body, content_type=content_type))
    async with a_server(upstream) as server:
        assert type(await failure(server)) is SpokeNonsense


async def test_redirects_are_not_followed(upstream: ScriptedUpstream) -> None:
    upstream.reply(error(307, b"", location="http://elsewhere/"))
    async with a_server(upstream) as server:
        refused = await failure(server)
    assert type(refused) is SpokeNonsense
    assert "redirects to http://elsewhere/" in refused.message


@pytest.mark.parametrize(
    "reply",
    [refuse(), error(429, {"error": {"message": "slow down"}}), error(503, "loading"), error(502, "bad gateway")],
    ids=["no answer", "429", "503", "502"],
)
async def test_a_second_attempt_before_the_first_byte(upstream: ScriptedUpstream, reply: Reply) -> None:
    upstream.reply(reply, reply, text("at last"))
    async with a_server(upstream) as server:
        assert text_of(await answer(server)) == "at last"
    assert len(upstream.requests) == 3


@pytest.mark.parametrize(
    ("reply", "kind"),
    [(refuse(), Unreachable), (error(429, "slow down"), RateLimited), (error(502, "bad gateway"), Broken)],
)
async def test_not_more_than_three_attempts(
    upstream: ScriptedUpstream, reply: Reply, kind: type[UpstreamError]
) -> None:
    upstream.script([reply] * 5)
    async with a_server(upstream) as server:
        assert type(await failure(server)) is kind
    assert len(upstream.requests) == 3


@pytest.mark.parametrize("reply", [error(500, "broken"), error(400, "no"), error(401, "who?")])
async def test_no_second_attempt_where_it_would_not_help(upstream: ScriptedUpstream, reply: Reply) -> None:
    upstream.reply(reply)
    async with a_server(upstream) as server:
        await failure(server)
    assert len(upstream.requests) == 1


async def test_retry_after_is_waited_for(upstream: ScriptedUpstream) -> None:
    upstream.reply(error(429, "slow down", retry_after="0.2"), text("at last"))
    now = asyncio.get_running_loop().time
    async with a_server(upstream) as server:
        start = now()
        assert text_of(await answer(server)) == "at last"
    assert now() - start >= 0.2


async def test_a_long_retry_after_is_passed_on(upstream: ScriptedUpstream) -> None:
    upstream.reply(error(429, "slow down", retry_after="3600"))
    async with a_server(upstream) as server:
        limited = await failure(server)
    assert (type(limited), limited.retry_after_seconds, limited.status) == (RateLimited, 3600.0, 429)
    assert len(upstream.requests) == 1


async def test_nobody_there(upstream: ScriptedUpstream) -> None:
    async with a_server(upstream) as server:
        await upstream.stop()
        refused = await failure(server)
    assert type(refused) is Unreachable
    assert upstream.url in refused.message


async def test_an_address_that_is_none() -> None:
    settings = UpstreamSettings(url="http://no-such-host.invalid:1")
    server = ModelServer(settings, DIALECTS["generic"], retries=0)
    assert type(await failure(server)) is Unreachable
    await server.aclose()


@pytest.mark.parametrize("flavour", ["generic", "vllm", "sglang", "llamacpp"])
async def test_a_prompt_that_is_too_long(flavour: Any) -> None:
    async with scripted_upstream(flavour=flavour, context=20) as upstream, a_server(upstream, flavour) as server:
        assert type(await failure(server, a_request("word " * 50))) is ContextTooLong


async def test_max_tokens_are_cut_to_what_fits() -> None:
    """SGLang refuses what others cut, so that the API's limit on a run would fail on it."""
    async with scripted_upstream(flavour="sglang") as upstream, a_server(upstream, "sglang") as server:
        refusals = [
            "max_completion_tokens is too large: 20480.This model supports at most 2048 completion tokens.",
            "Requested token count exceeds the model's maximum context length of 2048 tokens. You requested a total of "
            "2066 tokens: 18 tokens from the input messages and 2048 tokens for the completion.",
        ]
        upstream.script([error(400, {"object": "error", "message": refusal}) for refusal in refusals])
        assert text_of(await answer(server, a_request(max_tokens=20480))) == "hello"
        assert [request["max_completion_tokens"] for request in upstream.requests] == [20480, 2048, 2030]


async def test_an_unknown_model() -> None:
    async with scripted_upstream(flavour="vllm") as upstream, a_server(upstream, "vllm") as server:
        assert type(await failure(server, a_request(model="other"))) is UnknownModel


@pytest.mark.parametrize(
    ("flavour", "owner"), [("generic", "someone"), ("vllm", "vllm"), ("sglang", "sglang"), ("llamacpp", "llamacpp")]
)
async def test_models(flavour: Any, owner: str) -> None:
    models = ["tiny", "other"]
    async with scripted_upstream(flavour=flavour, models=models) as upstream, a_server(upstream, flavour) as server:
        assert await server.models() == [
            Model(id=name, context_length=2048, created=1795192703, owned_by=owner) for name in models
        ]


async def test_models_that_cannot_be_listed(upstream: ScriptedUpstream) -> None:
    async with a_server(upstream, url=upstream.url + "/elsewhere") as server:
        with pytest.raises(Refused):
            await server.models()
        await upstream.stop()
        with pytest.raises(Unreachable):
            await server.models()


@pytest.mark.parametrize("flavour", ["vllm", "sglang", "llamacpp"])
async def test_tokens_are_counted_by_the_server(flavour: Any) -> None:
    async with scripted_upstream(flavour=flavour) as upstream, a_server(upstream, flavour) as server:
        assert await server.count_tokens("tiny", ["one two three", "", "one"]) == [3, 0, 1]
        assert await server.count_tokens("tiny", []) == []
    assert upstream.paths.count("POST /tokenize") == 2


@pytest.mark.parametrize("dialect", ["generic", "vllm", "llamacpp"])
async def test_tokens_are_estimated_where_the_server_cannot(upstream: ScriptedUpstream, dialect: str) -> None:
    """`generic` has no /tokenize: it is not asked for one, or not asked twice."""
    async with a_server(upstream, dialect) as server:
        for _ in range(2):
            assert await server.count_tokens("tiny", ["hello world"]) == [2]
    assert upstream.paths.count("POST /tokenize") == (0 if dialect == "generic" else 1)


async def test_a_body_that_llama_server_does_not_understand() -> None:
    """It answers a vLLM-like question with an empty list and 200."""
    async with scripted_upstream(flavour="llamacpp") as upstream, a_server(upstream, "vllm") as server:
        assert await server.count_tokens("tiny", ["hello world"]) == [2]


async def test_tokens_are_estimated_while_the_server_is_down() -> None:
    async with scripted_upstream(flavour="vllm") as upstream, a_server(upstream, "vllm") as server:
        await upstream.stop()
        assert await server.count_tokens("tiny", ["one two three four"]) == [4]
        await upstream.start()
        assert await server.count_tokens("tiny", ["one, two"]) == [2]


async def test_a_call_that_is_forced(upstream: ScriptedUpstream) -> None:
    upstream.reply(tool_calls([("get_weather", "{}")], finish="stop"))
    async with a_server(upstream) as server:
        chunks = await answer(server, a_request(tools=(WEATHER,), tool_choice="required"))
    assert [chunk.finish for chunk in chunks if chunk.finish] == ["stop"]
    assert upstream.requests[0]["tools"][0]["function"]["strict"] is True


@pytest.mark.parametrize(
    ("dialect", "answers", "lengths"),
    [
        (
            "ollama",
            {"/api/ps": {"models": [{"name": "a:latest", "model": "a:latest", "context_length": 4096}]}},
            {"a:latest": 4096, "b": 777},  # only loaded models have a length; for others the settings'
        ),
        ("llamacpp", {"/props": recorded_json("llama-server", "get_props")}, {"a:latest": 2048, "b": 2048}),
    ],
)
async def test_a_context_length_that_is_told_elsewhere(
    dialect: str, answers: dict[str, Any], lengths: dict[str, int]
) -> None:
    models = {"data": [{"id": "a:latest", "owned_by": "library"}, {"id": "b", "owned_by": "library"}]}
    async with a_site({"/v1/models": models, **answers}) as url:
        server = ModelServer(UpstreamSettings(url=url, context_length=777), DIALECTS[dialect])
        assert {model.id: model.context_length for model in await server.models()} == lengths
        await server.aclose()
