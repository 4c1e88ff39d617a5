"""What there is to know about an exchange beside its two answers."""

from typing import Any

from msgspec import Struct


class Context(Struct, frozen=True, kw_only=True):
    recording: str
    """Its name, as in `Recording.name`."""
    recorded_on: str = ""
    """The day, `2025-10-30`; empty where nobody knows."""
    method: str
    path: str
    """The template: `/v1/threads/{thread_id}/runs`."""
    request: Any = None
    """The body, as it was recorded."""
    note: str | None = None
    """`Exchange.note`: that a page is shortened, for instance."""
    foreign_items: bool = False
    """Whether a list may hold what this recording did not make: in the recording, on the live server, or in both."""
    hosted_tools: frozenset[str] = frozenset()
    """Tools that ran where the model did, anywhere in the recording (see `hosted.py`)."""
    scripted: bool = True
    """Whether the live server's model said what the recorded model said, and took as many tokens."""
    moving: bool = False
    """Whether the run behind the answer may have come further than when it was recorded: one of several polls."""
    key_order: bool = False
    """Whether the order of keys is looked at. It matters to no client, but the real service kept one."""
