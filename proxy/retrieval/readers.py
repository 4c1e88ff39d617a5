"""The reader processes of a server, asked for what a file says."""

import logging
import signal
from collections.abc import AsyncGenerator
from typing import Final

from proxy.retrieval.processes import Died, Processes, Silent, Worker
from proxy.retrieval.protocol import Answer, Failed, MakeWords, Piece, ReadFile, Words
from proxy.retrieval.unreadable import Unreadable

log = logging.getLogger(__name__)

_MODULE: Final = "proxy.retrieval.reader"


class Readers:
    """Up to so many processes, all of them ended by `rest`."""

    def __init__(self, most: int) -> None:
        self.processes = Processes(_MODULE, most)

    async def read(self, task: ReadFile) -> AsyncGenerator[Piece, None]:
        """Pieces of a file, the last of which says so. Raises `Unreadable`."""
        async with self.processes.one() as worker:
            worker.send(task)
            while True:
                match await _answer(worker, task.seconds):
                    case Piece() as piece:
                        worker.is_done = piece.is_last
                        yield piece
                        if piece.is_last:
                            return
                    case Failed(code=code, message=message):
                        worker.is_done = True
                        raise Unreadable(message, code=code)
                    case answer:
                        raise RuntimeError(f"A reader answered a file with {answer}.")

    async def words(self, task: MakeWords) -> list[str]:
        async with self.processes.one() as worker:
            worker.send(task)
            match await _answer(worker, task.seconds):
                case Words(words=words):
                    worker.is_done = True
                    return words
                case answer:
                    raise RuntimeError(f"A reader answered chunks with {answer}.")

    async def rest(self) -> None:
        """End those that have nothing to do."""
        await self.processes.rest()

    async def aclose(self) -> None:
        """End all of them, whatever they do."""
        await self.processes.aclose()


async def _answer(worker: Worker, seconds: int) -> Answer:
    try:
        return await worker.answer(seconds)
    except Silent:
        raise Unreadable(f"The file could not be read within {seconds} seconds.") from None
    except Died as end:
        if -end.status == getattr(signal, "SIGALRM", None):  # by which it ends itself
            raise Unreadable(f"The file could not be read within {seconds} seconds.") from None
        log.error("a process that was reading a file ended with status %d", end.status)
        raise Unreadable("The file could not be read: whatever reads it, dies of it.", code="server_error") from None
