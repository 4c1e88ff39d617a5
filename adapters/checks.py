"""What `doctor` tries at a model server: one function for each thing that runs may need of it."""

import struct
import textwrap
import zlib
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Literal

import msgspec
from msgspec import Struct

from adapters.chat import (
    ChatRequest,
    Chunk,
    FinishReason,
    FunctionSpec,
    ImagePart,
    ImageURL,
    JSONSchemaFormat,
    NamedTool,
    TextPart,
    Usage,
    UserMessage,
)
from adapters.dialect import Capability
from adapters.server import ModelServer

Verdict = Literal["yes", "partly", "no"]

ANSWER_TOKENS: Final = 512
"""Enough for models that think before they call a tool."""
WEATHER: Final = FunctionSpec(
    name="get_weather",
    description="Get the weather of a city.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
TIME: Final = FunctionSpec(
    name="get_time",
    description="Get the time.",
    parameters={
        "type": "object",
        "properties": {"zone": {"type": "string", "enum": ["UTC", "CET"]}},
        "required": ["zone"],
    },
)
SCHEMA: Final = {
    "name": "greeting",
    "strict": True,
    "schema": {
        "type": "object",
        "properties": {"greeting": {"type": "string", "maxLength": 40}},
        "required": ["greeting"],
        "additionalProperties": False,
    },
}


CALL_MARKUP: Final = ("<tool_call>", "<tool_calls>", "[TOOL_CALLS]", "<|python_tag|>", "<function=", "<|tool_call")
"""How families of models write a call (Hermes and Qwen, Mistral, Llama): what a parser takes out of the text."""


class Answer(Struct, frozen=True, kw_only=True):
    """A whole answer of the model."""

    text: str
    reasoning: str
    pieces: int
    """Chunks with text or reasoning."""
    calls: list[tuple[str, str]]
    """Names and arguments."""
    finish: FinishReason | None
    usage: Usage | None

    @property
    def leaked(self) -> bool:
        return looks_like_a_call(self.text)


class Patient:
    """The server and model under examination."""

    def __init__(self, server: ModelServer, model: str) -> None:
        self.server = server
        self.model = model

    async def answer(self, text: str, **fields: object) -> Answer:
        request = ChatRequest(
            model=self.model, messages=(UserMessage(text),), max_tokens=ANSWER_TOKENS, temperature=0.0
        )
        return await self.answer_to(msgspec.structs.replace(request, **fields))

    async def answer_to(self, request: ChatRequest) -> Answer:
        chunks: list[Chunk] = []
        async with self.server.stream_unaided(request) as stream:
            async for arrived in stream:
                chunks += arrived
        calls: dict[int, tuple[list[str], list[str]]] = {}
        for chunk in chunks:
            for fragment in chunk.tool_calls:
                name, arguments = calls.setdefault(fragment.index, ([], []))
                name.append(fragment.name or "")
                arguments.append(fragment.arguments)
        return Answer(
            text="".join(chunk.text for chunk in chunks),
            reasoning="".join(chunk.reasoning for chunk in chunks),
            pieces=sum(bool(chunk.text or chunk.reasoning) for chunk in chunks),
            calls=[("".join(name), "".join(arguments)) for name, arguments in calls.values()],
            finish=next((chunk.finish for chunk in chunks if chunk.finish), None),
            usage=next((chunk.usage for chunk in reversed(chunks) if chunk.usage is not None), None),
        )


def looks_like_a_call(text: str) -> bool:
    """Whether a model's markup for a call was left in the text: no parser is set, or not the model's."""
    return any(mark in text for mark in CALL_MARKUP)


async def _streaming(patient: Patient) -> tuple[Verdict, str]:
    answer = await patient.answer("hello")
    if not answer.pieces:
        return "no", "the answer was empty"
    if not answer.text:
        return "partly", "it thought, and did not answer in " + str(ANSWER_TOKENS) + " tokens"
    if answer.pieces == 1 and len(answer.text) > 20:
        return "partly", "the answer came in one piece"
    return "yes", f"{answer.pieces} pieces"


async def _usage(patient: Patient) -> tuple[Verdict, str]:
    usage = (await patient.answer("hello")).usage
    if usage is None or not usage.prompt_tokens:
        return "no", "it does not say how many tokens it used; runs show none"
    return "yes", f"{usage.prompt_tokens} of prompt, {usage.completion_tokens} of answer, {usage.cached_tokens} cached"


async def _tools(patient: Patient) -> tuple[Verdict, str]:
    return _judged(await patient.answer("weather in Paris", tools=(WEATHER,)), expected="get_weather")


async def _required(patient: Patient) -> tuple[Verdict, str]:
    return _judged(await patient.answer("hello", tools=(WEATHER, TIME), tool_choice="required"), expected=None)


async def _named(patient: Patient) -> tuple[Verdict, str]:
    answer = await patient.answer("hello", tools=(WEATHER, TIME), tool_choice=NamedTool("get_time"))
    return _judged(answer, expected="get_time")


async def _parallel(patient: Patient) -> tuple[Verdict, str]:
    answer = await patient.answer("weather in Paris and Rome", tools=(WEATHER,))
    verdict, detail = _judged(answer, expected="get_weather")
    if verdict == "yes" and len(answer.calls) < 2:
        return "partly", "one call came for two cities"
    return verdict, detail


def _judged(answer: Answer, *, expected: str | None) -> tuple[Verdict, str]:
    if not answer.calls:
        if answer.leaked:
            return "no", "the call stayed in the text as markup"
        return "no", f"no call came, but: {textwrap.shorten(answer.text or answer.reasoning, 60) or 'nothing'}"
    names = ", ".join(f"{name}({arguments})" for name, arguments in answer.calls)
    if expected is not None and any(name != expected for name, _ in answer.calls):
        return "partly", f"another function was called: {names}"
    if answer.finish == "length":  # SGLang closes the arguments of a streamed call that is cut off
        return "partly", f"the call did not end in {ANSWER_TOKENS} tokens: {textwrap.shorten(names, 80)}"
    if not all(_is_object(arguments) for _, arguments in answer.calls):
        return "partly", f"arguments are not a JSON object: {textwrap.shorten(names, 80)}"
    return "yes", textwrap.shorten(names, 80)


async def _json_schema(patient: Patient) -> tuple[Verdict, str]:
    answer = await patient.answer("Greet me, in JSON.", response_format=JSONSchemaFormat(schema=SCHEMA))
    if not _is_object(answer.text):
        how = "cut off, " if answer.finish == "length" else ""
        return "no", f"the answer is {how}no JSON object: {textwrap.shorten(answer.text, 60)}"
    keys = list(msgspec.json.decode(answer.text))
    return ("yes", "followed") if keys == ["greeting"] else ("partly", f"JSON, but with the keys {keys}")


async def _token_counting(patient: Patient) -> tuple[Verdict, str]:
    if patient.server.dialect.tokenize is None:
        return "no", "it cannot count tokens; they are estimated"
    counts = await patient.server.count_exactly(patient.model, ["river", "river stone tiger"])
    return ("yes", "by its own tokenizer") if counts[1] > counts[0] else ("no", f"its counts are odd: {counts}")


async def _embeddings(patient: Patient) -> tuple[Verdict, str]:
    body = await patient.server.client.post("/v1/embeddings", {"model": patient.model, "input": "river"})
    vector = msgspec.json.decode(body).get("data", [{}])[0].get("embedding", [])
    return ("yes", f"{len(vector)} dimensions") if vector else ("no", "the answer has no embedding")


async def _images(patient: Patient) -> tuple[Verdict, str]:
    parts = (TextPart("What colour is this?"), ImagePart(ImageURL(url=_red_square())))
    request = ChatRequest(
        model=patient.model, messages=(UserMessage(parts),), max_tokens=ANSWER_TOKENS, temperature=0.0
    )
    answer = await patient.answer_to(request)
    if "red" in answer.text.lower():
        return "yes", "it saw a red square"
    return "partly", f"taken, but it did not see a red square: {textwrap.shorten(answer.text, 60)}"


CHECKS: Final[Mapping[Capability, Callable[[Patient], Awaitable[tuple[Verdict, str]]]]] = {
    "streaming": _streaming,
    "usage": _usage,
    "tools": _tools,
    "tool_choice required": _required,
    "tool_choice named": _named,
    "parallel calls": _parallel,
    "json_schema": _json_schema,
    "token counting": _token_counting,
    "embeddings": _embeddings,
    "images": _images,
}


def _is_object(text: str) -> bool:
    try:
        return isinstance(msgspec.json.decode(text), dict)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False


def _red_square(size: int = 64) -> str:
    """A PNG as a data address."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\x00" + b"\xff\x00\x00" * size) * size
    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return "data:image/png;base64," + b64encode(png).decode()
