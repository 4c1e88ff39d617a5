"""The line for a thread: its order, its deadlines, and those who leave it."""

import asyncio

import pytest

from proxy.engine import waiting as module
from proxy.engine.waiting import Place, Waiting
from proxy.tasks import TaskGroup


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Line:
    """Those who stand in it, by name, and in which order they got to the front."""

    def __init__(self) -> None:
        self.waiting = Waiting()
        self.served: list[str] = []
        self.refused: list[str] = []
        self.tasks = TaskGroup()
        self.free = False

    def join(
        self, name: str, *, seconds: float = 10.0, gone: asyncio.Future[None] | None = None
    ) -> "asyncio.Task[None]":
        return self.tasks.start(self._stand(name, seconds, gone), name=name)

    async def _stand(self, name: str, seconds: float, gone: asyncio.Future[None] | None) -> None:
        with self.waiting.place("thread_1", seconds=seconds, gone=gone) as place:
            await place.first()
            while not self.free:
                if not await place.news():
                    self.refused.append(name)
                    return
            self.served.append(name)

    def let_in(self) -> None:
        self.free = True
        self.waiting.wake("thread_1")


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    monkeypatch.setattr(module, "LOOK_SECONDS", 60.0)  # so that nobody is helped by a look
    return Line()


async def test_in_the_order_in_which_they_came(line: Line) -> None:
    for name in "abcde":
        line.join(name)
        await settle()
    line.let_in()
    await line.tasks.wait(1)
    assert line.served == list("abcde")


async def test_each_to_its_own_deadline(line: Line) -> None:
    line.join("patient")
    hasty = line.join("hasty", seconds=0.01)
    line.join("at once", seconds=0)
    await settle()
    assert line.refused == ["at once"]
    await hasty
    assert line.refused == ["at once", "hasty"]
    line.let_in()
    await line.tasks.wait(1)
    assert line.served == ["patient"]


async def test_whoever_leaves_makes_room(line: Line) -> None:
    gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    line.join("first", gone=gone)
    line.join("second")
    await settle()
    line.free = True  # and nobody is told
    gone.set_result(None)
    await line.tasks.wait(1)
    assert (line.served, line.refused) == (["second"], ["first"])


async def test_whoever_leaves_from_the_middle_is_not_let_in(line: Line) -> None:
    gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    lefts: list[bool] = []

    async def stand() -> None:
        with line.waiting.place("thread_1", seconds=10, gone=gone) as place:
            await place.first()
            lefts.append(place.is_left)

    line.join("first")
    await settle()
    line.tasks.start(stand(), name="leaves")
    await settle()
    gone.set_result(None)
    await settle()
    assert lefts == [True]
    line.let_in()
    await line.tasks.wait(1)


async def test_news_that_come_before_they_are_waited_for_are_not_lost() -> None:
    waiting = Waiting()
    with waiting.place("thread_1", seconds=10, gone=None) as place:
        waiting.wake("thread_1")
        async with asyncio.timeout(0.5):
            assert await place.news()


async def test_a_look_helps_where_nobody_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.001)
    with Waiting().place("thread_1", seconds=10, gone=None) as place:
        async with asyncio.timeout(0.5):
            assert await place.news()


async def test_other_threads_are_not_woken(line: Line) -> None:
    line.join("a")
    await settle()
    line.free = True
    line.waiting.wake("thread_2")
    await settle()
    assert line.served == []
    line.let_in()
    await line.tasks.wait(1)


async def test_nobody_waits_for_a_process_that_leaves(line: Line) -> None:
    line.join("a")
    line.join("b")
    await settle()
    line.waiting.close()
    await line.tasks.wait(1)
    line.join("c")
    await line.tasks.wait(1)
    assert sorted(line.refused) == ["a", "b", "c"]


async def test_an_empty_line_is_forgotten() -> None:
    waiting = Waiting()
    places: list[Place] = []
    with waiting.place("thread_1", seconds=1, gone=None) as place:
        places.append(place)
    assert waiting._lines == {}
