"""Hold one recorded answer against one live answer: what differs, and where."""

import base64
import hashlib
import json
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from compat_tests.comparison.context import Context
from compat_tests.comparison.ids import Ids
from compat_tests.comparison.shape import described
from compat_tests.comparison.streams import stream_differences
from compat_tests.comparison.values import Values
from compat_tests.exchange import UNRECORDED, Answer
from compat_tests.result import Difference

REDIRECTS: Final = range(300, 400)


def compare(recorded: Answer, ours: Answer, ids: Ids, when: Context) -> list[Difference]:
    """What differs; nothing where the live server answered as the real one did. Learns ids."""
    return list(_differences(recorded, ours, ids, when))


def _differences(recorded: Answer, ours: Answer, ids: Ids, when: Context) -> Iterator[Difference]:
    if recorded.status != ours.status:
        # What is in the two bodies cannot be the same thing then, but it says why.
        told = f"{ours.status}: {described(ours.body)}" if ours.status >= 400 else str(ours.status)
        yield Difference(path="status", expected=str(recorded.status), got=told)
        return
    one, other = _media_type(recorded), _media_type(ours)
    if one and one != other:
        yield Difference(path="headers.content-type", expected=one, got=other or "absent")
    if recorded.status in REDIRECTS:
        yield from _location(recorded, ours, ids)
    values = Values(ids, when)
    if recorded.events is not None and ours.events is not None:
        yield from stream_differences(recorded.events, ours.events, values, when)
    elif recorded.is_stream or ours.is_stream:
        yield Difference(path="body", expected=_form(recorded), got=_form(ours))
    elif recorded.body is not UNRECORDED:
        yield from _bodies(recorded.body, ours.body, values)


def _media_type(answer: Answer) -> str:
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower()


def _location(recorded: Answer, ours: Answer, ids: Ids) -> Iterator[Difference]:
    one, other = (urlsplit(each.headers.get("location", "")).path for each in (recorded, ours))
    if ids.translate(one) != other:
        told = ("the same path as in the recording", "another path") if other else ("a location", "absent")
        yield Difference(path="headers.location", expected=told[0], got=told[1])


def _form(answer: Answer) -> str:
    return "a stream" if answer.is_stream else f"no stream but {described(answer.body)}"


def _bodies(theirs: Any, ours: Any, values: Values) -> Iterator[Difference]:
    if (file := _as_file(theirs)) is not None:
        other = _as_file(ours) or _as_file(_as_bytes(ours))
        if other is None or file != other:
            yield Difference(path="body", expected=_told(file), got=_told(other) if other else described(ours))
    elif theirs is None or theirs == "":
        if ours not in (None, "", b""):
            yield Difference(path="body", expected="nothing", got=described(ours))
    elif isinstance(theirs, str) and isinstance(ours, str):
        if theirs != ours:
            yield Difference(path="body", expected=described(theirs), got=f"another {described(ours)}")
    else:
        yield from values.differences(theirs, ours, "body")


def _as_file(body: Any) -> tuple[int, str] | None:
    """Size and SHA-256 of what is no text; a recording may keep those two alone."""
    match body:
        case bytes():
            return len(body), hashlib.sha256(body).hexdigest()
        case {"_binary": {"base64": str(text)}}:
            return _as_file(base64.b64decode(text))
        case {"_binary": {"bytes": int(size), "sha256": str(digest)}}:
            return size, digest
        case _:
            return None


def _as_bytes(body: Any) -> bytes | None:
    """A file that happens to be text, or JSON, came decoded."""
    match body:
        case str():
            return body.encode()
        case None | bytes():
            return None
        case _:
            return json.dumps(body).encode()


def _told(file: tuple[int, str]) -> str:
    return f"{file[0]} bytes, sha256 {file[1][:8]}…"
