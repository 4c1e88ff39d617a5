"""What a model is told, and where it stands in the conversation."""

import pytest

from adapters.asking import (
    LONGEST_QUOTE,
    MadeCall,
    corrected,
    quoted,
    to_call,
    told,
    with_format,
    with_outputs,
)
from adapters.chat import (
    AssistantMessage,
    FunctionCall,
    ImagePart,
    ImageURL,
    JSONSchemaFormat,
    SystemMessage,
    TextPart,
    ToolCall,
    ToolMessage,
    UserMessage,
)

HI = UserMessage("hi")
SCHEMA = JSONSchemaFormat(schema={"name": "kind", "schema": {"type": "object", "required": ["kind"]}})


def test_the_format_stands_at_the_end_of_the_system_message() -> None:
    words = "Answer with JSON that is valid for this JSON Schema, and with nothing else:\n"
    words += '{"type":"object","required":["kind"]}'
    assert with_format((SystemMessage("be brief"), HI), SCHEMA, has_tools=False) == (
        SystemMessage(f"be brief\n\n{words}"),
        HI,
    )
    assert with_format((HI,), SCHEMA, has_tools=False) == (SystemMessage(words), HI)


@pytest.mark.parametrize(
    ("wanted", "has_tools", "words"),
    [
        ("json_object", False, "Answer with one JSON object, and with nothing else."),
        ("json_object", True, "When you do not call a function, answer with one JSON object, and with nothing else."),
        (
            JSONSchemaFormat(schema={"name": "x", "description": "a list", "schema": {}}),
            False,
            "Answer with JSON that is valid for this JSON Schema (a list), and with nothing else:\n{}",
        ),
        (
            JSONSchemaFormat(schema={"name": "x", "description": None, "schema": None}),
            True,
            "When you do not call a function, answer with JSON that is valid for this JSON Schema, and with nothing "
            "else:\n{}",
        ),
    ],
)
def test_words_for_formats(wanted: JSONSchemaFormat, has_tools: bool, words: str) -> None:
    assert with_format((), wanted, has_tools=has_tools) == (SystemMessage(words),)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((), (UserMessage("now"),)),
        ((HI,), (UserMessage("hi\n\nnow"),)),
        ((HI, AssistantMessage("ho")), (HI, AssistantMessage("ho"), UserMessage("now"))),
        ((ToolMessage("c", "21"),), (ToolMessage("c", "21"), UserMessage("now"))),
        (
            (UserMessage((ImagePart(ImageURL(url="data:")),)),),
            (UserMessage((ImagePart(ImageURL(url="data:")), TextPart("now"))),),
        ),
    ],
)
def test_no_two_user_messages_follow_each_other(
    before: tuple[UserMessage, ...], after: tuple[UserMessage, ...]
) -> None:
    assert told(before, "now") == after


def test_a_correction_follows_what_was_said() -> None:
    assert corrected((HI,), "river", "no") == (HI, AssistantMessage("river"), UserMessage("no"))
    assert corrected((HI,), " \n", "no") == (UserMessage("hi\n\nno"),)


def test_only_the_beginning_of_much_talk_is_quoted() -> None:
    assert quoted("river") == "river"
    assert quoted("x" * 100_000) == "x" * LONGEST_QUOTE + "…"


def test_every_wrong_call_has_an_output_that_says_why() -> None:
    calls = [
        MadeCall(id="c1", name="get_weather", arguments='{"city":1}', wrong="1 is not of type 'string'"),
        MadeCall(id=None, name="get_time", arguments="{}", wrong=None),
    ]
    assert with_outputs((HI,), "", calls) == (
        HI,
        AssistantMessage(
            None,
            (
                ToolCall(id="c1", function=FunctionCall("get_weather", '{"city":1}')),
                ToolCall(id="call_1", function=FunctionCall("get_time", "{}")),
            ),
        ),
        ToolMessage(
            "c1",
            "Not called. Its arguments do not fit its parameters: 1 is not of type 'string'. "
            "Call it again, with arguments that fit.",
        ),
        ToolMessage("call_1", "Not called yet, because another call was wrong. Call it again."),
    )


def test_words_for_calls() -> None:
    assert to_call({"b", "a"}) == "Call one of these functions: a, b. Answer with the call and with nothing else."
    assert to_call({"a"}) == "Call the function a. Answer with the call and with nothing else."
