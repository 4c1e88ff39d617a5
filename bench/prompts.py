"""Building a prompt on a long thread beside a short one, where the model's context makes both prompts as long.

Through the server it is the time until the model server has the whole prompt, and holds the cost of saving the run.
In process it is reading, fitting and building alone, on the same kind of file.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from typing import Any

from adapters import Route, open_upstreams
from bench.figures import Row, row
from bench.first_token import DELTA
from bench.scripts import Script
from bench.setting import Setting, new_assistant, new_thread, run_body, scripts, text_of
from bench.wire import Connection
from config.settings import Settings, UpstreamSettings
from proxy.clock import SystemClock
from proxy.engine.history import fit, load, remember
from proxy.engine.preparing import Prepared
from proxy.ids import new_id
from proxy.runs.progress import RunProgress, encode_progress
from proxy.runs.truncation import budget
from proxy.runs.turn import Turn
from proxy.schema.messages import Message, Text, TextContent
from proxy.schema.runs import Run
from proxy.schema.threads import Thread
from proxy.store import Store, messages, runs, threads
from proxy.store.database import Connection as Database

MOST_RATIO = 1.5
PROJECT = "bench"
INSERTED_AT_ONCE = 500
THREADS = 5


def measure(setting: Setting) -> Iterator[Row]:
    script = scripts(setting.sizes)["narrow"]
    yield from _through_the_server(setting, script)
    yield from _in_process(setting, script)


def lengths(setting: Setting) -> tuple[int, int]:
    return setting.sizes.short_thread, setting.sizes.long_thread


def filled_thread(connection: Connection, length: int) -> str:
    """A thread of so many messages, put in by requests of at most `INSERTED_AT_ONCE`."""
    texts = [text_of(number) for number in range(length)]
    thread_id = new_thread(connection, texts[:INSERTED_AT_ONCE])
    for text in texts[INSERTED_AT_ONCE:]:
        connection.ask("POST", f"/v1/threads/{thread_id}/messages", {"role": "user", "content": text})
    return thread_id


def _through_the_server(setting: Setting, script: Script) -> Iterator[Row]:
    bare, ours = setting.to_upstream(), setting.to_server()
    assistant_id = new_assistant(ours, script)
    # Tokenizers load their tables at the first text they count, which is not what is measured here.
    _run(ours, bare, filled_thread(ours, setting.sizes.short_thread * 2), assistant_id)
    thread_ids = [filled_thread(ours, length) for length in lengths(setting)]

    for thread_id in thread_ids:  # the first run of a thread counts its tokens, those after it do not
        _run(ours, bare, thread_id, assistant_id)
    later: list[list[tuple[float, int]]] = [[], []]
    for _ in range(setting.sizes.prompts):
        for place, thread_id in enumerate(thread_ids):
            later[place].append(_run(ours, bare, thread_id, assistant_id))

    for length, taken in zip(lengths(setting), later, strict=True):
        held = max(messages for _, messages in taken)
        name = f"until the model server has it, {length:,} messages ({held} in the prompt)"
        yield row("prompt", name, [ms for ms, _ in taken], "ms")
    ratios = [long[0] / short[0] for short, long in zip(*later, strict=True)]
    yield row("prompt", "until the model server has it, ratio", ratios, "", below=MOST_RATIO)


def _run(ours: Connection, bare: Connection, thread_id: str, assistant_id: str) -> tuple[float, int]:
    """Milliseconds until the model server had the prompt, and the messages in it."""
    streamed = ours.stream(f"/v1/threads/{thread_id}/runs", run_body(assistant_id), marker=DELTA)
    seen = bare.ask("GET", "/seen")
    return (seen["at"] - streamed.asked) * 1000, seen["messages"]


def _in_process(setting: Setting, script: Script) -> Iterator[Row]:
    firsts, later = asyncio.run(_built(setting, script))
    for when, taken in (("read, fitted and built", later), ("the same, tokens not yet counted", firsts)):
        for length, milliseconds in zip(lengths(setting), taken, strict=True):
            yield row("prompt", f"{when}, {length:,} messages", milliseconds, "ms")
        ratios = [long / short for short, long in zip(*taken, strict=True)]
        yield row("prompt", f"{when}, ratio", ratios, "", below=MOST_RATIO)


async def _built(setting: Setting, script: Script) -> tuple[list[list[float]], list[list[float]]]:
    """Milliseconds on short and long threads: the first time on each, and later."""
    settings = Settings(upstreams=[UpstreamSettings(url=setting.upstream.url)])
    upstreams = await open_upstreams(settings)
    store = await Store.open(setting.directory / "prompts", SystemClock())
    try:
        route = await upstreams.resolve(script.name)
        await _built_once(store, route, await _a_run(store, setting.sizes.short_thread * 2, script))
        firsts: list[list[float]] = [[], []]
        later: list[list[float]] = [[], []]
        for _ in range(THREADS):
            run_ids = [await _a_run(store, length, script) for length in lengths(setting)]
            for place, run_id in enumerate(run_ids):
                firsts[place].append(await _built_once(store, route, run_id))
        for _ in range(setting.sizes.prompts):
            for place, run_id in enumerate(run_ids):
                later[place].append(await _built_once(store, route, run_id))
        return firsts, later
    finally:
        await store.aclose()
        await upstreams.aclose()


async def _a_run(store: Store, length: int, script: Script) -> str:
    """A stored run on a thread of so many messages."""
    thread = Thread(id=new_id("thread"), created_at=0)
    run = Run(
        id=new_id("run"),
        created_at=0,
        assistant_id=new_id("asst"),
        thread_id=thread.id,
        expires_at=1,
        model=script.name,
    )
    said = [_message(thread.id, number) for number in range(length)]

    async def save(db: Database) -> None:
        await threads.insert_thread(db, PROJECT, thread)
        await messages.insert_messages(db, PROJECT, said)
        await runs.insert_run(db, PROJECT, run, progress=encode_progress(RunProgress()), owner=None, lease_until=None)

    await store.write(save)
    return run.id


def _message(thread_id: str, number: int) -> Message:
    content: Sequence[Any] = [TextContent(text=Text(value=text_of(number)))]
    return Message(id=new_id("msg"), created_at=0, thread_id=thread_id, role="user", content=list(content))


async def _built_once(store: Store, route: Route, run_id: str) -> float:
    """Milliseconds for what the driver does before it asks the model server."""
    started = time.perf_counter()
    room = budget(route.context_length, max_prompt_tokens=None, answer_tokens=None)
    material = await store.read(lambda db: load(db, run_id, budget=room))
    assert material is not None
    fitted = await fit(material, route, budget=room, answer_tokens=None)
    if fitted.window_start is not None or fitted.counted:
        await store.write(lambda db: remember(db, material, fitted))
    turn = Turn(material.run, material.progress, new_id=new_id)
    prepared = Prepared(turn=turn, route=route, material=material, fitted=fitted, images={}, used_up=None, search=None)
    prepared.request(route.model)
    return (time.perf_counter() - started) * 1000
