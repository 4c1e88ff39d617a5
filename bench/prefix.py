"""How much of each prompt of a long thread is the beginning of the one before: what a model server need not compute.

Counted over the bodies that reached the model server, by its own tokenizer. Beside it the same thread in a window that
slides, dropping just enough each turn. With `--live`, a real server's own counters stand beside both.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec
from msgspec import Struct

from bench import processes
from bench.figures import Row, row
from bench.recorder import Exchange, recorder
from bench.setting import Setting, run_body
from bench.windows import CONTEXT, Body, Prompt, Turn, reuse, slid, turns
from bench.wire import Connection, Failed
from proxy.runs.truncation import TEMPLATE_TOKENS
from tests.live import servers

REAL: Final = ("sglang", "vllm")
MODEL: Final = "tiny"
INSTRUCTIONS: Final = "You are a helpful assistant."
LEAST_SHARED: Final = 90.0
CHAT: Final = "/v1/chat/completions"


class Tokenizer:
    """The model server's."""

    def __init__(self, url: str, *, real: bool) -> None:
        self._connection = Connection(url)
        self._real = real
        self._counts: dict[str, int] = {}

    def close(self) -> None:
        self._connection.close()

    def prompt(self, body: Body) -> Prompt:
        if not self._real:
            # As compat_tests/scripted_upstream counts: three tokens for a message's markup, and its words.
            return [
                token
                for each in body["messages"]
                for token in (each["role"], "begins", *each["content"].split(), "ends")
            ]
        asked = {key: body[key] for key in ("model", "messages", "tools") if key in body}
        return list(self._connection.ask("POST", "/tokenize", asked)["tokens"])

    def weight(self, message: Body) -> int:
        """What our server takes a message for."""
        text = message["content"]
        if text not in self._counts:
            asked = {"model": MODEL, "prompt": text, "add_special_tokens": False}
            self._counts[text] = self._connection.ask("POST", "/tokenize", asked)["count"] if text else 0
        return self._counts[text] + TEMPLATE_TOKENS

    def fixed(self) -> int:
        """And what stays in every prompt: the instructions, and the beginning of the answer."""
        return self.weight({"content": INSTRUCTIONS}) + TEMPLATE_TOKENS


class Talk(Struct, frozen=True, kw_only=True):
    """A thread after its last turn. Sequences have an item for each turn."""

    usages: Sequence[Mapping[str, Any]]
    """As the model server gave them."""
    prompts: Sequence[Prompt]
    sliding: Sequence[Body]
    """What would have been asked in a window that slides."""
    sliding_prompts: Sequence[Prompt]
    tokens_a_turn: int
    left: Sequence[int]
    """Tokens that the prompt might have had more, with the answer's own left alone."""
    estimates: Sequence[float]
    """Our count of a prompt by the model server's."""


def measure(setting: Setting) -> Iterator[Row]:
    number = setting.sizes.turns
    # The tiny model is lost where a thread begins in its middle, and may say a word for ever: answers are limited.
    limited = turns(number, longest=30, limits=range(8, 65))
    with _model_server(setting) as url:
        if setting.live is not None:
            yield from _real(setting, url, limited)
            return
        for name, thread, target in (
            ("short answers", limited, LEAST_SHARED),
            ("any answers", turns(number, longest=80), LEAST_SHARED),
            ("any answers", turns(number, longest=160), None),
        ):
            yield from _compared(_talk(setting, url, thread), name, target=target)


@contextmanager
def _model_server(setting: Setting) -> Iterator[str]:
    if setting.live is None:
        with processes.scripted(context=CONTEXT) as scripted:
            yield scripted.url
    else:
        log = setting.directory / f"{setting.live}.log"
        with servers.running(setting.live, log=log, context=CONTEXT) as server:
            yield server.url


def _real(setting: Setting, url: str, thread: Sequence[Turn]) -> Iterator[Row]:
    talk = _talk(setting, url, thread)
    name = str(setting.live)
    yield from _compared(talk, name, target=LEAST_SHARED)
    cached, slid = _cached(talk.usages), _cached(_answered(url, talk.sliding))
    yield row("prefix", f"{name}: by the server's own count", [cached], "%", at_least=LEAST_SHARED)
    yield row("prefix", f"{name}: the same in a sliding window", [slid], "%")


def _compared(talk: Talk, name: str, *, target: float | None) -> Iterator[Row]:
    jumps, slides = reuse(talk.prompts), reuse(talk.sliding_prompts)
    what = f"{name}, {len(talk.prompts)} turns of {talk.tokens_a_turn}"
    yield row("prefix", f"{what}: longest prompt", [max(map(len, talk.prompts))], "", below=CONTEXT)
    yield row("prefix", f"{what}: room left beside it and the answer", [min(talk.left)], "", at_least=0)
    yield row("prefix", f"{what}: tokens as in the turn before", [jumps.percent], "%", at_least=target)
    yield row("prefix", f"{what}: the same in a sliding window", [slides.percent], "%")
    yield row("prefix", f"{what}: times the window moved", [jumps.moves], "")
    yield row("prefix", f"{what}: times a sliding window moved", [slides.moves], "")
    yield row("prefix", f"{what}: our count by the server's", talk.estimates, "")
    yield row("prefix", f"{what}: our count by the server's, at least", [min(talk.estimates)], "", at_least=1)


