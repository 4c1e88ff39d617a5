"""Take secrets out of a result before anything is told of it: keys in headers, and the key itself wherever it is."""

import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from compat_tests.exchange import Answer, Event, Part, Request
from compat_tests.result import Difference, Result

SECRET_HEADERS: Final = re.compile(r"authorization|cookie|api-?key|token|secret|session", re.IGNORECASE)
LOOKS_LIKE_A_KEY: Final = re.compile(r"\b(?:sk|sess|key)-[A-Za-z0-9_-]{16,}|(?<=Bearer )[^\s\"']+")
MASK: Final = "***"
SHORTEST: Final = 6
"""A shorter secret is only masked where it stands as one: its letters may be any word's."""


class Mask:
    def __init__(self, secrets: Iterable[str | None]) -> None:
        self._secrets = sorted({each for each in secrets if each and len(each) >= SHORTEST}, key=len, reverse=True)

    def text(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return LOOKS_LIKE_A_KEY.sub(MASK, text)

    def result(self, result: Result) -> Result:
        """The same, with nothing in it that opens anything."""
        return msgspec.structs.replace(
            result,
            title=self.text(result.title),
            reason=self.text(result.reason),
            differences=tuple(map(self._difference, result.differences)),
            asked=tuple(
                msgspec.structs.replace(
                    each,
                    title=self.text(each.title),
                    expected=self.text(each.expected),
                    request=self._request(each.request),
                    answer=None if each.answer is None else self._answer(each.answer),
                    differences=tuple(map(self._difference, each.differences)),
                )
                for each in result.asked
            ),
        )

    def _difference(self, each: Difference) -> Difference:
        told = {"path": self.text(each.path), "expected": self.text(each.expected), "got": self.text(each.got)}
        return msgspec.structs.replace(each, **told)

    def _request(self, request: Request) -> Request:
        return msgspec.structs.replace(
            request,
            path=self.text(request.path),
            query=tuple((name, self.text(value)) for name, value in request.query),
            headers={name: self._header(name, value) for name, value in request.headers.items()},
            body=self._body(request.body),
        )

    def _answer(self, answer: Answer) -> Answer:
        events = answer.events
        return msgspec.structs.replace(
            answer,
            headers={name: self._header(name, value) or "" for name, value in answer.headers.items()},
            body=self._body(answer.body),
            events=None if events is None else tuple(Event(each.event, self._body(each.data)) for each in events),
        )

    def _header(self, name: str, value: str | None) -> str | None:
        if value is None:
            return None
        return MASK if SECRET_HEADERS.search(name) else self.text(value)

    def _body(self, body: Any) -> Any:
        match body:
            case str():
                return self.text(body)
            case bytes():
                return self._bytes(body)
            case dict():
                return {self.text(key): self._body(value) for key, value in body.items()}
            case list():
                return [self._body(each) for each in body]
            case tuple():
                return tuple(self._body(each) for each in body)
            case Part():
                return msgspec.structs.replace(body, data=self._bytes(body.data))
            case _:
                return body

    def _bytes(self, data: bytes) -> bytes:
        for secret in self._secrets:
            data = data.replace(secret.encode(), MASK.encode())
        return data
