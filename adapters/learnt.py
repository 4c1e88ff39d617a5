"""What a server turned out not to take, by model, so that it is refused once and not with every request."""

import logging
from collections.abc import Callable
from time import monotonic
from typing import Final

log = logging.getLogger(__name__)

REMEMBERED_SECONDS: Final = 600.0
"""Then it is tried again: the server may have been started anew, with other flags or another version."""


class Learnt:
    """Of one server. `now` is a monotonic clock, in seconds."""

    def __init__(self, url: str, *, now: Callable[[], float] = monotonic) -> None:
        self._url = url
        self._now = now
        self._formats: dict[tuple[str, str], float] = {}
        self._efforts: dict[str, tuple[float, tuple[str, ...]]] = {}

    def takes_format(self, model: str, type: str) -> bool:
        """Whether a `response_format` of this type may be sent, as far as is known."""
        return not self._formats or self._now() >= self._formats.get((model, type), 0.0)

    def refuses_format(self, model: str, type: str, refusal: str) -> None:
        log.warning("%s refuses response_format %s for %s, it is imitated: %s", self._url, type, model, refusal)
        self._formats[model, type] = self._now() + REMEMBERED_SECONDS

    def efforts(self, model: str, usual: tuple[str, ...]) -> tuple[str, ...]:
        """The values of `reasoning_effort` that it takes; the usual ones where nothing was learnt."""
        if not self._efforts:
            return usual
        until, efforts = self._efforts.get(model, (0.0, usual))
        return efforts if self._now() < until else usual

    def takes_efforts(self, model: str, efforts: tuple[str, ...], refusal: str) -> None:
        """These only, of the values that there are."""
        words = ", ".join(efforts) or "none"
        log.warning("%s takes these values of reasoning_effort for %s: %s (%s)", self._url, model, words, refusal)
        self._efforts[model] = (self._now() + REMEMBERED_SECONDS, efforts)
