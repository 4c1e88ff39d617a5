"""Delta events per second through one of our processes, beside the chunks per second of the bare model server.

One stream at a time, from asking to its end: for us that includes beginning the run and saving the answer.
"""

from collections.abc import Iterator

from bench.figures import Row, row
from bench.first_token import DELTA
from bench.scripts import Script
from bench.setting import Setting, chat_body, new_assistant, new_thread, run_body, scripts
from bench.upstream import CONTENT
from bench.wire import Failed, Streamed

LEAST_RATIO = 0.7


def measure(setting: Setting) -> Iterator[Row]:
    known = scripts(setting.sizes)
    yield from _rates(setting, known["answer"], "a chunk per turn of its loop", target=LEAST_RATIO)
    yield from _rates(setting, known["burst"], "chunks as fast as they can be sent", target=None)


def _rates(setting: Setting, script: Script, what: str, *, target: float | None) -> Iterator[Row]:
    bare, ours = setting.to_upstream(), setting.to_server()
    assistant_id = new_assistant(ours, script)
    bare_rates: list[float] = []
    our_rates: list[float] = []
    for _ in range(1 + setting.sizes.answers):
        streamed = bare.stream("/v1/chat/completions", chat_body(script), marker=CONTENT)
        bare_rates.append(_rate(streamed, CONTENT, script))
        thread_id = new_thread(ours)
        streamed = ours.stream(f"/v1/threads/{thread_id}/runs", run_body(assistant_id), marker=DELTA)
        our_rates.append(_rate(streamed, DELTA, script))
    del bare_rates[0], our_rates[0]
    ratios = [ours / bare for bare, ours in zip(bare_rates, our_rates, strict=True)]
    yield row("deltas", f"{what}: bare", bare_rates, "/s")
    yield row("deltas", f"{what}: deltas of a run", our_rates, "/s")
    yield row("deltas", f"{what}: ratio", ratios, "", at_least=target)


def _rate(streamed: Streamed, marker: bytes, script: Script) -> float:
    found = streamed.body.count(marker)
    if found != script.tokens:
        raise Failed(f"{found} of {script.tokens} tokens came: {streamed.body[-2000:]!r}")
    return found / (streamed.ended - streamed.asked)
