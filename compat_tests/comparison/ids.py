"""The two-way map between ids in a recording and ids on a live server, learnt as objects appear.

An id is what stands under `id`, `…_id` or in a list under `…_ids`. Nothing is asked of its form: in somebody's cassette
it may be `asst_abc`, or `sanitized` for everything. A form that is that short may stand for several live ids, one of
each kind (`thread`, `run`, …); the latest of a kind is meant then. The map of every other id must be one to one.
"""

import re
from typing import Any, Final

WHOLE: Final = re.compile(
    r"(?:asst|thread|msg|run|step|call|vs|vsfb|vsfb_ibj|upload|part)_[A-Za-z0-9]{16,}|file-[A-Za-z0-9]{16,}"
)
"""An id of the real service that nobody has masked."""
TOKEN: Final = re.compile(r"[A-Za-z0-9_-]+")
PREFIX: Final = re.compile(r"([a-z]+)[_-]")
COLLECTIONS: Final = {
    "assistants": "asst", "threads": "thread", "messages": "msg", "runs": "run", "steps": "step", "files": "file",
    "vector_stores": "vs", "file_batches": "vsfb", "uploads": "upload", "parts": "part",
}  # fmt: skip
KEYS: Final = {
    "assistant_id": "asst", "thread_id": "thread", "message_id": "msg", "run_id": "run", "step_id": "step",
    "tool_call_id": "call", "file_id": "file", "file_ids": "file", "vector_store_id": "vs", "vector_store_ids": "vs",
    "upload_id": "upload", "part_ids": "part",
}  # fmt: skip
OBJECTS: Final = {
    "assistant": "asst", "assistant.deleted": "asst", "thread": "thread", "thread.deleted": "thread",
    "thread.message": "msg", "thread.message.delta": "msg", "thread.message.deleted": "msg", "thread.run": "run",
    "thread.run.step": "step", "thread.run.step.delta": "step", "file": "file", "vector_store": "vs",
    "vector_store.deleted": "vs", "vector_store.file": "file", "vector_store.file.deleted": "file",
    "vector_store.file_batch": "vsfb", "vector_store.files_batch": "vsfb", "upload": "upload", "upload.part": "part",
}  # fmt: skip
"""Which kind of id stands where: by the collection before it in a path, by its key, by its object's `object`."""


def is_id_key(key: str) -> bool:
    return key == "id" or key.endswith(("_id", "_ids"))


def kind_of(live: str) -> str:
    found = PREFIX.match(live)
    return found[1] if found else ""


class Ids:
    def __init__(self) -> None:
        self._live: dict[str, dict[str, str]] = {}
        """Recorded, then the kind, then live."""
        self._recorded: dict[str, str] = {}
        self.conflicts: list[str] = []
        """What was learnt and contradicts what was known, in words."""

    def learn(self, recorded: Any, live: Any, path: str = "body") -> None:
        """Note which live id stands where a recorded one does. What contradicts the map is in `conflicts`."""
        match recorded, live:
            case dict(), dict():
                for key in recorded.keys() & live.keys():
                    if not is_id_key(key):
                        self.learn(recorded[key], live[key], f"{path}.{key}")
                        continue
                    theirs, ours = recorded[key], live[key]
                    pairs = zip(theirs, ours, strict=False) if isinstance(theirs, list) else [(theirs, ours)]
                    for one, other in pairs:
                        if isinstance(one, str) and isinstance(other, str) and (problem := self.meet(one, other)):
                            self.conflicts.append(f"{path}.{key}: {problem}")
            case list(), list():
                for place, (one, other) in enumerate(zip(recorded, live, strict=False)):
                    self.learn(one, other, f"{path}[{place}]")

    def meet(self, recorded: str, live: str) -> str | None:
        """The two stand in the same place. Says what is wrong with that, in words without ids, or nothing."""
        kind = kind_of(live)
        known = self._live.setdefault(recorded, {})
        is_whole = WHOLE.fullmatch(recorded) is not None
        if known.get(kind) == live:
            return None
        if is_whole and known:
            return "another object than before"
        if is_whole and self._recorded.get(live, recorded) != recorded:
            return "the same object as another one before"
        known[kind] = live
        self._recorded[live] = recorded
        return None

    def live(self, recorded: str, kind: str | None = None) -> str | None:
        """The live id, of that kind where a masked id stands for several."""
        known = self._live.get(recorded)
        if not known:
            return None
        if kind in known:
            return known[kind]
        return next(reversed(known.values()))

    def recorded(self, live: str) -> str | None:
        return self._recorded.get(live)

    def knows(self, recorded: str) -> bool:
        return bool(self._live.get(recorded))

    def translate(self, value: Any) -> Any:
        """Text, a path or JSON with live ids for the recorded ones that are known; the others stay."""
        match value:
            case str():
                return self._in_text(value)
            case list():
                return [self.translate(each) for each in value]
            case tuple():
                return tuple(self.translate(each) for each in value)
            case dict():
                return {key: self._under(key, value[key], value) for key in value}
            case _:
                return value

    def _under(self, key: str, value: Any, around: dict[str, Any]) -> Any:
        if not is_id_key(key):
            return self.translate(value)
        kind = OBJECTS.get(str(around.get("object"))) if key == "id" else KEYS.get(key)
        if isinstance(value, list):
            return [self.live(each, kind) or each if isinstance(each, str) else each for each in value]
        return self.live(value, kind) or value if isinstance(value, str) else value

    def _in_text(self, text: str) -> str:
        if text.startswith("/v1/"):
            parts = text.split("/")
            for place, part in enumerate(parts[1:], start=1):
                parts[place] = self.live(part, COLLECTIONS.get(parts[place - 1])) or part
            return "/".join(parts)
        return TOKEN.sub(self._in_token, text)

    def _in_token(self, found: re.Match[str]) -> str:
        # A masked id may be any word; inside of text only whole ones are ids for sure.
        token = found[0]
        return (self.live(token) or token) if WHOLE.fullmatch(token) or PREFIX.match(token) else token
