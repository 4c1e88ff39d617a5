"""Paths as clients of Azure write them, read as those of the API: the same operations, and deployments for models.

    /openai/assistants?api-version=2024-05-01-preview          /assistants
    /openai/v1/threads                                          /threads
    /openai/deployments/{deployment}/chat/completions           /chat/completions, with the deployment as its model
    /v1/deployments/{deployment}/chat/completions               likewise

The version in the query is not looked at: there is one. Known from the official clients' `AzureOpenAI`.
"""


def plain(parts: tuple[str, ...]) -> tuple[tuple[str, ...], str | None]:
    """The parts of the path without what Azure adds, and the deployment that they name.

    Clients put the deployment behind whatever base URL they were given, so it may stand behind any.
    """
    if parts[:1] == ("openai",):
        parts = parts[2:] if parts[1:2] == ("v1",) else parts[1:]
    match parts:
        case ("deployments", deployment, *rest) if rest:
            return tuple(rest), deployment
        case _:
            return parts, None
