"""The reader processes of a server: started when there is something to read, each at one task, ended when in doubt."""

import asyncio
import logging
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from proxy.retrieval.protocol import LENGTH, Answer, Failed, MakeWords, Piece, ReadFile, Words, decode_answer, frame
from proxy.retrieval.unreadable import Unreadable

log = logging.getLogger(__name__)

_SECRETS: Final = ("UNDERSTUDY_", "AWS_")
"""How variables begin that may hold keys: a reader deals with what strangers wrote, and needs none."""
_ROOT: Final = Path(__file__).parents[2]
_GRACE_SECONDS: Final = 5.0
"""Beyond what a reader takes for itself, so that it can say what was wrong."""


class Readers:
    """Up to so many processes, all of them ended by `rest`."""

    def __init__(self, most: int) -> None:
        self._places = asyncio.Semaphore(most)
        self._idle: list[Process] = []
        self._processes: set[Process] = set()

    async def read(self, task: ReadFile) -> AsyncGenerator[Piece, None]:
        """Pieces of a file, the last of which says so. Raises `Unreadable`."""
        async with self._one() as process:
            _send(process, task)
            while True:
                match await _answer(process, task.seconds):
                    case Piece() as piece:
                        yield piece
                        if piece.is_last:
                            return
                    case Failed(code=code, message=message):
                        self._idle.append(process)
                        raise Unreadable(message, code=code)
                    case answer:
                        raise RuntimeError(f"A reader answered a file with {answer}.")

    async def words(self, task: MakeWords) -> list[str]:
        async with self._one() as process:
            _send(process, task)
            match await _answer(process, task.seconds):
                case Words(words=words):
                    return words
                case answer:
                    raise RuntimeError(f"A reader answered chunks with {answer}.")

    async def rest(self) -> None:
        """End those that have nothing to do."""
        idle, self._idle = self._idle, []
        for process in idle:
            await self._end(process)

    async def aclose(self) -> None:
        """End all of them, whatever they do."""
        for process in list(self._processes):
            await self._end(process)

    @asynccontextmanager
    async def _one(self) -> AsyncIterator[Process]:
        """A process for oneself. Unless all goes well it is ended: nobody knows what it would say next."""
        async with self._places:
            process = await self._living()
            try:
                yield process
            except BaseException:
                if process not in self._idle:
                    await self._end(process)
                raise
            self._idle.append(process)

    async def _living(self) -> Process:
        while self._idle:
            process = self._idle.pop()
            if process.returncode is None:
                return process
            self._processes.discard(process)  # somebody else has ended it
        return await self._start()

    async def _start(self) -> Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "proxy.retrieval.reader",
            stdin=PIPE,
            stdout=PIPE,
            cwd=_ROOT,
            # What reads files from strangers need not know the keys of model servers.
            env={name: value for name, value in os.environ.items() if not name.startswith(_SECRETS)}
            | {"PYTHONPATH": str(_ROOT)},
            process_group=0,  # Ctrl-C is for the server, which ends its readers itself
        )
        self._processes.add(process)
        return process

    async def _end(self, process: Process) -> None:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        self._processes.discard(process)


def _send(process: Process, task: ReadFile | MakeWords) -> None:
    assert process.stdin is not None
    process.stdin.write(frame(task))  # a task is small, or as large as an answer: no need to wait until it is gone


async def _answer(process: Process, seconds: int) -> Answer:
    assert process.stdout is not None
    try:
        async with asyncio.timeout(seconds + _GRACE_SECONDS):
            length = await process.stdout.readexactly(LENGTH.size)
            answer: Answer = decode_answer(await process.stdout.readexactly(LENGTH.unpack(length)[0]))
            return answer
    except TimeoutError:
        raise Unreadable(f"The file could not be read within {seconds} seconds.") from None
    except asyncio.IncompleteReadError:
        status = await process.wait()
        if -status == getattr(signal, "SIGALRM", None):  # by which it ends itself
            raise Unreadable(f"The file could not be read within {seconds} seconds.") from None
        log.error("a process that was reading a file ended with status %d", status)
        raise Unreadable("The file could not be read: whatever reads it, dies of it.", code="server_error") from None
