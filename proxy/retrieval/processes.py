"""Processes that work for the server: started when there is something to do, each at one task, ended when in doubt."""

import asyncio
import logging
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from proxy.retrieval.protocol import LENGTH, Answer, Task, decode_answer, frame

log = logging.getLogger(__name__)

_SECRETS: Final = ("UNDERSTUDY_", "AWS_")
"""How variables begin that may hold keys."""
_ROOT: Final = Path(__file__).parents[2]
_READ_BYTES: Final = 1 << 16
_GRACE_SECONDS: Final = 5.0
"""Beyond what a process takes for itself, so that it can say what was wrong."""


class Silent(Exception):
    """A process has said nothing for too long."""


class Died(Exception):
    """A process has ended in the middle of a task."""

    def __init__(self, status: int) -> None:
        super().__init__(f"ended with status {status}")
        self.status = status
        """As `subprocess` has it: the number of a signal is negative."""


class Worker:
    """One of the processes, for one task."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.is_done = False
        """Whether it has said all there is to say; set by whoever has the worker."""

    def send(self, task: Task) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(frame(task))  # a task is small, or as large as an answer: no need to wait

    async def answer(self, seconds: int) -> Answer:
        """Raises `Silent` and `Died`."""
        assert self.process.stdout is not None
        try:
            async with asyncio.timeout(seconds + _GRACE_SECONDS):
                length = await self.process.stdout.readexactly(LENGTH.size)
                return decode_answer(await self.process.stdout.readexactly(LENGTH.unpack(length)[0]))
        except TimeoutError:
            raise Silent from None
        except asyncio.IncompleteReadError:
            raise Died(await self.process.wait()) from None


class Processes:
    """Up to so many of one module, all of them ended by `rest` when they have nothing to do, and by `aclose`."""

    def __init__(
        self, module: str, most: int, *, arguments: Sequence[str] = (), environ: Mapping[str, str] | None = None
    ) -> None:
        self._command = ("-m", module, *arguments)
        self._environ = dict(environ or {})
        self._places = asyncio.Semaphore(most)
        self._idle: list[Process] = []
        self.alive: set[Process] = set()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Worker]:
        """A process for oneself. Unless it was done it is ended: nobody knows what it would say next."""
        async with self._places:
            worker = Worker(await self._living())
            try:
                yield worker
            finally:
                if worker.is_done:
                    self._idle.append(worker.process)
                else:
                    await self._end(worker.process)

    async def rest(self) -> None:
        """End those that have nothing to do."""
        idle, self._idle = self._idle, []
        for process in idle:
            await self._end(process)

    async def aclose(self) -> None:
        """End all of them, whatever they do."""
        for process in list(self.alive):
            await self._end(process)

    async def _living(self) -> Process:
        while self._idle:
            process = self._idle.pop()
            if process.returncode is None:
                return process
            self.alive.discard(process)  # somebody else has ended it
        return await self._start()

    async def _start(self) -> Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *self._command,
            stdin=PIPE,
            stdout=PIPE,
            cwd=_ROOT,
            # What reads files from strangers need not know the keys of model servers, nor those of a bucket.
            env={name: value for name, value in os.environ.items() if not name.startswith(_SECRETS)}
            | {"PYTHONPATH": str(_ROOT)}
            | self._environ,
            process_group=0,  # Ctrl-C is for the server, which ends its processes itself
        )
        self.alive.add(process)
        return process

    async def _end(self, process: Process) -> None:
        with suppress(ProcessLookupError):
            process.kill()
        assert process.stdout is not None
        # For asyncio it is over when its pipes are, and one that is full is not read to its end by itself.
        with suppress(RuntimeError):  # somebody else reads it
            while await process.stdout.read(_READ_BYTES):
                pass
        await process.wait()
        self.alive.discard(process)
