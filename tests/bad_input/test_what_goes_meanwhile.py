"""Files that are deleted, and stores that expire, while they are in use: no longer found, and said in so many words."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.bad_input.visitor import GOOD, READING_SECONDS, Visitor
from tests.processes import model_server, serving

LONG = b"".join(b"Sentence %d is about the heron and stones. " % n for n in range(60_000))
"""Some seconds of reading."""
OVER = {"completed", "failed", "cancelled", "expired", "incomplete"}


@contextmanager
def visiting(data: Path, *model: str) -> Iterator[Visitor]:
    with model_server(*model) as upstream, serving(data, upstream) as server:
        yield Visitor(server)
        assert not [line for line in server.said if "Traceback" in line or "ERROR" in line]


@pytest.fixture(scope="module")
def visitor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    with visiting(tmp_path_factory.mktemp("meanwhile") / "data") as visitor:
        yield visitor


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Visitor]:
    """Of a server with a model that takes its time, so that something can happen meanwhile."""
    with visiting(tmp_path / "data", "--delay-ms", "400") as visitor:
        yield visitor


def asked(visitor: Visitor, store: str) -> str:
    """The path of a run that searches a store for the otter."""
    tools = {"tools": [{"type": "file_search"}]}
    resources = {"tool_resources": {"file_search": {"vector_store_ids": [store.rpartition("/")[2]]}}}
    assistant = visitor.did("POST", "/assistants", {"model": "tiny"} | tools | resources)
    thread = {"messages": [{"role": "user", "content": "Please search for otter."}]}
    run = visitor.did("POST", "/threads/runs", {"assistant_id": assistant["id"], "thread": thread})
    return f"/threads/{run['thread_id']}/runs/{run['id']}"


def ended(visitor: Visitor, path: str) -> Any:
    deadline = time.monotonic() + READING_SECONDS
    while (run := visitor.did("GET", path))["status"] not in OVER:
        assert time.monotonic() < deadline, run
        threading.Event().wait(0.02)
    return run


def results(visitor: Visitor, path: str) -> list[str]:
    """The files that the run's search found."""
    steps = visitor.did("GET", f"{path}/steps?order=asc")["data"]
    calls = [call for step in steps for call in step["step_details"].get("tool_calls", [])]
    return [found["file_id"] for call in calls for found in call["file_search"]["results"]]


def listed(visitor: Visitor, store: str) -> list[str]:
    return [file["id"] for file in visitor.did("GET", f"{store}/files")["data"]]


def counts(visitor: Visitor, store: str) -> tuple[int, int, int]:
    told = visitor.did("GET", store)["file_counts"]
    return told["in_progress"], told["completed"], told["total"]


def test_a_file_that_is_deleted_before_it_is_put_into_a_store(visitor: Visitor) -> None:
    gone = visitor.upload("gone.txt", GOOD)
    visitor.did("DELETE", f"/files/{gone}")
    status, refused = visitor.ask("POST", "/vector_stores", {"file_ids": [gone]})
    assert (status, refused["error"]["message"]) == (404, f"File(s) with id(s) '{gone}' were not found.")


def until_one_is_half_read(visitor: Visitor) -> None:
    deadline = time.monotonic() + READING_SECONDS
    with closing(sqlite3.connect(visitor.server.data / "understudy.sqlite", timeout=30)) as database:
        while not database.execute("SELECT id FROM chunk_sets WHERE NOT complete").fetchall():
            assert time.monotonic() < deadline
            threading.Event().wait(0.01)


def test_files_that_are_deleted_while_they_are_read_or_wait(visitor: Visitor) -> None:
    """As many as can be read at a time, and others behind them; the good one comes last."""
    long = [visitor.upload(f"long{n}.txt", LONG) for n in range(6)]
    good = visitor.upload("good.txt", GOOD)
    store = visitor.store(*long, good)
    until_one_is_half_read(visitor)
    assert counts(visitor, store) == (7, 0, 7)
    for file_id in long:
        visitor.did("DELETE", f"/files/{file_id}")
    assert listed(visitor, store) == [good]
    assert visitor.read(store)[good]["status"] == "completed"
    assert counts(visitor, store) == (0, 1, 1)
    assert {file_id for file_id, _ in visitor.found(store, "heron")} <= {good}
    assert visitor.found(store, "otter") == [(good, "good.txt")]
    status, refused = visitor.ask("GET", f"{store}/files/{long[0]}")
    assert status == 404
    assert refused["error"]["message"] == f"No file found with id '{long[0]}' in vector store '{store[15:]}'."
    assert not visitor.on_disk() & set(long)


