"""The two servers as processes of their own: ours as its users run it, and the bare model server."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from bench.wire import Failed

ROOT: Final = Path(__file__).resolve().parents[1]
READY_SECONDS: Final = 30.0
STOP_SECONDS: Final = 30.0


class Server(Struct, frozen=True, kw_only=True):
    url: str
    process_id: int
    launched: float
    """The moment before exec, in seconds of `time.perf_counter`."""


@contextmanager
def upstream(models: Sequence[str]) -> Iterator[Server]:
    named = [word for model in models for word in ("--model", model)]
    with _running(["-m", "bench.upstream", *named], said=r"(http://\S+)") as server:
        yield server


@contextmanager
def scripted(*, context: int) -> Iterator[Server]:
    """A model server that says again what it is asked, and counts a token for each word as vLLM would count its own."""
    command = ["-m", "compat_tests.scripted_upstream", "--flavour", "vllm", "--context", str(context)]
    with _running(command, said=r"(http://\S+)") as server:
        yield server


@contextmanager
def ours(upstream: str, *, data: Path, profile: Path | None = None) -> Iterator[Server]:
    """`run.py serve`; with `profile`, under cProfile, which is left there at the end."""
    profiler = [] if profile is None else ["-m", "cProfile", "-o", str(profile)]
    command = [*profiler, "run.py", "serve", "--port", "0", "--upstream", upstream, "--data", str(data)]
    with _running(command, said=r"listening on (http://[^\s/]+)") as server:
        yield server


@contextmanager
def _running(command: Sequence[str], *, said: str) -> Iterator[Server]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("UNDERSTUDY_")}
    with tempfile.TemporaryFile() as log:
        launched = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            yield Server(url=_address(process, log.fileno(), said), process_id=process.pid, launched=launched)
            if process.poll() is not None:
                raise Failed(f"{command} ended by itself: {_text(log.fileno())}")
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise


def _address(process: subprocess.Popen[bytes], log: int, said: str) -> str:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(said, _text(log)):
            return found[1]
        time.sleep(0.001)
    raise Failed(f"the server does not listen: {_text(log)}")


def _text(log: int) -> str:
    return os.pread(log, 1_000_000, 0).decode()
