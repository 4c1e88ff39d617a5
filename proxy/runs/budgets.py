"""Token budgets of a run: `max_prompt_tokens` and `max_completion_tokens` are totals over all of its model requests."""

from msgspec import Struct

from proxy.runs.inputs import TokenBudget
from proxy.runs.progress import RunProgress
from proxy.schema.runs import Run, Usage


class TokensLeft(Struct, frozen=True, kw_only=True):
    """For the next request; None where the client set no limit."""

    prompt: int | None
    completion: int | None

    def used_up(self, *, fits: bool) -> TokenBudget | None:
        """The budget that does not allow another request. `fits`: the smallest prompt is within its own."""
        if self.completion is not None and self.completion <= 0:
            return "max_completion_tokens"
        if self.prompt is not None and (self.prompt <= 0 or not fits):
            return "max_prompt_tokens"
        return None


def tokens_left(run: Run, progress: RunProgress) -> TokensLeft:
    used = progress.usage or Usage()
    return TokensLeft(
        prompt=None if run.max_prompt_tokens is None else run.max_prompt_tokens - used.prompt_tokens,
        completion=None if run.max_completion_tokens is None else run.max_completion_tokens - used.completion_tokens,
    )
