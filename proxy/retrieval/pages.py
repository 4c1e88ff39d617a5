"""HTML, as a reader sees it. Read once from its beginning to its end, whatever is never closed.

Not by html.parser, which looks for the end of each thing that has none again and again: 600 KB of `<a ` take it minutes
(CVE-2025-6069, and more of its kind).
"""

import re
from collections.abc import Iterator
from html import unescape
from typing import Final

_TAG: Final = re.compile(r"</?([A-Za-z][^\s/>]*)")
_TAG_STOPS: Final = re.compile(r">|=\s*([\"'])")
_SPACE: Final = re.compile(r"[ \t\r\n\f]+")

_UNSEEN: Final = frozenset({"script", "style", "template", "noscript"})
_RAW: Final = frozenset({"script", "style"})
"""What looks like a tag in these is none."""
_INLINE: Final = frozenset(
    {"a", "abbr", "b", "code", "em", "font", "i", "img", "mark", "s", "small", "span", "strong", "sub", "sup", "u"}
)
"""All others begin a line."""
_CELLS: Final = frozenset({"td", "th"})
"""These begin with a tab."""
_AS_WRITTEN: Final = frozenset({"pre", "textarea", "listing", "xmp"})


def text_of_page(page: str) -> str:
    return "".join(_texts(page))


def _texts(page: str) -> Iterator[str]:
    unseen = as_written = 0
    for tag, closes, text in _parts(page):
        if tag in _UNSEEN:
            unseen = max(0, unseen - 1) if closes else unseen + 1
        elif tag in _AS_WRITTEN:
            as_written = max(0, as_written - 1) if closes else as_written + 1
        if tag in _CELLS:
            yield "" if closes else "\t"
        elif tag and tag not in _INLINE:
            yield "\n"
        if text and not unseen:
            shown = unescape(text)
            yield shown if as_written else _SPACE.sub(" ", shown)


def _parts(page: str) -> Iterator[tuple[str, bool, str]]:
    """Each tag, empty for none, whether it closes, and the text behind it."""
    tag, closes, start, at = "", False, 0, 0
    while (place := page.find("<", at)) >= 0:
        match = _TAG.match(page, place)
        if match is not None:
            end = _tag_end(page, match.end())
        elif page.startswith("<!--", place):
            closing = page.find("-->", place + 4)
            end = closing + 3 if closing >= 0 else 0
        elif page.startswith(("<!", "<?", "</"), place):
            end = page.find(">", place) + 1
        else:  # a mere bracket
            at = place + 1
            continue
        yield tag, closes, page[start:place]
        if end <= place:  # what never ends takes the rest with it, as in browsers; unless it looks like text
            yield "", False, page[place:] if match is not None else ""
            return
        tag, closes = (match[1].lower(), page[place + 1] == "/") if match is not None else ("", False)
        if tag in _RAW and not closes:
            yield tag, False, ""
            closing_tag = re.compile(f"</{tag}", re.IGNORECASE).search(page, end)
            if closing_tag is None:
                return
            tag, end = "", closing_tag.start()
        start = at = end
    yield tag, closes, page[start:]


def _tag_end(page: str, at: int) -> int:
    """0 for none. Values may hold brackets, if they are quoted."""
    while (stop := _TAG_STOPS.search(page, at)) is not None:
        if stop[1] is None:
            return stop.end()
        close = page.find(stop[1], stop.end())
        if close < 0:
            return page.find(">", stop.end()) + 1
        at = close + 1
    return 0
