"""Ollama: facts from its documentation and issues; no recording, none runs where these tests run."""

from typing import Final

from adapters.dialect import Dialect

OLLAMA: Final = Dialect(
    name="ollama",
    title="Ollama",
    launch_port=11434,
    max_tokens_field="max_tokens",  # https://docs.ollama.com/api/openai-compatibility lists this one
    # https://github.com/ollama/ollama/issues/8095 and https://github.com/ollama/ollama/issues/13750
    schema_beats_tools=True,
    honours_json_schema=True,  # https://docs.ollama.com/capabilities/structured-outputs
    honours_strict=False,  # a function has no such field: https://github.com/ollama/ollama/blob/main/api/types.go
    # It refuses others: https://github.com/ollama/ollama/blob/main/openai/openai.go
    efforts=("none", "low", "medium", "high"),
    parses_tool_calls=True,  # a parser for each family of models: https://github.com/ollama/ollama/issues/16686
    # tool_choice is not among the fields it supports (same page), so required and named calls are up to the model.
    honours_required=False,
    honours_parallel_tool_calls=False,
    takes_zero_top_p=True,
    # Prompts over num_ctx are cut without a word, so the length that a model was loaded with matters; /api/ps tells.
    context_path="/api/ps",
    advice={
        "models": "`ollama pull <model>`",
        "context length": "Set OLLAMA_CONTEXT_LENGTH for Ollama, and context_length for this upstream.",
        "tools": "Use a model with the tag `tools`: https://ollama.com/search?c=tools",
        "tool_choice required": "Ollama ignores tool_choice; whether a call comes is up to the model.",
        "tool_choice named": "Ollama ignores tool_choice; whether a call comes is up to the model.",
        "token counting": "Ollama cannot count; tokens are estimated.",
        "embeddings": "`ollama pull` an embedding model, such as nomic-embed-text.",
        "images": "Use a model with the tag `vision`: https://ollama.com/search?c=vision",
    },
)
