"""SIGTERM: streams are given a chance, then the process ends with status 0; what it left goes on in the next one."""

import asyncio
import signal
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.crash.clients import Client
from tests.processes import Server, serving


async def streamed(server: Server, session: aiohttp.ClientSession, words: int) -> tuple[list[tuple[str, Any]], str]:
    """SIGTERM in the middle of a run's answer: all frames of its stream, and the path of the run."""
    client = Client(session, server.url, lambda: None)
    assistant = await client.ask("POST", "/assistants", {"model": "tiny"})
    said = {"role": "user", "content": " ".join(f"word{n}" for n in range(words))}
    frames: list[tuple[str, Any]] = []

    def note(name: str, data: Any) -> None:
        frames.append((name, data))
        if len(frames) == 10:
            server.send(signal.SIGTERM)

    await client.stream("/threads/runs", {"assistant_id": assistant["id"], "thread": {"messages": [said]}}, note)
    run = frames[1][1]
    return frames, f"/threads/{run['thread_id']}/runs/{run['id']}"


async def test_a_stream_is_let_to_its_end(tmp_path: Path, slow_model: str) -> None:
    async with aiohttp.ClientSession() as session:
        with serving(tmp_path / "data", slow_model) as server:
            idle = await session.get(f"{server.url}/health/live")  # a connection that is kept open, and does nothing
            frames, _ = await streamed(server, session, words=100)
            assert (frames[-1][0], frames[-1][1]["status"]) == ("thread.run.completed", "completed")
            ended = time.monotonic()
            assert await asyncio.to_thread(server.wait) == 0
            assert time.monotonic() - ended < 5
            idle.close()
    assert not [line for line in server.said if "ERROR" in line or "Traceback" in line]


async def test_a_stream_that_takes_too_long(tmp_path: Path, slow_model: str) -> None:
    """It ends without an end of its run, which goes on in the next process."""
    patience = {"UNDERSTUDY_SERVER__SHUTDOWN_SECONDS": "0.2"}
    async with aiohttp.ClientSession() as session:
        with serving(tmp_path / "data", slow_model, environ=patience) as server:
            begun = time.monotonic()
            frames, path = await streamed(server, session, words=500)
            assert frames[-1][0] == "thread.message.delta"
            assert await asyncio.to_thread(server.wait) == 0
            assert time.monotonic() - begun < 5
        with serving(tmp_path / "data", slow_model) as server:
            client = Client(session, server.url, lambda: None)
            run = await client.poll(path)
            assert run["status"] == "completed"
            (message,) = (await client.ask("GET", f"{path.rsplit('/', 2)[0]}/messages?run_id={run['id']}"))["data"]
            assert message["content"][0]["text"]["value"].endswith(" word499")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_with_nothing_to_do(tmp_path: Path, slow_model: str, number: signal.Signals) -> None:
    with serving(tmp_path / "data", slow_model) as server:
        server.send(number)
        begun = time.monotonic()
        assert await asyncio.to_thread(server.wait) == 0
        assert time.monotonic() - begun < 5
    assert "stopping" in server.said[-1]
