"""Makes on the live server what a recording found there: by posting objects like those that it shows."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from compat_tests.comparison.ids import Ids
from compat_tests.comparison.shape import described
from compat_tests.exchange import Answer, Request
from compat_tests.replay import answers_only, uploads
from compat_tests.replay.paths import template_of
from compat_tests.replay.preexisting import Preexisting, references
from compat_tests.replay.timeline import BEFORE, Leg

ORDER: Final = ("file", "vs", "asst", "thread", "run", "msg", "step", "vsfb", "upload")
OUTPUT_PURPOSES: Final = {"assistants_output", "batch_output", "fine-tune-results"}
SOME_MODEL: Final = "gpt-4o"

Shown = dict[str, Any]
Ask = Callable[[Request], Awaitable[Answer]]


class PlayLeg(Protocol):
    def __call__(self, leg: Leg, request: Request, *, is_over: bool) -> Awaitable[Answer]:
        """Begin a leg by that request; and wait for its end, where it was over before something else."""


class CannotSeed(Exception):
    """Why something that a recording found cannot be there."""

    def __init__(self, reason: str, *, is_refused: bool) -> None:
        super().__init__(reason)
        self.is_refused = is_refused
        """By the server; otherwise nobody could make it through the API."""


class Seeding:
    def __init__(
        self,
        found: Preexisting,
        legs: list[Leg],
        ids: Ids,
        ask: Ask,
        play_leg: PlayLeg,
    ) -> None:
        self._found = found
        self._legs = legs
        self._ids = ids
        self._ask = ask
        self._play_leg = play_leg

    async def make_all(self) -> None:
        """Raises `CannotSeed` and `NoAnswer`."""
        for kind in ORDER:
            wanted = self._found.ids.get(kind, [])
            for place, id in enumerate(wanted):
                if place == 0 and kind in self._found.has_older:
                    await self._make_one_older(kind, id)
                await self._have(kind, id)
        for kind in self._found.has_older - self._found.ids.keys():
            await self._make_one_older(kind, "")

    async def make_before(self, place: int) -> None:
        """What somebody else made while the recording went on. Raises as `make_all`."""
        for kind, id in self._found.later.get(place, []):
            await self._have(kind, id)

    async def _make_one_older(self, kind: str, id: str) -> None:
        """Something that no page shows, but of which a page says that it is there."""
        await self._make(kind, f"older than {id}", self._found.shown.get(id, {}))

    async def _have(self, kind: str, id: str) -> None:
        if not self._ids.knows(id):
            await self._make(kind, id, self._found.shown.get(id, {}))
        if not self._ids.knows(id):
            raise CannotSeed(f"the recording uses a {kind} that it never shows", is_refused=False)

    async def _make(self, kind: str, id: str, shown: Shown) -> None:
        match kind:
            case "file":
                await self._make_file(id, shown)
            case "vs":
                await self._make_store(id, shown)
            case "asst":
                await self._post("/v1/assistants", self._assistant(id, shown), id)
            case "thread":
                await self._make_thread(id, shown)
            case "msg" | "run" | "step" if "thread_id" in shown:
                await self._have("thread", shown["thread_id"])
            case "vsfb" if "vector_store_id" in shown:
                files = answers_only.store({**shown, "id": id})["file_ids"]
                path = f"/v1/vector_stores/{shown['vector_store_id']}/file_batches"
                await self._post(path, {"file_ids": files}, id)
            case "upload" if "bytes" in shown:
                kept = {key: shown[key] for key in ("filename", "purpose", "bytes")}
                await self._post("/v1/uploads", {**kept, "mime_type": "text/plain"}, id)

    async def _make_file(self, id: str, shown: Shown) -> None:
        if shown.get("object") != "file":
            is_seen = any(_shows_image(each, id) for each in self._found.shown.values())
            name, purpose = ("unrecorded.png", "vision") if is_seen else ("unrecorded.txt", "assistants")
            if id.startswith(answers_only.UNREADABLE):
                name = "unreadable.pdf"  # it is none
            shown = {"filename": name, "purpose": purpose, "bytes": 64}
        if shown["purpose"] in OUTPUT_PURPOSES:
            raise CannotSeed(f"nobody can upload files with the purpose {shown['purpose']}", is_refused=False)
        await self._post("/v1/files", uploads.file_form(shown), id)

    async def _make_store(self, id: str, shown: Shown) -> None:
        body = answers_only.store(shown) if shown.get("object") == "vector_store" else {}
        await self._post("/v1/vector_stores", body, id)

    def _assistant(self, id: str, shown: Shown) -> Shown:
        if shown.get("object") == "assistant":
            return answers_only.assistant(shown)
        for each in self._found.shown.values():
            if each.get("object") == "thread.run" and each.get("assistant_id") == id:
                return answers_only.assistant(each)
        return {"model": SOME_MODEL, "instructions": "Answer briefly."}

    async def _make_thread(self, id: str, shown: Shown) -> None:
        kept = {key: shown[key] for key in ("metadata", "tool_resources") if shown.get(key)}
        await self._post("/v1/threads", kept, id)
        history = self._history(id)
        if not any("content" in each for _, each in history):
            history.insert(0, ("", answers_only.HELLO))
        for name, each in history:
            if "content" in each:
                body = answers_only.message(each) if "object" in each else each
                await self._post(f"/v1/threads/{id}/messages", body, name)
            else:
                await self._make_run(name, each, is_last=name == history[-1][0])

    def _history(self, thread: str) -> list[tuple[str, Shown]]:
        """Messages that were posted and runs that were begun before the recording, oldest first."""
        shown = self._found.shown
        runs = {leg.run: shown.get(leg.run, {}) for leg in self._legs if leg.thread == thread and leg.starts == BEFORE}
        found: list[tuple[int, int, str, Shown]] = []
        for name, each in shown.items():
            if each.get("thread_id") != thread:
                continue
            if each.get("object") == "thread.message" and each.get("run_id") is None and name not in self._found.posted:
                found.append((each["created_at"], 0, name, each))
            elif each.get("run_id") in runs:
                runs[each["run_id"]] = runs[each["run_id"]] or {
                    "created_at": each["created_at"],
                    "assistant_id": each["assistant_id"],
                }
        found += [(each.get("created_at", 0), 1, name, each) for name, each in runs.items()]
        return [(name, each) for _, _, name, each in sorted(found, key=lambda one: one[:2])]

    async def _make_run(self, id: str, shown: Shown, *, is_last: bool) -> None:
        body = answers_only.run(shown)
        await self._have("asst", body["assistant_id"])
        leg = next(leg for leg in self._legs if leg.run == id)
        path = f"/v1/threads/{leg.thread}/runs"
        request = Request(method="POST", path=self._ids.translate(path), body=self._ids.translate(body))
        answer = await self._play_leg(leg, request, is_over=not is_last)
        self._taken(path, id, answer)

    async def _post(self, path: str, body: Any, id: str) -> Answer:
        if not isinstance(body, tuple):
            for kind, each in references(body):
                if kind in ORDER:
                    await self._have(kind, each)
        sent = body if isinstance(body, tuple) else self._ids.translate(body)
        answer = await self._ask(Request(method="POST", path=self._ids.translate(path), body=sent))
        self._taken(path, id, answer)
        return answer

    def _taken(self, path: str, id: str, answer: Answer) -> None:
        live = answer.body.get("id") if isinstance(answer.body, dict) else None
        if answer.status != 200 or not isinstance(live, str):
            told = f"POST {template_of(path)} was answered with {answer.status}: {described(answer.body)}"
            raise CannotSeed(told, is_refused=True)
        self._ids.meet(id, live)


def _shows_image(shown: Shown, file_id: str) -> bool:
    parts = shown.get("content")
    return isinstance(parts, list) and any(
        (part.get("image_file") or {}).get("file_id") == file_id for part in parts if isinstance(part, dict)
    )
