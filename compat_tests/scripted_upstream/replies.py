"""What a scripted model server may answer: builders for replies, and the rule it follows when no script is left."""

import asyncio
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Say:
    text: str


@dataclass(frozen=True)
class Think:
    text: str


@dataclass(frozen=True)
class Call:
    index: int
    name: str
    arguments: tuple[str, ...]
    """The pieces in which they are sent."""


@dataclass(frozen=True)
class Wait:
    """Hold the stream here until the gate opens."""

    gate: asyncio.Event


@dataclass(frozen=True)
class Raw:
    """These bytes into the stream, as they are."""

    data: bytes


class Cut:
    """Close the connection here, without an end."""


class Hang:
    """Say nothing any more, until the client leaves."""


Step = Say | Think | Call | Wait | Raw | Cut | Hang


@dataclass(frozen=True)
class Stream:
    """A chat completion, streamed (or whole, where the request did not ask for a stream)."""

    steps: tuple[Step, ...]
    finish: str | None = "stop"
    usage: dict[str, Any] | None = None
    """None: counted. An empty dict: none is sent, whatever the request asks."""
    done: bool = True
    """Whether `data: [DONE]` ends it."""

    def waiting(self, gate: asyncio.Event, *, after: int) -> "Stream":
        """Wait for `gate` after so many steps (0: right after the head)."""
        return replace(self, steps=(*self.steps[:after], Wait(gate), *self.steps[after:]))


@dataclass(frozen=True)
class Body:
    """An answer that is no stream: an error, or nonsense."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


class NeverAnswers:
    """The request is taken, and no head ever comes."""


class Refuse:
    """The connection is closed before a head."""


Reply = Stream | Body | NeverAnswers | Refuse
Rule = Callable[[dict[str, Any]], Reply]


def text(
    content: str,
    *,
    pieces: Sequence[str] | None = None,
    finish: str | None = "stop",
    usage: dict[str, Any] | None = None,
    done: bool = True,
    thinking: str = "",
) -> Stream:
    """Say `content`, word by word or in the given `pieces`."""
    steps: list[Step] = [Think(piece) for piece in words(thinking)]
    steps += [Say(piece) for piece in (words(content) if pieces is None else pieces)]
    return Stream(tuple(steps), finish=finish, usage=usage, done=done)


def tool_calls(
    calls: Iterable[tuple[str, dict[str, Any] | str]],
    *,
    content: str = "",
    finish: str | None = "tool_calls",
    usage: dict[str, Any] | None = None,
    done: bool = True,
) -> Stream:
    """Call functions: `("get_weather", {"city": "Paris"})`. Arguments given as text are sent as they are."""
    steps: list[Step] = [Say(piece) for piece in words(content)]
    for index, (name, given) in enumerate(calls):
        arguments = given if isinstance(given, str) else json.dumps(given)
        steps.append(Call(index, name, tuple(re.findall(r".{1,6}", arguments, re.DOTALL))))
    return Stream(tuple(steps), finish=finish, usage=usage, done=done)


def error(status: int, body: bytes | str | dict[str, Any], **headers: str) -> Body:
    """An answer with an error body; `headers` as `retry_after="1"`. Text and bytes go out as text/plain."""
    given = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    if isinstance(body, dict):
        return Body(status, json.dumps(body).encode(), headers=given)
    return Body(status, body.encode() if isinstance(body, str) else body, content_type="text/plain", headers=given)


def close_mid_stream(*, after: int, content: str = "one two three four five six") -> Stream:
    """Break the connection after so many pieces of `content`."""
    return Stream((*(Say(piece) for piece in words(content)[:after]), Cut()), finish=None)


def hang(*, after: int = 1, content: str = "one two three four five six") -> Stream:
    """Fall silent after so many pieces of `content`."""
    return Stream((*(Say(piece) for piece in words(content)[:after]), Hang()), finish=None)


def nonsense(data: bytes, *, status: int = 200, content_type: str = "text/html") -> Body:
    return Body(status, data, content_type=content_type)


def never_answers() -> NeverAnswers:
    return NeverAnswers()


def refuse() -> Refuse:
    return Refuse()


def words(content: str) -> list[str]:
    """`one two` -> `one`, ` two`: joined they are the text again."""
    return re.findall(r"\s*\S+|\s+$", content)


def count(content: str) -> int:
    """One token a word, so that tests can reckon with it."""
    return len(words(content))


def said(message: dict[str, Any]) -> str:
    """The text of a message, whichever way its content is given."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return " ".join(part.get("text", "") for part in content if part.get("type") == "text")


def by_rule(body: dict[str, Any]) -> Stream:
    """Echo the last user message; call tools for `weather in X and Y`; answer after tool messages.

    A tool message that speaks of `weather in X` makes another round. `break off` breaks the connection. `search for X`
    calls whatever tool takes `queries`.
    """
    messages = body.get("messages") or []
    outputs: list[str] = []
    for message in reversed(messages):
        if message.get("role") != "tool":
            break
        outputs.insert(0, said(message))
    asked = ", ".join(outputs)
    if not outputs:
        asked = next((said(message) for message in reversed(messages) if message.get("role") == "user"), "")
    if "break off" in asked:
        return close_mid_stream(after=2)

    choice = body.get("tool_choice", "auto")
    tools = [tool["function"] for tool in body.get("tools") or []]
    if isinstance(choice, dict):
        tools = [tool for tool in tools if tool["name"] == choice["function"]["name"]]
    wanted = re.search(r"search for (\w+)", asked)
    searches = [tool["name"] for tool in tools if "queries" in (tool.get("parameters") or {}).get("properties", {})]
    if wanted and searches and choice != "none" and not outputs:
        return tool_calls([(searches[0], {"queries": [wanted[1]]})])
    found = re.search(r"weather in (\w+)((?: and \w+)*)", asked)
    forced = choice != "auto" and not outputs
    if tools and choice != "none" and (found or forced):
        values = [found[1], *found[2].split(" and ")[1:]] if found else [asked.split()[-1] if asked else ""]
        if body.get("parallel_tool_calls") is False:
            values = values[:1]
        return tool_calls([(tools[0]["name"], {_parameter(tools[0]): value}) for value in values])
    return _fitting(text(f"The result is: {asked}" if outputs else asked or "Hello!"), body)


def _parameter(tool: dict[str, Any]) -> str:
    schema = tool.get("parameters") or {}
    return next(iter([*schema.get("required", []), *schema.get("properties", {})]), "value")


def _fitting(reply: Stream, body: dict[str, Any]) -> Stream:
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    if limit is None or len(reply.steps) <= limit:
        return reply
    return replace(reply, steps=reply.steps[:limit], finish="length")
