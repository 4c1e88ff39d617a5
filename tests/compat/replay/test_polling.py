"""Polls folded into few, and asked until the recorded state is there."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web

from compat_tests.client import Client
from compat_tests.exchange import Answer, Request
from compat_tests.replay.polling import folded, until_as_recorded, until_status
from tests.compat.replay.builders import RUN, RUNS, a_run, a_step, asked, begun, page, polled, says

Serve = Callable[[list[Any]], Client]


def test_polls_with_one_status_are_one() -> None:
    waited = [polled("queued"), *[polled("in_progress")] * 3, polled("completed")]
    found = list(folded([begun(), *waited]))
    assert [(ask.place, ask.folded, ask.is_poll) for ask in found] == [
        (0, 0, False),
        (1, 0, True),
        (4, 2, True),
        (5, 0, True),
    ]


def test_polls_of_two_rounds_stay_apart() -> None:
    submit = asked("POST", f"{RUNS}/{RUN}/submit_tool_outputs", a_run("queued"))
    found = list(folded([polled("requires_action"), submit, polled("requires_action")]))
    assert [ask.place for ask in found] == [0, 1, 2]


@pytest.mark.parametrize(
    "twice",
    [
        asked("GET", RUNS, page(a_run("completed"))),
        asked("POST", RUNS, a_run("queued")),
        asked("GET", f"{RUNS}/{RUN}", {"error": {}}, status=404),
    ],
)
def test_what_is_no_poll_is_asked_as_often(twice: Any) -> None:
    assert [ask.place for ask in folded([twice, twice])] == [0, 1]


@pytest.fixture
async def serve(aiohttp_server: Any) -> AsyncIterator[Callable[[list[Any]], Any]]:
    clients = []

    async def start(bodies: list[Any]) -> Client:
        left = list(bodies)

        async def answer(request: web.Request) -> web.Response:
            return web.json_response(left.pop(0) if len(left) > 1 else left[0])

        app = web.Application()
        app.router.add_get("/{path:.*}", answer)
        server = await aiohttp_server(app)
        clients.append(await Client(str(server.make_url("")), None).__aenter__())
        return clients[-1]

    yield start
    for client in clients:
        await client.__aexit__()


POLL = Request(method="GET", path=f"{RUNS}/{RUN}")


async def test_it_is_asked_until_the_status_is_there(serve: Any) -> None:
    client = await serve([a_run("queued"), a_run("in_progress"), a_run("completed")])
    answer = await until_as_recorded(client, POLL, Answer(status=200, body=a_run("in_progress")))
    assert answer.body["status"] == "in_progress"


async def test_what_is_over_is_not_waited_for(serve: Any) -> None:
    client = await serve([a_run("queued"), a_run("failed"), a_run("completed")])
    answer = await until_as_recorded(client, POLL, Answer(status=200, body=a_run("completed")))
    assert answer.body["status"] == "failed"


async def test_patience_has_an_end(serve: Any) -> None:
    client = await serve([a_run("in_progress")])
    answer = await until_as_recorded(client, POLL, Answer(status=200, body=a_run("completed")), patience_seconds=0.05)
    assert answer.body["status"] == "in_progress"


async def test_a_status_of_another_type_is_none(serve: Any) -> None:
    client = await serve([a_run("x") | {"status": {"is": "odd"}}])
    answer = await until_as_recorded(client, POLL, Answer(status=200, body=a_run("completed")), patience_seconds=0.05)
    assert answer.body["status"] == {"is": "odd"}


async def test_items_that_were_not_recorded_are_not_looked_at(serve: Any) -> None:
    client = await serve([page(a_run("queued", id="run_new"), a_run("completed"))])
    recorded = Answer(status=200, body=page(a_run("completed")))
    answer = await until_as_recorded(client, Request(method="GET", path=RUNS), recorded, but=["run_new"])
    assert len(answer.body["data"]) == 2


async def test_steps_come_one_by_one(serve: Any) -> None:
    step = a_step("step_1", says("msg_1"), status="in_progress")
    client = await serve([page(), page(), page(step)])
    recorded = Answer(status=200, body=page(step))
    answer = await until_as_recorded(client, Request(method="GET", path=f"{RUNS}/{RUN}/steps"), recorded)
    assert len(answer.body["data"]) == 1


async def test_any_of_several_statuses(serve: Any) -> None:
    client = await serve([a_run("queued"), a_run("expired")])
    assert (await until_status(client, POLL, {"completed", "expired"})).body["status"] == "expired"
