"""A run, its thread and its steps as one request to a model.

Prefix-stable: the same objects give the same bytes (no clock, no ids drawn, no order by accident), the system message
comes first, then the thread oldest first, then this run's own calls and outputs. So a thread's next prompt begins with
its last one, and the model server's prefix cache holds.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from adapters import chat
from proxy.runs.progress import RunProgress
from proxy.runs.searching import MOST_ROUNDS, Offer, function_of, numbered, offer_of, rounds, search_name, shown
from proxy.schema.messages import (
    FileCitationAnnotation,
    ImageFileContent,
    ImageURLContent,
    Message,
    RefusalContent,
    TextContent,
)
from proxy.schema.runs import Run
from proxy.schema.steps import FunctionCallDetails, MessageCreationDetails, RunStep, StepToolCall, ToolCallsDetails
from proxy.schema.tools import FileSearchChoice, FunctionChoice, FunctionTool, JSONObjectFormat, JSONSchemaFormat

LONGEST_QUERY: Final = 2_000
"""Characters of what is searched for, for a model that cannot call tools; a longer message is cut."""


class Unsendable(Exception):
    """The thread holds something that no model server can be given; the text is for the client."""


def build(
    run: Run,
    *,
    model: str,
    history: Sequence[Message],
    steps: Sequence[RunStep],
    own_messages: Mapping[str, Message],
    images: Mapping[str, str] | None = None,
    max_tokens: int | None = None,
    progress: RunProgress | None = None,
) -> chat.ChatRequest:
    """`history` is the thread without this run's own messages, oldest first; `steps` are this run's, oldest first.

    `images` has a URL for every image file that `image_files` finds in the history.
    """
    urls = images or {}
    progress = progress or RunProgress()
    offer = offer_of(run, progress)
    said = [_said(message, urls) for message in history]
    if progress.searches_first:
        said = _with_passages(said, list(_shown(run, steps, progress).values()))
    messages = (*_system(run), *said, *this_run(run, steps, own_messages, progress))
    tools = tuple(_function(tool) for tool in run.tools if isinstance(tool, FunctionTool))
    if offer is not None and not progress.searches_first and rounds(steps) < MOST_ROUNDS:
        tools = (*tools, function_of(offer))
    return chat.ChatRequest(
        model=model,
        messages=messages,
        tools=tools,
        tool_choice=_tool_choice(run, steps, offer) if tools else "auto",
        parallel_tool_calls=run.parallel_tool_calls,
        temperature=run.temperature,
        top_p=run.top_p,
        max_tokens=max_tokens,
        response_format=_response_format(run),
        reasoning_effort=run.reasoning_effort,
    )


def _system(run: Run) -> Iterator[chat.SystemMessage]:
    if run.instructions:
        yield chat.SystemMessage(content=run.instructions)


def _said(message: Message, images: Mapping[str, str]) -> chat.ChatMessage:
    if message.role == "assistant":
        return chat.AssistantMessage(content=text_of(uncited(message)))
    if all(isinstance(part, TextContent) for part in message.content):
        return chat.UserMessage(content=text_of(message))
    return chat.UserMessage(content=tuple(_part(part, message, images) for part in message.content))


def asked_last(history: Iterable[Message]) -> str:
    """What the user said last, to be searched for; nothing where there is no such message."""
    said = [text_of(message) for message in history if message.role == "user"]
    return said[-1].strip()[:LONGEST_QUERY] if said else ""


def with_images(history: Iterable[Message]) -> list[str]:
    """The ids of the messages that images are sent from."""
    return [
        message.id
        for message in history
        if message.role == "user"
        and any(isinstance(part, ImageURLContent | ImageFileContent) for part in message.content)
    ]


def image_files(history: Iterable[Message]) -> dict[str, str]:
    """The ids of the files that are sent as images, each with the id of the first message that names it."""
    found: dict[str, str] = {}
    for message in history:
        for part in message.content if message.role == "user" else ():
            if isinstance(part, ImageFileContent):
                found.setdefault(part.image_file.file_id, message.id)
    return found


def text_of(message: Message) -> str:
    """The words of a message; parts are joined as paragraphs."""
    parts = (
        part.text.value if isinstance(part, TextContent) else part.refusal
        for part in message.content
        if isinstance(part, TextContent | RefusalContent)
    )
    return "\n\n".join(parts)


def uncited(message: Message) -> Message:
    """The message without its citations: what they stand for is not in this prompt, and models copy what they see."""
    if not any(isinstance(part, TextContent) and part.text.annotations for part in message.content):
        return message
    return replace(
        message, content=[_uncited(part) if isinstance(part, TextContent) else part for part in message.content]
    )


def _uncited(part: TextContent) -> TextContent:
    value = part.text.value
    for annotation in reversed(part.text.annotations):
        if isinstance(annotation, FileCitationAnnotation):
            value = value[: annotation.start_index] + value[annotation.end_index :]
    return TextContent(text=replace(part.text, value=value, annotations=[]))


def _part(part: object, message: Message, images: Mapping[str, str]) -> chat.ContentPart:
    match part:
        case TextContent(text=text):
            return chat.TextPart(text=text.value)
        case ImageURLContent(image_url=image):
            return _image(image.url, image.detail)
        case ImageFileContent(image_file=file):
            return _image(images[file.file_id], file.detail)
        case _:
            raise Unsendable(f"Message {message.id} holds content that cannot be sent to a model.")


def _image(url: str, detail: str) -> chat.ImagePart:
    # "auto" is every server's default, and some refuse the key.
    return chat.ImagePart(image_url=chat.ImageURL(url=url, detail=None if detail == "auto" else detail))


def this_run(
    run: Run, steps: Sequence[RunStep], own_messages: Mapping[str, Message], progress: RunProgress
) -> Iterator[chat.ChatMessage]:
    """This run's finished turns: what the model said, what it called, what came back, in the order of the calls."""
    found = _shown(run, steps, progress)
    search = search_name(run)
    said: str | None = None
    for step in steps:
        match step.step_details:
            case MessageCreationDetails(message_creation=creation):
                if said is not None:
                    yield chat.AssistantMessage(content=said)
                message = own_messages.get(creation.message_id)
                said = None if message is None else text_of(uncited(message))
            case ToolCallsDetails(tool_calls=calls) if step.status == "completed" and not progress.searches_first:
                made = [_call(call, search, progress) for call in calls]
                yield chat.AssistantMessage(content=said or None, tool_calls=tuple(made))
                said = None
                for call in calls:
                    output = call.function.output if isinstance(call.function, FunctionCallDetails) else found[call.id]
                    yield chat.ToolMessage(tool_call_id=call.id, content=output or "")
            case _:
                continue
    if said is not None:
        yield chat.AssistantMessage(content=said)


