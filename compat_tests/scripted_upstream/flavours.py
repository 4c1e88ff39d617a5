"""The wire shapes of each model server, as recorded from them: chunks, whole completions, model lists, errors.

vLLM 0.32.0, SGLang 0.5.23, llama-server at commit 0c1e57098; "generic" is the plain OpenAI shape.
"""

import json
from typing import Any, Literal

from .replies import Call, Say, Stream, Think, count, said

Flavour = Literal["generic", "vllm", "sglang", "llamacpp"]
CREATED = 1795192703


class Shapes:
    """How one server writes one completion."""

    def __init__(self, flavour: Flavour, *, number: int, model: str) -> None:
        self.flavour = flavour
        self._id = f"{number:032x}" if flavour == "sglang" else f"chatcmpl-{number:016x}"
        self._number = number
        self._model = model

    def head(self) -> dict[str, Any]:
        """The first chunk."""
        match self.flavour:
            case "sglang":
                return self._chunk({"reasoning_content": None, "role": "assistant", "content": ""})
            case "llamacpp":
                return self._chunk({"role": "assistant", "content": None})
            case _:
                return self._chunk({"role": "assistant", "content": ""})

    def step(self, step: Say | Think | Call) -> list[dict[str, Any]]:
        match step:
            case Say(text):
                nulls = {"reasoning_content": None} if self.flavour == "sglang" else {}
                return [self._chunk({**nulls, "content": text})]
            case Think(text):
                key = "reasoning" if self.flavour == "vllm" else "reasoning_content"
                return [self._chunk({key: text})]
            case Call():
                return self._call(step)

    def finish(self, reason: str) -> dict[str, Any]:
        return self._chunk({"reasoning_content": None} if self.flavour == "sglang" else {}, finish=reason)

    def usage(self, usage: dict[str, Any]) -> dict[str, Any]:
        chunk = self._chunk({}) | {"choices": [], "usage": usage}
        return chunk | {"timings": {"predicted_n": usage["completion_tokens"]}} if self.flavour == "llamacpp" else chunk

    def whole(self, reply: Stream, usage: dict[str, Any]) -> dict[str, Any]:
        """The same as one object, for a request that did not ask for a stream."""
        calls = [step for step in reply.steps if isinstance(step, Call)]
        content = "".join(step.text for step in reply.steps if isinstance(step, Say))
        message: dict[str, Any] = {"role": "assistant", "content": content}
        if calls:
            message["content"] = content or (None if self.flavour == "vllm" else "")
            message["tool_calls"] = [self._whole_call(call) for call in calls]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reply.finish}
        return {
            "id": self._id,
            "object": "chat.completion",
            "created": CREATED,
            "model": self._model,
            "choices": [choice],
            "usage": usage,
        }

    def _call(self, call: Call) -> list[dict[str, Any]]:
        name, index = call.name, call.index
        first = {"id": self._call_id(index), "type": "function", "index": index}
        match self.flavour:
            case "vllm":  # no `arguments` at first, a null content beside each fragment
                deltas = [{**first, "function": {"name": name}}]
                deltas += [{"index": index, "function": {"arguments": piece}} for piece in call.arguments]
                return [self._chunk({"content": None, "tool_calls": [delta]}) for delta in deltas]
            case "sglang":  # every fragment repeats all keys, null
                nulls = {"role": None, "content": None, "reasoning_content": None}
                again = {"id": None, "index": index, "type": "function"}
                deltas = [{**first, "function": {"name": name, "arguments": ""}}]
                deltas += [{**again, "function": {"name": None, "arguments": piece}} for piece in call.arguments]
                return [self._chunk({**nulls, "tool_calls": [delta]}) | {"usage": None} for delta in deltas]
            case "llamacpp":  # the first piece comes with the name
                pieces = call.arguments or ("",)
                deltas = [{**first, "function": {"name": name, "arguments": pieces[0]}}]
                deltas += [{"index": index, "function": {"arguments": piece}} for piece in pieces[1:]]
            case _:
                deltas = [{**first, "function": {"name": name, "arguments": ""}}]
                deltas += [{"index": index, "function": {"arguments": piece}} for piece in call.arguments]
        return [self._chunk({"tool_calls": [delta]}) for delta in deltas]

    def _whole_call(self, call: Call) -> dict[str, Any]:
        function = {"name": call.name, "arguments": "".join(call.arguments)}
        return {"id": self._call_id(call.index), "type": "function", "function": function}

    def _call_id(self, index: int) -> str:
        number = self._number * 100 + index
        match self.flavour:
            case "vllm":
                return f"chatcmpl-tool-{number:016x}"
            case "llamacpp":
                return f"{number:032d}"
            case _:
                return f"call_{number:024x}"

    def _chunk(self, delta: dict[str, Any], *, finish: str | None = None) -> dict[str, Any]:
        choice: dict[str, Any] = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        if self.flavour == "sglang":
            choice["matched_stop"] = None
        if self.flavour == "llamacpp":
            del choice["logprobs"]
        return {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": self._model,
            "choices": [choice],
        }


