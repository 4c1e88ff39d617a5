"""What a run remembers between its turns and never shows: kept beside it as an opaque column."""

import msgspec
from msgspec import Struct

from proxy.schema.runs import Usage


class RunProgress(Struct, frozen=True, kw_only=True, omit_defaults=True):
    turns: int = 0
    """Model requests that ended."""
    usage: Usage | None = None
    """Tokens of those requests, summed."""
    open_step_usage: Usage | None = None
    """Tokens of the request whose tool calls wait for their outputs; its step shows them once it is completed."""
    stores: tuple[str, ...] = ()
    """The vector stores of the run's assistant, when it was created."""
    thread_stores: tuple[str, ...] = ()
    """Those of its thread, whose files it waits for."""
    shows_contents: bool = False
    """Whether its streams show the contents of search results."""
    asked: dict[str, str] = {}
    """The arguments of each search, by the id of its call: no step shows them."""
    searches_first: bool = False
    """Whether the model could not call tools, so that what it is told was searched for before it was asked."""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(RunProgress).decode


def encode_progress(progress: RunProgress) -> bytes:
    return _encode(progress)


def decode_progress(data: bytes) -> RunProgress:
    return _decode(data)
