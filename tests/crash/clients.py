"""A client that remembers every acknowledgement, and is cut off when its server dies."""

import asyncio
import json
import random
from collections.abc import Callable
from typing import Any

import aiohttp

TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"properties": {"city": {}}}}}
RESTS = {"requires_action", "completed", "failed", "cancelled", "incomplete", "expired"}
LOST = (aiohttp.ClientError, ConnectionError, asyncio.IncompleteReadError)
"""What a client gets to see of a server that was killed."""
POLL_SECONDS = 0.005


class Refused(Exception):
    pass


class Client:
    """One user's session; `heard` is called for everything that it hears from the server."""

    def __init__(self, session: aiohttp.ClientSession, url: str, heard: Callable[[], None]) -> None:
        self.session = session
        self.url = url
        self._heard = heard

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        async with self.session.request(method, f"{self.url}/v1{path}", json=body) as response:
            answer = json.loads(await response.read())
            self._heard()
            if response.status != 200:
                raise Refused(answer["error"]["message"])
            return answer

    async def stream(self, path: str, body: Any, note: Callable[[str, Any], None]) -> None:
        """Tell each event as it comes, until `done`."""
        async with self.session.post(f"{self.url}/v1{path}", json={**body, "stream": True}) as response:
            await self._listen(response, note)

    async def follow(self, run_path: str, note: Callable[[str, Any], None]) -> None:
        """Tell each event of a run whose stream broke, from the first that the server remembers."""
        async with self.session.get(f"{self.url}/v1{run_path}/events") as response:
            await self._listen(response, note)

    async def _listen(self, response: aiohttp.ClientResponse, note: Callable[[str, Any], None]) -> None:
        if response.status != 200:
            raise Refused((await response.json())["error"]["message"])
        name = ""
        async for line in response.content:
            if line.startswith(b"event: "):
                name = line.removeprefix(b"event: ").decode().strip()
            elif line.startswith(b"data: {"):
                self._heard()
                note(name, json.loads(line.removeprefix(b"data: ")))

    async def poll(self, path: str) -> Any:
        while (run := await self.ask("GET", path))["status"] not in RESTS:  # noqa: ASYNC110 - another process's
            await asyncio.sleep(POLL_SECONDS)
        return run


class Conversation:
    """One thread with one run on it, of a kind that is drawn by lot, and all that the server acknowledged of it."""

    def __init__(self, number: int, lot: random.Random) -> None:
        self.number = number
        self.streams = lot.random() < 0.5
        self.with_thread = lot.random() < 0.3
        self.rounds = lot.choice([0, 0, 1, 1, 2])
        self.submits = lot.random() < 0.7
        self.words = lot.randint(5, 150)

        self.acknowledged: dict[str, Any] = {}
        """By path: what was answered of objects that do not change by themselves."""
        self.run: Any = None
        """As it was last heard of."""
        self.run_path = ""
        self.given: dict[str, str] = {}
        """Outputs that were submitted, by call id."""
        self.accepted = 0
        """How many rounds of outputs were acknowledged."""
        self.final: Any = None
        """The run as it was announced or answered in its end."""

    def __repr__(self) -> str:
        kind = [name for name in ("streams", "with_thread", "submits") if getattr(self, name)]
        return (
            f"conversation {self.number} ({self.rounds} rounds, {', '.join(kind)}; run {self.run and self.run['id']})"
        )

    @property
    def asked(self) -> str:
        if self.rounds:
            return f"weather in Paris and Rome, {self.number}"
        return " ".join(f"word{n}" for n in range(self.words))

    @property
    def expected(self) -> str:
        """What the model answers in the end, if the outputs are those that we submit."""
        return [self.asked, "The result is: sun, sun", "The result is: sun"][self.rounds]

    async def go(self, client: Client) -> None:
        """As far as the server lives."""
        assistant = await client.ask("POST", "/assistants", {"model": "tiny", "tools": [TOOL], "name": "crash"})
        self.acknowledged[f"/assistants/{assistant['id']}"] = assistant
        said = {"role": "user", "content": self.asked}
        body: dict[str, Any] = {"assistant_id": assistant["id"], "metadata": {"number": str(self.number)}}
        if self.with_thread:
            path, body = "/threads/runs", {**body, "thread": {"messages": [said]}}
        else:
            thread = await client.ask("POST", "/threads", {"metadata": {"number": str(self.number)}})
            self.acknowledged[f"/threads/{thread['id']}"] = thread
            message = await client.ask("POST", f"/threads/{thread['id']}/messages", said)
            self.acknowledged[f"/threads/{thread['id']}/messages/{message['id']}"] = message
            path = f"/threads/{thread['id']}/runs"
        await self._run(client, path, body)
        while self.run["status"] == "requires_action" and self.submits:
            await self.submit(client)

    async def submit(self, client: Client) -> None:
        calls = self.run["required_action"]["submit_tool_outputs"]["tool_calls"]
        given = {call["id"]: self._output(call["function"]["arguments"]) for call in calls}
        self.given |= given
        body = {"tool_outputs": [{"tool_call_id": id, "output": output} for id, output in given.items()]}
        await self._run(client, f"{self.run_path}/submit_tool_outputs", body)

    def _output(self, arguments: str) -> str:
        return "weather in Oslo" if self.rounds == 2 and "Oslo" not in arguments else "sun"

    async def _run(self, client: Client, path: str, body: Any) -> None:
        if self.streams:
            await client.stream(path, body, self._hear)
        else:
            self._hear("answer", await client.ask("POST", path, body))
            self._hear("answer", await client.poll(self.run_path))

    def _hear(self, name: str, data: Any) -> None:
        if name == "thread.created":
            self.acknowledged[f"/threads/{data['id']}"] = data
        elif data["object"] == "thread.run":
            if self.run is not None and self.run["status"] == "requires_action" and data["status"] != "requires_action":
                self.accepted += 1
            self.run = data
            self.run_path = f"/threads/{data['thread_id']}/runs/{data['id']}"
            if data["status"] in RESTS - {"requires_action"}:
                self.final = data
