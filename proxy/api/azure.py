"""Paths as clients of Azure write them, read as those of the API: the same operations, and deployments for models.

    /openai/assistants?api-version=2024-05-01-preview          /assistants
    /openai/v1/threads                                          /threads
    /openai/deployments/{deployment}/chat/completions           /chat/completions, with the deployment as its model

The version in the query is not looked at: there is one. Known from the official clients' `AzureOpenAI`.
"""


def plain(parts: tuple[str, ...]) -> tuple[tuple[str, ...], str | None]:
    """The parts of the path without what Azure adds, and the deployment that they name."""
    match parts:
        case ("openai", "deployments", deployment, *rest) if rest:
            return tuple(rest), deployment
        case ("openai", "v1", *rest) | ("openai", *rest):
            return tuple(rest), None
        case _:
            return parts, None
