"""A run that searches files, by the official client and a real model server.

The tiny model knows nothing of searching: it is made to call, and what it searches for is noise. That it is asked in a
way that its server takes, and that its call leads to a search, an answer and the same objects as ever, is what is seen.
"""

from typing import Any

import pytest
from openai import OpenAI

from .servers import MODEL_NAME

pytestmark = [
    pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The Assistants API is deprecated:DeprecationWarning"),
]

SEARCH: Any = {"type": "file_search"}
CONTENTS: Any = "step_details.tool_calls[*].file_search.results[*].content"
TEXT = "The river Aare is 288 kilometres long. It rises in the glaciers, and ends in the Rhine."


def test_a_run_that_is_made_to_search(client: OpenAI) -> None:
    store = client.vector_stores.create(name="rivers")
    file = client.vector_stores.files.upload_and_poll(
        vector_store_id=store.id, file=("rivers.txt", TEXT.encode()), poll_interval_ms=50
    )
    assert (file.status, file.last_error) == ("completed", None)
    (found,) = client.vector_stores.search(store.id, query="how far does the stream flow").data
    assert (found.file_id, found.content[0].text) == (file.id, TEXT)

    resources: Any = {"file_search": {"vector_store_ids": [store.id]}}
    assistant = client.beta.assistants.create(model=MODEL_NAME, tools=[SEARCH], tool_resources=resources)
    message: Any = {"role": "user", "content": "say river"}
    run = client.beta.threads.create_and_run_poll(
        assistant_id=assistant.id,
        thread={"messages": [message]},
        tool_choice=SEARCH,
        max_completion_tokens=300,
        poll_interval_ms=50,
    )
    assert run.status in {"completed", "incomplete"}, run.last_error
    listed = client.beta.threads.runs.steps.list(run.id, thread_id=run.thread_id, order="asc", include=[CONTENTS])
    details: list[Any] = [step.step_details for step in listed]
    assert details[0].type == "tool_calls"
    calls = details[0].tool_calls  # one, or as many as its server lets the model make
    assert {call.type for call in calls} == {"file_search"}
    for result in [result for call in calls for result in call.file_search.results]:
        assert (result.file_id, result.file_name, result.content[0].text) == (file.id, "rivers.txt", TEXT)
        assert 0 < result.score <= 1
    if run.status == "completed":
        assert details[-1].type == "message_creation"
