"""Which server answers at an address, asked of real sockets."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from adapters.detect import identify, on_this_machine
from compat_tests.scripted_upstream import scripted_upstream

from .recordings import recorded_json

MODELS = {"object": "list", "data": [{"id": "m", "object": "model", "owned_by": "library"}]}


@asynccontextmanager
async def a_site(answers: Mapping[str, Any], asked: list[str] | None = None) -> AsyncIterator[str]:
    """A server with these JSON answers by path, and 404 for the rest."""

    async def answer(request: web.Request) -> web.Response:
        if asked is not None:
            asked.append(request.path)
        if request.path not in answers:
            return web.json_response({"detail": "Not Found"}, status=404)
        return web.json_response(answers[request.path])

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("flavour", "title"),
    [
        ("vllm", "vLLM 0.32.0"),
        ("sglang", "SGLang"),
        ("llamacpp", "llama-server"),
        ("generic", "a chat-completions server"),
    ],
)
async def test_scripted_servers(flavour: Any, title: str) -> None:
    async with scripted_upstream(flavour=flavour) as upstream:
        found = await identify(f"{upstream.url}/v1")
    assert found is not None
    assert (found.url, found.dialect.name, found.title) == (upstream.url, flavour, title)


@pytest.mark.parametrize(
    ("answers", "name"),
    [
        (
            {
                "/v1/models": recorded_json("vllm", "get_v1_models"),
                "/version": recorded_json("vllm", "get_version"),
            },
            "vllm",
        ),
        (
            {
                "/v1/models": recorded_json("sglang", "get_v1_models"),
                "/model_info": recorded_json("sglang", "get_model_info"),
                "/api/tags": {"models": []},
                "/api/version": {"version": "0.5.23"},
            },
            "sglang",
        ),
        ({"/v1/models": recorded_json("sglang", "get_v1_models"), "/get_model_info": {"model_path": "x"}}, "sglang"),
        (
            {
                "/v1/models": recorded_json("llama-server", "get_v1_models"),
                "/props": recorded_json("llama-server", "get_props"),
                "/health": {"status": "ok"},
            },
            "llamacpp",
        ),
        ({"/v1/models": MODELS, "/api/version": {"version": "0.20.4"}}, "ollama"),
        ({"/v1/models": recorded_json("sglang-router", "get_v1_models")}, "generic"),
        # Behind a proxy that lets only /v1 through:
        ({"/v1/models": recorded_json("vllm", "get_v1_models")}, "vllm"),
        ({"/v1/models": recorded_json("sglang", "get_v1_models")}, "sglang"),
        ({"/v1/models": recorded_json("llama-server", "get_v1_models")}, "llamacpp"),
        # Things that are no objects, where some are expected:
        ({"/v1/models": MODELS, "/props": [1], "/version": "1", "/api/v0/models": {"data": [1]}}, "generic"),
    ],
)
async def test_recorded_answers(answers: Mapping[str, Any], name: str) -> None:
    async with a_site(answers) as url:
        found = await identify(url)
    assert found is not None
    assert found.dialect.name == name


async def test_lm_studio() -> None:
    models = {"data": [{"id": "m", "type": "llm", "state": "loaded", "max_context_length": 32768}]}
    async with a_site({"/v1/models": MODELS, "/api/v0/models": models}) as url:
        found = await identify(url)
    assert found is not None
    assert (found.title, found.dialect.models_path) == ("LM Studio", "/api/v0/models")


@pytest.mark.parametrize("owner", ["understudy", "vllm"])
async def test_one_of_ours_is_no_model_server(owner: str) -> None:
    """It lists the models of the servers behind it, with their owners."""
    models = {"data": [{"id": "m", "owned_by": owner}]}
    async with a_site({"/v1/models": models, "/health": {"service": "understudy", "status": "ok"}}) as url:
        assert await identify(url) is None


async def test_the_expensive_health_of_sglang_is_not_asked() -> None:
    asked: list[str] = []
    answers = {"/v1/models": recorded_json("sglang", "get_v1_models"), "/model_info": {"model_path": "x"}}
    async with a_site(answers, asked) as url:
        await identify(url)
    assert "/v1/models" in asked
    assert "/health" not in asked


async def test_a_website_is_no_model_server() -> None:
    async with a_site({"/": "hello", "/health": "ok"}) as url:
        assert await identify(url) is None


async def test_nobody_there() -> None:
    async with scripted_upstream() as upstream:
        await upstream.stop()
        assert await identify(upstream.url) is None


async def test_this_machine_is_searched_in_the_order_of_its_ports() -> None:
    async with (
        scripted_upstream(flavour="vllm") as first,
        scripted_upstream(flavour="sglang") as second,
        scripted_upstream() as gone,
        a_site({"/": "a website"}) as site,
    ):
        await gone.stop()
        urls = [second.url, site, gone.url, first.url]
        ports = [int(url.rpartition(":")[2]) for url in urls]
        found = await on_this_machine(ports=ports)
    assert [(each.url, each.dialect.name) for each in found] == [(second.url, "sglang"), (first.url, "vllm")]
