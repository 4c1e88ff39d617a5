"""llama.cpp's llama-server: facts of commit 0c1e57098, with the recordings in tests/adapters/wire/llama-server."""

from typing import Any, Final

from adapters.chat import AssistantMessage, UserMessage
from adapters.dialect import Dialect

NO_NEW_MESSAGE: Final = "(There is no new message from the user. Write your next message.)"


def take_a_turn_of_its_own(body: dict[str, Any]) -> dict[str, Any]:
    """Let the last message be a user's where it was the assistant's.

    A run may start on a thread that ends with an assistant message, and its answer is a new message. llama-server
    instead continues the last assistant message and repeats it in the answer (recording msg_last_is_assistant), refuses
    two of them, and refuses it for models that think (source: "Assistant response prefill is incompatible with
    enable_thinking"). No field of a request turns that off, only its flag `--no-prefill-assistant`, which /props does
    not show. Cutting the repetition off the answer does not help: a message that was complete has nothing to add. An
    empty user message is wrong as well: models answer it ("it seems your message is empty"). So the turn says what it
    is.
    """
    messages = body["messages"]
    if not messages or not isinstance(messages[-1], AssistantMessage):
        return body
    return {**body, "messages": [*messages, UserMessage(content=NO_NEW_MESSAGE)]}


_TOOLS: Final = "Start llama-server with `--jinja`, and use a model whose chat template knows tools."

LLAMACPP: Final = Dialect(
    name="llamacpp",
    title="llama-server",
    launch_port=8080,
    max_tokens_field="max_tokens",  # both are taken: text_max_completion_tokens; builds of 2024 know this one only
    schema_beats_tools=True,  # json_schema_and_tools
    honours_json_schema=True,  # stream_json_schema
    honours_required=False,  # stream_tools_required: text without end before the call that never came
    honours_strict=True,  # stream_tools_strict: its grammar keeps to the parameters, with strict or without
    # ext_no_thinking. Builds before https://github.com/ggml-org/llama.cpp/pull/26045 ignore reasoning_effort `none`.
    thinking_switch=True,
    parses_tool_calls=True,  # stream_tools_auto
    honours_parallel_tool_calls=False,  # tools_auto_parallel_false: two calls came
    takes_zero_top_p=True,  # err_top_p_range: it takes anything
    tokenize="content",  # tokenize_llama; a body with `prompt` gets an empty list and 200: tokenize_vllm_prompt
    # It closes the connection after a streamed answer without saying so: its head promises `Keep-Alive: timeout=5`.
    # Whoever sends the next request before the end has arrived loses it (tests/live/test_facts.py).
    keeps_connections=False,
    context_path="/props",  # for builds whose model list has no meta.n_ctx; get_props
    advice={
        "tools": _TOOLS,
        "tool_choice required": _TOOLS,
        "tool_choice named": _TOOLS,
        "parallel calls": _TOOLS + " Not every template makes several calls at once.",
        "embeddings": "Start another llama-server with `--embeddings` and an embedding model.",
        "images": "Start llama-server with `--mmproj <file>` and a model that takes images.",
        "context length": "Start llama-server with `--ctx-size`; each of its `--parallel` slots gets a share of it.",
    },
    adjust=take_a_turn_of_its_own,
)
