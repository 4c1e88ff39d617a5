"""Server-sent events: bytes, cut anyhow, in; events out."""

import json

from compat_tests.exchange import Event


class EventStream:
    """A body of server-sent events as it comes. An event without a name is `message`, as the standard has it."""

    def __init__(self) -> None:
        self._left = b""
        self._name = "message"
        self._data: list[str] = []

    def feed(self, piece: bytes) -> list[Event]:
        """The events that end in this piece."""
        self._left += piece
        *lines, self._left = self._left.split(b"\n")
        ended = []
        for raw in lines:
            line = raw.removesuffix(b"\r").decode(errors="replace")
            if line:
                self._read(line)
            else:
                ended += self.end()
        return ended

    def end(self) -> list[Event]:
        """The last event counts also without the blank line after it; a line that was cut off does not."""
        name, lines = self._name, self._data
        self._name, self._data = "message", []
        if not lines:
            return []
        text = "\n".join(lines)
        try:
            return [Event(name, json.loads(text))]
        except ValueError:
            return [Event(name, text)]

    def _read(self, line: str) -> None:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            self._name = value
        elif field == "data":
            self._data.append(value)


def events_in(body: bytes) -> tuple[Event, ...]:
    """Of a whole body, which may lack the newlines at its end."""
    stream = EventStream()
    return (*stream.feed(body + b"\n"), *stream.end())
