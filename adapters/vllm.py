"""vLLM: facts of 0.32.0, each with the recording in tests/adapters/wire/vllm that shows it."""

from typing import Final

from adapters.dialect import Dialect

_TOOLS: Final = "Start vLLM with `--enable-auto-tool-choice --tool-call-parser <parser of the model>`."

VLLM: Final = Dialect(
    name="vllm",
    title="vLLM",
    launch_port=8000,
    max_tokens_field="max_completion_tokens",  # both are taken, this one wins: text_max_completion_tokens
    schema_beats_tools=True,  # json_schema_and_tools; with a reasoning parser even a 500
    honours_json_schema=True,  # stream_json_schema
    honours_required=True,  # stream_tools_required; with a reasoning parser, an answer may be nothing but reasoning
    honours_strict=True,  # stream_tools_strict
    thinking_switch=True,  # ext_no_thinking; reasoning_effort `none` does it too: ext_reasoning_effort_none
    parses_tool_calls=True,  # stream_tools_auto; it leaks what its parser does not understand: tools_named_auto_text
    honours_parallel_tool_calls=True,  # tools_auto_parallel_false: the first call of two
    tokenize="prompt",  # tokenize_vllm_prompt: {"count", "max_model_len", "tokens"}
    tokenize_extras={"add_special_tokens": False},
    advice={
        # err_tools_auto_without_parser_flags: 400 as soon as tools are sent
        "tools": _TOOLS,
        "tool_choice required": _TOOLS,
        "tool_choice named": _TOOLS,
        "parallel calls": _TOOLS + " Not every model and parser makes several calls at once.",
        "json_schema": "If answers are endless white space, start vLLM with "
        """`--structured-outputs-config '{"backend":"xgrammar","disable_any_whitespace":true}'`.""",
        "embeddings": "Serve an embedding model with `vllm serve <model> --runner pooling` beside this one.",
        "images": "Serve a model that takes images.",
    },
)
