"""Two hundred alerts at once, on twenty threads that are used again: each is answered, none twice, none lost."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.keep.fork import Played
from tests.keep.models import Model
from tests.keep.seeding import new_assistant
from tests.processes import Server

THREADS = 20
ALERTS = [f"alert number {number}" for number in range(200)]


def in_parallel(ask: Callable[[str, str], dict[str, Any]], threads: list[str]) -> list[dict[str, Any]]:
    """Ask about every alert, all at once; alert `n` on thread `n % 20`."""
    with ThreadPoolExecutor(len(ALERTS)) as pool:
        return list(pool.map(ask, ALERTS, [threads[number % len(threads)] for number in range(len(ALERTS))]))


def check(api: httpx.Client, threads: list[str], results: list[dict[str, Any]], says: Model) -> None:
    """On every thread each of its alerts is asked about once, and every run has answered once."""
    assert len({result["run_id"] for result in results}) == len(ALERTS)
    for place, thread in enumerate(threads):
        runs = api.get(f"/threads/{thread}/runs", params={"limit": 100}).json()["data"]
        assert [run["status"] for run in runs] == ["completed"] * 10
        messages = api.get(f"/threads/{thread}/messages", params={"limit": 100}).json()["data"]
        said = defaultdict(list)
        for message in messages:
            said[message["role"]].append(message["content"][0]["text"]["value"])
        assert Counter(said["user"]) == Counter(ALERTS[place::THREADS])
        answered = Counter(message["run_id"] for message in messages if message["role"] == "assistant")
        assert answered == Counter(run["id"] for run in runs)
    assert len(says.requests) == len(ALERTS)


@pytest.fixture
def patient(patient_server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=patient_server.url, timeout=30) as client:
        yield client


def new_threads(api: httpx.Client) -> list[str]:
    return [api.post("/threads").json()["id"] for _ in range(THREADS)]


def test_the_fork_where_the_server_lets_them_wait(
    patient_server: Server, patient: httpx.Client, says: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`runs.when_thread_is_busy = "wait"`: a program that never thought of a busy thread meets none."""
    monkeypatch.setenv("OPENAI_BASE_URL", patient_server.url)
    threads = new_threads(patient)
    assistant = new_assistant(patient)
    providers = {thread: Played(assistant) for thread in threads}
    results = in_parallel(lambda alert, thread: providers[thread].query(alert, thread_id=thread), threads)
    for each in providers.values():
        each.close()
    check(patient, threads, results, says)


def test_ours_where_the_server_refuses(provider: Callable[..., Any], api: httpx.Client, says: Model) -> None:
    threads = new_threads(api)
    mine = provider()
    results = in_parallel(lambda alert, thread: mine.query(prompt=alert, thread_id=thread), threads)
    check(api, threads, results, says)
    assert [result["response"] for result in results] == ALERTS
