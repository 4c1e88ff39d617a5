"""A server process for all of a module's files: what one of them does to it, the others would feel."""

from collections.abc import Iterator

import pytest

from tests.bad_input.visitor import Visitor
from tests.processes import serving

WORDS = {"UNDERSTUDY_RETRIEVAL__EMBEDDINGS_MODEL": "none"}
"""Vectors of so much text would take both cores for the rest of the tests."""


@pytest.fixture(scope="module")
def visitor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    # An address where nobody is: no model is needed here.
    with serving(tmp_path_factory.mktemp("outside") / "data", "http://127.0.0.1:9", environ=WORDS) as server:
        yield Visitor(server)
        assert not [line for line in server.said if "Traceback" in line or "ERROR" in line]
