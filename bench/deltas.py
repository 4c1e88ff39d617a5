"""Delta events per second through one of our processes, beside the chunks per second of the bare model server.

One stream at a time, from asking to its end: for us that includes beginning the run and saving the answer.
"""

from collections.abc import Iterator

from bench.figures import Row, row
from bench.first_token import DELTA
from bench.machine import processor_seconds
from bench.scripts import Script
from bench.setting import TOKEN_EVERY_MS, Setting, chat_body, new_assistant, new_thread, run_body, scripts
from bench.upstream import CONTENT
from bench.wire import Failed, Streamed, all_answered

LEAST_RATIO = 0.7
ROUNDS = 3


def measure(setting: Setting) -> Iterator[Row]:
    known = scripts(setting.sizes)
    yield from _rates(setting, known["answer"], "a chunk per turn of its loop", target=LEAST_RATIO)
    yield from _rates(setting, known["burst"], "chunks as fast as they can be sent", target=None)


def streams(setting: Setting) -> Iterator[Row]:
    """Many streams at once, whose tokens come one by one: what a delta costs when there is nothing to take together."""
    script = scripts(setting.sizes)["stream"]
    ours = setting.to_server()
    assistant_id = new_assistant(ours, script)
    connections = [setting.to_server() for _ in range(setting.sizes.streams)]
    shares: list[float] = []
    microseconds: list[float] = []
    for _ in range(ROUNDS):
        requests = [
            ours.encoded("POST", f"/v1/threads/{new_thread(ours)}/runs", run_body(assistant_id)) for _ in connections
        ]
        used_before = processor_seconds(setting.server.process_id)
        _, seconds = all_answered(connections, iter(requests), check=lambda body: _check(body, DELTA, script))
        used_after = processor_seconds(setting.server.process_id)
        shares.append(script.tokens * TOKEN_EVERY_MS / 1000 / seconds)
        if used_before is not None and used_after is not None:
            microseconds.append((used_after - used_before) / script.tokens / len(connections) * 1_000_000)
    what = f"{len(connections)} runs at once, a token every {TOKEN_EVERY_MS} ms"
    yield row("streams", f"{what}: share of the model's pace", shares, "")
    if microseconds:
        yield row("streams", f"{what}: processor time of ours per delta", microseconds, "µs")


def _rates(setting: Setting, script: Script, what: str, *, target: float | None) -> Iterator[Row]:
    bare, ours = setting.to_upstream(), setting.to_server()
    assistant_id = new_assistant(ours, script)
    bare_rates: list[float] = []
    our_rates: list[float] = []
    used_before = processor_seconds(setting.server.process_id)
    for _ in range(1 + setting.sizes.answers):
        streamed = bare.stream("/v1/chat/completions", chat_body(script), marker=CONTENT)
        bare_rates.append(_rate(streamed, CONTENT, script))
        thread_id = new_thread(ours)
        streamed = ours.stream(f"/v1/threads/{thread_id}/runs", run_body(assistant_id), marker=DELTA)
        our_rates.append(_rate(streamed, DELTA, script))
    used_after = processor_seconds(setting.server.process_id)
    del bare_rates[0], our_rates[0]
    ratios = [ours / bare for bare, ours in zip(bare_rates, our_rates, strict=True)]
    yield row("deltas", f"{what}: bare", bare_rates, "/s")
    yield row("deltas", f"{what}: deltas of a run", our_rates, "/s")
    yield row("deltas", f"{what}: ratio", ratios, "", at_least=target)
    if used_before is not None and used_after is not None:
        tokens = script.tokens * (1 + setting.sizes.answers)
        microseconds = (used_after - used_before) / tokens * 1_000_000
        yield row("deltas", f"{what}: processor time of ours per delta", [microseconds], "µs")


def _rate(streamed: Streamed, marker: bytes, script: Script) -> float:
    _check(streamed.body, marker, script)
    return script.tokens / (streamed.ended - streamed.asked)


def _check(body: bytes, marker: bytes, script: Script) -> None:
    found = body.count(marker)
    if found != script.tokens:
        raise Failed(f"{found} of {script.tokens} tokens came: {body[-2000:]!r}")
