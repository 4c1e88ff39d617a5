"""after, before, order and limit: what every list of the API shares, shown on threads."""

import re
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.errors import NotFound
from proxy.schema.pages import ListParams, ListThreadsParams, Order, Page
from proxy.schema.threads import Thread
from proxy.store import Connection, Store
from proxy.store.threads import delete_thread, insert_thread, list_threads
from tests.builders import AT, a_thread, an_id
from tests.store.conftest import HOME


def ids(page: Page) -> list[str]:
    listed = [msgspec.json.decode(raw, type=Thread).id for raw in page.data]
    assert (page.first_id, page.last_id) == ((listed[0], listed[-1]) if listed else (None, None))
    return listed


async def listed(store: Store, project: str = HOME, **params: object) -> tuple[list[str], bool]:
    """The ids of a page, and whether there are more."""
    wanted = msgspec.convert(params, ListThreadsParams)
    page = await store.read(lambda db: list_threads(db, project, wanted))
    return ids(page), page.has_more


async def insert(store: Store, seconds: Sequence[int], project: str = HOME) -> list[str]:
    """One thread for each second; their ids in the order of insertion."""
    threads = [a_thread(created_at=AT + second) for second in seconds]

    async def work(db: Connection) -> None:
        for thread in threads:
            await insert_thread(db, project, thread)

    await store.write(work)
    return [thread.id for thread in threads]


async def test_an_empty_list(store: Store) -> None:
    page = await store.read(lambda db: list_threads(db, HOME, ListThreadsParams()))
    assert msgspec.json.encode(page) == (b'{"object":"list","data":[],"first_id":null,"last_id":null,"has_more":false}')


async def test_a_page_is_made_of_stored_json(store: Store) -> None:
    thread = a_thread(metadata={"wörd": "ü"})
    await store.write(lambda db: insert_thread(db, HOME, thread))
    page = await store.read(lambda db: list_threads(db, HOME, ListThreadsParams()))
    stored, id = msgspec.json.encode(thread)[:-1] + b',"active_run_id":null}', thread.id.encode()
    assert msgspec.json.encode(page) == (
        b'{"object":"list","data":[%s],"first_id":"%s","last_id":"%s","has_more":false}' % (stored, id, id)
    )


async def test_newest_first_unless_asked_otherwise(store: Store) -> None:
    a, b, c = await insert(store, [1, 2, 3])
    assert await listed(store) == ([c, b, a], False)
    assert await listed(store, order="asc") == ([a, b, c], False)


async def test_what_was_created_in_one_second_keeps_its_order(store: Store) -> None:
    inserted = await insert(store, [5, 5, 5, 5])
    assert await listed(store, order="asc") == (inserted, False)
    assert await listed(store, order="desc") == (inserted[::-1], False)


async def test_created_at_comes_before_insertion(store: Store) -> None:
    a, b, c = await insert(store, [3, 1, 2])
    assert await listed(store, order="asc") == ([b, c, a], False)


async def test_the_last_full_page_has_no_more(store: Store) -> None:
    a, b, c, d = await insert(store, [1, 1, 2, 2])
    assert await listed(store, order="asc", limit=2) == ([a, b], True)
    assert await listed(store, order="asc", limit=2, after=b) == ([c, d], False)
    assert await listed(store, order="asc", limit=2, after=d) == ([], False)


async def test_before_is_the_page_right_before_in_the_same_order(store: Store) -> None:
    a, b, c, d, e = await insert(store, [1, 1, 2, 2, 3])
    assert await listed(store, order="asc", limit=2, before=e) == ([c, d], True)
    assert await listed(store, order="asc", limit=2, before=c) == ([a, b], False)
    assert await listed(store, order="desc", limit=2, before=a) == ([c, b], True)
    assert await listed(store, order="desc", limit=2, before=c) == ([e, d], False)
    assert await listed(store, order="desc", limit=2, before=e) == ([], False)


async def test_after_and_before_together_enclose(store: Store) -> None:
    a, b, c, d, e = await insert(store, [1, 1, 2, 2, 3])
    assert await listed(store, order="asc", after=a, before=e) == ([b, c, d], False)
    assert await listed(store, order="asc", after=a, before=e, limit=2) == ([b, c], True)
    assert await listed(store, order="desc", after=d, before=b) == ([c], False)
    assert await listed(store, order="asc", after=d, before=b) == ([], False)


@pytest.mark.parametrize("side", ["after", "before"])
async def test_a_cursor_that_is_not_there(store: Store, side: str) -> None:
    here, deleted = await insert(store, [1, 2])
    (foreign,) = await insert(store, [1], project="elsewhere")
    assert await store.write(lambda db: delete_thread(db, HOME, deleted))
    for cursor in ("thread_never", deleted, foreign):
        with pytest.raises(NotFound, match=re.escape(f"No thread found with id '{cursor}'.")):
            await listed(store, **{side: cursor})
    assert await listed(store) == ([here], False)


async def test_a_row_that_comes_while_somebody_pages_moves_nothing(store: Store) -> None:
    a, b, c = await insert(store, [1, 1, 1])
    assert await listed(store, limit=2) == ([c, b], True)
    await insert(store, [1, 9])
    assert await listed(store, limit=2, after=b) == ([a], False)


async def onward(store: Store, project: str, order: Order, limit: int) -> list[str]:
    """All pages by `after`, joined."""
    found, has_more = await listed(store, project, order=order, limit=limit)
    while has_more:
        page, has_more = await listed(store, project, order=order, limit=limit, after=found[-1])
        found += page
    return found


async def backward(store: Store, project: str, order: Order, limit: int, cursor: str) -> list[str]:
    """All pages by `before`, from `cursor` on, joined in the requested order."""
    found, has_more = await listed(store, project, order=order, limit=limit, before=cursor)
    while has_more:
        page, has_more = await listed(store, project, order=order, limit=limit, before=found[0])
        found = page + found
    return found


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seconds=st.lists(st.integers(0, 3), min_size=1, max_size=25), limit=st.integers(1, 8))
async def test_pages_join_to_the_whole_in_both_directions(store: Store, seconds: list[int], limit: int) -> None:
    project = an_id("project")
    inserted = await insert(store, seconds, project)
    in_order = [id for _, id in sorted(zip(seconds, inserted, strict=True), key=lambda pair: pair[0])]
    orders: dict[Order, list[str]] = {"asc": in_order, "desc": in_order[::-1]}
    for order, expected in orders.items():
        assert await onward(store, project, order, limit) == expected
        assert await backward(store, project, order, limit, expected[-1]) == expected[:-1]


def test_the_parameters_have_the_defaults_of_the_api() -> None:
    assert ListParams() == ListParams(limit=20, order="desc", after=None, before=None)
