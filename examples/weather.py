"""Answer with a function: as many calls at once, and as many rounds, as the model likes; polled, or streamed.

    export OPENAI_BASE_URL=http://127.0.0.1:8020/v1 OPENAI_API_KEY=unused
    python examples/weather.py "What is the weather in Paris and Rome?"
    python examples/weather.py --stream "What is the weather in Paris and Rome?"

It knows of Oslo, Paris and Rome; ask about another city to see what becomes of an error.
"""

import argparse
import json
import warnings
from collections.abc import Callable

from openai import AssistantEventHandler, OpenAI
from openai.types.beta import FunctionToolParam
from openai.types.beta.threads import Run
from openai.types.beta.threads.run_submit_tool_outputs_params import ToolOutput

warnings.simplefilter("ignore", DeprecationWarning)  # the client says it of all that this is for

WEATHER = {"Oslo": "-3 °C and snow", "Paris": "14 °C and rain", "Rome": "22 °C and sunshine"}
GET_WEATHER: FunctionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city right now.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "description": "Its English name."}},
            "required": ["city"],
        },
    },
}

client = OpenAI()


def get_weather(city: str) -> str:
    return WEATHER[city]


FUNCTIONS: dict[str, Callable[..., str]] = {"get_weather": get_weather}


def main() -> None:
    parser = argparse.ArgumentParser(description="Ask about the weather.")
    parser.add_argument("question")
    parser.add_argument("--stream", action="store_true", help="print the answer while it comes")
    parser.add_argument("--model", default="gpt-4o")
    arguments = parser.parse_args()

    assistant = client.beta.assistants.create(
        model=arguments.model, instructions="You report the weather.", tools=[GET_WEATHER]
    )
    thread = client.beta.threads.create(messages=[{"role": "user", "content": arguments.question}])
    run = (streamed if arguments.stream else polled)(thread.id, assistant.id)
    if run.status != "completed":
        raise SystemExit(f"{run.status}: {run.last_error.message if run.last_error else run.incomplete_details}")


def polled(thread_id: str, assistant_id: str) -> Run:
    run = client.beta.threads.runs.create_and_poll(thread_id=thread_id, assistant_id=assistant_id)
    while run.status == "requires_action":
        run = client.beta.threads.runs.submit_tool_outputs_and_poll(
            run_id=run.id, thread_id=thread_id, tool_outputs=outputs_for(run)
        )
    (newest,) = client.beta.threads.messages.list(thread_id, limit=1).data
    print("".join(part.text.value for part in newest.content if part.type == "text"))
    return run


def streamed(thread_id: str, assistant_id: str) -> Run:
    with client.beta.threads.runs.stream(thread_id=thread_id, assistant_id=assistant_id) as stream:
        run = printed(stream)
    while run.status == "requires_action":
        # A stream ends where the run waits for outputs; handing them in begins the next one.
        with client.beta.threads.runs.submit_tool_outputs_stream(
            run_id=run.id, thread_id=thread_id, tool_outputs=outputs_for(run)
        ) as stream:
            run = printed(stream)
    print()
    return run


def printed(stream: AssistantEventHandler) -> Run:
    for text in stream.text_deltas:
        print(text, end="", flush=True)
    return stream.get_final_run()


def outputs_for(run: Run) -> list[ToolOutput]:
    """Every call gets an output. What went wrong is told to the model, which often knows what to do about it."""
    assert run.required_action is not None
    outputs: list[ToolOutput] = []
    for call in run.required_action.submit_tool_outputs.tool_calls:
        try:
            output = FUNCTIONS[call.function.name](**json.loads(call.function.arguments))
        except Exception as error:
            output = json.dumps({"error": repr(error)})
        print(f"[{call.function.name} {call.function.arguments} -> {output}]")
        outputs.append({"tool_call_id": call.id, "output": output})
    return outputs


if __name__ == "__main__":
    main()
