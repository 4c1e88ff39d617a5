"""What our dialects claim about each model server, asked of the server itself, byte by byte and with no client of ours.

A new version of a server that changes a fact fails here, and its dialect in `adapters/` has to change with it.
Tables are by server name; where a fact is a field of `Dialect`, the dialect is the table.
"""

import contextlib
import http.client
import json
import select
from typing import Any

import msgspec
import pytest

from adapters.dialect import Dialect, room_for_answer
from adapters.efforts import SCALE, left_by
from adapters.errors import ContextTooLong, UnknownModel, UpstreamError
from adapters.failures import failure_of_body
from adapters.imitation import SCHEMA_REFUSED
from adapters.llamacpp import LLAMACPP
from adapters.sglang import SGLANG
from adapters.vllm import VLLM
from adapters.wire import decode_models, decode_tokens

from .servers import MODEL_NAME, ModelServer

DIALECTS = {"sglang": SGLANG, "vllm": VLLM, "llama-server": LLAMACPP}
CONTEXT = 2048
USER = {"role": "user", "content": "say river"}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"name": "get_weather", "description": "Get the weather.", "parameters": CITY}
TIME = {
    "name": "get_time",
    "description": "Get the time.",
    "parameters": {"type": "object", "properties": {"zone": {"type": "string", "enum": ["UTC"]}}, "required": ["zone"]},
}
SCHEMA = {
    "type": "object",
    "properties": {"kind": {"type": "string", "enum": ["a", "b"]}},
    "required": ["kind"],
    "additionalProperties": False,
}


@pytest.fixture
def dialect(server: ModelServer) -> Dialect:
    return DIALECTS[server.name]


class Answer(msgspec.Struct):
    """A streamed answer, taken apart by hand."""

    chunks: list[dict[str, Any]]

    @property
    def deltas(self) -> list[dict[str, Any]]:
        return [chunk["choices"][0]["delta"] for chunk in self.chunks if chunk["choices"]]

    @property
    def text(self) -> str:
        return "".join(delta.get("content") or "" for delta in self.deltas)

    @property
    def finish(self) -> str:
        (reason,) = [
            choice["finish_reason"] for chunk in self.chunks for choice in chunk["choices"] if choice["finish_reason"]
        ]
        assert isinstance(reason, str)
        return reason

    @property
    def usage(self) -> dict[str, Any]:
        usage = self.chunks[-1]["usage"]
        assert isinstance(usage, dict)
        return usage

    @property
    def fragments(self) -> list[dict[str, Any]]:
        return [fragment for delta in self.deltas for fragment in delta.get("tool_calls") or []]

    def calls(self) -> list[tuple[str, str]]:
        """Name and arguments of each call."""
        names: dict[int, str] = {}
        arguments: dict[int, str] = {}
        for fragment in self.fragments:
            index, function = fragment["index"], fragment["function"]
            names[index] = names.get(index) or function.get("name")
            arguments[index] = arguments.get(index, "") + (function.get("arguments") or "")
        return [(names[index], arguments[index]) for index in names]


def post(server: ModelServer, **body: Any) -> tuple[int, str]:
    body = {"model": MODEL_NAME, "messages": [USER], "temperature": 0, **body}
    return server.ask("POST", "/v1/chat/completions", json.dumps(body).encode())


def stream(server: ModelServer, **body: Any) -> Answer:
    status, text = post(server, stream=True, stream_options={"include_usage": True}, **body)
    assert status == 200, text
    events = [event.removeprefix("data: ") for event in text.split("\n\n") if event]
    assert events.pop() == "[DONE]"
    return Answer(chunks=[json.loads(event) for event in events])


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def tools(*functions: dict[str, Any], strict: bool = False) -> list[dict[str, Any]]:
    extra = {"strict": True} if strict else {}
    return [{"type": "function", "function": function | extra} for function in functions]


def refusal_of(server: ModelServer, **body: Any) -> UpstreamError | None:
    """What our adapters make of a refusal; None if the server answers."""
    status, text = post(server, stream=True, **body)
    return None if status == 200 else failure_of_body(status, text.encode())


