"""Ask assistants of a server that you run: the provider that Keep loads, with what a step and an action may say."""

import os
import re
import time
from collections.abc import Callable
from typing import Any, TypeVar

import openai
from keep.contextmanager.contextmanager import ContextManager
from keep.exceptions.provider_exception import ProviderException
from keep.providers.base.base_provider import BaseProvider
from keep.providers.models.provider_config import ProviderConfig
from openai import OpenAI

from . import parameters
from .api import Api, Deadline, TimeUp, as_provider_exception, said, trust
from .asking import WAYS_WHEN_BUSY, Asking, Question
from .configuration import METHODS, SCOPES, UnderstudyProviderAuthConfig
from .functions import functions_of
from .runbooks import Runbooks
from .threads import TENANT, delete_idle, delete_thread, metadata_of, threads_of

UPKEEP_SECONDS = 600

T = TypeVar("T")


class UnderstudyProvider(BaseProvider):
    """Ask assistants of a server that you run, with their threads, functions, files and runbooks."""

    PROVIDER_DISPLAY_NAME = "Understudy"
    PROVIDER_CATEGORY = ["AI"]
    PROVIDER_TAGS = ["data"]
    PROVIDER_SCOPES = SCOPES
    PROVIDER_METHODS = METHODS

    def __init__(self, context_manager: ContextManager, provider_id: str, config: ProviderConfig) -> None:
        self._opened: Api | None = None
        super().__init__(context_manager, provider_id, config)

    def validate_config(self) -> None:
        """Only what can be told without asking the server: Keep makes a provider for each step of each workflow."""
        given = {
            name: value for name, value in (self.config.authentication or {}).items() if parameters.is_given(value)
        }
        self.authentication_config = UnderstudyProviderAuthConfig(**given)
        _check_assistant(self.authentication_config.assistant_id)
        if not self._base_url:
            raise ProviderException("base_url is missing, and Keep's environment has no OPENAI_BASE_URL either")

    def validate_scopes(self) -> dict[str, bool | str]:
        deadline = Deadline(10)
        asked = {
            "assistant_access": f"/assistants/{self.authentication_config.assistant_id}",
            "vector_stores": "/vector_stores",
            "threads": "/threads",
        }
        scopes: dict[str, bool | str] = {}
        for scope, path in asked.items():
            try:
                self._api.get(path, deadline, **({} if scope == "assistant_access" else {"limit": 1}))
                scopes[scope] = True
            except openai.APIConnectionError as error:
                return dict.fromkeys(asked, said(error))
            except (openai.OpenAIError, ProviderException) as error:
                scopes[scope] = said(error)
        return scopes

    def get_provider_metadata(self) -> dict[str, Any]:
        assistant = self._api.get(f"/assistants/{self.authentication_config.assistant_id}", Deadline(10))
        return {
            "assistant_name": assistant.get("name") or "Unnamed",
            "assistant_model": assistant.get("model"),
            "assistant_tools": [tool["type"] for tool in assistant.get("tools") or []],
            "base_url": self._base_url,
        }

    def dispose(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _query(
        self,
        *,
        prompt: str = "",
        thread_id: str = "",
        max_wait_time: int = 120,
        additional_instructions: str = "",
        parse_json: bool | str = True,
        attachments: Any = None,
        images: Any = None,
        functions: Any = None,
        max_tool_rounds: int = 10,
        run_id: str = "",
        tool_outputs: Any = None,
        when_busy: str = "wait",
        stream: bool = False,
        history: int = 20,
        assistant_id: str = "",
        metadata: Any = None,
        thread_metadata: Any = None,
        model: str = "",
        instructions: str = "",
        temperature: Any = None,
        top_p: Any = None,
        max_prompt_tokens: Any = None,
        max_completion_tokens: Any = None,
        response_format: Any = None,
        truncation_strategy: Any = None,
        tools: Any = None,
        tool_choice: Any = None,
        parallel_tool_calls: Any = None,
        reasoning_effort: str = "",
    ) -> dict[str, Any]:
        """Ask the assistant, and wait for its answer, `max_wait_time` seconds at the most.

        With `run_id` and `tool_outputs`, answer the functions that an earlier step was left with. The README says what
        each parameter may be, and what is in the result.
        """
        if when_busy not in WAYS_WHEN_BUSY:
            raise ProviderException(f"when_busy should be one of {', '.join(WAYS_WHEN_BUSY)}, not {when_busy!r}")
        owner = metadata_of(self.context_manager, self.provider_id)
        if thread_id and not re.fullmatch(r"\w+", thread_id):
            raise ProviderException(f"thread_id should be the id of a thread, not {thread_id!r}")
        json_required = str(parse_json).strip().lower() == "required"
        question = Question(
            assistant_id=_check_assistant(assistant_id or self.authentication_config.assistant_id),
            prompt=parameters.text("prompt", prompt),
            thread_id=thread_id,
            parameters=parameters.of_run(
                {
                    "model": model,
                    "instructions": instructions,
                    "additional_instructions": additional_instructions,
                    "temperature": temperature,
                    "top_p": top_p,
                    "max_prompt_tokens": max_prompt_tokens,
                    "max_completion_tokens": max_completion_tokens,
                    "response_format": response_format,
                    "truncation_strategy": truncation_strategy,
                    "tools": tools,
                    "tool_choice": tool_choice,
                    "parallel_tool_calls": parallel_tool_calls,
                    "reasoning_effort": reasoning_effort,
                }
            ),
            functions=functions_of(parameters.mapping("functions", functions or {})),
            attachments=parameters.items("attachments", attachments) if attachments else [],
            images=parameters.items("images", images) if images else [],
            thread_metadata=owner | parameters.metadata("thread_metadata", thread_metadata or {}),
            run_metadata=owner | parameters.metadata("metadata", metadata or {}),
            when_busy=when_busy,
            max_tool_rounds=parameters.whole("max_tool_rounds", max_tool_rounds),
            parse_json=json_required or parameters.flag("parse_json", parse_json),
            json_required=json_required,
            history=parameters.whole("history", history),
            listening=parameters.flag("stream", stream),
        )
        deadline = Deadline(parameters.decimal("max_wait_time", max_wait_time or 120))
        asking = Asking(self._api, question, deadline, self.logger)
        if parameters.is_given(run_id) or tool_outputs:
            if prompt or not (run_id and thread_id and tool_outputs):
                raise ProviderException("tool outputs need run_id, thread_id and tool_outputs, and no prompt")
            outputs = parameters.structure("tool_outputs", tool_outputs)
            return self._done("asking the assistant", lambda: asking.go_on(run_id, outputs))
        if not (prompt or images):
            raise ProviderException("prompt is missing")
        return self._done("asking the assistant", asking.ask)

    def _notify(
        self,
        *,
        operation: str = "",
        vector_store: str = "",
        name: str = "",
        content: str = "",
        path: str = "",
        pattern: str = "*.md",
        remove_missing: bool = False,
        thread_id: str = "",
        idle_days: Any = 30,
    ) -> Any:
        """Upkeep: what an action of a workflow may do. The README says which operation wants what."""
        deletes = parameters.flag("remove_missing", remove_missing)
        operations: dict[str, Callable[[], Any]] = {
            "put_runbook": lambda: self.put_runbook(vector_store, name, content),
            "remove_runbook": lambda: self.remove_runbook(vector_store, name),
            "sync_runbooks": lambda: self._runbooks(vector_store).sync(path, pattern, remove_missing=deletes),
            "list_runbooks": lambda: {"runbooks": self.list_runbooks(vector_store)},
            "use_runbooks": lambda: self._runbooks(vector_store).use(self.authentication_config.assistant_id),
            "delete_thread": lambda: delete_thread(
                self._api, _required("thread_id", thread_id), Deadline(UPKEEP_SECONDS)
            ),
            "delete_idle_threads": lambda: self.delete_idle_threads(idle_days),
        }
        if operation not in operations:
            raise ProviderException(f"operation should be one of {', '.join(operations)}, not {operation!r}")
        return self._done(operation, operations[operation])

    def list_runbooks(self, vector_store: str) -> list[dict[str, Any]]:
        return self._done("list_runbooks", self._runbooks(vector_store).listed)

    def put_runbook(self, vector_store: str, name: str, content: str) -> dict[str, Any]:
        wanted = _required("name", name), parameters.text("content", _required("content", content))
        return self._done("put_runbook", lambda: self._runbooks(vector_store).put(*wanted))

    def remove_runbook(self, vector_store: str, name: str) -> dict[str, Any]:
        return self._done("remove_runbook", lambda: self._runbooks(vector_store).remove(_required("name", name)))

    def list_threads(self) -> list[dict[str, Any]]:
        return self._done("list_threads", lambda: threads_of(self._api, self._tenant, Deadline(UPKEEP_SECONDS)))

    def delete_idle_threads(self, idle_days: int = 30) -> dict[str, Any]:
        days = parameters.decimal("idle_days", idle_days)
        return self._done(
            "delete_idle_threads",
            lambda: delete_idle(self._api, self._tenant, days, time.time(), Deadline(UPKEEP_SECONDS)),
        )

    @property
    def _base_url(self) -> str:
        return str(self.authentication_config.base_url or os.environ.get("OPENAI_BASE_URL") or "").rstrip("/")

    @property
    def _tenant(self) -> dict[str, str]:
        """What threads and stores of this tenant have in their metadata."""
        return {name: it for name, it in metadata_of(self.context_manager, "").items() if name == TENANT}

    @property
    def _api(self) -> Api:
        if self._opened is None:
            client = OpenAI(
                base_url=self._base_url,
                api_key=self.authentication_config.api_key or "unused",
                organization=self.authentication_config.organization_id,
                http_client=openai.DefaultHttpxClient(verify=trust()),
                max_retries=0,  # the client would send again what may have been accepted
                default_headers={"OpenAI-Beta": "assistants=v2"},
            )
            self._opened = Api(client, self.logger)
        return self._opened

    def _runbooks(self, vector_store: str) -> Runbooks:
        store = _required("vector_store", vector_store)
        return Runbooks(self._api, store, self._tenant, Deadline(UPKEEP_SECONDS), self.logger)

    def _done(self, doing: str, do: Callable[[], T]) -> T:
        try:
            return do()
        except TimeUp:
            raise ProviderException(f"{doing}: it took too long") from None
        except (openai.OpenAIError, OSError) as error:
            raise as_provider_exception(error, doing) from error


def _check_assistant(id: str) -> str:
    if not re.fullmatch(r"asst_[A-Za-z0-9]+", id):
        raise ProviderException(f"assistant_id should be like asst_abc123, not {id!r}")
    return id


def _required(name: str, given: str) -> str:
    if not parameters.is_given(given):
        raise ProviderException(f"{name} is missing")
    return given
