"""Time to first token that we add: one stream at a time, over kept-alive connections, in turns with the bare server.

What is behind the first delta by then is durable: the run, that it began, its step and its message.
"""

from collections.abc import Iterator

from bench.figures import Row, row
from bench.machine import fsync_seconds
from bench.scripts import Script
from bench.setting import Setting, chat_body, new_assistant, new_thread, run_body, scripts
from bench.upstream import CONTENT

ADDED_MS = 3.0
WARM_UPS = 10
DELTA = b"event: thread.message.delta"


def measure(setting: Setting) -> Iterator[Row]:
    known = scripts(setting.sizes)
    yield from _added(setting, known["word"], "a model that answers at once", target=ADDED_MS)
    yield from _added(setting, known["late word"], "a model that takes 20 ms", target=None)


def _added(setting: Setting, script: Script, what: str, *, target: float | None) -> Iterator[Row]:
    bare, ours = setting.to_upstream(), setting.to_server()
    assistant_id = new_assistant(ours, script)
    bare_ms: list[float] = []
    our_ms: list[float] = []
    disk_ms: list[float] = []
    for _ in range(WARM_UPS + setting.sizes.first_tokens):
        streamed = bare.stream("/v1/chat/completions", chat_body(script), marker=CONTENT)
        bare_ms.append((streamed.first - streamed.asked) * 1000)
        thread_id = new_thread(ours)
        streamed = ours.stream(f"/v1/threads/{thread_id}/runs", run_body(assistant_id), marker=DELTA)
        our_ms.append((streamed.first - streamed.asked) * 1000)
        disk_ms.append(fsync_seconds(setting.directory) * 1000)
    del bare_ms[:WARM_UPS], our_ms[:WARM_UPS]
    added = [ours - bare for bare, ours in zip(bare_ms, our_ms, strict=True)]
    yield row("first-token", f"{what}: bare", bare_ms, "ms")
    yield row("first-token", f"{what}: a run's first delta", our_ms, "ms")
    yield row("first-token", f"{what}: added", added, "ms", below=target)
    yield row("first-token", f"{what}: an fsync of this disk meanwhile", disk_ms, "ms")
