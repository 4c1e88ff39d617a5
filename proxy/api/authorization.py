"""Who asks: the key of a request, and the project that it opens."""

import time
from collections.abc import Callable, Mapping
from typing import Final

from proxy.errors import NotAuthorized
from proxy.keys import digest_of, hint_of, matches
from proxy.operations.keys import any_key, keys_with_hint
from proxy.services import Services

ANONYMOUS_PROJECT: Final = "default"
"""Everybody's, as long as no key was ever made."""

REMEMBERED_SECONDS: Final = 2.0
"""How long a revoked key goes on opening its project, at most; and how long a first key goes unnoticed."""
_MOST_REMEMBERED: Final = 1024

_KEY_PAGE: Final = "https://platform.openai.com/account/api-keys."


class Authorization:
    def __init__(self, services: Services, *, now: Callable[[], float] = time.monotonic) -> None:
        self._services = services
        self._now = now
        self._projects: dict[str, tuple[str, float]] = {}  # digest -> project, until when
        self._open_until = 0.0

    async def project_of(self, headers: Mapping[str, str]) -> str:
        """Raises `NotAuthorized` without a key, or with one that opens nothing."""
        now = self._now()
        if now < self._open_until:
            return ANONYMOUS_PROJECT
        secret = secret_in(headers)
        if secret is None:
            return await self._anonymous(now)
        digest = digest_of(secret)
        project, until = self._projects.get(digest, ("", now))
        if now >= until:
            project = await self._look_up(secret, now)
            if len(self._projects) >= _MOST_REMEMBERED:
                self._projects.clear()
            self._projects[digest] = project, now + REMEMBERED_SECONDS
        return project

    async def _anonymous(self, now: float) -> str:
        if await any_key(self._services):
            raise NotAuthorized(
                "You didn't provide an API key. You need to provide your API key in an Authorization header using "
                "Bearer auth (i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank username) if "
                "you're accessing the API from your browser and are prompted for a username and password. "
                f"You can obtain an API key from {_KEY_PAGE}"
            )
        self._open_until = now + REMEMBERED_SECONDS
        return ANONYMOUS_PROJECT

    async def _look_up(self, secret: str, now: float) -> str:
        # Keys are ASCII; what a header may hold beside that is not even text to a database.
        candidates = await keys_with_hint(self._services, hint_of(secret)) if secret.isascii() else []
        for key in candidates:
            if matches(secret, key.digest):
                return key.project
        if await any_key(self._services):
            raise NotAuthorized(
                f"Incorrect API key provided: {_masked(secret)}. You can find your API key at {_KEY_PAGE}",
                code="invalid_api_key",
            )
        self._open_until = now + REMEMBERED_SECONDS
        return ANONYMOUS_PROJECT


def secret_in(headers: Mapping[str, str]) -> str | None:
    """The key that a request carries, in any of the ways in which clients send one."""
    scheme, _, credentials = headers.get("Authorization", "").strip().partition(" ")
    given = credentials.strip() if scheme.lower() == "bearer" else ""
    return given or headers.get("api-key", "").strip() or headers.get("X-API-Key", "").strip() or None


def _masked(secret: str) -> str:
    return f"{secret[:8]}{'*' * (len(secret) - 12)}{secret[-4:]}" if len(secret) > 12 else secret
