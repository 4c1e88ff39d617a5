"""The words in which a model is asked for what its server does not see to, and where they stand. Pure.

They stand where chat templates take them: a system message is the first, and no two user messages follow each other.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from adapters.chat import (
    AssistantMessage,
    ChatMessage,
    FunctionCall,
    JSONSchemaFormat,
    ResponseFormat,
    SystemMessage,
    TextPart,
    ToolCall,
    ToolMessage,
    UserMessage,
)

Messages = tuple[ChatMessage, ...]

LONGEST_QUOTE: Final = 2_000
"""Characters of an answer without a call that the model is shown again: it may have talked without end."""


class MadeCall(Struct, frozen=True, kw_only=True):
    """A call that was made, and what was wrong with its arguments."""

    id: str | None
    name: str
    arguments: str
    wrong: str | None


def with_format(messages: Messages, wanted: ResponseFormat, *, has_tools: bool) -> Messages:
    """The format at the end of the system message, the same bytes each time, so that threads keep their prefix."""
    when = "When you do not call a function, answer" if has_tools else "Answer"
    if isinstance(wanted, JSONSchemaFormat):
        schema = msgspec.json.encode(wanted.schema.get("schema") or {}).decode()
        about = f" ({wanted.schema['description']})" if wanted.schema.get("description") else ""
        words = f"{when} with JSON that is valid for this JSON Schema{about}, and with nothing else:\n{schema}"
    else:
        words = f"{when} with one JSON object, and with nothing else."
    if messages and isinstance(messages[0], SystemMessage):
        return (SystemMessage(f"{messages[0].content}\n\n{words}"), *messages[1:])
    return (SystemMessage(words), *messages)


def told(messages: Messages, words: str) -> Messages:
    """The words as the user's last."""
    last = messages[-1] if messages else None
    if not isinstance(last, UserMessage):
        return (*messages, UserMessage(words))
    if isinstance(last.content, str):
        return (*messages[:-1], UserMessage(f"{last.content}\n\n{words}"))
    return (*messages[:-1], UserMessage((*last.content, TextPart(words))))


def corrected(messages: Messages, said: str, words: str) -> Messages:
    """What the model said, and the words after it."""
    if not said.strip():
        return told(messages, words)
    return (*messages, AssistantMessage(said), UserMessage(words))


def with_outputs(messages: Messages, said: str, calls: Sequence[MadeCall]) -> Messages:
    """The calls that the model made, each with an output that says what was wrong."""
    made = tuple(
        ToolCall(id=call.id or f"call_{place}", function=FunctionCall(name=call.name, arguments=call.arguments))
        for place, call in enumerate(calls)
    )
    outputs = (
        ToolMessage(tool_call_id=call.id, content=_output(given)) for call, given in zip(made, calls, strict=True)
    )
    return (*messages, AssistantMessage(content=said or None, tool_calls=made), *outputs)


def _output(call: MadeCall) -> str:
    if call.wrong is None:
        return "Not called yet, because another call was wrong. Call it again."
    return f"Not called. Its arguments do not fit its parameters: {call.wrong}. Call it again, with arguments that fit."


def to_call(names: Iterable[str]) -> str:
    one_of = sorted(names)
    which = f"the function {one_of[0]}" if len(one_of) == 1 else f"one of these functions: {', '.join(one_of)}"
    return f"Call {which}. Answer with the call and with nothing else."


def to_call_now(why: str, names: Iterable[str]) -> str:
    return f"That was {why}. {to_call(names)}"


def to_answer(fault: str) -> str:
    return f"That was not what is needed: {fault}. Answer again, with the JSON and with nothing else."


def quoted(said: str) -> str:
    return said if len(said) <= LONGEST_QUOTE else f"{said[:LONGEST_QUOTE]}…"
