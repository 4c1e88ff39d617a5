"""`kill -9` at any moment, and a start on the same data: nothing that was acknowledged is lost, and nothing hangs."""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp

from tests.crash.clients import LOST, Client, Conversation
from tests.processes import Server

RUNS_AT_ONCE = 10
KILLS = 5
RECOVERY_SECONDS = 20


async def until_killed(server: Server, lot: random.Random, conversations: list[Conversation]) -> None:
    """Let them all go on at once, and kill the server after something or other that one of them heard."""
    heard = 0
    begun = asyncio.Event()
    death = asyncio.Event()
    last = 0

    def hear() -> None:
        nonlocal heard, last
        heard += 1
        if not begun.is_set() and all(each.run is not None for each in conversations):
            begun.set()
            last = heard + lot.randint(0, 300)
        if begun.is_set() and heard >= last:
            death.set()

    async with aiohttp.ClientSession() as session:
        client = Client(session, server.url, hear)

        async def go(conversation: Conversation) -> None:
            with suppress(*LOST):
                await conversation.go(client)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(go(each)) for each in conversations]
            dying = group.create_task(death.wait())
            everybody = asyncio.gather(*tasks)
            await asyncio.wait([dying, everybody], return_when=asyncio.FIRST_COMPLETED)
            await asyncio.to_thread(server.kill)
            death.set()


async def every(client: Client, path: str) -> list[Any]:
    page = await client.ask("GET", f"{path}?limit=100&order=asc")
    assert page["has_more"] is False
    data: list[Any] = page["data"]
    return data


def outputs_in(steps: list[Any]) -> dict[str, str]:
    calls = [call for step in steps for call in step["step_details"].get("tool_calls", [])]
    return {call["id"]: call["function"]["output"] for call in calls}


async def rounds_answered(client: Client, conversation: Conversation) -> int:
    steps = await every(client, f"{conversation.run_path}/steps")
    return sum(step["type"] == "tool_calls" and step["status"] == "completed" for step in steps)


async def check_acknowledged(client: Client, conversation: Conversation) -> None:
    for path, answered in conversation.acknowledged.items():
        assert await client.ask("GET", path) == answered, conversation


async def check_recovered(client: Client, conversation: Conversation) -> None:
    """The run is there and ends well, with what was acknowledged of it, and the thread goes on."""
    await check_acknowledged(client, conversation)
    run = await client.poll(conversation.run_path)
    for field in ("created_at", "assistant_id", "thread_id", "model", "instructions", "tools", "metadata"):
        assert run[field] == conversation.run[field], conversation
    if conversation.final is not None:
        assert run == conversation.final, conversation
    assert conversation.accepted <= await rounds_answered(client, conversation), conversation
    conversation.streams = False
    while run["status"] == "requires_action":
        conversation.run = run
        await conversation.submit(client)
        run = conversation.run
    assert (run["status"], run["expires_at"], run["required_action"]) == ("completed", None, None), conversation

    steps = await every(client, f"{conversation.run_path}/steps")
    assert [step["type"] for step in steps] == ["tool_calls"] * conversation.rounds + ["message_creation"], conversation
    assert {step["status"] for step in steps} == {"completed"}
    # As they were submitted, also where the acknowledgement did not come through any more.
    assert outputs_in(steps) == conversation.given, conversation
    assert run["usage"]["total_tokens"] >= sum(step["usage"]["total_tokens"] for step in steps)

    thread = f"/threads/{run['thread_id']}"
    messages = await every(client, f"{thread}/messages")
    assert [(message["role"], message["status"]) for message in messages] == [
        ("user", "completed"),
        ("assistant", "completed"),
    ]
    assert [message["content"][0]["text"]["value"] for message in messages] == [
        conversation.asked,
        conversation.expected,
    ]
    assert messages[1]["run_id"] == run["id"]

    await client.ask("POST", f"{thread}/messages", {"role": "user", "content": "Go on"})
    again = await client.ask("POST", f"{thread}/runs", {"assistant_id": run["assistant_id"]})
    assert (await client.poll(f"{thread}/runs/{again['id']}"))["status"] == "completed"


async def for_all(server: Server, conversations: list[Conversation], check: Callable[..., Awaitable[None]]) -> None:
    async with aiohttp.ClientSession() as session, asyncio.timeout(RECOVERY_SECONDS), asyncio.TaskGroup() as group:
        client = Client(session, server.url, lambda: None)
        for conversation in conversations:
            group.create_task(check(client, conversation))


async def test_fifty_runs_killed_at_any_moment(tmp_path: Path, slow_model: str) -> None:
    seed = int(os.environ.get("CRASH_SEED") or random.SystemRandom().randrange(10**6))
    print(f"CRASH_SEED={seed}")
    lot = random.Random(seed)
    server = Server(tmp_path / "data", slow_model)
    met: list[Conversation] = []
    try:
        for kill in range(KILLS):
            await asyncio.to_thread(server.start)
            conversations = [Conversation(kill * RUNS_AT_ONCE + n, lot) for n in range(RUNS_AT_ONCE)]
            await until_killed(server, lot, conversations)
            print(f"kill {kill + 1}: " + ", ".join(sorted(each.run["status"] for each in conversations)))
            if lot.random() < 0.4:  # and again, as soon as it is up
                await asyncio.to_thread(server.start)
                await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            await for_all(server, conversations, check_recovered)
            met += conversations
            await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        await for_all(server, met, check_acknowledged)
    finally:
        await asyncio.to_thread(server.end)
    assert len(met) == RUNS_AT_ONCE * KILLS
    assert not [line for line in server.said if "ERROR" in line or "Traceback" in line]
