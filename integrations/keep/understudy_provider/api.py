"""The Assistants API as plain dicts, over the official client of whichever version Keep has.

Reading is tried again after a failure that may pass. Writing is, too, but only where nothing came of the attempt:
because it was never sent, because the server said so, or because the caller looked (`found`) and found nothing.
"""

import logging
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any, TypeVar

import httpx
import openai
from keep.exceptions.provider_exception import ProviderException
from openai import OpenAI, Stream

Log = logging.Logger | logging.LoggerAdapter[Any]
T = TypeVar("T")

ATTEMPTS = 6
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 8.0
REQUEST_SECONDS = 30.0
PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
"""Statuses that may be another next time. What the server wants changed is not among them."""
NOT_TAKEN = frozenset({425, 429, 503})
"""With these a server says that it did nothing."""
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class TimeUp(Exception):
    """What was waited for did not come before the deadline."""


@lru_cache
def trust() -> ssl.SSLContext:
    """For every connection of this process: to read all certificates anew takes longer than most requests."""
    return httpx.create_ssl_context()


class Deadline:
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._at = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds; never below 0."""
        return max(0.0, self._at - time.monotonic())

    def pause(self, seconds: float) -> None:
        """Sleep. Raises `TimeUp` where that would be too long, without sleeping."""
        if seconds >= self.left:
            raise TimeUp
        time.sleep(seconds)


class Api:
    def __init__(self, client: OpenAI, log: Log) -> None:
        self._client = client
        self._log = log

    def close(self) -> None:
        self._client.close()

    def __del__(self) -> None:
        with suppress(Exception):  # Keep makes a provider for each step, and does not dispose of it
            self.close()

    def get(self, path: str, deadline: Deadline, **query: Any) -> dict[str, Any]:
        def ask() -> dict[str, Any]:
            options: Any = {"params": query, "timeout": _timeout(deadline)}
            return _as_dict(self._client.get(path, cast_to=object, options=options))

        return self._patiently(ask, deadline, lambda: None)

    def pages(self, path: str, deadline: Deadline, **query: Any) -> Iterator[dict[str, Any]]:
        """Every item of a list, however many pages it has."""
        query = {"limit": 100, **query}
        while True:
            page = self.get(path, deadline, **query)
            yield from page["data"]
            if not page.get("has_more"):
                return
            query["after"] = page["last_id"]

    def post(
        self,
        path: str,
        body: dict[str, Any],
        deadline: Deadline,
        found: Callable[[], dict[str, Any] | None] | None = None,
    ) -> dict[str, Any]:
        """`found` tells what an attempt made whose answer was lost; without it such an attempt is simply repeated."""

        def ask() -> dict[str, Any]:
            options: Any = {"timeout": _timeout(deadline, at_most=deadline.left)}
            return _as_dict(self._client.post(path, body=body, cast_to=object, options=options))

        return self._patiently(ask, deadline, found or (lambda: None))

    def delete(self, path: str, deadline: Deadline) -> bool:
        """False where there was nothing to delete."""

        def ask() -> dict[str, Any]:
            options: Any = {"timeout": _timeout(deadline)}
            return _as_dict(self._client.delete(path, cast_to=object, options=options))

        try:
            self._patiently(ask, deadline, lambda: None)
        except openai.NotFoundError:
            return False
        return True

    def upload(self, name: str, content: bytes, purpose: Any, deadline: Deadline) -> str:
        """Upload a file; its id. If an answer is lost, a file may stay that nobody knows of."""

        def ask() -> str:
            timeout = _timeout(deadline, at_most=deadline.left)
            return self._client.files.create(file=(name, content), purpose=purpose, timeout=timeout).id

        return self._patiently(ask, deadline, lambda: None)

    def stream(
        self,
        path: str,
        body: dict[str, Any],
        deadline: Deadline,
        found: Callable[[], dict[str, Any] | None],
        listen: Callable[[Iterator[tuple[str, dict[str, Any]]]], dict[str, Any] | None],
    ) -> dict[str, Any]:
        """Post, and let `listen` have the events, as (name, data).

        `listen` returns what it learned, also from a stream that broke off; None means nothing, and that the request
        is to be made again, if nothing came of it.
        """

        def ask() -> dict[str, Any]:
            options: Any = {"timeout": max(0.05, deadline.left)}  # so long may it be silent
            stream = self._client.post(
                path,
                body={**body, "stream": True},
                cast_to=object,
                options=options,
                stream=True,
                stream_cls=Stream[object],
            )
            with stream:
                learned = listen(_events(stream))
            if learned is None:
                raise _Unheard("the stream broke off before it said anything")
            return learned

        return self._patiently(ask, deadline, found)

    def _patiently(self, ask: Callable[[], T], deadline: Deadline, found: Callable[[], T | None]) -> T:
        pause = FIRST_PAUSE_SECONDS
        for number in range(1, ATTEMPTS + 1):
            try:
                return ask()
            except (openai.APIConnectionError, openai.APIStatusError, _Unheard) as error:
                seconds = max(pause, _asked_to_wait(error))
                if not _may_pass(error) or number == ATTEMPTS or seconds >= deadline.left:
                    raise
                self._log.warning("%s; attempt %d of %d follows in %.1f s", said(error), number + 1, ATTEMPTS, seconds)
                time.sleep(seconds)
                if not _is_untouched(error) and (there := found()) is not None:
                    return there
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        raise AssertionError("the last attempt returns or raises")


def said(error: Exception) -> str:
    """What a failure says, for people: the server's own words where it said any."""
    if isinstance(error, openai.APIStatusError):
        body = error.body
        message = body.get("message") if isinstance(body, dict) else None
        return f"{message or error.message} (HTTP {error.status_code})"
    if isinstance(error, openai.APIConnectionError):
        return f"{error.request.url.host}:{error.request.url.port} cannot be asked: {error.__cause__ or error.message}"
    return str(error) or type(error).__name__


def as_provider_exception(error: Exception, doing: str) -> ProviderException:
    return ProviderException(f"{doing}: {said(error)}")


class _Unheard(openai.OpenAIError):
    """A stream broke off before it said anything."""


def _as_dict(answer: object) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise ProviderException(f"base_url leads to something else than this API, which answers: {str(answer)[:200]}")
    return answer


def _events(stream: Stream[object]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What comes until the end, or until the connection breaks. The client wraps each event as {event, data}."""
    try:
        for event in stream:
            if isinstance(event, dict):
                yield event["event"], event["data"]
    except (httpx.TransportError, openai.APIError):
        return


def _timeout(deadline: Deadline, *, at_most: float = REQUEST_SECONDS) -> float:
    return max(1.0, min(at_most, deadline.left))


def _may_pass(error: Exception) -> bool:
    if not isinstance(error, openai.APIStatusError):
        return True
    return error.status_code in PASSING and error.response.headers.get("x-should-retry") != "false"


def _is_untouched(error: Exception) -> bool:
    """Whether it is certain that the server did nothing."""
    if isinstance(error, openai.APIStatusError):
        return error.status_code in NOT_TAKEN
    return isinstance(error.__cause__, NEVER_SENT)


def _asked_to_wait(error: Exception) -> float:
    """Seconds that the server asked for with `Retry-After`."""
    if not isinstance(error, openai.APIStatusError):
        return 0.0
    try:
        return float(error.response.headers.get("retry-after", 0))
    except ValueError:  # a date: it is not worth a parser
        return FIRST_PAUSE_SECONDS
