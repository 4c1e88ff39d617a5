"""The official client in both its colours, so that a scenario is written once: `await api(...)` takes either answer."""

import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from openai import AssistantEventHandler, AsyncAssistantEventHandler, AsyncOpenAI, OpenAI

HANDLERS = [
    name for name in vars(AssistantEventHandler) if name.startswith("on_") and name not in {"on_event", "on_exception"}
]

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tell the weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


class Api:
    """A client; `beta` and `models` as it has them. The synchronous one blocks the loop, on which nothing else runs."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.beta = client.beta
        self.threads = client.beta.threads
        self.runs = client.beta.threads.runs
        self.is_async = isinstance(client, AsyncOpenAI)

    async def __call__(self, answer: Any) -> Any:
        return await answer if inspect.isawaitable(answer) else answer

    async def every(self, pages: Any) -> list[Any]:
        """All items of a list, over however many pages the client fetches."""
        return [item async for item in pages] if self.is_async else list(pages)

    @asynccontextmanager
    async def opened(self, manager: Any) -> AsyncIterator[Any]:
        if self.is_async:
            async with manager as stream:
                yield stream
        else:
            with manager as stream:
                yield stream

    async def events(self, stream: Any) -> AsyncIterator[Any]:
        if self.is_async:
            async for event in stream:
                yield event
        else:
            for event in stream:
                yield event

    def handler(self) -> Any:
        """An event handler that notes its calls: `calls` as (name, arguments), `events` as names."""
        base: Any = AsyncAssistantEventHandler if self.is_async else AssistantEventHandler
        return _recording(base, is_async=self.is_async)()

    async def assistant(self, **given: Any) -> Any:
        return await self(self.beta.assistants.create(**{"model": "tiny", "tools": [WEATHER], **given}))

    async def thread(self, *said: str, **given: Any) -> Any:
        messages = [{"role": "user", "content": text} for text in said]
        return await self(self.threads.create(messages=messages, **given))

    async def aclose(self) -> None:
        await self(self.client.close())


def _recording(base: Any, *, is_async: bool) -> Any:
    def note(name: str) -> Callable[..., Any]:
        def write(self: Any, *arguments: Any) -> None:
            if name == "on_event":
                self.events.append(arguments[0].event)
            else:
                self.calls.append((name, arguments))

        async def write_async(self: Any, *arguments: Any) -> None:
            write(self, *arguments)

        return write_async if is_async else write

    def init(self: Any) -> None:
        base.__init__(self)
        self.calls, self.events = [], []

    return type("Recording", (base,), {"__init__": init} | {name: note(name) for name in ["on_event", *HANDLERS]})


def client(colour: str, base_url: str, **given: Any) -> Api:
    kind: Any = {"sync": OpenAI, "async": AsyncOpenAI}[colour]
    return Api(kind(**{"api_key": "any", "base_url": base_url, "max_retries": 0, "timeout": 20, **given}))


def outputs_for(run: Any, output: Callable[[str], str]) -> list[dict[str, str]]:
    """An output for each call that a run waits for, in the opposite order: any is allowed."""
    calls = run.required_action.submit_tool_outputs.tool_calls
    return [{"tool_call_id": call.id, "output": output(call.function.arguments)} for call in reversed(calls)]


def text_of(message: Any) -> str:
    (part,) = message.content
    return str(part.text.value)