def test_a_file_that_is_deleted_after_it_was_read_is_shown_to_no_run(visitor: Visitor) -> None:
    gone, good = visitor.upload("gone.txt", b"An otter, too."), visitor.upload("good.txt", GOOD)
    store = visitor.store(gone, good)
    assert {file["status"] for file in visitor.read(store).values()} == {"completed"}
    before = asked(visitor, store)
    assert ended(visitor, before)["status"] == "completed"
    assert set(results(visitor, before)) == {gone, good}
    visitor.did("DELETE", f"/files/{gone}")
    assert listed(visitor, store) == [good]
    assert counts(visitor, store) == (0, 1, 1)
    assert visitor.found(store, "otter") == [(good, "good.txt")]
    after = asked(visitor, store)
    assert ended(visitor, after)["status"] == "completed"
    assert results(visitor, after) == [good]
    # What was done is not rewritten.
    assert set(results(visitor, before)) == {gone, good}


def test_a_file_that_is_deleted_while_a_run_is_about_to_search(visitor: Visitor) -> None:
    gone, good = visitor.upload("gone.txt", b"An otter, too."), visitor.upload("good.txt", GOOD)
    store = visitor.store(gone, good)
    visitor.read(store)
    run = asked(visitor, store)
    visitor.did("DELETE", f"/files/{gone}")
    assert ended(visitor, run)["status"] == "completed"
    assert set(results(visitor, run)) <= {gone, good}
    assert good in results(visitor, run)


def end_its_time(visitor: Visitor, store: str) -> None:
    """Stores expire in days, and the server's clock is the machine's: so the time comes to the store."""
    with closing(sqlite3.connect(visitor.server.data / "understudy.sqlite", timeout=30)) as database, database:
        changed = database.execute("UPDATE vector_stores SET expires_at = 1 WHERE id = ?", (store.rpartition("/")[2],))
        assert changed.rowcount == 1


def until_expired(visitor: Visitor, store: str) -> None:
    """It is noted when there is something to read, or within half a minute."""
    visitor.store(visitor.upload("waking.txt", GOOD))
    deadline = time.monotonic() + READING_SECONDS
    while visitor.did("GET", store)["status"] != "expired":
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)


def expiring(visitor: Visitor) -> str:
    body = {
        "file_ids": [visitor.upload("good.txt", GOOD)],
        "expires_after": {"anchor": "last_active_at", "days": 1},
    }
    store = f"/vector_stores/{visitor.did('POST', '/vector_stores', body)['id']}"
    visitor.read(store)
    return store


def test_a_store_whose_time_is_over(visitor: Visitor) -> None:
    store, other = expiring(visitor), visitor.store(visitor.upload("good.txt", GOOD))
    end_its_time(visitor, store)
    until_expired(visitor, store)
    said = f"Vector store '{store[15:]}' has expired."
    tools = {"tools": [{"type": "file_search"}]}
    named = {"tool_resources": {"file_search": {"vector_store_ids": [store[15:]]}}}
    assistant = visitor.did("POST", "/assistants", {"model": "tiny"} | tools)
    thread = visitor.did("POST", "/threads", {"messages": [{"role": "user", "content": "search for otter"}]} | named)
    status, refused = visitor.ask("POST", f"/threads/{thread['id']}/runs", {"assistant_id": assistant["id"]})
    assert (status, refused["error"]["message"]) == (400, said)
    status, refused = visitor.ask("POST", f"{store}/files", {"file_id": visitor.upload("late.txt", GOOD)})
    assert (status, refused["error"]["message"]) == (400, said)
    # The thread is free, and other stores are as they were.
    assert visitor.did("GET", f"/threads/{thread['id']}/runs")["data"] == []
    assert len(listed(visitor, store)) == 1
    assert [name for _, name in visitor.found(other, "otter")] == ["good.txt"]


def test_a_store_that_expires_during_a_run(patient: Visitor) -> None:
    visitor = patient
    store = expiring(visitor)
    run = asked(visitor, store)
    end_its_time(visitor, store)
    until_expired(visitor, store)
    failed = ended(visitor, run)
    assert failed["status"] == "failed"
    assert failed["last_error"]["message"] == f"Vector store '{store[15:]}' has expired."
    thread = run.partition("/runs")[0]
    said = visitor.did("POST", f"{thread}/messages", {"role": "user", "content": "The thread is free."})
    assert said["thread_id"] == thread.rpartition("/")[2]
