"""What is asked first: a table over what a server honours, and the recordings behind each server's facts."""

from typing import Any

import pytest

from adapters.attempts import Attempt, first_attempt
from adapters.chat import ChatRequest, FunctionSpec, JSONSchemaFormat, NamedTool, ResponseFormat, UserMessage
from adapters.dialect import Dialect
from adapters.dialects import DIALECTS
from adapters.generic import LM_STUDIO
from adapters.reading import Reading
from adapters.sse import SSEDecoder

from .recordings import recorded_json, recording

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = FunctionSpec(name="get_weather", parameters=CITY)
TIME = FunctionSpec(name="get_time", parameters={"type": "object"})
STRICT = FunctionSpec(name="get_weather", parameters=CITY, strict=True)
SCHEMA = JSONSchemaFormat(schema={"name": "kind", "schema": {"type": "object", "required": ["kind"]}})

NOTHING = Dialect(name="generic", title="honours nothing")
EVERYTHING = Dialect(
    name="generic",
    title="honours everything",
    schema_beats_tools=False,
    honours_json_schema=True,
    honours_required=True,
    honours_strict=True,
)
SCHEMA_FIRST = Dialect(
    name="vllm", title="as vLLM", honours_json_schema=True, honours_required=True, honours_strict=True
)


def a_request(**fields: Any) -> ChatRequest:
    return ChatRequest(**{"model": "tiny", "messages": (UserMessage("hi"),), **fields})


@pytest.mark.parametrize("dialect", [NOTHING, SCHEMA_FIRST, EVERYTHING, *DIALECTS.values()], ids=lambda d: d.title)
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"tools": (WEATHER,)},
        {"tools": (WEATHER, TIME), "parallel_tool_calls": False},
        {"tools": (STRICT,), "tool_choice": "none"},
        {"temperature": 0.0, "top_p": 0.0, "max_tokens": 5, "reasoning_effort": "low"},
    ],
    ids=["text", "tools", "one call", "no call", "sampling"],
)
def test_nothing_is_imitated_for_most_requests(dialect: Dialect, fields: dict[str, Any]) -> None:
    assert first_attempt(dialect, a_request(**fields)) is None


# What is sent, what is held back, what is looked at: (format sent, words added, text held, calls held, text must be)
SENT_ONLY = (True, False, False, False, "text")


@pytest.mark.parametrize(
    ("dialect", "offered", "takes_format", "expected"),
    [
        (EVERYTHING, (), True, SENT_ONLY),
        (EVERYTHING, (WEATHER,), True, SENT_ONLY),
        (EVERYTHING, (), False, (False, True, True, False, SCHEMA)),
        (EVERYTHING, (WEATHER,), False, (False, True, True, False, SCHEMA)),
        (SCHEMA_FIRST, (), True, SENT_ONLY),
        (SCHEMA_FIRST, (WEATHER,), True, (False, True, True, False, SCHEMA)),
        (SCHEMA_FIRST, (STRICT,), True, (False, True, True, False, SCHEMA)),
        (SCHEMA_FIRST, (), False, (False, True, True, False, SCHEMA)),
        (NOTHING, (), True, (True, True, True, False, SCHEMA)),
        (NOTHING, (), False, (False, True, True, False, SCHEMA)),
        (NOTHING, (WEATHER,), True, (False, True, True, False, SCHEMA)),
        (NOTHING, (STRICT,), True, (False, True, True, True, SCHEMA)),
    ],
)
def test_a_format(
    dialect: Dialect,
    offered: tuple[FunctionSpec, ...],
    takes_format: bool,
    expected: tuple[bool, bool, bool, bool, ResponseFormat],
) -> None:
    request = a_request(tools=offered, response_format=SCHEMA)
    attempt = first_attempt(dialect, request, takes_format=takes_format)
    assert attempt is not None
    sent = attempt.request
    assert (
        sent.response_format == SCHEMA,
        sent.messages != request.messages,
        attempt.holds_text,
        attempt.holds_calls,
        attempt.text,
    ) == expected
    assert sent.tools == offered
    assert attempt.forced == frozenset()
    assert attempt.is_plain == (expected == SENT_ONLY)


