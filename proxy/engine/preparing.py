"""From a stored run to its next turn and the request that the turn begins with."""

from collections.abc import Mapping

from msgspec import Struct

from adapters import Route
from adapters.chat import ChatRequest
from proxy.engine.history import Fitted, Material, fit, load, remember
from proxy.engine.images import read_images
from proxy.engine.parts import Parts
from proxy.engine.stopping import Stop, Stopped, Stopping
from proxy.ids import new_id
from proxy.runs import prompt
from proxy.runs.budgets import tokens_left
from proxy.runs.citing import sources_of
from proxy.runs.inputs import TokenBudget
from proxy.runs.searching import Offer, offer_of
from proxy.runs.truncation import budget
from proxy.runs.turn import Turn
from proxy.schema.runs import Run, RunStatus


class Prepared(Struct, frozen=True, kw_only=True):
    """A turn, and what its request is made of."""

    turn: Turn
    route: Route
    material: Material
    fitted: Fitted
    images: Mapping[str, str]
    used_up: TokenBudget | None
    search: Offer | None

    def request(self, model: str) -> ChatRequest:
        return prompt.build(
            self.material.run,
            model=model,
            history=[stored.message for stored in self.fitted.kept],
            steps=self.material.steps,
            own_messages=self.material.own_messages,
            images=self.images,
            max_tokens=self.fitted.answer_tokens,
            progress=self.material.progress,
        )


async def prepare(parts: Parts, run: Run, route: Route, *, stopping: Stopping, goes_on: bool) -> Prepared | None:
    """Read what the prompt is made of, in one hop; None when the run is gone, or was ended meanwhile.

    `goes_on` says that the run may be in progress: it is between two turns of this process.
    """
    # What its earlier turns used is known once the run is read: of the answer's tokens, all but one at most.
    context, tools = route.context_length, bool(run.tools)
    most = budget(
        context,
        max_prompt_tokens=run.max_prompt_tokens,
        answer_tokens=None if run.max_completion_tokens is None else 1,
        tools=tools,
    )
    material = await parts.store.read(lambda db: load(db, run.id, budget=most))
    if material is None:
        return None
    if material.run.status is RunStatus.CANCELLING:
        raise Stopped(Stop.CANCEL)
    resumes = goes_on and material.run.status is RunStatus.IN_PROGRESS
    if material.run.status is not RunStatus.QUEUED and not resumes:
        return None
    left = tokens_left(material.run, material.progress)
    room = budget(context, max_prompt_tokens=left.prompt, answer_tokens=left.completion, tools=tools)
    fitted = await stopping.interruptibly(fit(material, route, budget=room, answer_tokens=left.completion))
    if fitted.window_start is not None or fitted.counted:
        await parts.store.write(lambda db: remember(db, material, fitted))
    kept = [stored.message for stored in fitted.kept]
    reading = read_images(parts.store, parts.blobs, material.project, kept, now=parts.now())
    images = await stopping.interruptibly(reading)
    search = offer_of(material.run, material.progress)
    sources = sources_of(material.steps, messages=len(kept))
    return Prepared(
        turn=Turn(material.run, material.progress, new_id=new_id, search=search, sources=sources),
        route=route,
        material=material,
        fitted=fitted,
        images=images,
        used_up=left.used_up(fits=fitted.fits),
        search=search,
    )
