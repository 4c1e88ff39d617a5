"""What was said on the wire: requests and their answers, whoever wrote them down."""

from typing import Any, Final

from msgspec import Struct


class Part(Struct, frozen=True, kw_only=True):
    """One part of a multipart form."""

    name: str
    data: bytes
    filename: str | None = None
    content_type: str | None = None


class Unrecorded(Struct, frozen=True):
    """Stands for a body that was sent and not written down."""


UNRECORDED: Final = Unrecorded()

Body = Any
"""None (there was none), parsed JSON, `str` (text that is no JSON), `bytes`, a tuple of `Part`, or `UNRECORDED`."""


class Request(Struct, frozen=True, kw_only=True):
    method: str
    path: str
    """From `/v1` on, without the query: `/v1/threads/thread_abc`."""
    query: tuple[tuple[str, str], ...] = ()
    """In the order given, decoded; a name may stand there several times (`include[]`)."""
    headers: dict[str, str | None] = {}
    """Names in lower case. What the client would add itself is not here; None is a header that must not be sent."""
    body: Body = None


class Event(Struct, frozen=True):
    """One event of a stream. The last of a complete one is `Event("done", "[DONE]")`."""

    event: str
    data: Any
    """Parsed JSON, or the text where it is none."""


class Answer(Struct, frozen=True, kw_only=True):
    status: int
    headers: dict[str, str] = {}
    """Names in lower case."""
    body: Body = None
    """None for a stream."""
    events: tuple[Event, ...] | None = None
    """Of a stream; None for every other answer."""

    @property
    def is_stream(self) -> bool:
        return self.events is not None


class Exchange(Struct, frozen=True, kw_only=True):
    request: Request
    answer: Answer
    at: float | None = None
    """When it was asked, in Unix seconds, where that was written down."""
    note: str | None = None


class Recording(Struct, frozen=True, kw_only=True):
    """Exchanges with one server, in the order in which they happened."""

    name: str
    """`openai-dotnet/assistants.BasicThreadOperationsWork`, or a cassette's file name."""
    source: str
    """Where it comes from, for a reader of the report."""
    api_version: str = "v2"
    recorded_on: str = ""
    """The day, `2025-10-30`; empty where nobody knows."""
    preexisting_ids: tuple[str, ...] = ()
    """Ids that the requests use and no exchange here has made."""
    answers_only: bool = False
    """Whether the requests were not recorded: method and path are inferred, bodies are unknown."""
    exchanges: tuple[Exchange, ...]
