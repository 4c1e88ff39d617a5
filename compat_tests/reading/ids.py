"""Which ids a recording needs from before its beginning: used by a request, and made by no answer until then."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from compat_tests.exchange import Exchange

ID: Final = re.compile(
    r"(?:asst|assistant|thread|msg|run|step|call|upload|part|vs|vsfb)_[A-Za-z0-9_-]{4,}|file-[A-Za-z0-9_-]{4,}"
)
LISTED: Final = re.compile(r"(?:asst|thread|file|upload|vs)[_-]")
"""Kinds that an answer to GET shows and does not make: whose account it is, those things are in it from before."""
ONE_FILE: Final = re.compile(r"/v1/files(?:/|$)")


def preexisting_ids(exchanges: Iterable[Exchange]) -> tuple[str, ...]:
    """In the order in which they are used. Ids that are only ever asked for in vain are not among them."""
    made: set[str] = set()
    found: dict[str, None] = {}
    for exchange in exchanges:
        request, answer = exchange.request, exchange.answer
        if answer.status < 400:
            asked = [*request.path.split("/"), *(value for _, value in request.query), *_texts(request.body)]
            found.update({each: None for each in asked if ID.fullmatch(each) and each not in made})
        answered = answer.body if answer.events is None else [event.data for event in answer.events]
        for text in _texts(answered):
            if ID.fullmatch(text) and (
                request.method != "GET"
                or not LISTED.match(text)
                or (text.startswith("file-") and not ONE_FILE.match(request.path))
            ):
                made.add(text)
    return tuple(found)


def _texts(value: Any) -> Iterator[str]:
    """Every text in it that may be an id, without recursion: bodies are nested as deep as their senders like."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str() as text:
                yield text
            case dict() as each:
                waiting.extend(each.values())
            case list() as each:
                waiting.extend(each)
