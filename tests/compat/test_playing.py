"""Playing cases: each kind of step, how it fails, what is left behind. Against a server that says what a test wants."""

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from compat_tests import playing
from compat_tests.case import Case, NamedCase, Need
from compat_tests.client import Client
from compat_tests.exchange import Answer, Request
from compat_tests.pattern import BadPattern
from compat_tests.playing import play
from compat_tests.result import Difference, Result
from compat_tests.scripted_upstream import ScriptedUpstream, scripted_upstream
from compat_tests.target import Servers, Target

Says = Callable[[web.Request], Awaitable[web.StreamResponse]]
ID = "thread_aaaaaaaaaaaaaaaaaaaaaaaa"


class Place:
    """The server, what it is to say at each address (the last of it again and again), and what it was asked."""

    def __init__(self, upstream: ScriptedUpstream) -> None:
        self.upstream = upstream
        self.target: Target
        self.asked: list[tuple[str, str, bytes, dict[str, str]]] = []
        self._answers: defaultdict[str, deque[Says]] = defaultdict(deque)

    def says(self, where: str, body: Any = None, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        async def answer(_: web.Request) -> web.Response:
            if isinstance(body, str):
                return web.Response(text=body, status=status, headers=headers)
            return web.json_response(body, status=status, headers=headers)

        self._answers[where].append(answer)

    def streams(self, where: str, *events: tuple[str, Any] | asyncio.Event) -> None:
        """Events, and what is waited for between them."""

        async def answer(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            for each in events:
                if isinstance(each, asyncio.Event):
                    await each.wait()
                else:
                    data = each[1] if isinstance(each[1], str) else json.dumps(each[1])
                    await response.write(f"event: {each[0]}\ndata: {data}\n\n".encode())
            return response

        self._answers[where].append(answer)

    def asks_the_model(self, where: str, *says: str) -> None:
        """Each time, the model server is asked for these, one after the other; its answers together are the answer."""

        async def answer(_: web.Request) -> web.Response:
            async with aiohttp.ClientSession() as session:
                said = ""
                for each in says:
                    body = {"model": "tiny", "messages": [{"role": "user", "content": each}]}
                    async with session.post(f"{self.upstream.url}/v1/chat/completions", json=body) as response:
                        said += (await response.json())["choices"][0]["message"]["content"]
            return web.json_response({"said": said})

        self._answers[where].append(answer)

    def breaks(self, where: str) -> None:
        async def answer(request: web.Request) -> web.Response:
            assert request.transport is not None
            request.transport.close()
            return web.Response()

        self._answers[where].append(answer)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append((request.method, request.path_qs, await request.read(), headers))
        answers = self._answers[f"{request.method} {request.path}"]
        if not answers:
            return web.json_response({"error": {"message": "Nobody is here."}}, status=404)
        says = answers.popleft() if len(answers) > 1 else answers[0]
        return await says(request)

    @property
    def paths(self) -> list[str]:
        return [f"{method} {path}" for method, path, *_ in self.asked]

    async def play(self, steps: Sequence[Any], target: Target | None = None, **case: Any) -> Result:
        given = {"requirement": "It is as it is.", "source": "ours: a test", "steps": steps, **case}
        named = NamedCase(resource="places", slug="as-it-is", case=msgspec.convert(given, Case))
        return await play(named, target or self.target)


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with scripted_upstream() as upstream, a_place(upstream) as place:
        yield place


@asynccontextmanager
async def a_place(upstream: ScriptedUpstream) -> AsyncIterator[Place]:
    place = Place(upstream)
    app = web.Application(client_max_size=2**24)
    app.router.add_route("*", "/{path:.*}", place.answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.05, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with Client(f"http://127.0.0.1:{runner.addresses[0][1]}/v1", "key-1", timeout_seconds=5) as client:
            place.target = Target(client=client, upstream=upstream, is_ours=False)
            yield place
    finally:
        await runner.cleanup()


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here takes long; what never comes is not waited for."""
    monkeypatch.setattr(playing, "PATIENCE_SECONDS", 0.3)


def ask(path: str = "/v1/it", method: str = "GET", **given: Any) -> dict[str, Any]:
    return {"method": method, "path": path, **given}


def found(result: Result) -> list[str]:
    return [each.path for each in result.all_differences]


# Asking


async def test_passed(place: Place) -> None:
    place.says("GET /v1/it", {"a": 1})
    result = await place.play([{"ask": ask(), "expect": {"body": {"a": 1}}}], tags=["endpoint:GET /v1/it"])
    assert (result.outcome, result.reason, result.slug, result.kind) == ("passed", "", "places/as-it-is", "case")
    assert (result.title, result.tags, result.resource) == ("It is as it is.", ("endpoint:GET /v1/it",), "places")
    (asked,) = result.asked
    assert (asked.title, asked.answer and asked.answer.body) == ("1. GET /v1/it", {"a": 1})
    assert result.seconds > 0


@dataclass(frozen=True, kw_only=True)
class Sent:
    ask: dict[str, Any]
    path: str = "/v1/it"
    body: bytes = b""
    headers: tuple[tuple[str, str | None], ...] = ()
    """None: not there."""


@pytest.mark.parametrize(
    "sent",
    [
        Sent(ask=ask(), headers=(("authorization", "Bearer key-1"), ("openai-beta", "assistants=v2"))),
        Sent(ask=ask(), headers=(("content-type", None),)),
        Sent(ask=ask(headers={"authorization": None, "openai-beta": None}), headers=(("authorization", None),)),
        Sent(ask=ask(headers={"openai-beta": None}), headers=(("openai-beta", None),)),
        Sent(ask=ask(headers={"api-key": "${model}"}), headers=(("api-key", "tiny"),)),
        Sent(ask=ask("/v1/${model}"), path="/v1/tiny"),
        Sent(ask=ask(query={"a": "${model}", "b": ["1", "2"]}), path="/v1/it?a=tiny&b=1&b=2"),
        Sent(ask=ask("/v1/it?a=%5B%2A%5D"), path="/v1/it?a=%5B%2A%5D"),
        Sent(
            ask=ask(method="POST", body={"model": "${model}", "é": None}),
            body='{"model": "tiny", "é": null}'.encode(),
            headers=(("content-type", "application/json"),),
        ),
        Sent(ask=ask(method="POST", body=None), body=b""),
        Sent(ask=ask(method="POST", text="{no JSON ${model}"), body=b"{no JSON ${model}"),
        Sent(ask=ask(method="POST", text=""), body=b"", headers=(("content-type", "application/json"),)),
        Sent(ask=ask(method="DELETE"), headers=(("content-type", None),)),
    ],
)
async def test_sent_as_it_stands(place: Place, sent: Sent) -> None:
    await place.play([{"ask": sent.ask, "expect": {"status": 404}}])
    ((method, path, body, headers),) = place.asked
    assert (method, path, body) == (sent.ask["method"], sent.path, sent.body)
    assert [(name, headers.get(name)) for name, _ in sent.headers] == list(sent.headers)


async def test_a_form(place: Place) -> None:
    parts = [
        {"name": "purpose", "text": "for ${model}"},
        {"name": "file", "base64": "AAEC/w==", "filename": "Fahrplan.pdf", "content_type": "application/pdf"},
        {"name": "file", "repeat": ["ab\n", 3], "filename": "long.txt"},
    ]
    await place.play([{"ask": ask(method="POST", form=parts), "expect": {"status": 404}}])
    ((_, _, body, headers),) = place.asked
    assert headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'name="purpose"\r\n\r\nfor tiny\r\n' in body
    assert b'filename="Fahrplan.pdf"' in body
    assert b"\r\n\r\n\x00\x01\x02\xff\r\n" in body
    assert b"\r\n\r\nab\nab\nab\n\r\n" in body


@pytest.mark.parametrize(
    ("expect", "path"),
    [
        ({"status": 404}, "status"),
        ({"body": {"a": 2}}, "body.a"),
        ({"headers": {"x-request-id": "req_2"}}, "headers.x-request-id"),
        ({"headers": {"x-gone": {"$type": "string"}}}, "headers.x-gone"),
        ({"headers": {"x-request-id": {"$absent": True}}}, "headers.x-request-id"),
        ({"text": "a"}, "body"),
        ({"events": []}, "events"),
    ],
)
async def test_an_answer_that_differs(place: Place, expect: dict[str, Any], path: str) -> None:
    place.says("GET /v1/it", {"a": 1}, headers={"X-Request-Id": "req_1"})
    result = await place.play([{"ask": ask(), "expect": expect}, {"ask": ask()}])
    assert (result.outcome, result.reason) == ("failed", "stopped at step 1 of 2")
    assert found(result) == [path]
    assert len(place.asked) == 1


async def test_answers_that_fit(place: Place) -> None:
    place.says("GET /v1/it", {"a": 1}, headers={"X-Request-Id": "req_1"})
    place.says("GET /v1/gone", {"error": "No."}, status=404)
    place.says("GET /v1/words", "Nächster Halt:\n")
    steps = [
        {"ask": ask(), "expect": {"headers": {"x-request-id": {"$matches": "req_."}, "x-gone": {"$absent": True}}}},
        {"ask": ask("/v1/gone"), "expect": {"status": 404, "body": {"error": "No."}}},
        {"ask": ask("/v1/words"), "expect": {"text": "Nächster Halt:\n"}},
    ]
    assert found(await place.play(steps)) == []


async def test_what_was_captured_is_used_later(place: Place) -> None:
    place.says("GET /v1/it", {"id": ID})
    place.says(f"GET /v1/{ID}", {"of": ID})
    captured = {"ask": ask(), "expect": {"body": {"id": {"$capture": "thread"}}}}
    result = await place.play(
        [{"ask": ask("/v1/${thread}"), "expect": {"body": {"of": "${thread}"}}}], setup=[captured]
    )
    assert (result.outcome, place.paths[:2]) == ("passed", ["GET /v1/it", f"GET /v1/{ID}"])


async def test_no_answer(place: Place) -> None:
    place.breaks("GET /v1/it")
    result = await place.play([{"ask": ask()}])
    (difference,) = result.all_differences
    assert (difference.path, difference.got.startswith("no answer: ")) == ("status", True)
    assert result.asked[0].answer is None


async def test_asked_again_until_it_fits(place: Place) -> None:
    for status in ("queued", "queued", "completed"):
        place.says("GET /v1/it", {"status": status, "left": 0})
    until = {"ask": ask(), "until": {"$includes": {"status": "completed"}}}
    assert found(await place.play([{**until, "expect": {"body": {"status": "completed", "left": 0}}}])) == []
    assert len(place.asked) == 3


async def test_asked_again_in_vain(place: Place) -> None:
    place.says("GET /v1/it", {"status": "queued"})
    until = {"ask": ask(), "until": {"status": "completed"}, "expect": {"body": {"status": "completed"}}}
    assert found(await place.play([until])) == ["body.status"]
    assert len(place.asked) > 2


# Streams

TWO = (("begun", {"n": 1}), ("piece", {"t": {"v": "At "}}), ("piece", {"t": {"v": "5:42"}}), ("done", "[DONE]"))
JOINED = "events[1..2].data.t.v (joined)"
PIECES: dict[str, Any] = {"event": "piece", "repeated": True}


@pytest.mark.parametrize(
    ("events", "where"),
    [
        ([{"event": "begun"}, {"event": "piece"}, {"event": "piece"}, {"event": "done"}], []),
        ([{"event": "begun", "data": {"n": 1}}, PIECES, {"event": "done", "data": "[DONE]"}], []),
        ([{"event": "begun"}, {**PIECES, "joins": {"t.v": "At 5:42"}}, {"event": "done"}], []),
        ([{"event": "begun"}, {**PIECES, "data": {"t": {"v": "At "}}}, {"event": "done"}], ["events[2].data.t.v"]),
        ([{"event": "begun"}, PIECES, {"event": "piece", "data": {"t": {"v": "5:42"}}}, {"event": "done"}], []),
        ([{"event": "begun"}, {**PIECES, "joins": {"t.v": "At 5"}}, {"event": "done"}], [JOINED]),
        ([{"event": "begun"}, {**PIECES, "joins": {"t.0": "", "t.v.w": ""}}, {"event": "done"}], []),
        ([{"event": "begun", "data": {"n": 2}}, PIECES, {"event": "done"}], ["events[0].data.n"]),
        ([{"event": "begun"}, {"event": "piece"}, {"event": "done"}], ["events[2]"]),
        ([{"event": "begun"}, PIECES], ["events[3]"]),
        ([{"event": "begun"}, PIECES, {"event": "done"}, {"event": "more"}], ["events[4]"]),
        ([{"event": "piece"}, {"event": "begun"}], ["events[0]"]),
        ([], ["events[0]"]),
    ],
)  # fmt: skip
async def test_events(place: Place, events: list[dict[str, Any]], where: list[str]) -> None:
    place.streams("GET /v1/it", *TWO)
    assert found(await place.play([{"ask": ask(), "expect": {"events": events}}])) == where


async def test_a_stream_in_the_background(place: Place) -> None:
    middle, end = asyncio.Event(), asyncio.Event()
    place.streams("GET /v1/it", TWO[0], TWO[1], middle, TWO[2], end, TWO[3])
    place.says("GET /v1/middle", {})
    place.says("GET /v1/end", {})
    # The addresses open what the stream waits for.
    for where, event in (("GET /v1/middle", middle), ("GET /v1/end", end)):
        place._answers[where].appendleft(opening(event, place._answers[where].pop()))
    steps = [
        {"ask": ask(), "in_background": "stream"},
        {"seen": {"stream": "piece"}, "ask": ask("/v1/middle")},
        {"seen": {"stream": 3}, "ask": ask("/v1/end")},
        {"finish": "stream", "expect": {"events": [{"event": "begun"}, PIECES, {"event": "done"}]}},
    ]
    result = await place.play(steps)
    assert (result.outcome, result.reason) == ("passed", "")
    assert [each.title for each in result.asked] == ["2. GET /v1/middle", "3. GET /v1/end", "4. GET /v1/it"]


def opening(event: asyncio.Event, says: Says) -> Says:
    async def answer(request: web.Request) -> web.StreamResponse:
        event.set()
        return await says(request)

    return answer


@pytest.mark.parametrize("wanted", ["completed", 5])
async def test_events_that_never_come(place: Place, wanted: Any) -> None:
    """The stream has ended, or is no stream: nothing more is waited for."""
    place.streams("GET /v1/it", *TWO)
    result = await place.play([{"ask": ask(), "in_background": "it"}, {"seen": {"it": wanted}, "ask": ask()}])
    assert (result.outcome, found(result)) == ("failed", ["step 2"])
    assert result.all_differences[0].got == "begun, piece, piece, done"
    assert len(place.asked) == 1


async def test_a_refusal_in_the_background(place: Place) -> None:
    place.says("GET /v1/it", {"error": "No."}, status=400)
    steps = [{"ask": ask(), "in_background": "it"}, {"seen": {"it": 1}, "ask": ask()}]
    result = await place.play(steps)
    assert result.all_differences[0].got == "no event"
    assert result.seconds < playing.PATIENCE_SECONDS


async def test_a_stream_that_nobody_finishes(place: Place) -> None:
    place.streams("GET /v1/it", TWO[0], asyncio.Event())
    place.says("GET /v1/other", {})
    steps = [{"ask": ask(), "in_background": "it"}, {"seen": {"it": 1}, "ask": ask("/v1/other")}]
    async with asyncio.timeout(3):
        assert (await place.play(steps)).outcome == "passed"


# The model server


async def test_told(place: Place) -> None:
    place.asks_the_model("GET /v1/it", "one", "two")
    steps = [
        {"ask": ask(), "expect": {"body": {"said": "Yes. No."}}},
        {"told": {"$includes": {"model": "tiny", "messages": [{"role": "user", "content": "one"}]}}},
        {"told": {"$includes": {"messages": [{"role": "user", "content": "two"}]}}},
    ]
    for _ in range(2):  # what was told before counts for nobody
        assert found(await place.play(steps, upstream=[{"say": "Yes. "}, {"say": "No."}])) == []


async def test_told_something_else(place: Place) -> None:
    place.asks_the_model("GET /v1/it", "one")
    result = await place.play([{"ask": ask()}, {"told": {"$includes": {"model": "big"}}}, {"ask": ask()}], upstream=[])
    assert (found(result), result.reason) == (["step 2, request to the model.model"], "stopped at step 2 of 3")


async def test_told_nothing(place: Place) -> None:
    place.says("GET /v1/it", {})
    assert found(await place.play([{"ask": ask()}, {"told": {"$type": "object"}}])) == ["model"]


async def test_a_reply_nobody_asked_for(place: Place) -> None:
    place.asks_the_model("GET /v1/it", "one")
    result = await place.play([{"ask": ask()}], upstream=[{"say": "One."}, {"say": "Two."}])
    (difference,) = result.all_differences
    assert (difference.path, difference.expected, difference.got) == ("model", "2 requests", "1 requests")
    assert place.upstream.unanswered == 0


async def test_what_is_captured_can_be_said(place: Place) -> None:
    place.says("GET /v1/name", {"name": "Moor End"})
    place.asks_the_model("GET /v1/it", "one")
    steps = [
        {"ask": ask("/v1/name"), "expect": {"body": {"name": {"$capture": "name"}}}},
        {"ask": ask(), "expect": {"body": {"said": "To Moor End."}}},
    ]
    assert found(await place.play(steps, upstream=[{"say": ["To ", "${name}."]}])) == []


async def test_a_gate(place: Place) -> None:
    place.asks_the_model("GET /v1/it", "one")
    place.says("GET /v1/other", {})
    steps = [
        {"ask": ask(), "in_background": "it"},
        {"told": {"$type": "object"}},
        {"ask": ask("/v1/other")},
        {"open": "signal"},
        {"finish": "it", "expect": {"body": {"said": "One two."}}},
    ]
    wait = {"gate": "signal", "after": 1}
    result = await place.play(steps, upstream=[{"say": "One two.", "wait": wait}])
    assert (result.outcome, [each.title[:2] for each in result.asked]) == ("passed", ["3.", "5."])


async def test_a_gate_that_nobody_opens(place: Place) -> None:
    """It is opened when the case is over: nothing may hang for its sake."""
    place.asks_the_model("GET /v1/it", "one")
    steps = [{"ask": ask(), "in_background": "it"}, {"told": {"$type": "object"}}]
    async with asyncio.timeout(3):
        result = await place.play(steps, upstream=[{"say": "One", "wait": {"gate": "never", "after": 0}}])
    assert result.outcome == "passed"


# Cases that are not played, or cannot be


async def test_a_case_for_a_scripted_model_server(place: Place) -> None:
    place.says("GET /v1/it", {})
    alone = Target(client=place.target.client, upstream=None, is_ours=False)
    result = await place.play([{"ask": ask()}], alone, upstream=[])
    assert (result.outcome, result.asked, "model server" in result.reason) == ("skipped", (), True)
    assert (await place.play([{"ask": ask()}], alone)).outcome == "passed"


async def test_a_case_for_a_special_server(place: Place) -> None:
    place.says("GET /v1/it", {})
    needs: list[Need] = ["short-expiry", "one-run-at-a-time"]
    result = await place.play([{"ask": ask()}], needs=needs)
    assert (result.outcome, result.asked) == ("skipped", ())
    assert result.reason == "needs a server that is set up for it: one-run-at-a-time, short-expiry"
    special = Target(client=place.target.client, upstream=None, is_ours=False, provides=frozenset(needs))
    assert (await place.play([{"ask": ask()}], special, needs=needs)).outcome == "passed"


@pytest.mark.parametrize(
    ("step", "case"),
    [
        ({"ask": ask("/v1/${nobody}")}, {}),
        ({"ask": ask(), "expect": {"body": {"$tpye": "string"}}}, {}),
        ({"ask": ask(method="POST", form=[{"name": "file"}])}, {}),
    ],
)
async def test_what_cannot_be_meant(place: Place, step: dict[str, Any], case: dict[str, Any]) -> None:
    place.says("GET /v1/it", {})
    with pytest.raises(BadPattern):
        await place.play([step], **case)


@pytest.mark.parametrize(
    "step", [{}, {"ask": {"method": "GET"}}, {"ask": ask(), "wait": 3}, {"disk": "half"}, {"ask": ask(method="LOOK")}]
)
def test_what_is_no_step(step: dict[str, Any]) -> None:
    given = {"requirement": "It is.", "source": "ours: a test", "steps": [step] if step else step}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(given, Case)


# Inspection and cleaning


async def test_every_answer_is_inspected(place: Place) -> None:
    place.says("GET /v1/it", {"a": 1})
    place.streams("GET /v1/stream", *TWO)
    seen: list[str] = []

    def inspect(request: Request, answer: Answer) -> list[Difference]:
        seen.append(request.path)
        return [Difference(path="headers", expected="more", got="less")] if answer.is_stream else []

    steps = [{"ask": ask()}, {"ask": ask("/v1/stream")}, {"ask": ask()}]
    given = {"requirement": "It is.", "source": "ours: a test", "steps": steps}
    named = NamedCase(resource="places", slug="inspected", case=msgspec.convert(given, Case))
    result = await play(named, place.target, inspect)
    assert seen == ["/v1/it", "/v1/stream"]
    assert (found(result), result.reason) == (["headers"], "stopped at step 2 of 3")


def made(kind: str, id: str, **more: Any) -> dict[str, Any]:
    return {"object": kind, "id": id, **more}


async def test_what_was_made_is_deleted_newest_first(place: Place) -> None:
    place.says("POST /v1/assistants", made("assistant", "asst_1"))
    place.says("POST /v1/threads", made("thread", "thread_1"))
    place.says("POST /v1/threads/runs", made("thread.run", "run_1", thread_id="thread_2"))
    place.streams("POST /v1/stream", ("thread.created", made("thread", "thread_3")), ("done", "[DONE]"))
    place.says("GET /v1/threads/thread_9", made("thread", "thread_9"))
    place.says("POST /v1/refused", made("thread", "thread_8"), status=400)
    paths = ("/v1/assistants", "/v1/threads", "/v1/threads/runs", "/v1/stream")
    steps: list[dict[str, Any]] = [{"ask": ask(path, "POST")} for path in paths]
    steps += [{"ask": ask("/v1/threads/thread_9")}, {"ask": ask("/v1/refused", "POST"), "expect": {"status": 400}}]
    await place.play([*steps, {"ask": ask("/v1/nowhere")}])  # which fails
    assert place.paths[-4:] == [
        "DELETE /v1/threads/thread_3",
        "DELETE /v1/threads/thread_2",
        "DELETE /v1/threads/thread_1",
        "DELETE /v1/assistants/asst_1",
    ]
    assert sum(path.startswith("DELETE") for path in place.paths) == 4


async def test_what_cannot_be_deleted_is_left(place: Place) -> None:
    place.says("POST /v1/threads", made("thread", "thread_1"))
    place.breaks("DELETE /v1/threads/thread_1")
    assert (await place.play([{"ask": ask("/v1/threads", "POST")}])).outcome == "passed"


# Servers that are set up for a case


@pytest.mark.asyncio(loop_scope="session")
async def test_servers_are_started_once(servers: Servers) -> None:
    plain, short = await servers.of(()), await servers.of(["short-expiry"])
    assert plain is await servers.of([])
    assert short is await servers.of(("short-expiry",))
    assert (len(plain.provides), list(short.provides)) == (0, ["short-expiry"])
    assert plain.client.base_url != short.client.base_url
    assert plain.upstream is not short.upstream


@pytest.mark.asyncio(loop_scope="session")
async def test_a_full_disk(servers: Servers) -> None:
    target = await servers.of(["full-disk"])
    if "full-disk" not in target.provides:
        pytest.skip("only Linux lets another process's writes be stopped")
    create = Request(method="POST", path="/v1/threads", body={})
    target.fill_disk(True)
    try:
        assert (await target.client.ask(create)).status == 500
    finally:
        target.fill_disk(False)
    answer = await target.client.ask(create)
    assert answer.status == 200
    await target.client.ask(Request(method="DELETE", path=f"/v1/threads/{answer.body['id']}"))