def _shown(run: Run, steps: Sequence[RunStep], progress: RunProgress) -> dict[str, str]:
    """What the model is shown of each search, by the id of its call."""
    offer = offer_of(run, progress)
    cites = offer is not None and offer.cites
    return {
        call.id: shown(call.file_search.results, first=first, arguments=progress.asked.get(call.id, ""), cites=cites)
        for call, first in numbered(steps)
        if call.file_search is not UNSET
    }


def _with_passages(said: Sequence[chat.ChatMessage], passages: Sequence[str]) -> list[chat.ChatMessage]:
    """The user's last message with what was found for it: for a model that cannot call tools."""
    told = list(said)
    for place in reversed(range(len(told))):
        match told[place]:
            case chat.UserMessage(content=str(text)):
                told[place] = chat.UserMessage("\n\n".join([text, *passages]))
                return told
            case chat.UserMessage(content=tuple(parts)):
                told[place] = chat.UserMessage((*parts, *map(chat.TextPart, passages)))
                return told
    return [*told, *(chat.UserMessage(passage) for passage in passages)]


def _call(call: StepToolCall, search: str, progress: RunProgress) -> chat.ToolCall:
    if isinstance(call.function, FunctionCallDetails):
        name, arguments = call.function.name, call.function.arguments
    else:
        name, arguments = search, progress.asked.get(call.id, "")
    return chat.ToolCall(id=call.id, function=chat.FunctionCall(name=name, arguments=_json_object(arguments)))


def _json_object(arguments: str) -> str:
    """`arguments` where it is a JSON object, else `{}`: several servers refuse a history with anything else."""
    try:
        value = msgspec.json.decode(arguments)
    except msgspec.DecodeError:
        return "{}"
    return arguments if isinstance(value, dict) else "{}"


def _function(tool: FunctionTool) -> chat.FunctionSpec:
    function = tool.function
    return chat.FunctionSpec(
        name=function.name,
        description=function.description or None,
        parameters=function.parameters,
        strict=function.strict,
    )


def _tool_choice(run: Run, steps: Sequence[RunStep], offer: Offer | None) -> chat.ToolChoice:
    """A forced choice holds until a tool has been called; kept up, the run could never reach an answer."""
    match run.tool_choice:
        case "none":
            return "none"
        case _ if any(step.type == "tool_calls" and step.status == "completed" for step in steps):
            return "auto"
        case "required":
            return "required"
        case FunctionChoice(function=named):
            return chat.NamedTool(name=named.name)
        case FileSearchChoice() if offer is not None:
            return chat.NamedTool(name=offer.name)
        case _:
            return "auto"


def _response_format(run: Run) -> chat.ResponseFormat:
    match run.response_format:
        case JSONObjectFormat():
            return "json_object"
        case JSONSchemaFormat(json_schema=schema):
            return chat.JSONSchemaFormat(schema=msgspec.to_builtins(schema))
        case _:
            return "text"
