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


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(RunProgress).decode


def encode_progress(progress: RunProgress) -> bytes:
    return _encode(progress)


def decode_progress(data: bytes) -> RunProgress:
    return _decode(data)
