"""From recorded bytes of real model servers to Chunks: the same terms whoever spoke, however they were split."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.chat import ChatRequest, Chunk, FunctionSpec, NamedTool, ToolCallFragment, Usage, UserMessage
from adapters.dialects import DIALECTS
from adapters.errors import Broken, ContextTooLong, SpokeNonsense
from adapters.reading import Reading
from adapters.sse import SSEDecoder

from .recordings import recording, streams

DIALECT_OF = {"llama-server": "llamacpp", "transformers-serve": "generic", "sglang-router": "generic"}


def a_reading(server: str = "generic", request: ChatRequest | None = None, **settings: Any) -> Reading:
    name = server.removesuffix("-reasoning")
    return Reading(DIALECTS[DIALECT_OF.get(name, name)], request, **settings)


def chunks_of(
    server: str, body: bytes, *, size: int | None = None, request: ChatRequest | None = None, **settings: Any
) -> list[Chunk]:
    decoder, reading = SSEDecoder(), a_reading(server, request, **settings)
    pieces = [body] if size is None else [body[at : at + size] for at in range(0, len(body), size)]
    chunks = [chunk for piece in pieces for chunk in reading.feed(decoder.feed(piece))]
    chunks += reading.feed(decoder.end())
    assert reading.failure is None
    reading.check_end()
    return chunks


@dataclass
class Said:
    """A stream, put together."""

    text: str = ""
    reasoning: str = ""
    calls: list[tuple[str, str]] = field(default_factory=list)
    finish: str | None = None
    prompt: int | None = None
    completion: int | None = None


def put_together(chunks: list[Chunk]) -> Said:
    calls: dict[int, list[str]] = {}
    for chunk in chunks:
        for fragment in chunk.tool_calls:
            name, arguments = calls.setdefault(fragment.index, ["", ""])
            calls[fragment.index] = [name + (fragment.name or ""), arguments + fragment.arguments]
    usage = next((chunk.usage for chunk in reversed(chunks) if chunk.usage), None)
    return Said(
        text="".join(chunk.text for chunk in chunks),
        reasoning="".join(chunk.reasoning for chunk in chunks),
        calls=[(name, arguments) for name, arguments in calls.values()],
        finish=next((chunk.finish for chunk in chunks if chunk.finish), None),
        prompt=usage.prompt_tokens if usage else None,
        completion=usage.completion_tokens if usage else None,
    )


PARIS, ROME = ("get_weather", '{"city": "Paris"}'), ("get_weather", '{"city": "Rome"}')
SERVERS = ["vllm", "sglang", "llama-server"]


@pytest.mark.parametrize("server", [*SERVERS, "transformers-serve"])
def test_text(server: str) -> None:
    said = put_together(chunks_of(server, recording(server, "stream_text_usage").body))
    assert said == Said(text="river", finish="stop", prompt=18, completion=3)


@pytest.mark.parametrize("server", SERVERS)
def test_text_without_usage(server: str) -> None:
    said = put_together(chunks_of(server, recording(server, "stream_text_no_usage").body))
    assert said == Said(text="river", finish="stop")


@pytest.mark.parametrize("server", SERVERS)
def test_text_cut_by_its_length(server: str) -> None:
    said = put_together(chunks_of(server, recording(server, "stream_length").body))
    assert (said.text, said.finish, said.completion) == ("1 2 3 4", "length", 4)


@pytest.mark.parametrize("server", SERVERS)
def test_a_tool_call(server: str) -> None:
    said = put_together(chunks_of(server, recording(server, "stream_tools_auto").body))
    assert (said.text, said.calls, said.finish) == ("", [PARIS], "tool_calls")


@pytest.mark.parametrize("server", [*SERVERS, "sglang-router"])
def test_parallel_tool_calls(server: str) -> None:
    said = put_together(chunks_of(server, recording(server, "stream_tools_auto_parallel").body))
    assert (said.text, said.calls, said.finish) == ("", [PARIS, ROME], "tool_calls")


@pytest.mark.parametrize("server", SERVERS)
def test_each_call_has_its_id_and_name_once(server: str) -> None:
    chunks = chunks_of(server, recording(server, "stream_tools_auto_parallel").body)
    fragments = [fragment for chunk in chunks for fragment in chunk.tool_calls]
    assert [fragment.index for fragment in fragments if fragment.id] == [0, 1]
    assert [fragment.index for fragment in fragments if fragment.name] == [0, 1]
    assert len({fragment.id for fragment in fragments if fragment.id}) == 2


@pytest.mark.parametrize(
    ("server", "arguments"),
    [("vllm", '{"city": "P'), ("sglang", '{"city": "P"}'), ("llama-server", '{"city": "P')],
)
def test_a_call_cut_by_its_length(server: str, arguments: str) -> None:
    """Arguments may look complete and are not (SGLang closes them): the finish tells."""
    said = put_together(chunks_of(server, recording(server, "stream_tools_truncated").body))
    assert (said.calls, said.finish) == ([("get_weather", arguments)], "length")


def test_a_named_call_of_vllm_ends_with_stop() -> None:
    """A finish of `stop` does not say that there are no calls."""
    said = put_together(chunks_of("vllm", recording("vllm", "stream_tools_named_strict").body))
    assert said.calls == [("get_time", '{"zone": "CET"}')]
    assert said.finish == "stop"


def offering(*names: str, **fields: Any) -> ChatRequest:
    """A request with these tools."""
    tools = tuple(FunctionSpec(name=name, parameters={"type": "object"}) for name in names)
    return ChatRequest(**{"model": "tiny", "messages": (UserMessage("weather in Paris"),), "tools": tools, **fields})


WEATHER, TIME = offering("get_weather"), offering("get_weather", "get_time")


@pytest.mark.parametrize("size", [None, 1, 7, 100])
def test_calls_that_transformers_serve_leaves_in_the_text(size: int | None) -> None:
    body = recording("transformers-serve", "stream_tools_auto").body
    said = put_together(chunks_of("transformers-serve", body, size=size, request=WEATHER))
    assert said == Said(calls=[PARIS], finish="tool_calls", prompt=153, completion=23)


@pytest.mark.parametrize("server", ["vllm", "llama-server"])
@pytest.mark.parametrize("parse", ["auto", "always"])
def test_calls_that_servers_with_a_parser_leave_in_the_text(server: str, parse: Any) -> None:
    """Recorded with a choice of `none`, which leaves the tools in the prompt and the parser out."""
    reading = a_reading(server, WEATHER, parse_tool_calls=parse)
    said = put_together(reading.whole(recording(server, "tools_none").body))
    assert (said.text, said.calls, said.finish) == ("", [PARIS], "tool_calls")


@pytest.mark.parametrize(
    ("request_", "parse"),
    [
        (None, "always"),
        (offering(), "always"),
        (offering("get_time"), "auto"),
        (WEATHER, "never"),
        (offering("get_weather", tool_choice="none"), "always"),
        (offering("get_weather", "get_time", tool_choice=NamedTool("get_time")), "auto"),
    ],
)
def test_markup_is_text_where_no_call_was_wanted(request_: ChatRequest | None, parse: Any) -> None:
    said = put_together(a_reading("vllm", request_, parse_tool_calls=parse).whole(recording("vllm", "tools_none").body))
    assert said.text == '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>'
    assert (said.calls, said.finish) == ([], "stop")


def test_markup_that_is_no_call_is_text() -> None:
    said = put_together(a_reading("sglang", WEATHER).whole(recording("sglang", "tools_none").body))
    assert said.text == '<tool_call>\n{"name{"name{"name{""}}\n</tool_call>'
    assert (said.calls, said.finish) == ([], "stop")


@pytest.mark.parametrize(
    ("server", "case"),
    [("vllm", "tools_truncated"), ("vllm", "tools_named_auto_text"), ("llama-server", "tools_required_truncated")],
)
def test_of_markup_cut_by_its_length_nothing_is_text(server: str, case: str) -> None:
    body = recording(server, case).body
    assert put_together(a_reading(server).whole(body)).text.startswith("<tool_call>")
    said = put_together(a_reading(server, TIME).whole(body))
    assert (said.text, said.calls, said.finish) == ("", [], "length")


def test_streamed_markup_cut_by_its_length() -> None:
    body = recording("transformers-serve", "stream_tools_truncated").body
    said = put_together(chunks_of("transformers-serve", body, request=WEATHER))
    assert (said.text, said.calls, said.finish, said.completion) == ("", [], "length", 18)


@pytest.mark.parametrize(("server", "parse"), [("generic", "auto"), ("vllm", "always"), ("sglang", "always")])
def test_calls_without_a_marker(server: str, parse: Any) -> None:
    body = a_delta(b'{"content":"{\\"name\\": \\"get_weather\\", \\"parameters\\": {\\"city\\": \\"Paris\\"}}"}')
    events = [body, a_delta(b"{}", b'"stop"')]
    said = put_together(a_reading(server, WEATHER, parse_tool_calls=parse).feed(events))
    assert (said.text, said.calls, said.finish) == ("", [PARIS], "tool_calls")
    said = put_together(a_reading("vllm", WEATHER).feed(events))
    assert (said.calls, said.finish) == ([], "stop")


def test_a_call_in_the_text_beside_one_of_the_servers_own() -> None:
    markup = '<tool_call>{\\"name\\": \\"get_weather\\", \\"arguments\\": {}}</tool_call>'
    chunks = a_reading("vllm", WEATHER).feed(
        [
            a_delta(f'{{"content":"{markup}"}}'.encode()),
            a_delta(b'{"tool_calls":[{"index":0,"id":"a","function":{"name":"get_weather","arguments":"{}"}}]}'),
            a_delta(b"{}", b'"stop"'),
        ]
    )
    assert [fragment.index for chunk in chunks for fragment in chunk.tool_calls] == [0, 1]
    assert chunks[-1].finish == "tool_calls"


def test_text_that_is_held_back_comes_at_the_end() -> None:
    for end in (a_delta(b"{}", b'"stop"'), b"[DONE]"):
        chunks = a_reading("vllm", WEATHER).feed([a_delta(b'{"content":"a <tool_"}'), end])
        assert put_together(chunks).text == "a <tool_"


@pytest.mark.parametrize("server", ["vllm", "transformers-serve"])
@pytest.mark.parametrize("size", [None, 1, 100])
def test_thinking_that_servers_leave_in_the_text(server: str, size: int | None) -> None:
    said = put_together(chunks_of(server, recording(server, "stream_reasoning").body, size=size))
    assert said.reasoning.strip().startswith("The user wants me to")
    assert (said.text, said.finish) == ("\n\nriver", "stop")


def test_thinking_that_the_template_has_begun() -> None:
    body = recording("vllm", "stream_reasoning").body
    begun = body.replace(b'"content":"<think>"', b'"content":""')
    assert begun != body
    said = put_together(chunks_of("vllm", begun, begins_thinking=True))
    assert said.reasoning.strip().startswith("The user wants me to")
    assert said.text == "\n\nriver"
    assert "</think>" in put_together(chunks_of("vllm", begun)).text


@pytest.mark.parametrize("server", ["vllm-reasoning", "sglang-reasoning", "llama-server"])
def test_reasoning_is_kept_apart(server: str) -> None:
    said = put_together(chunks_of(server, recording(server, "stream_reasoning").body))
    assert said.reasoning.strip().startswith("The user wants me to")
    assert said.text.strip() == "river"
    assert said.finish == "stop"


def test_only_the_first_choice_is_read() -> None:
    """`n` is never asked for; what a second choice says is nobody's answer."""
    for server in SERVERS:
        body = recording(server, "stream_n2").body
        first = put_together(chunks_of(server, body))
        assert 0 < len(first.text) < len("river river river")


