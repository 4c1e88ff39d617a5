"""Operations on a real store, with a scripted model server behind them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compat_tests.scripted_upstream import ScriptedUpstream, scripted_upstream
from config.settings import UpstreamSettings
from proxy.services import Services
from tests.serving import furnished, serving

HOME = "home"
AWAY = "away"
"""Two projects."""


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with scripted_upstream() as upstream:
        yield upstream


@pytest.fixture
async def services(tmp_path: Path, upstream: ScriptedUpstream) -> AsyncIterator[Services]:
    async with serving(tmp_path / "data", UpstreamSettings(url=upstream.url, dialect="generic")) as services:
        await furnished(services, HOME, files=["file-1", "file-2"], stores=["vs_1", "vs_2"])
        yield services
