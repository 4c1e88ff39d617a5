"""The server that is asked, and the scripted model server behind it, where there is one."""

import asyncio
import os
import re
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from compat_tests.client import Client
from compat_tests.scripted_upstream import ScriptedUpstream

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


@asynccontextmanager
async def foreign(
    base_url: str, api_key: str | None, *, model_server_port: int | None = None, timeout_seconds: float = 30
) -> AsyncIterator[Target]:
    """A server that runs already. With a port, a scripted model server listens there, to which it has been pointed."""
    upstream = None
    if model_server_port is not None:
        upstream = ScriptedUpstream(models=MODELS, context=131_072)
        await upstream.start(model_server_port)
    try:
        async with Client(base_url, api_key, timeout_seconds=timeout_seconds) as client:
            yield Target(client=client, upstream=upstream, is_ours=False)
    finally:
        if upstream is not None:
            await upstream.stop()


@asynccontextmanager
async def started(*, python: str | None = None, environ: dict[str, str] | None = None) -> AsyncIterator[Target]:
    """This server as a process of its own on an empty directory, in front of a scripted model server.

    Raises `CannotStart`.
    """
    upstream = ScriptedUpstream(models=MODELS, context=131_072)
    await upstream.start()
    try:
        with tempfile.TemporaryDirectory(prefix="understudy-conformance-") as data:
            command = [python or sys.executable, "run.py", "serve", "--port", "0", "--data", data]
            command += ["--upstream", upstream.url]
            plain = {name: value for name, value in os.environ.items() if not name.startswith("UNDERSTUDY_")}
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=ROOT,
                env=plain | (environ or {}),
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
                async with Client(url, None) as client:
                    yield Target(client=client, upstream=upstream, is_ours=True)
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
