"""A world for the engine: a real store in a directory of its own, a real scripted model server, a clock that stands.

Operations are called as the HTTP face calls them, without HTTP.
"""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters import Upstreams, open_upstreams
from compat_tests.scripted_upstream import ScriptedUpstream, scripted_upstream
from config.settings import RunSettings, Settings, UpstreamSettings
from proxy.api.sse import frame
from proxy.engine import Engine, Follower
from proxy.operations import messages as message_operations
from proxy.operations import runs as operations
from proxy.retrieval.ingestion import Ingestion
from proxy.schema.messages import CreateMessage, Message, TextContent
from proxy.schema.pages import ListParams
from proxy.schema.runs import CreateRun, Run, RunStatus, SubmitToolOutputsToRun, ToolOutput
from proxy.schema.steps import RunStep
from proxy.schema.threads import Thread
from proxy.schema.tools import Function, FunctionTool
from proxy.services import Services
from proxy.store import Connection, Store, assistants, messages, runs, steps, threads
from proxy.store.blob_directory import DirectoryBlobs
from tests.builders import AT, a_message, a_thread, an_assistant

HOME = "home"
WEATHER = FunctionTool(
    function=Function(
        name="get_weather",
        parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        strict=False,
    )
)
Frame = tuple[str, dict[str, Any]]


class StandingClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.at = float(AT)

    def now(self) -> int:
        return int(self.at)

    def precise(self) -> float:
        return self.at

    def pass_(self, seconds: float) -> None:
        self.at += seconds


class World:
    """One process of ours, and what tests ask of it."""

    def __init__(self, services: Services, upstream: ScriptedUpstream, clock: StandingClock) -> None:
        self.services = services
        self.upstream = upstream
        self.clock = clock

    @property
    def engine(self) -> Engine:
        return self.services.engine

    @property
    def store(self) -> Store:
        return self.services.store

    async def thread(self, said: str = "Hello there") -> Thread:
        """A thread on which the user has said something."""
        thread = a_thread()

        async def save(db: Connection) -> None:
            await threads.insert_thread(db, HOME, thread)
            await messages.insert_messages(db, HOME, [a_message(said, thread_id=thread.id)])

        await self.store.write(save)
        return thread

    async def assistant_id(self) -> str:
        assistant = an_assistant(tools=[WEATHER])
        await self.store.write(lambda db: assistants.insert_assistant(db, HOME, assistant))
        return assistant.id

    async def run(self, thread: Thread | None = None, **given: Any) -> Run:
        thread = thread or await self.thread()
        body = CreateRun(assistant_id=await self.assistant_id(), **given)
        run = await operations.create_run(self.services, project=HOME, thread_id=thread.id, body=body)
        assert isinstance(run, Run)
        return run

    async def streamed(self, thread: Thread | None = None, **given: Any) -> Follower:
        """A run's stream."""
        thread = thread or await self.thread()
        body = CreateRun(assistant_id=await self.assistant_id(), stream=True, **given)
        follower = await operations.create_run(self.services, project=HOME, thread_id=thread.id, body=body)
        assert isinstance(follower, Follower)
        return follower

    async def stream(self, thread: Thread | None = None, **given: Any) -> tuple[str, Follower]:
        """A streamed run's id and its stream."""
        thread = thread or await self.thread()
        follower = await self.streamed(thread, **given)
        # Not by the thread's lock: the run may have ended by now.
        newest = await self.store.read(lambda db: runs.list_runs(db, HOME, thread.id, ListParams(limit=1)))
        assert newest.first_id is not None
        return newest.first_id, follower

    async def until_rest(self, run: Run | str) -> Run:
        """Follow a run from its first frame to where it rests for the first time, then read what is stored."""
        run_id = run if isinstance(run, str) else run.id
        await read(self.engine.follow(run_id, since=0))
        return await self.stored(run_id)

    async def until_rest_again(self, run: Run) -> Run:
        """Answer a run's calls, and follow it to where it rests next."""
        follower = await self.submit(run)
        assert isinstance(follower, Follower)
        await read(follower)
        return await self.stored(run.id)

    async def cancel(self, run: Run) -> Run:
        return await operations.cancel_run(self.services, project=HOME, thread_id=run.thread_id, run_id=run.id)

    async def submit(self, run: Run, *, stream: bool = True) -> Run | Follower:
        """Hand in an output for each call that waits: the call's arguments, marked."""
        assert run.required_action is not None
        calls = run.required_action.submit_tool_outputs.tool_calls
        outputs = [ToolOutput(tool_call_id=call.id, output=f"for {call.function.arguments}") for call in calls]
        return await operations.submit_tool_outputs_to_run(
            self.services,
            project=HOME,
            thread_id=run.thread_id,
            run_id=run.id,
            body=SubmitToolOutputsToRun(tool_outputs=outputs, stream=stream),
        )

    async def say(self, thread_id: str, text: str = "And now?") -> Message:
        return await message_operations.create_message(
            self.services, project=HOME, thread_id=thread_id, body=CreateMessage(role="user", content=text)
        )

    async def stored(self, run_id: str) -> Run:
        stored = await self.store.read(lambda db: runs.load_run(db, run_id))
        assert stored is not None
        return stored.run

    async def steps(self, run_id: str) -> list[RunStep]:
        return await self.store.read(lambda db: steps.steps_of_run(db, run_id))

    async def messages(self, run: Run) -> list[Message]:
        """Those that the run wrote, oldest first."""

        async def load(db: Connection) -> list[Message]:
            newest = await messages.newest_messages(
                db, run.thread_id, from_seq=0, below_seq=None, limit=100, not_of_run=None
            )
            return [stored.message for stored in reversed(newest) if stored.message.run_id == run.id]

        return await self.store.read(load)

    async def active_run(self, thread_id: str) -> str | None:
        state = await self.store.read(lambda db: threads.thread_state(db, HOME, thread_id))
        assert state is not None
        return state.active_run

    async def is_usable(self, thread_id: str) -> None:
        """The thread takes a message and a run, which ends well; the script must be used up, or say so."""
        await self.say(thread_id, "Are you there?")
        run = await self.until_rest(await self.run(Thread(id=thread_id, created_at=AT)))
        assert run.status is RunStatus.COMPLETED


