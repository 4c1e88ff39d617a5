"""File search in a run: offered, called, shown, cited, and as safe as everything else that a run does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET

from compat_tests.scripted_upstream import ScriptedUpstream, error, text, tool_calls
from proxy.engine import Follower
from proxy.errors import InvalidRequest
from proxy.operations import runs as operations
from proxy.runs.searching import MOST_ROUNDS
from proxy.schema.messages import FileCitationAnnotation, Message, TextContent
from proxy.schema.runs import CreateRun, Run, RunStatus
from proxy.schema.steps import CONTENTS, FileSearchCallDetails, IncludeParams, RunStep, ToolCallsDetails
from proxy.schema.threads import Thread
from proxy.schema.tools import (
    FileSearch,
    FileSearchChoice,
    FileSearchResources,
    FileSearchTool,
    Function,
    FunctionTool,
    JSONObjectFormat,
    RankingOptions,
    ToolResources,
)
from proxy.store import Connection, assistants, messages, runs, threads
from tests.builders import AT, a_message, a_thread, an_assistant
from tests.engine.conftest import HOME, WEATHER, Frame, StandingClock, World, a_process, names, read, text_of
from tests.engine.test_playing import ANSWER
from tests.engine.test_races import Meddler, settled
from tests.engine.test_rescuing import copy
from tests.shelves import a_shelf, file_id, put
from tests.shelves import read as read_file

SEARCH = [("file_search", {"queries": ["Filippa cake"]})]
SEARCHED = ["run.step.created", "run.step.in_progress", "run.step.delta", "run.step.completed"]
BEGUN = ["run.created", "run.queued", "run.in_progress"]


async def asked(
    world: World,
    *,
    tools: list[Any] | None = None,
    shelf: str | None = "new",
    thread_shelf: str | None = None,
    said: str = "What does Filippa like to eat?",
    contents: bool = False,
    **given: Any,
) -> tuple[Thread, Follower]:
    """A streamed run whose assistant searches files."""
    if shelf == "new":
        shelf = await a_shelf(world.store, HOME)
    assistant = an_assistant(tools=[FileSearchTool()] if tools is None else tools, tool_resources=resources(shelf))
    thread = a_thread(tool_resources=resources(thread_shelf))

    async def save(db: Connection) -> None:
        await assistants.insert_assistant(db, HOME, assistant)
        await threads.insert_thread(db, HOME, thread)
        await messages.insert_messages(db, HOME, [a_message(said, thread_id=thread.id)])

    await world.store.write(save)
    body = CreateRun(assistant_id=assistant.id, stream=True, **given)
    params = IncludeParams(include=[CONTENTS] if contents else [])
    follower = await operations.create_run(world.services, project=HOME, thread_id=thread.id, body=body, params=params)
    assert isinstance(follower, Follower)
    return thread, follower


def resources(shelf: str | None) -> ToolResources:
    return (
        ToolResources() if shelf is None else ToolResources(file_search=FileSearchResources(vector_store_ids=[shelf]))
    )


async def played(world: World, follower: Follower) -> tuple[list[Frame], Run]:
    frames = await read(follower)
    run_id = next(frame["id"] for name, frame in frames if name == "thread.run.created")
    return frames, await world.stored(run_id)


def search_of(step: RunStep, place: int = 0) -> FileSearchCallDetails:
    assert isinstance(step.step_details, ToolCallsDetails)
    details = step.step_details.tool_calls[place].file_search
    assert details is not UNSET
    return details


def citations(message: Message) -> list[FileCitationAnnotation]:
    (part,) = message.content
    assert isinstance(part, TextContent)
    found = []
    for annotation in part.text.annotations:
        assert isinstance(annotation, FileCitationAnnotation)
        assert part.text.value[annotation.start_index : annotation.end_index] == annotation.text
        found.append(annotation)
    return found


def tool_outputs(world: World, request: int = -1) -> list[str]:
    return [each["content"] for each in world.upstream.requests[request]["messages"] if each["role"] == "tool"]


async def test_a_search_and_an_answer_that_cites(world: World) -> None:
    world.upstream.reply(tool_calls(SEARCH), text("Filippa likes cake [[1]]."))
    _, follower = await asked(world)
    frames, run = await played(world, follower)
    assert names(frames) == [*BEGUN, *SEARCHED, *ANSWER, "run.completed"]
    assert run.status is RunStatus.COMPLETED

    deltas = [frame for name, frame in frames if name == "thread.run.step.delta"]
    (call,) = deltas[0]["delta"]["step_details"]["tool_calls"]
    ranking = {"ranker": "default_2024_08_21", "score_threshold": 0.0}
    assert call == {
        "index": 0,
        "id": call["id"],
        "type": "file_search",
        "file_search": {"ranking_options": ranking, "results": []},
    }
    assert len(deltas) == 1
    step, _ = await world.steps(run.id)
    details = search_of(step)
    assert [result.file_name for result in details.results] == ["foods.txt"]
    assert details.results[0].content is not UNSET
    completed = next(frame for name, frame in frames if name == "thread.run.step.completed")
    (shown,) = completed["step_details"]["tool_calls"][0]["file_search"]["results"]
    assert set(shown) == {"file_id", "file_name", "score", "attributes"}

    (message,) = await world.messages(run)
    assert text_of(message) == "Filippa likes cake 【4:0†foods.txt】."
    (citation,) = citations(message)
    assert citation.file_citation.file_id == file_id("foods.txt")
    # In one delta, with its annotation; the last object has no quote.
    (marked,) = [
        part["text"]
        for name, frame in frames
        if name == "thread.message.delta"
        for part in frame["delta"]["content"]
        if part["text"].get("annotations")
    ]
    assert marked == {
        "value": citation.text,
        "annotations": [
            {
                "index": 0,
                "type": "file_citation",
                "text": citation.text,
                "start_index": 19,
                "end_index": 34,
                "file_citation": {"file_id": citation.file_citation.file_id, "quote": ""},
            }
        ],
    }
    # The model was offered the search, and shown what it found.
    first, second = world.upstream.requests
    (offered,) = first["tools"]
    assert offered["function"]["name"] == "file_search"
    assert second["messages"][1]["tool_calls"][0]["function"]["arguments"] == '{"queries": ["Filippa cake"]}'
    (output,) = tool_outputs(world)
    assert "[[1]] foods.txt\nWhat people like to eat." in output


async def test_the_contents_of_results_are_streamed_to_those_who_ask(world: World) -> None:
    world.upstream.reply(tool_calls(SEARCH), text("Cake."))
    _, follower = await asked(world, contents=True)
    frames, _ = await played(world, follower)
    completed = next(frame for name, frame in frames if name == "thread.run.step.completed")
    (shown,) = completed["step_details"]["tool_calls"][0]["file_search"]["results"]
    assert shown["content"] == [{"type": "text", "text": "What people like to eat. Filippa: cake. Odo: soup."}]


async def test_rounds_are_numbered_on_and_cited_together(world: World) -> None:
    again = [("file_search", '{"queries": "Basel Rhine"}'), ("file_search", {"queries": ["Vienna"]})]
    world.upstream.reply(tool_calls(SEARCH, content="Let me see."), tool_calls(again), text("[[1]] and [[2]] [[3]]."))
    _, follower = await asked(world)
    frames, run = await played(world, follower)
    assert names(frames) == [*BEGUN, *ANSWER, *SEARCHED, *SEARCHED, *ANSWER, "run.completed"]
    assert [output[output.index("\n\n[[") :][:6] for output in tool_outputs(world)] == [
        "\n\n[[1]",
        "\n\n[[2]",
        "\n\n[[3]",
    ]
    *_, message = await world.messages(run)
    assert [citation.text for citation in citations(message)] == [
        "【4:0†foods.txt】",
        "【6:0†rivers.txt】",
        "【7:0†rivers.txt】",
    ]
    assert run.usage is not None
    steps = await world.steps(run.id)
    assert run.usage.total_tokens == sum(step.usage.total_tokens for step in steps if step.usage is not None)


async def test_searches_and_functions_in_one_turn(world: World) -> None:
    world.upstream.reply(tool_calls([*SEARCH, ("get_weather", {"city": "Basel"})]), text("Cake [[1]] in the sun."))
    _, follower = await asked(world, tools=[FileSearchTool(), WEATHER])
    frames, run = await played(world, follower)
    assert names(frames) == [*BEGUN, *SEARCHED[:3], "run.requires_action"]
    assert run.required_action is not None
    (call,) = run.required_action.submit_tool_outputs.tool_calls
    assert call.function.name == "get_weather"
    (step,) = await world.steps(run.id)
    assert len(search_of(step).results) == 1
    follower = await world.submit(run)  # type: ignore[assignment]
    frames = await read(follower)
    assert names(frames) == ["run.step.completed", "run.queued", "run.in_progress", *ANSWER, "run.completed"]
    first, second = frames[0][1]["step_details"]["tool_calls"]
    assert "content" not in first["file_search"]["results"][0]
    assert second["function"]["output"] == 'for {"city": "Basel"}'
    assert len(tool_outputs(world)) == 2
    (message,) = await world.messages(run)
    assert text_of(message) == "Cake 【4:0†foods.txt】 in the sun."


async def test_a_function_of_the_same_name_is_the_clients(world: World) -> None:
    mine = FunctionTool(function=Function(name="file_search", parameters={"type": "object"}))
    world.upstream.reply(tool_calls([("file_search_2", {"queries": ["cake"]})]), tool_calls([("file_search", {})]))
    _, follower = await asked(world, tools=[FileSearchTool(), mine])
    frames, run = await played(world, follower)
    assert names(frames) == [*BEGUN, *SEARCHED, *SEARCHED[:3], "run.requires_action"]
    offered = [tool["function"]["name"] for tool in world.upstream.requests[0]["tools"]]
    assert offered == ["file_search", "file_search_2"]
    assert run.required_action is not None


@pytest.mark.parametrize(("shelf", "count"), [(None, 0), ("vs_gone", 0)])
async def test_without_a_store_it_is_not_offered(world: World, shelf: str | None, count: int) -> None:
    _, follower = await asked(world, shelf=shelf, tool_choice=FileSearchChoice())
    _, run = await played(world, follower)
    assert run.status is RunStatus.COMPLETED
    assert "tools" not in world.upstream.requests[0]


async def test_a_forced_search_is_forced_once(world: World) -> None:
    world.upstream.reply(tool_calls(SEARCH), text("Cake."))
    _, follower = await asked(world, tools=[FileSearchTool(), WEATHER], tool_choice=FileSearchChoice())
    await played(world, follower)
    first, second = world.upstream.requests
    assert [tool["function"]["name"] for tool in first["tools"]] == ["file_search"]
    assert first["tool_choice"] == "required"
    assert len(second["tools"]) == 2
    assert second.get("tool_choice", "auto") == "auto"


async def test_stores_of_assistant_and_thread_are_searched_together(world: World) -> None:
    mine = await a_shelf(world.store, HOME, {"mine.txt": ["Filippa bakes her cake on Sundays."]})
    world.upstream.reply(tool_calls(SEARCH), text("Cake."))
    _, follower = await asked(world, thread_shelf=mine)
    _, run = await played(world, follower)
    step, _ = await world.steps(run.id)
    results = search_of(step).results
    assert {result.file_name for result in results} == {"foods.txt", "mine.txt"}
    assert [result.score for result in results] == sorted((result.score for result in results), reverse=True)


async def test_limits_of_the_tool_hold(world: World) -> None:
    shelf = await a_shelf(world.store, HOME, {f"{n}.txt": ["cake and more cake"] for n in range(9)})
    world.upstream.reply(tool_calls([("file_search", {"queries": ["cake"]})]), text("Cake."))
    tool = FileSearchTool(file_search=FileSearch(max_num_results=4))
    _, follower = await asked(world, shelf=shelf, tools=[tool])
    _, run = await played(world, follower)
    assert len(search_of((await world.steps(run.id))[0]).results) == 4

    world.upstream.reply(tool_calls([("file_search", {"queries": ["cake"]})]), text("Nothing."))
    strict = FileSearchTool(file_search=FileSearch(ranking_options=RankingOptions(score_threshold=1.0)))
    _, follower = await asked(world, shelf=shelf, tools=[strict])
    _, run = await played(world, follower)
    details = search_of((await world.steps(run.id))[0])
    assert (details.results, details.ranking_options.score_threshold) == ([], 1.0)
    assert "Nothing in the user's files fits" in tool_outputs(world)[0]


@pytest.mark.parametrize("arguments", ["{}", '{"queries": [3]}', "no JSON", "[]", '{"queries": ""}'])
async def test_a_call_that_asks_for_nothing_is_told_so(world: World, arguments: str) -> None:
    world.upstream.reply(tool_calls([("file_search", arguments)]), text("Sorry."))
    _, follower = await asked(world)
    _, run = await played(world, follower)
    assert run.status is RunStatus.COMPLETED
    assert tool_outputs(world)[0].startswith("Nothing was searched for.")


async def test_results_fit_the_prompt(world: World) -> None:
    """The scripted server has a context of 2,048 tokens, and says so where it does not fit."""
    long = {f"{n}.txt": [f"cake number {n}. " + "Cakes are round and sweet. " * 60] for n in range(9)}
    shelf = await a_shelf(world.store, HOME, long)
    world.upstream.reply(tool_calls([("file_search", {"queries": ["cake"]})]), text("Cake."))
    _, follower = await asked(world, shelf=shelf)
    _, run = await played(world, follower)
    assert run.status is RunStatus.COMPLETED
    results = search_of((await world.steps(run.id))[0]).results
    assert 1 <= len(results) < 9

    huge = await a_shelf(world.store, HOME, {"huge.txt": ["cake " + "Cakes are round and sweet. " * 900]})
    world.upstream.reply(tool_calls([("file_search", {"queries": ["cake"]})]), text("Cake."))
    _, follower = await asked(world, shelf=huge)
    _, run = await played(world, follower)
    assert run.status is RunStatus.COMPLETED
    (result,) = search_of((await world.steps(run.id))[0]).results
    assert result.content is not UNSET
    assert 100 < len(result.content[0].text) < 10_000


async def test_a_file_of_the_thread_is_waited_for(world: World) -> None:
    shelf = await a_shelf(world.store, HOME, {})
    await put(world.store, HOME, shelf, "late.txt")
    world.upstream.reply(tool_calls(SEARCH), text("Cake [[1]]."))
    _, follower = await asked(world, shelf=None, thread_shelf=shelf)
    frames = follower.__aiter__()
    seen = b""
    while b"thread.run.step.delta" not in seen:
        seen = await anext(frames)
    await read_file(world.store, HOME, shelf, "late.txt", ["Filippa likes cake."])
    rest = b"".join([ready async for ready in frames])
    assert "【4:0†late.txt】" in rest.decode()


async def test_it_is_waited_for_only_so_long(world: World, clock: StandingClock) -> None:
    shelf = await a_shelf(world.store, HOME, {})
    await put(world.store, HOME, shelf, "late.txt")
    gate = asyncio.Event()
    world.upstream.reply(tool_calls(SEARCH).waiting(gate, after=0), text("No idea."))
    _, follower = await asked(world, shelf=None, thread_shelf=shelf)
    await world.upstream.received()
    clock.pass_(61)
    gate.set()
    _, run = await played(world, follower)
    assert run.status is RunStatus.COMPLETED
    assert search_of((await world.steps(run.id))[0]).results == []


async def test_a_cancel_while_it_waits(world: World) -> None:
    shelf = await a_shelf(world.store, HOME, {})
    await put(world.store, HOME, shelf, "late.txt")
    world.upstream.reply(tool_calls(SEARCH))
    _, follower = await asked(world, shelf=None, thread_shelf=shelf)
    seen = b""
    reading = follower.__aiter__()
    while b"thread.run.step.delta" not in seen:
        seen += await anext(reading)
    run_id = seen.decode().split('"id":"', 1)[1].split('"')[0]
    await world.cancel(await world.stored(run_id))
    rest = b"".join([ready async for ready in reading]).decode()
    assert rest.index("thread.run.step.cancelled") < rest.index("event: thread.run.cancelled")
    run = await world.stored(run_id)
    assert run.status is RunStatus.CANCELLED
    (step,) = await world.steps(run_id)
    assert step.status == "cancelled"
    assert run.usage is not None
    assert step.usage is not None
    assert run.usage.total_tokens == step.usage.total_tokens > 0


async def test_a_model_that_never_has_enough_fails(world: World) -> None:
    world.upstream.reply(*(tool_calls(SEARCH) for _ in range(MOST_ROUNDS + 1)))
    _, follower = await asked(world)
    frames, run = await played(world, follower)
    assert run.status is RunStatus.FAILED
    assert run.last_error is not None
    assert "searched again and again" in run.last_error.message
    assert names(frames)[-2:] == ["run.step.failed", "run.failed"]
    assert "tools" not in world.upstream.requests[-1]


async def test_a_model_that_cannot_call_tools_is_told_before(world: World) -> None:
    refusal = error(400, {"error": {"message": "gemma:2b does not support tools", "code": 400}})
    world.upstream.reply(refusal, text("Cake [[1]]."))
    _, follower = await asked(world)
    frames, run = await played(world, follower)
    assert names(frames) == [*BEGUN, *SEARCHED, *ANSWER, "run.completed"]
    last = world.upstream.requests[-1]
    assert "tools" not in last
    (told,) = last["messages"]
    assert told["content"].startswith("What does Filippa like to eat?\n\n")
    assert "[[1]] foods.txt" in told["content"]
    (message,) = await world.messages(run)
    assert text_of(message) == "Cake 【4:0†foods.txt】."
    assert (await world.steps(run.id))[0].usage is not None


async def test_a_model_that_cannot_call_the_clients_functions_fails(world: World) -> None:
    world.upstream.reply(error(400, {"error": {"message": "gemma:2b does not support tools", "code": 400}}))
    _, follower = await asked(world, tools=[FileSearchTool(), WEATHER])
    _, run = await played(world, follower)
    assert run.status is RunStatus.FAILED
    assert run.last_error is not None
    assert "cannot call tools" in run.last_error.message


async def test_old_citations_are_not_shown_to_the_model(world: World) -> None:
    world.upstream.reply(tool_calls(SEARCH), text("Cake [[1]]."), text("Yes."))
    thread, follower = await asked(world)
    await played(world, follower)
    await world.say(thread.id, "Really?")
    await world.until_rest(await world.run(thread))
    assert [each["content"] for each in world.upstream.requests[-1]["messages"]][1:] == ["Cake .", "Really?"]


async def test_an_answer_in_json_is_left_as_it_is(world: World) -> None:
    world.upstream.reply(tool_calls(SEARCH), text('{"cakes": [[1]]}'), text('{"cakes": [[1]]}'))
    _, follower = await asked(world, response_format=JSONObjectFormat())
    _, run = await played(world, follower)
    (message,) = await world.messages(run)
    assert text_of(message) == '{"cakes": [[1]]}'
    assert "write its mark" not in tool_outputs(world)[0]
    assert "[[1]] foods.txt" in tool_outputs(world)[0]


async def test_a_store_that_expires_meanwhile(world: World, clock: StandingClock) -> None:
    shelf = await a_shelf(world.store, HOME, expires_at=AT + 100)
    gate = asyncio.Event()
    world.upstream.reply(tool_calls(SEARCH).waiting(gate, after=0))
    _, follower = await asked(world, shelf=shelf)
    await world.upstream.received()
    clock.pass_(101)
    gate.set()
    _, run = await played(world, follower)
    assert run.status is RunStatus.FAILED
    assert run.last_error is not None
    assert run.last_error.message == f"Vector store '{shelf}' has expired."


async def test_a_busy_model_server_after_a_search(world: World) -> None:
    busy = error(429, {"error": {"message": "Too busy.", "code": 429}}, retry_after="0")
    world.upstream.reply(tool_calls(SEARCH), busy, text("Cake [[1]]."))
    _, follower = await asked(world)
    frames, run = await played(world, follower)
    assert run.status is RunStatus.COMPLETED
    assert [name for name in names(frames) if "step" not in name and "message" not in name][-1] == "run.completed"
    assert len(await world.messages(run)) == 1


# Before each access of the engine to the store, the process dies, or leaves, or the client cancels.

MOMENTS = range(14)
FEWEST_MOMENTS = 9


@pytest.fixture
async def meddled(
    tmp_path: Path, upstream: ScriptedUpstream, clock: StandingClock
) -> AsyncIterator[tuple[World, Meddler]]:
    meddler = Meddler()
    async with a_process(tmp_path / "data", upstream, clock, meddled=meddler, retries=0) as world:
        yield world, meddler


@pytest.mark.parametrize("moment", MOMENTS)
async def test_dying_at_any_moment(
    meddled: tuple[World, Meddler], tmp_path: Path, upstream: ScriptedUpstream, clock: StandingClock, moment: int
) -> None:
    world, meddler = meddled

    async def die() -> None:
        copy(tmp_path / "data", tmp_path / "left")

    upstream.reply(*[by_turn] * 6)
    shelf = await a_shelf(world.store, HOME)
    meddler.rest()
    meddler.moment, meddler.before = moment, die
    _, follower = await asked(world, shelf=shelf)
    _, run = await played(world, follower)
    if not (tmp_path / "left").exists():
        assert moment >= meddler.accesses >= FEWEST_MOMENTS  # it was over before
        return
    await goes_on(tmp_path / "left", upstream, clock, run.id)


@pytest.mark.parametrize("moment", MOMENTS)
async def test_leaving_at_any_moment(
    meddled: tuple[World, Meddler], tmp_path: Path, upstream: ScriptedUpstream, clock: StandingClock, moment: int
) -> None:
    world, meddler = meddled
    closing: list[asyncio.Task[None]] = []

    async def leave() -> None:
        closing.append(asyncio.get_running_loop().create_task(world.engine.aclose(patience_seconds=0)))
        await asyncio.sleep(0)

    upstream.reply(*[by_turn] * 6)
    shelf = await a_shelf(world.store, HOME)
    meddler.rest()
    meddler.moment, meddler.before = moment, leave
    _, follower = await asked(world, shelf=shelf)
    _, run = await played(world, follower)
    await asyncio.gather(*closing)
    meddler.rest()
    await world.engine.aclose(patience_seconds=0)
    copy(tmp_path / "data", tmp_path / "left")
    await goes_on(tmp_path / "left", upstream, clock, run.id)


@pytest.mark.parametrize("moment", MOMENTS)
async def test_cancelling_at_any_moment(
    meddled: tuple[World, Meddler], upstream: ScriptedUpstream, moment: int
) -> None:
    world, meddler = meddled

    async def cancel() -> None:
        newest = await world.store.read(lambda db: runs.overdue_runs(db, AT + 10_000, 1))
        with suppress(InvalidRequest):
            await world.cancel(await world.stored(newest[0]))

    upstream.reply(*[by_turn] * 6)
    shelf = await a_shelf(world.store, HOME)
    meddler.rest()
    meddler.moment, meddler.before = moment, cancel
    _, follower = await asked(world, shelf=shelf)
    frames, run = await played(world, follower)
    assert run.status in {RunStatus.CANCELLED, RunStatus.COMPLETED}
    assert names(frames)[-1] == f"run.{run.status.value}"
    assert await world.active_run(run.thread_id) is None
    steps = await world.steps(run.id)
    assert {step.status for step in steps} <= {"completed", "cancelled"}
    assert {message.status for message in await world.messages(run)} <= {"completed", "incomplete"}
    told = {
        frame["id"]: frame["status"]
        for name, frame in frames
        if name.startswith("thread.run.step.") and "status" in frame
    }
    assert told == {step.id: step.status for step in steps}


def by_turn(request: dict[str, Any]) -> Any:
    has_found = any(message["role"] == "tool" for message in request["messages"])
    return text("Filippa likes cake [[1]].") if has_found else tool_calls(SEARCH)


async def goes_on(directory: Path, upstream: ScriptedUpstream, clock: StandingClock, run_id: str) -> None:
    """In a new process the run comes to its end, with one search and one message."""
    async with a_process(directory, upstream, clock) as world:
        await world.engine.start()
        run = await settled(world, run_id)
        assert run.status is RunStatus.COMPLETED
        steps, (message,) = await world.steps(run.id), await world.messages(run)
        assert [(step.type, step.status) for step in steps] == [
            ("tool_calls", "completed"),
            ("message_creation", "completed"),
        ]
        assert text_of(message) == "Filippa likes cake 【4:0†foods.txt】."
        assert run.usage is not None
        assert run.usage.total_tokens == sum(step.usage.total_tokens for step in steps if step.usage is not None)
        assert await world.active_run(run.thread_id) is None
