"""The scripted server as a process that answers by rule: `python -m compat_tests.scripted_upstream --port 0`.

Its first line of output is its address.
"""

import argparse
import asyncio
import signal

from . import ScriptedUpstream


async def serve(arguments: argparse.Namespace) -> None:
    upstream = ScriptedUpstream(
        flavour=arguments.flavour,
        models=arguments.model or ["tiny"],
        context=arguments.context,
        delay_seconds=arguments.delay_ms / 1000,
        remember=False,
    )
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await upstream.start(arguments.port)
    print(upstream.url, flush=True)
    await ended.wait()
    await upstream.stop()


parser = argparse.ArgumentParser(prog="python -m compat_tests.scripted_upstream")
parser.add_argument("--port", type=int, default=0)
parser.add_argument("--delay-ms", type=float, default=0.0, help="between the pieces of an answer")
parser.add_argument("--context", type=int, default=8192)
parser.add_argument("--flavour", choices=["generic", "vllm", "sglang", "llamacpp"], default="generic")
parser.add_argument("--model", action="append", help="a served name; may be given several times")

if __name__ == "__main__":
    asyncio.run(serve(parser.parse_args()))
