"""Azure's paths lead to the same operations, and its deployments are models."""

from typing import Any

import pytest

from compat_tests.scripted_upstream import ScriptedUpstream
from proxy.api.azure import plain
from proxy.api.routes import parts_of
from tests.api.conftest import Client

VERSION = {"api-version": "2024-05-01-preview"}


@pytest.mark.parametrize(
    ("path", "parts", "deployment"),
    [
        ("/openai/assistants", ("assistants",), None),
        ("/openai/v1/threads/thread_1", ("threads", "thread_1"), None),
        ("/openai/deployments/prod/chat/completions", ("chat", "completions"), "prod"),
        ("/openai/v1/deployments/prod/embeddings", ("embeddings",), "prod"),
        ("/v1/deployments/prod/chat/completions", ("chat", "completions"), "prod"),
        ("/deployments/prod/chat/completions", ("chat", "completions"), "prod"),
        ("/openai/deployments/prod", ("deployments", "prod"), None),
        ("/openai", (), None),
        ("/v1/threads", ("threads",), None),
        ("/assistants", ("assistants",), None),
    ],
)
def test_what_a_path_means(path: str, parts: tuple[str, ...], deployment: str | None) -> None:
    assert plain(parts_of(path)) == (parts, deployment)


async def test_an_operation(client: Client) -> None:
    async with client.post("/openai/assistants", params=VERSION, json={"model": "tiny"}) as answer:
        assert answer.status == 200
        made: dict[str, Any] = await answer.json()
    for path in (f"/openai/assistants/{made['id']}", f"/openai/v1/assistants/{made['id']}"):
        async with client.get(path, params=VERSION) as answer:
            assert await answer.json() == made


@pytest.mark.parametrize("named", [{}, {"model": "gpt-4o"}, {"model": None}])
async def test_a_deployment_is_the_model(client: Client, upstream: ScriptedUpstream, named: dict[str, Any]) -> None:
    body = {**named, "messages": [{"role": "user", "content": "Hello"}]}
    async with client.post("/openai/deployments/tiny/chat/completions", params=VERSION, json=body) as answer:
        assert answer.status == 200
    assert upstream.requests[-1] == {**body, "model": "tiny"}


@pytest.mark.parametrize("path", ["/openai", "/openai/whatever", "/openai/deployments/tiny"])
async def test_what_is_not_there(client: Client, path: str) -> None:
    async with client.get(path) as answer:
        assert answer.status == 404
        assert (await answer.json())["error"]["code"] == "unknown_url"
