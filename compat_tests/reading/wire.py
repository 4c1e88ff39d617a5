"""One exchange of a cassette, whatever its form: paths from `/v1` on, bodies by their content type and encoding."""

import re
import urllib.parse
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from compat_tests.event_stream import events_in
from compat_tests.exchange import UNRECORDED, Answer, Body, Exchange, Request
from compat_tests.reading.compression import NotThatWay, decompressed
from compat_tests.reading.forms import NotAForm, parts_of
from compat_tests.reading.headers import answer_headers, media_type, request_headers

PLACE: Final = re.compile(
    r"/(?:v1|openai/v1|openai)(/(?:assistants|threads|files|uploads|vector_stores|models)(?:/.*)?)$"
)
"""Where the API begins in the path of a URL, whatever is before it. Azure's has no version there."""
NOT_ASKED_AGAIN: Final = frozenset({"api-version", "api-key", "subscription-key"})
"""In queries: what Azure wants to know, and keys."""


class Said(Struct, frozen=True, kw_only=True):
    """One entry of a cassette: what was sent and what came, as bytes."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: Any
    """Bytes; or a `Body` that is ready; None where there was none."""
    status: int
    answer_headers: Mapping[str, str]
    answer: bytes | None
    """None where it was not kept."""
    at: float | None = None
    notes: tuple[str, ...] = ()


def place_of(url: str) -> tuple[str, tuple[tuple[str, str], ...]] | None:
    """Path from `/v1` on, and query, of a request to an Assistants API; None for any other. Raises `NotThatWay`."""
    try:
        split = urllib.parse.urlsplit(url)
        query = urllib.parse.parse_qsl(split.query, keep_blank_values=True)
    except ValueError as mistake:
        raise NotThatWay(f"no URL: {mistake}") from mistake
    found = PLACE.search(split.path)
    if not found:
        return None
    return f"/v1{found[1]}", tuple((name, value) for name, value in query if name.lower() not in NOT_ASKED_AGAIN)


def exchange(said: Said) -> Exchange | None:
    """None for what is not part of the API's traffic. Raises `NotThatWay`."""
    place = place_of(said.url)
    if place is None or said.method.upper() == "OPTIONS":
        return None
    path, query = place
    notes = list(said.notes)
    headers = {name.lower(): value for name, value in said.headers.items()}
    body = said.body
    if isinstance(body, bytes):
        body = request_body(decompressed(body, headers.get("content-encoding", "")), headers.get("content-type"), notes)
    return Exchange(
        request=Request(
            method=said.method.upper(),
            path=path,
            query=query,
            headers=request_headers(headers, body, path, said.status, known=bool(headers)),
            body=body,
        ),
        answer=_answer(said, notes),
        at=said.at,
        note="; ".join(notes) or None,
    )


def _answer(said: Said, notes: list[str]) -> Answer:
    headers = {name.lower(): value for name, value in said.answer_headers.items()}
    kept = answer_headers(headers)
    if said.answer is None:
        notes.append("the answer's body was not recorded")
        return Answer(status=said.status, headers=kept, body=UNRECORDED)
    content = decompressed(said.answer, headers.get("content-encoding", ""))
    kind = headers.get("content-type")
    if (media_type(kind) if kind else sniffed(content)) == "text/event-stream":
        return Answer(status=said.status, headers=kept, events=events_in(content))
    return Answer(status=said.status, headers=kept, body=answer_body(content, kind))


def request_body(content: bytes, content_type: str | None, notes: list[str]) -> Body:
    if not content:
        return None
    if media_type(content_type or "") == "multipart/form-data":
        try:
            return parts_of(content, content_type or "")
        except NotAForm as why:
            notes.append(f"the request's form cannot be read: {why}")
            return UNRECORDED
    return _json_or_text(content)


def answer_body(content: bytes, content_type: str | None) -> Body:
    """As the suite's own client takes it down."""
    if not content:
        return None
    kind = media_type(content_type) if content_type else sniffed(content)
    if "json" in kind:
        return _json_or_text(content)
    try:
        return content.decode() if kind.startswith("text/") else content
    except UnicodeDecodeError:
        return content


def sniffed(content: bytes) -> str:
    """What an answer without a content type must be; recorders can be told to leave headers out."""
    start = content.lstrip()[:64]
    if re.match(rb"(event|data):", start):
        return "text/event-stream"
    return "application/json" if start[:1] in {b"{", b"["} else "text/plain"


def _json_or_text(content: bytes) -> Body:
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        pass
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content


def joined_headers(given: Any) -> dict[str, str]:
    """Headers as cassettes have them: values that are texts, or lists of texts; or a list of names with values."""
    match given:
        case None:
            return {}
        case dict():
            pairs: Iterable[tuple[Any, Any]] = given.items()
        case list():
            pairs = [(each.get("name"), each.get("value")) for each in given if isinstance(each, dict)]
        case _:
            raise NotThatWay("headers that are neither an object nor a list")
    found: dict[str, str] = {}
    for name, value in pairs:
        values = value if isinstance(value, list) else [value]
        texts = [
            each.decode("latin-1") if isinstance(each, bytes) else str(each) for each in values if each is not None
        ]
        if texts:
            found[str(name).lower()] = ", ".join(texts)
    return found
