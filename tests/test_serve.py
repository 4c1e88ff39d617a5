"""`run.py serve` as a process: whom it lets in, what it says when it cannot start, how it ends."""

import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.command_line import PLAIN, ROOT, command

DEMO = {"UNDERSTUDY_UPSTREAMS": '[{"url": "http://demo", "dialect": "demo"}]'}


@contextmanager
def serving(data: Path, *arguments: str) -> Iterator[str]:
    """A server's base URL, as it says it."""
    process = subprocess.Popen(
        [sys.executable, ROOT / "run.py", "serve", "--port", "0", "--data", data, *arguments],
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        env=PLAIN | DEMO,
    )
    assert process.stderr is not None
    try:
        said = ""
        for line in process.stderr:
            said += line
            if found := re.search(r"listening on http://[^:]+:(\d+)", line):
                break
        else:
            raise AssertionError(f"it did not start:\n{said}")
        yield f"http://127.0.0.1:{found[1]}"
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read()
        assert process.wait(timeout=30) == 0, rest
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def status(url: str, **headers: str) -> int:
    request = urllib.request.Request(url, headers={"OpenAI-Beta": "assistants=v2", **headers})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code


def test_without_keys_it_does_not_listen_where_others_are(tmp_path: Path) -> None:
    done = command("serve", "--host", "0.0.0.0", "--port", "0", "--data", tmp_path, **DEMO)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("understudy: refusing to listen on 0.0.0.0 without keys")
    assert "run.py keys create --project" in done.stderr
    assert "--allow-anonymous" in done.stderr


def test_told_to_it_does(tmp_path: Path) -> None:
    with serving(tmp_path, "--host", "0.0.0.0", "--allow-anonymous") as url:
        assert status(f"{url}/v1/assistants") == 200


def test_keys_made_and_revoked_while_it_runs(tmp_path: Path) -> None:
    with serving(tmp_path) as url:
        secret = command("keys", "create", "--project", "blue", "--data", tmp_path).stdout.strip()
        other = command("keys", "create", "--project", "red", "--data", tmp_path)
        (id,) = re.findall(r"key_\w+", other.stderr)
        assert command("keys", "revoke", id, "--data", tmp_path).returncode == 0

        assert status(f"{url}/v1/assistants") == 401
        assert status(f"{url}/v1/assistants", Authorization=f"Bearer {other.stdout.strip()}") == 401
        assert status(f"{url}/v1/assistants", Authorization=f"Bearer {secret}") == 200
        assert status(f"{url}/health/live") == 200

    with serving(tmp_path, "--host", "0.0.0.0") as url:
        assert status(f"{url}/v1/assistants", **{"X-API-Key": secret}) == 200


def test_one_server_for_a_data_directory(tmp_path: Path) -> None:
    with serving(tmp_path):
        done = command("serve", "--port", "0", "--data", tmp_path, **DEMO)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"understudy: The data directory .* is in use by another server .*\n", done.stderr)


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with serving(tmp_path / "a") as url:
        port = url.rpartition(":")[2]
        done = command("serve", "--port", port, "--data", tmp_path / "b", **DEMO)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"understudy: cannot listen on 127.0.0.1 port {port}: " in done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--launch", "llama-server", "--model", "none.gguf"], "cannot start llama-server"),
        (["--data", "/dev/null/x"], "[Errno 20] Not a directory"),
    ],
)
def test_what_it_says_when_it_cannot_start(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    done = command("serve", "--port", "0", "--data", tmp_path, *arguments, **DEMO, PATH="/nonexistent")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"understudy: {sentence}")
    assert done.stderr.count("\n") == 1
