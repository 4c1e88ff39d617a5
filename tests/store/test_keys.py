"""API keys in the store."""

import pytest

from proxy.store import Store
from proxy.store.database import ConstraintBroken
from proxy.store.keys import any_key, find_keys_by_hint, insert_key, list_keys, revoke_key
from tests.builders import AT, a_key


async def test_keys_are_found_by_their_first_characters(store: Store) -> None:
    keys = [a_key(hint="sk-same"), a_key(hint="sk-same"), a_key(hint="sk-other")]
    for key in keys:
        await store.write(lambda db, key=key: insert_key(db, key))
    assert await store.read(lambda db: find_keys_by_hint(db, "sk-same")) == keys[:2]
    assert await store.read(lambda db: find_keys_by_hint(db, "sk-")) == []
    assert await store.read(list_keys) == keys


async def test_a_revoked_key_opens_nothing_and_stays_in_the_list(store: Store) -> None:
    key = a_key()
    await store.write(lambda db: insert_key(db, key))
    assert await store.write(lambda db: revoke_key(db, key.id, at=AT + 5))
    assert not await store.write(lambda db: revoke_key(db, key.id, at=AT + 9))
    assert not await store.write(lambda db: revoke_key(db, "key_never", at=AT))
    assert await store.read(lambda db: find_keys_by_hint(db, key.hint)) == []
    assert [row.revoked_at for row in await store.read(list_keys)] == [AT + 5]


async def test_a_store_with_a_revoked_key_is_not_one_without_keys(store: Store) -> None:
    assert not await store.read(any_key)
    key = a_key()
    await store.write(lambda db: insert_key(db, key))
    await store.write(lambda db: revoke_key(db, key.id, at=AT))
    assert await store.read(any_key)


async def test_no_two_keys_are_the_same(store: Store) -> None:
    key = a_key()
    await store.write(lambda db: insert_key(db, key))
    with pytest.raises(ConstraintBroken, match="UNIQUE"):
        await store.write(lambda db: insert_key(db, a_key(digest=key.digest)))
