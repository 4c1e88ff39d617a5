"""All model servers as one: names, servers that come and go, several servers for one model."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from adapters import Upstreams, open_upstreams
from adapters.chat import ChatRequest, UserMessage
from adapters.errors import Broken, SpokeNonsense, UnknownModel, Unreachable
from adapters.member import Member
from adapters.upstream import Model
from compat_tests.scripted_upstream import ScriptedUpstream, close_mid_stream, error, refuse, scripted_upstream, text
from config.settings import ModelSettings, Settings, UpstreamSettings


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def upstreams_of(
    *servers: ScriptedUpstream, clock: Clock | None = None, **models: Any
) -> AsyncIterator[Upstreams]:
    now = clock or Clock()
    members = [Member(UpstreamSettings(url=server.url), now=now) for server in servers]
    upstreams = Upstreams(members, ModelSettings(**models), now=now)
    try:
        await upstreams.refresh()
        yield upstreams
    finally:
        await upstreams.aclose()


async def said(upstreams: Upstreams, name: str = "tiny", thread_id: str | None = None) -> str:
    route = await upstreams.resolve(name, thread_id=thread_id)
    request = ChatRequest(model=route.model, messages=(UserMessage("hello"),))
    async with route.upstream.stream(request) as stream:
        return "".join([chunk.text async for chunks in stream for chunk in chunks])


async def test_a_route() -> None:
    async with scripted_upstream(flavour="vllm", context=4096) as server, upstreams_of(server) as upstreams:
        route = await upstreams.resolve("gpt-4o-mini", thread_id="thread_1")
        assert (route.model, route.context_length, route.honours_parallel_tool_calls) == ("tiny", 4096, True)
        assert route.upstream.url == server.url
        assert await route.upstream.count_tokens("tiny", ["one two"]) == [2]
        assert [model.id for model in await route.upstream.models()] == ["tiny"]
        assert await said(upstreams) == "hello"
        assert server.requests[0]["model"] == "tiny"


async def test_the_context_length_of_the_settings_is_for_servers_that_do_not_tell() -> None:
    async with scripted_upstream(context=0) as server:
        settings = Settings(upstreams=[UpstreamSettings(url=server.url, context_length=5000)])
        upstreams = await open_upstreams(settings)
        assert (await upstreams.resolve("tiny")).context_length == 5000
        await upstreams.aclose()


async def test_a_name_that_nobody_has() -> None:
    async with scripted_upstream() as server, upstreams_of(server, allow_unknown=False) as upstreams:
        assert not upstreams.knows("whatever")
        assert upstreams.knows("tiny")
        assert upstreams.knows("gpt-4o")
        with pytest.raises(UnknownModel, match="whatever"):
            await upstreams.resolve("whatever")


async def test_no_server_at_all() -> None:
    async with scripted_upstream() as server:
        await server.stop()
        async with upstreams_of(server) as upstreams:
            with pytest.raises(Unreachable, match=server.url):
                await upstreams.resolve("tiny")
            assert upstreams.knows("whatever")  # nobody can say yet
            assert await upstreams.catalogue() == []
            assert "does not answer yet" in upstreams.found


async def test_a_server_that_comes_later_is_found() -> None:
    async with scripted_upstream(flavour="sglang") as server:
        await server.stop()
        clock = Clock()
        async with upstreams_of(server, clock=clock) as upstreams:
            await server.start()
            clock.now += 2
            assert await said(upstreams) == "hello"
            assert upstreams.found == f"SGLang at {server.url} serves tiny (2,048 tokens)"


async def test_a_model_that_comes_later_is_found_at_once() -> None:
    clock = Clock()
    async with scripted_upstream() as server, upstreams_of(server, clock=clock, allow_unknown=False) as upstreams:
        server.models.append("other")
        clock.now += 1
        assert (await upstreams.resolve("other")).model == "other"


async def test_a_name_falls_to_the_default_only_when_no_server_is_just_coming() -> None:
    async with scripted_upstream() as first, scripted_upstream(models=["other"]) as second:
        await second.stop()
        clock = Clock()
        async with upstreams_of(first, second, clock=clock) as upstreams:
            assert (await upstreams.resolve("other")).model == "tiny"
            await second.start()
            clock.now += 2
            assert (await upstreams.resolve("other")).model == "other"


async def test_models_are_not_asked_for_again_and_again() -> None:
    clock = Clock()
    async with scripted_upstream(flavour="vllm") as server, upstreams_of(server, clock=clock) as upstreams:
        asked = server.paths.count("GET /v1/models")
        for _ in range(20):
            await upstreams.resolve("gpt-4o")
            await upstreams.catalogue()
        assert server.paths.count("GET /v1/models") == asked
        clock.now += 31
        await upstreams.catalogue()
        assert server.paths.count("GET /v1/models") == asked + 1


async def test_a_server_that_changed_its_model() -> None:
    """The refusal makes its list wrong; the next request sees the new one."""
    clock = Clock()
    async with scripted_upstream(flavour="vllm") as server, upstreams_of(server, clock=clock) as upstreams:
        server.models[:] = ["other"]
        with pytest.raises(UnknownModel):
            await said(upstreams, "tiny")
        assert [model.id for model in await upstreams.catalogue()] == ["other"]
        assert await said(upstreams, "tiny") == "hello"


async def test_the_catalogue() -> None:
    aliases = {"house": "other", "gpt-4*": "tiny", "lost": "gone", "mine": "default", "tiny": "other"}
    async with (
        scripted_upstream() as first,
        scripted_upstream(models=["tiny", "other"], flavour="vllm") as second,
        upstreams_of(first, second, aliases=aliases) as upstreams,
    ):
        catalogue = await upstreams.catalogue()
    assert [(model.id, model.owned_by) for model in catalogue] == [
        ("tiny", "someone"),
        ("other", "vllm"),
        ("house", "vllm"),
        ("mine", "someone"),
    ]
    assert catalogue[2] == Model(id="house", context_length=2048, created=1795192703, owned_by="vllm")


async def test_health() -> None:
    async with (
        scripted_upstream(flavour="vllm") as well,
        scripted_upstream() as ill,
        upstreams_of(well, ill) as upstreams,
    ):
        await ill.stop()
        first, second = await upstreams.health()
    assert (first.url, first.dialect, first.ok, first.models, first.error) == (well.url, "vllm", True, ["tiny"], None)
    assert first.latency_ms is not None
    assert (second.url, second.ok, second.latency_ms, second.models) == (ill.url, False, None, ["tiny"])
    assert second.error is not None
    assert "cannot reach" in second.error


async def test_a_thread_stays_with_its_server() -> None:
    async with scripted_upstream() as first, scripted_upstream() as second, upstreams_of(first, second) as upstreams:
        threads = [f"thread_{number}" for number in range(20)]
        for _ in range(3):
            for thread in threads:
                await said(upstreams, thread_id=thread)
        counts = [len(first.requests), len(second.requests)]
        assert sum(counts) == 60
        assert all(count % 3 == 0 for count in counts)  # each thread always at the same one
        assert min(counts) > 0  # and threads at both


async def test_after_a_failover_the_thread_stays_where_it_went() -> None:
    clock = Clock()
    async with (
        scripted_upstream() as first,
        scripted_upstream() as second,
        upstreams_of(first, second, clock=clock) as upstreams,
    ):
        await said(upstreams, thread_id="thread_1")
        home, other = (first, second) if first.requests else (second, first)
        home.reply(error(500, "broken"))
        assert await said(upstreams, thread_id="thread_1") == "hello"
        assert (len(home.requests), len(other.requests)) == (2, 1)
        clock.now += 60  # home is well again, but the thread's prompt is in the other's cache
        await said(upstreams, thread_id="thread_1")
        assert (len(home.requests), len(other.requests)) == (2, 2)


async def test_a_failing_server_is_left_alone_for_a_while() -> None:
    clock = Clock()
    async with (
        scripted_upstream() as first,
        scripted_upstream() as second,
        upstreams_of(first, second, clock=clock) as upstreams,
    ):
        first.script([refuse()] * 10)
        for _ in range(5):
            assert await said(upstreams) == "hello"
        assert (len(first.requests), len(second.requests)) == (1, 5)
        first.script([])
        clock.now += 16
        assert await said(upstreams) == "hello"
        assert (len(first.requests), len(second.requests)) == (2, 5)


async def test_when_all_fail_the_last_failure_is_told() -> None:
    async with scripted_upstream() as first, scripted_upstream() as second, upstreams_of(first, second) as upstreams:
        first.reply(error(500, "first"))
        second.reply(error(500, "second"))
        with pytest.raises(Broken, match="second"):
            await said(upstreams)


async def test_nothing_is_tried_elsewhere_after_the_first_byte() -> None:
    clock = Clock()
    async with (
        scripted_upstream() as first,
        scripted_upstream() as second,
        upstreams_of(first, second, clock=clock) as upstreams,
    ):
        first.reply(close_mid_stream(after=1))
        with pytest.raises(SpokeNonsense):
            await said(upstreams)
        assert (len(first.requests), len(second.requests)) == (1, 0)
        assert await said(upstreams) == "hello"  # but the next request goes elsewhere
        assert (len(first.requests), len(second.requests)) == (1, 1)


async def test_the_smallest_context_of_several_servers_counts() -> None:
    async with (
        scripted_upstream(context=4096) as first,
        scripted_upstream(context=1024) as second,
        upstreams_of(first, second) as upstreams,
    ):
        assert (await upstreams.resolve("tiny")).context_length == 1024


async def test_without_settings_this_machine_is_searched() -> None:
    async with scripted_upstream(flavour="vllm") as server:
        port = int(server.url.rpartition(":")[2])
        upstreams = await open_upstreams(Settings(), local_ports=[port])
        assert upstreams.found == f"vLLM 0.32.0 at {server.url} serves tiny (2,048 tokens)"
        assert not upstreams.is_demo
        await upstreams.aclose()


async def test_without_any_server_the_demo_answers() -> None:
    upstreams = await open_upstreams(Settings(), local_ports=[])
    assert upstreams.is_demo
    assert "demo" in upstreams.found
    assert "you: hello" in await said(upstreams, "gpt-4o")
    assert [model.id for model in await upstreams.catalogue()] == ["demo"]
    assert [(each.url, each.dialect, each.ok) for each in await upstreams.health()] == [
        ("built-in demo model", "demo", True)
    ]
    await upstreams.aclose()


async def test_the_demo_may_be_asked_for() -> None:
    async with scripted_upstream() as server:
        wanted = [UpstreamSettings(url=server.url), UpstreamSettings(url="http://demo", dialect="demo")]
        upstreams = await open_upstreams(Settings(upstreams=wanted))
        assert not upstreams.is_demo
        assert [model.id for model in await upstreams.catalogue()] == ["tiny", "demo"]
        assert "demo model" in await said(upstreams, "demo")
        await upstreams.aclose()


async def test_a_dialect_that_was_told_is_not_asked_for() -> None:
    async with scripted_upstream(flavour="vllm") as server:
        settings = Settings(upstreams=[UpstreamSettings(url=server.url, dialect="sglang")])
        upstreams = await open_upstreams(settings)
        assert server.paths == ["GET /v1/models"]
        assert upstreams.found.startswith("SGLang at ")
        await upstreams.aclose()


async def test_answers_come_from_the_server_that_has_the_model() -> None:
    async with (
        scripted_upstream() as first,
        scripted_upstream(models=["other"]) as second,
        upstreams_of(first, second) as upstreams,
    ):
        second.reply(text("from the other"))
        assert await said(upstreams, "other") == "from the other"
        assert first.requests == []
