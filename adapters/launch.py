"""Starts a model server on this machine, waits until it can answer, and stops it with us.

It runs in a process group of its own, so that its workers go with it. On Linux the kernel also ends it when we die
without a chance to do so.
"""

import asyncio
import ctypes
import logging
import os
import shutil
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

import aiohttp

from adapters.dialects import DIALECTS
from adapters.errors import Unreachable
from config.settings import DialectName, LaunchSettings, UpstreamSettings

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.25
TERMINATE_SECONDS: Final = 10.0
TAIL_LINES: Final = 30

COMMANDS: Final[Mapping[str, Callable[[str, int], list[str]]]] = {
    "sglang": lambda model, port: [
        *(sys.executable, "-m", "sglang.launch_server"),
        *("--model-path", model, "--host", "127.0.0.1", "--port", str(port)),
    ],
    "vllm": lambda model, port: ["vllm", "serve", model, "--host", "127.0.0.1", "--port", str(port)],
    # A name that is no file is one of the model hub, which llama-server fetches with another option.
    "llama-server": lambda model, port: [
        *("llama-server", "--model" if os.path.exists(model) else "--hf-repo", model),
        *("--host", "127.0.0.1", "--port", str(port), "--jinja"),
    ],
}
DIALECT_OF: Final[Mapping[str, DialectName]] = {"sglang": "sglang", "vllm": "vllm", "llama-server": "llamacpp"}


class LaunchFailed(Unreachable):
    """It did not start. The message ends with the last lines of its output."""


class Launched:
    """A model server that we started. `stop` it."""

    def __init__(self, process: asyncio.subprocess.Process, *, server: str, url: str) -> None:
        self.url = url
        self._server = server
        self._process = process
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._reader = asyncio.get_running_loop().create_task(self._read(), name=f"output of {server}")

    @property
    def settings(self) -> UpstreamSettings:
        return UpstreamSettings(url=self.url, dialect=DIALECT_OF[self._server])

    async def ready(self, timeout_seconds: float) -> None:
        """Wait until it answers. Raises LaunchFailed when it ends before, or takes longer."""
        try:
            async with asyncio.timeout(timeout_seconds):
                while not await _answers(self.url):
                    if self._process.returncode is not None:
                        await self._reader
                        raise self._failed(f"ended with status {self._process.returncode} before it was ready")
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            raise self._failed(f"was not ready after {timeout_seconds:g} seconds") from None

    async def stop(self, *, terminate_seconds: float = TERMINATE_SECONDS) -> None:
        """Ask it to end; after a while, make it. Its whole process group."""
        try:
            _signal_group(self._process.pid, signal.SIGTERM)
            async with asyncio.timeout(terminate_seconds):
                await self._process.wait()
        except TimeoutError:
            log.warning("%s did not end when asked to", self._server)
        finally:
            # Also after it ended by itself: its workers may not have.
            _signal_group(self._process.pid, signal.SIGKILL)
            await self._process.wait()
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)

    def _failed(self, what: str) -> LaunchFailed:
        tail = "\n".join(self._tail) or "(it said nothing)"
        return LaunchFailed(f"{self._server} {what}. The end of its output:\n{tail}")

    async def _read(self) -> None:
        """Read all that it says, or it would stand still when the pipe is full."""
        assert self._process.stdout is not None
        buffered = b""
        while read := await self._process.stdout.read(65536):
            *lines, buffered = (buffered + read)[-65536:].splitlines(keepends=True)
            for line in [*lines, buffered] if buffered.endswith((b"\n", b"\r")) else lines:
                self._say(line)
            if buffered.endswith((b"\n", b"\r")):
                buffered = b""
        if buffered:
            self._say(buffered)

    def _say(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip()
        if text:
            self._tail.append(text)
            log.debug("%s: %s", self._server, text)


async def start_server(settings: LaunchSettings, *, command: Sequence[str] | None = None) -> Launched:
    """Start the server of the settings and wait until it answers. Raises LaunchFailed.

    `command`: what to run instead of the server's own command; `{port}` in it is replaced.
    """
    assert settings.server is not None
    port = settings.port or _free_port()
    if command is None:
        arguments = [*COMMANDS[settings.server](settings.model or "", port), *settings.options]
    else:
        arguments = [part.replace("{port}", str(port)) for part in command]
    if shutil.which(arguments[0]) is None:
        raise LaunchFailed(f"cannot start {settings.server}: there is no program {arguments[0]} on the PATH")
    log.info("starting %s: %s", settings.server, " ".join(arguments))
    try:
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
    except OSError as error:
        raise LaunchFailed(f"cannot start {settings.server}: {error}") from None
    launched = Launched(process, server=settings.server, url=f"http://127.0.0.1:{port}")
    try:
        await launched.ready(settings.ready_timeout_seconds)
    except BaseException:
        await launched.stop()
        raise
    log.info("%s is ready at %s", DIALECTS[launched.settings.dialect].title, launched.url)
    return launched


async def _answers(url: str) -> bool:
    """Whether it lists its models: cheap everywhere, and none does before its model is loaded but llama-server.

    llama-server lists while it loads, but its /health is 503 then; SGLang's /health runs a token, which is the very
    thing to know here.
    """
    timeout = aiohttp.ClientTimeout(total=30)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(f"{url}/health") as response:
            return response.status == 200
    except (aiohttp.ClientError, OSError):
        return False


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # it has ended already
        os.killpg(pid, number)


def _free_port() -> int:
    """A port that is free at this moment. Another program may take it before the server does; it will say so."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


_PR_SET_PDEATHSIG: Final = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    """In the child, before it runs its program: have the kernel end it when the thread that started it is gone.

    prctl(2). Started from the main thread, that is when our process dies, however it dies.
    """
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
