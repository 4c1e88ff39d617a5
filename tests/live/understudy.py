"""Our own server as its users run it: `run.py serve` in a process of its own, in front of one model server."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 30
STOP_SECONDS = 30
COMMAND_SECONDS = 120


class Serving(NamedTuple):
    address: str
    log: Path


@contextlib.contextmanager
def serving(upstream: str, *, directory: Path) -> Iterator[Serving]:
    """Run a server that asks `upstream` and keeps its data and its log in `directory`."""
    log = directory / "understudy.log"
    command = [
        sys.executable,
        "run.py",
        "serve",
        "--port",
        "0",
        "--upstream",
        upstream,
        "--data",
        str(directory / "data"),
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=_environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield Serving(_address(process, log), log)
        assert process.poll() is None, f"the server ended by itself:\n{log.read_text()}"
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one of the other commands to its end."""
    return subprocess.run(
        [sys.executable, "run.py", *arguments],
        cwd=ROOT,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )


def _environment() -> dict[str, str]:
    """Without our own variables: those of the tests are no settings, and those of the machine are not for the tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith("UNDERSTUDY_")}


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if said := re.search(r"listening on (http://\S+)", log.read_text()):
            return said[1]
        time.sleep(0.05)
    raise RuntimeError(f"our server does not listen:\n{log.read_text()}")
