"""Objects for tests: each builder fills in everything, and a test names only what it is about."""

from itertools import count
from typing import Any

import msgspec

from proxy.schema.assistants import Assistant
from proxy.schema.files import FileObject, Upload, UploadPart
from proxy.schema.messages import Content, Message, Text, TextContent
from proxy.schema.runs import Run
from proxy.schema.steps import MessageCreation, MessageCreationDetails, RunStep
from proxy.schema.threads import Thread
from proxy.schema.vector_stores import FileBatch, VectorStore, VectorStoreFile
from proxy.store.keys import KeyRow

AT = 1_750_000_000
"""The second in which everything was created, unless a test says otherwise."""

_numbers = count(1)


def an_id(prefix: str) -> str:
    """As long as a real one, and telling which object of the test run it is."""
    return f"{prefix}_{next(_numbers):024d}"


def an_assistant(**given: Any) -> Assistant:
    defaults: dict[str, Any] = {"id": an_id("asst"), "created_at": AT, "model": "tiny"}
    return Assistant(**defaults | given)


def a_thread(**given: Any) -> Thread:
    defaults: dict[str, Any] = {"id": an_id("thread"), "created_at": AT}
    return Thread(**defaults | given)


def a_message(text: str = "Hello", **given: Any) -> Message:
    content: list[Content] = [TextContent(text=Text(value=text))]
    defaults: dict[str, Any] = {"id": an_id("msg"), "created_at": AT, "thread_id": "thread_of_tests", "role": "user"}
    return Message(**defaults | {"content": content} | given)


def a_run(**given: Any) -> Run:
    defaults: dict[str, Any] = {
        "id": an_id("run"),
        "created_at": AT,
        "assistant_id": "asst_of_tests",
        "thread_id": "thread_of_tests",
        "expires_at": AT + 600,
        "model": "tiny",
    }
    return Run(**defaults | given)


def a_step(**given: Any) -> RunStep:
    """A message creation step, unless `type` and `step_details` say otherwise."""
    defaults: dict[str, Any] = {
        "id": an_id("step"),
        "created_at": AT,
        "run_id": "run_of_tests",
        "assistant_id": "asst_of_tests",
        "thread_id": "thread_of_tests",
        "type": "message_creation",
        "expires_at": AT + 600,
        "step_details": MessageCreationDetails(message_creation=MessageCreation(message_id="msg_of_tests")),
    }
    return RunStep(**defaults | given)


def a_file(**given: Any) -> FileObject:
    defaults: dict[str, Any] = {
        "id": f"file-{next(_numbers):022d}",
        "purpose": "assistants",
        "filename": "notes.txt",
        "bytes": 5,
        "created_at": AT,
    }
    return FileObject(**defaults | given)


def an_upload(**given: Any) -> Upload:
    defaults: dict[str, Any] = {
        "id": f"upload_{next(_numbers):032x}",
        "bytes": 5,
        "created_at": AT,
        "filename": "notes.txt",
        "purpose": "assistants",
        "status": "pending",
        "expires_at": AT + 3600,
    }
    return Upload(**defaults | given)


def a_part(upload_id: str, **given: Any) -> UploadPart:
    defaults: dict[str, Any] = {"id": f"part_{next(_numbers):032x}", "created_at": AT, "upload_id": upload_id}
    return UploadPart(**defaults | given)


def a_store(**given: Any) -> VectorStore:
    defaults: dict[str, Any] = {"id": f"vs_{next(_numbers):032x}", "created_at": AT, "last_active_at": AT}
    return VectorStore(**defaults | given)


def an_entry(store_id: str, **given: Any) -> VectorStoreFile:
    """A file in a vector store, not read yet."""
    defaults: dict[str, Any] = {"id": f"file-{next(_numbers):022d}", "created_at": AT}
    return VectorStoreFile(**defaults | {"vector_store_id": store_id} | given)


def a_batch(store_id: str, **given: Any) -> FileBatch:
    defaults: dict[str, Any] = {"id": f"vsfb_{next(_numbers):032x}", "created_at": AT}
    return FileBatch(**defaults | {"vector_store_id": store_id} | given)


def a_key(**given: Any) -> KeyRow:
    number = next(_numbers)
    defaults: dict[str, Any] = {
        "id": f"key_{number}",
        "project": "home",
        "name": "a key",
        "hint": f"sk-{number:08d}",
        "digest": f"{number:064x}",
        "created_at": AT,
    }
    return KeyRow(**defaults | given)


def changed(answered: msgspec.Struct, **given: Any) -> Any:
    """The same object with other values."""
    return msgspec.structs.replace(answered, **given)
