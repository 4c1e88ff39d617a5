"""What is sent to each server: only what was set, in the words that it takes."""

from typing import Any

import msgspec
import pytest

from adapters.chat import (
    AssistantMessage,
    ChatRequest,
    FunctionCall,
    FunctionSpec,
    ImagePart,
    ImageURL,
    JSONSchemaFormat,
    NamedTool,
    SystemMessage,
    TextPart,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from adapters.dialect import Dialect, request_body, room_for_answer
from adapters.dialects import DIALECTS, USUAL_PORTS
from adapters.errors import Refused
from adapters.llamacpp import NO_NEW_MESSAGE

from .recordings import errors, recorded_json

WEATHER = FunctionSpec(name="get_weather", parameters={"type": "object"})
TIME = FunctionSpec(name="get_time", description="Get the time.", parameters={"type": "object"}, strict=True)
every_dialect = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)


def a_request(**fields: Any) -> ChatRequest:
    return ChatRequest(**{"model": "tiny", "messages": (UserMessage("hello"),), **fields})


def sent(dialect: Dialect, request: ChatRequest) -> dict[str, Any]:
    """The body, as the server reads it."""
    body: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(request_body(dialect, request)))
    return body


@every_dialect
def test_only_what_was_set_is_sent(dialect: Dialect) -> None:
    assert sent(dialect, a_request()) == {
        "model": "tiny",
        "messages": [{"role": "user", "content": "hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


@every_dialect
def test_everything(dialect: Dialect) -> None:
    request = a_request(
        messages=(
            SystemMessage("be brief"),
            UserMessage((TextPart("look"), ImagePart(ImageURL(url="data:image/png;base64,AA==", detail="low")))),
            AssistantMessage(
                content=None, tool_calls=(ToolCall(id="c1", function=FunctionCall("get_time", '{"a":1}')),)
            ),
            ToolMessage(tool_call_id="c1", content="noon"),
        ),
        tools=(WEATHER, TIME),
        temperature=0.0,
        top_p=0.5,
        max_tokens=7,
        response_format="json_object",
        reasoning_effort="low",
    )
    body = sent(dialect, request)
    assert body.pop("max_completion_tokens", None) == (7 if dialect.name in {"vllm", "sglang"} else None)
    assert body.pop("max_tokens", None) == (None if dialect.name in {"vllm", "sglang"} else 7)
    assert body == {
        "model": "tiny",
        "messages": [
            {"role": "system", "content": "be brief"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "look"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
                ],
            },
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "get_time", "arguments": '{"a":1}'}}
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "noon"},
        ],
        "tools": [
            {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}},
            {
                "type": "function",
                "function": {
                    "name": "get_time",
                    "description": "Get the time.",
                    "parameters": {"type": "object"},
                    "strict": True,
                },
            },
        ],
        "temperature": 0.0,
        "top_p": 0.5,
        "response_format": {"type": "json_object"},
        "reasoning_effort": "low",
        "stream": True,
        "stream_options": {"include_usage": True},
    }


@every_dialect
def test_no_field_is_ever_null_or_empty(dialect: Dialect) -> None:
    bodies = [
        sent(dialect, a_request(tools=tools, tool_choice=choice, response_format=form, parallel_tool_calls=parallel))
        for tools in [(), (WEATHER,)]
        for choice in ["auto", "none", "required"]
        for form in ["text", "json_object", JSONSchemaFormat(schema={"name": "x", "schema": {}})]
        for parallel in [True, False]
    ]
    for body in bodies:
        assert None not in body.values()
        assert body.get("tools") != []
        assert body.get("response_format") not in ("text", "auto", {"type": "text"})
        assert "tools" in body or not {"tool_choice", "parallel_tool_calls"} & set(body)
        assert body["stream"] is True


@every_dialect
def test_none_takes_the_tools_away(dialect: Dialect) -> None:
    body = sent(dialect, a_request(tools=(WEATHER,), tool_choice="none"))
    assert not {"tools", "tool_choice"} & set(body)


@pytest.mark.parametrize("server", ["vllm", "llama-server"])
def test_or_else_a_call_may_stay_in_the_text(server: str) -> None:
    assert "<tool_call>" in recorded_json(server, "tools_none")["choices"][0]["message"]["content"]


@every_dialect
def test_a_forced_call_is_strict(dialect: Dialect) -> None:
    body = sent(dialect, a_request(tools=(WEATHER, TIME), tool_choice="required"))
    assert body["tool_choice"] == "required"
    assert [tool["function"]["strict"] for tool in body["tools"]] == [True, True]


