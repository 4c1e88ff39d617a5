"""The README's example, copied literally, answers: its Python block against a server that was started with no flags."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LISTENING = re.compile(r"base URL for clients: (\S+)\)")


@pytest.fixture
def base_url(tmp_path: Path) -> Iterator[str]:
    command = [sys.executable, "run.py", "serve", "--port", "0", "--data", str(tmp_path / "data")]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        said = ""
        for line in server.stderr:
            said += line
            if found := LISTENING.search(line):
                break
        else:
            pytest.fail(f"the server did not start:\n{said}")
        yield found[1]
        server.terminate()
        server.stderr.read()
        assert server.wait(10) == 0


def test_the_example_answers(base_url: str) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    environment = {**os.environ, "OPENAI_BASE_URL": base_url, "OPENAI_API_KEY": "unused", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-c", example], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) >= 2, done.stdout
