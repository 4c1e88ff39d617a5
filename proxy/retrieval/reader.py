"""A process that reads files for the server: tasks come in on standard input, answers go out on standard output.

What a file may do to a parser (take for ever, take all memory, crash) it does here, and not to the server. It ends when
standard input does, which it does also with a server that was killed.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from adapters.ranks import counter
from proxy.retrieval.analysis import terms_of
from proxy.retrieval.chunking import Chunk, chunks_of
from proxy.retrieval.lexical import index_words
from proxy.retrieval.parsing import parse
from proxy.retrieval.protocol import LENGTH, Answer, Failed, MakeWords, Piece, ReadFile, Words, decode_task, frame
from proxy.retrieval.unreadable import Unreadable
from proxy.store.chunks import NewChunk

MOST_MEMORY: Final = 3 << 30
"""Of the whole process, where the system keeps it to that."""
CHUNKS_AT_ONCE: Final = 32
CHARACTERS_AT_ONCE: Final = 100_000
"""In one answer, about, which is written in one transaction: others wait for that as long as it takes."""
_COURTESY: Final = 10
"""How much others go before it, when there are not cores for all."""


def main() -> None:
    # Whatever a parser prints must not come between our answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _restrain()
    tasks = sys.stdin.buffer
    with suppress(BrokenPipeError):
        while length := tasks.read(LENGTH.size):
            _answer(tasks.read(LENGTH.unpack(length)[0]), answers)


def _answer(body: bytes, answers: IO[bytes]) -> None:
    task = decode_task(body)
    for answer in _answers(task):
        _watch(task.seconds)
        answers.write(frame(answer))
        answers.flush()
    _watch(0)


def _answers(task: ReadFile | MakeWords) -> Iterator[Answer]:
    _watch(task.seconds)
    match task:
        case MakeWords(chunks=chunks):
            yield Words(words=[index_words(store, terms_of(text)) for store, text in chunks])
        case ReadFile():
            try:
                yield from _pieces(task)
            except Unreadable as error:
                yield Failed(code=error.code, message=error.message)
            except MemoryError:
                yield Failed(code="invalid_file", message="The file takes more memory to read than there is for it.")


def _pieces(task: ReadFile) -> Iterator[Piece]:
    chunks = chunks_of(
        parse(Path(task.path), task.filename),
        most_tokens=task.most_tokens,
        overlap_tokens=task.overlap_tokens,
        count=counter(),
        most_in_all=task.most_in_all,
    )
    ready: list[NewChunk] = []
    characters = 0
    for chunk in chunks:
        if len(ready) == CHUNKS_AT_ONCE or characters > CHARACTERS_AT_ONCE:
            yield Piece(chunks=ready, is_last=False)
            ready, characters = [], 0
        ready.append(_indexed(chunk, task.store))
        characters += len(chunk.text)
    yield Piece(chunks=ready, is_last=True)


def _indexed(chunk: Chunk, store: int) -> NewChunk:
    return NewChunk(text=chunk.text, repeated=chunk.repeated, terms=index_words(store, chunk.terms))


def _restrain() -> None:
    """As far as the system can."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    with suppress(AttributeError, OSError):
        os.nice(_COURTESY)


def _watch(seconds: int) -> None:
    """Be ended by the system if nothing is heard from here for so long; 0 for never."""
    if hasattr(signal, "alarm"):
        signal.alarm(seconds)


if __name__ == "__main__":
    main()
