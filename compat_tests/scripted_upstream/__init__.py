"""A real HTTP server that plays a chat-completions server by script, for tests and for the benchmark.

    async with scripted_upstream() as upstream:
        upstream.reply(text("Hello"))
        ...  # talk to upstream.url
        assert upstream.requests[0]["model"] == "tiny"

Without a script it answers by rule (`by_rule`): it echoes, calls tools for "weather in X and Y", and answers after tool
messages. It refuses what the server of its flavour refuses.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from . import flavours
from .flavours import Flavour, Shapes
from .replies import (
    Body,
    Call,
    Cut,
    Hang,
    NeverAnswers,
    Raw,
    Refuse,
    Reply,
    Rule,
    Say,
    Step,
    Stream,
    Think,
    Wait,
    by_rule,
    close_mid_stream,
    count,
    error,
    hang,
    never_answers,
    nonsense,
    refuse,
    text,
    tool_calls,
)

__all__ = [
    "Call",
    "Cut",
    "Hang",
    "Raw",
    "Reply",
    "Rule",
    "Say",
    "ScriptedUpstream",
    "Stream",
    "Think",
    "Wait",
    "by_rule",
    "close_mid_stream",
    "error",
    "hang",
    "never_answers",
    "nonsense",
    "refuse",
    "scripted_upstream",
    "text",
    "tool_calls",
]


class ScriptedUpstream:
    """The server, and what it saw."""

    def __init__(
        self,
        *,
        flavour: Flavour = "generic",
        models: Iterable[str] = ("tiny",),
        context: int = 2048,
        delay_seconds: float = 0.0,
        remember: bool = True,
    ) -> None:
        self.flavour = flavour
        self.models = list(models)
        self.context = context
        self.delay_seconds = delay_seconds
        """Between the pieces of an answer; for the process, tests use gates."""
        self._remember = remember
        self._number = 0

        self.requests: list[dict[str, Any]] = []
        """Bodies of chat completions, in order."""
        self.headers: list[dict[str, str]] = []
        """Their headers, names in lower case."""
        self.paths: list[str] = []
        """`GET /v1/models`: every request of any kind, in order."""
        self.hung_up = asyncio.Event()
        """Set when a client closed its connection before its answer was complete."""

        self._script: list[Reply | Rule] = []
        self._arrived = asyncio.Condition()
        self._runner: web.AppRunner | None = None
        self._port = 0
        self._stopping = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def unanswered(self) -> int:
        """Replies of the script that nobody has asked for yet."""
        return len(self._script)

    def reply(self, *replies: Reply | Rule) -> None:
        """Add to the script. A function is given the request's body and returns the reply."""
        self._script += replies

    def script(self, replies: Iterable[Reply | Rule]) -> None:
        """Replace the script."""
        self._script = list(replies)

    async def received(self, number: int = 1, *, patience_seconds: float = 10) -> None:
        """Wait until so many chat requests have come in all. Raises `TimeoutError`."""
        async with asyncio.timeout(patience_seconds), self._arrived:
            await self._arrived.wait_for(lambda: len(self.requests) >= number)

    async def start(self, port: int = 0) -> None:
        """Start, or start again at the same port after `stop`."""
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/tokenize", self._tokenize)
        app.router.add_post("/v1/embeddings", self._embeddings)
        app.router.add_route("*", "/v1/echo", self._echo)
        app.router.add_get("/{path:.*}", self._other)
        app.on_response_prepare.append(self._note)
        self._stopping = False
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.05, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port or self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening and drop every connection; nobody answers at the address any more."""
        self._stopping = True
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _note(self, request: web.Request, response: web.StreamResponse) -> None:
        if self._remember:
            self.paths.append(f"{request.method} {request.path}")

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        try:
            body = json.loads(await request.read())
        except ValueError:
            status = 500 if self.flavour == "llamacpp" else 400
            return self._no(status, "invalid JSON", kind="server_error" if status == 500 else "BadRequestError")
        if request.content_type != "application/json" and self.flavour in {"vllm", "sglang"}:
            return self._no(400, "Content-Type must be application/json", kind="Bad Request")
        self._number += 1
        if self._remember:
            async with self._arrived:
                self.requests.append(body)
                self.headers.append({name.lower(): value for name, value in request.headers.items()})
                self._arrived.notify_all()

        scripted = self._script.pop(0) if self._script else None
        if scripted is None:
            refused = flavours.refusal(self.flavour, body, self.models, self.context)
            if refused is not None:
                return web.json_response(refused[1], status=refused[0])
            scripted = by_rule(body)
        reply = scripted(body) if callable(scripted) else scripted
        try:
            return await self._play(request, body, reply)
        except (asyncio.CancelledError, ConnectionError):
            if not self._stopping:
                self.hung_up.set()
            raise

    async def _play(self, request: web.Request, body: dict[str, Any], reply: Reply) -> web.StreamResponse:
        match reply:
            case Body():
                response = web.Response(status=reply.status, body=reply.body, content_type=reply.content_type)
                response.headers.extend(reply.headers)
                return response
            case NeverAnswers():
                await asyncio.Event().wait()
                raise AssertionError("only cancellation ends this")
            case Refuse():
                _close(request)
                return web.Response()
            case Stream():
                shapes = Shapes(self.flavour, number=self._number, model=body.get("model") or self.models[0])
                if not body.get("stream"):
                    for step in reply.steps:
                        if isinstance(step, Wait):
                            await step.gate.wait()
                    return web.json_response(shapes.whole(reply, self._usage(body, reply)))
                return await self._stream(request, body, reply, shapes)

    async def _stream(
        self, request: web.Request, body: dict[str, Any], reply: Stream, shapes: Shapes
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)

        async def send(*chunks: dict[str, Any]) -> None:
            for chunk in chunks:
                await response.write(b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n")
                if self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)

        await send(shapes.head())
        for step in reply.steps:
            match step:
                case Wait(gate):
                    await gate.wait()
                case Raw(data):
                    await response.write(data)
                case Cut():
                    _close(request)
                    return response
                case Hang():
                    await asyncio.Event().wait()
                case _:
                    await send(*shapes.step(step))
        if reply.finish is not None:
            await send(shapes.finish(reply.finish))
        usage = self._usage(body, reply)
        if usage and (reply.usage or (body.get("stream_options") or {}).get("include_usage")):
            await send(shapes.usage(usage))
        if reply.done:
            await response.write(b"data: [DONE]\n\n")
        await response.write_eof()
        return response

    def _usage(self, body: dict[str, Any], reply: Stream) -> dict[str, Any]:
        if reply.usage is not None:
            return reply.usage
        prompt = flavours.prompt_tokens(body.get("messages") or [])
        completion = sum(_tokens(step) for step in reply.steps) + 1
        return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response(flavours.model_list(self.flavour, self.models, self.context))

    async def _tokenize(self, request: web.Request) -> web.Response:
        body = await request.json()
        if self.flavour == "llamacpp":
            return web.json_response({"tokens": list(range(count(body.get("content", ""))))})
        if self.flavour == "generic":
            raise web.HTTPNotFound
        if "prompt" in body:
            number = count(body["prompt"])
        elif "messages" in body:
            number = flavours.prompt_tokens(body["messages"])
        else:
            return self._no(400, "Field required", kind="Bad Request")
        return web.json_response({"count": number, "max_model_len": self.context, "tokens": list(range(number))})

    async def _embeddings(self, request: web.Request) -> web.Response:
        body = await request.json()
        inputs = [body["input"]] if isinstance(body["input"], str) else body["input"]
        data = [{"object": "embedding", "index": i, "embedding": [float(len(t)), 1.0]} for i, t in enumerate(inputs)]
        usage = {"prompt_tokens": len(inputs), "total_tokens": len(inputs)}
        return web.json_response({"object": "list", "data": data, "model": body.get("model"), "usage": usage})

    async def _echo(self, request: web.Request) -> web.Response:
        """Tell what arrived, for tests that pass requests through."""
        arrived = {
            "method": request.method,
            "query": request.rel_url.raw_query_string,
            "headers": {name.lower(): value for name, value in request.headers.items()},
            "body": (await request.read()).decode(),
        }
        return web.json_response(arrived)

    async def _other(self, request: web.Request) -> web.Response:
        """The addresses by which servers tell each other apart."""
        match self.flavour, request.path:
            case "llamacpp", "/health":
                return web.json_response({"status": "ok"})
            case _, "/health":
                return web.Response()
            case "vllm", "/version":
                return web.json_response({"version": "0.32.0"})
            case "sglang", "/model_info":
                return web.json_response(
                    {"model_path": "tiny", "served_model_name": self.models[0], "is_generation": True}
                )
            case "llamacpp", "/props":
                settings = {"n_ctx": self.context}
                return web.json_response({"default_generation_settings": settings, "model_alias": self.models[0]})
            case "llamacpp", _:
                return self._no(404, "File Not Found", kind="not_found_error")
            case _:
                return web.json_response({"detail": "Not Found"}, status=404)

    def _no(self, status: int, message: str, *, kind: str) -> web.Response:
        return web.json_response(flavours.error_body(self.flavour, status, message, type=kind), status=status)


@asynccontextmanager
async def scripted_upstream(
    *,
    flavour: Flavour = "generic",
    models: Iterable[str] = ("tiny",),
    context: int = 2048,
    replies: Iterable[Reply | Rule] = (),
) -> AsyncIterator[ScriptedUpstream]:
    """A scripted server on a free port, stopped at the end."""
    upstream = ScriptedUpstream(flavour=flavour, models=models, context=context)
    upstream.reply(*replies)
    await upstream.start()
    try:
        yield upstream
    finally:
        await upstream.stop()


def _close(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.close()


def _tokens(step: Step) -> int:
    match step:
        case Say() | Think():
            return 1
        case Call():
            return 1 + len(step.arguments)
        case _:
            return 0
