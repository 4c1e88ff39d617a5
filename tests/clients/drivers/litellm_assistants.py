"""LiteLLM's functions for assistants, as clients of OpenAI and of Azure."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it would fetch one
import litellm
import openai

from tests.clients.driver import Driver, message_of, raises, until

driver = Driver("litellm", "openai")
OPENAI: dict[str, Any] = {"custom_llm_provider": "openai", "api_key": driver.key, "api_base": f"{driver.url}/v1"}
AZURE: dict[str, Any] = {
    "custom_llm_provider": "azure",
    "api_key": driver.key,
    "api_base": driver.url,
    "api_version": "2024-05-01-preview",
}


def an_assistant(by: dict[str, Any] = OPENAI, **given: Any) -> Any:
    return litellm.create_assistants(**by, **{"model": "tiny", "name": "Echo", "instructions": "Repeat.", **given})


def a_thread(*said: str, by: dict[str, Any] = OPENAI, **given: Any) -> Any:
    return litellm.create_thread(**by, messages=[{"role": "user", "content": text} for text in said], **given)


def texts_of(thread: Any, by: dict[str, Any] = OPENAI) -> list[str]:
    return [message.content[0].text.value for message in litellm.get_messages(**by, thread_id=thread.id)]


def talks(by: dict[str, Any]) -> None:
    assistant, thread = an_assistant(by), a_thread(by=by)
    for said in ("Hello", "And now?"):
        litellm.add_message(**by, thread_id=thread.id, role="user", content=said)
        run = litellm.run_thread(**by, thread_id=thread.id, assistant_id=assistant.id)
        assert run.status == "completed"
        assert texts_of(thread, by)[0] == said
    assert litellm.get_thread(**by, thread_id=thread.id).id == thread.id
    assert assistant.id in [each.id for each in litellm.get_assistants(**by)]
    assert litellm.delete_assistant(**by, assistant_id=assistant.id).deleted


@driver.scenario
def chat() -> None:
    for by in (OPENAI, AZURE):
        talks(by)


@driver.scenario
def poll_helpers() -> None:
    # It calls the official client's, without an interval.
    thread = a_thread("Hello")
    run = litellm.run_thread(**OPENAI, thread_id=thread.id, assistant_id=an_assistant().id)
    assert (run.status, texts_of(thread)) == ("completed", ["Hello", "Hello"])


@driver.scenario
def stream() -> None:
    for by in (OPENAI, AZURE):
        asked = {"thread_id": a_thread("Say these words", by=by).id, "assistant_id": an_assistant(by).id}
        with litellm.run_thread_stream(**by, **asked) as events:
            assert "".join(events.text_deltas) == "Say these words"
            assert events.get_final_run().status == "completed"


@driver.scenario
def paging() -> None:
    thread = a_thread()
    for number in range(47):
        litellm.add_message(**OPENAI, thread_id=thread.id, role="user", content=f"number {number}")
    assert texts_of(thread) == [f"number {number}" for number in reversed(range(47))]


@driver.scenario
def errors() -> None:
    with raises(openai.NotFoundError) as caught:
        litellm.run_thread(**OPENAI, thread_id=a_thread("Hello").id, assistant_id="asst_none")
    assert message_of(caught[0]) == "No assistant found with id 'asst_none'."


@driver.scenario
def nulls() -> None:
    absent = dict.fromkeys(("name", "instructions", "tools", "tool_resources", "metadata", "temperature", "top_p"))
    assistant = an_assistant(response_format=None, **absent)
    assert (assistant.name, assistant.metadata, assistant.temperature) == (None, {}, 1.0)


@driver.scenario
def files() -> None:
    data = b"The runbook says: restart it."
    file = litellm.create_file(file=("runbook.txt", data), purpose="assistants", **OPENAI)
    assert litellm.file_content(file.id, **OPENAI).content == data
    assert litellm.file_retrieve(file.id, **OPENAI).filename == "runbook.txt"
    store = litellm.vector_stores.create(name="Runbooks", file_ids=[file.id], **OPENAI)
    asked = {"vector_store_id": store["id"], "query": "What does the runbook say?"}
    found = until(lambda: (answer := litellm.vector_stores.search(**asked, **OPENAI))["data"] and answer)
    assert found["data"][0]["content"][0]["text"] == data.decode()
    assert litellm.file_delete(file.id, **OPENAI).deleted


@driver.scenario
def base_urls() -> None:
    for path in ("", "/", "/v1", "/v1/"):
        talks(OPENAI | {"api_base": driver.url + path})
    talks(AZURE | {"api_base": f"{driver.url}/"})


@driver.scenario
def passthrough() -> None:
    asked: Any = {"messages": [{"role": "user", "content": "one two three"}]}
    at: Any = {"api_key": driver.key, "api_base": f"{driver.url}/v1"}
    assert litellm.completion("openai/tiny", **asked, **at).choices[0].message.content == "one two three"
    chunks = litellm.completion("openai/tiny", stream=True, **asked, **at)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "one two three"
    at = {name: value for name, value in AZURE.items() if name != "custom_llm_provider"}
    assert litellm.completion("azure/tiny", **asked, **at).choices[0].message.content == "one two three"


@driver.scenario
def keys() -> None:
    for by in (OPENAI, AZURE):
        with raises(openai.AuthenticationError):
            an_assistant(by | {"api_key": "sk-wrong-0123456789"})


@driver.scenario
def parallel() -> None:
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(talks, [OPENAI] * 5))


driver.cannot("It can send no outputs of tools.", "tools_polled", "tools_streamed")
driver.cannot("It makes thread, message and run one by one.", "create_and_run")
driver.cannot("It has no way to cancel.", "cancel")
driver.cannot("Its streams are the official client's.", "leaving")
driver.run()
