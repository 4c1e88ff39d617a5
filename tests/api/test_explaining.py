"""What is said of a body that does not fit, and that it is said whenever, and only when, msgspec refuses."""

from collections.abc import Iterator
from inspect import signature
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.api.explaining import Explainer
from proxy.api.phrasing import PHRASES
from proxy.api.routes import TABLE
from proxy.api.uploads import RECEIVERS
from proxy.schema.assistants import CreateAssistant, ModifyAssistant
from proxy.schema.files import CompleteUpload, CreateUpload
from proxy.schema.messages import CreateMessage, ModifyMessage
from proxy.schema.runs import CreateRun, CreateThreadAndRun, ModifyRun, SubmitToolOutputsToRun
from proxy.schema.threads import CreateThread, ModifyThread
from proxy.schema.vector_stores import (
    CreateFileBatch,
    CreateVectorStore,
    CreateVectorStoreFile,
    ModifyVectorStore,
    SearchVectorStore,
    UpdateVectorStoreFile,
)

FUNCTION = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}
SEARCH = {"type": "file_search", "file_search": {"max_num_results": 5, "ranking_options": {"score_threshold": 0.5}}}
TOOLS = [FUNCTION, SEARCH, {"type": "code_interpreter"}]
RESOURCES = {"code_interpreter": {"file_ids": ["file-1"]}, "file_search": {"vector_store_ids": ["vs_1"]}}
SCHEMA_FORMAT = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True}}
MESSAGE = {
    "role": "user",
    "content": [
        {"type": "text", "text": "Hello"},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}},
        {"type": "image_file", "image_file": {"file_id": "file-1"}},
    ],
    "attachments": [{"file_id": "file-1", "tools": [{"type": "file_search"}, {"type": "code_interpreter"}]}],
    "metadata": {"k": "v"},
}
ASSISTANT = {
    "model": "tiny",
    "name": "n",
    "description": "d",
    "instructions": "i",
    "tools": TOOLS,
    "tool_resources": RESOURCES,
    "metadata": {"k": "v", "l": "w"},
    "temperature": 0.5,
    "top_p": 1,
    "response_format": SCHEMA_FORMAT,
    "reasoning_effort": "low",
}
RUN = {
    "assistant_id": "asst_1",
    "model": "tiny",
    "instructions": "i",
    "tools": TOOLS,
    "metadata": {"k": "v"},
    "temperature": 1.5,
    "top_p": 0.5,
    "stream": True,
    "max_prompt_tokens": 256,
    "max_completion_tokens": 100,
    "truncation_strategy": {"type": "last_messages", "last_messages": 3},
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "parallel_tool_calls": False,
    "response_format": {"type": "json_object"},
    "reasoning_effort": None,
}
STORE = {
    "name": "n",
    "description": "d",
    "expires_after": {"anchor": "last_active_at", "days": 7},
    "metadata": {"k": "v"},
}
STRATEGY = {"type": "static", "static": {"max_chunk_size_tokens": 200, "chunk_overlap_tokens": 50}}
ATTRIBUTES = {"year": 2024, "final": True, "author": "Ann", "share": 0.5}
STORED_FILE = {"file_id": "file-1", "attributes": ATTRIBUTES, "chunking_strategy": {"type": "auto"}}
VALID: dict[type[msgspec.Struct], dict[str, Any]] = {
    CreateAssistant: ASSISTANT,
    ModifyAssistant: ASSISTANT | {"response_format": "auto"},
    CreateThread: {"messages": [MESSAGE, {"role": "assistant", "content": "Hi"}], "tool_resources": RESOURCES},
    ModifyThread: {"metadata": {"k": "v"}, "tool_resources": RESOURCES},
    CreateMessage: MESSAGE,
    ModifyMessage: {"metadata": {"k": "v"}},
    CreateRun: RUN | {"additional_instructions": "a", "additional_messages": [MESSAGE]},
    CreateThreadAndRun: RUN | {"tool_choice": "auto", "tool_resources": RESOURCES, "thread": {"messages": [MESSAGE]}},
    ModifyRun: {"metadata": {"k": "v"}},
    SubmitToolOutputsToRun: {"tool_outputs": [{"tool_call_id": "call_1", "output": "o"}], "stream": False},
    CreateUpload: {
        "filename": "a.txt",
        "purpose": "assistants",
        "bytes": 5,
        "mime_type": "text/plain",
        "expires_after": {"anchor": "created_at", "seconds": 3600},
    },
    CompleteUpload: {"part_ids": ["part_1"], "md5": "d41d8cd98f00b204e9800998ecf8427e"},
}
VALID |= {
    CreateVectorStore: STORE | {"file_ids": ["file-1"], "chunking_strategy": STRATEGY},
    ModifyVectorStore: STORE,
    CreateVectorStoreFile: STORED_FILE,
    UpdateVectorStoreFile: {"attributes": ATTRIBUTES},
    SearchVectorStore: {
        "query": ["one", "two"],
        "rewrite_query": True,
        "max_num_results": 7,
        "filters": {"type": "eq", "key": "year", "value": 2024},
        "ranking_options": {"ranker": "auto", "score_threshold": 0.5},
    },
    CreateFileBatch: {"file_ids": ["file-1"], "files": [STORED_FILE], "attributes": ATTRIBUTES},
}
EXPLAINERS = {expected: Explainer(expected) for expected in VALID}


