"""Drivers, as processes against one server: each with a project and an empty directory of its own."""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from adapters.ranks import CACHE_VARIABLE, find_ranks
from tests.clients.matrix import CLIENTS, Client
from tests.command_line import command
from tests.processes import ROOT, Server, model_server, serving

SECONDS = 120
"""For all scenarios of a client, its start included."""
AT_A_TIME = 3
"""They wait more than they work."""


@dataclass(frozen=True, kw_only=True)
class Played:
    versions: dict[str, str]
    outcomes: dict[str, tuple[bool | None, str]]
    """By scenario: whether it went well (None: the client cannot do that), and why not."""
    said: str
    """What it wrote beside, and how it ended if not well."""
    seconds: float

    @property
    def failures(self) -> dict[str, str]:
        return {name: detail for name, (ok, detail) in self.outcomes.items() if ok is False}


@contextmanager
def playing(names: Iterable[str]) -> Iterator[dict[str, Future[Played]]]:
    """All of these clients against a server of their own, some at a time."""
    with tempfile.TemporaryDirectory(prefix="understudy-clients-") as directory:
        place = Path(directory)
        other_key = new_key(place / "data", "another")
        slowly = ("--model", "slow", "--delay-ms", "20")
        with (
            model_server() as tiny,
            model_server(*slowly) as slow,
            serving(place / "data", tiny, slow) as server,
            ThreadPoolExecutor(AT_A_TIME) as pool,
        ):
            futures = {name: pool.submit(play, CLIENTS[name], server, place / name, other_key) for name in names}
            try:
                yield futures
            finally:
                pool.shutdown(cancel_futures=True)


def play(client: Client, server: Server, place: Path, other_key: str) -> Played:
    place.mkdir()
    key = new_key(server.data, place.name)
    began = time.monotonic()
    process = subprocess.Popen(
        [*client.command, server.url, key, other_key, *client.arguments],
        cwd=place,
        env=environment(server, key, place),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        out, said = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        out, said = process.communicate()
        said += f"\nnot done after {SECONDS} s"
    if process.returncode:
        said += f"\nexit status {process.returncode}"
    lines = [json.loads(line) for line in out.splitlines()]
    return Played(
        versions=next((line["versions"] for line in lines if "versions" in line), {}),
        outcomes={line["scenario"]: (line["ok"], line["detail"]) for line in lines if "scenario" in line},
        said=said if process.returncode else "",
        seconds=time.monotonic() - began,
    )


def environment(server: Server, key: str, place: Path) -> dict[str, str]:
    """As of a user who has set nothing but address and key."""
    ranks = find_ranks()  # some clients would fetch them
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(place),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
        "OPENAI_BASE_URL": f"{server.url}/v1",
        "OPENAI_API_KEY": key,
    } | ({CACHE_VARIABLE: str(ranks)} if ranks else {})


def new_key(data: Path, project: str) -> str:
    made = command("keys", "create", "--project", project, "--data", data)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()
