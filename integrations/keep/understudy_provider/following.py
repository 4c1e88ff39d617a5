"""A run, followed to where it rests: at its end, or where it waits for tool outputs. By asking, or by listening."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from .api import Api, Deadline, Log, TimeUp, said

RESTING = frozenset({"completed", "incomplete", "failed", "cancelled", "expired", "requires_action"})
FIRST_POLL_SECONDS = 0.1
LONGEST_POLL_SECONDS = 2.0
CANCEL_SECONDS = 15.0

Run = dict[str, Any]


class Follower:
    def __init__(self, api: Api, deadline: Deadline, log: Log, *, listening: bool) -> None:
        self._api = api
        self._deadline = deadline
        self._log = log
        self._listening = listening

    def begin(self, path: str, body: dict[str, Any], found: Callable[[], Run | None]) -> Run:
        """Post what makes a run go, and follow it no further than that answer tells."""
        if self._listening:
            return self._api.stream(path, body, self._deadline, found, self._listen)
        return self._api.post(path, body, self._deadline, found)

    def rest(self, run: Run) -> Run:
        """Raises `TimeUp`."""
        return polled(self._api, run, self._deadline)

    def _listen(self, events: Iterator[tuple[str, dict[str, Any]]]) -> Run | None:
        """The run as it was last heard of; its words go to the log, line by line."""
        run: Run | None = None
        words = Lines(lambda line: self._log.info("assistant: %s", line, extra={"run_id": run and run["id"]}))
        for name, data in events:
            if name == "thread.message.delta":
                for part in data["delta"].get("content") or []:
                    words.add((part.get("text") or {}).get("value") or "")
            elif name.startswith("thread.run.step"):
                continue
            elif name.startswith("thread.run."):
                run = data
                self._log.debug("run %s is %s", run["id"], run["status"])
            if self._deadline.left == 0:
                break
        words.end()
        return run


class Lines:
    """Text that comes in pieces, told in lines."""

    def __init__(self, tell: Callable[[str], object]) -> None:
        self._tell = tell
        self._pieces: list[str] = []

    def add(self, piece: str) -> None:
        self._pieces.append(piece)
        if "\n" in piece:
            *lines, rest = "".join(self._pieces).split("\n")
            self._pieces = [rest]
            for line in filter(None, lines):
                self._tell(line)

    def end(self) -> None:
        if rest := "".join(self._pieces):
            self._tell(rest)
        self._pieces = []


def polled(api: Api, run: Run, deadline: Deadline) -> Run:
    """The run where it rests. Raises `TimeUp`."""
    pause = FIRST_POLL_SECONDS
    while run["status"] not in RESTING:
        deadline.pause(pause)
        pause = min(pause * 1.5, LONGEST_POLL_SECONDS)
        run = api.get(f"/threads/{run['thread_id']}/runs/{run['id']}", deadline)
    return run


def cancelled(api: Api, run: Run, log: Log) -> Run:
    """Cancel a run and wait until it is over, so that its thread can be used; as far as that goes."""
    path = f"/threads/{run['thread_id']}/runs/{run['id']}"
    deadline = Deadline(CANCEL_SECONDS)
    try:
        run = api.post(f"{path}/cancel", {}, deadline)
    except Exception as error:  # it may be over already: then it says so below
        log.warning("run %s could not be cancelled: %s", run["id"], said(error))
    try:
        return polled(api, api.get(path, deadline), deadline)
    except Exception as error:
        log.warning("run %s may still be going on: %s", run["id"], said(error))
        return run


BUSY = re.compile(r"already has an active run (\w+)|while a run (\w+) is active")


def run_in_the_way(message: str) -> str | None:
    """The id of the run for which a thread refused another."""
    found = BUSY.search(message)
    return found and (found[1] or found[2])


def waited_for(api: Api, thread_id: str, run_id: str, deadline: Deadline) -> Run:
    """Somebody else's run at its end, whatever that is. Raises `TimeUp`."""
    run = api.get(f"/threads/{thread_id}/runs/{run_id}", deadline)
    while True:
        run = polled(api, run, deadline)
        if run["status"] != "requires_action":
            return run
        deadline.pause(LONGEST_POLL_SECONDS)
        run = api.get(f"/threads/{thread_id}/runs/{run_id}", deadline)


__all__ = ["Follower", "Lines", "TimeUp", "cancelled", "polled", "run_in_the_way", "waited_for"]
