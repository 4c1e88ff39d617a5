"""Programs of users as processes: they find the server where their environment says, and know nothing of the tests."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from compat_tests.target import Target
from tests.processes import ROOT

NODE = shutil.which("node")
PACKAGES = ROOT / "tests/node/node_modules"
NO_NODE = "no node" if NODE is None else "no packages of node: `make test` installs them"
HAS_NODE = NODE is not None and (PACKAGES / "openai").exists()
PATIENCE_SECONDS = 30


class Program:
    """One that runs. Its standard error must stay empty."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    def say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())

    async def hear(self, end: str) -> str:
        """What it prints up to and with `end`."""
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            return (await self._process.stdout.readuntil(end.encode())).decode()

    def interrupt(self) -> None:
        """Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    async def end(self) -> str:
        """Say no more, and wait for its end; what it printed that nobody has heard yet."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        async with asyncio.timeout(PATIENCE_SECONDS):
            printed, said = await self._process.communicate()
        assert self._process.returncode == 0, said.decode()
        assert said.decode() == ""
        return printed.decode()


class Programs:
    def __init__(self, target: Target) -> None:
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "AZURE_"))},
            "OPENAI_BASE_URL": f"{target.client.base_url}/v1",
            "OPENAI_API_KEY": target.client.api_key or "unused",
            "SERVER": target.client.base_url,
        }

    @asynccontextmanager
    async def running(self, *command: str | Path, directory: Path = ROOT, **environment: str) -> AsyncIterator[Program]:
        process = await asyncio.create_subprocess_exec(
            *map(str, command),
            cwd=directory,
            env=self.environment | environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            yield Program(process)
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()

    async def output(self, *command: str | Path, directory: Path = ROOT, **environment: str) -> str:
        """Of a program that ends by itself, well and without a word on standard error."""
        async with self.running(*command, directory=directory, **environment) as program:
            return await program.end()

    async def example(self, name: str, *arguments: str | Path) -> str:
        return await self.output(sys.executable, f"examples/{name}", *arguments)
