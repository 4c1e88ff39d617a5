"""Places at a model server: never more than the limit, fair between projects, nothing lost to those who give up."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.engine.slots import Slots


async def turns(slots: Slots, *projects: str) -> list[asyncio.Task[None]]:
    """Everybody asks, in this order."""
    tasks = [asyncio.get_running_loop().create_task(slots.acquire(project)) for project in projects]
    await asyncio.sleep(0)
    return tasks


async def served(tasks: list[asyncio.Task[None]]) -> list[int]:
    for _ in range(3):
        await asyncio.sleep(0)
    return [place for place, task in enumerate(tasks) if task.done()]


async def test_projects_take_turns() -> None:
    slots = Slots(1)
    tasks = await turns(slots, "big", "big", "big", "big", "small")
    order = await served(tasks)
    while len(order) < len(tasks):
        slots.release()
        order += [place for place in await served(tasks) if place not in order]
    assert order == [0, 1, 4, 2, 3]


async def test_the_limit_holds() -> None:
    slots = Slots(2)
    assert await served(await turns(slots, "a", "a", "b")) == [0, 1]
    assert slots.waiting == 1


async def test_who_gives_up_takes_no_place() -> None:
    slots = Slots(1)
    tasks = await turns(slots, "a", "b", "c")
    tasks[1].cancel()
    slots.release()
    assert await served(tasks) == [0, 1, 2]
    assert tasks[1].cancelled()
    assert slots.waiting == 0


async def test_a_place_that_comes_too_late_goes_to_the_next() -> None:
    slots = Slots(1)
    tasks = await turns(slots, "a", "b", "c")
    slots.release()  # for b, which has not woken up yet
    tasks[1].cancel()
    assert await served(tasks) == [0, 1, 2]
    assert not tasks[2].cancelled()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=20), st.integers(1, 4))
def test_all_places_come_back(asked: list[tuple[str, bool]], limit: int) -> None:
    async def play() -> None:
        slots = Slots(limit)
        tasks = await turns(slots, *(project for project, _ in asked))
        for task, (_, gives_up) in zip(tasks, asked, strict=True):
            if gives_up and not task.done():
                task.cancel()
        returned = 0
        while not all(task.done() for task in tasks):
            await served(tasks)
            slots.release()
            returned += 1
        taken = sum(not task.cancelled() for task in tasks)
        for _ in range(taken - returned):
            slots.release()
        again = await turns(slots, *["x"] * (limit + 1))
        assert await served(again) == list(range(limit))
        slots.release()
        await asyncio.gather(*again)

    asyncio.run(play())


@pytest.mark.parametrize("limit", [1, 5])
async def test_without_a_crowd_nobody_waits(limit: int) -> None:
    assert await served(await turns(Slots(limit), *["a"] * limit)) == list(range(limit))
