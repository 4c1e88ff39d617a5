"""Imitation over real sockets: what the server is asked, what comes out, what it costs, and hanging up."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from adapters.chat import (
    ChatRequest,
    Chunk,
    FunctionSpec,
    JSONSchemaFormat,
    NamedTool,
    SystemMessage,
    Usage,
    UserMessage,
)
from adapters.dialects import DIALECTS
from adapters.errors import Broken, RateLimited, Refused, SpokeNonsense, Unfaithful, UpstreamError
from adapters.member import Member
from adapters.routed import RoutedUpstream
from adapters.server import ModelServer
from compat_tests.scripted_upstream import (
    Call,
    Cut,
    Raw,
    Reply,
    Say,
    ScriptedUpstream,
    Stream,
    error,
    hang,
    never_answers,
    nonsense,
    scripted_upstream,
    text,
    tool_calls,
)
from config.settings import UpstreamSettings

from .recordings import errors, recording
from .test_server import answer, failure, read_into, text_of

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = FunctionSpec(name="get_weather", parameters=CITY)
STRICT = FunctionSpec(name="get_weather", parameters=CITY, strict=True)
TIME = FunctionSpec(name="get_time", parameters={"type": "object"})
SCHEMA = {"type": "object", "properties": {"kind": {"enum": ["a", "b"]}}, "required": ["kind"]}
KIND = JSONSchemaFormat(schema={"name": "kind", "strict": True, "schema": SCHEMA})
GOOD = '{"kind":"a"}'
WORDS = (
    "with JSON that is valid for this JSON Schema, and with nothing else:\n"
    '{"type":"object","properties":{"kind":{"enum":["a","b"]}},"required":["kind"]}'
)
COUNTED = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


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


def a_request(asked: str = "hello", **fields: Any) -> ChatRequest:
    return ChatRequest(**{"model": "tiny", "messages": (SystemMessage("be brief"), UserMessage(asked)), **fields})


def calls_of(chunks: list[Chunk]) -> list[tuple[str, str]]:
    names: dict[int, str] = {}
    arguments: dict[int, str] = {}
    for fragment in (fragment for chunk in chunks for fragment in chunk.tool_calls):
        names[fragment.index] = names.get(fragment.index, "") + (fragment.name or "")
        arguments[fragment.index] = arguments.get(fragment.index, "") + fragment.arguments
    return [(names[index], arguments[index]) for index in names]


def end_of(chunks: list[Chunk]) -> tuple[str | None, int | None, int | None]:
    """Finish, and tokens of prompt and answer; each of them came once, in the last chunk."""
    assert [chunk for chunk in chunks if chunk.finish or chunk.usage] == chunks[-1:]
    usage = chunks[-1].usage
    return chunks[-1].finish, usage and usage.prompt_tokens, usage and usage.completion_tokens


def replayed(server: str, case: str) -> Reply:
    """What a real server answered."""
    return nonsense(recording(server, case).body, content_type="text/event-stream")


def messages(body: dict[str, Any]) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in body["messages"]]


# A format beside tools, on servers where it would keep the model from them


@pytest.mark.parametrize("flavour", ["vllm", "sglang", "llamacpp"])
async def test_a_model_may_call_although_there_is_a_format(flavour: Any) -> None:
    async with scripted_upstream(flavour=flavour) as upstream, a_server(upstream, flavour) as server:
        upstream.reply(tool_calls([("get_weather", {"city": "Paris"})], content="I look it up."))
        chunks = await answer(server, a_request(tools=(WEATHER,), response_format=KIND))
    assert (text_of(chunks), calls_of(chunks)) == ("", [("get_weather", '{"city": "Paris"}')])
    assert end_of(chunks)[0] == "tool_calls"
    (body,) = upstream.requests
    assert "response_format" not in body
    assert body["tools"]
    assert messages(body) == [
        ("system", f"be brief\n\nWhen you do not call a function, answer {WORDS}"),
        ("user", "hello"),
    ]


async def test_a_call_streams_through_beside_a_format() -> None:
    gate = asyncio.Event()
    async with scripted_upstream(flavour="vllm") as upstream, a_server(upstream, "vllm") as server:
        begun = Stream((Say("I look."), Call(0, "get_weather", ('{"city":',)), Call(0, "get_weather", ('"Oslo"}',))))
        upstream.reply(begun.waiting(gate, after=2))
        async with server.stream(a_request(tools=(WEATHER,), response_format=KIND)) as stream:
            (chunk, *_) = await anext(stream)
            assert [fragment.name for fragment in chunk.tool_calls] == ["get_weather"]
            gate.set()
            rest: list[Chunk] = []
            await read_into(rest, stream)
    assert end_of(rest)[0] == "stop"


async def test_a_text_that_fits_costs_one_request() -> None:
    async with scripted_upstream(flavour="vllm") as upstream, a_server(upstream, "vllm") as server:
        upstream.reply(text(f"```json\n{GOOD}\n```"))
        chunks = await answer(server, a_request(tools=(WEATHER,), response_format=KIND))
    assert text_of(chunks) == GOOD
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("flavour", ["vllm", "sglang", "llamacpp"])
async def test_a_text_that_does_not_fit_is_asked_for_with_the_format_alone(flavour: Any) -> None:
    async with scripted_upstream(flavour=flavour) as upstream, a_server(upstream, flavour) as server:
        upstream.reply(
            text("Kind a, I think.", usage=COUNTED), text(GOOD, pieces=["{", '"kind"', ':"a"}'], usage=COUNTED)
        )
        chunks = await answer(server, a_request(tools=(WEATHER,), response_format=KIND))
    assert [chunk.text for chunk in chunks if chunk.text] == ["{", '"kind"', ':"a"}']
    assert end_of(chunks) == ("stop", 20, 10)
    first, second = upstream.requests
    assert second["messages"] == first["messages"]
    assert second["response_format"] == {"type": "json_schema", "json_schema": KIND.schema}
    assert not {"tools", "tool_choice"} & set(second)


async def test_after_the_outputs_of_tools_too() -> None:
    """The history keeps its calls; only the tools are not offered."""
    async with scripted_upstream(flavour="sglang") as upstream, a_server(upstream, "sglang") as server:
        upstream.reply(text("no json"), text(GOOD))
        assert text_of(await answer(server, a_request(tools=(WEATHER,), response_format="json_object"))) == GOOD
    assert upstream.requests[1]["response_format"] == {"type": "json_object"}


# A format that a server does not honour


async def test_an_answer_that_fits_at_once(upstream: ScriptedUpstream) -> None:
    upstream.reply(text(GOOD, pieces=["{", '"kind"', ':"a"}'], thinking="Hm, hm."))
    async with a_server(upstream) as server:
        chunks = await answer(server, a_request(response_format=KIND))
    assert [chunk.text for chunk in chunks if chunk.text] == [GOOD]
    assert "".join(chunk.reasoning for chunk in chunks) == "Hm, hm."
    (body,) = upstream.requests
    assert messages(body)[0] == ("system", f"be brief\n\nAnswer {WORDS}")
    assert body["response_format"]["type"] == "json_schema"  # a server of which nothing is known may know it


async def test_an_answer_that_fits_the_second_time(upstream: ScriptedUpstream) -> None:
    upstream.reply(text("Kind c.", usage=COUNTED), text(GOOD, usage=COUNTED))
    async with a_server(upstream) as server:
        chunks = await answer(server, a_request(response_format=KIND, max_tokens=50))
    assert text_of(chunks) == GOOD
    assert end_of(chunks) == ("stop", 20, 10)
    first, second = upstream.requests
    assert messages(second) == [
        *messages(first),
        ("assistant", "Kind c."),
        (
            "user",
            "That was not what is needed: it is not JSON (JSON is malformed: invalid character (byte 0)). "
            "Answer again, with the JSON and with nothing else.",
        ),
    ]
    assert (first["max_tokens"], second["max_tokens"]) == (50, 45)


async def test_an_answer_that_never_fits(upstream: ScriptedUpstream) -> None:
    upstream.reply(text("{}"), text("{}"))
    async with a_server(upstream) as server:
        unfaithful = await failure(server, a_request(response_format=KIND))
    assert type(unfaithful) is Unfaithful
    assert unfaithful.message == "its answer does not fit the response_format: 'kind' is a required property."
    assert len(upstream.requests) == 2


async def test_an_answer_that_is_cut_off_is_not_asked_for_again(upstream: ScriptedUpstream) -> None:
    upstream.reply(text('{"kind":', finish="length"))
    async with a_server(upstream) as server:
        chunks = await answer(server, a_request(response_format=KIND))
    assert (text_of(chunks), end_of(chunks)[0]) == ('{"kind":', "length")
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("case", ["stream_json_schema", "stream_tools_required"])
async def test_transformers_serve(upstream: ScriptedUpstream, case: str) -> None:
    """It ignores formats and tool_choice, so that the same comes twice."""
    recorded = replayed("transformers-serve", case)
    upstream.script([recorded] * 2)
    wish = {"response_format": KIND} if case == "stream_json_schema" else {"tools": (TIME,), "tool_choice": "required"}
    async with a_server(upstream) as server:
        assert type(await failure(server, a_request(**wish))) is Unfaithful
    assert ("assistant", "river") in messages(upstream.requests[1])


async def test_a_schema_that_is_honoured_streams() -> None:
    gate = asyncio.Event()
    async with scripted_upstream(flavour="vllm") as upstream, a_server(upstream, "vllm") as server:
        upstream.reply(text(GOOD, pieces=["{", '"kind"', ':"a"}'], usage=COUNTED).waiting(gate, after=1))
        async with server.stream(a_request(response_format=KIND)) as stream:
            assert [chunk.text for chunk in await anext(stream)] == ["{"]
            gate.set()
            rest: list[Chunk] = []
            await read_into(rest, stream)
    assert text_of(rest) == GOOD[1:]
    assert [chunk for chunk in rest if not chunk.text] == [
        Chunk(finish="stop"),
        Chunk(usage=Usage(prompt_tokens=10, completion_tokens=5)),
    ]
    assert messages(upstream.requests[0])[0] == ("system", "be brief")


# Formats that are refused


async def test_a_refusal_is_learnt(caplog: pytest.LogCaptureFixture) -> None:
    refused = error(400, {"error": {"message": "'response_format.type' must be 'json_schema'", "param": None}})
    async with scripted_upstream(flavour="vllm") as upstream, a_server(upstream, "vllm") as server:
        upstream.reply(refused, text("{}"), text("{}"), text(GOOD))
        with caplog.at_level(logging.WARNING):
            for _ in range(2):
                assert text_of(await answer(server, a_request(response_format="json_object"))) == "{}"
        assert text_of(await answer(server, a_request(response_format=KIND))) == GOOD
    sent = [(body.get("response_format") or {}).get("type") for body in upstream.requests]
    assert sent == ["json_object", None, None, "json_schema"]
    assert [record.message for record in caplog.records if "imitated" in record.message] == [
        f"{upstream.url} refuses response_format json_object for tiny, it is imitated: "
        "'response_format.type' must be 'json_schema'"
    ]
    assert "one JSON object" in messages(upstream.requests[1])[0][1]


IN_A_STREAM = {
    "vllm": b'data: {"error": {"message": "The provided JSON schema contains features not supported by xgrammar.", '
    b'"type": "BadRequestError", "param": null, "code": 400}}\n\ndata: [DONE]\n\n',
    "sglang": b'data: {"error": {"object": "error", "message": "Failed to compile json grammar: JSON Schema at '
    b'#/properties/a is not supported by xgrammar: keyword(s) uniqueItems would be ignored", "type": "BAD_REQUEST", '
    b'"param": null, "code": 400}}\n\ndata: [DONE]\n\n',
}


@pytest.mark.parametrize("flavour", ["vllm", "sglang"])
@pytest.mark.parametrize("inside", [True, False], ids=["inside the stream", "at once"])
async def test_a_schema_that_the_grammar_does_not_know(flavour: Any, inside: bool) -> None:
    (refusal,) = [each for each in errors() if (each.server, each.case) == (flavour, "err_schema_unsupported")]
    async with scripted_upstream(flavour=flavour) as upstream, a_server(upstream, flavour) as server:
        upstream.reply(
            Stream((Raw(IN_A_STREAM[flavour]),), finish=None, done=False)
            if inside
            else nonsense(refusal.body.encode(), status=400, content_type=refusal.content_type),
            text("{}"),
            text(GOOD),
        )
        assert text_of(await answer(server, a_request(response_format=KIND))) == GOOD
    assert ["response_format" in body for body in upstream.requests] == [True, False, False]


async def test_a_refusal_after_the_answer_began_is_a_refusal() -> None:
    async with scripted_upstream(flavour="vllm") as upstream, a_server(upstream, "vllm") as server:
        upstream.reply(Stream((Say("{"), Raw(IN_A_STREAM["vllm"])), finish=None, done=False))
        assert type(await failure(server, a_request(response_format=KIND))) is Refused
    assert len(upstream.requests) == 1


async def test_other_refusals_come_through() -> None:
    async with scripted_upstream(flavour="vllm") as upstream, a_server(upstream, "vllm") as server:
        upstream.reply(error(400, {"error": {"message": "no"}}))
        assert type(await failure(server, a_request(response_format=KIND))) is Refused


# Forced calls


@pytest.mark.parametrize(("dialect", "told"), [("generic", True), ("llamacpp", True), ("vllm", False)])
async def test_a_forced_call_comes_at_once(upstream: ScriptedUpstream, dialect: str, told: bool) -> None:
    upstream.reply(tool_calls([("get_time", "{}")], content="Let me think about it."))
    async with a_server(upstream, dialect) as server:
        chunks = await answer(server, a_request(tools=(WEATHER, TIME), tool_choice=NamedTool("get_time")))
    assert (text_of(chunks), calls_of(chunks)) == ("", [("get_time", "{}")])
    words = "\n\nCall the function get_time. Answer with the call and with nothing else." if told else ""
    assert messages(upstream.requests[0])[-1] == ("user", f"hello{words}")


async def test_a_forced_call_comes_the_second_time(upstream: ScriptedUpstream) -> None:
    upstream.reply(text("river", usage=COUNTED), tool_calls([("get_time", "{}")], usage=COUNTED))
    async with a_server(upstream, "vllm") as server:
        chunks = await answer(server, a_request(tools=(WEATHER, TIME), tool_choice="required"))
    assert (text_of(chunks), calls_of(chunks)) == ("", [("get_time", "{}")])
    assert end_of(chunks) == ("tool_calls", 20, 10)
    first, second = upstream.requests
    assert messages(second) == [
        *messages(first),
        ("assistant", "river"),
        (
            "user",
            "That was no call. Call one of these functions: get_time, get_weather. "
            "Answer with the call and with nothing else.",
        ),
    ]
    assert {key: second[key] for key in second if key != "messages"} == {
        key: first[key] for key in first if key != "messages"
    }


@pytest.mark.parametrize("case", ["stream_tools_named", "stream_tools_required"])
async def test_a_forced_call_never_comes(upstream: ScriptedUpstream, case: str) -> None:
    """SGLang called another function than the named one; with a reasoning parser, all was reasoning."""
    recorded = replayed("sglang" if case == "stream_tools_named" else "sglang-reasoning", case)
    upstream.script([recorded] * 2)
    async with (
        a_server(upstream, "sglang") as server,
        server.stream(a_request(tools=(WEATHER, TIME), tool_choice=NamedTool("get_time"))) as stream,
    ):
        said: list[Chunk] = []
        with pytest.raises(Unfaithful, match="tool_choice requires a call of get_time"):
            await read_into(said, stream)
    assert (text_of(said), calls_of(said)) == ("", [])
    assert len(upstream.requests) == 2


async def test_talk_without_end_before_a_forced_call(upstream: ScriptedUpstream) -> None:
    endless = hang(after=3, content=" ".join(["x" * 4000] * 3))
    upstream.reply(endless, tool_calls([("get_time", "{}")]))
    async with a_server(upstream, "llamacpp") as server:
        chunks = await answer(server, a_request(tools=(TIME,), tool_choice="required"))
        assert calls_of(chunks) == [("get_time", "{}")]
        async with asyncio.timeout(5):
            await upstream.hung_up.wait()
    assert len(messages(upstream.requests[1])[-2][1]) < 3000


async def test_llama_servers_talk_was_cut_off(upstream: ScriptedUpstream) -> None:
    recorded = replayed("llama-server", "stream_tools_required")
    upstream.reply(recorded)
    async with a_server(upstream, "llamacpp") as server:
        chunks = await answer(server, a_request(tools=(TIME,), tool_choice="required"))
    assert end_of(chunks)[0] == "length"
    assert len(upstream.requests) == 1


# Strict functions


@pytest.mark.parametrize("dialect", ["generic", "ollama"])
async def test_strict_arguments_that_fit_the_second_time(upstream: ScriptedUpstream, dialect: str) -> None:
    upstream.reply(
        tool_calls([("get_weather", {"town": "Oslo"})], content="I look.", usage=COUNTED),
        tool_calls([("get_weather", {"city": "Oslo"})], content="I look.", usage=COUNTED),
    )
    async with a_server(upstream, dialect) as server:
        chunks = await answer(server, a_request(tools=(STRICT,)))
    assert (text_of(chunks), calls_of(chunks)) == ("I look.", [("get_weather", '{"city": "Oslo"}')])
    assert end_of(chunks) == ("tool_calls", 20, 10)
    first, second = upstream.requests
    assert second["messages"][:2] == first["messages"]
    made, output = second["messages"][2:]
    assert made["content"] == "I look."
    assert made["tool_calls"][0]["function"] == {"name": "get_weather", "arguments": '{"town": "Oslo"}'}
    assert output == {
        "role": "tool",
        "tool_call_id": made["tool_calls"][0]["id"],
        "content": "Not called. Its arguments do not fit its parameters: 'city' is a required property. "
        "Call it again, with arguments that fit.",
    }


async def test_strict_arguments_that_fit_at_once(upstream: ScriptedUpstream) -> None:
    upstream.reply(tool_calls([("get_weather", {"city": "Oslo"}), ("get_weather", {"city": "Rome"})]))
    async with a_server(upstream) as server:
        chunks = await answer(server, a_request(tools=(STRICT,)))
    assert calls_of(chunks) == [("get_weather", '{"city": "Oslo"}'), ("get_weather", '{"city": "Rome"}')]
    assert len(upstream.requests) == 1


async def test_strict_arguments_that_never_fit(upstream: ScriptedUpstream) -> None:
    upstream.script([tool_calls([("get_weather", "[")])] * 2)
    async with a_server(upstream) as server:
        unfaithful = await failure(server, a_request(tools=(STRICT,)))
    assert type(unfaithful) is Unfaithful
    assert "get_weather: it is not JSON" in unfaithful.message
    assert upstream.requests[1]["messages"][-2]["tool_calls"][0]["function"]["arguments"] == "{}"


@pytest.mark.parametrize("server_name", ["vllm", "sglang", "llama-server"])
async def test_strict_arguments_stream_where_they_are_honoured(upstream: ScriptedUpstream, server_name: str) -> None:
    recorded = replayed(server_name, "stream_tools_strict")
    upstream.reply(recorded)
    async with a_server(upstream, "llamacpp" if server_name == "llama-server" else server_name) as server:
        chunks = await answer(server, a_request(tools=(STRICT,)))
    assert calls_of(chunks) == [("get_weather", '{"city": "Oslo"}')]
    assert end_of(chunks)[0] == "tool_calls"
    assert len([chunk for chunk in chunks if chunk.tool_calls]) > 1


# Reasoning effort


async def test_an_effort_that_is_refused(upstream: ScriptedUpstream, caplog: pytest.LogCaptureFixture) -> None:
    refusals = [
        error(400, {"error": {"message": 'invalid reasoning value: \'max\' (must be "high", "low", or "none")'}}),
        error(400, {"error": {"message": '"tiny" does not support thinking'}}),
    ]
    upstream.reply(*refusals)
    async with a_server(upstream) as server:
        with caplog.at_level(logging.WARNING):
            for _ in range(2):
                assert text_of(await answer(server, a_request(reasoning_effort="max"))) == "hello"
    assert [body.get("reasoning_effort") for body in upstream.requests] == ["max", "high", None, None]
    assert len([record for record in caplog.records if "reasoning_effort" in record.message]) == 2


async def test_a_refusal_of_something_else(upstream: ScriptedUpstream) -> None:
    upstream.reply(error(400, {"error": {"message": "bad temperature"}}))
    async with a_server(upstream) as server:
        assert type(await failure(server, a_request(reasoning_effort="max"))) is Refused


# Failures and hanging up


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (error(500, "broken"), Broken),
        (error(400, {"error": {"message": "no"}}), Refused),
        (Stream((Say("on"), Cut()), finish=None), SpokeNonsense),
    ],
    ids=["500", "400", "cut"],
)
async def test_the_second_request_may_fail(upstream: ScriptedUpstream, reply: Reply, kind: type[UpstreamError]) -> None:
    upstream.reply(text("no"), reply)
    async with a_server(upstream) as server:
        assert type(await failure(server, a_request(response_format=KIND))) is kind


async def test_the_second_request_is_tried_again_where_that_helps(upstream: ScriptedUpstream) -> None:
    upstream.reply(text("no"), error(503, "busy"), text(GOOD))
    async with a_server(upstream) as server:
        assert text_of(await answer(server, a_request(response_format=KIND))) == GOOD


async def test_there_may_be_no_room_to_ask_again() -> None:
    async with scripted_upstream(flavour="generic", context=50) as upstream, a_server(upstream) as server:
        upstream.reply(text("word " * 40))
        unfaithful = await failure(server, a_request(response_format="json_object"))
    assert type(unfaithful) is Unfaithful
    assert "There was no room to ask again" in unfaithful.message


@pytest.mark.parametrize("replies", [[hang(after=2)], [text("no"), never_answers()], [text("no"), hang(after=1)]])
@pytest.mark.parametrize(
    "fields",
    [{"response_format": KIND}, {"tools": (TIME,), "tool_choice": "required"}],
    ids=["format", "forced"],
)
async def test_hanging_up_while_all_is_held_back(
    upstream: ScriptedUpstream, replies: list[Reply], fields: dict[str, Any]
) -> None:
    upstream.reply(*replies)
    async with a_server(upstream) as server:
        task = asyncio.get_running_loop().create_task(answer(server, a_request(**fields)))
        await upstream.received(len(replies))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(5):
            await upstream.hung_up.wait()


async def test_leaving_early_hangs_up(upstream: ScriptedUpstream) -> None:
    upstream.reply(hang(after=1))
    async with a_server(upstream) as server:
        async with server.stream(a_request(response_format=KIND)):
            pass
        async with asyncio.timeout(5):
            await upstream.hung_up.wait()


async def test_answers_that_are_repeated_use_one_connection(upstream: ScriptedUpstream) -> None:
    upstream.reply(text("no"), text(GOOD))
    async with a_server(upstream) as server:
        await answer(server, a_request(response_format=KIND))
        kept = [connection for each in server.client.session.connector._conns.values() for connection in each]  # type: ignore[union-attr]
    assert len(kept) == 1
    assert not upstream.hung_up.is_set()


# Around it


async def test_behind_the_router_too(upstream: ScriptedUpstream) -> None:
    upstream.reply(error(429, "busy"))
    async with scripted_upstream() as other:
        other.reply(text("no"), text(GOOD))
        members = [
            Member(UpstreamSettings(url=each.url, dialect="generic"), now=lambda: 0.0) for each in (upstream, other)
        ]
        routed = RoutedUpstream(members, served=lambda member: None)
        chunks: list[Chunk] = []
        async with routed.stream(a_request(response_format=KIND)) as stream:
            await read_into(chunks, stream)
        for member in members:
            await member.aclose()
    assert text_of(chunks) == GOOD
    assert (len(upstream.requests), len(other.requests)) == (1, 2)


async def test_unfaithful_models_do_not_count_against_their_server(upstream: ScriptedUpstream) -> None:
    upstream.reply(text("no"), text("no"))
    member = Member(UpstreamSettings(url=upstream.url, dialect="generic"), now=lambda: 0.0)
    routed = RoutedUpstream([member], served=lambda member: None)
    async with routed.stream(a_request(response_format=KIND)) as stream:
        with pytest.raises(Unfaithful):
            await read_into([], stream)
    assert not member.is_alone
    await member.aclose()


async def test_a_server_can_be_looked_at_unaided(upstream: ScriptedUpstream) -> None:
    upstream.reply(text("no"))
    async with a_server(upstream) as server:
        chunks: list[Chunk] = []
        async with server.stream_unaided(a_request(response_format=KIND)) as stream:
            await read_into(chunks, stream)
    assert text_of(chunks) == "no"


@pytest.mark.parametrize("fields", [{}, {"tools": (WEATHER,)}], ids=["text", "tools"])
async def test_the_plain_way_is_the_way_it_was(upstream: ScriptedUpstream, fields: dict[str, Any]) -> None:
    async with a_server(upstream) as server, server.stream(a_request(**fields)) as stream:
        assert stream.ag_code is ModelServer._chunks.__code__  # type: ignore[attr-defined]


async def test_a_busy_server_is_a_busy_server(upstream: ScriptedUpstream) -> None:
    upstream.script([error(429, "slow down")] * 3)
    async with a_server(upstream) as server:
        assert type(await failure(server, a_request(response_format=KIND))) is RateLimited
