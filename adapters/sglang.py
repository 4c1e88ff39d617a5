"""SGLang: facts of 0.5.23, each with the recording in tests/adapters/wire/sglang that shows it."""

from typing import Final

from adapters.dialect import Dialect

_TOOLS: Final = "Start SGLang with `--tool-call-parser <parser of the model>`; without it calls stay in the text."

SGLANG: Final = Dialect(
    name="sglang",
    title="SGLang",
    launch_port=30000,
    max_tokens_field="max_completion_tokens",  # both are taken, this one wins: text_max_completion_tokens
    schema_beats_tools=True,  # json_schema_and_tools
    honours_json_schema=True,  # stream_json_schema
    honours_required=True,  # stream_tools_required; with a reasoning parser, an answer may be nothing but reasoning
    honours_strict=True,  # stream_tools_strict
    thinking_switch=True,  # ext_no_thinking; reasoning_effort `none` does it too: ext_reasoning_effort_none
    parses_tool_calls=True,  # stream_tools_auto; without its flag the markup stays in the text
    honours_parallel_tool_calls=False,  # tools_auto_parallel_false: two calls came
    tokenize="prompt",  # tokenize_vllm_prompt: {"tokens", "count", "max_model_len"}
    tokenize_extras={"add_special_tokens": False},
    advice={
        "tools": _TOOLS,
        "tool_choice required": _TOOLS,
        "tool_choice named": _TOOLS,
        "parallel calls": _TOOLS + " Not every model and parser makes several calls at once.",
        "json_schema": "If answers are endless white space, start SGLang with "
        "`--constrained-json-disable-any-whitespace`.",
        # embeddings: 400 and the name of the flag
        "embeddings": "Serve an embedding model with `--is-embedding` beside this one.",
        "images": "Serve a model that takes images, with `--enable-multimodal` where it is not the default.",
    },
)