def test_usage_details() -> None:
    vllm = chunks_of("vllm-reasoning", recording("vllm-reasoning", "stream_reasoning").body)
    assert [chunk.usage.reasoning_tokens for chunk in vllm if chunk.usage] == [19]
    sglang = chunks_of("sglang", recording("sglang", "stream_text_usage").body)
    assert [chunk.usage for chunk in sglang if chunk.usage] == [
        Usage(prompt_tokens=18, completion_tokens=3, cached_tokens=17)
    ]


@pytest.mark.parametrize(("server", "case"), streams())
def test_any_chunking_gives_the_same_chunks(server: str, case: str) -> None:
    body = recording(server, case).body
    whole = chunks_of(server, body)
    assert whole
    for size in (1, 2, 7, 61, 1000):
        assert chunks_of(server, body, size=size) == whole


@settings(max_examples=50)
@given(stream=st.sampled_from(streams()), seed=st.integers(min_value=0, max_value=2**32))
def test_any_random_chunking_gives_the_same_chunks(stream: tuple[str, str], seed: int) -> None:
    server, case = stream
    body, random = recording(server, case).body, Random(seed)
    decoder, reading = SSEDecoder(), a_reading(server)
    chunks, at = [], 0
    while at < len(body):
        size = random.choice([1, 3, 20, 300, 3000])
        chunks += reading.feed(decoder.feed(body[at : at + size]))
        at += size
    assert chunks == chunks_of(server, body)


