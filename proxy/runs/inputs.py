"""What can happen to a turn: its inputs, each with its own time, in Unix seconds."""

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from adapters.chat import Chunk
from proxy.schema.runs import LastError
from proxy.schema.steps import FileSearchResult

TokenBudget = Literal["max_prompt_tokens", "max_completion_tokens"]


class Started(Struct, frozen=True):
    at: int


class Received(Struct, frozen=True):
    chunk: Chunk
    at: int


class Ended(Struct, frozen=True):
    at: int


class OutOfTokens(Struct, frozen=True):
    """The run's own budget leaves nothing for another request."""

    reason: TokenBudget
    at: int


class Deferred(Struct, frozen=True):
    """The model server took no request now: the run waits for its turn again."""


class SearchesFirst(Struct, frozen=True):
    """The model cannot call tools: what the user said last is searched for, and it is asked then."""

    query: str
    at: int


class Searched(Struct, frozen=True):
    """What came of the turn's searches, by the id of their call."""

    results: Mapping[str, Sequence[FileSearchResult]]
    at: int


class Failed(Struct, frozen=True):
    error: LastError
    at: int


class Cancelled(Struct, frozen=True):
    at: int


class TimedOut(Struct, frozen=True):
    at: int


Input = Started | Received | Ended | OutOfTokens | Deferred | SearchesFirst | Searched | Failed | Cancelled | TimedOut
