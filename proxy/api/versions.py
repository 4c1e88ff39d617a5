"""Which version of the API a request speaks, by its `OpenAI-Beta` header; and bodies of version 1 made into version 2.

Only what is clear is translated, from what recorded clients of version 1 sent and what the migration guide made of it.
Whatever else they send is refused as it is for anybody, and answers are always those of version 2.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import msgspec
from aiohttp import web

from proxy.errors import InvalidRequest
from proxy.schema.assistants import CreateAssistant, ModifyAssistant
from proxy.schema.messages import CreateMessage, ModifyMessage
from proxy.schema.runs import CreateRun, CreateThreadAndRun, ModifyRun
from proxy.schema.threads import CreateThread, ModifyThread

Version = Literal[1, 2]
Body = dict[str, Any]


def version_of(request: web.Request, *, strict: bool) -> Version:
    """By a list of tokens in which `assistants=v2` is enough.

    Many clients leave the header out, and some never learned version 2: only `strict` refuses them, as the real service
    did in the end. Raises `InvalidRequest`.
    """
    values = request.headers.getall("OpenAI-Beta", [])
    tokens = [token.strip() for value in values for token in value.split(",") if token.strip()]
    if "assistants=v2" in tokens or (not tokens and not strict):
        return 2
    if "assistants=v1" in tokens and not strict:
        return 1
    if not tokens:
        message = (
            "You must provide the 'OpenAI-Beta' header to access the Assistants API. "
            "Please try again by setting the header 'OpenAI-Beta: assistants=v2'."
        )
    elif "assistants=v1" in tokens:
        message = (
            "The v1 Assistants API has been deprecated. See the migration guide for more information: "
            "https://platform.openai.com/docs/assistants/migration."
        )
    else:
        message = f"Unknown beta requested: '{tokens[0].removesuffix('=v1')}'."
    raise InvalidRequest(message, code="invalid_beta")


def translated(body: bytes, expected: type) -> bytes:
    """A body of version 1 as version 2 has it. One that is no JSON object is left to whoever decodes it."""
    translate = _TRANSLATIONS.get(expected)
    if translate is None:
        return body
    try:
        given = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body
    if not isinstance(given, dict):
        return body
    translate(given)
    return msgspec.json.encode(given)


def _anything(body: Body) -> None:
    """Values of metadata were made into strings: `true` came back as `"True"` (recorded)."""
    if isinstance(metadata := body.get("metadata"), dict):
        body["metadata"] = {
            key: str(value) if isinstance(value, bool | int | float) else value for key, value in metadata.items()
        }


def _assistant(body: Body) -> None:
    _anything(body)
    _tools(body)
    if isinstance(body.get("file_ids"), list) and "tool_resources" not in body:
        body["tool_resources"] = {"code_interpreter": {"file_ids": body.pop("file_ids")}}


def _message(body: Body) -> None:
    _anything(body)
    if isinstance(file_ids := body.get("file_ids"), list) and "attachments" not in body:
        del body["file_ids"]
        body["attachments"] = [{"file_id": file_id, "tools": [{"type": "file_search"}]} for file_id in file_ids]


def _thread(body: Body) -> None:
    _anything(body)
    _each(body.get("messages"), _message)


def _run(body: Body) -> None:
    _anything(body)
    _tools(body)
    if body.get("tool_choice") == {"type": "retrieval"}:
        body["tool_choice"] = {"type": "file_search"}
    _each(body.get("additional_messages"), _message)
    _each([body.get("thread")], _thread)


def _tools(body: Body) -> None:
    if isinstance(tools := body.get("tools"), list):
        body["tools"] = [{"type": "file_search"} if tool == {"type": "retrieval"} else tool for tool in tools]


def _each(values: object, translate: Callable[[Body], None]) -> None:
    for value in values if isinstance(values, list) else ():
        if isinstance(value, dict):
            translate(value)


_TRANSLATIONS: Final[Mapping[type, Callable[[Body], None]]] = {
    CreateAssistant: _assistant,
    ModifyAssistant: _assistant,
    CreateThread: _thread,
    ModifyThread: _anything,
    CreateMessage: _message,
    ModifyMessage: _anything,
    CreateRun: _run,
    CreateThreadAndRun: _run,
    ModifyRun: _anything,
}
