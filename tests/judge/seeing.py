"""What the official client made of an answer: objects with their classes, calls of a handler, exceptions."""

import hashlib
from collections.abc import Callable
from typing import Any

import openai
from openai import AssistantEventHandler

HANDLERS = [name for name in vars(AssistantEventHandler) if name.startswith("on_")]


def seen(value: Any) -> Any:
    """As JSON, with the class of each object under `""`. What is null is left out: to users it is as if absent."""
    if isinstance(value, openai.BaseModel):
        fields = {**value.__dict__, **(value.model_extra or {})}
        return {"": type(value).__name__} | {
            key: seen(each) for key, each in fields.items() if each is not None and not key.startswith("_")
        }
    if isinstance(value, dict):
        return {str(key): seen(each) for key, each in value.items() if each is not None}
    if isinstance(value, list | tuple):
        return [seen(each) for each in value]
    if isinstance(value, str | int | float | bool | None):
        return value
    if hasattr(value, "read"):
        content = value.read()
        return {"": type(value).__name__, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    return {"": type(value).__name__}


def page_seen(page: Any) -> Any:
    """A list, and whether the client would ask for more of it."""
    return seen(page) | {"data (has a next page)": page.has_next_page()}


def failure_seen(failure: BaseException) -> dict[str, Any]:
    told = {
        key: getattr(failure, key, None) for key in ("status_code", "message", "code", "param", "type")
    }  # fmt: skip
    return {"": type(failure).__name__, **{key: value for key, value in told.items() if value is not None}}


class Noting:
    """An event handler of the client's that notes its calls, each with what it was given."""

    def __init__(self) -> None:
        self.calls: list[list[Any]] = []

    def handler(self) -> AssistantEventHandler:
        def note(name: str) -> Callable[..., None]:
            def write(handler: Any, *arguments: Any) -> None:
                self.calls.append([name, *map(seen, arguments)])

            return write

        kind: Any = type("Handler", (AssistantEventHandler,), {name: note(name) for name in HANDLERS})
        handler: AssistantEventHandler = kind()
        return handler


def stream_seen(manager: Any, noting: Noting) -> Any:
    """The stream to its end, and what the handler has of it then."""
    with manager as handler:
        handler.until_done()
        return {
            "": "stream",
            "run": seen(handler.get_final_run()),
            "steps": seen(handler.get_final_run_steps()),
            "messages": seen(handler.get_final_messages()) if has_messages(handler) else [],
        }


def has_messages(handler: Any) -> bool:
    try:
        handler.get_final_messages()
    except RuntimeError:
        return False
    return True
