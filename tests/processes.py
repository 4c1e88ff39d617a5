"""Our server and the scripted model server as processes of their own, as their users run them.

Standard library only: the tests of older clients run in environments that have nothing of ours.
"""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHON = os.environ.get("SERVER_PYTHON", sys.executable)
"""The interpreter that has what our server needs; not always the one that runs the tests."""
STOP_SECONDS = 30


class Server:
    """`run.py serve` on a data directory; may be killed, and started again."""

    def __init__(self, data: Path, *upstreams: str, environ: dict[str, str] | None = None) -> None:
        self.data = data
        self.url = ""
        self.said: list[str] = []
        """Its log, of this start and those before."""
        self._upstreams = upstreams
        self._environ = environ or {}
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def start(self) -> "Server":
        """Start it, and wait until it listens."""
        command = [PYTHON, "run.py", "serve", "--port", "0", "--data", str(self.data)]
        for upstream in self._upstreams:
            command += ["--upstream", upstream]
        self._process = _start(command, self._environ, stderr=subprocess.PIPE)
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.said.append(line)
            if found := re.search(r"listening on (http://\S+)", line):
                self.url = found[1]
                break
        else:
            self.end()
            raise RuntimeError("the server does not listen:\n" + "".join(self.said))
        self._reader = threading.Thread(target=self.said.extend, args=(self._process.stderr,), daemon=True)
        self._reader.start()
        return self

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self) -> int:
        """Wait for its end; its exit status."""
        process, self._process = self._process, None
        assert process is not None
        try:
            return process.wait(STOP_SECONDS)
        finally:
            process.kill()
            process.wait()
            if self._reader is not None:
                self._reader.join()
            assert process.stderr is not None
            process.stderr.close()

    def kill(self) -> None:
        """`kill -9`."""
        self.send(signal.SIGKILL)
        self.wait()

    def end(self) -> None:
        """Make sure that it has ended."""
        if self._process is not None:
            self.kill()


@contextmanager
def serving(data: Path, *upstreams: str, environ: dict[str, str] | None = None) -> Iterator[Server]:
    server = Server(data, *upstreams, environ=environ)
    try:
        yield server.start()
    finally:
        server.end()


@contextmanager
def model_server(*arguments: str) -> Iterator[str]:
    """A scripted model server that answers by rule; its address."""
    command = [PYTHON, "-m", "compat_tests.scripted_upstream", "--port", "0", *arguments]
    process = _start(command, {}, stdout=subprocess.PIPE)
    with process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def _start(command: list[str], environ: dict[str, str], **pipes: int) -> subprocess.Popen[str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("UNDERSTUDY_")}
    return subprocess.Popen(command, cwd=ROOT, env=plain | environ, stdin=subprocess.DEVNULL, text=True, **pipes)
