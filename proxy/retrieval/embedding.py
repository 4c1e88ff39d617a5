"""A process that makes vectors of texts for the server, with the built-in model."""

import sys
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from proxy.retrieval.minilm import MiniLM
from proxy.retrieval.protocol import Answer, MakeVectors, Task, Vectors
from proxy.retrieval.working import COURTESY, work

PROMPTLY: Final = "--promptly"
"""For one that somebody waits for."""

_model = lru_cache(maxsize=1)(MiniLM)


def _answers(task: Task) -> Iterator[Answer]:
    if not isinstance(task, MakeVectors):
        raise TypeError(f"no task for a process that makes vectors: {task}")
    made = [_model().vectors(text, most=task.most) for text in task.texts]
    yield Vectors(
        counts=[len(vectors) for vectors in made],
        components=b"".join(vector.tobytes() for vectors in made for vector in vectors),
    )


if __name__ == "__main__":
    work(_answers, courtesy=0 if PROMPTLY in sys.argv else COURTESY)
