"""How hard a model is to think: `reasoning_effort`, in the words that a server takes, so that none refuses it."""

import re
from collections.abc import Sequence
from typing import Final

SCALE: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""Every effort that the API knows, least first."""

REFUSED: Final = re.compile(
    # vLLM 0.32 and SGLang 0.5.23 (recordings err_reasoning_effort); vLLM for gpt-oss: "reasoning_effort='max' is not
    # supported by Harmony. Supported values are: high, medium, low." (source)
    r"reasoning[ _.]effort"
    # Ollama: https://github.com/ollama/ollama/blob/main/openai/openai.go, and for models that do not think
    r"|invalid reasoning value|does not support (?:thinking|reasoning)",
    re.IGNORECASE,
)
NAMED: Final = re.compile(rf"\b({'|'.join(SCALE)})\b")


def nearest(wanted: str, taken: Sequence[str]) -> str | None:
    """The effort of those `taken` that comes closest, the lesser one of two; None where none is taken.

    Thinking is turned off only if that was wanted, or if the server takes nothing else.
    """
    if wanted in taken:
        return wanted
    place = SCALE.index(wanted if wanted in SCALE else "medium")
    some = [effort for effort in taken if effort != "none"] or list(taken)
    return min(some, key=lambda effort: (abs(SCALE.index(effort) - place), SCALE.index(effort)), default=None)


def left_by(refusal: str, *, sent: str | None, taken: Sequence[str]) -> tuple[str, ...] | None:
    """What is left of the efforts `taken` when a server refused `sent`: those that it names, or none.

    None: it refused something else.
    """
    if sent is None or not REFUSED.search(refusal):
        return None
    named = set(NAMED.findall(refusal)) - {sent}
    return tuple(effort for effort in taken if effort in named)
