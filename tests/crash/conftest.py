"""A model server that takes its time, so that there is something to interrupt."""

from collections.abc import Iterator

import pytest

from tests.processes import model_server


@pytest.fixture
def slow_model() -> Iterator[str]:
    """Three milliseconds a word."""
    with model_server("--delay-ms", "3") as url:
        yield url