def test_models_and_their_context_length(server: ModelServer, dialect: Dialect) -> None:
    status, text = server.get(dialect.models_path)
    assert status == 200
    models = decode_models(text.encode()).data or []
    assert [(model.id, model.context()) for model in models] == [(MODEL_NAME, CONTEXT)]
    owners = {"sglang": "sglang", "vllm": "vllm", "llama-server": "llamacpp"}
    assert models[0].owned_by == owners[server.name]


def test_addresses_that_only_some_have(server: ModelServer, dialect: Dialect) -> None:
    """How an unknown server is told from the others."""
    statuses = {path: server.get(path)[0] for path in ("/props", "/model_info", "/version")}
    assert (
        statuses
        == {
            "sglang": {"/props": 404, "/model_info": 200, "/version": 404},
            "vllm": {"/props": 404, "/model_info": 404, "/version": 200},
            "llama-server": {"/props": 200, "/model_info": 404, "/version": 404},
        }[server.name]
    )
    if dialect.context_path is not None:
        assert json.loads(server.get(dialect.context_path)[1])["default_generation_settings"]["n_ctx"] == CONTEXT


def test_counting_tokens(server: ModelServer, dialect: Dialect) -> None:
    assert dialect.tokenize is not None
    body = {"model": MODEL_NAME, dialect.tokenize: "say river", **dialect.tokenize_extras}
    status, text = server.ask("POST", "/tokenize", json.dumps(body).encode())
    counted = decode_tokens(text.encode())
    assert (status, len(counted.tokens or [])) == (200, 6)
    assert counted.count in (None, 6)


def test_a_streamed_text(server: ModelServer) -> None:
    answer = stream(server)
    assert answer.text == "river"
    assert answer.deltas[0]["role"] == "assistant"
    assert answer.chunks[-1]["choices"] == []
    assert (answer.finish, answer.usage["completion_tokens"]) == ("stop", 3)


def test_a_connection_after_a_streamed_answer(server: ModelServer, dialect: Dialect) -> None:
    body = json.dumps({"model": MODEL_NAME, "messages": [USER], "temperature": 0, "stream": True}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=3)
    with contextlib.closing(connection):
        connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert answer.read().endswith(b"data: [DONE]\n\n")
        assert answer.getheader("Connection") is None  # which promises to keep it
        assert connection.sock is not None
        readable, _, _ = select.select([connection.sock], [], [], 1)
        assert (readable == []) is dialect.keeps_connections


def test_the_limit_of_an_answer(server: ModelServer, dialect: Dialect) -> None:
    answer = stream(server, messages=said("count to 20"), **{dialect.max_tokens_field: 4})
    assert (answer.finish, answer.usage["completion_tokens"]) == ("length", 4)
    both = stream(server, messages=said("count to 20"), max_completion_tokens=3, max_tokens=9)
    assert both.usage["completion_tokens"] == 3


def test_cached_tokens_are_told(server: ModelServer) -> None:
    """vLLM counts whole blocks of up to 128 tokens, the others single ones."""
    messages = said("say river " * 60)
    first, second = (stream(server, messages=messages, max_tokens=4) for _ in range(2))
    assert second.usage["prompt_tokens"] == first.usage["prompt_tokens"]
    assert second.usage["prompt_tokens_details"]["cached_tokens"] >= 128


def test_zero_top_p(server: ModelServer, dialect: Dialect) -> None:
    assert (refusal_of(server, top_p=0) is None) is dialect.takes_zero_top_p
    assert refusal_of(server, top_p=1e-6) is None


def test_a_streamed_call(server: ModelServer) -> None:
    answer = stream(server, messages=said("weather in Paris"), tools=tools(WEATHER))
    assert answer.calls() == [("get_weather", '{"city": "Paris"}')]
    assert (answer.finish, answer.text) == ("tool_calls", "")
    first, *later = answer.fragments
    assert first["id"]
    assert first["function"]["name"] == "get_weather"
    assert first["function"].get("arguments") == {"sglang": "", "vllm": None, "llama-server": "{"}[server.name]
    assert {fragment.get("id") for fragment in later} == {None}
    assert {fragment["function"].get("name") for fragment in later} == {None}


