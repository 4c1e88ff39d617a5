"""What streams must say, frame by frame and key by key, told without our own code: only in the API's words.

Ids are told by number, in the order in which they come up: `run_1`, `call_2`. Keys stand in the order in which
the real service sent them. Its steps had neither `expired_at` nor `metadata`: the specification lists them, so ours do.
"""

from typing import Any, Literal

AT = 1_750_000_000
"""When everything begins."""
LIFETIME = 600

Frame = tuple[str, dict[str, Any]]
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tell the weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        "strict": False,
    },
}
RANKING: dict[str, Any] = {"ranker": "default_2024_08_21", "score_threshold": 0.0}
SEARCH: dict[str, Any] = {"type": "file_search", "file_search": {"ranking_options": {**RANKING, "hybrid_search": None}}}
SCORE = 0.5
"""Stands for any: how well a passage fits is the server's to say."""
NO_RESOURCES: dict[str, Any] = {}
TERMINAL = {"completed", "incomplete", "failed", "cancelled", "expired"}


def usage(prompt: int = 0, completion: int = 0, *, cached: int = 0, reasoning: int = 0) -> dict[str, Any]:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_token_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }


class Story:
    """One run's streams, told in order; `streams` has their frames. `body` is what the run was asked for by."""

    def __init__(self, **body: Any) -> None:
        self.streams: list[list[Frame]] = [[]]
        self._at = AT
        self._steps = self._messages = self._calls = 0
        self._run: dict[str, Any] = {
            "id": "run_1",
            "object": "thread.run",
            "created_at": AT,
            "assistant_id": "asst_1",
            "thread_id": "thread_1",
            "status": "queued",
            "started_at": None,
            "expires_at": AT + LIFETIME,
            "cancelled_at": None,
            "failed_at": None,
            "completed_at": None,
            "required_action": None,
            "last_error": None,
            "model": "tiny",
            "instructions": None,
            "tools": [WEATHER],
            "tool_resources": NO_RESOURCES,
            "metadata": {},
            "temperature": 1.0,
            "top_p": 1.0,
            "reasoning_effort": None,
            "max_completion_tokens": None,
            "max_prompt_tokens": None,
            "truncation_strategy": {"type": "auto", "last_messages": None},
            "incomplete_details": None,
            "usage": None,
            "response_format": "auto",
            "tool_choice": "auto",
            "parallel_tool_calls": True,
        } | body
        self._step: dict[str, Any] = {}
        self._message: dict[str, Any] = {}

    def passes(self, seconds: int) -> "Story":
        self._at += seconds
        return self

    # The run

    def thread_created(self) -> "Story":
        thread = {
            "id": "thread_1",
            "object": "thread",
            "created_at": AT,
            "metadata": {},
            "tool_resources": NO_RESOURCES,
        }
        return self._tell("thread.created", thread)

    def begins(self) -> "Story":
        self._tell("thread.run.created", self._run)
        return self.run("queued").starts()

    def starts(self) -> "Story":
        return self.run("in_progress", started_at=self._at)

    def run(self, status: str, **fields: Any) -> "Story":
        """The run comes to a status. At its end it no longer expires, and waits for nothing."""
        if status in TERMINAL:
            fields = {"expires_at": None, "required_action": None, **fields}
        self._run = {**self._run, "status": status, **fields}
        return self._tell(f"thread.run.{status}", self._run)

    def ends(self, status: str, **fields: Any) -> "Story":
        """`ends("completed", usage=…)`: with the time under the status's own name, where it has one."""
        at = {"incomplete": "completed_at", "expired": None}.get(status, f"{status}_at")
        return self.run(status, **({} if at is None else {at: self._at}), **fields)

    def hard_error(self, message: str) -> "Story":
        """Wrapped, because the official clients miss it otherwise."""
        error = {"message": message, "type": "server_error", "param": None, "code": None}
        return self._tell("error", {"error": error})

    # Steps

    def step_ends(self, status: str, used: dict[str, Any] | None, **fields: Any) -> "Story":
        self._step = {**self._step, "status": status, f"{status}_at": self._at, "usage": used, **fields}
        return self._tell(f"thread.run.step.{status}", self._step)

    def _step_begins(self, kind: Literal["message_creation", "tool_calls"], details: Any) -> None:
        self._steps += 1
        self._step = {
            "id": f"step_{self._steps}",
            "object": "thread.run.step",
            "created_at": self._at,
            "run_id": "run_1",
            "assistant_id": "asst_1",
            "thread_id": "thread_1",
            "type": kind,
            "status": "in_progress",
            "cancelled_at": None,
            "completed_at": None,
            "expires_at": AT + LIFETIME,
            "expired_at": None,
            "failed_at": None,
            "last_error": None,
            "step_details": {"type": kind, kind: details},
            "usage": None,
            "metadata": {},
        }
        self._tell("thread.run.step.created", self._step)
        self._tell("thread.run.step.in_progress", self._step)

    # Messages

    def says(self, *pieces: str) -> "Story":
        """A message begins, and its text comes in these pieces."""
        self._message_begins()
        for number, piece in enumerate(pieces):
            text: dict[str, Any] = {"value": piece} if number else {"value": piece, "annotations": []}
            self._message_delta({"index": 0, "type": "text", "text": text})
        text = {"value": "".join(pieces), "annotations": []}
        self._message = {**self._message, "content": [{"type": "text", "text": text}]}
        return self

    def cites(self, *pieces: str | tuple[str, str]) -> "Story":
        """As `says`, with citations among the pieces: what they show, and the id of the file."""
        self._message_begins()
        value, annotations = "", []
        for number, piece in enumerate(pieces):
            shown = piece if isinstance(piece, str) else piece[0]
            text: dict[str, Any] = {"value": shown} if number else {"value": shown, "annotations": []}
            if isinstance(piece, tuple):
                places = {"start_index": len(value), "end_index": len(value) + len(shown)}
                citation = {"type": "file_citation", "text": shown, **places}
                index = {"index": len(annotations)}
                text["annotations"] = [{**index, **citation, "file_citation": {"file_id": piece[1], "quote": ""}}]
                annotations.append({**citation, "file_citation": {"file_id": piece[1]}})
            self._message_delta({"index": 0, "type": "text", "text": text})
            value += shown
        text = {"value": value, "annotations": annotations}
        self._message = {**self._message, "content": [{"type": "text", "text": text}]}
        return self

    def refuses(self, *pieces: str) -> "Story":
        self._message_begins()
        for piece in pieces:
            self._message_delta({"index": 0, "type": "refusal", "refusal": piece})
        self._message = {**self._message, "content": [{"type": "refusal", "refusal": "".join(pieces)}]}
        return self

    def message_completes(self) -> "Story":
        self._message = {**self._message, "status": "completed", "completed_at": self._at}
        return self._tell("thread.message.completed", self._message)

    def message_stays_incomplete(self, reason: str) -> "Story":
        details = {"incomplete_details": {"reason": reason}, "incomplete_at": self._at}
        self._message = {**self._message, "status": "incomplete", **details}
        return self._tell("thread.message.incomplete", self._message)

    def _message_begins(self) -> None:
        self._messages += 1
        message_id = f"msg_{self._messages}"
        self._step_begins("message_creation", {"message_id": message_id})
        self._message = {
            "id": message_id,
            "object": "thread.message",
            "created_at": self._at,
            "assistant_id": "asst_1",
            "thread_id": "thread_1",
            "run_id": "run_1",
            "status": "in_progress",
            "incomplete_details": None,
            "incomplete_at": None,
            "completed_at": None,
            "role": "assistant",
            "content": [],
            "attachments": [],
            "metadata": {},
        }
        self._tell("thread.message.created", self._message)
        self._tell("thread.message.in_progress", self._message)

    def _message_delta(self, part: dict[str, Any]) -> None:
        delta = {"id": self._message["id"], "object": "thread.message.delta", "delta": {"content": [part]}}
        self._tell("thread.message.delta", delta)

    # Function calls

    def calls(self, *arguments: tuple[str, ...]) -> "Story":
        """A step of calls begins; the arguments of each come in these pieces. `output` is null until given."""
        self._step_begins("tool_calls", [])
        called = []
        for index, pieces in enumerate(arguments):
            self._calls += 1
            call_id = f"call_{self._calls}"
            opening = {"name": "get_weather", "arguments": "", "output": None}
            self._step_delta({"index": index, "id": call_id, "type": "function", "function": opening})
            for piece in pieces:
                self._step_delta({"index": index, "type": "function", "function": {"arguments": piece}})
            function = {"name": "get_weather", "arguments": "".join(pieces), "output": None}
            called.append({"id": call_id, "type": "function", "function": function})
        self._step = {**self._step, "step_details": {"type": "tool_calls", "tool_calls": called}}
        return self

    # Searches of files

    def searches(self, *found: tuple[str, str], used: dict[str, Any]) -> "Story":
        """A step of one search, from its beginning to its end: what is found is a file's id and its name."""
        self._step_begins("tool_calls", [])
        self._calls += 1
        call = {"id": f"call_{self._calls}", "type": "file_search"}
        self._step_delta({"index": 0, **call, "file_search": {"ranking_options": RANKING, "results": []}})
        results = [{"file_id": id, "file_name": name, "score": SCORE, "attributes": {}} for id, name in found]
        search = {**call, "file_search": {"ranking_options": RANKING, "results": results}}
        return self.step_ends("completed", used, step_details={"type": "tool_calls", "tool_calls": [search]})

    def asks(self) -> "Story":
        """The run waits for outputs. The step is not announced again before it has them, and no usage is told."""
        called = [
            {**call, "function": {key: call["function"][key] for key in ("name", "arguments")}}
            for call in self._step["step_details"]["tool_calls"]
        ]
        action = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": called}}
        self.run("requires_action", required_action=action)
        self.streams.append([])
        return self

    def given(self, *outputs: str, used: dict[str, Any]) -> "Story":
        """A stream of its own begins with the old step, which has its outputs; then the run is taken up again."""
        called = [
            {**call, "function": {**call["function"], "output": output}}
            for call, output in zip(self._step["step_details"]["tool_calls"], outputs, strict=True)
        ]
        self.step_ends("completed", used, step_details={"type": "tool_calls", "tool_calls": called})
        return self.run("queued", required_action=None).starts()

    def _step_delta(self, call: dict[str, Any]) -> None:
        details = {"step_details": {"type": "tool_calls", "tool_calls": [call]}}
        self._tell(
            "thread.run.step.delta", {"id": self._step["id"], "object": "thread.run.step.delta", "delta": details}
        )

    def _tell(self, name: str, data: dict[str, Any]) -> "Story":
        self.streams[-1].append((name, data))
        return self