@pytest.mark.parametrize("server", SERVERS)
def test_a_whole_completion_is_one_chunk(server: str) -> None:
    chunks = a_reading(server).whole(recording(server, "text_stop").body)
    said = put_together(chunks)
    assert (len(chunks), said.text, said.finish, said.completion) == (1, "river", "stop", 3)


@pytest.mark.parametrize("server", ["sglang", "llama-server"])
def test_whole_parallel_calls(server: str) -> None:
    """Recorded with `parallel_tool_calls: false`, which these two ignore: the run core trims."""
    said = put_together(a_reading(server).whole(recording(server, "tools_auto_parallel_false").body))
    assert said.calls == [PARIS, ROME]
    assert not DIALECTS[DIALECT_OF.get(server, server)].honours_parallel_tool_calls


def test_vllm_honours_parallel_tool_calls() -> None:
    said = put_together(a_reading("vllm").whole(recording("vllm", "tools_auto_parallel_false").body))
    assert said.calls == [PARIS]
    assert DIALECTS["vllm"].honours_parallel_tool_calls


def read(*events: bytes) -> tuple[list[Chunk], Reading]:
    reading = a_reading()
    return reading.feed(events), reading


def a_delta(delta: bytes, finish: bytes = b"null") -> bytes:
    return b'{"choices":[{"index":0,"delta":%b,"finish_reason":%b}]}' % (delta, finish)