@every_dialect
def test_a_named_call_is_the_only_tool_required(dialect: Dialect) -> None:
    body = sent(dialect, a_request(tools=(WEATHER, TIME), tool_choice=NamedTool("get_weather")))
    assert body["tool_choice"] == "required"
    assert [(tool["function"]["name"], tool["function"]["strict"]) for tool in body["tools"]] == [("get_weather", True)]


@every_dialect
def test_a_name_that_is_no_tool(dialect: Dialect) -> None:
    with pytest.raises(Refused, match="get_moon"):
        sent(dialect, a_request(tools=(WEATHER,), tool_choice=NamedTool("get_moon")))


@every_dialect
def test_a_forced_call_has_no_response_format(dialect: Dialect) -> None:
    body = sent(dialect, a_request(tools=(WEATHER,), tool_choice="required", response_format="json_object"))
    assert "response_format" not in body


@every_dialect
def test_a_schema_is_passed_on_as_it_is(dialect: Dialect) -> None:
    schema = {"name": "x", "strict": True, "schema": {"type": "object"}, "description": None}
    body = sent(dialect, a_request(response_format=JSONSchemaFormat(schema=schema)))
    assert body["response_format"] == {"type": "json_schema", "json_schema": schema}


@every_dialect
def test_parallel_calls_are_only_forbidden_where_that_is_honoured(dialect: Dialect) -> None:
    body = sent(dialect, a_request(tools=(WEATHER,), parallel_tool_calls=False))
    assert body.get("parallel_tool_calls") == (False if dialect.name == "vllm" else None)


@every_dialect
@pytest.mark.parametrize("arguments", ["", "{", '{"city": "Os', "Infinity", "true", '"Oslo"', "[1]", "\ud800"])
def test_arguments_in_the_history_are_always_an_object(dialect: Dialect, arguments: str) -> None:
    called = AssistantMessage("Let me see.", (ToolCall(id="c1", function=FunctionCall("get_weather", arguments)),))
    body = sent(dialect, a_request(messages=(UserMessage("?"), called, ToolMessage("c1", "cold"))))
    assert body["messages"][1]["tool_calls"][0]["function"] == {"name": "get_weather", "arguments": "{}"}
    assert body["messages"][1]["content"] == "Let me see."


@every_dialect
def test_top_p_0(dialect: Dialect) -> None:
    """The API allows it; vLLM and SGLang want more than 0."""
    body = sent(dialect, a_request(top_p=0.0))
    assert body["top_p"] == (0.0 if dialect.takes_zero_top_p else 1e-6)


def test_llama_server_never_gets_an_assistant_message_last() -> None:
    talk = (UserMessage("say river"), AssistantMessage("ri"))
    assert recorded_json("llama-server", "msg_last_is_assistant")["choices"][0]["message"]["content"] == "river"
    last = sent(DIALECTS["llamacpp"], a_request(messages=talk))["messages"][-1]
    assert last == {"role": "user", "content": NO_NEW_MESSAGE}


@pytest.mark.parametrize("name", ["generic", "vllm", "sglang", "ollama"])
def test_others_take_a_turn_of_their_own(name: str) -> None:
    talk = (UserMessage("say river"), AssistantMessage("ri"))
    assert len(sent(DIALECTS[name], a_request(messages=talk))["messages"]) == 2


def test_llama_server_gets_other_histories_as_they_are() -> None:
    body = sent(DIALECTS["llamacpp"], a_request(messages=()))
    assert body["messages"] == []
    assert len(sent(DIALECTS["llamacpp"], a_request())["messages"]) == 1


REFUSALS = {(error.server, error.case): error.body for error in errors()}


@pytest.mark.parametrize(
    ("server", "case", "asked", "room"),
    [
        ("vllm", "err_max_tokens_too_big", 20480, 2048),
        ("sglang", "err_max_tokens_too_big", 20480, 2048),
        ("sglang", "err_prompt_plus_max_over_context", 2043, 2030),
        ("sglang", "err_prompt_plus_max_over_context", None, None),
        ("sglang", "err_prompt_plus_max_over_context", 2030, None),
        ("sglang", "err_context", 100, None),
        ("vllm", "err_context", 100, None),
        ("vllm", "err_tools_empty", 100, None),
    ],
)
def test_room_that_a_refusal_tells(server: str, case: str, asked: int | None, room: int | None) -> None:
    assert room_for_answer(REFUSALS[server, case], asked) == room


def test_every_name_of_the_settings_has_a_dialect() -> None:
    from typing import get_args

    from config.settings import DialectName

    assert set(DIALECTS) == set(get_args(DialectName)) - {"auto", "demo"}


def test_the_usual_ports() -> None:
    assert {port: dialect.title for port, dialect in USUAL_PORTS.items()} == {
        30000: "SGLang",
        8000: "vLLM",
        8080: "llama-server",
        11434: "Ollama",
        1234: "LM Studio",
    }
