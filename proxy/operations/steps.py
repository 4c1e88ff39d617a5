"""Run steps: list, look at, and see what the model thought."""

from typing import Final

from msgspec import Raw

from proxy.errors import not_found
from proxy.schema.pages import Page
from proxy.schema.steps import IncludeParams, ListStepsParams, StepReasoning
from proxy.services import Services
from proxy.store import Connection, runs, steps, threads

_BARE: Final = IncludeParams()


async def list_run_steps(
    services: Services, *, project: str, thread_id: str, run_id: str, params: ListStepsParams
) -> Page:
    async def read(db: Connection) -> Page:
        await _check_run(db, project, thread_id, run_id)
        return await steps.list_steps(db, project, thread_id, run_id, params, contents=params.contents)

    return await services.store.read(read)


async def get_run_step(
    services: Services, *, project: str, thread_id: str, run_id: str, step_id: str, params: IncludeParams = _BARE
) -> Raw:
    async def read(db: Connection) -> Raw:
        step = await steps.step_json(db, project, thread_id, run_id, step_id, contents=params.contents)
        if step is None:
            await _check_run(db, project, thread_id, run_id)
            raise not_found("run step", step_id)
        return step

    return await services.store.read(read)


async def get_run_step_reasoning(
    services: Services, *, project: str, thread_id: str, run_id: str, step_id: str
) -> StepReasoning:
    """Ours: for operators. The API has no place for it."""

    async def read(db: Connection) -> StepReasoning:
        reasoning = await steps.step_reasoning(db, project, thread_id, run_id, step_id)
        if reasoning is None:
            await _check_run(db, project, thread_id, run_id)
            raise not_found("run step", step_id)
        return reasoning

    return await services.store.read(read)


async def _check_run(db: Connection, project: str, thread_id: str, run_id: str) -> None:
    if await threads.thread_state(db, project, thread_id) is None:
        raise not_found("thread", thread_id)
    if await runs.run_json(db, project, thread_id, run_id) is None:
        raise not_found("run", run_id)