def test_parallel_calls(server: ModelServer, dialect: Dialect) -> None:
    messages = said("weather in Paris and Rome")
    both = [("get_weather", '{"city": "Paris"}'), ("get_weather", '{"city": "Rome"}')]
    answer = stream(server, messages=messages, tools=tools(WEATHER))
    assert answer.calls() == both
    indexes = [fragment["index"] for fragment in answer.fragments]
    assert indexes == sorted(indexes)
    one = stream(server, messages=messages, tools=tools(WEATHER), parallel_tool_calls=False)
    assert one.calls() == (both[:1] if dialect.honours_parallel_tool_calls else both)


def test_a_required_call_of_one_strict_tool(server: ModelServer) -> None:
    """What a named choice becomes, because no server can be trusted with the name."""
    answer = stream(server, messages=said("weather in Oslo"), tools=tools(WEATHER, strict=True), tool_choice="required")
    ((name, arguments),) = answer.calls()
    assert name == "get_weather"
    assert list(json.loads(arguments)) == ["city"]
    assert answer.finish == "tool_calls"


def test_a_named_choice_cannot_be_trusted(server: ModelServer) -> None:
    named = {"type": "function", "function": {"name": "get_time"}}
    answer = stream(server, tools=tools(WEATHER, TIME), tool_choice=named, max_tokens=200)
    names = [name for name, _ in answer.calls()]
    assert names == {"sglang": ["get_weather"], "vllm": ["get_time"], "llama-server": []}[server.name]


def test_tools_that_must_not_be_called(server: ModelServer) -> None:
    """Why tools are left out of the request when the choice is `none`."""
    without = stream(server, messages=said("weather in Paris"), max_tokens=120)
    answer = stream(server, messages=said("weather in Paris"), tools=tools(WEATHER), tool_choice="none", max_tokens=120)
    assert answer.calls() == []
    assert "<tool_call>" in answer.text
    in_the_prompt = answer.usage["prompt_tokens"] > without.usage["prompt_tokens"]
    assert in_the_prompt is {"sglang": False, "vllm": True, "llama-server": True}[server.name]


def test_no_tools_is_not_an_empty_list(server: ModelServer) -> None:
    assert (refusal_of(server, tools=[]) is None) is {"sglang": True, "vllm": False, "llama-server": True}[server.name]


def test_arguments_in_the_history_are_json(server: ModelServer) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": '}}
    messages = [
        *said("weather in Paris"),
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "river 21"},
    ]
    status, _ = post(server, messages=messages, tools=tools(WEATHER))
    assert status == {"sglang": 400, "vllm": 200, "llama-server": 500}[server.name]
    call["function"] = {"name": "get_weather", "arguments": "{}"}
    assert stream(server, messages=messages, tools=tools(WEATHER)).text == "The result is: river 21"


def test_a_turn_after_the_assistants(server: ModelServer, dialect: Dialect) -> None:
    """Only llama-server continues the last message, and repeats it; its dialect adds a message."""
    messages = [USER, {"role": "assistant", "content": "stone tiger"}]
    status, text = post(server, messages=messages, max_tokens=20)
    assert status == 200
    content = json.loads(text)["choices"][0]["message"]["content"]
    assert content.startswith("stone tiger") is (dialect.adjust is not None)


KIND = {"type": "json_schema", "json_schema": {"name": "kind", "strict": True, "schema": SCHEMA}}


def test_json_schema(server: ModelServer, dialect: Dialect) -> None:
    assert dialect.honours_json_schema
    answer = stream(server, response_format=KIND, max_tokens=60)
    assert answer.finish == "stop"
    assert json.loads(answer.text)["kind"] in ("a", "b")


def test_a_schema_beside_tools(server: ModelServer, dialect: Dialect) -> None:
    """It beats the tools, although the same question gets a call without it."""
    assert dialect.schema_beats_tools
    asked = {"messages": said("weather in Paris"), "tools": tools(WEATHER)}
    assert stream(server, **asked).calls() == [("get_weather", '{"city": "Paris"}')]
    answer = stream(server, **asked, response_format=KIND, max_tokens=100)
    assert answer.calls() == []
    assert json.loads(answer.text)["kind"] in ("a", "b")


