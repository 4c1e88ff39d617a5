"""Every object that the real service sent is one of ours: decoded, and encoded again with its keys in its order."""

from typing import Any

import msgspec
import pytest

from proxy.schema.assistants import Assistant
from proxy.schema.files import FileObject, Upload, UploadPart
from proxy.schema.messages import Message
from proxy.schema.runs import Run
from proxy.schema.steps import RunStep
from proxy.schema.threads import Thread
from proxy.schema.vector_stores import FileBatch, VectorStore, VectorStoreFile
from tests.recordings import cases, scenarios

OBJECTS: dict[str, type[msgspec.Struct]] = {
    "assistant": Assistant,
    "thread": Thread,
    "thread.message": Message,
    "thread.run": Run,
    "thread.run.step": RunStep,
    "file": FileObject,
    "upload": Upload,
    "upload.part": UploadPart,
    "vector_store": VectorStore,
    "vector_store.file": VectorStoreFile,
    "vector_store.file_batch": FileBatch,
}
# What we always send, and the service sent only in later years, in streams, or never.
OURS = {
    "assistant": {"reasoning_effort"},
    "thread": set[str](),
    "thread.message": {"status", "incomplete_details", "incomplete_at", "completed_at", "attachments"},
    "thread.run": {"reasoning_effort", "parallel_tool_calls"},
    "thread.run.step": {"expired_at", "metadata", "completed_at"},
    "file": {"expires_at"},
    "upload": set[str](),
    "upload.part": set[str](),
    "vector_store": {"description"},
    # In lists of a batch's files the service left these out, at times.
    "vector_store.file": {"usage_bytes", "chunking_strategy", "attributes"},
    "vector_store.file_batch": set[str](),
}
THEIRS = {"file_ids"}  # a leftover of the first version, in the place of `attachments` on modified messages


def objects_in(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [found for item in value for found in objects_in(item)]
    if not isinstance(value, dict):
        return []
    if value.get("object") in OBJECTS and "created_at" in value:
        return [value]
    return [found for item in value.values() for found in objects_in(item)]


def recorded() -> list[Any]:
    """One of each combination of kind and keys in a scenario is enough."""
    found: dict[Any, Any] = {}
    for name, scenario in scenarios():
        for exchange in scenario["exchanges"]:
            response = exchange["response"]
            events = [event["data"] for event in response.get("sse") or []]
            for each in objects_in([response.get("body"), events]):
                keys = (tuple(each), tuple(each.get("tool_resources") or ()))
                found.setdefault((name, each["object"], keys, str(each.get("status"))), (name, each))
    return [pytest.param(each, id=f"{name}-{i}") for i, (name, each) in enumerate(found.values())]


def says_all_of(ours: Any, theirs: Any) -> bool:
    """Whether all of `theirs` is in `ours`, which may say more: objects of 2024 had fewer keys than those of 2025."""
    if isinstance(theirs, dict):
        if not isinstance(ours, dict) or [key for key in ours if key in theirs] != list(theirs):
            return False  # a key is missing, or their order is another
        return all(says_all_of(ours[key], value) for key, value in theirs.items())
    if isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(says_all_of, ours, theirs))
    return bool(ours == theirs)


@pytest.mark.parametrize("theirs", cases(recorded()))
def test_a_recorded_object_is_one_of_ours(theirs: dict[str, Any]) -> None:
    kind = theirs["object"]
    theirs = {key: value for key, value in theirs.items() if key not in THEIRS}
    ours = msgspec.to_builtins(msgspec.convert(theirs, OBJECTS[kind]))
    if kind == "vector_store" and "description" not in theirs:  # in 2024 the keys of this one had another order
        theirs = {key: theirs[key] for key in ours if key in theirs}
    assert says_all_of(ours, theirs)
    assert [key for key in ours if key in theirs] == list(theirs), "their order of keys"
    assert set(ours) - set(theirs) <= OURS[kind], "keys that were never sent"
