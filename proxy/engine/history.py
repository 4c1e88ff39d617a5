"""Reading what a run's next prompt is made of, at a cost that the window sets and the thread's length does not."""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from adapters import Route
from adapters.chat import encode_messages
from proxy.runs import truncation
from proxy.runs.progress import RunProgress, decode_progress
from proxy.runs.prompt import text_of, this_run
from proxy.runs.searching import MOST_TOKENS, function_of, has_search, offer_of
from proxy.runs.truncation import IMAGE_TOKENS, TEMPLATE_TOKENS, Weighed, choose, most_tokens
from proxy.schema.messages import ImageFileContent, ImageURLContent, Message
from proxy.schema.runs import Run
from proxy.schema.steps import MessageCreationDetails, RunStep
from proxy.store import messages, runs, steps, threads
from proxy.store.database import Connection
from proxy.store.messages import StoredMessage

PAGE: Final = 100
_FEWEST_BYTES_OF_A_TOKEN: Final = 8
"""Used to know when enough has been read: a longer average token is not seen in any language or code."""


class Material(Struct, frozen=True, kw_only=True):
    """A stored run and all that its next prompt can draw on."""

    run: Run
    project: str
    progress: RunProgress
    steps: list[RunStep]
    own_messages: Mapping[str, Message]
    newest_first: list[StoredMessage]
    reaches_start: bool


class Fitted(Struct, frozen=True, kw_only=True):
    kept: list[StoredMessage]
    """Oldest first."""
    window_start: int | None
    """Where the thread's window moves to, if it moves."""
    fits: bool
    """Whether the prompt is within its budget. The newest message is kept even where it is not."""
    counted: dict[str, int]
    """Tokens that were counted on the way, by message id, to be stored beside the messages."""
    answer_tokens: int | None
    """The client's limit for the answer, lowered to what the prompt leaves: SGLang refuses what vLLM would clamp."""


async def load(db: Connection, run_id: str, *, budget: int | None) -> Material | None:
    """Everything in one read; None when the run is gone with its thread."""
    stored = await runs.load_run(db, run_id)
    if stored is None:
        return None
    run = stored.run
    state = await threads.thread_state(db, stored.project, run.thread_id)
    if state is None:
        return None
    own_steps = await steps.steps_of_run(db, run_id)
    own: dict[str, Message] = {}
    for step in own_steps:
        if isinstance(step.step_details, MessageCreationDetails):
            message_id = step.step_details.message_creation.message_id
            message = await messages.find_message(db, stored.project, run.thread_id, message_id)
            if message is not None:
                own[message_id] = message
    wanted = run.truncation_strategy.last_messages if run.truncation_strategy.type == "last_messages" else None
    newest_first, reaches_start = await _read_back(
        db, run, from_seq=0 if wanted else state.window_start, wanted=wanted, budget=budget
    )
    return Material(
        run=run,
        project=stored.project,
        progress=decode_progress(stored.progress),
        steps=own_steps,
        own_messages=own,
        newest_first=newest_first,
        reaches_start=reaches_start,
    )


async def _read_back(
    db: Connection, run: Run, *, from_seq: int, wanted: int | None, budget: int | None
) -> tuple[list[StoredMessage], bool]:
    """Messages from the newest back, until the window's start, the client's wish or more than any budget holds."""
    found: list[StoredMessage] = []
    fewest = 0
    while True:
        limit = PAGE if wanted is None else min(PAGE, wanted - len(found))
        page = await messages.newest_messages(
            db,
            run.thread_id,
            from_seq=from_seq,
            below_seq=found[-1].seq if found else None,
            limit=limit,
            not_of_run=run.id,
        )
        found.extend(page)
        if len(page) < limit or len(found) == wanted:
            return found, True
        fewest += sum(
            len(text_of(stored.message)) // _FEWEST_BYTES_OF_A_TOKEN if stored.tokens is None else stored.tokens
            for stored in page
        )
        if budget is not None and fewest > budget:
            return found, False


