"""reasoning_effort: a server gets a value that it takes, whatever a client asked for."""

from typing import get_args

import pytest

from adapters.chat import ChatRequest, UserMessage
from adapters.dialect import Dialect, request_body
from adapters.dialects import DIALECTS
from adapters.efforts import SCALE, left_by, nearest
from adapters.failures import failure_of_body
from proxy.schema.fields import ReasoningEffort

from .recordings import errors, recorded_json

THREE = ("low", "medium", "high")
REFUSALS = {
    (error.server, error.case): failure_of_body(error.status, error.body.encode()).message for error in errors()
}


def test_the_scale_is_that_of_the_api() -> None:
    assert get_args(ReasoningEffort) == SCALE


@pytest.mark.parametrize(
    ("wanted", "taken", "sent"),
    [
        ("none", SCALE, "none"),
        ("max", SCALE, "max"),
        ("none", THREE, "low"),
        ("minimal", THREE, "low"),
        ("medium", THREE, "medium"),
        ("xhigh", THREE, "high"),
        ("max", THREE, "high"),
        ("minimal", ("none", *THREE), "low"),  # some thinking was wanted
        ("none", ("none", *THREE), "none"),
        ("minimal", ("none",), "none"),
        ("medium", ("low", "high"), "low"),  # the lesser of two
        ("xhigh", ("high", "max"), "high"),
        ("ultra", THREE, "medium"),
        ("high", (), None),
    ],
)
def test_the_nearest(wanted: str, taken: tuple[str, ...], sent: str | None) -> None:
    assert nearest(wanted, taken) == sent


@pytest.mark.parametrize(
    ("refusal", "sent", "left"),
    [
        (REFUSALS["vllm", "err_reasoning_effort"], "max", SCALE[:-1]),
        (REFUSALS["sglang", "err_reasoning_effort"], "max", SCALE[:-1]),
        ("reasoning_effort='max' is not supported by Harmony. Supported values are: high, medium, low.", "max", THREE),
        ('invalid reasoning value: \'xhigh\' (must be "high", "medium", "low", or "none")', "xhigh", ("none", *THREE)),
        ('"llama3" does not support thinking', "low", ()),
        ("Unrecognized request argument supplied: reasoning_effort", "low", ()),
        ("reasoning_effort='max' is not supported, lower max_tokens", "max", ()),
        ("temperature must be low", "low", None),
        ("reasoning_effort is odd", None, None),
    ],
)
def test_what_a_refusal_leaves(refusal: str, sent: str | None, left: tuple[str, ...] | None) -> None:
    assert left_by(refusal, sent=sent, taken=SCALE) == left


def test_what_was_refused_before_does_not_come_back() -> None:
    assert left_by("reasoning_effort: low, medium or high", sent="high", taken=("medium", "high")) == ("medium",)


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
@pytest.mark.parametrize("effort", SCALE)
def test_every_server_gets_what_it_takes(dialect: Dialect, effort: str) -> None:
    body = request_body(dialect, ChatRequest(model="tiny", messages=(UserMessage("hi"),), reasoning_effort=effort))
    ollamas = {"none": "none", "minimal": "low", "xhigh": "high", "max": "high"}
    assert body["reasoning_effort"] == (ollamas.get(effort, effort) if dialect.name == "ollama" else effort)
    switched = effort == "none" and dialect.name in {"vllm", "sglang", "llamacpp"}
    assert body.get("chat_template_kwargs") == ({"enable_thinking": False} if switched else None)


def test_thinking_is_still_turned_off_where_none_is_refused() -> None:
    request = ChatRequest(model="tiny", messages=(UserMessage("hi"),), reasoning_effort="none")
    for efforts, sent in ((THREE, "low"), ((), None)):
        body = request_body(DIALECTS["vllm"], request, efforts=efforts)
        assert (body.get("reasoning_effort"), body["chat_template_kwargs"]) == (sent, {"enable_thinking": False})


@pytest.mark.parametrize("server", ["vllm", "sglang", "llama-server"])
def test_the_switch_was_taken(server: str) -> None:
    assert recorded_json(server, "ext_no_thinking")["choices"][0]["message"]["content"] == "river"
