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
        """Look for something new in an answer, in whatever it shows."""
        if request.method == "POST" and answer.status == 200:
            objects = [answer.body] if answer.events is None else [event.data for event in answer.events]
            for each in objects:
                self._see(each)

    def _see(self, value: Any) -> None:
        match value:
            case {"object": str(kind), "id": str(id)} if kind in PLACES:
                self._made.setdefault(id, f"{PLACES[kind]}/{id}")
            case {"object": "upload", "file": file}:
                self._see(file)
            case {"object": "thread.run", "thread_id": str(id)}:
                self._see({"object": "thread", "id": id})
        match value:
            case {"tool_resources": {"file_search": {"vector_store_ids": [str(id)]}}}:
                self._see({"object": "vector_store", "id": id})  # it may have been made on the way

    @property
    def noted(self) -> list[str]:
        """The paths of what will be deleted, oldest first."""
        return list(self._made.values())

    async def clean(self, client: Client) -> None:
        """Newest first. What is gone already, or will not go, is left."""
        for path in reversed(self._made.values()):
            try:
                await client.ask(Request(method="DELETE", path=path))
            except NoAnswer:
                return
        self._made.clear()
