"""One question to the assistant, from its message to its answer: one run, and its rounds of function calls."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import openai
from keep.exceptions.provider_exception import ProviderException

from . import results
from .api import Api, Deadline, Log, TimeUp, said
from .attachments import Uploads, attached, shown
from .following import Follower, Run, cancelled, run_in_the_way, waited_for
from .functions import Functions, given_outputs

NONCE = "keep_question"
"""In a run's metadata: by it, a run is found again whose creation was not heard of."""
UPLOADED = "keep_uploaded"
"""In a message's metadata: the files that were uploaded for it, which go when its thread goes."""
IDS_IN_A_VALUE = 16  # a value of metadata holds 512 characters
WAYS_WHEN_BUSY = ("wait", "fail", "cancel")


@dataclass(frozen=True, kw_only=True)
class Question:
    assistant_id: str
    prompt: str
    thread_id: str
    parameters: dict[str, Any]
    """Of the run, as the API wants them."""
    functions: Functions
    attachments: list[Any] = field(default_factory=list)
    images: list[Any] = field(default_factory=list)
    thread_metadata: dict[str, str] = field(default_factory=dict)
    run_metadata: dict[str, str] = field(default_factory=dict)
    when_busy: str = "wait"
    max_tool_rounds: int = 10
    parse_json: bool = True
    json_required: bool = False
    history: int = 20
    listening: bool = False


