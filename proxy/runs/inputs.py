"""What can happen to a turn: its inputs, each with its own time, in Unix seconds."""

from typing import Literal

from msgspec import Struct

from adapters.chat import Chunk
from proxy.schema.runs import LastError

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


class Failed(Struct, frozen=True):
    error: LastError
    at: int


class Cancelled(Struct, frozen=True):
    at: int


class TimedOut(Struct, frozen=True):
    at: int


Input = Started | Received | Ended | OutOfTokens | Deferred | Failed | Cancelled | TimedOut