def test_nulls_and_absences_say_nothing() -> None:
    chunks, reading = read(
        b"{}",
        b'{"choices":null,"usage":null,"error":null}',
        b'{"choices":[]}',
        b'{"choices":[{"index":null,"delta":null,"finish_reason":null}]}',
        a_delta(b'{"role":"assistant","content":"","tool_calls":null,"reasoning_content":null}'),
        b"",
    )
    assert (chunks, reading.failure, reading.finished, reading.done) == ([], None, False, False)


def test_content_may_be_a_list_of_parts() -> None:
    chunks, _ = read(
        a_delta(b'{"content":[{"type":"text","text":"a"},{"type":"thinking"},{"type":"text","text":"b"}]}')
    )
    assert chunks == [Chunk(text="ab")]


def test_nothing_is_read_after_done() -> None:
    chunks, reading = read(a_delta(b'{"content":"a"}'), b"[DONE]", a_delta(b'{"content":"b"}'))
    assert (chunks, reading.done) == ([Chunk(text="a")], True)


@pytest.mark.parametrize(
    ("said", "meant"),
    [("function_call", "tool_calls"), ("repetition", "stop"), ("model_length", "length"), ("whatever", "stop")],
)
def test_finish_reasons_of_others(said: str, meant: str) -> None:
    chunks, reading = read(a_delta(b"{}", b'"%b"' % said.encode()))
    assert [chunk.finish for chunk in chunks] == [meant]
    assert reading.finished