class Asking:
    """Raises `ProviderException`, and the client's exceptions."""

    def __init__(self, api: Api, question: Question, deadline: Deadline, log: Log) -> None:
        self._api = api
        self._question = question
        self._deadline = deadline
        self._log = log
        self._follower = Follower(api, deadline, log, listening=question.listening)
        self._called: list[dict[str, Any]] = []

    def ask(self) -> dict[str, Any]:
        uploads = Uploads(self._api, self._deadline)
        thread_id = self._question.thread_id
        made = False
        try:
            message = self._message(uploads)
            if not thread_id:
                thread_id = self._api.post("/threads", {"metadata": self._question.thread_metadata}, self._deadline)[
                    "id"
                ]
                made = True
            run = self._start(thread_id, message)
        except BaseException:
            self._forget(uploads.ids, thread_id if made else None)
            raise
        return self._finish(run, uploads.ids)

    def go_on(self, run_id: str, outputs: Any) -> dict[str, Any]:
        """Answer a run that was left waiting for the workflow."""
        path = f"/threads/{self._question.thread_id}/runs/{run_id}"
        run = self._api.get(path, self._deadline)
        if run["status"] != "requires_action":
            raise ProviderException(f"run {run_id} is {run['status']} and waits for no tool outputs")
        calls = _calls(run)
        given = given_outputs(calls, outputs, self._question.functions, self._deadline, self._log)
        return self._finish(run, [], given)

    def _message(self, uploads: Uploads) -> dict[str, Any]:
        asked = self._question
        attachments = attached(asked.attachments, uploads)
        images = shown(asked.images, uploads)
        message: dict[str, Any] = {"role": "user", "content": asked.prompt}
        if images:
            message["content"] = [*([{"type": "text", "text": asked.prompt}] if asked.prompt else []), *images]
        if attachments:
            message["attachments"] = attachments
        if uploads.ids:
            groups = range(0, len(uploads.ids), IDS_IN_A_VALUE)
            message["metadata"] = {f"{UPLOADED}_{at}": " ".join(uploads.ids[at : at + IDS_IN_A_VALUE]) for at in groups}
        return message

    def _start(self, thread_id: str, message: dict[str, Any]) -> Run:
        """Create the run together with its message: no other run answers it, and a refusal leaves nothing behind."""
        nonce = secrets.token_hex(16)
        path = f"/threads/{thread_id}/runs"
        body = {
            "assistant_id": self._question.assistant_id,
            **self._question.parameters,
            "additional_messages": [message],
            "metadata": {**self._question.run_metadata, NONCE: nonce},
        }

        def found() -> Run | None:
            newest = self._api.get(path, self._deadline, order="desc", limit=20)["data"]
            return next((run for run in newest if (run.get("metadata") or {}).get(NONCE) == nonce), None)

        while True:
            try:
                return self._follower.begin(path, body, found)
            except openai.BadRequestError as error:
                other = run_in_the_way(said(error))
                if other is None or self._question.when_busy == "fail":
                    raise
                if (mine := found()) is not None:  # it was accepted after all
                    return mine
                self._make_way(thread_id, other)
            except openai.OpenAIError as error:
                if _is_refusal(error) or (mine := self._looked_for(found)) is None:
                    raise
                return mine

    def _looked_for(self, found: Callable[[], Run | None]) -> Run | None:
        """The run that may have been begun by a request whose answer did not come, not even in the end."""
        try:
            return found()
        except openai.OpenAIError as error:
            self._log.warning("a run may have been begun that nobody waits for: %s", said(error))
            return None

    def _make_way(self, thread_id: str, other: str) -> None:
        try:
            if self._question.when_busy == "cancel":
                cancelled(self._api, {"thread_id": thread_id, "id": other, "status": "in_progress"}, self._log)
                self._deadline.pause(0)
            else:
                self._log.info("thread %s is busy with run %s: waiting", thread_id, other)
                waited_for(self._api, thread_id, other, self._deadline)
        except TimeUp:
            problem = f"thread {thread_id} was busy with run {other} for {self._deadline.seconds:g} seconds"
            raise ProviderException(problem) from None

    def _finish(self, run: Run, uploaded: list[str], outputs: list[dict[str, str]] | None = None) -> dict[str, Any]:
        try:
            run = self._rounds(run, outputs)
        except BaseException as error:
            ended = cancelled(self._api, run, self._log)
            late = self._deadline.left == 0 and isinstance(error, openai.APIConnectionError)
            if not (late or isinstance(error, TimeUp)):
                raise
            if ended["status"] not in {"completed", "incomplete"}:
                raise ProviderException(
                    f"the assistant did not answer within {self._deadline.seconds:g} seconds; "
                    f"run {run['id']} on thread {run['thread_id']} is {ended['status']}"
                ) from None
            run = ended  # it was done before it could be cancelled
        return self._result(run, uploaded)

    def _rounds(self, run: Run, outputs: list[dict[str, str]] | None) -> Run:
        rounds = 0
        while True:
            run = self._follower.rest(run)
            if run["status"] != "requires_action":
                return run
            calls = _calls(run)
            if outputs is None:
                if self._question.functions.leaves(calls):
                    return run
                outputs = self._question.functions.outputs(calls, self._deadline, self._log)
            rounds += 1
            if rounds > self._question.max_tool_rounds:
                raise ProviderException(
                    f"the assistant wanted more than {self._question.max_tool_rounds} rounds of functions"
                )
            self._called += [
                {
                    "name": call["function"]["name"],
                    "arguments": call["function"]["arguments"],
                    "output": given["output"],
                    "round": rounds,
                }
                for call, given in zip(calls, outputs, strict=True)
            ]
            run = self._submit(run, outputs)
            outputs = None

    def _submit(self, run: Run, outputs: list[dict[str, str]]) -> Run:
        path = f"/threads/{run['thread_id']}/runs/{run['id']}"

        def found() -> Run | None:
            seen = self._api.get(path, self._deadline)
            return None if [call["id"] for call in _calls(seen)] == [call["id"] for call in _calls(run)] else seen

        return self._follower.begin(f"{path}/submit_tool_outputs", {"tool_outputs": outputs}, found)

    def _result(self, run: Run, uploaded: list[str]) -> dict[str, Any]:
        status = run["status"]
        where = f"run {run['id']} on thread {run['thread_id']}"
        if status == "failed":
            raise ProviderException(f"the assistant failed: {results.last_error(run)} ({where})")
        if status in {"cancelled", "expired", "cancelling"}:
            raise ProviderException(f"the assistant did not answer: its run was {status} ({where})")

        # Its own time: what was answered in time is fetched, also at the last moment.
        deadline = Deadline(max(30.0, self._deadline.left))
        messages = self._newest(run["thread_id"], deadline)
        answer = results.newest_answer(messages, run["id"]) or self._answer(run, deadline)
        if answer is None and status == "completed":
            raise ProviderException(f"the assistant completed without an answer ({where})")
        text = results.text_of(answer) if answer else ""
        response, problem = results.parsed(text) if self._question.parse_json else (text, None)
        if problem and self._question.json_required and status != "requires_action":
            cut = (
                f"; it was cut off by {(run.get('incomplete_details') or {}).get('reason')}"
                if status == "incomplete"
                else ""
            )
            raise ProviderException(f"{problem}{cut}. A response_format of type json_schema makes it JSON ({where})")
        notes, cited = results.citations(answer, self._names(answer, deadline)) if answer else ([], text)
        return {
            "response": response,
            "thread_id": run["thread_id"],
            "run_id": run["id"],
            "messages": results.history(messages[: self._question.history]),
            "raw_response": text,
            "status": status,
            "incomplete_reason": (run.get("incomplete_details") or {}).get("reason"),
            "json_error": problem,
            "tool_calls": results.tool_calls(run),
            "called": self._called,
            "citations": notes,
            "cited_response": cited,
            "sources": list(dict.fromkeys(note["filename"] or note["file_id"] for note in notes)),
            "uploaded": uploaded,
            "usage": run.get("usage"),
            "model": run.get("model"),
            "assistant_id": run.get("assistant_id"),
            "message_id": answer and answer["id"],
        }

    def _newest(self, thread_id: str, deadline: Deadline) -> list[dict[str, Any]]:
        """The newest messages first: as many as the result shows, and enough to have the answer among them."""
        pages = self._api.pages(
            f"/threads/{thread_id}/messages", deadline, order="desc", limit=_between(self._question.history)
        )
        newest = []
        for message in pages:
            newest.append(message)
            if len(newest) >= max(self._question.history, 20):
                break
        return newest

    def _answer(self, run: Run, deadline: Deadline) -> dict[str, Any] | None:
        """The answer of a thread on which others have gone on so fast that it is not among the newest messages."""
        path = f"/threads/{run['thread_id']}/messages"
        said = self._api.get(path, deadline, run_id=run["id"], order="desc", limit=20)["data"]
        return results.newest_answer(said, run["id"])

    def _names(self, answer: dict[str, Any], deadline: Deadline) -> dict[str, str | None]:
        names: dict[str, str | None] = {}
        for id in results.cited_files(answer):
            try:
                names[id] = self._api.get(f"/files/{id}", deadline).get("filename")
            except openai.NotFoundError:  # it was cited, and has been deleted since
                names[id] = None
        return names

    def _forget(self, uploaded: list[str], thread_id: str | None) -> None:
        """Take away what was made for a run that never began."""
        for path in [f"/files/{id}" for id in uploaded] + ([f"/threads/{thread_id}"] if thread_id else []):
            try:
                self._api.delete(path, Deadline(5))
            except Exception as error:
                self._log.warning("%s is left over: %s", path, said(error))


def _calls(run: Run) -> list[dict[str, Any]]:
    action = run.get("required_action") or {}
    calls: list[dict[str, Any]] = (action.get("submit_tool_outputs") or {}).get("tool_calls") or []
    return calls


def _is_refusal(error: Exception) -> bool:
    return isinstance(error, openai.APIStatusError) and error.status_code < 500


def _between(number: int) -> int:
    return max(20, min(100, number))
