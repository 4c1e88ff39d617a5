"""A value in words for a report that tells no recorded text: types and lengths, and the API's own words as they are."""

import json
from typing import Any, Final

LITERAL: Final = {
    "object", "type", "status", "role", "purpose", "detail", "anchor", "ranker", "reason", "code", "param",
    "response_format", "tool_choice", "model", "mime_type", "event",
}  # fmt: skip
"""Keys whose text is the API's, or a name that the request chose."""
ERRORS: Final = {"error", "last_error", "detail"}
"""Objects whose `message` is the API's."""
LONGEST: Final = 400


def described(value: Any, key: str = "", *, in_error: bool = False) -> str:
    """`string of 12`, `{"type": "text", "text": {…}}`; no longer than a reader likes."""
    text = _described(value, key, in_error)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _described(value: Any, key: str, in_error: bool) -> str:
    match value:
        case str():
            is_literal = key in LITERAL or (in_error and key == "message")
            return json.dumps(value, ensure_ascii=False) if is_literal else f"string of {len(value)}"
        case dict():
            inside = in_error or key in ERRORS
            pairs = (f"{json.dumps(each)}: {_described(value[each], each, inside)}" for each in value)
            return "{" + ", ".join(pairs) + "}"
        case list():
            return "[" + ", ".join(_described(each, key, in_error) for each in value) + "]"
        case bytes():
            return f"{len(value)} bytes"
        case _:
            return json.dumps(value, default=str)
