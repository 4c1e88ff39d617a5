"""A value in words for a report that tells no recorded text: types and lengths, and the API's own words as they are."""

import json
from typing import Any, Final

LITERAL: Final = {
    "object", "type", "status", "role", "purpose", "detail", "anchor", "ranker", "reason", "code", "param",
    "response_format", "tool_choice", "model", "mime_type", "event",
}  # fmt: skip
"""Keys whose text is the API's, or a name that the request chose."""
LONGEST: Final = 400


def described(value: Any, key: str = "") -> str:
    text = _described(value, key)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _described(value: Any, key: str) -> str:
    match value:
        case str():
            return json.dumps(value) if key in LITERAL else f"string of {len(value)}"
        case dict():
            # `message` is literal where it is the API's, beside `code`.
            return "{" + ", ".join(f"{json.dumps(each)}: {_described(value[each], each)}" for each in value) + "}"
        case list():
            return "[" + ", ".join(_described(each, key) for each in value) + "]"
        case bytes():
            return f"{len(value)} bytes"
        case _:
            return json.dumps(value, default=str)