async def read(follower: Follower) -> list[Frame]:
    """All frames of a stream, to its end."""
    return frames_in(b"".join([ready async for ready in follower]))


def frames_in(data: bytes) -> list[Frame]:
    frames = []
    for block in data.decode().split("\n\n")[:-1]:
        event, body = block.split("\n")
        assert event.startswith("event: ")
        assert body.startswith("data: ")
        frames.append((event.removeprefix("event: "), json.loads(body.removeprefix("data: "))))
    return frames


def names(frames: list[Frame]) -> list[str]:
    """Event names without the `thread.` that all share, runs of deltas as one."""
    found: list[str] = []
    for name, _ in frames:
        short = name.removeprefix("thread.")
        if not (short.endswith(".delta") and found and found[-1] == short):
            found.append(short)
    return found


def text_of(message: Message) -> str:
    (part,) = message.content
    assert isinstance(part, TextContent)
    return part.text.value


@asynccontextmanager
async def a_process(
    directory: Path,
    upstream: ScriptedUpstream,
    clock: StandingClock,
    *,
    runs: RunSettings | None = None,
    meddled: Callable[[Store], Any] = lambda store: store,
    **server: Any,
) -> AsyncIterator[World]:
    """What `run.py serve` opens, but for HTTP and for the rescuer's own rounds: tests call `look_after` themselves.

    `meddled` may stand between the engine and the store.
    """
    address = UpstreamSettings(**{"url": upstream.url, "dialect": upstream.flavour} | server)
    settings = Settings(data=str(directory), upstreams=[address], runs=runs or RunSettings())
    store = await Store.open(directory, clock)
    upstreams: Upstreams = await open_upstreams(settings)
    blobs = DirectoryBlobs(directory / "blobs")
    engine = Engine(
        store=meddled(store), blobs=blobs, upstreams=upstreams, clock=clock, settings=settings.runs, frame=frame
    )
    services = Services(
        settings=settings,
        clock=clock,
        store=store,
        blobs=blobs,
        upstreams=upstreams,
        engine=engine,
        ingestion=Ingestion(store=store, blobs=blobs, clock=clock, settings=settings.retrieval),
    )
    try:
        yield World(services, upstream, clock)
    finally:
        await engine.aclose(patience_seconds=0)
        await upstreams.aclose()
        await blobs.aclose()
        await store.aclose()


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with scripted_upstream() as upstream:
        yield upstream


@pytest.fixture
async def world(tmp_path: Path, upstream: ScriptedUpstream, clock: StandingClock) -> AsyncIterator[World]:
    async with a_process(tmp_path / "data", upstream, clock) as world:
        yield world
