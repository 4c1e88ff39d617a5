"""Assistants in the store."""

import msgspec
import pytest

from proxy.schema.pages import ListParams
from proxy.store import Store
from proxy.store.assistants import (
    assistant_json,
    delete_assistant,
    find_assistant,
    insert_assistant,
    list_assistants,
    save_assistant,
)
from proxy.store.database import ConstraintBroken
from tests.builders import an_assistant, changed
from tests.store.conftest import HOME


async def test_what_was_inserted_is_found_and_answered(store: Store) -> None:
    assistant = an_assistant(name="Ada", metadata={"team": "blue"})
    await store.write(lambda db: insert_assistant(db, HOME, assistant))
    assert await store.read(lambda db: find_assistant(db, HOME, assistant.id)) == assistant
    raw = await store.read(lambda db: assistant_json(db, HOME, assistant.id))
    assert raw is not None
    assert bytes(raw) == msgspec.json.encode(assistant)


async def test_an_unknown_one_is_nobody(store: Store) -> None:
    assert await store.read(lambda db: find_assistant(db, HOME, "asst_x")) is None
    assert await store.read(lambda db: assistant_json(db, HOME, "asst_x")) is None
    assert not await store.write(lambda db: save_assistant(db, HOME, an_assistant()))
    assert not await store.write(lambda db: delete_assistant(db, HOME, "asst_x"))


async def test_saving_keeps_its_place_in_the_list(store: Store) -> None:
    older, newer = an_assistant(), an_assistant()
    for assistant in (older, newer):
        await store.write(lambda db, assistant=assistant: insert_assistant(db, HOME, assistant))
    renamed = changed(older, name="Grace")
    assert await store.write(lambda db: save_assistant(db, HOME, renamed))
    page = await store.read(lambda db: list_assistants(db, HOME, ListParams()))
    assert [bytes(raw) for raw in page.data] == [msgspec.json.encode(newer), msgspec.json.encode(renamed)]


async def test_deleting(store: Store) -> None:
    assistant = an_assistant()
    await store.write(lambda db: insert_assistant(db, HOME, assistant))
    assert await store.write(lambda db: delete_assistant(db, HOME, assistant.id))
    assert await store.read(lambda db: find_assistant(db, HOME, assistant.id)) is None


async def test_an_id_is_given_once(store: Store) -> None:
    assistant = an_assistant()
    await store.write(lambda db: insert_assistant(db, HOME, assistant))
    with pytest.raises(ConstraintBroken, match="UNIQUE"):
        await store.write(lambda db: insert_assistant(db, "elsewhere", assistant))
