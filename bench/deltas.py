"""Delta events per second through one of our processes, beside the chunks per second of the bare model server.

One stream at a time, from asking to its end: for us that includes beginning the run and saving the answer.
"""

from collections.abc import Iterator
from itertools import repeat

from bench.figures import Row, row
from bench.first_token import DELTA
from bench.machine import placed, processor_seconds
from bench.scripts import Script
from bench.setting import TOKEN_EVERY_MS, Setting, chat_body, new_assistant, new_thread, run_body, scripts
from bench.upstream import CONTENT
from bench.wire import Failed, Streamed, all_answered

LEAST_RATIO = 0.7
ROUNDS = 3


def measure(setting: Setting) -> Iterator[Row]:
    known = scripts(setting.sizes)
    with placed(model_server=setting.upstream.process_id, ours=setting.server.process_id) as apart:
        cores = "" if apart else " (cores as the system likes)"
        yield from _rates(setting, known["answer"], f"a chunk per turn of its loop{cores}", target=LEAST_RATIO)
        yield from _rates(setting, known["burst"], f"chunks as fast as they can be sent{cores}", target=None)


def streams(setting: Setting) -> Iterator[Row]:
    """Many streams at once, whose tokens come one by one: what a delta costs when there is nothing to take together."""
    script = scripts(setting.sizes)["stream"]
    bare, ours = setting.to_upstream(), setting.to_server()
    assistant_id = new_assistant(ours, script)
    to_upstream = [setting.to_upstream() for _ in range(setting.sizes.streams)]
    to_server = [setting.to_server() for _ in to_upstream]
    question = bare.encoded("POST", "/v1/chat/completions", chat_body(script))
    paces: list[list[float]] = [[], []]
    used: list[float] = []
    for _ in range(ROUNDS):
        _, seconds = all_answered(
            to_upstream, repeat(question, len(to_upstream)), check=lambda body: _check(body, CONTENT, script)
        )
        paces[0].append(script.tokens / seconds)
        requests = [
            ours.encoded("POST", f"/v1/threads/{new_thread(ours)}/runs", run_body(assistant_id)) for _ in to_server
        ]
        used_before = processor_seconds(setting.server.process_id)
        _, seconds = all_answered(to_server, iter(requests), check=lambda body: _check(body, DELTA, script))
        used_after = processor_seconds(setting.server.process_id)
        paces[1].append(script.tokens / seconds)
        if used_before is not None and used_after is not None:
            used.append((used_after - used_before) / script.tokens / len(to_server) * 1_000_000)
    ratios = [ours / bare for bare, ours in zip(*paces, strict=True)]
    what = f"{len(to_server)} at once, a token every {TOKEN_EVERY_MS} ms"
    yield row("streams", f"{what}: bare, tokens of each stream", paces[0], "/s")
    yield row("streams", f"{what}: deltas of each run", paces[1], "/s")
    yield row("streams", f"{what}: ratio", ratios, "")
    if used:
        yield row("streams", f"{what}: our processor time per delta", used, "µs")


def _rates(setting: Setting, script: Script, what: str, *, target: float | None) -> Iterator[Row]:
    bare, ours = setting.to_upstream(), setting.to_server()
    assistant_id = new_assistant(ours, script)
    bare_rates: list[float] = []
    our_rates: list[float] = []
    process_ids = (setting.upstream.process_id, setting.server.process_id)
    used_before = [processor_seconds(process_id) for process_id in process_ids]
    for _ in range(1 + setting.sizes.answers):
        streamed = bare.stream("/v1/chat/completions", chat_body(script), marker=CONTENT)
        bare_rates.append(_rate(streamed, CONTENT, script))
        thread_id = new_thread(ours)
        streamed = ours.stream(f"/v1/threads/{thread_id}/runs", run_body(assistant_id), marker=DELTA)
        our_rates.append(_rate(streamed, DELTA, script))
    used_after = [processor_seconds(process_id) for process_id in process_ids]
    del bare_rates[0], our_rates[0]
    ratios = [ours / bare for bare, ours in zip(bare_rates, our_rates, strict=True)]
    yield row("deltas", f"{what}: bare", bare_rates, "/s")
    yield row("deltas", f"{what}: deltas of a run", our_rates, "/s")
    yield row("deltas", f"{what}: ratio", ratios, "", at_least=target)
    # The model server answered both times, ours once.
    for whose, times, before, after in zip(("the bare", "our"), (2, 1), used_before, used_after, strict=True):
        if before is not None and after is not None:
            tokens = script.tokens * (1 + setting.sizes.answers) * times
            name = f"{what}: {whose} server's processor time for each"
            yield row("deltas", name, [(after - before) / tokens * 1_000_000], "µs")


def _rate(streamed: Streamed, marker: bytes, script: Script) -> float:
    _check(streamed.body, marker, script)
    return script.tokens / (streamed.ended - streamed.asked)


def _check(body: bytes, marker: bytes, script: Script) -> None:
    found = body.count(marker)
    if found != script.tokens:
        raise Failed(f"{found} of {script.tokens} tokens came: {body[-2000:]!r}")
