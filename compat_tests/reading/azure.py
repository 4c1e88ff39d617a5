"""Session records of Azure's test proxy; Azure's paths become the API's own.

    {"Entries": [{"RequestUri": "https://…/openai/assistants?api-version=…", "RequestMethod", "RequestHeaders",
                  "RequestBody", "StatusCode", "ResponseHeaders", "ResponseBody"}], "Variables": {…}}

A body is null, JSON, a text, a list of a text's lines, or base64 where its content type is none of text.
"""

import base64
from typing import Any

import msgspec

from compat_tests.exchange import UNRECORDED
from compat_tests.reading.cassettes import mapping, number, text
from compat_tests.reading.compression import NotThatWay
from compat_tests.reading.headers import media_type
from compat_tests.reading.wire import Said, joined_headers


def entries_of(parsed: Any) -> list[Any] | None:
    """None for what is no session record."""
    match parsed:
        case {"Entries": list() as found}:
            return found
        case _:
            return None


def said(entry: Any) -> Said | str:
    """Raises `NotThatWay`."""
    entry = mapping(entry, "it")
    headers = joined_headers(entry.get("RequestHeaders"))
    answer_headers = joined_headers(entry.get("ResponseHeaders"))
    body: Any = _bytes(entry.get("RequestBody"), headers.get("content-type", ""))
    notes: tuple[str, ...] = ()
    if not body and media_type(headers.get("content-type", "")).startswith("multipart/"):
        # The proxy is usually told to leave uploads out.
        body, notes = UNRECORDED, ("the request's body was not recorded",)
    return Said(
        method=text(entry.get("RequestMethod"), "its request's method"),
        url=text(entry.get("RequestUri"), "its request's address"),
        headers=headers,
        body=body,
        status=number(entry.get("StatusCode"), "its status"),
        answer_headers=answer_headers,
        answer=_bytes(entry.get("ResponseBody"), answer_headers.get("content-type", "")),
        notes=notes,
    )


def _bytes(body: Any, content_type: str) -> bytes:
    kind = media_type(content_type)
    match body:
        case None | []:
            return b""
        case str() if kind and not (kind.startswith("text/") or "json" in kind or body.startswith("--")):
            try:
                return base64.b64decode(body, validate=True)
            except ValueError as mistake:
                raise NotThatWay("broken base64 in a body") from mistake
        case str():
            return body.encode()
        case [str(), *_] if all(isinstance(each, str) for each in body):
            return "".join(body).encode()
        case _:
            return msgspec.json.encode(body)
