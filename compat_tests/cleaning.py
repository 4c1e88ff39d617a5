"""What a case or recording has made on a server, deleted again when it is over: other tenants share foreign servers."""

from typing import Any, Final

from compat_tests.client import Client, NoAnswer
from compat_tests.exchange import Answer, Request

PLACES: Final = {
    "assistant": "/v1/assistants",
    "thread": "/v1/threads",
    "file": "/v1/files",
    "vector_store": "/v1/vector_stores",
}


class Cleaner:
    def __init__(self) -> None:
        self._made: dict[str, str] = {}

    def note(self, request: Request, answer: Answer) -> None:
        """Look for something new in an answer. Threads show in their runs, too."""
        if request.method == "POST" and answer.status == 200:
            objects = [answer.body] if answer.events is None else [event.data for event in answer.events]
            for each in objects:
                self._see(each)

    def _see(self, value: Any) -> None:
        if not isinstance(value, dict):
            return
        if (place := PLACES.get(value.get("object", ""))) and isinstance(value.get("id"), str):
            self._made.setdefault(value["id"], f"{place}/{value['id']}")
        if value.get("object") == "thread.run" and isinstance(thread := value.get("thread_id"), str):
            self._made.setdefault(thread, f"{PLACES['thread']}/{thread}")

    async def clean(self, client: Client) -> None:
        """Newest first. What is gone already, or will not go, is left."""
        for path in reversed(self._made.values()):
            try:
                await client.ask(Request(method="DELETE", path=path))
            except NoAnswer:
                return
        self._made.clear()
