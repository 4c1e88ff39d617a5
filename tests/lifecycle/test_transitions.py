"""Every transition of the table, brought about and seen through HTTP, with what else changes of the run: nothing more.

Most happen in a server of this process, whose clock moves on with each look at it, so that no two instants are the
same. A process that dies has to be a process.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from compat_tests.scripted_upstream import (
    Cut,
    Reply,
    Say,
    ScriptedUpstream,
    Stream,
    Wait,
    close_mid_stream,
    error,
    hang,
    never_answers,
    scripted_upstream,
    text,
    tool_calls,
)
from proxy.api import http_face
from proxy.runs.lifecycle import TRANSITIONS, Trigger, is_terminal
from proxy.schema.runs import RunStatus
from proxy.store import Store
from proxy.store.database import DatabaseFailed
from tests.engine.conftest import Frame, StandingClock, World, a_process, frames_in
from tests.processes import Server

Seen = tuple[dict[str, Any], dict[str, Any]]
"""A run before and after, as answered or streamed."""

CALL = [("get_weather", {"city": "Paris"})]
WEATHER = {"type": "function", "function": {"name": "get_weather"}}
KEYS = [
    "id", "object", "created_at", "assistant_id", "thread_id", "status", "started_at", "expires_at", "cancelled_at",
    "failed_at", "completed_at", "required_action", "last_error", "model", "instructions", "tools", "tool_resources",
    "metadata", "temperature", "top_p", "reasoning_effort", "max_completion_tokens", "max_prompt_tokens",
    "truncation_strategy", "incomplete_details", "usage", "response_format", "tool_choice", "parallel_tool_calls",
]  # fmt: skip
INSTANTS = ["created_at", "started_at", "cancelled_at", "failed_at", "completed_at"]
UNSET = [*INSTANTS[1:], "required_action", "last_error", "incomplete_details", "usage"]
EXPIRES_AFTER = 600


class TickingClock(StandingClock):
    """A second has passed whenever somebody looks."""

    def now(self) -> int:
        self.at += 1
        return int(self.at)


class Meddler:
    """The store as the engine has it: before its next write something may happen, and writes may fail."""

    def __init__(self) -> None:
        self.store: Store
        self.before_write: Callable[[], Awaitable[None]] | None = None
        self.failing_writes = 0

    def __call__(self, store: Store) -> "Meddler":
        self.store = store
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    async def write(self, work: Any) -> Any:
        before, self.before_write = self.before_write, None
        if before is not None:
            await before()
        if self.failing_writes > 0:
            self.failing_writes -= 1
            raise DatabaseFailed("disk full")
        return await self.store.write(work)


class Stage:
    """A server, and what a client asks of it."""

    def __init__(self, world: World, client: "TestClient[Any, Any]", meddler: Meddler) -> None:
        self.world = world
        self.client = client
        self.meddler = meddler

    def reply(self, *replies: Reply) -> None:
        self.world.upstream.reply(*replies)

    async def ask(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        async with self.client.request(method, f"/v1{path}", json=body) as answer:
            answered = await answer.json()
            assert answer.status == status, answered
            return answered

    async def create(self) -> dict[str, Any]:
        """A run on a thread of its own; the answer."""
        assistant = await self.ask("POST", "/assistants", {"model": "tiny", "tools": [WEATHER]})
        thread = await self.ask("POST", "/threads", {"messages": [{"role": "user", "content": "Hi"}]})
        run = await self.ask("POST", f"/threads/{thread['id']}/runs", {"assistant_id": assistant["id"]})
        assert (run["status"], run["expires_at"]) == ("queued", run["created_at"] + EXPIRES_AFTER)
        assert all(run[key] is None for key in UNSET)
        return dict(run)

    async def events(self, run: dict[str, Any], after: int = 0) -> list[Frame]:
        """What the run says after so many frames, to where it rests."""
        async with asyncio.timeout(10), self.client.get(f"/v1{path(run)}/events?starting_after={after}") as answer:
            return frames_in((await answer.read()).removesuffix(b"event: done\ndata: [DONE]\n\n"))

    async def runs(self, run: dict[str, Any], after: int = 0) -> list[dict[str, Any]]:
        """The run as it changes, after so many frames, to where it rests."""
        return [data for _, data in await self.events(run, after) if data.get("object") == "thread.run"]

    async def until(self, run: dict[str, Any], mark: bytes) -> None:
        """Follow the run until it has said this."""
        async with asyncio.timeout(10), self.client.get(f"/v1{path(run)}/events") as answer:
            said = b""
            while mark not in said:
                said += await answer.content.readany()

    async def settled(self, run: dict[str, Any], status: str) -> None:
        async with asyncio.timeout(10):
            while (await self.ask("GET", path(run)))["status"] != status:
                pass

    async def started(self, *replies: Reply) -> dict[str, Any]:
        """A run that is in progress and has said something."""
        self.reply(*replies)
        run = await self.create()
        await self.until(run, b"thread.message.delta")
        before = await self.ask("GET", path(run))
        assert before["status"] == "in_progress"
        return dict(before)

    async def waiting(self) -> tuple[dict[str, Any], int]:
        """A run that waits for tool outputs, and how many frames it has had."""
        self.reply(tool_calls(CALL))
        run = await self.create()
        frames = await self.events(run)
        assert frames[-1][0] == "thread.run.requires_action"
        return frames[-1][1], len(frames)

    async def cancel(self, run: dict[str, Any]) -> dict[str, Any]:
        return dict(await self.ask("POST", f"{path(run)}/cancel"))

    async def let_time_pass(self) -> None:
        self.world.clock.pass_(EXPIRES_AFTER)
        await self.world.engine.look_after()

    async def active(self, run: dict[str, Any]) -> str | None:
        threads = (await self.ask("GET", "/threads"))["data"]
        return next(thread["active_run_id"] for thread in threads if thread["id"] == run["thread_id"])


def path(run: dict[str, Any]) -> str:
    return f"/threads/{run['thread_id']}/runs/{run['id']}"


def step(runs: list[dict[str, Any]], status: RunStatus, trigger: Trigger) -> Seen:
    """The neighbours between which this happened."""
    wanted = (status.value, TRANSITIONS[status][trigger].value)
    (found,) = [pair for pair in pairwise(runs) if (pair[0]["status"], pair[1]["status"]) == wanted]
    return found


Q, P, A, C = RunStatus.QUEUED, RunStatus.IN_PROGRESS, RunStatus.REQUIRES_ACTION, RunStatus.CANCELLING
T = Trigger
Scenario = Callable[[Stage], Awaitable[Seen]]
SCENARIOS: dict[tuple[RunStatus, Trigger], Scenario] = {}
IN_A_PROCESS = {(P, T.INTERRUPTED)}


def shows(status: RunStatus, trigger: Trigger) -> Callable[[Scenario], Scenario]:
    def enter(scenario: Scenario) -> Scenario:
        assert (status, trigger) not in SCENARIOS
        SCENARIOS[status, trigger] = scenario
        return scenario

    return enter


# Queued


@shows(Q, T.STARTED)
async def a_worker_begins(stage: Stage) -> Seen:
    return step((await stage.runs(await stage.create()))[1:], Q, T.STARTED)


def busy(*, retry_after: str) -> Reply:
    return error(429, {"error": {"message": "Too busy.", "code": 429}}, retry_after=retry_after)


async def behind_another(stage: Stage) -> dict[str, Any]:
    """A run that waits for the only place at the model server."""
    stage.reply(never_answers())
    await stage.create()
    await stage.world.upstream.received()
    return await stage.create()


@shows(Q, T.CANCEL_REQUESTED)
async def cancelled_before_it_begins(stage: Stage) -> Seen:
    run = await behind_another(stage)
    return run, await stage.cancel(run)


@shows(Q, T.FAILED)
async def nobody_to_ask(stage: Stage) -> Seen:
    return step((await stage.runs(await stage.create()))[1:], Q, T.FAILED)


@shows(Q, T.TIMED_OUT)
async def no_room_in_time(stage: Stage) -> Seen:
    stage.reply(busy(retry_after="86400"))
    run = await stage.create()
    await stage.until(run, b"thread.run.in_progress")
    await stage.settled(run, "queued")
    await stage.let_time_pass()
    return step(await stage.runs(run, 1), Q, T.TIMED_OUT)


# In progress


@shows(P, T.ANSWERED)
async def answered(stage: Stage) -> Seen:
    return step(await stage.runs(await stage.create()), P, T.ANSWERED)


@shows(P, T.TRUNCATED)
async def cut_short(stage: Stage) -> Seen:
    stage.reply(text("one two", finish="length"))
    return step(await stage.runs(await stage.create()), P, T.TRUNCATED)


@shows(P, T.TOOLS_CALLED)
async def tools_called(stage: Stage) -> Seen:
    stage.reply(tool_calls(CALL))
    before, after = step(await stage.runs(await stage.create()), P, T.TOOLS_CALLED)
    (call,) = after["required_action"]["submit_tool_outputs"]["tool_calls"]
    assert after["required_action"]["type"] == "submit_tool_outputs"
    assert (call["type"], call["function"]) == ("function", {"name": "get_weather", "arguments": '{"city": "Paris"}'})
    return before, after


@shows(P, T.CANCEL_REQUESTED)
async def cancelled_while_it_speaks(stage: Stage) -> Seen:
    before = await stage.started(hang(after=1))
    return before, await stage.cancel(before)


@shows(P, T.FAILED)
async def the_model_server_breaks_off(stage: Stage) -> Seen:
    stage.reply(close_mid_stream(after=1))
    before, after = step(await stage.runs(await stage.create()), P, T.FAILED)
    assert after["last_error"]["code"] == "server_error"
    assert after["last_error"]["message"].startswith("Sorry, something went wrong.")
    return before, after


@shows(P, T.TIMED_OUT)
async def speaks_for_too_long(stage: Stage) -> Seen:
    run = await stage.started(hang(after=1))
    await stage.let_time_pass()
    return step(await stage.runs(run), P, T.TIMED_OUT)


@shows(P, T.DEFERRED)
async def the_model_server_is_busy(stage: Stage) -> Seen:
    stage.reply(busy(retry_after="0"), text("Hello"))
    return step(await stage.runs(await stage.create()), P, T.DEFERRED)


# Requires action


@shows(A, T.OUTPUTS_SUBMITTED)
async def outputs_submitted(stage: Stage) -> Seen:
    before, frames = await stage.waiting()
    (call,) = before["required_action"]["submit_tool_outputs"]["tool_calls"]
    outputs = [{"tool_call_id": call["id"], "output": "21"}]
    after = await stage.ask("POST", f"{path(before)}/submit_tool_outputs", {"tool_outputs": outputs})
    again = await stage.runs(before, frames)
    assert again[0] == after
    queued, started = step(again, Q, T.STARTED)
    assert started["started_at"] > queued["started_at"]  # overwritten
    assert started["expires_at"] == before["expires_at"]  # and not extended
    return before, after


@shows(A, T.CANCEL_REQUESTED)
async def cancelled_while_it_waits(stage: Stage) -> Seen:
    before, _ = await stage.waiting()
    return before, await stage.cancel(before)


@shows(A, T.FAILED)
async def its_end_cannot_be_saved_at_first(stage: Stage) -> Seen:
    before, frames = await stage.waiting()
    stage.meddler.failing_writes = 1  # of the expiry that comes
    await stage.let_time_pass()
    await stage.world.engine.aclose(patience_seconds=5)
    (after,) = await stage.runs(before, frames)
    return before, after


@shows(A, T.TIMED_OUT)
async def outputs_never_come(stage: Stage) -> Seen:
    before, frames = await stage.waiting()
    await stage.let_time_pass()
    await stage.world.engine.aclose(patience_seconds=5)
    (after,) = await stage.runs(before, frames)
    return before, after


# Cancelling


@shows(C, T.STOPPED)
async def stopped(stage: Stage) -> Seen:
    before = await stage.cancel(await stage.started(hang(after=1)))
    return step(await stage.runs(before), C, T.STOPPED)


async def cancelled_too_late(stage: Stage, finish: Callable[[asyncio.Event], Reply], trigger: Trigger) -> Seen:
    """The cancel is acknowledged just before the end of the run is saved; the end wins."""
    gate = asyncio.Event()
    run = await stage.started(finish(gate))
    cancelling: list[dict[str, Any]] = []

    async def cancel() -> None:
        cancelling.append(await stage.cancel(run))

    stage.meddler.before_write = cancel
    gate.set()
    before, after = step(await stage.runs(run), C, trigger)
    assert cancelling == [before]
    return before, after


@shows(C, T.ANSWERED)
async def cancelled_after_the_answer(stage: Stage) -> Seen:
    return await cancelled_too_late(stage, lambda gate: text("one").waiting(gate, after=1), T.ANSWERED)


@shows(C, T.TRUNCATED)
async def cancelled_after_it_was_cut_short(stage: Stage) -> Seen:
    return await cancelled_too_late(
        stage, lambda gate: text("one", finish="length").waiting(gate, after=1), T.TRUNCATED
    )


@shows(C, T.FAILED)
async def cancelled_after_it_broke_off(stage: Stage) -> Seen:
    return await cancelled_too_late(stage, lambda gate: Stream((Say("one"), Wait(gate), Cut()), finish=None), T.FAILED)


@shows(C, T.TIMED_OUT)
async def a_cancel_that_could_not_be_carried_out_in_time(stage: Stage) -> Seen:
    run = await stage.started(hang(after=1))
    stage.meddler.failing_writes = 2  # of the end, and of the failure to save it
    before = await stage.cancel(run)
    frames = await stage.events(run)
    assert [name for name, _ in frames][-2:] == ["thread.run.cancelling", "error"]
    assert await stage.ask("GET", path(run)) == before
    await stage.let_time_pass()
    await stage.world.engine.aclose(patience_seconds=5)
    (after,) = await stage.runs(run, len(frames))
    return before, after


# What else changes

At = object()
"""The instant of the change."""
Some = object()
"""Not null."""
OVER = {"expires_at": None}

CHANGES: dict[Trigger, dict[str, Any]] = {
    T.STARTED: {"started_at": At},
    T.ANSWERED: {"completed_at": At, "usage": Some, **OVER},
    T.TRUNCATED: {
        "completed_at": At,
        "incomplete_details": {"reason": "max_completion_tokens"},
        "usage": Some,
        **OVER,
    },
    T.TOOLS_CALLED: {"required_action": Some},
    T.OUTPUTS_SUBMITTED: {"required_action": None},
    T.CANCEL_REQUESTED: {},
    T.STOPPED: {"cancelled_at": At, "usage": Some, **OVER},
    T.FAILED: {"failed_at": At, "last_error": Some, **OVER},
    T.TIMED_OUT: {"usage": Some, **OVER},
    T.INTERRUPTED: {},
    T.DEFERRED: {"started_at": None},  # as before its first turn
}
FROM_REQUIRES_ACTION: dict[Trigger, dict[str, Any]] = {
    T.CANCEL_REQUESTED: {"required_action": None},
    T.FAILED: {"required_action": None, "usage": Some},  # of the turn that called
    T.TIMED_OUT: {"required_action": None},
}


def check(status: RunStatus, trigger: Trigger, before: dict[str, Any], after: dict[str, Any]) -> None:
    assert list(before) == list(after) == KEYS
    assert (before["status"], after["status"]) == (status.value, TRANSITIONS[status][trigger].value)
    changed = {key: value for key, value in after.items() if value != before[key]}
    expected = CHANGES[trigger] | (FROM_REQUIRES_ACTION.get(trigger, {}) if status is A else {})
    assert set(changed) == {"status", *expected}
    for key, value in expected.items():
        if value is At:
            assert type(changed[key]) is int
            assert changed[key] > max(before[instant] or 0 for instant in INSTANTS)
        elif value is Some:
            assert changed[key] is not None
        else:
            assert changed[key] == value
    assert (after["expires_at"] is None) is is_terminal(RunStatus(after["status"]))


def test_every_transition_has_its_scenario() -> None:
    table = {(status, trigger) for status, row in TRANSITIONS.items() for trigger in row}
    assert set(SCENARIOS) | IN_A_PROCESS == table
    assert not set(SCENARIOS) & IN_A_PROCESS
    assert set(CHANGES) == set(Trigger)


@asynccontextmanager
async def a_stage(directory: Path, *, silent: bool, places: int) -> AsyncIterator[Stage]:
    meddler = Meddler()
    async with scripted_upstream() as upstream:
        if silent:
            await upstream.stop()
        process = a_process(directory, upstream, TickingClock(), meddled=meddler, max_concurrent=places, retries=0)
        async with process as world, TestClient(TestServer(http_face(world.services))) as client:
            yield Stage(world, client, meddler)


@pytest.mark.parametrize(
    ("status", "trigger"), SCENARIOS, ids=lambda each: each.value if isinstance(each, RunStatus) else each.name
)
async def test_transition(tmp_path: Path, status: RunStatus, trigger: Trigger) -> None:
    scenario = SCENARIOS[status, trigger]
    async with a_stage(tmp_path, silent=scenario is nobody_to_ask, places=1) as stage:
        before, after = await scenario(stage)
        check(status, trigger, before, after)

        active, now = await stage.active(after), await stage.ask("GET", path(after))
        if is_terminal(RunStatus(after["status"])):
            assert now == after
            assert active is None
            message = {"role": "user", "content": "Go on"}
            await stage.ask("POST", f"/threads/{after['thread_id']}/messages", message)
        else:
            assert active == after["id"] or is_terminal(RunStatus(now["status"]))


class Processes:
    """The server as its operator runs it, on one directory, one process after another."""

    def __init__(self, data: Path, upstream: ScriptedUpstream) -> None:
        self.data = data
        self.upstream = upstream

    @asynccontextmanager
    async def serving(self, *, places: int) -> AsyncIterator[tuple[Server, Callable[..., Awaitable[Any]]]]:
        settings = json.dumps([{"url": self.upstream.url, "dialect": "generic", "max_concurrent": places}])
        server = Server(self.data, environ={"UNDERSTUDY_UPSTREAMS": settings})
        try:
            await asyncio.to_thread(server.start)
            async with aiohttp.ClientSession() as session:

                async def ask(method: str, path: str, body: Any = None) -> Any:
                    async with session.request(method, f"{server.url}/v1{path}", json=body) as answer:
                        answered = await answer.json()
                        assert answer.status == 200, answered
                        return answered

                yield server, ask
        finally:
            await asyncio.to_thread(server.end)


async def test_a_run_whose_process_dies(tmp_path: Path) -> None:
    """Killed with two runs in progress, and started again with place for one: the other is seen as `queued`."""
    async with scripted_upstream() as upstream:
        upstream.reply(hang(after=2), hang(after=2), never_answers(), text("At last"))
        processes = Processes(tmp_path / "data", upstream)
        runs: list[dict[str, Any]] = []
        async with processes.serving(places=2) as (server, ask):
            assistant = await ask("POST", "/assistants", {"model": "tiny"})
            for number in (1, 2):
                thread = await ask("POST", "/threads", {"messages": [{"role": "user", "content": "Hi"}]})
                run = await ask("POST", f"/threads/{thread['id']}/runs", {"assistant_id": assistant["id"]})
                await upstream.received(number)
                while not (await ask("GET", f"/threads/{thread['id']}/messages?run_id={run['id']}"))["data"]:
                    pass
                runs.append(await ask("GET", path(run)))
            await asyncio.to_thread(server.kill)
        first, before = runs
        assert before["status"] == "in_progress"
        async with processes.serving(places=1) as (_, ask):
            await upstream.received(3)
            after = await ask("GET", path(before))
            check(P, T.INTERRUPTED, before, after)
            # The half message went with the turn that is begun anew.
            messages = f"/threads/{before['thread_id']}/messages?run_id={before['id']}"
            assert (await ask("GET", messages))["data"] == []

            await ask("POST", f"{path(first)}/cancel")
            async with asyncio.timeout(10):
                while (run := await ask("GET", path(before)))["status"] != "completed":
                    pass
            assert run["started_at"] >= before["started_at"]
            (message,) = (await ask("GET", messages))["data"]
            assert message["content"][0]["text"]["value"] == "At last"
            assert len((await ask("GET", f"{path(before)}/steps"))["data"]) == 1
