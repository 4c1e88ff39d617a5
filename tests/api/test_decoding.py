"""Bodies and queries become Structs, or refusals in the words of the real service."""

from typing import Any

import pytest

from proxy.api.decoding import BodyDecoder, QueryDecoder
from proxy.errors import InvalidRequest
from proxy.schema.assistants import CreateAssistant, ModifyAssistant
from proxy.schema.messages import CreateMessage
from proxy.schema.pages import ListMessagesParams, ListParams, ListThreadsParams
from proxy.schema.runs import CreateRun, SubmitToolOutputsToRun
from proxy.schema.threads import CreateThread

UNREADABLE = (
    "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library "
    "correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON. If you have trouble "
    "figuring out how to fix this, please contact us through our help center at help.openai.com.)"
)


def refusal_of(decoder: Any, given: Any) -> tuple[str, str | None, str | None]:
    with pytest.raises(InvalidRequest) as refused:
        decoder(given)
    return refused.value.message, refused.value.param, refused.value.code


@pytest.mark.parametrize("body", [b"", b"  \n", b"{}", b" { } ", b"[]", b" " * 99])
def test_a_body_may_be_empty_where_nothing_is_required(body: bytes):
    assert BodyDecoder(CreateThread)(body) == CreateThread()


def test_an_empty_body_misses_what_is_required():
    refused = refusal_of(BodyDecoder(CreateRun), b"")
    assert refused == ("Missing required parameter: 'assistant_id'.", "assistant_id", "missing_required_parameter")


@pytest.mark.parametrize(
    "body",
    [
        b"nope",
        b"{",
        b'{"model":"m",}',
        b'{"model":"m"} x',
        b"\xff\xfe",
        b'{"model":"\xff"}',
        b'{"model":"\\ud800"}',
        b'{"model":"m","temperature":1e999}',
        b"model=m&name=n",
        b"[" * 100_000,
        b'{"name":5,',
    ],
)
def test_what_is_no_json(body: bytes):
    assert refusal_of(BodyDecoder(CreateAssistant), body) == (UNREADABLE, None, None)


