"""The names of the models that the real service had. Clients that only changed their base address still send them."""

from fnmatch import fnmatchcase
from typing import Final

RETIRED: Final = (
    "gpt-3.5*",
    "gpt-4*",
    "gpt-5*",
    "o1*",
    "o3*",
    "o4*",
    "chatgpt-*",
    "codex-*",
    "computer-use-*",
    "ft:gpt-*",
    "ft:o*",
)
"""What a name may look like: https://platform.openai.com/docs/models and its page of deprecations."""


def is_retired(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in RETIRED)
