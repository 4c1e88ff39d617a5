"""What the assistant provider of a fork of Keep does with this API, call by call, with the client that it pins.

It is played, not copied: the order of its calls and what it makes of the answers are facts about a program that people
run against us by setting one variable of the environment. It knows no base URL.

Where KEEP_FORK names a checkout of that fork (oleksandr-shostak/keep-consultic at 46d069e6), its own provider is run
by the same tests.
"""

import importlib.util
import json
import os
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from openai import OpenAI

from tests.keep import installed

POLL_SECONDS = 0.02
"""It polls once a second; the tests do not wait for that."""


class Failure(Exception):
    """In place of what it raises; the alert shows the text."""


class Played:
    """A provider made for one workflow run."""

    def __init__(
        self, assistant_id: str, *, organization: str | None = None, heard: Callable[[str], None] = lambda call: None
    ) -> None:
        self._assistant_id = assistant_id
        self._client = OpenAI(api_key="unused", organization=organization)
        self._client._client.event_hooks = {
            "request": [lambda request: heard(f"{request.method} {request.url.raw_path.decode()}")]
        }
        try:
            self._client.beta.assistants.retrieve(assistant_id=assistant_id)
        except Exception as error:
            self.close()
            raise Failure(f"cannot retrieve {assistant_id}: {error}") from error

    def close(self) -> None:
        self._client.close()

    def validate_scopes(self) -> dict[str, bool | str]:
        try:
            assistant = self._client.beta.assistants.retrieve(assistant_id=self._assistant_id)
        except Exception as error:
            return {"assistant_access": str(error)}
        assert [tool.type for tool in assistant.tools] == []
        return {
            "assistant_access": True,
            "assistant_name": assistant.name or "Unnamed",
            "assistant_model": assistant.model,
        }

    def query(
        self,
        prompt: str,
        thread_id: str | None = None,
        max_wait_time: float | None = None,
        additional_instructions: str | None = None,
        parse_json: bool = True,
        **of_run: Any,
    ) -> dict[str, Any]:
        threads = self._client.beta.threads
        thread = threads.retrieve(thread_id=thread_id) if thread_id else threads.create()
        threads.messages.create(thread_id=thread.id, role="user", content=prompt)
        if additional_instructions:
            of_run = {"additional_instructions": additional_instructions, **of_run}
        run = threads.runs.create(thread_id=thread.id, assistant_id=self._assistant_id, **of_run)
        self._wait(thread.id, run.id, max_wait_time or 120)
        page = threads.messages.list(thread_id=thread.id, order="asc").data
        *_, last = (message for message in page if message.role == "assistant")
        said = "".join(part.text.value for part in last.content if part.type == "text")
        response: Any = said
        if parse_json:
            with suppress(json.JSONDecodeError):
                response = json.loads(said)
        return {
            "response": response,
            "thread_id": thread.id,
            "run_id": run.id,
            "messages": [
                {
                    "role": message.role,
                    "content": message.content[0].text.value if message.content else "",
                    "created_at": message.created_at,
                }
                for message in page
            ],
            "raw_response": said,
        }

    def _wait(self, thread_id: str, run_id: str, seconds: float) -> None:
        runs = self._client.beta.threads.runs
        began = time.monotonic()
        while True:
            if time.monotonic() - began > seconds:
                with suppress(Exception):
                    runs.cancel(thread_id=thread_id, run_id=run_id)
                raise Failure(f"no answer within {seconds} seconds")
            run = runs.retrieve(thread_id=thread_id, run_id=run_id)
            match run.status:
                case "completed":
                    return
                case "failed":
                    raise Failure(f"run failed: {run.last_error}")
                case "cancelled" | "expired":
                    raise Failure(f"run {run.status}")
            time.sleep(POLL_SECONDS)


class Itself:
    """The fork's own provider, in its own words."""

    def __init__(self, assistant_id: str, **_: Any) -> None:
        kind = _provider_of_the_fork()
        kind.POLL_INTERVAL = POLL_SECONDS
        from keep.contextmanager.contextmanager import ContextManager
        from keep.exceptions.provider_exception import ProviderException
        from keep.providers.models.provider_config import ProviderConfig

        config = ProviderConfig(authentication={"api_key": "unused", "assistant_id": assistant_id})
        try:
            self._provider = kind(ContextManager(tenant_id=installed.TENANT), "fork", config)
        except ProviderException as error:
            raise Failure(str(error)) from error
        self._failure = ProviderException

    def close(self) -> None:
        if self._provider.client is not None:
            self._provider.client.close()

    def validate_scopes(self) -> dict[str, bool | str]:
        # It forgets its client when it has been made, and has one again after its first question.
        self._provider.client = self._provider.client or OpenAI(api_key="unused")
        scopes: dict[str, bool | str] = self._provider.validate_scopes()
        return scopes

    def query(self, prompt: str, **given: Any) -> dict[str, Any]:
        try:
            result: dict[str, Any] = self._provider.query(prompt=prompt, **given)
        except self._failure as error:
            raise Failure(str(error)) from error
        return result


def _provider_of_the_fork() -> Any:
    place = Path(os.environ["KEEP_FORK"]) / "keep/providers/openaiassistant_provider/openaiassistant_provider.py"
    spec = importlib.util.spec_from_file_location("openaiassistant_provider", place)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec.loader.exec_module(module)
    return module.OpenaiassistantProvider


KINDS = [Played, Itself] if os.environ.get("KEEP_FORK") else [Played]
