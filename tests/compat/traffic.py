"""What a user's program does all day, with the official client, of whichever generation; as a program of its own.

    python -m tests.compat.traffic BASE_URL KEY [CASSETTE]

With a cassette, vcrpy records it there.
"""

import sys
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import openai

SAID = ("It is raining, so take a coat.", "I shall ask.", "Then it is raining in Bergen.")
"""What the model says, in order; with the second it calls a tool."""
CALL = ("get_weather", '{"city": "Bergen"}')
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tell the weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
NOTES = "Bergen, é, 雨: it rains on two days of three.\r\n".encode()


def traffic(client: openai.OpenAI) -> None:
    """Assistants, a file, threads, messages, a streamed run, a run with a tool, lists by pages, and mistakes."""
    assistants, threads = client.beta.assistants, client.beta.threads
    made = [assistants.create(model="tiny", name=name, tools=[WEATHER]) for name in ("Ada", "Bea", "Cleo")]
    ada = assistants.update(made[0].id, instructions="Answer in one sentence.", metadata={"kind": "test"})
    assert [each.id for each in assistants.list(limit=1, order="desc")] == [each.id for each in reversed(made)]

    file = client.files.create(file=("notes é.txt", NOTES, "text/plain"), purpose="assistants")
    assert client.files.retrieve(file.id).bytes == len(NOTES)
    client.files.delete(file.id)

    thread = threads.create(messages=[{"role": "user", "content": "How is the weather?"}], metadata={"a": "1"})
    threads.messages.create(thread.id, role="user", content=[{"type": "text", "text": "And do I need a coat?"}])
    with threads.runs.stream(thread_id=thread.id, assistant_id=ada.id) as stream:
        assert "".join(stream.text_deltas) == SAID[0]
        assert stream.get_final_run().status == "completed"
    assert len(list(threads.messages.list(thread.id, limit=2))) == 3

    run = threads.runs.create_and_poll(thread_id=thread.id, assistant_id=ada.id, poll_interval_ms=20)
    assert run.status == "requires_action"
    assert run.required_action
    (call,) = run.required_action.submit_tool_outputs.tool_calls
    run = threads.runs.submit_tool_outputs_and_poll(
        run_id=run.id,
        thread_id=thread.id,
        tool_outputs=[{"tool_call_id": call.id, "output": "rain"}],
        poll_interval_ms=20,
    )
    assert run.status == "completed"
    kinds = [each.type for each in threads.runs.steps.list(run.id, thread_id=thread.id, order="asc")]
    assert kinds[-2:] == ["tool_calls", "message_creation"]

    mistakes = [
        lambda: threads.retrieve("thread_none"),
        lambda: assistants.create(model="tiny", temperature=9),
        lambda: threads.runs.submit_tool_outputs(run_id=run.id, thread_id=thread.id, tool_outputs=[]),
    ]
    assert [refusal(mistake) for mistake in mistakes] == [404, 400, 400]
    threads.delete(thread.id)
    for each in made:
        assistants.delete(each.id)


def refusal(ask: Callable[[], object]) -> int | None:
    try:
        ask()
    except openai.APIStatusError as error:
        return error.status_code
    return None


def main(base_url: str, key: str, cassette: str | None = None) -> None:
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", category=DeprecationWarning, message=".*deprecated")
    recorder: Any = nullcontext()
    if cassette is not None:
        import vcr

        recorder = vcr.use_cassette(cassette, record_mode="all")
    with recorder, openai.OpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=20) as client:
        traffic(client)


if __name__ == "__main__":
    main(*sys.argv[1:])
