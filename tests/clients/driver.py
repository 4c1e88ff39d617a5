"""A driver: a program that plays the scenarios with one client, and says a line of JSON about each.

    {"versions": {"openai": "3.52.0"}}
    {"scenario": "chat", "ok": true, "detail": ""}
    {"scenario": "paging", "ok": null, "detail": "why this client cannot do that"}

Standard library only: it runs in the environment of that client. Its arguments are the server's address, a key, and
whatever else the driver wants; scenarios are functions of that name, plain or `async`.
"""

import asyncio
import inspect
import json
import os
import sys
import time
import traceback
import warnings
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.clients.scenarios import SCENARIOS

Play = Callable[[], Any]

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tell the weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
TWO_CITIES = "What is the weather in Paris and Rome"
"""The scripted model calls the first function for both."""
RESULT = "The result is: snow"
"""What it says in the end, of what `weather_in` gave last."""
LONG = " ".join(f"word{number}" for number in range(300))
"""So long that the slow model takes six seconds for it."""
BRIEF = " ".join(f"word{number}" for number in range(25))
"""Half a second of the slow model."""


def weather_in(city: str) -> str:
    """What the function answers: for Rome, it makes the scripted model ask once more."""
    return {"Paris": "sun", "Rome": "ask for the weather in Oslo", "Oslo": "snow"}[city]


class Driver:
    def __init__(self, *packages: str) -> None:
        self.url, self.key, *self.arguments = sys.argv[1:]
        """The server's address, without `/v1`."""
        self._packages = packages
        self._plays: dict[str, Play] = {}
        self._reasons: dict[str, str] = {}
        # Some clients print what they do.
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        sys.stdout = sys.stderr
        warnings.simplefilter("ignore", DeprecationWarning)

    def scenario(self, play: Play) -> Play:
        self._plays[_known(play.__name__)] = play
        return play

    def cannot(self, reason: str, *names: str) -> None:
        self._reasons.update({_known(name): reason for name in names})

    def run(self) -> None:
        self._say(versions={package: version(package) for package in self._packages})
        with asyncio.Runner() as runner:
            for name in SCENARIOS:
                if name in self._plays:
                    ok, detail = self._played(self._plays[name], runner)
                    self._say(scenario=name, ok=ok, detail=detail)
                elif name in self._reasons:
                    self._say(scenario=name, ok=None, detail=self._reasons[name])

    def _played(self, play: Play, runner: asyncio.Runner) -> tuple[bool, str]:
        try:
            if inspect.iscoroutinefunction(play):
                runner.run(play())
            else:
                play()
        except Exception:
            return False, traceback.format_exc()
        return True, ""

    def _say(self, **said: Any) -> None:
        print(json.dumps(said), file=self._out, flush=True)


def until(is_so: Callable[[], Any], *, seconds: float = 20) -> Any:
    """Ask until there is an answer, as programs do that poll."""
    end = time.monotonic() + seconds
    while not (answer := is_so()):
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s: {inspect.getsource(is_so).strip()}")
        time.sleep(0.02)
    return answer


async def until_async(ask: Callable[[], Awaitable[Any]], *, seconds: float = 20) -> Any:
    """The same of what is awaited."""
    async with asyncio.timeout(seconds):
        while True:
            if answer := await ask():
                return answer
            await asyncio.sleep(0.02)


@contextmanager
def raises(kind: type[Exception]) -> Iterator[list[Any]]:
    """Like pytest's, which there is not; what was raised is the item of the list."""
    caught: list[Any] = []
    try:
        yield caught
    except kind as error:
        caught.append(error)
    else:
        raise AssertionError(f"no {kind.__name__}")


def message_of(error: Any) -> str:
    """What the server said, of an error of the official client."""
    assert set(error.body) == {"message", "type", "param", "code"}
    return str(error.body["message"])


def a_file(name: str, text: str) -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


def _known(name: str) -> str:
    if name not in SCENARIOS:
        raise ValueError(f"{name} is no scenario")
    return name
