"""Counting tokens without a model server."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters import ranks

ROOT = Path(__file__).parents[2]


@pytest.fixture
def forgotten() -> Iterator[None]:
    """As if nothing had been counted yet, before and after."""
    ranks.counter.cache_clear()
    yield
    ranks.counter.cache_clear()


async def test_by_the_ranks() -> None:
    assert await ranks.estimate(["", "hello world", "tokenization <|endoftext|>"]) == [0, 2, 9]
    assert await ranks.estimate([]) == []


async def test_long_texts() -> None:
    assert await ranks.estimate(["hello " * 20_000]) == [20_001]


@pytest.mark.usefixtures("forgotten")
async def test_without_the_ranks(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """By length, and said once."""
    monkeypatch.setattr(ranks, "RANK_FILE", "not-there")
    assert await ranks.estimate(["", "12345678", "žluť"]) == [1, 3, 2]
    assert await ranks.estimate(["1234"]) == [2]
    assert [record.message for record in caplog.records if "rank files" in record.message] == [
        "the rank files of tiktoken are not installed: tokens are estimated from the length of texts"
    ]


@pytest.mark.usefixtures("forgotten")
def test_a_directory_of_the_operator_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(ranks.CACHE_VARIABLE, str(tmp_path))
    assert ranks.find_ranks() != tmp_path
    (tmp_path / ranks.RANK_FILE).touch()
    assert ranks.find_ranks() == tmp_path


def test_nothing_is_imported_before_it_is_needed_and_the_package_of_the_ranks_never() -> None:
    """Importing them takes seconds; and the ranks need no network."""
    program = (
        "import sys, asyncio, adapters\n"
        "assert 'tiktoken' not in sys.modules\n"
        "from adapters import ranks\n"
        "assert asyncio.run(ranks.estimate(['hello world'])) == [2]\n"
        "assert 'tiktoken' in sys.modules\n"
        "assert not any(name.startswith('llama_index') for name in sys.modules)\n"
    )
    environment = {"HTTPS_PROXY": "http://127.0.0.1:9", "PATH": ""}
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, check=True, timeout=60)
