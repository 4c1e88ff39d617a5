"""Steps of a run: the page, the object, and only where they belong."""

import pytest

from proxy.errors import NotFound
from proxy.operations.steps import get_run_step, get_run_step_reasoning, list_run_steps
from proxy.operations.threads import create_thread
from proxy.schema.steps import ListStepsParams
from proxy.schema.threads import CreateThread
from proxy.services import Services
from proxy.store import Connection
from proxy.store.runs import insert_run
from proxy.store.steps import save_step
from tests.builders import a_run, a_step
from tests.operations.conftest import AWAY, HOME
from tests.operations.test_assistants import as_sent


async def test_steps(services: Services):
    thread = await create_thread(services, project=HOME, body=CreateThread())
    run, other = a_run(thread_id=thread.id), a_run(thread_id=thread.id)
    first, second = [a_step(run_id=run.id, thread_id=thread.id) for _ in range(2)]

    async def save(db: Connection) -> None:
        for each in (run, other):
            await insert_run(db, HOME, each, progress=b"{}", owner=None, lease_until=None)
        for step in (first, second):
            await save_step(db, HOME, step, reasoning="Hm." if step is first else None)

    await services.store.write(save)
    given = {"services": services, "project": HOME, "thread_id": thread.id}
    page = as_sent(await list_run_steps(**given, run_id=run.id, params=ListStepsParams()))
    assert page["data"] == [as_sent(second), as_sent(first)]
    assert as_sent(await list_run_steps(**given, run_id=other.id, params=ListStepsParams())) == {
        "object": "list",
        "data": [],
        "first_id": None,
        "last_id": None,
        "has_more": False,
    }
    assert as_sent(await get_run_step(**given, run_id=run.id, step_id=first.id)) == as_sent(first)

    for step, text in ((first, "Hm."), (second, None)):
        reasoning = await get_run_step_reasoning(**given, run_id=run.id, step_id=step.id)
        assert as_sent(reasoning) == {"object": "thread.run.step.reasoning", "step_id": step.id, "text": text}

    for wrong, missing in (
        ({"run_id": other.id}, first.id),
        ({"run_id": "run_1"}, "run_1"),
        ({"run_id": run.id, "thread_id": "thread_1"}, "thread_1"),
        ({"run_id": run.id, "project": AWAY}, thread.id),
    ):
        with pytest.raises(NotFound, match=missing):
            await get_run_step(**given | wrong, step_id=first.id)
        with pytest.raises(NotFound, match=missing):
            await get_run_step_reasoning(**given | wrong, step_id=first.id)
