"""From an event to the bytes of its frame; knows nothing of what events mean.

Framing as recorded: `event:` line, one `data:` line, blank line; never an `id:` line, which breaks the official client.
"""

from typing import Final

import msgspec

from proxy.schema.events import (
    Event,
    MessageChanged,
    MessageDelta,
    RunChanged,
    RunCreated,
    StepChanged,
    StepDelta,
    StreamError,
    ThreadCreated,
)

DONE: Final = b"event: done\ndata: [DONE]\n\n"

_encode = msgspec.json.Encoder().encode


def frame(event: Event) -> bytes:
    """The frame of an event; no bytes for one that is saved without being announced."""
    data: object
    match event:
        case MessageDelta() | StepDelta() | StreamError():
            data = event
        case MessageChanged(message=data):
            pass
        case StepChanged():
            data = event.shown
        case RunChanged(run=data) | RunCreated(run=data):
            pass
        case ThreadCreated(thread=data):
            pass
    if event.name is None:
        return b""
    return b"event: %b\ndata: %b\n\n" % (event.name.encode(), _encode(data))
