"""A process that reads files for the server: parses them, cuts them into chunks and makes the words of their index."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from adapters.ranks import counter
from proxy.retrieval.analysis import terms_of
from proxy.retrieval.chunking import Chunk, chunks_of
from proxy.retrieval.lexical import index_words
from proxy.retrieval.parsing import parse
from proxy.retrieval.protocol import Answer, Failed, MakeWords, Piece, ReadFile, Task, Words
from proxy.retrieval.unreadable import Unreadable
from proxy.retrieval.working import work
from proxy.store.chunks import NewChunk

CHUNKS_AT_ONCE: Final = 32
CHARACTERS_AT_ONCE: Final = 100_000
"""In one answer, about, which is written in one transaction: others wait for that as long as it takes."""


def _answers(task: Task) -> Iterator[Answer]:
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
        case _:
            raise TypeError(f"no task for a reader: {task}")


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


if __name__ == "__main__":
    work(_answers)