def test_every_body_of_the_table_is_tried():
    bodies = {
        parameters["body"].annotation
        for _, _, operation in TABLE
        if "body" in (parameters := signature(operation, eval_str=True).parameters)
    }
    assert bodies - set(RECEIVERS) == set(VALID)


@pytest.mark.parametrize("expected", VALID, ids=lambda expected: expected.__name__)
def test_a_body_that_fits_is_not_explained(expected: type[msgspec.Struct]):
    msgspec.convert(VALID[expected], expected)
    assert EXPLAINERS[expected].explain(VALID[expected]) is None


@pytest.mark.parametrize("expected", VALID, ids=lambda expected: expected.__name__)
def test_every_keyword_of_a_schema_has_a_phrase(expected: type[msgspec.Struct]):
    structural = {"properties", "items"}
    assert set(keywords(EXPLAINERS[expected].schema)) - structural <= set(PHRASES)


def keywords(schema: dict[str, Any]) -> Iterator[str]:
    yield from schema
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", ())]
    inner += [schema[keyword] for keyword in ("items", "additionalProperties") if isinstance(schema.get(keyword), dict)]
    for part in inner:
        yield from keywords(part)


def test_enums_are_in_the_order_of_their_declaration():
    refused = EXPLAINERS[CreateAssistant].explain({"model": "m", "reasoning_effort": "much"})
    assert refused is not None
    assert refused.message == (
        "Invalid value: 'much'. Supported values are: 'none', 'minimal', 'low', 'medium', 'high', 'xhigh', and 'max'."
    )


SCALARS = (
    st.none() | st.booleans() | st.integers(-3, 600) | st.floats(-1, 3) | st.sampled_from(["", "auto", "a b", "x"])
)
LONG = st.sampled_from(["x" * 65, "x" * 513, "x" * 256_001, ["x"] * 21, [FUNCTION] * 129, [{}] * 2, 1.0, 10**30])
OBJECTS = st.dictionaries(st.sampled_from(["type", "function", "text", "k", "z" * 65]), SCALARS, max_size=4)
WIDE = st.just({str(n): "v" for n in range(17)})
JUNK = SCALARS | LONG | OBJECTS | WIDE | st.lists(SCALARS | OBJECTS, max_size=3)


def places(body: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inner = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for step, value in inner:
        yield from places(value, (*path, step))


def changed(body: Any, path: tuple[Any, ...], value: Any, *, how: str) -> Any:
    if not path:
        return {**body, "zz": value} if how == "add" and isinstance(body, dict) else value
    step, *rest = path
    copy = body.copy()
    if rest or how != "delete":
        copy[step] = changed(body[step], tuple(rest), value, how=how)
    else:
        del copy[step]
    return copy


@st.composite
def mutants(draw: st.DrawFn) -> tuple[type[msgspec.Struct], Any]:
    expected = draw(st.sampled_from(list(VALID)))
    body: Any = VALID[expected]
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(places(body))))
        body = changed(body, path, draw(JUNK), how=draw(st.sampled_from(["replace", "delete", "add"])))
        if not isinstance(body, dict | list):
            break
    return expected, body


@given(mutants())
@settings(max_examples=400, deadline=None)
def test_msgspec_and_the_schema_agree(mutant: tuple[type[msgspec.Struct], Any]):
    expected, body = mutant
    refused = refusal_by_msgspec(body, expected)
    explained = EXPLAINERS[expected].explain(body)
    assert (explained is None) == (refused is None), refused
    if explained is not None:
        assert explained.code
        assert explained.message.endswith(".")
        assert explained.param is None or f"'{explained.param}'" in explained.message or explained.code in PATHLESS


PATHLESS = {"invalid_value", "property_name_above_max_length"}
"""Whose sentences do not name the parameter."""


def refusal_by_msgspec(body: Any, expected: type[msgspec.Struct]) -> str | None:
    try:
        msgspec.json.decode(msgspec.json.encode(body), type=expected)
    except msgspec.ValidationError as refused:
        return str(refused)
    return None
