"""VCR cassettes: of Python's vcrpy and betamax, of Ruby's VCR and of PHP-VCR, from YAML or JSON.

vcrpy     {"interactions": [{"request": {"uri", "method", "body", "headers"},
                             "response": {"status": {"code"}, "headers", "body": {"string"}}}], "version": 1}
Ruby      {"http_interactions": [{"request": {"uri", "method", "body": {"string" or "base64_string"}, "headers"},
                                  "response": …, "recorded_at"}]}
PHP       [{"request": {"url", "method", "body", "headers", "post_fields"}, "response": {"status", "body", …}}]
"""

import base64
from typing import Any
from urllib.parse import urlencode

import msgspec

from compat_tests.exchange import UNRECORDED, Part
from compat_tests.reading.cassettes import mapping, moment, number, text
from compat_tests.reading.compression import NotThatWay
from compat_tests.reading.wire import Said, joined_headers


def entries_of(parsed: Any) -> list[Any] | None:
    """None for what is no such cassette."""
    match parsed:
        case {"interactions": list() as found} | {"http_interactions": list() as found}:
            return found
        case [{"request": {}, "response": {}}, *_]:
            return list(parsed)
        case _:
            return None


def said(entry: Any) -> Said | str:
    """Raises `NotThatWay`."""
    entry = mapping(entry, "it")
    asked, came = mapping(entry.get("request"), "its request"), mapping(entry.get("response"), "its response")
    # One word in vcrpy before version 6, of answers that httpx was given.
    status = came.get("status", came.get("status_code"))
    if isinstance(status, dict):
        status = status.get("code")
    notes: list[str] = []
    return Said(
        method=text(asked.get("method"), "its request's method"),
        url=text(asked.get("uri", asked.get("url")), "its request's address"),
        headers=joined_headers(asked.get("headers")),
        body=_request_body(asked, notes),
        status=number(status, "its response's status"),
        answer_headers=joined_headers(came.get("headers")),
        answer=_bytes(came.get("body", came.get("content"))),
        at=moment(entry.get("recorded_at")),
        notes=tuple(notes),
    )


def _request_body(asked: dict[Any, Any], notes: list[str]) -> Any:
    body = asked.get("body")
    if isinstance(body, dict) and body.keys() - {"string", "base64_string", "encoding"}:
        return _given_to_aiohttp(body, notes)
    body = _bytes(body)
    if not body and (fields := asked.get("post_fields")):
        body = urlencode(fields).encode() if isinstance(fields, dict) else _bytes(fields)
    if not body and asked.get("post_files"):
        notes.append("the request's files were recorded by name only")
        return UNRECORDED
    return body


def _given_to_aiohttp(body: dict[Any, Any], notes: list[str]) -> Any:
    """Of aiohttp, vcrpy writes down what it was given: an object for JSON, or the fields of a form, files as bytes."""
    if not any(isinstance(value, bytes) for value in body.values()):
        try:
            return msgspec.json.encode(body)
        except (TypeError, ValueError, RecursionError) as mistake:
            raise NotThatWay("a body that is no JSON") from mistake
    notes.append("what the request's files are called was not recorded")
    return tuple(
        Part(name=str(name), data=value, filename=str(name))
        if isinstance(value, bytes)
        else Part(name=str(name), data=str(value).encode())
        for name, value in body.items()
    )


def _bytes(body: Any) -> bytes:
    match body:
        case None:
            return b""
        case bytes():
            return body
        case str():
            return body.encode()
        case {"base64_string": str() as encoded}:
            try:
                return base64.b64decode("".join(encoded.split()), validate=True)
            except ValueError as mistake:
                raise NotThatWay("broken base64 in a body") from mistake
        case {"encoding": str() as encoding, "string": str() as string}:
            return _encoded(string, encoding)
        case {"string": inner} if not isinstance(inner, dict):
            return _bytes(inner)
        case {}:
            return b""
        case _:
            raise NotThatWay("a body that is neither text nor bytes")


def _encoded(string: str, encoding: str) -> bytes:
    # JSON has no bytes: a cassette in JSON keeps those of a binary body as characters.
    if encoding.upper() in {"ASCII-8BIT", "BINARY", "ISO-8859-1"}:
        try:
            return string.encode("latin-1")
        except UnicodeEncodeError:
            pass
    return string.encode()