@pytest.mark.parametrize("response_format", ["text", "json_object", SCHEMA])
@pytest.mark.parametrize(
    ("choice", "forced"), [("required", {"get_weather", "get_time"}), (NamedTool("get_time"), {"get_time"})]
)
@pytest.mark.parametrize("dialect", [NOTHING, EVERYTHING], ids=lambda d: d.title)
def test_a_forced_call(dialect: Dialect, choice: Any, forced: set[str], response_format: ResponseFormat) -> None:
    request = a_request(tools=(WEATHER, TIME), tool_choice=choice, response_format=response_format)
    words = "" if dialect is EVERYTHING else "\n\nCall "
    attempt = first_attempt(dialect, request)
    assert attempt is not None
    assert (attempt.forced, attempt.holds_text, attempt.holds_calls, attempt.text) == (forced, True, False, "text")
    assert attempt.request.messages[0].content.startswith(f"hi{words}")  # type: ignore[union-attr]
    assert (attempt.request.messages == request.messages) == (dialect is EVERYTHING)


@pytest.mark.parametrize(("dialect", "held"), [(NOTHING, True), (EVERYTHING, False)])
def test_strict_functions(dialect: Dialect, held: bool) -> None:
    request = a_request(tools=(STRICT, TIME))
    assert first_attempt(dialect, request) == Attempt(
        request=request, strict={"get_weather": CITY}, holds_text=False, holds_calls=held
    )


def test_only_strict_functions_that_may_be_called_are_looked_at() -> None:
    attempt = first_attempt(NOTHING, a_request(tools=(STRICT, TIME), tool_choice=NamedTool("get_time")))
    assert attempt is not None
    assert attempt.strict == {}


FACTS = ("schema_beats_tools", "honours_json_schema", "honours_required", "honours_strict")


def test_the_facts() -> None:
    facts = {d.title: tuple(getattr(d, fact) for fact in FACTS) for d in (*DIALECTS.values(), LM_STUDIO)}
    assert facts == {
        "a chat-completions server": (True, False, False, False),
        "SGLang": (True, True, True, True),
        "vLLM": (True, True, True, True),
        "llama-server": (True, True, False, True),
        "Ollama": (True, True, False, False),
        "LM Studio": (True, True, False, False),
    }


@pytest.mark.parametrize("server", ["vllm", "sglang", "llama-server"])
def test_a_schema_beat_the_tools(server: str) -> None:
    """The same question got a call without the schema: stream_tools_auto."""
    message = recorded_json(server, "json_schema_and_tools")["choices"][0]["message"]
    assert not message.get("tool_calls")
    assert message["content"].startswith('{"ok": true')


def recorded(server: str, case: str) -> tuple[str, list[tuple[str, str]], str | None]:
    """Text, calls and finish of a recorded stream."""
    decoder, reading = SSEDecoder(), Reading(NOTHING)
    chunks = reading.feed([*decoder.feed(recording(server, case).body), *decoder.end()])
    calls: dict[int, tuple[str, str]] = {}
    for chunk in chunks:
        for fragment in chunk.tool_calls:
            name, arguments = calls.get(fragment.index, ("", ""))
            calls[fragment.index] = (name + (fragment.name or ""), arguments + fragment.arguments)
    finish = next((chunk.finish for chunk in chunks if chunk.finish), None)
    return "".join(chunk.text for chunk in chunks), list(calls.values()), finish


@pytest.mark.parametrize("case", ["stream_json_schema", "stream_tools_required"])
def test_transformers_serve_ignores_what_it_does_not_know(case: str) -> None:
    assert recorded("transformers-serve", case) == ("river", [], "stop")


def test_llama_server_talks_before_a_forced_call() -> None:
    text, calls, finish = recorded("llama-server", "stream_tools_required")
    assert (bool(text), calls, finish) == (True, [], "length")


@pytest.mark.parametrize("server", ["vllm", "sglang", "llama-server"])
def test_a_strict_function_got_the_only_city_that_its_schema_knows(server: str) -> None:
    assert recorded(server, "stream_tools_strict")[1] == [("get_weather", '{"city": "Oslo"}')]


@pytest.mark.parametrize("server", ["vllm", "sglang"])
def test_without_strict_it_got_the_city_that_was_asked_for(server: str) -> None:
    assert recorded(server, "stream_tools_not_strict")[1] == [("get_weather", '{"city": "Paris"}')]
