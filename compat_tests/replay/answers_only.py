"""Requests put together from their answers, for captures that kept nothing else, and for bodies that were left out.

What an answer does not tell is asked for as plainly as possible: it cannot matter to the comparison.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec.structs import replace

from compat_tests.exchange import UNRECORDED, Answer, Event, Exchange, Recording
from compat_tests.replay import uploads
from compat_tests.replay.paths import creates_run, submits, template_of
from compat_tests.replay.timeline import objects_in

ASSISTANT: Final = (
    "model", "name", "description", "instructions", "tools", "tool_resources", "metadata", "temperature", "top_p",
    "response_format", "reasoning_effort",
)  # fmt: skip
RUN: Final = ("metadata", "max_prompt_tokens", "max_completion_tokens", "truncation_strategy", "tool_choice")
SETTINGS: Final = ("model", "instructions", "tools", "temperature", "top_p", "response_format")
"""Of a run, that its assistant had."""
STORE: Final = ("name", "description", "metadata", "expires_after")
UNREADABLE: Final = "file-unreadable"
"""How the id of a file begins that is to fail when it is indexed."""
HELLO: Final = {"role": "user", "content": "Hello."}
DONE: Final = Event("done", "[DONE]")

Shown = dict[str, Any]


def reconstructed(recording: Recording) -> tuple[Recording, list[str]]:
    """The recording with every body that can be told; and what cannot, in words."""
    exchanges = list(recording.exchanges)
    if recording.answers_only:
        exchanges = _in_order([replace(each, answer=_put_right(each.answer)) for each in exchanges])
    unknown = []
    as_read = tuple(exchanges)
    for place, exchange in enumerate(as_read):
        request, answer = exchange.request, exchange.answer
        if request.body is UNRECORDED:
            body = uploads.reconstructed(place, as_read)
            if body is UNRECORDED:
                body = _body(exchange, as_read)
            if body is UNRECORDED:
                unknown.append(f"{place + 1}. {request.method} {template_of(request.path)}")
            request = replace(request, body=body)
        if uploads.shows_filler(place, as_read):
            answer = replace(answer, body=UNRECORDED)
        exchanges[place] = replace(exchange, request=request, answer=answer)
    return replace(recording, exchanges=tuple(exchanges)), unknown


def assistant(shown: Shown) -> Shown:
    """The body that makes such an assistant, or one that had a run with these settings."""
    keys = SETTINGS if shown.get("object") == "thread.run" else ASSISTANT
    return _kept(shown, keys) | {"tools": [_tool(each) for each in shown.get("tools") or []]}


def _tool(shown: Shown) -> Shown:
    ranking = (shown.get("file_search") or {}).get("ranking_options")
    if not ranking or "ranker" not in ranking:
        return shown
    # For a while in 2025 it was told in a form in which it could not be asked for.
    ranking = ranking | {"ranker": ranking["ranker"].replace("-", "_")}
    return shown | {"file_search": shown["file_search"] | {"ranking_options": ranking}}


def run(shown: Shown) -> Shown:
    """The body that makes such a run, by an assistant with its settings."""
    body = {"assistant_id": shown["assistant_id"], **_kept(shown, RUN)}
    if "parallel_tool_calls" in shown:
        body["parallel_tool_calls"] = shown["parallel_tool_calls"]
    return body


def message(shown: Shown) -> Shown:
    content = [
        {"type": "text", "text": part["text"]["value"]} if part["type"] == "text" else part for part in shown["content"]
    ]
    return {"role": shown["role"], "content": content, **_kept(shown, ("attachments", "metadata"))}


def store(shown: Shown) -> Shown:
    """Its files have made-up ids: they were never shown."""
    body = _kept(shown, STORE)
    counts = shown.get("file_counts") or {}
    failed, owner = counts.get("failed", 0), f"of{shown['id'][-12:]}"
    names = [f"{UNREADABLE}{number}{owner}" for number in range(failed)]
    names += [f"file-unrecorded{number}{owner}" for number in range(counts.get("total", 0) - failed)]
    return body | {"file_ids": names} if names else body


def _body(exchange: Exchange, exchanges: Sequence[Exchange]) -> Any:
    request, answer = exchange.request, exchange.answer
    shown = next(objects_in(answer), {})
    if answer.status != 200:
        return UNRECORDED
    if creates_run(request):
        return _of_run(exchange)
    if submits(request):
        return _outputs(answer, exchanges) | ({"stream": True} if answer.is_stream else {})
    make = BODIES.get(template_of(request.path))
    return UNRECORDED if make is None or request.method != "POST" else make(shown)


def _of_run(exchange: Exchange) -> Any:
    shown = [each for each in objects_in(exchange.answer) if each.get("object") == "thread.run"]
    if not shown:
        return UNRECORDED
    body = run(shown[0])
    if exchange.answer.is_stream:
        body["stream"] = True
    if template_of(exchange.request.path) == "/v1/threads/runs":
        threads = [each for each in objects_in(exchange.answer) if each.get("object") == "thread"]
        body["thread"] = {"messages": [HELLO], **_kept(threads[0] if threads else {}, ("metadata",))}
    return body


def _outputs(answer: Answer, exchanges: Sequence[Exchange]) -> Shown:
    """The outputs that the answer shows, in a finished step; where it shows none, something for each call."""
    calls = [
        call
        for each in objects_in(answer)
        if each.get("object") == "thread.run.step"
        for call in (each.get("step_details") or {}).get("tool_calls") or []
    ]
    outputs = [
        {"tool_call_id": call["id"], "output": call["function"].get("output") or ""}
        for call in calls
        if call.get("type") == "function"
    ]
    shown = next((each["id"] for each in objects_in(answer) if each.get("object") == "thread.run"), "")
    return {"tool_outputs": outputs or outputs_for(shown, exchanges)}


def outputs_for(run_id: str, exchanges: Sequence[Exchange]) -> list[Shown]:
    """Something for each call that a run was waiting for when it was last seen to wait."""
    found: list[Shown] = []
    for exchange in exchanges:
        for each in objects_in(exchange.answer):
            if each.get("id") == run_id and each.get("required_action"):
                found = each["required_action"]["submit_tool_outputs"]["tool_calls"]
    return [{"tool_call_id": call["id"], "output": "The output was not recorded."} for call in found]


BODIES: Final[dict[str, Callable[[Shown], Any]]] = {
    "/v1/assistants": assistant,
    "/v1/assistants/{assistant_id}": assistant,
    "/v1/threads": lambda shown: _kept(shown, ("metadata", "tool_resources")),
    "/v1/threads/{thread_id}": lambda shown: _kept(shown, ("metadata", "tool_resources")),
    "/v1/threads/{thread_id}/messages": message,
    "/v1/threads/{thread_id}/messages/{message_id}": lambda shown: _kept(shown, ("metadata",)),
    "/v1/threads/{thread_id}/runs/{run_id}": lambda shown: _kept(shown, ("metadata",)),
    "/v1/threads/{thread_id}/runs/{run_id}/cancel": lambda _: None,
    "/v1/vector_stores": store,
    "/v1/vector_stores/{vector_store_id}": lambda shown: _kept(shown, ("name", "metadata", "expires_after")),
    "/v1/vector_stores/{vector_store_id}/files": lambda shown: {
        "file_id": shown["id"],
        **_kept(shown, ("chunking_strategy", "attributes")),
    },
    "/v1/vector_stores/{vector_store_id}/file_batches/{batch_id}/cancel": lambda _: None,
    "/v1/uploads/{upload_id}/cancel": lambda _: None,
}
"""By what was asked for with POST: the body, from the object that was answered."""


def _kept(shown: Shown, keys: Sequence[str]) -> Shown:
    return {key: shown[key] for key in keys if shown.get(key) is not None}


def _put_right(answer: Answer) -> Answer:
    """Captures are copied by hand: a run is spelt in two ways, the last frame of a stream is left out."""
    if answer.events is None:
        return answer
    settings: Shown = {}
    for event in answer.events:
        if isinstance(event.data, dict) and event.data.get("object") == "thread.run":
            settings = {key: event.data[key] for key in ("model", "instructions") if key in event.data}
    events = [
        Event(event.event, event.data | settings)
        if isinstance(event.data, dict) and event.data.get("object") == "thread.run"
        else event
        for event in answer.events
    ]
    if events and events[-1].event != "done":
        events.append(DONE)
    return replace(answer, events=tuple(events))


def _in_order(exchanges: list[Exchange]) -> list[Exchange]:
    """A capture's order is inferred. What an object is after a change was not read before that."""
    for place in range(len(exchanges) - 1):
        one, other = exchanges[place : place + 2]
        methods = one.request.method, other.request.method
        is_change = one.request.path == other.request.path and methods == ("GET", "POST")
        if is_change and one.answer.body == other.answer.body:
            exchanges[place : place + 2] = [other, one]
    return exchanges
