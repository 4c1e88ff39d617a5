"""Make exported assistants and threads anew on a server, or export those of one.

    export OPENAI_BASE_URL=http://127.0.0.1:8020/v1 OPENAI_API_KEY=unused
    python examples/move.py import export.json ids.tsv
    python examples/move.py export > export.json

export.json holds objects as the API answers them: {"assistants": [...], "threads": [{..., "messages": [...]}]}.
ids.tsv has a line for each object: its old id, a tab, its new id. What is in it is not made again, so an import that
broke off can be gone on with; and files and vector stores that you have made anew are known if you enter them first.
"""

import argparse
import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openai import OpenAI

warnings.simplefilter("ignore", DeprecationWarning)  # the client says it of all that this is for

ASSISTANT = ["model", "name", "description", "instructions", "tools", "metadata", "temperature", "top_p"]
ASSISTANT += ["response_format", "reasoning_effort"]

client = OpenAI()


class Ids:
    """New ids by old ones, written down as they come."""

    def __init__(self, file: Path) -> None:
        self.lost: set[str] = set()
        self._file = file
        text = file.read_text() if file.exists() else ""
        self._new = dict(line.split("\t") for line in text.splitlines() if line)
        self._before = "" if text.endswith("\n") or not text else "\n"

    def __contains__(self, old: str) -> bool:
        return old in self._new

    def add(self, old: str, new: str) -> None:
        self._new[old] = new
        with self._file.open("a") as file:
            file.write(f"{self._before}{old}\t{new}\n")
        self._before = ""

    def known(self, olds: list[str]) -> list[str]:
        """The new ids of those that there are; the others are lost."""
        self.lost.update(old for old in olds if old not in self._new)
        return [self._new[old] for old in olds if old in self._new]


def import_all(export: dict[str, Any], ids: Ids) -> None:
    for old in export.get("assistants", []):
        if old["id"] not in ids:
            given = {key: old[key] for key in ASSISTANT if old.get(key) is not None}
            new = client.beta.assistants.create(**given, tool_resources=resources(old, ids))
            ids.add(old["id"], new.id)
    for old in export.get("threads", []):
        if old["id"] not in ids:
            new_thread = client.beta.threads.create(
                messages=[message(each, ids) for each in oldest_first(old["messages"]) if each["content"]],
                metadata=old.get("metadata"),
                tool_resources=resources(old, ids),
            )
            ids.add(old["id"], new_thread.id)


def resources(old: dict[str, Any], ids: Ids) -> Any:
    """Of each tool, the files or vector stores that it has."""
    given = old.get("tool_resources") or {}
    return {tool: {kind: ids.known(olds) for kind, olds in has.items()} for tool, has in given.items() if has}


def message(old: dict[str, Any], ids: Ids) -> Any:
    attachments = [
        {**each, "file_id": new} for each in old.get("attachments") or [] for new in ids.known([each["file_id"]])
    ]
    return {
        "role": old["role"],
        "content": [part(each, ids) for each in old["content"]],
        "attachments": attachments,
        "metadata": old.get("metadata"),
    }


def part(old: dict[str, Any], ids: Ids) -> dict[str, Any]:
    match old["type"]:
        case "text":
            return {"type": "text", "text": old["text"]["value"]}
        case "refusal":
            return {"type": "text", "text": old["refusal"]}
        case "image_file":
            for new in ids.known([old["image_file"]["file_id"]]):
                return {"type": "image_file", "image_file": {**old["image_file"], "file_id": new}}
            return {"type": "text", "text": f"[image {old['image_file']['file_id']}]"}
        case _:
            return old


def oldest_first(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The API lists them newest first, unless it is asked otherwise."""
    newest_first = bool(messages) and messages[0]["created_at"] > messages[-1]["created_at"]
    return messages[::-1] if newest_first else messages


def export_all() -> dict[str, Any]:
    assistants = [each.to_dict() for each in client.beta.assistants.list(limit=100)]
    threads = list(all_threads())
    for thread in threads:
        messages = client.beta.threads.messages.list(thread["id"], order="asc", limit=100)
        thread["messages"] = [each.to_dict() for each in messages]
    return {"assistants": assistants, "threads": threads}


def all_threads() -> Iterator[dict[str, Any]]:
    """The list of threads is Understudy's own, so the client does not know it."""
    query: dict[str, Any] = {"limit": 100}
    while True:
        page: Any = client.get("/threads", options={"params": query}, cast_to=object)
        yield from page["data"]
        if not page["has_more"]:
            return
        query["after"] = page["last_id"]


def main() -> None:
    parser = argparse.ArgumentParser(description="Move assistants and threads.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("export", help="print what the server has")
    importing = commands.add_parser("import", help="make what a file has")
    importing.add_argument("export", type=Path)
    importing.add_argument("ids", type=Path)
    arguments = parser.parse_args()

    if arguments.command == "export":
        json.dump(export_all(), sys.stdout, indent=1)
        return
    ids = Ids(arguments.ids)
    import_all(json.loads(arguments.export.read_bytes()), ids)
    for lost in sorted(ids.lost):
        print(f"left out, because {arguments.ids} does not have it: {lost}", file=sys.stderr)


if __name__ == "__main__":
    main()
