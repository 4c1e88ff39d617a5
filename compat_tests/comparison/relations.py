"""What must hold between the answers of one server, and in the pages and events of each, whatever the recording says.

Every rule holds in all that was recorded of the real service; a test reads the recordings to show it.
"""

from collections.abc import Iterator
from typing import Any, Final

from compat_tests.comparison.context import Context
from compat_tests.comparison.rules import RULES
from compat_tests.comparison.values import FREE
from compat_tests.exchange import Answer
from compat_tests.result import Difference

LASTING: Final[dict[str, frozenset[str]]] = {
    "assistant": frozenset({"created_at"}),
    "thread": frozenset({"created_at"}),
    "thread.message": frozenset({"created_at", "thread_id", "run_id", "assistant_id", "role"}),
    "thread.run": frozenset({"created_at", "thread_id", "assistant_id"}),
    "thread.run.step": frozenset({"created_at", "thread_id", "run_id", "assistant_id", "type"}),
    "file": frozenset({"created_at", "filename", "bytes", "purpose"}),
    "vector_store": frozenset({"created_at"}),
    "vector_store.file": frozenset({"vector_store_id"}),
    "vector_store.file_batch": frozenset({"vector_store_id"}),
    "upload": frozenset({"created_at", "filename", "bytes", "purpose", "expires_at"}),
    "upload.part": frozenset({"created_at", "upload_id"}),
}
"""What never changes about an object, by its `object`."""
MADE_BY: Final = {
    "assistants", "threads", "messages", "runs", "files", "vector_stores", "file_batches", "uploads", "parts",
}  # fmt: skip
"""What a path ends with whose POST makes something."""
CLOCKS_DIFFER_SECONDS: Final = 1
"""The real service was many machines."""

Object = dict[str, Any]


class Relations:
    """Of one recording on one server, in the order of its answers."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Object] = {}
        """What never changes about an object, by `object` and id."""
        self._kinds: dict[str, str] = {}
        self._usage: dict[str, int] = {}
        """The tokens of runs that are over."""
        self._steps: dict[str, dict[str, int]] = {}
        """The tokens of their steps, by run."""
        self._newest = 0

    def look(self, ours: Answer, when: Context) -> list[Difference]:
        """What does not hold in this answer, or between it and those before."""
        if ours.events is None:
            return [*self._within(ours.body, "body"), *self._made(ours.body, when)]
        return [
            found
            for place, event in enumerate(ours.events)
            for found in self._within(event.data, f"events[{place}].data")
        ]

    def _within(self, value: Any, path: str) -> Iterator[Difference]:
        if isinstance(value, list):
            for place, each in enumerate(value):
                yield from self._within(each, f"{path}[{place}]")
        elif isinstance(value, dict):
            yield from self._object(value, path)
            for key, each in value.items():
                if key not in FREE:
                    yield from self._within(each, f"{path}.{key}")
            if value.get("object") == "list":
                yield from self._page(value, path)

    def _object(self, value: Object, path: str) -> Iterator[Difference]:
        kind, named = str(value.get("object")), value.get("id")
        for rule in RULES.get(kind, ()):
            if broken := rule(value):
                yield _broken(path, *broken)
        if kind not in LASTING or not isinstance(named, str):
            return
        # The file of a vector store has its file's id, once in each store.
        if kind == "vector_store.file":
            named += str(value.get("vector_store_id"))
        if self._kinds.setdefault(named, kind) != kind:
            yield _broken(f"{path}.id", f"the id of one object, a {self._kinds[named]}", f"a {kind} of that id")
        known = self._known.setdefault((kind, named), {})
        for key in sorted(LASTING[kind] & value.keys()):
            if known.setdefault(key, value[key]) != value[key]:
                yield _broken(f"{path}.{key}", "as it was before", "something else")
        if kind in {"thread.message", "thread.run.step"}:
            yield from self._of_run(value, path)
        self._count(value)

    def _of_run(self, value: Object, path: str) -> Iterator[Difference]:
        run = self._known.get(("thread.run", str(value.get("run_id"))), {})
        for key in ("thread_id", "assistant_id"):
            if key in run and key in value and value[key] != run[key]:
                yield _broken(f"{path}.{key}", "the one of its run", "another one")
        match run.get("created_at"), value.get("created_at"):
            case int(began), int(born) if born < began:
                yield _broken(f"{path}.created_at", "no earlier than its run's", f"{began - born} seconds earlier")
        match value.get("step_details"):
            case {"message_creation": {"message_id": str(named)}}:
                message = self._known.get(("thread.message", named), {})
                if "run_id" in message and message["run_id"] != value.get("run_id"):
                    yield _broken(f"{path}.step_details", "a message of its run", "a message of another one")

    def _count(self, value: Object) -> None:
        match value:
            case {"id": str(named), "usage": {"total_tokens": int(total)}}:
                if value["object"] == "thread.run":
                    self._usage[named] = total
                elif value["object"] == "thread.run.step":
                    self._steps.setdefault(str(value.get("run_id")), {})[named] = total

    def _page(self, page: Object, path: str) -> Iterator[Difference]:
        data = page.get("data")
        if not isinstance(data, list) or "first_id" not in page or not all(isinstance(each, dict) for each in data):
            return
        names = [each.get("id") for each in data]
        for key, end in (("first_id", 0), ("last_id", -1)):
            if page.get(key) != (names[end] if names else None):
                yield _broken(f"{path}.{key}", f"the id of data[{end}]" if names else "null", "something else")
        if len(set(names)) != len(names):
            yield _broken(f"{path}.data", "every item once", "an item twice")
        if not names and page.get("has_more") is not False:
            yield _broken(f"{path}.has_more", "false on an empty page", "something else")
        times = [each["created_at"] for each in data if isinstance(each.get("created_at"), int)]
        if times not in (sorted(times), sorted(times, reverse=True)):
            yield _broken(f"{path}.data", "ordered by created_at", "not ordered")
        if page.get("has_more") is False and data and data[0].get("object") == "thread.run.step":
            yield from self._sum(data, path)

    def _sum(self, steps: list[Object], path: str) -> Iterator[Difference]:
        run = str(steps[0].get("run_id"))
        took = self._steps.get(run, {})
        if run in self._usage and took.keys() == {each.get("id") for each in steps}:
            together = sum(took.values())
            if together != self._usage[run]:
                yield _broken(f"{path}.data", f"steps of {self._usage[run]} tokens, as their run", str(together))

    def _made(self, body: Any, when: Context) -> Iterator[Difference]:
        """What is made later is not older."""
        is_made = when.method == "POST" and when.path.rpartition("/")[2] in MADE_BY
        if is_made and isinstance(body, dict) and isinstance(born := body.get("created_at"), int):
            if born + CLOCKS_DIFFER_SECONDS < self._newest:
                told = f"{self._newest - born} seconds earlier"
                yield _broken("body.created_at", "no earlier than what was made before", told)
            self._newest = max(self._newest, born)


def _broken(path: str, expected: str, got: str) -> Difference:
    return Difference(path=f"{path} (relation)", expected=expected, got=got)
