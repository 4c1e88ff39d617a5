"""Vector stores over HTTP: what requests may look like, and that what is uploaded is found."""

import asyncio
from typing import Any

import pytest
from aiohttp import FormData

from config.settings import ServerSettings, Settings
from proxy.api.authorization import ANONYMOUS_PROJECT
from proxy.services import Services
from tests.api.conftest import Client
from tests.serving import furnished

SOON = 30


@pytest.fixture
def settings() -> Settings:
    return Settings(server=ServerSettings(strict=True))


async def ask(client: Client, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
    async with client.request(method, f"/v1/vector_stores{path}", json=body) as answer:
        assert answer.status == status, await answer.text()
        return await answer.json()


@pytest.mark.parametrize("body", [b"", b"{}", b"[]"])
async def test_no_beta_header_and_no_body_is_needed(client: Client, body: bytes) -> None:
    async with client.post("/v1/vector_stores", data=body) as answer:
        assert answer.status == 200
        assert (await answer.json())["object"] == "vector_store"


async def test_a_wrong_kind_of_id(client: Client) -> None:
    error = (await ask(client, "GET", "/thread_1/files", status=400))["error"]
    assert error == {
        "message": "Invalid 'vector_store_id': 'thread_1'. Expected an ID that begins with 'vs'.",
        "type": "invalid_request_error",
        "param": "vector_store_id",
        "code": "invalid_value",
    }
    error = (await ask(client, "GET", "/vs_1/files/x", status=404))["error"]
    assert error["message"] == "No vector store found with id 'vs_1'."


async def test_lists_page_by_their_ids(client: Client) -> None:
    made = [(await ask(client, "POST", "", {"name": str(n)}))["id"] for n in range(3)]
    page = await ask(client, "GET", "?limit=2")
    assert list(page) == ["object", "data", "first_id", "last_id", "has_more"]
    assert ([store["id"] for store in page["data"]], page["has_more"]) == ([made[2], made[1]], True)
    page = await ask(client, "GET", f"?limit=2&after={made[1]}")
    assert ([store["id"] for store in page["data"]], page["has_more"]) == ([made[0]], False)
    page = await ask(client, "GET", f"?order=asc&before={made[2]}")
    assert [store["id"] for store in page["data"]] == made[:2]
    error = (await ask(client, "GET", "?after=vs_gone", status=404))["error"]
    assert error["message"] == "No vector store found with id 'vs_gone'."


@pytest.mark.parametrize(
    ("path", "body", "refused"),
    [
        ("", {"expires_after": {"anchor": "created_at", "days": 1}}, ("expires_after.anchor", "invalid_value")),
        (
            "",
            {"expires_after": {"anchor": "last_active_at", "days": 366}},
            ("expires_after.days", "integer_above_max_value"),
        ),
        ("", {"chunking_strategy": {"type": "other"}}, ("chunking_strategy.type", "invalid_value")),
        ("", {"file_ids": ["file-1"] * 501}, ("file_ids", "array_above_max_length")),
        ("", {"files": []}, ("files", "unknown_parameter")),
        ("/vs_1/files", {}, ("file_id", "missing_required_parameter")),
        ("/vs_1/files", {"file_id": "file-1", "attributes": {"a": None}}, ("attributes.a", "invalid_type")),
        ("/vs_1/files/file-1", {}, ("attributes", "missing_required_parameter")),
        ("/vs_1/file_batches", {}, ("file_ids", "missing_required_parameter")),
        ("/vs_1/file_batches", {"file_ids": []}, ("file_ids", "empty_array")),
        ("/vs_1/search", {}, ("query", "missing_required_parameter")),
        ("/vs_1/search", {"query": ""}, ("query", "string_below_min_length")),
        ("/vs_1/search", {"query": "x", "max_num_results": 51}, ("max_num_results", "integer_above_max_value")),
        ("/vs_1/search", {"query": "x", "filters": {"type": "like"}}, ("filters.type", "invalid_value")),
        (
            "/vs_1/search",
            {"query": "x", "ranking_options": {"score_threshold": 1.5}},
            ("ranking_options.score_threshold", "decimal_above_max_value"),
        ),
    ],
)
async def test_a_body_that_does_not_fit(
    client: Client, services: Services, path: str, body: Any, refused: tuple[str, str]
) -> None:
    await furnished(services, ANONYMOUS_PROJECT, files=["file-1"], stores=["vs_1"])
    error = (await ask(client, "POST", path, body, status=400))["error"]
    assert (error["param"], error["code"], error["type"]) == (*refused, "invalid_request_error")


async def test_what_is_uploaded_is_found(client: Client, services: Services) -> None:
    await services.ingestion.start()
    form = FormData({"purpose": "assistants"}, quote_fields=False)
    form.add_field("file", b"The Danube flows.", filename="rivers \u00e4.txt")
    async with client.post("/v1/files", data=form) as answer:
        file_id = (await answer.json())["id"]
    store = await ask(client, "POST", "", {"file_ids": [file_id]})
    assert (store["status"], store["file_counts"]["in_progress"]) == ("in_progress", 1)
    async with asyncio.timeout(SOON):
        await services.ingestion.some_end(after=0)
    assert (await ask(client, "GET", f"/{store['id']}"))["status"] == "completed"
    page = await ask(client, "POST", f"/{store['id']}/search", {"query": "danube"})
    (hit,) = page["data"]
    assert list(hit) == ["file_id", "filename", "score", "attributes", "content"]
    assert (hit["file_id"], hit["filename"]) == (file_id, "rivers \u00e4.txt")
    assert hit["content"] == [{"type": "text", "text": "The Danube flows."}]
    content = await ask(client, "GET", f"/{store['id']}/files/{file_id}/content")
    assert content["data"] == [{"type": "text", "text": "The Danube flows."}]
    async with client.delete(f"/v1/files/{file_id}") as answer:
        assert answer.status == 200
    assert (await ask(client, "POST", f"/{store['id']}/search", {"query": "danube"}))["data"] == []