def test_an_abort_is_no_answer() -> None:
    chunks, reading = read(a_delta(b'{"content":"a"}'), a_delta(b"{}", b'"abort"'))
    assert chunks == [Chunk(text="a")]
    assert isinstance(reading.failure, Broken)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (b'{"error":{"message":"out of memory","type":"InternalServerError","code":500}}', Broken),
        (b'{"error":"it broke"}', Broken),
        (b'{"object":"error","message":"it broke","type":"x","code":500}', Broken),
        (b'{"error":{"message":"maximum context length is 5 tokens","code":400}}', ContextTooLong),
        (b"not json", SpokeNonsense),
        (b'{"choices":"none"}', SpokeNonsense),
        (b'{"choices":[{"delta":{"content":"\xff"}}]}', SpokeNonsense),
        (b"[1]", SpokeNonsense),
    ],
)
def test_errors_inside_a_stream(event: bytes, kind: type[Exception]) -> None:
    """What came before is kept, what comes after is not read."""
    chunks, reading = read(a_delta(b'{"content":"a"}'), event, a_delta(b'{"content":"b"}'))
    assert chunks == [Chunk(text="a")]
    assert type(reading.failure) is kind


def test_an_end_without_done_needs_a_finish() -> None:
    _, unfinished = read(a_delta(b'{"content":"a"}'))
    with pytest.raises(SpokeNonsense, match="closed the connection in mid-stream"):
        unfinished.check_end()
    _, finished = read(a_delta(b"{}", b'"stop"'))
    finished.check_end()
    _, done = read(b"[DONE]")
    done.check_end()


def fragments_of(*calls: bytes) -> list[ToolCallFragment]:
    chunks, reading = read(*(a_delta(b'{"tool_calls":[%b]}' % call) for call in calls))
    assert reading.failure is None
    return [fragment for chunk in chunks for fragment in chunk.tool_calls]


def test_calls_without_an_index() -> None:
    assert fragments_of(
        b'{"id":"a","function":{"name":"f","arguments":"{"}}',
        b'{"function":{"arguments":"}"}}',
        b'{"id":"b","function":{"name":"g","arguments":"{}"}}',
    ) == [
        ToolCallFragment(index=0, id="a", name="f", arguments="{"),
        ToolCallFragment(index=0, arguments="}"),
        ToolCallFragment(index=1, id="b", name="g", arguments="{}"),
    ]


def test_calls_that_all_have_the_index_0() -> None:
    """As Ollama 0.20 sends them: https://github.com/ollama/ollama/issues/15457."""
    assert fragments_of(
        b'{"id":"a","index":0,"function":{"name":"f","arguments":"{}"}}',
        b'{"id":"b","index":0,"function":{"name":"f","arguments":"{\\"x\\":1}"}}',
    ) == [
        ToolCallFragment(index=0, id="a", name="f", arguments="{}"),
        ToolCallFragment(index=1, id="b", name="f", arguments='{"x":1}'),
    ]


def test_ids_and_names_that_are_repeated_are_given_once() -> None:
    assert fragments_of(
        b'{"id":"a","index":1,"function":{"name":"f","arguments":"{"}}',
        b'{"id":"a","index":1,"function":{"name":"f","arguments":"}"}}',
    ) == [ToolCallFragment(index=0, id="a", name="f", arguments="{"), ToolCallFragment(index=0, arguments="}")]


def test_arguments_that_are_an_object_become_text() -> None:
    assert fragments_of(b'{"id":"a","index":0,"function":{"name":"f","arguments":{"x":[1]}}}') == [
        ToolCallFragment(index=0, id="a", name="f", arguments='{"x":[1]}')
    ]


@pytest.mark.parametrize("body", [b"{}", b'{"object":"list","data":[]}', b'{"choices":[]}', b"[]", b"nonsense"])
def test_json_that_is_no_completion(body: bytes) -> None:
    with pytest.raises(SpokeNonsense):
        a_reading().whole(body)
