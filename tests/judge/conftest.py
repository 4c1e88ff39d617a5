"""Both generations of the official client, as judges over all recordings: once in a session, both at a time."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest_asyncio

from compat_tests.exchange import Recording
from compat_tests.reading import read
from tests.judge.sessions import Court, Judged, court, distinct
from tests.processes import ROOT
from tests.recordings import DIRECTORY

FIRST = ROOT / ".venv-openai1" / "bin" / "python"
NO_FIRST = "no environment with the first generation of the client: `make test` sets it up"
RECORDINGS = [each for each in read(DIRECTORY) if each.api_version == "v2"] if DIRECTORY.is_dir() else []
JUDGES: dict[str, tuple[Path, list[Recording]]] = {
    "first": (FIRST, RECORDINGS),
    # Judges the same again, which takes its time: no two scenarios that are alike.
    "newest": (Path(sys.executable), distinct(RECORDINGS)),
}
"""By generation: the interpreter that has the client, and what it is asked to judge."""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def courts() -> AsyncIterator[dict[str, Court]]:
    """By generation; those that are installed."""
    async with AsyncExitStack() as opened:
        there = {name: python for name, (python, _) in JUDGES.items() if python.exists()}
        found = await asyncio.gather(*(opened.enter_async_context(court(python)) for python in there.values()))
        yield dict(zip(there, found, strict=True))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def verdicts(courts: dict[str, Court]) -> dict[str, dict[str, Judged]]:
    """By generation and name of the recording."""

    async def of(generation: str, court: Court) -> dict[str, Judged]:
        return {each.name: await court.judge(each) for each in JUDGES[generation][1]}

    found = await asyncio.gather(*(of(*each) for each in courts.items()))
    return dict(zip(courts, found, strict=True))
