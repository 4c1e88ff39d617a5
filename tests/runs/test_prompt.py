"""Prompts: what goes in, in which order, and that the beginning stays."""

from collections.abc import Mapping

import msgspec
import pytest

from adapters import chat
from proxy.runs.prompt import build, image_files, with_images
from proxy.schema.messages import ImageFile, ImageFileContent, ImageURL, ImageURLContent, Message, Text, TextContent
from proxy.schema.runs import Run
from proxy.schema.steps import (
    FunctionCallDetails,
    MessageCreation,
    MessageCreationDetails,
    RunStep,
    StepToolCall,
    ToolCallsDetails,
)
from proxy.schema.tools import (
    FunctionChoice,
    FunctionChoiceName,
    JSONObjectFormat,
    JSONSchema,
    JSONSchemaFormat,
    ToolChoice,
)
from tests.runs.conftest import WEATHER, new_run


def message(text: str, role: str = "user", id: str = "msg_1") -> Message:
    return Message(
        id=id,
        created_at=1,
        thread_id="thread_1",
        role=role,
        content=[TextContent(text=Text(value=text))],  # type: ignore[arg-type]
    )


def step(n: int, *calls: tuple[str, str, str | None], message_id: str | None = None) -> RunStep:
    details: MessageCreationDetails | ToolCallsDetails
    if message_id is not None:
        details = MessageCreationDetails(message_creation=MessageCreation(message_id=message_id))
    else:
        details = ToolCallsDetails(
            tool_calls=[
                StepToolCall(
                    id=id,
                    type="function",
                    function=FunctionCallDetails(name="get_weather", arguments=args, output=output),
                )
                for id, args, output in calls
            ]
        )
    return RunStep(
        id=f"step_{n}",
        created_at=1,
        run_id="run_1",
        assistant_id="asst_1",
        thread_id="thread_1",
        type="message_creation" if message_id else "tool_calls",
        status="completed",
        expires_at=None,
        step_details=details,
    )


def built(
    run: Run,
    *history: Message,
    steps: tuple[RunStep, ...] = (),
    own: tuple[Message, ...] = (),
    images: Mapping[str, str] | None = None,
) -> chat.ChatRequest:
    own_messages = {message.id: message for message in own}
    return build(run, model="tiny", history=history, steps=steps, own_messages=own_messages, images=images)


def test_instructions_first_then_the_thread() -> None:
    request = built(new_run(instructions="Be kind."), message("hi"), message("hello", "assistant"), message("so?"))
    assert request.messages == (
        chat.SystemMessage(content="Be kind."),
        chat.UserMessage(content="hi"),
        chat.AssistantMessage(content="hello"),
        chat.UserMessage(content="so?"),
    )


def test_this_runs_rounds_follow_in_the_order_of_the_calls() -> None:
    request = built(
        new_run(tools=[WEATHER]),
        message("weather?"),
        steps=(
            step(1, message_id="msg_9"),
            step(2, ("call_1", '{"city":"Paris"}', "sun"), ("call_2", "{}", "")),
            step(3, ("call_3", "not json", "rain")),
        ),
        own=(message("Let me look.", "assistant", "msg_9"),),
    )
    assert request.messages[1:] == (
        chat.AssistantMessage(
            content="Let me look.",
            tool_calls=(
                chat.ToolCall(id="call_1", function=chat.FunctionCall("get_weather", '{"city":"Paris"}')),
                chat.ToolCall(id="call_2", function=chat.FunctionCall("get_weather", "{}")),
            ),
        ),
        chat.ToolMessage(tool_call_id="call_1", content="sun"),
        chat.ToolMessage(tool_call_id="call_2", content=""),
        chat.AssistantMessage(
            content=None,
            tool_calls=(chat.ToolCall(id="call_3", function=chat.FunctionCall("get_weather", "{}")),),
        ),
        chat.ToolMessage(tool_call_id="call_3", content="rain"),
    )


def test_the_next_prompt_begins_with_the_last_one() -> None:
    run = new_run(instructions="Be kind.", tools=[WEATHER])
    first = built(run, message("weather?"))
    second = built(run, message("weather?"), steps=(step(1, ("call_1", "{}", "sun")),))
    encoded = [msgspec.json.encode(request.messages)[:-1] for request in (first, second)]
    assert encoded[1].startswith(encoded[0])
    assert msgspec.json.encode(first) == msgspec.json.encode(built(run, message("weather?")))


def test_images_are_parts() -> None:
    image = ImageURLContent(image_url=ImageURL(url="https://example.com/a.png", detail="low"))
    given = message("look")
    request = built(new_run(), msgspec.structs.replace(given, content=[*given.content, image]))
    assert request.messages == (
        chat.UserMessage(
            content=(
                chat.TextPart(text="look"),
                chat.ImagePart(image_url=chat.ImageURL(url="https://example.com/a.png", detail="low")),
            )
        ),
    )


def test_image_files_are_the_urls_that_were_made_of_them() -> None:
    given = message("look")
    shown = ImageFileContent(image_file=ImageFile(file_id="file-1", detail="low"))
    history = [msgspec.structs.replace(given, content=[*given.content, shown]), message("and?")]
    assert image_files(history) == {"file-1": given.id}
    assert with_images(history) == [given.id]
    request = built(new_run(), *history, images={"file-1": "data:image/png;base64,AA=="})
    assert request.messages[0] == chat.UserMessage(
        content=(
            chat.TextPart(text="look"),
            chat.ImagePart(image_url=chat.ImageURL(url="data:image/png;base64,AA==", detail="low")),
        )
    )


def test_the_images_of_an_assistant_are_not_sent() -> None:
    shown = ImageFileContent(image_file=ImageFile(file_id="file-1"))
    said = msgspec.structs.replace(message("x"), role="assistant", content=[shown])
    assert image_files([said]) == {}
    assert built(new_run(), said).messages == (chat.AssistantMessage(content=""),)


@pytest.mark.parametrize(
    ("choice", "first", "after_a_round"),
    [
        ("auto", "auto", "auto"),
        ("none", "none", "none"),
        ("required", "required", "auto"),
        (FunctionChoice(function=FunctionChoiceName(name="get_weather")), chat.NamedTool("get_weather"), "auto"),
    ],
)
def test_a_forced_choice_holds_for_the_first_turn(choice: ToolChoice, first: object, after_a_round: object) -> None:
    run = new_run(tools=[WEATHER], tool_choice=choice)
    assert built(run, message("x")).tool_choice == first
    assert built(run, message("x"), steps=(step(1, ("call_1", "{}", "")),)).tool_choice == after_a_round


def test_a_choice_without_functions_is_not_sent() -> None:
    assert built(new_run(tool_choice="required"), message("x")).tool_choice == "auto"


def test_formats() -> None:
    schema = JSONSchemaFormat(json_schema=JSONSchema(name="s", schema={"type": "object"}, strict=True))
    assert built(new_run(response_format=schema), message("x")).response_format == chat.JSONSchemaFormat(
        schema={"name": "s", "schema": {"type": "object"}, "strict": True}
    )
    assert built(new_run(response_format=JSONObjectFormat()), message("x")).response_format == "json_object"
    assert built(new_run(), message("x")).response_format == "text"
