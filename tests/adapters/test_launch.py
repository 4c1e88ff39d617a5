"""Starting a model server as a child process, and stopping it with us: real processes."""

import asyncio
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters import open_upstreams
from adapters.launch import COMMANDS, LaunchFailed, start_server
from config.settings import LaunchSettings, Settings, UpstreamSettings

FAKE = Path(__file__).with_name("fake_model_server.py")
ROOT = Path(__file__).parents[2]


def a_launch(**fields: Any) -> LaunchSettings:
    return LaunchSettings(**{"server": "vllm", "model": "m", "ready_timeout_seconds": 20.0, **fields})


def the_fake(*options: str) -> list[str]:
    return [sys.executable, str(FAKE), "{port}", *options]


async def until(condition: Callable[[], object]) -> bool:
    """Whether it comes true in a while. For what other processes do, which no event tells."""
    for _ in range(1500):
        if condition():
            return True
        await asyncio.sleep(0.02)
    return False


def has_ended(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"  # dead, and not yet fetched by whoever inherited it


async def is_gone(pid: int) -> bool:
    return await until(lambda: has_ended(pid))


async def test_it_is_ready_and_stops_with_us(tmp_path: Path) -> None:
    pid_file = tmp_path / "worker"
    launched = await start_server(a_launch(), command=the_fake("--child", str(pid_file)))
    worker = int(pid_file.read_text())
    upstreams = await open_upstreams(Settings(upstreams=[launched.settings]))
    assert upstreams.found == f"vLLM at {launched.url} serves fake (512 tokens)"
    await upstreams.aclose()
    await launched.stop()
    assert await is_gone(worker)


async def test_one_that_ends_at_once_tells_why() -> None:
    with pytest.raises(LaunchFailed) as raised:
        await start_server(a_launch(), command=the_fake("--fail", "3"))
    lines = raised.value.message.splitlines()
    assert lines[0] == "vllm ended with status 3 before it was ready. The end of its output:"
    assert lines[1] == "loading the model"
    assert lines[-1] == "out of memory: no room for the weights"


async def test_one_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    pid_file = tmp_path / "worker"
    with pytest.raises(LaunchFailed, match=r"was not ready after 1.5 seconds(?s:.)*loading the model"):
        await start_server(
            a_launch(ready_timeout_seconds=1.5), command=the_fake("--after", "600", "--child", str(pid_file))
        )
    assert await is_gone(int(pid_file.read_text()))


async def test_one_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    pid_file = tmp_path / "worker"
    launched = await start_server(a_launch(), command=the_fake("--deaf", "--child", str(pid_file)))
    await launched.stop(terminate_seconds=0.1)
    assert await is_gone(int(pid_file.read_text()))


async def test_a_program_that_is_not_there() -> None:
    with pytest.raises(LaunchFailed, match="no program no-such-program"):
        await start_server(a_launch(), command=["no-such-program"])


async def test_cancelling_a_start_stops_it(tmp_path: Path) -> None:
    pid_file = tmp_path / "worker"
    command = the_fake("--after", "600", "--child", str(pid_file))
    starting = asyncio.get_running_loop().create_task(start_server(a_launch(), command=command))
    assert await until(lambda: pid_file.exists() and pid_file.read_text())
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert await is_gone(int(pid_file.read_text()))


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
async def test_it_does_not_outlive_our_crash() -> None:
    program = (
        "import asyncio, sys\n"
        "from adapters.launch import start_server\n"
        "from config.settings import LaunchSettings\n"
        "async def main():\n"
        "    launched = await start_server(LaunchSettings(server='vllm', model='m'), command=sys.argv[1:])\n"
        "    print(launched._process.pid, flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    ours = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *the_fake(), stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert ours.stdout is not None
    child = int(await ours.stdout.readline())
    ours.kill()
    await ours.wait()
    assert await is_gone(child)


async def test_the_settings_start_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an operator has it: `vllm` on the PATH, options after the model."""
    program = tmp_path / "vllm"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\nexec {sys.executable} {FAKE} "$6"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = Settings(launch=a_launch(model="org/model", port=port, options=["--dtype", "half"]))
    upstreams = await open_upstreams(settings, local_ports=[])
    assert (await upstreams.resolve("fake")).context_length == 512
    await upstreams.aclose()
    arguments = (tmp_path / "arguments").read_text().split()
    assert arguments == ["serve", "org/model", "--host", "127.0.0.1", "--port", str(port), "--dtype", "half"]
    after = await open_upstreams(Settings(upstreams=[UpstreamSettings(url=f"http://127.0.0.1:{port}")]))
    assert "does not answer yet" in after.found
    await after.aclose()


def test_the_commands(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.touch()
    commands: dict[str, Callable[[str, int], list[str]]] = dict(COMMANDS)
    assert " ".join(commands["sglang"]("org/m", 7)[1:]) == (
        "-m sglang.launch_server --model-path org/m --host 127.0.0.1 --port 7"
    )
    assert " ".join(commands["vllm"]("org/m", 7)) == "vllm serve org/m --host 127.0.0.1 --port 7"
    assert " ".join(commands["llama-server"](str(file), 7)) == (
        f"llama-server --model {file} --host 127.0.0.1 --port 7 --jinja"
    )
    assert " ".join(commands["llama-server"]("org/m", 7)) == (
        "llama-server --hf-repo org/m --host 127.0.0.1 --port 7 --jinja"
    )