def model_list(flavour: Flavour, models: list[str], context: int) -> dict[str, Any]:
    """The answer to `GET /v1/models`."""
    base = {"object": "model", "created": CREATED}
    match flavour:
        case "llamacpp":
            data = [
                {**base, "id": m, "owned_by": "llamacpp", "meta": {"n_ctx": context, "n_ctx_train": context}}
                for m in models
            ]
            return {"models": [{"name": model} for model in models], "object": "list", "data": data}
        case "generic":
            return {
                "object": "list",
                "data": [{**base, "id": m, "owned_by": "someone", "max_model_len": context} for m in models],
            }
        case _:
            return {
                "object": "list",
                "data": [{**base, "id": m, "owned_by": flavour, "max_model_len": context} for m in models],
            }


def error_body(flavour: Flavour, status: int, message: str, *, type: str, param: str | None = None) -> dict[str, Any]:
    match flavour:
        case "sglang":
            return {"object": "error", "message": message, "type": type, "param": param, "code": status}
        case "llamacpp":
            return {"error": {"code": status, "message": message, "type": type}}
        case _:
            return {"error": {"message": message, "type": type, "param": param, "code": status}}


def too_long(flavour: Flavour, tokens: int, context: int) -> dict[str, Any]:
    match flavour:
        case "sglang":
            message = f"The input ({tokens} tokens) is longer than the model's context length ({context} tokens)."
            return error_body(flavour, 400, message, type="BadRequestError")
        case "llamacpp":
            message = (
                f"request ({tokens} tokens) exceeds the available context size ({context} tokens), try increasing it"
            )
            body = error_body(flavour, 400, message, type="exceed_context_size_error")
            return {"error": {**body["error"], "n_prompt_tokens": tokens, "n_ctx": context}}
        case _:
            message = (
                f"This model's maximum context length is {context} tokens. However, your prompt contains at least "
                f"{context + 1} input tokens, which exceeds this limit even without any output tokens."
            )
            return error_body(flavour, 400, message, type="BadRequestError", param="input_tokens")


def refusal(
    flavour: Flavour, body: dict[str, Any], models: list[str], context: int
) -> tuple[int, dict[str, Any]] | None:
    """What the real server would not take in this request: status and error body."""

    def no(message: str, status: int = 400, kind: str = "BadRequestError") -> tuple[int, dict[str, Any]]:
        return status, error_body(flavour, status, message, type=kind)

    model, messages = body.get("model"), body.get("messages") or []
    if flavour in {"vllm", "generic"} and model is not None and model not in models:
        return no(f"The model `{model}` does not exist.", 404, "NotFoundError")
    if flavour == "sglang" and "model" in body and model is None:
        return no("1 validation error: model: Input should be a valid string", kind="Bad Request")
    if flavour != "llamacpp" and not messages:
        return no("messages must not be empty")
    if flavour == "vllm" and "tools" in body and not body["tools"]:
        return no("`tools` must not be an empty list")
    if flavour == "vllm" and "stream_options" in body and not body.get("stream"):
        return no("Stream options can only be defined when `stream=True`.")
    if flavour in {"sglang", "llamacpp"} and any(not _is_json(text) for text in _history_arguments(messages)):
        status = 400 if flavour == "sglang" else 500
        return no("tool call arguments are not JSON", status, "BadRequest" if status == 400 else "server_error")
    tokens = prompt_tokens(messages)
    if tokens > context:
        return 400, too_long(flavour, tokens, context)
    asked = body.get("max_completion_tokens") or body.get("max_tokens") or 0
    if flavour == "sglang" and tokens + asked > context:
        return no(f"Requested token count exceeds the model's maximum context length of {context} tokens.")
    return None


def prompt_tokens(messages: list[dict[str, Any]]) -> int:
    """Three for each message's markup, and its words."""
    return sum(3 + count(said(message)) for message in messages)


def _history_arguments(messages: list[dict[str, Any]]) -> list[str]:
    return [call["function"]["arguments"] for message in messages for call in message.get("tool_calls") or []]


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
