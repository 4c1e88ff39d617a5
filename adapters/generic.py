"""Servers of which only the protocol is known: the defaults of Dialect, and LM Studio, which needs one fact more."""

from typing import Final

from adapters.dialect import Dialect

# transformers serve 5.19.0 ignores max_completion_tokens and obeys max_tokens (recording text_max_completion_tokens).
# It ignores response_format (stream_json_schema), tool_choice (stream_tools_required) and strict, without a word.
GENERIC: Final = Dialect(name="generic", title="a chat-completions server")

LM_STUDIO: Final = Dialect(
    name="generic",
    title="LM Studio",
    launch_port=1234,
    honours_json_schema=True,  # https://lmstudio.ai/docs/developer/openai-compat/structured-output
    parses_tool_calls=True,  # https://lmstudio.ai/docs/developer
    # Its own list tells the context length, the OpenAI one does not: https://lmstudio.ai/docs/developer/rest/endpoints
    models_path="/api/v0/models",
    advice={
        "models": "Load a model in LM Studio, or `lms load <model>`.",
        "context length": "Set context_length for this upstream, or load the model with `--context-length`.",
    },
)
