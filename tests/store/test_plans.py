"""Every list and every question that is asked often is served by an index, and no list is sorted."""

import re
from collections.abc import Awaitable, Callable

import pytest

from proxy.schema.files import ListFilesParams
from proxy.schema.pages import ListMessagesParams, ListParams, ListThreadsParams
from proxy.schema.runs import RunStatus
from proxy.schema.vector_stores import ListVectorStoreFilesParams
from proxy.store import (
    Connection,
    Store,
    assistants,
    chunks,
    files,
    keys,
    messages,
    runs,
    steps,
    threads,
    uploads,
    vector_store_files,
    vector_stores,
)
from proxy.store.database import Params, Row
from tests.builders import a_run, an_assistant


class Explaining:
    """A connection that notes how SQLite means to run each statement."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self.plans: list[str] = []

    async def one(self, sql: str, params: Params) -> Row | None:
        await self._explain(sql, params)
        return await self._db.one(sql, params)

    async def all(self, sql: str, params: Params) -> list[Row]:
        await self._explain(sql, params)
        return await self._db.all(sql, params)

    async def run(self, sql: str, params: Params) -> int:
        await self._explain(sql, params)
        return await self._db.run(sql, params)

    async def _explain(self, sql: str, params: Params) -> None:
        plan = await self._db.all(f"EXPLAIN QUERY PLAN {sql}", params)
        self.plans.append("; ".join(row["detail"] for row in plan))


async def plans_of(store: Store, question: Callable[[Connection], Awaitable[object]]) -> list[str]:
    async def work(db: Connection) -> list[str]:
        explaining = Explaining(db)
        await question(explaining)
        return explaining.plans

    return await store.write(work)


ORDERS = [ListParams(order="asc"), ListParams(order="desc")]


@pytest.mark.parametrize("params", ORDERS, ids=["asc", "desc"])
async def test_lists_are_read_from_their_index(store: Store, params: ListParams) -> None:
    of_thread = ListMessagesParams(order=params.order)
    of_run = ListMessagesParams(order=params.order, run_id="r")
    all_files = ListFilesParams(order=params.order)
    some_files = ListFilesParams(order=params.order, purpose="vision")
    tagged = ListThreadsParams(order=params.order, metadata={"a": "1"})
    indexes = {
        "assistants_listed (project=?)": lambda db: assistants.list_assistants(db, "p", params),
        "threads_listed (project=?)": lambda db: threads.list_threads(db, "p", ListThreadsParams(order=params.order)),
        "messages_listed (thread_id=?)": lambda db: messages.list_messages(db, "p", "t", of_thread),
        "messages_listed_by_run (run_id=?)": lambda db: messages.list_messages(db, "p", "t", of_run),
        "runs_listed (thread_id=?)": lambda db: runs.list_runs(db, "p", "t", params),
        "steps_listed (run_id=?)": lambda db: steps.list_steps(db, "p", "t", "r", params),
        "files_listed (project=?)": lambda db: files.list_files(db, "p", all_files, now=1),
        "files_listed_by_purpose (project=? AND purpose=?)": lambda db: files.list_files(db, "p", some_files, now=1),
    }
    in_store = ListVectorStoreFilesParams(order=params.order)
    some = ListVectorStoreFilesParams(order=params.order, filter="failed")
    listed = vector_store_files.list_entries
    indexes |= {
        "vector_stores_listed (project=?)": lambda db: vector_stores.list_stores(db, "p", params),
        "vector_store_files_listed (store_id=?)": lambda db: listed(db, "p", "s", in_store),
        "vector_store_files_listed_by_status (store_id=? AND status=?)": lambda db: listed(db, "p", "s", some),
        "vector_store_files_of_batch (batch_id=?)": lambda db: listed(db, "p", "s", in_store, batch_id="b"),
    }
    for index, question in indexes.items():
        table = re.split("_(?:listed|of)", index)[0]
        assert await plans_of(store, question) == [f"SEARCH {table} USING INDEX {index}"]
    (plan,) = await plans_of(store, lambda db: threads.list_threads(db, "p", tagged))
    assert plan.startswith("SEARCH threads USING INDEX threads_listed (project=?); ")
    assert "TEMP B-TREE" not in plan


@pytest.mark.parametrize("params", ORDERS, ids=["asc", "desc"])
@pytest.mark.parametrize("side", ["after", "before"])
async def test_a_page_begins_at_its_cursor(store: Store, params: ListParams, side: str) -> None:
    cursor = an_assistant()
    await store.write(lambda db: assistants.insert_assistant(db, "p", cursor))
    paged = ListParams(order=params.order, **{side: cursor.id})
    looked_up, listed = await plans_of(store, lambda db: assistants.list_assistants(db, "p", paged))
    assert looked_up.startswith("SEARCH assistants USING INDEX sqlite_autoindex_assistants_1 (id=?)")
    beyond = ">" if (params.order == "asc") is (side == "after") else "<"
    # SQLite takes a rowid out of a comparison of rows, so within one second it skips entries of the index one by one.
    assert listed == f"SEARCH assistants USING INDEX assistants_listed (project=? AND created_at{beyond}?)"


async def test_the_questions_of_the_engine_have_their_indexes(store: Store) -> None:
    def newest(db: Connection) -> Awaitable[object]:
        return messages.newest_messages(db, "t", from_seq=1, below_seq=9, limit=5, not_of_run="r")

    by_id = "USING INDEX sqlite_autoindex"
    expected = {
        "newest": (newest, ["SEARCH messages USING INDEX messages_in_order (thread_id=? AND seq>? AND seq<?)"]),
        "user": (
            lambda db: messages.has_user_message(db, "t"),
            ["SEARCH messages USING INDEX messages_in_order (thread_id=?)"],
        ),
        "renew": (
            lambda db: runs.renew_leases(db, "me", ["r"], 1.0),
            [f"SEARCH runs {by_id}_runs_1 (id=?)"],
        ),
        "lapsed": (lambda db: runs.lapsed_runs(db, 1.0, 5), ["SCAN runs USING INDEX runs_leased"]),
        "overdue": (
            lambda db: runs.overdue_runs(db, 1, 5),
            ["SEARCH runs USING INDEX runs_expiring (expires_at<?)"],
        ),
        "steps": (
            lambda db: steps.steps_of_run(db, "r"),
            ["SEARCH steps USING INDEX steps_listed (run_id=?)"],
        ),
        "save": (
            lambda db: runs.save_run(db, a_run(status=RunStatus.FAILED), was=RunStatus.QUEUED),
            [f"SEARCH runs {by_id}_runs_1 (id=?)"],
        ),
        "claim": (
            lambda db: runs.claim_run(db, "r", owner="me", lease_until=2.0, now=1.0),
            [f"SEARCH runs {by_id}_runs_1 (id=?)"],
        ),
        "lock": (lambda db: threads.lock_thread(db, "t", "r"), [f"SEARCH threads {by_id}_threads_1 (id=?)"]),
        "parts": (
            lambda db: uploads.parts_of(db, "p", "u"),
            ["SEARCH upload_parts USING INDEX upload_parts_of (upload_id=?)"],
        ),
        "stale files": (
            lambda db: files.expired_files(db, 1, 5),
            ["SEARCH files USING INDEX files_expiring (expires_at>? AND expires_at<?)"],
        ),
        "stale uploads": (
            lambda db: uploads.expired_uploads(db, 1, 5),
            ["SEARCH uploads USING INDEX uploads_expiring (expires_at<?)"],
        ),
        "files": (
            lambda db: files.find_files(db, "p", ["f", "g"], now=1),
            [f"SEARCH files {by_id}_files_1 (id=?)"],
        ),
        "waiting files": (
            lambda db: vector_store_files.entry_waits(db, 1),
            ["SEARCH vector_store_files USING INTEGER PRIMARY KEY (rowid=?)"],
        ),
        "a file's stores": (
            lambda db: vector_store_files.detach_everywhere(db, "p", "f"),
            ["SEARCH vector_store_files USING INDEX vector_store_files_by_file (id=?)"],
        ),
        "stale stores": (
            lambda db: vector_stores.store_expires(db, 1),
            ["SEARCH vector_stores USING COVERING INDEX vector_stores_expiring (expires_at>? AND expires_at<?)"],
        ),
        "chunks of a store": (
            lambda db: chunks.count_chunks(db, 1),
            ["SEARCH chunk_sets USING COVERING INDEX chunk_sets_of_store (store=? AND file>?)"],
        ),
        "litter": (
            lambda db: chunks.litter(db, 5),
            [
                "SEARCH chunk_sets USING INDEX chunk_sets_of_file (file=?); "
                "SEARCH chunks USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"
            ],
        ),
        "key": (lambda db: keys.find_keys_by_hint(db, "sk-"), ["SEARCH keys USING INDEX keys_hinted (hint=?)"]),
    }
    for name, (question, plans) in expected.items():
        assert (name, await plans_of(store, question)) == (name, plans)
