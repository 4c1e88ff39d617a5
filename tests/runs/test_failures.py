"""Every kind of upstream failure has its row."""

import pytest

from adapters import errors
from proxy.runs.failures import FAILURES, SORRY, last_error

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.UpstreamError) and kind is not errors.UpstreamError
]


def test_the_table_is_complete() -> None:
    assert set(FAILURES) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_failure_has_words(kind: type[errors.UpstreamError]) -> None:
    error = last_error(kind("the {server} said\nand a stack trace"), model="tiny")
    assert error.message
    assert "stack trace" not in error.message
    assert error.code == "server_error" or not error.message.startswith(SORRY)


def test_a_rate_limit_keeps_its_code() -> None:
    assert last_error(errors.RateLimited("busy"), model="tiny").code == "rate_limit_exceeded"


@pytest.mark.parametrize(
    ("images", "place"),
    [
        ([], "there is one in the prompt."),
        (["msg_a"], "there is one in message msg_a."),
        (["msg_a", "msg_b", "msg_c"], "there is one in each of the messages msg_a, msg_b and msg_c."),
        ([f"msg_{n}" for n in range(9)], "there is one in each of 9 messages, the last of them msg_8."),
    ],
)
def test_images_that_are_not_seen_are_named(images: list[str], place: str) -> None:
    error = last_error(errors.CannotSee("no mmproj"), model="tiny", images=images)
    assert error.code == "invalid_prompt"
    assert error.message.startswith(f"The model tiny cannot see images, and {place} Choose a model that sees")


def test_a_kind_that_is_not_in_the_table_is_still_an_error() -> None:
    assert last_error(errors.UpstreamError("?"), model="tiny").message == SORRY