async def fit(material: Material, route: Route, *, budget: int | None, answer_tokens: int | None) -> Fitted:
    """Choose what fits. Tokens are counted only when the most they could be would not fit, and then once a message."""
    newest_first = material.newest_first
    most = _most(material)
    context = route.context_length
    of_context = truncation.budget(
        context, max_prompt_tokens=None, answer_tokens=answer_tokens, tools=bool(material.run.tools)
    )
    answer_fits = answer_tokens is None or context is None or most + answer_tokens <= context
    if (budget is None or (material.reaches_start and most <= budget)) and answer_fits:
        return Fitted(kept=newest_first[::-1], window_start=None, fits=True, counted={}, answer_tokens=answer_tokens)
    counted, fixed = await _count(material, route)
    weights = [
        Weighed(seq=stored.seq, tokens=_tokens(stored, counted) + _image_tokens(stored.message))
        for stored in newest_first
    ]
    window = choose(
        weights,
        budget=None if budget is None else budget - fixed,
        reaches_start=material.reaches_start,
        slides=_slides(material.run),
        # What was searched for is in the prompts of this run only, and may take half of them.
        lasts=budget == of_context and not any(map(has_search, material.steps)),
    )
    used = fixed + sum(weight.tokens for weight in weights[: window.kept])
    if answer_tokens is not None and context is not None:
        answer_tokens = max(1, min(answer_tokens, context - used))
    return Fitted(
        kept=newest_first[: window.kept][::-1],
        window_start=window.start,
        fits=budget is None or used <= budget,
        counted=counted,
        answer_tokens=answer_tokens,
    )


def halved(material: Material, fitted: Fitted) -> Fitted | None:
    """The newer half, for a model server that says the prompt is too long for it after all; None when one is left."""
    if len(fitted.kept) < 2:
        return None
    kept = fitted.kept[len(fitted.kept) // 2 :]
    return replace(fitted, kept=kept, window_start=None if _slides(material.run) else kept[0].seq, counted={})


async def remember(db: Connection, material: Material, fitted: Fitted) -> None:
    """Keep what was counted, and where the thread's window begins now."""
    await messages.save_token_counts(db, fitted.counted)
    if fitted.window_start is not None:
        await threads.move_window(db, material.run.thread_id, fitted.window_start)


def _slides(run: Run) -> bool:
    return run.truncation_strategy.type == "last_messages"


def _most(material: Material) -> int:
    said = sum(most_tokens(text_of(stored.message)) + _image_tokens(stored.message) for stored in material.newest_first)
    return said + sum(most_tokens(text) for text in _fixed_texts(material)) + TEMPLATE_TOKENS


async def _count(material: Material, route: Route) -> tuple[dict[str, int], int]:
    """The tokens of messages that nobody had counted, by id, and of all that stays in the prompt."""
    unknown = [stored.message for stored in material.newest_first if stored.tokens is None]
    texts = [*(text_of(message) for message in unknown), *_fixed_texts(material)]
    counts = [count + TEMPLATE_TOKENS for count in await route.upstream.count_tokens(route.model, texts)]
    of_messages, of_fixed = counts[: len(unknown)], counts[len(unknown) :]
    counted = {message.id: count for message, count in zip(unknown, of_messages, strict=True)}
    return counted, sum(of_fixed) + TEMPLATE_TOKENS


def _fixed_texts(material: Material) -> list[str]:
    """What stays in the prompt whatever is left out: instructions, tools, and this run's own turns."""
    run = material.run
    texts = [run.instructions] if run.instructions else []
    if run.tools:
        # With a space after each colon and comma, as templates write it.
        texts.append(msgspec.json.format(msgspec.json.encode(run.tools), indent=0).decode())
    offer = offer_of(run, material.progress)
    if offer is not None:
        texts.append(msgspec.json.encode(function_of(offer)).decode())
        # As they are shown, because their steps hold more.
        found = replace(material.progress, searches_first=False)
        said = this_run(run, material.steps, material.own_messages, found)
        return [*texts, *(encode_messages((message,)).decode() for message in said)]
    texts.extend(text_of(message) for message in material.own_messages.values())
    texts.extend(
        msgspec.json.encode(step.step_details).decode() for step in material.steps if step.type == "tool_calls"
    )
    return texts


async def room_for_results(material: Material, route: Route, *, budget: int | None) -> int:
    """Tokens of search results that the next prompt has room for, beside the newest message and what always stays.

    Never more than half of the prompt: what the thread has said is worth something, too.
    """
    if budget is None or _most(material) + MOST_TOKENS <= budget // 2:
        return MOST_TOKENS
    counted, fixed = await _count(material, route)
    newest = material.newest_first[:1]
    newest_tokens = sum(_tokens(stored, counted) + _image_tokens(stored.message) for stored in newest)
    return max(0, min(MOST_TOKENS, budget // 2, budget - fixed - newest_tokens - TEMPLATE_TOKENS))


def _tokens(stored: StoredMessage, counted: Mapping[str, int]) -> int:
    return counted[stored.message.id] if stored.tokens is None else stored.tokens


def _image_tokens(message: Message) -> int:
    return IMAGE_TOKENS * sum(isinstance(part, ImageURLContent | ImageFileContent) for part in message.content)
