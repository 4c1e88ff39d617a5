"""The words for what a setting takes."""

from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta

from config.expectation import expectation
from config.settings import LogSettings, Port, Seconds


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (int, "a whole number"),
        (Port, "a whole number from 0 to 65535"),
        (Annotated[int, Meta(ge=1)], "a whole number, 1 or more"),
        (Seconds, "a number above 0"),
        (float, "a number"),
        (bool, "true or false"),
        (str, "text"),
        (str | None, "text"),
        (int | Literal["auto"], 'a whole number or one of "auto"'),
        (Annotated[str, Meta(description="x")], "text"),
        (Literal["b", "a"], 'one of "a", "b"'),
        (list[str], "a list, each item text"),
        (dict[str, int], "a table, each value a whole number"),
        (LogSettings, "a table of settings (level)"),
        (bytes, "BytesType"),
    ],
)
def test_expectation(kind: Any, words: str) -> None:
    assert expectation(kind) == words