@pytest.mark.parametrize(
    ("expected", "body", "refusal"),
    [
        (
            CreateAssistant,
            b"[1]",
            ("Invalid type for 'body': expected an object, but got an array instead.", None, "invalid_type"),
        ),
        (
            CreateAssistant,
            b'{"file_ids":[],"name":5}',
            ("Missing required parameter: 'model'.", "model", "missing_required_parameter"),
        ),
        (
            CreateAssistant,
            b'{"model":"m","file_ids":[],"name":5}',
            ("Unknown parameter: 'file_ids'.", "file_ids", "unknown_parameter"),
        ),
        (
            CreateAssistant,
            b'{"model":null}',
            ("Invalid type for 'model': expected a string, but got null instead.", "model", "invalid_type"),
        ),
        (
            CreateAssistant,
            b'{"model":"m","temperature":"hot"}',
            (
                "Invalid type for 'temperature': expected a decimal, but got a string instead.",
                "temperature",
                "invalid_type",
            ),
        ),
        (
            CreateAssistant,
            b'{"model":"m","temperature":3}',
            (
                "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 3 instead.",
                "temperature",
                "decimal_above_max_value",
            ),
        ),
        (
            CreateAssistant,
            b'{"model":"m","top_p":-0.5}',
            (
                "Invalid 'top_p': decimal below minimum value. Expected a value >= 0, but got -0.5 instead.",
                "top_p",
                "decimal_below_min_value",
            ),
        ),
        (
            CreateAssistant,
            b'{"model":""}',
            (
                "Invalid 'model': string too short. "
                "Expected a string with minimum length 1, but got an empty string instead.",
                "model",
                "string_below_min_length",
            ),
        ),
        (
            CreateAssistant,
            b'{"model":"m","name":"%b"}' % (b"n" * 257),
            (
                "Invalid 'name': string too long. "
                "Expected a string with maximum length 256, but got a string with length 257 instead.",
                "name",
                "string_above_max_length",
            ),
        ),
        (
            CreateAssistant,
            b'{"model":"m","tools":[%b]}' % b",".join([b'{"type":"code_interpreter"}'] * 129),
            (
                "Invalid 'tools': array too long. "
                "Expected an array with maximum length 128, but got an array with length 129 instead.",
                "tools",
                "array_above_max_length",
            ),
        ),
        (
            CreateAssistant,
            b'{"model":"m","tools":"none"}',
            (
                "Invalid type for 'tools': expected an array of objects, but got a string instead.",
                "tools",
                "invalid_type",
            ),
        ),
        (
            CreateAssistant,
            b'{"model":"m","tools":["none"]}',
            (
                "Invalid type for 'tools[0]': expected an object, but got a string instead.",
                "tools[0]",
                "invalid_type",
            ),
        ),
        (
            CreateAssistant,
            b'{"model":"m","tools":[{"type":"retrieval"}]}',
            (
                "Invalid value: 'retrieval'. Supported values are: 'code_interpreter', 'function', and 'file_search'.",
                "tools[0].type",
                "invalid_value",
            ),
        ),
        (
            CreateAssistant,
            b'{"model":"m","tools":[{}]}',
            ("Missing required parameter: 'tools[0].type'.", "tools[0].type", "missing_required_parameter"),
        ),
        (
            CreateAssistant,
            b'{"model":"m","tools":[{"type":"function"}]}',
            ("Missing required parameter: 'tools[0].function'.", "tools[0].function", "missing_required_parameter"),
        ),
        (
            CreateAssistant,
            b'{"model":"m","tools":[{"type":"function","function":{"name":"a b"}}]}',
            (
                "Invalid 'tools[0].function.name': string does not match pattern. "
                "Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.",
                "tools[0].function.name",
                "invalid_value",
            ),
        ),
        (
            CreateAssistant,
            b'{"model":"m","metadata":"x"}',
            (
                "Invalid type for 'metadata': expected a metadata object, but got a string instead.",
                "metadata",
                "invalid_type",
            ),
        ),
        (
            CreateAssistant,
            b'{"model":"m","metadata":{"modified":true}}',
            (
                "Invalid type for 'metadata.modified': expected a string, but got a boolean instead.",
                "metadata.modified",
                "invalid_type",
            ),
        ),
        (
            CreateAssistant,
            b'{"model":"m","metadata":{"k":"%b"}}' % (b"v" * 600),
            (
                "Invalid 'metadata.k': string too long. "
                "Expected a string with maximum length 512, but got a string with length 600 instead.",
                "metadata.k",
                "string_above_max_length",
            ),
        ),
        (
            CreateAssistant,
            b'{"model":"m","metadata":{"%b":"v"}}' % (b"k" * 65),
            (
                "Invalid property name in 'metadata': 'kkk...kkk' is too long. "
                "Expected a string with maximum length 64, but got a string with length 65 instead.",
                "metadata." + "k" * 65,
                "property_name_above_max_length",
            ),
        ),
        (
            CreateAssistant,
            b'{"model":"m","metadata":{%b}}' % b",".join(b'"%d":""' % n for n in range(17)),
            (
                "Invalid 'metadata': too many properties. "
                "Expected an object with at most 16 properties, but got an object with 17 properties instead.",
                "metadata",
                "object_above_max_properties",
            ),
        ),
        (
            ModifyAssistant,
            b'{"response_format":7}',
            (
                "Invalid type for 'response_format': expected one of 'auto' or object, but got an integer instead.",
                "response_format",
                "invalid_type",
            ),
        ),
        (
            ModifyAssistant,
            b'{"response_format":{"type":"bogus"}}',
            (
                "Invalid value: 'bogus'. Supported values are: 'json_object', 'json_schema', and 'text'.",
                "response_format.type",
                "invalid_value",
            ),
        ),
        (
            CreateMessage,
            b'{"role":"user","content":7}',
            (
                "Invalid type for 'content': expected one of a string or array of objects, but got an integer instead.",
                "content",
                "invalid_type",
            ),
        ),
        (
            CreateMessage,
            b'{"role":"user","content":null}',
            (
                "Invalid type for 'content': expected one of a string or array of objects, but got null instead.",
                "content",
                "invalid_type",
            ),
        ),
        (
            CreateMessage,
            b'{"role":"system","content":"c"}',
            ("Invalid value: 'system'. Supported values are: 'user' and 'assistant'.", "role", "invalid_value"),
        ),
        (
            CreateMessage,
            b'{"role":"user","content":"%b"}' % (b"c" * 256_001),
            (
                "Invalid 'content': string too long. "
                "Expected a string with maximum length 256000, but got a string with length 256001 instead.",
                "content",
                "string_above_max_length",
            ),
        ),
        (
            CreateMessage,
            b'{"role":"user","content":[{"type":"text","text":"ok"},{"type":"text","text":{"value":"v"}}]}',
            (
                "Invalid type for 'content[1].text': expected a string, but got an object instead.",
                "content[1].text",
                "invalid_type",
            ),
        ),
        (
            CreateRun,
            b'{"assistant_id":"a","tool_choice":7}',
            (
                "Invalid type for 'tool_choice': expected one of one of 'none', 'auto', or 'required' or object, "
                "but got an integer instead.",
                "tool_choice",
                "invalid_type",
            ),
        ),
        (
            CreateRun,
            b'{"assistant_id":"a","tool_choice":"bogus"}',
            (
                "Invalid value: 'bogus'. Supported values are: 'none', 'auto', and 'required'.",
                "tool_choice",
                "invalid_value",
            ),
        ),
        (
            CreateRun,
            b'{"assistant_id":"a","max_prompt_tokens":16}',
            (
                "Invalid 'max_prompt_tokens': integer below minimum value. "
                "Expected a value >= 256, but got 16 instead.",
                "max_prompt_tokens",
                "integer_below_min_value",
            ),
        ),
        (
            CreateRun,
            b'{"assistant_id":"a","max_prompt_tokens":300.0}',
            (
                "Invalid type for 'max_prompt_tokens': expected an integer, but got a decimal number instead.",
                "max_prompt_tokens",
                "invalid_type",
            ),
        ),
        (
            CreateRun,
            b'{"assistant_id":"a","stream":"yes"}',
            (
                "Invalid type for 'stream': expected a boolean, but got a string instead.",
                "stream",
                "invalid_type",
            ),
        ),
        (
            CreateRun,
            b'{"assistant_id":"a","additional_messages":[{"content":"c"}]}',
            (
                "Missing required parameter: 'additional_messages[0].role'.",
                "additional_messages[0].role",
                "missing_required_parameter",
            ),
        ),
        (
            SubmitToolOutputsToRun,
            b'{"tool_outputs":[{"output":"o"}]}',
            (
                "Missing required parameter: 'tool_outputs[0].tool_call_id'.",
                "tool_outputs[0].tool_call_id",
                "missing_required_parameter",
            ),
        ),
    ],
)
def test_a_misfit_is_refused_by_name(expected: type, body: bytes, refusal: tuple[str, str | None, str]):
    assert refusal_of(BodyDecoder(expected), body) == refusal


