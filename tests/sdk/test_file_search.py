"""Searching files as applications do it with the official client: upload, ask, and show what is cited.

The model behind it searches for what it is asked to, and repeats what it is shown, with the marks.
"""

from typing import Any

import openai
import pytest

from tests.sdk.clients import Api

FOODS = ("größen & foods.txt", b"What people like to eat.\nFilippa: cake.\nOdo: soup.\n")
CONTENTS: Any = "step_details.tool_calls[*].file_search.results[*].content"
FORCED: Any = {"type": "file_search"}
SEARCH: Any = {"type": "file_search"}


async def a_store(api: Api) -> tuple[str, str]:
    """A vector store with a file in it that has been read; their ids."""
    stores = api.client.vector_stores
    store = await api(stores.create(name="foods"))
    file = await api(stores.files.upload_and_poll(vector_store_id=store.id, file=FOODS, poll_interval_ms=50))
    assert (file.status, file.last_error) == ("completed", None)
    return store.id, file.id


async def an_assistant(api: Api, *stores: str) -> str:
    resources: Any = {"file_search": {"vector_store_ids": list(stores)}}
    assistant = await api.assistant(tools=[SEARCH], tool_resources=resources if stores else None)
    return str(assistant.id)


def check_citations(message: Any, file_id: str) -> None:
    """As applications do: by replacing, and by cutting."""
    (part,) = message.content
    value, annotations = part.text.value, part.text.annotations
    assert annotations
    for annotation in annotations:
        assert annotation.type == "file_citation"
        assert annotation.file_citation.file_id == file_id
        assert "quote" not in annotation.file_citation.to_dict()
        assert value[annotation.start_index : annotation.end_index] == annotation.text
    for annotation in annotations:
        value = value.replace(annotation.text, "")
    assert "【" not in value
    assert "[[" not in value


async def test_a_streamed_answer_with_citations(api: Api) -> None:
    store_id, file_id = await a_store(api)
    assistant_id = await an_assistant(api, store_id)
    thread = await api.thread("Please search for Filippa.")
    handler = api.handler()
    async with api.opened(
        api.runs.stream(
            thread_id=thread.id,
            assistant_id=assistant_id,
            tool_choice=FORCED,
            include=[CONTENTS],
            event_handler=handler,
        )
    ) as stream:
        run = await api(stream.get_final_run())
    assert run.status == "completed"
    called = [arguments[0] for name, arguments in handler.calls if name == "on_tool_call_created"]
    assert [call.type for call in called] == ["file_search"]
    step = next(arguments[0] for name, arguments in handler.calls if name == "on_run_step_done")
    (result,) = step.step_details.tool_calls[0].file_search.results
    assert (result.file_id, result.file_name) == (file_id, FOODS[0])
    assert 0 < result.score <= 1
    assert "Filippa: cake." in result.content[0].text
    (message,) = [arguments[0] for name, arguments in handler.calls if name == "on_message_done"]
    check_citations(message, file_id)
    told = [
        delta
        for name, arguments in handler.calls
        if name == "on_text_delta"
        for delta in (arguments[0].annotations or [])
    ]
    assert [annotation.text for annotation in told] == [each.text for each in message.content[0].text.annotations]
    text = "".join(arguments[0].value or "" for name, arguments in handler.calls if name == "on_text_delta")
    assert text == message.content[0].text.value


async def test_contents_for_those_who_ask(api: Api) -> None:
    store_id, _ = await a_store(api)
    thread = await api.thread("Please search for Filippa.")
    run = await api(
        api.runs.create_and_poll(
            thread_id=thread.id,
            assistant_id=await an_assistant(api, store_id),
            tool_choice=FORCED,
            poll_interval_ms=20,
        )
    )
    assert run.status == "completed"
    assert run.tool_choice.type == "file_search"
    bare = await api.every(api.runs.steps.list(run.id, thread_id=thread.id, order="asc"))
    full = await api.every(api.runs.steps.list(run.id, thread_id=thread.id, order="asc", include=[CONTENTS]))
    assert [step.type for step in bare] == ["tool_calls", "message_creation"]
    (result,) = bare[0].step_details.tool_calls[0].file_search.results
    assert result.content is None
    (result,) = full[0].step_details.tool_calls[0].file_search.results
    assert "Odo: soup." in result.content[0].text
    one = await api(api.runs.steps.retrieve(bare[0].id, thread_id=thread.id, run_id=run.id, include=[CONTENTS]))
    assert one == full[0]
    with pytest.raises(openai.BadRequestError):
        await api.every(api.runs.steps.list(run.id, thread_id=thread.id, include=["everything"]))


async def test_a_file_that_comes_with_a_message(api: Api) -> None:
    """It goes into a store of the thread's, and the run waits until it has been read."""
    file = await api(api.client.files.create(file=FOODS, purpose="assistants"))
    attachments: Any = [{"file_id": file.id, "tools": [SEARCH]}]
    message: Any = {"role": "user", "content": "Please search for Filippa.", "attachments": attachments}
    thread = await api(api.threads.create(messages=[message]))
    assert len(thread.tool_resources.file_search.vector_store_ids) == 1
    run = await api(
        api.runs.create_and_poll(
            thread_id=thread.id, assistant_id=await an_assistant(api), tool_choice=FORCED, poll_interval_ms=20
        )
    )
    assert run.status == "completed"
    (answer, _) = await api.every(api.threads.messages.list(thread.id))
    check_citations(answer, file.id)
    # What was cited is not shown to the model when the thread goes on.
    await api(api.threads.messages.create(thread.id, role="user", content="And who else"))
    run = await api(
        api.runs.create_and_poll(
            thread_id=thread.id,
            assistant_id=(await api.assistant()).id,
            poll_interval_ms=20,
        )
    )
    assert run.status == "completed"
