"""A thread that is too long for its model, on real model servers: our counts are never low, and their caches hold."""

from itertools import pairwise
from typing import Any

import pytest
from openai import OpenAI

from .servers import CONTEXT, MODEL_NAME, ModelServer
from .understudy import Serving

pytestmark = [
    pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The Assistants API is deprecated:DeprecationWarning"),
]

ANSWER = 32
TURNS = 24
LEAST_CACHED = {"sglang": 0.6, "vllm": 0.5, "llama-server": 0.6}
"""By their own count. vLLM counts blocks of 128 tokens on a CPU, a sixteenth of the context."""


def tool(name: str) -> Any:
    city = {"type": "string", "description": "The city, by the name that its people use.", "enum": ["Paris", "Rome"]}
    parameters = {"type": "object", "properties": {"city": city}, "required": ["city"]}
    function = {"name": name, "description": "Say something about a city.", "parameters": parameters}
    return {"type": "function", "function": function}


@pytest.mark.parametrize("tools", [[], [tool("get_weather")], [tool(f"get_{n}") for n in ("age", "area", "mayor")]])
def test_a_thread_too_long_for_its_model(client: OpenAI, server: ModelServer, serving: Serving, tools: Any) -> None:
    logged = len(serving.log.read_text())
    assistant = client.beta.assistants.create(
        model=MODEL_NAME, instructions="You are a helpful assistant.", tools=tools, temperature=0
    )
    thread = client.beta.threads.create()
    prompts, cached = [], []
    for number in range(TURNS):
        question: Any = {"role": "user", "content": f"say {number} " + "stone tiger music light " * (number % 7 + 6)}
        run = client.beta.threads.runs.create_and_poll(
            thread_id=thread.id,
            assistant_id=assistant.id,
            additional_messages=[question],
            max_completion_tokens=ANSWER,
            poll_interval_ms=20,
        )
        if run.status == "requires_action":  # the model is small; what it calls is of no interest here
            client.beta.threads.runs.cancel(run.id, thread_id=thread.id)
            continue
        assert run.status in {"completed", "incomplete"}
        assert run.usage is not None
        prompts.append(run.usage.prompt_tokens)
        cached.append(run.usage.to_dict()["prompt_token_details"]["cached_tokens"])
    assert max(prompts) + ANSWER <= CONTEXT
    assert any(after < before for before, after in pairwise(prompts)), "the window moved"
    assert sum(cached[1:]) / sum(prompts[1:]) >= LEAST_CACHED[server.name]
    assert "longer than was counted" not in serving.log.read_text()[logged:]
