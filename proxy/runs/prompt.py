"""A run, its thread and its steps as one request to a model.

Prefix-stable: the same objects give the same bytes (no clock, no ids drawn, no order by accident), the system message
comes first, then the thread oldest first, then this run's own calls and outputs. So a thread's next prompt begins with
its last one, and the model server's prefix cache holds.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from adapters import chat
from proxy.schema.messages import ImageFileContent, ImageURLContent, Message, RefusalContent, TextContent
from proxy.schema.runs import Run
from proxy.schema.steps import FunctionCallDetails, MessageCreationDetails, RunStep, ToolCallsDetails
from proxy.schema.tools import FunctionChoice, FunctionTool, JSONObjectFormat, JSONSchemaFormat


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
) -> chat.ChatRequest:
    """`history` is the thread without this run's own messages, oldest first; `steps` are this run's, oldest first.

    `images` has a URL for every image file that `image_files` finds in the history.
    """
    urls = images or {}
    messages = (*_system(run), *(_said(message, urls) for message in history), *_this_run(steps, own_messages))
    tools = tuple(_function(tool) for tool in run.tools if isinstance(tool, FunctionTool))
    return chat.ChatRequest(
        model=model,
        messages=messages,
        tools=tools,
        tool_choice=_tool_choice(run, steps) if tools else "auto",
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
        return chat.AssistantMessage(content=text_of(message))
    if all(isinstance(part, TextContent) for part in message.content):
        return chat.UserMessage(content=text_of(message))
    return chat.UserMessage(content=tuple(_part(part, message, images) for part in message.content))


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


def _this_run(steps: Sequence[RunStep], own_messages: Mapping[str, Message]) -> Iterator[chat.ChatMessage]:
    """This run's finished turns: what the model said, what it called, what came back, in the order of the calls."""
    said: str | None = None
    for step in steps:
        match step.step_details:
            case MessageCreationDetails(message_creation=creation):
                if said is not None:
                    yield chat.AssistantMessage(content=said)
                message = own_messages.get(creation.message_id)
                said = None if message is None else text_of(message)
            case ToolCallsDetails(tool_calls=calls) if step.status == "completed":
                made = [(call.id, call.function) for call in calls if isinstance(call.function, FunctionCallDetails)]
                yield chat.AssistantMessage(content=said or None, tool_calls=tuple(_call(*call) for call in made))
                said = None
                for id, function in made:
                    yield chat.ToolMessage(tool_call_id=id, content=function.output or "")
            case _:
                continue
    if said is not None:
        yield chat.AssistantMessage(content=said)


def _call(id: str, function: FunctionCallDetails) -> chat.ToolCall:
    arguments = _json_object(function.arguments)
    return chat.ToolCall(id=id, function=chat.FunctionCall(name=function.name, arguments=arguments))


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


def _tool_choice(run: Run, steps: Sequence[RunStep]) -> chat.ToolChoice:
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
