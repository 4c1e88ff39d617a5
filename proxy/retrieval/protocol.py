"""What the server and a process that works for it say to each other: frames of MessagePack, each after its length."""

import struct
from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Struct

from proxy.retrieval.unreadable import Code
from proxy.store.chunks import NewChunk

LENGTH: Final = struct.Struct(">I")


class ReadFile(Struct, frozen=True, kw_only=True, tag=True):
    """Parse a file and cut it into chunks. Answered with pieces, or with a failure at any time."""

    path: str
    filename: str
    store: int
    """The key of the store, for the words of the index."""
    most_tokens: int
    overlap_tokens: int
    most_in_all: int
    """Tokens of a file."""
    seconds: int
    """After so many without an answer the process ends itself: nobody may be there any more to end it."""


class MakeWords(Struct, frozen=True, kw_only=True, tag=True):
    """Make the words of the index of chunks' texts again, each for a store. Answered with `Words`."""

    chunks: list[tuple[int, str]]
    seconds: int


class MakeVectors(Struct, frozen=True, kw_only=True, tag=True):
    """Say what texts mean. Answered with `Vectors`."""

    texts: list[str]
    most: int
    """Vectors of each, of how it begins."""
    seconds: int


class Piece(Struct, frozen=True, kw_only=True, tag=True):
    chunks: list[NewChunk]
    is_last: bool


class Words(Struct, frozen=True, kw_only=True, tag=True):
    words: list[str]


class Vectors(Struct, frozen=True, kw_only=True, tag=True):
    counts: list[int]
    """How many each text has."""
    components: bytes
    """Of all of them, one after the other, as 32-bit floats of this machine."""


class Failed(Struct, frozen=True, kw_only=True, tag=True):
    code: Code
    message: str


Task = ReadFile | MakeWords | MakeVectors
Answer = Piece | Words | Vectors | Failed

decode_task: Final[Callable[[bytes], Task]] = msgspec.msgpack.Decoder(Task).decode
decode_answer: Final[Callable[[bytes], Answer]] = msgspec.msgpack.Decoder(Answer).decode
_encode: Final = msgspec.msgpack.Encoder().encode


def frame(value: Task | Answer) -> bytes:
    body = _encode(value)
    return LENGTH.pack(len(body)) + body
