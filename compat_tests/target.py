"""The server that is asked, and the scripted model server behind it, where there is one."""

import asyncio
import json
import os
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from compat_tests.case import Need
from compat_tests.client import Client
from compat_tests.scripted_upstream import ScriptedUpstream

if sys.platform == "linux":
    import resource

ROOT: Final = Path(__file__).resolve().parents[1]
MODELS: Final = ("tiny", "blind")
"""What the scripted model server serves; every other name that a client asks for falls to the first."""
START_SECONDS: Final = 60


class CannotStart(Exception):
    """The server that was to be asked did not come up; in its own words."""


@dataclass(frozen=True, kw_only=True)
class Target:
    client: Client
    upstream: ScriptedUpstream | None
    """None for a foreign server: nobody can tell what its model says."""
    is_ours: bool
    """Whether it was started here, empty, and for this alone."""
    provides: frozenset[Need] = frozenset()
    """What it is known to be set up for."""
    process_id: int | None = None
    """Of a server that was started here."""

    def fill_disk(self, full: bool) -> None:
        """Let the server write nothing to any file from now on, or let it write again (Linux)."""
        assert self.process_id is not None
        assert sys.platform == "linux"
        _, most = resource.prlimit(self.process_id, resource.RLIMIT_FSIZE)
        resource.prlimit(self.process_id, resource.RLIMIT_FSIZE, (0 if full else most, most))


@asynccontextmanager
async def foreign(
    base_url: str,
    api_key: str | None,
    *,
    model_server_port: int | None = None,
    timeout_seconds: float = 30,
    provides: Iterable[Need] = (),
) -> AsyncIterator[Target]:
    """A server that runs already. With a port, a scripted model server listens there, to which it has been pointed."""
    upstream = None
    if model_server_port is not None:
        upstream = ScriptedUpstream(models=MODELS, context=131_072)
        await upstream.start(model_server_port)
    try:
        async with Client(base_url, api_key, timeout_seconds=timeout_seconds) as client:
            yield Target(client=client, upstream=upstream, is_ours=False, provides=frozenset(provides))
    finally:
        if upstream is not None:
            await upstream.stop()


@asynccontextmanager
async def started(
    *, python: str | None = None, environ: dict[str, str] | None = None, needs: Iterable[Need] = ()
) -> AsyncIterator[Target]:
    """This server as a process of its own on an empty directory, with one key, in front of a scripted model server.

    Raises `CannotStart`.
    """
    provides = frozenset(needs)
    if sys.platform != "linux":
        provides -= {"full-disk"}
    upstream = ScriptedUpstream(models=MODELS, context=131_072)
    await upstream.start()
    try:
        with tempfile.TemporaryDirectory(prefix="understudy-conformance-") as data:
            command = [python or sys.executable, "run.py"]
            plain = {name: value for name, value in os.environ.items() if not name.startswith("UNDERSTUDY_")}
            settings = plain | _settings(provides, upstream.url) | (environ or {})
            key = await _new_key(command, data, settings)
            process = await asyncio.create_subprocess_exec(
                *(*command, "serve", "--port", "0", "--data", data),
                cwd=ROOT,
                env=settings,
                stdin=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                limit=2**20,
            )
            assert process.stderr is not None
            said: list[str] = []
            reader: asyncio.Task[None] | None = None
            try:
                url = await _listening(process.stderr, said)
                reader = asyncio.get_running_loop().create_task(_drain(process.stderr))
                async with Client(url, key) as client:
                    yield Target(
                        client=client, upstream=upstream, is_ours=True, provides=provides, process_id=process.pid
                    )
            finally:
                if process.returncode is None:
                    process.terminate()
                    try:
                        await asyncio.wait_for(process.wait(), 10)
                    except TimeoutError:
                        process.kill()
                        await process.wait()
                if reader is not None:
                    await reader
    finally:
        await upstream.stop()


class Servers:
    """Servers as cases need them, each started when it is first asked for. Used as a context manager."""

    def __init__(self, *, python: str | None = None, environ: dict[str, str] | None = None) -> None:
        self._python = python
        self._environ = environ
        self._targets: dict[frozenset[Need], Target] = {}
        self._opened = AsyncExitStack()

    async def __aenter__(self) -> "Servers":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._opened.aclose()

    async def of(self, needs: Iterable[Need]) -> Target:
        """Raises `CannotStart`."""
        wanted = frozenset(needs)
        if wanted not in self._targets:
            opening = started(python=self._python, environ=self._environ, needs=wanted)
            self._targets[wanted] = await self._opened.enter_async_context(opening)
        return self._targets[wanted]


def _settings(needs: frozenset[Need], upstream: str) -> dict[str, str]:
    """The environment of a server that is so."""
    places = {"max_concurrent": 1} if "one-run-at-a-time" in needs else {}
    found = {"UNDERSTUDY_UPSTREAMS": json.dumps([{"url": upstream, **places}])}
    if "strict" in needs:
        found["UNDERSTUDY_SERVER__STRICT"] = "true"
    if "short-expiry" in needs:
        found["UNDERSTUDY_RUNS__EXPIRES_AFTER_SECONDS"] = "2"
    return found


async def _new_key(command: list[str], data: str, settings: dict[str, str]) -> str:
    """Before the server starts: one that has no key answers anybody."""
    process = await asyncio.create_subprocess_exec(
        *(*command, "keys", "create", "--project", "conformance", "--data", data),
        cwd=ROOT,
        env=settings,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, said = await process.communicate()
    if process.returncode != 0:
        raise CannotStart(f"no key can be made:\n{said.decode(errors='replace')}")
    return printed.decode().strip()


async def _listening(stderr: asyncio.StreamReader, said: list[str]) -> str:
    try:
        async with asyncio.timeout(START_SECONDS):
            while line := (await stderr.readline()).decode(errors="replace"):
                said.append(line)
                if found := re.search(r"listening on (http://\S+)", line):
                    return found[1]
    except TimeoutError:
        pass
    raise CannotStart("the server does not listen:\n" + "".join(said))


async def _drain(stderr: asyncio.StreamReader) -> None:
    """A process whose pipe is full stands still."""
    while await stderr.read(2**16):
        pass