def test_a_schema_that_the_grammar_does_not_know(server: ModelServer) -> None:
    """It is refused, but in a stream only inside of it."""
    unknown = {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": unknown}}
    status, whole = post(server, response_format=wanted, max_tokens=5)
    streamed = post(server, stream=True, response_format=wanted, max_tokens=5)
    assert (status, streamed[0]) == (200 if server.name == "llama-server" else 400, 200)
    if status == 400:
        for answer in (whole, streamed[1].partition("data: ")[2].partition("\n")[0]):
            assert SCHEMA_REFUSED.search(failure_of_body(400, answer.encode()).message)


def test_strict_functions_that_may_be_called(server: ModelServer, dialect: Dialect) -> None:
    assert dialect.honours_strict
    city = {"type": "object", "properties": {"city": {"type": "string", "enum": ["Oslo"]}}, "required": ["city"]}
    function = {**WEATHER, "parameters": city}
    (strict,) = stream(server, messages=said("weather in Paris"), tools=tools(function, strict=True)).calls()
    assert strict == ("get_weather", '{"city": "Oslo"}')
    (other,) = stream(server, messages=said("weather in Paris"), tools=tools(function)).calls()
    assert (other == strict) is (server.name == "llama-server")


def test_a_required_call(server: ModelServer, dialect: Dialect) -> None:
    answer = stream(server, tools=tools(WEATHER, TIME, strict=True), tool_choice="required", max_tokens=100)
    assert bool(answer.calls()) is dialect.honours_required
    assert (answer.text == "") is dialect.honours_required


def test_efforts(server: ModelServer, dialect: Dialect) -> None:
    for effort in dialect.efforts:
        assert refusal_of(server, reasoning_effort=effort, max_tokens=1) is None
    assert dialect.thinking_switch
    assert refusal_of(server, chat_template_kwargs={"enable_thinking": False}, max_tokens=1) is None
    refusal = refusal_of(server, reasoning_effort="some", max_tokens=1)
    assert (refusal is None) is (server.name == "llama-server")
    assert refusal is None or left_by(refusal.message, sent="some", taken=SCALE) == SCALE


def test_a_prompt_that_is_too_long(server: ModelServer) -> None:
    refusal = refusal_of(server, messages=said("apple river stone " * CONTEXT))
    assert isinstance(refusal, ContextTooLong)
    assert refusal.status == 400


def test_an_answer_that_would_not_fit(server: ModelServer, dialect: Dialect) -> None:
    """Where prompt and limit together are too much for the server, its words say what would have fitted."""
    asked = CONTEXT - 5
    refusal = refusal_of(server, messages=said("count to 3"), **{dialect.max_tokens_field: asked})
    assert (refusal is None) is {"sglang": False, "vllm": True, "llama-server": True}[server.name]
    if refusal is not None:
        room = room_for_answer(refusal.message, asked)
        assert room is not None
        assert refusal_of(server, messages=said("count to 3"), **{dialect.max_tokens_field: room}) is None


def test_an_answer_longer_than_the_context(server: ModelServer, dialect: Dialect) -> None:
    asked = CONTEXT * 10
    refusal = refusal_of(server, messages=said("count to 3"), **{dialect.max_tokens_field: asked})
    assert (refusal is None) is {"sglang": False, "vllm": False, "llama-server": True}[server.name]
    if refusal is not None:
        assert room_for_answer(refusal.message, asked) is not None


def test_an_unknown_model(server: ModelServer) -> None:
    refusal = refusal_of(server, model="no-such-model", max_tokens=4)
    assert type(refusal) is {"sglang": type(None), "vllm": UnknownModel, "llama-server": type(None)}[server.name]


def test_thoughts(server: ModelServer) -> None:
    """llama-server finds them by itself; vLLM and SGLang need `--reasoning-parser`, and are started without."""
    answer = stream(server, messages=said("think about river"), max_tokens=60)
    apart = "".join(delta.get("reasoning_content") or "" for delta in answer.deltas)
    assert bool(apart) is {"sglang": False, "vllm": False, "llama-server": True}[server.name]
    assert ("<think>" in answer.text) is not bool(apart)
