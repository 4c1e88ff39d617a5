"""The shapes that cases compare runs and what belongs to them with, held against what the real service sent."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from compat_tests import pattern
from compat_tests.pattern import differences, shape
from compat_tests.result import Difference
from tests.recordings import cases, scenarios

Object = dict[str, Any]

SHAPES: Final[dict[str, list[str]]] = {
    "thread.run": [
        "run", "run_in_progress", "run_requires_action", "run_queued_again", "run_cancelling", "run_completed",
        "run_incomplete", "run_failed", "run_cancelled", "run_expired",
    ],
    "thread.run.step": [
        "message_step", "message_step_completed", "message_step_over",
        "calls_step", "calls_step_completed", "calls_step_over",
    ],
    "thread.run.step.delta": ["first_call_delta", "call_delta"],
    "thread.message": ["answer", "message_in_progress", "message_completed", "message_incomplete"],
    "thread.message.delta": ["text_delta"],
}  # fmt: skip
OF_THE_REQUEST: Final[dict[str, set[str]]] = {
    "thread.run": {
        "assistant_id", "model", "instructions", "tools", "tool_resources", "metadata", "temperature", "top_p",
        "response_format", "tool_choice", "parallel_tool_calls", "max_completion_tokens", "max_prompt_tokens",
        "truncation_strategy", "reasoning_effort", "required_action",
    },
    "thread.run.step": {"assistant_id", "step_details"},
    "thread.run.step.delta": {"delta"},
    "thread.message": {"assistant_id", "content", "attachments", "metadata"},
    "thread.message.delta": {"delta"},
}  # fmt: skip
"""What a client or a model brought about: any value will do, but it must be there."""
YOUNGER: Final = {"body.parallel_tool_calls", "body.reasoning_effort"}
"""Keys that the service did not have yet when some of it was recorded."""


def objects(value: Any) -> Iterator[Object]:
    match value:
        case dict():
            if value.get("object") in SHAPES and value.get("role") != "user":
                yield value
            for each in value.values():
                yield from objects(each)
        case list():
            for each in value:
                yield from objects(each)


def misfits(value: Object) -> list[Difference]:
    """By the shape that fits best."""
    kind = value["object"]

    def by(name: str) -> list[Difference]:
        keys = shape(name).keys() & OF_THE_REQUEST[kind]
        loose = {**shape(name), **{key: {"$any": True} for key in keys}}
        return [
            each
            for each in differences(loose, value, {})
            if not (each.path in YOUNGER and each.got == "absent") and not is_slip(each)
        ]

    return min(map(by, SHAPES[kind]), key=len)


def is_slip(difference: Difference) -> bool:
    """The service once told of the prompt's limit where the answer's had been reached."""
    return (difference.path, difference.got) == ("body.incomplete_details.reason", '"max_prompt_tokens"')


@pytest.mark.parametrize("recorded", cases([each for each in scenarios("v2") if list(objects(each[1]))]))
def test_what_the_service_sent_has_these_shapes(recorded: tuple[str, Object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pattern, "LONGEST_CLOCK_SKEW", 10**10)
    for each in objects(recorded[1]):
        assert misfits(each) == [], each


def test_a_shape_that_is_not_the_services_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pattern, "LONGEST_CLOCK_SKEW", 10**10)
    delta = {"id": "msg_aaaaaaaaaaaaaaaaaaaaaaaa", "object": "thread.message.delta", "delta": {"content": []}}
    assert misfits(delta) == []
    assert [each.path for each in misfits({**delta, "role": "assistant"})] == ["body.role"]
