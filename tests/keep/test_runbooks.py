"""Runbooks in a vector store: put, replaced, removed, brought in line with a folder; and used."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from keep.exceptions.provider_exception import ProviderException

from compat_tests.scripted_upstream import text, tool_calls
from tests.keep.models import Model

Make = Callable[..., Any]


def content(api: httpx.Client, result: dict[str, Any]) -> str:
    return api.get(f"/files/{result['file_id']}/content").text


def test_a_runbook_is_put_replaced_and_removed(provider: Make, api: httpx.Client) -> None:
    mine = provider()
    store = {"vector_store": "put-and-removed"}
    first = mine.notify(operation="put_runbook", name="disk-full.md", content="Delete old logs.", **store)
    assert (first["changed"], content(api, first)) == (True, "Delete old logs.")
    again = mine.notify(operation="put_runbook", name="disk-full.md", content="Delete old logs.", **store)
    assert again == {**first, "changed": False}

    second = mine.notify(operation="put_runbook", name="disk-full.md", content="Grow the volume.", **store)
    assert content(api, second) == "Grow the volume."
    assert api.get(f"/files/{first['file_id']}").status_code == 404
    (listed,) = mine.list_runbooks("put-and-removed")
    assert (listed["name"], listed["file_id"], listed["status"]) == ("disk-full.md", second["file_id"], "completed")
    assert mine.list_runbooks(second["vector_store_id"]) == [listed]

    assert mine.notify(operation="remove_runbook", name="disk-full.md", **store)["removed"] == ["disk-full.md"]
    assert mine.notify(operation="remove_runbook", name="disk-full.md", **store)["removed"] == []
    assert mine.notify(operation="list_runbooks", **store) == {"runbooks": []}
    assert api.get(f"/files/{second['file_id']}").status_code == 404


def test_a_runbook_that_cannot_be_read_leaves_the_old_one(provider: Make, api: httpx.Client) -> None:
    mine = provider()
    store = {"vector_store": "unreadable"}
    mine.notify(operation="put_runbook", name="network.md", content="Plug it in.", **store)
    before = mine.list_runbooks("unreadable"), api.get("/files", params={"limit": 100}).json()["data"]
    with pytest.raises(ProviderException, match=r"runbook network.md cannot be read: No text was found in the file"):
        mine.notify(operation="put_runbook", name="network.md", content="\n", **store)
    assert (mine.list_runbooks("unreadable"), api.get("/files", params={"limit": 100}).json()["data"]) == before


def test_a_folder(provider: Make, tmp_path: Path) -> None:
    (tmp_path / "db").mkdir()
    (tmp_path / "disk.md").write_text("Delete old logs.")
    (tmp_path / "db" / "disk.md").write_text("Vacuum.")
    (tmp_path / "notes.txt").write_text("Not one of them.")
    mine = provider()
    given = {"operation": "sync_runbooks", "vector_store": "a-folder", "path": str(tmp_path)}
    first = mine.notify(**given)
    assert (sorted(first["put"]), first["unchanged"], first["removed"]) == (["db/disk.md", "disk.md"], [], [])

    (tmp_path / "disk.md").write_text("Grow the volume.")
    (tmp_path / "db" / "disk.md").unlink()
    second = mine.notify(**given, remove_missing="true")
    assert (second["put"], second["unchanged"], second["removed"]) == (["disk.md"], [], ["db/disk.md"])
    assert mine.notify(**given)["unchanged"] == ["disk.md"]

    (tmp_path / "disk.md").unlink()
    with pytest.raises(ProviderException, match="nothing is removed because of that"):
        mine.notify(**given, remove_missing=True)
    with pytest.raises(ProviderException, match="is no folder"):
        mine.notify(**{**given, "path": str(tmp_path / "nowhere")})


def test_files_that_others_put_there(provider: Make, api: httpx.Client) -> None:
    file = api.post("/files", files={"file": ("old.md", b"By hand.")}, data={"purpose": "assistants"}).json()["id"]
    store = api.post("/vector_stores", json={"file_ids": [file]}).json()["id"]
    mine = provider()
    assert [each["name"] for each in mine.list_runbooks(store)] == ["old.md"]
    mine.put_runbook(store, "old.md", "By Keep.")
    (listed,) = mine.list_runbooks(store)
    assert content(api, listed) == "By Keep."


def test_stores_are_a_tenants(server: Any, assistant: str) -> None:
    from tests.keep import installed

    made = [
        installed.provider({"base_url": server.url, "assistant_id": assistant}, tenant=tenant) for tenant in ("a", "b")
    ]
    stores = [each.put_runbook("shared-name", "x.md", "x")["vector_store_id"] for each in made]
    assert stores[0] != stores[1]
    assert [each.put_runbook("shared-name", "y.md", "y")["vector_store_id"] for each in made] == stores
    for each in made:
        each.dispose()


def test_the_assistant_searches_and_cites_them(provider: Make, says: Model, api: httpx.Client, assistant: str) -> None:
    mine = provider()
    mine.put_runbook("cited", "disk-full.md", "# Disk full\n\nDelete what is in /var/log/old.\n")
    used = mine.notify(operation="use_runbooks", vector_store="cited")
    assert mine.notify(operation="use_runbooks", vector_store="cited") == used
    assert [tool["type"] for tool in api.get(f"/assistants/{assistant}").json()["tools"]] == ["file_search"]

    says.script(tool_calls([("file_search", {"queries": ["disk full"]})]), text("Delete /var/log/old [[1]]."))
    result = mine.query(prompt="The disk is full. What now?")
    assert result["cited_response"] == "Delete /var/log/old [1]."
    (citation,) = result["citations"]
    assert (citation["number"], citation["filename"]) == (1, "disk-full.md")
    assert citation["text"] in result["raw_response"]
    assert result["sources"] == ["disk-full.md"]
    mine.remove_runbook("cited", "disk-full.md")
    says.script(text("As I said."))
    assert mine.query(prompt="Again?", thread_id=result["thread_id"])["sources"] == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"operation": "put_runbook", "vector_store": "x", "content": "y"}, "name is missing"),
        ({"operation": "put_runbook", "vector_store": "x", "name": "y"}, "content is missing"),
        ({"operation": "list_runbooks"}, "vector_store is missing"),
        ({"operation": "list_runbooks", "vector_store": "vs_gone"}, "list_runbooks: .*vs_gone"),
        ({"operation": "delete_thread"}, "thread_id is missing"),
        ({"operation": "delete_idle_threads", "idle_days": "soon"}, "idle_days should be a number"),
        ({"operation": "tidy"}, "operation should be one of put_runbook, .*, not 'tidy'"),
    ],
)
def test_a_mistake_is_named(provider: Make, given: dict[str, Any], said: str) -> None:
    with pytest.raises(ProviderException, match=said):
        provider().notify(**given)
