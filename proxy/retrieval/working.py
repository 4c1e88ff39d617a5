"""What the processes that work for the server have in common: tasks come in on standard input, answers go out on
standard output, and what a task may do to a process (take for ever, take all memory, crash) it does not to the server.

A process ends when its standard input does, which it does also with a server that was killed.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

from proxy.retrieval.protocol import LENGTH, Answer, Task, decode_task, frame

MOST_MEMORY: Final = 3 << 30
"""Of the whole process, where the system keeps it to that."""
COURTESY: Final = 10
"""How much others go before it, when there are not cores for all."""


def work(answers_to: Callable[[Task], Iterator[Answer]], *, courtesy: int = COURTESY) -> None:
    """Answer one task after the other, until there are no more."""
    # Whatever a library prints must not come between our answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _restrain(courtesy)
    tasks = sys.stdin.buffer
    with suppress(BrokenPipeError):
        while length := tasks.read(LENGTH.size):
            task = decode_task(tasks.read(LENGTH.unpack(length)[0]))
            watch(task.seconds)
            for answer in answers_to(task):
                watch(task.seconds)
                answers.write(frame(answer))
                answers.flush()
            watch(0)


def watch(seconds: int) -> None:
    """Be ended by the system if nothing is heard from here for so long; 0 for never."""
    if hasattr(signal, "alarm"):
        signal.alarm(seconds)


def _restrain(courtesy: int) -> None:
    """As far as the system can."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    with suppress(AttributeError, OSError):
        os.nice(courtesy)
