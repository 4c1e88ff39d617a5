"""examples/web.mjs: a page, answers while they are written, and a thread that outlives a reload and a browser."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from compat_tests.scripted_upstream import ScriptedUpstream, error, text
from tests.examples.programs import HAS_NODE, NO_NODE, NODE, PACKAGES, Programs
from tests.processes import ROOT

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not HAS_NODE, reason=NO_NODE),
]


@pytest_asyncio.fixture(loop_scope="session")
async def browser(programs: Programs, tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    """With cookies, in front of the example, which has found its packages beside it, as after `npm install`."""
    (tmp_path / "web.mjs").write_bytes((ROOT / "examples/web.mjs").read_bytes())
    (tmp_path / "node_modules").symlink_to(PACKAGES)
    async with programs.running(str(NODE), "web.mjs", directory=tmp_path, PORT="0") as server:
        url = (await server.hear("\n")).strip()
        async with aiohttp.ClientSession(url, cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
            yield browser


async def said(browser: aiohttp.ClientSession) -> list[tuple[str, str]]:
    async with browser.get("/messages") as answer:
        assert answer.status == 200
        return [(each["role"], each["text"]) for each in await answer.json()]


async def test_a_chat_in_a_browser(browser: aiohttp.ClientSession, upstream: ScriptedUpstream) -> None:
    async with browser.get("/") as page:
        assert page.content_type == "text/html"
        assert "<form>" in await page.text()
    assert await said(browser) == []

    gate, left = asyncio.Event(), asyncio.Event()
    upstream.script(
        [
            text("one two three").waiting(gate, after=1),
            text("four five").waiting(left, after=1),
            error(400, {"error": {"message": "no such thing"}}),
        ]
    )
    async with browser.post("/messages", data="Count") as answer:
        assert await answer.content.readexactly(3) == b"one"  # before the model has said more
        gate.set()
        assert await answer.read() == b" two three"

    async with browser.post("/messages", data="Go on") as answer:
        assert await answer.content.readexactly(4) == b"four"
        answer.close()  # the browser leaves in the middle
    left.set()
    whole = [("user", "Count"), ("assistant", "one two three"), ("user", "Go on"), ("assistant", "four five")]
    async with asyncio.timeout(10):
        while await said(browser) != whole:  # noqa: ASYNC110 - a page can only ask
            await asyncio.sleep(0.05)

    async with browser.post("/messages", data="Do such a thing") as answer:
        assert (await answer.text()).startswith("[")
    async with browser.post("/messages", data="a" * 10_001) as answer:
        assert answer.status == 413
    async with browser.get("/else") as answer:
        assert answer.status == 404


async def test_a_thread_that_is_gone(browser: aiohttp.ClientSession, upstream: ScriptedUpstream) -> None:
    stale = {"Cookie": "thread=thread_of_before"}
    async with browser.get("/messages", headers=stale) as answer:
        assert (answer.status, await answer.json()) == (200, [])
    upstream.script([text("Hello.")])
    async with browser.post("/messages", data="Hello", headers=stale) as answer:
        assert await answer.text() == "Hello."
    assert await said(browser) == [("user", "Hello"), ("assistant", "Hello.")]
