"""Runbooks in a vector store, by name: put (add or replace), removed, brought in line with a folder, listed."""

import hashlib
from pathlib import Path
from typing import Any

from keep.exceptions.provider_exception import ProviderException

from .api import Api, Deadline, Log
from .attachments import searchable

FIRST_POLL_SECONDS = 0.1
LONGEST_POLL_SECONDS = 2.0


class Runbooks:
    """Those of one vector store, which is named by its id or, within a tenant, by its name."""

    def __init__(self, api: Api, store: str, owner: dict[str, str], deadline: Deadline, log: Log) -> None:
        self._api = api
        self._store = store
        self._owner = owner
        self._deadline = deadline
        self._log = log
        self._id: str | None = store if store.startswith("vs_") else None

    def listed(self) -> list[dict[str, Any]]:
        """Name, file and state of each, by name."""
        store = self._find()
        return sorted(self._files(store), key=lambda file: str(file["name"])) if store else []

    def put(self, name: str, content: str) -> dict[str, Any]:
        """Add a runbook, or replace the one of that name: the old one is found until the new one can be."""
        store = self._find() or self._make()
        return self._put(store, name, content.encode(), self._files(store))

    def remove(self, name: str) -> dict[str, Any]:
        store = self._find()
        if store is None:
            return {"vector_store_id": None, "removed": []}
        there = [file for file in self._files(store) if file["name"] == name]
        for file in there:
            self._drop(store, file["file_id"])
        return {"vector_store_id": store, "removed": [name] if there else []}

    def sync(self, folder: str, pattern: str, *, remove_missing: bool) -> dict[str, Any]:
        """Put every file of a folder; with `remove_missing`, what is not there goes."""
        root = Path(folder)
        if not root.is_dir():
            raise ProviderException(f"{folder} is no folder")
        found = {path.relative_to(root).as_posix(): path for path in sorted(root.rglob(pattern)) if path.is_file()}
        if not found and remove_missing:
            raise ProviderException(f"{folder} has no {pattern}: nothing is removed because of that")
        store = self._find() or self._make()
        before = self._files(store)
        done = [self._put(store, name, path.read_bytes(), before) for name, path in found.items()]
        gone = [file for file in before if file["name"] not in found] if remove_missing else []
        for file in gone:
            self._drop(store, file["file_id"])
        return {
            "vector_store_id": store,
            "put": [each["name"] for each in done if each["changed"]],
            "unchanged": [each["name"] for each in done if not each["changed"]],
            "removed": [file["name"] for file in gone],
        }

    def use(self, assistant_id: str) -> dict[str, Any]:
        """Let an assistant search this store, and no other."""
        store = self._find() or self._make()
        path = f"/assistants/{assistant_id}"
        tools = self._api.get(path, self._deadline)["tools"]
        if all(tool["type"] != "file_search" for tool in tools):
            tools = [*tools, {"type": "file_search"}]
        resources = {"file_search": {"vector_store_ids": [store]}}
        self._api.post(path, {"tools": tools, "tool_resources": resources}, self._deadline)
        return {"vector_store_id": store, "assistant_id": assistant_id}

    def _find(self) -> str | None:
        if self._id is None:
            stores = self._api.pages("/vector_stores", self._deadline, order="asc")
            self._id = next((store["id"] for store in stores if self._is_meant(store)), None)
        return self._id

    def _is_meant(self, store: dict[str, Any]) -> bool:
        metadata = store.get("metadata") or {}
        return store.get("name") == self._store and all(metadata.get(key) == it for key, it in self._owner.items())

    def _make(self) -> str:
        body = {"name": self._store, "metadata": self._owner}
        self._id = str(self._api.post("/vector_stores", body, self._deadline)["id"])
        return self._id

    def _files(self, store: str) -> list[dict[str, Any]]:
        files = []
        for file in self._api.pages(f"/vector_stores/{store}/files", self._deadline, order="asc"):
            noted = file.get("attributes") or {}
            name = noted.get("name") or self._api.get(f"/files/{file['id']}", self._deadline)["filename"]
            files.append({"name": name, "file_id": file["id"], "status": file["status"], "sha256": noted.get("sha256")})
        return files

    def _put(self, store: str, name: str, content: bytes, before: list[dict[str, Any]]) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        same_name = [file for file in before if file["name"] == name]
        for file in same_name:
            if file["sha256"] == digest and file["status"] == "completed":
                return {"vector_store_id": store, "name": name, "file_id": file["file_id"], "changed": False}

        id = self._api.upload(searchable(Path(name).name), content, "assistants", self._deadline)
        try:
            body = {"file_id": id, "attributes": {"name": name, "sha256": digest}}
            file = self._api.post(f"/vector_stores/{store}/files", body, self._deadline)
            self._wait(store, file, name)
        except BaseException:
            self._drop(store, id)
            raise
        for old in same_name:
            self._drop(store, old["file_id"])
        self._log.info("runbook %s is in %s", name, store)
        return {"vector_store_id": store, "name": name, "file_id": id, "changed": True}

    def _wait(self, store: str, file: dict[str, Any], name: str) -> None:
        pause = FIRST_POLL_SECONDS
        while file["status"] == "in_progress":
            self._deadline.pause(pause)
            pause = min(2 * pause, LONGEST_POLL_SECONDS)
            file = self._api.get(f"/vector_stores/{store}/files/{file['id']}", self._deadline)
        if file["status"] != "completed":
            reason = (file.get("last_error") or {}).get("message", file["status"])
            raise ProviderException(f"runbook {name} cannot be read: {reason}")

    def _drop(self, store: str, file_id: str) -> None:
        """Out of the store, and gone; also where only the one or the other is there."""
        deadline = Deadline(max(5.0, self._deadline.left))
        self._api.delete(f"/vector_stores/{store}/files/{file_id}", deadline)
        self._api.delete(f"/files/{file_id}", deadline)