def _talk(setting: Setting, url: str, thread: Sequence[Turn]) -> Talk:
    exchanges, said = _conversation(setting, url, thread)
    bodies: list[Body] = [msgspec.json.decode(each.asked) for each in exchanges]
    usages = [usage_of(each) for each in exchanges]
    with closing(Tokenizer(url, real=setting.live is not None)) as tokenizer:
        prompts = [tokenizer.prompt(body) for body in bodies]
        counted, found = [usage["prompt_tokens"] for usage in usages], [len(prompt) for prompt in prompts]
        if counted != found:
            raise Failed(f"the model server counted {counted} tokens in prompts of {found}")
        weights = [tokenizer.weight(message) for message in said]
        rooms = [turn.room - tokenizer.fixed() for turn in thread]
        windows = slid(said, weights, rooms=rooms)
        sliding = [
            body | {"messages": body["messages"][:1] + window} for body, window in zip(bodies, windows, strict=True)
        ]
        estimates = [sum(map(tokenizer.weight, body["messages"])) + TEMPLATE_TOKENS for body in bodies]
        return Talk(
            usages=usages,
            prompts=prompts,
            sliding=sliding,
            sliding_prompts=[tokenizer.prompt(body) for body in sliding],
            tokens_a_turn=round(sum(weights) / len(thread)),
            left=[turn.room - tokens for turn, tokens in zip(thread, counted, strict=True)],
            estimates=[ours / theirs for ours, theirs in zip(estimates, counted, strict=True)],
        )


def _conversation(setting: Setting, url: str, thread: Sequence[Turn]) -> tuple[list[Exchange], list[Body]]:
    """What the model server was asked for each turn, and the whole thread in its words."""
    with (
        TemporaryDirectory(dir=setting.directory) as data,
        recorder(url) as recorded,
        processes.ours(recorded.url, data=Path(data)) as server,
        closing(Connection(server.url)) as ours,
    ):
        assistant = {"model": MODEL, "instructions": INSTRUCTIONS, "temperature": 0}
        assistant_id = ours.ask("POST", "/v1/assistants", assistant)["id"]
        path = f"/v1/threads/{ours.ask('POST', '/v1/threads', {})['id']}"
        recorded.take(CHAT)
        for turn in thread:
            ours.ask("POST", f"{path}/messages", {"role": "user", "content": turn.said})
            run = run_body(assistant_id) | {"max_completion_tokens": turn.limit}
            streamed = ours.stream(f"{path}/runs", run, marker=b"event: thread.run.in_progress")
            if b"event: thread.run.failed" in streamed.body:
                raise Failed(f"{streamed.body[-2000:]!r}")
        exchanges, said = recorded.take(CHAT), list(_messages(ours, path))
    if len(exchanges) != len(thread):
        raise Failed(f"{len(exchanges)} requests for {len(thread)} turns")
    return exchanges, said


def _messages(ours: Connection, path: str) -> Iterator[Body]:
    """Oldest first, as the model server is given them."""
    after = ""
    while True:
        page = ours.ask("GET", f"{path}/messages?limit=100&order=asc{after}")
        for message in page["data"]:
            text = "\n\n".join(part["text"]["value"] for part in message["content"])
            yield {"role": message["role"], "content": text}
        if not page["has_more"]:
            return
        after = f"&after={page['last_id']}"


def _answered(url: str, bodies: Sequence[Body]) -> list[Mapping[str, Any]]:
    """The server's usage for each prompt, with nothing of ours in between, and with a cache of their own."""
    asked = {"model": MODEL, "temperature": 0, "max_completion_tokens": 1, "cache_salt": "sliding"}
    with closing(Connection(url)) as connection:
        return [connection.ask("POST", CHAT, asked | {"messages": body["messages"]})["usage"] for body in bodies]


def _cached(usages: Sequence[Mapping[str, Any]]) -> float:
    """Per cent of prompt tokens that the server had, over all turns but the first."""
    had: int = sum((usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0 for usage in usages[1:])
    asked: int = sum(usage["prompt_tokens"] for usage in usages[1:])
    return 100 * had / asked


def usage_of(exchange: Exchange) -> Mapping[str, Any]:
    """From the last event of the stream that has it."""
    for line in reversed(exchange.answered.splitlines()):
        if line.startswith(b"data: {") and (usage := msgspec.json.decode(line[6:]).get("usage")):
            return dict(usage)
    raise Failed(f"no usage: {exchange.answered[-1000:]!r}")
