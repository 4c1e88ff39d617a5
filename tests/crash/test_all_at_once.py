"""Fifty runs at once, and at random cancels, clients that hang up, and `kill -9`: nothing is lost or stuck."""

import asyncio
import os
import random
from contextlib import suppress
from pathlib import Path

import aiohttp

from tests.crash.clients import LOST, POLL_SECONDS, RESTS, Client, Conversation, Refused
from tests.crash.test_crash import check_acknowledged, every
from tests.processes import Server

RUNS = 50
KILLS = 3
TERMINAL = RESTS - {"requires_action"}


class Hand:
    """One client with its run, which it may cancel, leave, or see through."""

    def __init__(self, number: int, lot: random.Random) -> None:
        self.conversation = Conversation(number, lot)
        self.cancels = lot.random() < 0.3
        self.leaves = lot.random() < 0.3
        self.moment = lot.uniform(0, 0.3)
        self.cancelled = False
        """A cancel was acknowledged."""

    async def go(self, url: str) -> None:
        async with aiohttp.ClientSession() as session, aiohttp.ClientSession() as other:
            talking = asyncio.ensure_future(self.conversation.go(Client(session, url, lambda: None)))
            while self.conversation.run is None and not talking.done():  # noqa: ASYNC110 - as it polls
                await asyncio.sleep(POLL_SECONDS)
            await asyncio.wait([talking], timeout=self.moment)
            if self.cancels and self.conversation.run is not None:
                with suppress(Refused, *LOST):  # refused where it was over already
                    await Client(other, url, lambda: None).ask("POST", f"{self.conversation.run_path}/cancel")
                    self.cancelled = True
            if self.leaves:
                talking.cancel()
            with suppress(asyncio.CancelledError, Refused, *LOST):
                await talking


async def check(client: Client, hand: Hand) -> None:
    """Whatever was acknowledged is there, the run ends, and its thread is free."""
    conversation = hand.conversation
    await check_acknowledged(client, conversation)
    if conversation.run is None:
        return
    run = await client.poll(conversation.run_path)
    if conversation.final is not None:
        assert run == conversation.final, conversation
    assert run["id"] == conversation.run["id"]
    if hand.cancelled:
        # Attempted, not guaranteed: the answer may have been whole when the cancel came.
        assert run["status"] in {"cancelled", "completed"}, conversation
    while run["status"] == "requires_action":
        conversation.run, conversation.streams = run, False
        await conversation.submit(client)
        run = conversation.run
    assert run["status"] in {"completed", "cancelled"}, conversation
    assert run["expires_at"] is None
    steps = await every(client, f"{conversation.run_path}/steps")
    assert {step["status"] for step in steps} <= {"completed", "cancelled"}, conversation
    messages = await every(client, f"/threads/{run['thread_id']}/messages")
    assert {message["status"] for message in messages} <= {"completed", "incomplete"}, conversation
    assert sum(message["role"] == "assistant" for message in messages) <= 1, conversation
    await client.ask("POST", f"/threads/{run['thread_id']}/messages", {"role": "user", "content": "Go on"})
    again = await client.ask("POST", f"/threads/{run['thread_id']}/runs", {"assistant_id": run["assistant_id"]})
    assert (await client.poll(f"/threads/{again['thread_id']}/runs/{again['id']}"))["status"] == "completed"


async def test_fifty_runs_with_everything_at_once(tmp_path: Path, slow_model: str) -> None:
    seed = int(os.environ.get("CRASH_SEED") or random.SystemRandom().randrange(10**6))
    print(f"CRASH_SEED={seed}")
    lot = random.Random(seed)
    server = Server(tmp_path / "data", slow_model)
    hands = [Hand(number, lot) for number in range(RUNS)]
    try:
        await asyncio.to_thread(server.start)
        going = [asyncio.ensure_future(hand.go(server.url)) for hand in hands]
        async with asyncio.timeout(30):
            while sum(hand.conversation.run is not None for hand in hands) < RUNS // 3:  # noqa: ASYNC110 - as it polls
                await asyncio.sleep(POLL_SECONDS)
        await asyncio.wait(going, timeout=lot.uniform(0, 0.5))
        await asyncio.to_thread(server.kill)
        await asyncio.gather(*going)
        for _ in range(KILLS - 1):
            await asyncio.to_thread(server.start)
            await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        async with aiohttp.ClientSession() as session, asyncio.timeout(60), asyncio.TaskGroup() as group:
            for hand in hands:
                group.create_task(check(Client(session, server.url, lambda: None), hand))
    finally:
        await asyncio.to_thread(server.end)
    begun = [hand for hand in hands if hand.conversation.run is not None]
    print(f"{len(begun)} of {RUNS} had begun, {sum(hand.cancelled for hand in hands)} were cancelled")
    assert len(begun) >= RUNS // 3
    assert not [line for line in server.said if "ERROR" in line or "Traceback" in line]
