"""What a step gets: `steps.<name>.results`, made of the run and the messages of its thread."""

import json
import re
from collections.abc import Iterable
from typing import Any

FENCED = re.compile(r"\s*```[\w-]*\s*\n(.*?)\n?\s*```\s*", re.DOTALL)


def text_of(message: dict[str, Any]) -> str:
    return "".join(part["text"]["value"] for part in message["content"] if part["type"] == "text")


def newest_answer(messages: Iterable[dict[str, Any]], run_id: str) -> dict[str, Any] | None:
    """Of messages, newest first: the last that this run said."""
    said = (message for message in messages if message["role"] == "assistant" and message.get("run_id") == run_id)
    return next(said, None)


def history(messages: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages, newest first, in the order in which they were said."""
    return [
        {
            "id": message["id"],
            "role": message["role"],
            "content": text_of(message),
            "created_at": message["created_at"],
            "images": [part[part["type"]] for part in message["content"] if part["type"].startswith("image_")],
            "attachments": message.get("attachments") or [],
        }
        for message in messages
    ][::-1]


def parsed(said: str) -> tuple[Any, str | None]:
    """What is said as JSON, fenced as code or not, and None; or as it is, and what is wrong with it."""
    fenced = FENCED.fullmatch(said)
    body = fenced[1] if fenced else said
    try:
        return json.loads(body), None
    except json.JSONDecodeError as error:
        around = body[max(0, error.pos - 30) : error.pos + 30]
        problem = (
            f"{error.msg} at line {error.lineno}, column {error.colno}, near {around!r}"
            if body.strip()
            else "it is empty"
        )
        return said, f"the answer is not JSON: {problem}"


def citations(message: dict[str, Any], names: dict[str, str | None]) -> tuple[list[dict[str, Any]], str]:
    """The files that an answer cites, numbered, and its text with `[1]` in place of each marker.

    `names` gives the name of a file by its id. The same file has the same number.
    """
    numbers: dict[str, int] = {}
    found = []
    text = []
    for part in message["content"]:
        if part["type"] != "text":
            continue
        value = part["text"]["value"]
        at = 0
        for note in sorted(part["text"].get("annotations") or [], key=lambda note: note.get("start_index", 0)):
            if note["type"] not in {"file_citation", "file_path"}:
                continue
            file_id = note[note["type"]]["file_id"]
            number = numbers.setdefault(file_id, len(numbers) + 1)
            found.append(
                {
                    "number": number,
                    "text": note["text"],
                    "file_id": file_id,
                    "filename": names.get(file_id),
                    "type": note["type"],
                }
            )
            start = value.find(note["text"], at)
            if note["type"] == "file_citation" and note["text"] and start >= 0:
                text += [value[at:start], f"[{number}]"]
                at = start + len(note["text"])
        text.append(value[at:])
    return found, "".join(text)


def cited_files(message: dict[str, Any]) -> list[str]:
    """Ids of the files that the annotations of a message name, each once."""
    notes = (
        note for part in message["content"] if part["type"] == "text" for note in part["text"].get("annotations") or []
    )
    return list(
        dict.fromkeys(note[note["type"]]["file_id"] for note in notes if note["type"] in {"file_citation", "file_path"})
    )


def tool_calls(run: dict[str, Any]) -> list[dict[str, Any]]:
    """What a run waits for: id, name and arguments, parsed where they are JSON."""
    action = run.get("required_action") or {}
    calls = (action.get("submit_tool_outputs") or {}).get("tool_calls") or []
    return [
        {
            "id": call["id"],
            "name": call["function"]["name"],
            "arguments": parsed(call["function"]["arguments"] or "{}")[0],
        }
        for call in calls
    ]


def last_error(run: dict[str, Any]) -> str:
    error = run.get("last_error") or {}
    return f"{error.get('code', 'unknown')}: {error.get('message', 'no reason was given')}"
