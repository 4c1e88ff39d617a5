"""The lies that the suite must notice: each is something that servers like ours have got wrong."""

from collections.abc import Callable
from typing import Any

from tests.compat.lying import Frame, Lie, Told

Object = dict[str, Any]


def changes(
    kind: str, change: Callable[[Object], Any], when: Callable[[Object], Any] = bool
) -> Callable[[Object], bool]:
    """Change objects of that kind, where they are so."""

    def change_it(value: Object) -> bool:
        if value.get("object") != kind or not when(value):
            return False
        change(value)
        return True

    return change_it


def sets(kind: str, key: str, value: Any, when: Callable[[Object], Any] = bool) -> Callable[[Object], bool]:
    return changes(kind, lambda it: it.update({key: value}), lambda it: key in it and it[key] != value and when(it))


def drops(kind: str, key: str, when: Callable[[Object], Any] = bool) -> Callable[[Object], bool]:
    return changes(kind, lambda it: it.pop(key), lambda it: key in it and when(it))


def of_error(change: Callable[[Object], Any], when: Callable[[Object], Any] = bool) -> Callable[[Told], bool]:
    def change_it(told: Told) -> bool:
        error = told.body.get("error") if isinstance(told.body, dict) else None
        if not isinstance(error, dict) or not when(error):
            return False
        change(error)
        return True

    return change_it


def of_list(change: Callable[[Object], Any], when: Callable[[Object], Any] = bool) -> Callable[[Told], bool]:
    def change_it(told: Told) -> bool:
        body = told.body
        if not isinstance(body, dict) or body.get("object") != "list" or "has_more" not in body or not when(body):
            return False
        change(body)
        return True

    return change_it


def status(number: int, becomes: int) -> Callable[[Told], bool]:
    def change_it(told: Told) -> bool:
        if told.status != number:
            return False
        told.status = becomes
        return True

    return change_it


def header(name: str, value: str | None, when: Callable[[Told], bool]) -> Callable[[Told], bool]:
    def change_it(told: Told) -> bool:
        found = next((each for each in told.headers if each.lower() == name), None)
        if found is None or not when(told):
            return False
        del told.headers[found]
        if value is not None:
            told.headers[name] = value
        return True

    return change_it


def in_delta(change: Callable[[Object], bool]) -> Callable[[str, Object], bool]:
    """Change the parts of message deltas and the calls of step deltas."""

    def change_it(event: str, data: Object) -> bool:
        if not event.endswith(".delta"):
            return False
        delta = data["delta"]
        parts = delta.get("content") or delta.get("step_details", {}).get("tool_calls", [])
        return sum(change(part) for part in parts) > 0

    return change_it


def popped(value: Object, key: str) -> bool:
    return value.pop(key, popped) is not popped


def swapped(first: str, second: str) -> Callable[[Frame, list[Frame]], list[Frame]]:
    def swap(frame: Frame, held: list[Frame]) -> list[Frame]:
        if frame[0] == first and not held:
            held.append(frame)
            return []
        if held:
            return [frame, held.pop()] if frame[0] == second else [held.pop(), frame]
        return [frame]

    return swap


def without(event: str) -> Callable[[Frame, list[Frame]], list[Frame]]:
    return lambda frame, _: [] if frame[0] == event else [frame]


def twice(event: str) -> Callable[[Frame, list[Frame]], list[Frame]]:
    return lambda frame, _: [frame, frame] if frame[0] == event else [frame]


def called(event: str, name: str) -> Callable[[Frame, list[Frame]], list[Frame]]:
    return lambda frame, _: [(name, frame[1])] if frame[0] == event else [frame]


def functions(value: Object) -> list[Object]:
    """The calls in a run that wants outputs, or in a step."""
    if value["object"] == "thread.run":
        return [
            call["function"] for call in (value["required_action"] or NO_ACTION)["submit_tool_outputs"]["tool_calls"]
        ]
    return [call["function"] for call in value["step_details"].get("tool_calls", []) if "function" in call]


NO_ACTION: Object = {"submit_tool_outputs": {"tool_calls": []}}
ENDED = ("completed", "incomplete", "failed", "cancelled", "expired")


def first_text(message: Object) -> Object | None:
    return next((part["text"] for part in message["content"] if part["type"] == "text"), None)


