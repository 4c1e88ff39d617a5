"""Scenarios in the form in which recordings of the real service are kept: one JSON file each.

    {"source": {"repo", "path", …}, "api_version": "v1" | "v2", "recorded_at": "2025-10-30T…", "preexisting_ids": […],
     "capture": "…",  (where only answers were captured)
     "exchanges": [{"request": {"method", "path", "query", "headers", "body"},
                    "response": {"status", "headers", "body" or "sse": [{"event", "data"}]}, "note": "…"}]}

In bodies, `{"_multipart": [part, …]}` stands for a form and `{"_binary": {…}}` for bytes. Of a request, `not_recorded`
says that nothing was, `body_not_recorded` that its body was not, and `reconstructed_body` is what that must have been.
"""

import base64
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from compat_tests.exchange import UNRECORDED, Answer, Body, Event, Exchange, Part, Recording, Request
from compat_tests.reading.files import LARGEST_BYTES, Unreadable
from compat_tests.reading.headers import answer_headers, request_headers

Size = Annotated[int, Meta(ge=0, le=LARGEST_BYTES)]


class _Said(Struct):
    event: str
    data: Any


class _Response(Struct):
    status: int
    headers: dict[str, str] = {}
    body: Any = None
    sse: list[_Said] | None = None


class _Request(Struct):
    method: str
    path: str
    query: dict[str, str | list[str]] = {}
    headers: dict[str, str] = {}
    body: Any = None
    body_not_recorded: bool = False
    not_recorded: bool = False
    reconstructed_body: Any = None


class _Exchange(Struct):
    request: _Request
    response: _Response
    note: str | None = None


class _Source(Struct):
    repo: str = ""
    path: str | list[str] = ""


class _Scenario(Struct):
    exchanges: list[_Exchange]
    source: _Source = msgspec.field(default_factory=_Source)
    api_version: Literal["v1", "v2"] = "v2"
    recorded_at: str | None = None
    preexisting_ids: list[str] = []
    capture: str | None = None


class _Part(Struct):
    name: str
    filename: str | None = None
    content_type: str | None = None
    text: str | None = None
    base64: str | None = None
    bytes: Size = 0


class _Binary(Struct):
    base64: str | None = None


def recording(parsed: Any, name: str, file: Path) -> Recording:
    """Raises `Unreadable`."""
    try:
        scenario = msgspec.convert(parsed, _Scenario)
    except msgspec.ValidationError as mistake:
        raise Unreadable(f"{file}: {mistake}") from mistake
    exchanges = []
    for number, each in enumerate(scenario.exchanges, 1):
        try:
            exchanges.append(_exchange(each))
        except ValueError as mistake:  # of msgspec or base64
            raise Unreadable(f"{file}: exchange {number}: {mistake}") from mistake
    path = scenario.source.path
    return Recording(
        name=name,
        source=" ".join([scenario.source.repo, *([path] if isinstance(path, str) else path)]).strip() or file.name,
        api_version=scenario.api_version,
        recorded_on=(scenario.recorded_at or "")[:10],
        preexisting_ids=tuple(scenario.preexisting_ids),
        answers_only=scenario.capture is not None,
        exchanges=tuple(exchanges),
    )


def _exchange(given: _Exchange) -> Exchange:
    asked, came = given.request, given.response
    notes = [given.note] if given.note else []
    body = _body(asked.body, notes)
    if asked.body_not_recorded or asked.not_recorded:
        body = UNRECORDED if asked.method in {"POST", "PUT", "PATCH"} else None
        if asked.reconstructed_body is not None:
            body = _body(asked.reconstructed_body, notes)
            notes.append("the request's body was not recorded, and is put together from what is known of it")
    query = tuple(
        (key, value)
        for key, values in asked.query.items()
        for value in ([values] if isinstance(values, str) else values)
    )
    events = None if came.sse is None else tuple(Event(each.event, each.data) for each in came.sse)
    return Exchange(
        request=Request(
            method=asked.method.upper(),
            path=asked.path,
            query=query,
            headers=request_headers(asked.headers, body, asked.path, came.status, known=not asked.not_recorded),
            body=body,
        ),
        answer=Answer(
            status=came.status,
            headers=answer_headers(came.headers),
            body=None if came.body == "" else _body(came.body, notes),
            events=events,
        ),
        note="; ".join(notes) or None,
    )


def _body(given: Any, notes: list[str]) -> Body:
    match given:
        case {"_multipart": parts}:
            return tuple(_part(each, notes) for each in msgspec.convert(parts, list[_Part]))
        case {"_binary": binary}:
            encoded = msgspec.convert(binary, _Binary).base64
            return UNRECORDED if encoded is None else base64.b64decode(encoded, validate=True)
        case _:
            return given


def _part(given: _Part, notes: list[str]) -> Part:
    if given.text is not None:
        data = given.text.encode()
    elif given.base64 is not None:
        data = base64.b64decode(given.base64, validate=True)
    else:
        data = b" " * given.bytes
        notes.append(f"the content of {given.filename or given.name} was not recorded: spaces stand for it")
    # Some recordings have a header of another name there.
    kind = given.content_type if given.content_type and ":" not in given.content_type else None
    return Part(name=given.name, data=data, filename=given.filename, content_type=kind)
