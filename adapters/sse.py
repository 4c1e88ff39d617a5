"""An incremental decoder of server-sent events: bytes in, the `data` of each event out. It knows nothing of sockets."""

from typing import Final

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class SSEDecoder:
    """Feed it what was read, split anywhere. Comments and every field but `data` are dropped.

    Lines end with LF, CRLF or CR (https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream).
    It works on bytes throughout: no character of UTF-8 but the line ends themselves contains their bytes.
    """

    def __init__(self) -> None:
        self._partial: list[bytes] = []  # the line that has not ended; parts, as adding them up would be quadratic
        self._data: list[bytes] = []  # the data lines of the event that has not ended
        self._skip_line_feed = False  # the last byte was a CR: an LF that follows belongs to it
        self._at_start = True

    def feed(self, given: bytes) -> list[bytes]:
        """The data of each event that ends within `given`, in order."""
        if self._skip_line_feed and given:
            self._skip_line_feed = False
            given = given.removeprefix(b"\n")
        if b"\n" not in given and b"\r" not in given:
            if given:
                self._partial.append(given)
            return []

        text = given
        if self._partial:
            text = b"".join(self._partial) + given
            self._partial.clear()
        if self._at_start:
            text = text.removeprefix(_BYTE_ORDER_MARK)
            self._at_start = False
        if b"\r" in text:
            self._skip_line_feed = text.endswith(b"\r")
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        end = text.rfind(b"\n") + 1
        if end < len(text):
            self._partial.append(text[end:])
            text = text[:end]
        return self._decode(text)

    def end(self) -> list[bytes]:
        """No more bytes. An event that only lacks its empty line counts (some servers leave it out at the very end)."""
        self._partial.clear()
        return self._decode(b"\n")

    def _decode(self, text: bytes) -> list[bytes]:
        """`text` holds whole lines, each ended by LF."""
        out: list[bytes] = []
        blank = text.rfind(b"\n\n")
        if blank >= 0 and not self._data and text.startswith(b"data: "):
            # What model servers send nearly always: events of one line. Two passes in C instead of a look at each.
            events = text[6:blank].split(b"\n\ndata: ")
            if text.count(b"\n", 0, blank) == 2 * (len(events) - 1):
                out, text = events, text[blank + 2 :]
        if text:
            self._lines(text[:-1], out)
        return out

    def _lines(self, text: bytes, out: list[bytes]) -> None:
        for line in text.split(b"\n"):
            if not line:
                self._dispatch(out)
            elif line.startswith(b"data:"):
                self._data.append(line[6:] if line.startswith(b"data: ") else line[5:])
            elif line == b"data":
                self._data.append(b"")

    def _dispatch(self, out: list[bytes]) -> None:
        if self._data:
            out.append(b"\n".join(self._data))
            self._data.clear()