LIES = [
    Lie(name="a dropped field", look="streams", of_object=drops("thread.run", "usage")),
    Lie(
        name="a null turned absent",
        look="streams",
        of_object=drops("thread.run", "last_error", lambda it: it["last_error"] is None),
    ),
    Lie(
        name="a null turned into an empty text",
        look="assistants",
        of_object=sets("assistant", "description", "", lambda it: it["description"] is None),
    ),
    Lie(
        name="a key that nobody knows",
        look="assistants",
        of_object=changes("assistant", lambda it: it.update(version=2)),
    ),
    Lie(name="another name of an object", look="streams", of_object=sets("thread.run.step", "object", "run.step")),
    Lie(
        name="a time as text",
        look="threads",
        of_object=changes("thread", lambda it: it.update(created_at=str(it["created_at"]))),
    ),
    Lie(
        name="a time in milliseconds",
        look="streams",
        of_object=changes("thread.message", lambda it: it.update(created_at=it["created_at"] * 1000)),
    ),
    Lie(
        name="started before it was created",
        look="runs",
        of_object=changes(
            "thread.run", lambda it: it.update(started_at=it["created_at"] - 90), lambda it: it["started_at"]
        ),
    ),
    Lie(
        name="an end that is still to come",
        look="streams",
        of_object=changes(
            "thread.run", lambda it: it.update(expires_at=it["created_at"] + 600), lambda it: it["status"] in ENDED
        ),
    ),
    Lie(name="a default left null", look="assistants", of_object=sets("assistant", "temperature", None)),
    Lie(name="metadata forgotten", look="messages", of_object=sets("thread.message", "metadata", {})),
    Lie(
        name="another kind of id",
        look="streams",
        of_object=changes("thread.run.step", lambda it: it.update(id=it["id"].replace("step_", "run_step_"))),
    ),
    Lie(
        name="a message of another thread",
        look="streams",
        of_object=changes("thread.message", lambda it: it.update(thread_id="thread_" + "x" * 24)),
    ),
    Lie(
        name="content as a text",
        look="streams",
        of_object=changes("thread.message", lambda it: it.update(content=first_text(it)["value"]), first_text),
    ),
    Lie(
        name="a text without annotations",
        look="streams",
        of_object=changes("thread.message", lambda it: first_text(it).pop("annotations"), first_text),
    ),
    Lie(
        name="the end of a text lost",
        look="streams",
        of_object=changes(
            "thread.message",
            lambda it: first_text(it).update(value=first_text(it)["value"][:-1]),
            lambda it: it["role"] == "assistant" and first_text(it),
        ),
    ),
    Lie(
        name="incomplete called completed",
        look="streams",
        of_object=sets("thread.run", "status", "completed", lambda it: it["status"] == "incomplete"),
    ),
    Lie(
        name="a failure without its code",
        look="streams",
        of_object=changes(
            "thread.run", lambda it: it["last_error"].update(code="unknown"), lambda it: it["last_error"]
        ),
    ),
    Lie(
        name="usage that does not add up",
        look="streams",
        of_object=changes(
            "thread.run",
            lambda it: it["usage"].update(total_tokens=it["usage"]["total_tokens"] + 1),
            lambda it: it["usage"],
        ),
    ),
    Lie(
        name="arguments as an object",
        look="streams",
        of_object=changes("thread.run", lambda it: [each.update(arguments={}) for each in functions(it)], functions),
    ),
    Lie(name="an action that is not told", look="streams", of_object=sets("thread.run", "required_action", None)),
    Lie(
        name="outputs that are not kept",
        look="streams",
        of_object=changes(
            "thread.run.step",
            lambda it: [each.update(output=None) for each in functions(it)],
            lambda it: any(each.get("output") for each in functions(it)),
        ),
    ),
    Lie(
        name="a function without strict",
        look="assistants",
        of_object=changes(
            "assistant",
            lambda it: [tool["function"].pop("strict", None) for tool in it["tools"] if "function" in tool],
            lambda it: any("function" in tool for tool in it["tools"]),
        ),
    ),
    Lie(
        name="deleted, or not", look="threads", of_object=changes("thread.deleted", lambda it: it.update(deleted=False))
    ),
    Lie(name="a wrong status", look="errors", of_answer=status(404, 400)),
    Lie(name="created", look="errors", of_answer=status(200, 201)),
    Lie(
        name="a misspelt error",
        look="errors",
        of_answer=of_error(
            lambda it: it.update(message=it["message"].replace("found", "exists")),
            lambda it: "found with id" in it["message"],
        ),
    ),
    Lie(
        name="an error without param",
        look="errors",
        of_answer=of_error(lambda it: it.update(param=None), lambda it: it["param"]),
    ),
    Lie(name="an error without code", look="errors", of_answer=of_error(lambda it: it.pop("code"))),
    Lie(name="another type of error", look="errors", of_answer=of_error(lambda it: it.update(type="bad_request"))),
    Lie(
        name="an error that is a text",
        look="errors",
        of_answer=lambda told: bool("error" in told.body and not told.body.update(error=told.body["error"]["message"])),
    ),
    Lie(name="has_more wrong", look="lists", of_answer=of_list(lambda it: it.update(has_more=not it["has_more"]))),
    Lie(
        name="a page in reverse",
        look="lists",
        of_answer=of_list(lambda it: it["data"].reverse(), lambda it: len(it["data"]) > 1),
    ),
    Lie(
        name="first and last exchanged",
        look="lists",
        of_answer=of_list(
            lambda it: it.update(first_id=it["last_id"], last_id=it["first_id"]),
            lambda it: it["first_id"] != it["last_id"],
        ),
    ),
    Lie(
        name="one of a page left out",
        look="lists",
        of_answer=of_list(lambda it: it["data"].pop(), lambda it: len(it["data"]) > 1),
    ),
    Lie(
        name="a stream called JSON",
        look="streams",
        of_answer=header("content-type", "application/json", lambda told: told.body is None),
    ),
    Lie(
        name="an answer without its request's id",
        look="errors",
        of_answer=header("x-request-id", None, lambda told: True),
    ),
    Lie(
        name="two events swapped",
        look="streams",
        of_frames=swapped("thread.run.step.created", "thread.run.step.in_progress"),
    ),
    Lie(name="an event left out", look="streams", of_frames=without("thread.message.in_progress")),
    Lie(name="an event sent twice", look="streams", of_frames=twice("thread.run.queued")),
    Lie(name="an event misspelt", look="streams", of_frames=called("thread.message.delta", "thread.message_delta")),
    Lie(name="no done at the end", look="streams", of_frames=without("done")),
    Lie(
        name="a delta without annotations",
        look="streams",
        of_event=in_delta(lambda part: popped(part.get("text", {}), "annotations")),
    ),
    Lie(name="a delta without its index", look="streams", of_event=in_delta(lambda part: popped(part, "index"))),
    Lie(
        name="a delta that repeats the name",
        look="streams",
        of_event=in_delta(lambda part: "function" in part and not part["function"].update(name="again")),
    ),
    Lie(
        name="a message complete too early",
        look="streams",
        of_event=lambda event, data: event == "thread.message.created" and not data.update(status="completed"),
    ),
]
"""More than the twenty-five that a suite may be asked for."""