def test_something_nested_beyond_measure_is_refused_all_the_same():
    body = b'{"assistant_id":' + b"[" * 900 + b"]" * 900 + b"}"
    message, param, code = refusal_of(BodyDecoder(CreateRun), body)
    assert message == "Invalid type for 'assistant_id': expected a string, but got an array instead."
    assert (param, code) == ("assistant_id", "invalid_type")


@pytest.mark.parametrize(
    ("expected", "query", "params"),
    [
        (ListParams, [], ListParams()),
        (ListParams, [("limit", "5"), ("order", "asc"), ("after", "x")], ListParams(limit=5, order="asc", after="x")),
        (ListParams, [("limit", ""), ("after", ""), ("order", "")], ListParams()),
        (ListParams, [("include[]", "a"), ("include", "b"), ("api-version", "2024-05-01"), ("x", "y")], ListParams()),
        (ListMessagesParams, [("run_id", "run_1"), ("before", "m")], ListMessagesParams(run_id="run_1", before="m")),
        (
            ListThreadsParams,
            [("metadata[a.b]", "c"), ("metadata[d]", ""), ("metadata", "")],
            ListThreadsParams(metadata={"a.b": "c", "d": ""}),
        ),
    ],
)
def test_a_query_becomes_params(expected: type, query: list[tuple[str, str]], params: Any):
    assert QueryDecoder(expected)(query) == params


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        (
            ("limit", "abc"),
            ("Invalid type for 'limit': expected an integer, but got a string instead.", "limit", "invalid_type"),
        ),
        (
            ("limit", "1.5"),
            ("Invalid type for 'limit': expected an integer, but got a string instead.", "limit", "invalid_type"),
        ),
        (
            ("limit", "101"),
            (
                "Invalid 'limit': integer above maximum value. Expected a value <= 100, but got 101 instead.",
                "limit",
                "integer_above_max_value",
            ),
        ),
        (
            ("limit", "0"),
            (
                "Invalid 'limit': integer below minimum value. Expected a value >= 1, but got 0 instead.",
                "limit",
                "integer_below_min_value",
            ),
        ),
        (
            ("order", "sideways"),
            ("Invalid value: 'sideways'. Supported values are: 'asc' and 'desc'.", "order", "invalid_value"),
        ),
    ],
)
def test_a_query_that_does_not_fit(query: tuple[str, str], refusal: tuple[str, str, str]):
    assert refusal_of(QueryDecoder(ListParams), [query]) == refusal
