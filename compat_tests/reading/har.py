"""HAR 1.2: what browsers, Charles and mitmproxy export.

{"log": {"entries": [{"startedDateTime", "request": {"method", "url", "headers": [{"name", "value"}],
                                                     "postData": {"mimeType", "text" or "params"}},
                      "response": {"status", "headers", "content": {"mimeType", "text", "encoding"}}}]}}
"""

import base64
from typing import Any

from compat_tests.exchange import UNRECORDED, Part
from compat_tests.reading.cassettes import mapping, moment, number, text
from compat_tests.reading.compression import NotThatWay
from compat_tests.reading.headers import media_type
from compat_tests.reading.wire import Said, joined_headers


def entries_of(parsed: Any) -> list[Any] | None:
    """None for what is no HAR."""
    match parsed:
        case {"log": {"entries": list() as found}}:
            return found
        case _:
            return None


def said(entry: Any) -> Said | str:
    """Raises `NotThatWay`."""
    entry = mapping(entry, "it")
    asked, came = mapping(entry.get("request"), "its request"), mapping(entry.get("response"), "its response")
    status = number(came.get("status", 0), "its response's status")
    if text(asked.get("method"), "its request's method").upper() == "OPTIONS":
        return "preflights"
    if status <= 0:
        return "without an answer"
    if status == 304 or entry.get("_fromCache"):
        return "from a cache"
    notes: list[str] = []
    headers = joined_headers(asked.get("headers"))
    content = mapping(came.get("content") or {}, "its response's content")
    answer_headers = joined_headers(came.get("headers"))
    if isinstance(kind := content.get("mimeType"), str) and kind and kind != "x-unknown":
        answer_headers.setdefault("content-type", kind)
    # What HAR writes down of an answer is decoded.
    answer_headers.pop("content-encoding", None)
    return Said(
        method=asked["method"],
        url=text(asked.get("url"), "its request's address"),
        headers=headers,
        body=_posted(asked, headers, notes),
        status=status,
        answer_headers=answer_headers,
        answer=_content(content, answer_headers),
        at=moment(entry.get("startedDateTime")),
        notes=tuple(notes),
    )


def _posted(asked: dict[Any, Any], headers: dict[str, str], notes: list[str]) -> Any:
    """Bytes, or a form of which only its fields were kept; None where nothing was sent."""
    given = asked.get("postData")
    if given is None:
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > 0:
            notes.append("the request's body was not recorded")
            return UNRECORDED
        return None
    posted = mapping(given, "what was posted")
    kind = posted.get("mimeType")
    if isinstance(kind, str) and kind:
        headers.setdefault("content-type", kind)
    written = posted.get("text")
    if isinstance(written, str) and written:
        if len(written) in _sizes(asked, headers) and len(written) != len(written.encode(errors="replace")):
            # As long as the text has characters: each of them stands for a byte.
            return written.encode("latin-1", errors="replace")
        return _decoded(written, posted.get("encoding"), "what was posted")
    if posted.get("params"):
        return _fields(posted["params"], notes)
    if media_type(headers.get("content-type", "")) == "multipart/form-data":
        # Browsers do not write down what they read from files.
        notes.append("the request's form was not recorded")
        return UNRECORDED
    return None


def _sizes(asked: dict[Any, Any], headers: dict[str, str]) -> set[int]:
    """How many bytes were sent, as far as that was written down."""
    given = [asked.get("bodySize"), headers.get("content-length")]
    return {int(each) for each in given if isinstance(each, int) or (isinstance(each, str) and each.isdigit())}


def _fields(params: Any, notes: list[str]) -> tuple[Part, ...]:
    parts = []
    for each in params if isinstance(params, list) else []:
        field = mapping(each, "a posted field")
        value, filename = field.get("value"), field.get("fileName")
        if not isinstance(value, str):
            value = ""
            notes.append(f"the content of {filename or 'a field'} was not recorded")
        parts.append(
            Part(
                name=text(field.get("name"), "a posted field's name"),
                data=value.encode(),
                filename=filename if isinstance(filename, str) else None,
                content_type=field.get("contentType") if isinstance(field.get("contentType"), str) else None,
            )
        )
    return tuple(parts)


def _content(content: dict[Any, Any], answer_headers: dict[str, str]) -> bytes | None:
    written = content.get("text")
    if isinstance(written, str) and written:
        return _decoded(written, content.get("encoding"), "an answer")
    is_stream = media_type(answer_headers.get("content-type", "")) == "text/event-stream"
    return None if is_stream or content.get("size", 0) not in {0, "0"} else b""


def _decoded(written: str, encoding: Any, what: str) -> bytes:
    if encoding != "base64":
        return written.encode(errors="replace")
    try:
        return base64.b64decode("".join(written.split()), validate=True)
    except ValueError as mistake:
        raise NotThatWay(f"broken base64 in {what}") from mistake
