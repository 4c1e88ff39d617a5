"""Tokens: from what a model server reports to what a run and its steps show."""

from adapters import chat
from proxy.schema.runs import CompletionTokensDetails, PromptTokenDetails, Usage


def shown(usage: chat.Usage | None) -> Usage:
    """Zeros where the server reported nothing."""
    if usage is None:
        return Usage()
    return Usage(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        total_tokens=usage.prompt_tokens + usage.completion_tokens,
        prompt_token_details=PromptTokenDetails(cached_tokens=usage.cached_tokens),
        completion_tokens_details=CompletionTokensDetails(reasoning_tokens=usage.reasoning_tokens),
    )


def total(first: Usage | None, second: Usage | None) -> Usage | None:
    if first is None or second is None:
        return first or second
    return Usage(
        prompt_tokens=first.prompt_tokens + second.prompt_tokens,
        completion_tokens=first.completion_tokens + second.completion_tokens,
        total_tokens=first.total_tokens + second.total_tokens,
        prompt_token_details=PromptTokenDetails(
            cached_tokens=first.prompt_token_details.cached_tokens + second.prompt_token_details.cached_tokens
        ),
        completion_tokens_details=CompletionTokensDetails(
            reasoning_tokens=first.completion_tokens_details.reasoning_tokens
            + second.completion_tokens_details.reasoning_tokens
        ),
    )
