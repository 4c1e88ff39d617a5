"""Headers of recorded traffic: those that matter for asking again and for comparing, and no secrets."""

import re
from collections.abc import Mapping
from typing import Final

from compat_tests.client import BETA
from compat_tests.exchange import UNRECORDED, Body

ANSWERED: Final = re.compile(
    r"content-(type|disposition)|location|retry-after(-ms)?|x-should-retry|x-request-id|x-ratelimit-.+"
    r"|openai-(?!organization|project).+"
)
"""What is kept of an answer. Keys, cookies and whose they were stay in the file."""


def answer_headers(given: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in given.items() if ANSWERED.fullmatch(name.lower())}


def request_headers(
    given: Mapping[str, str], body: Body, path: str, status: int, *, known: bool = True
) -> dict[str, str | None]:
    """Those that a client would not add itself (see `Request.headers`): an unusual content type, an unusual beta.

    `known` is whether the request's headers were written down at all.
    """
    headers = {name.lower(): value for name, value in given.items()}
    kept: dict[str, str | None] = {}
    kind = headers.get("content-type", "")
    as_it_stands = not (body is None or body is UNRECORDED or isinstance(body, tuple))
    if kind and as_it_stands and media_type(kind) != "application/json":
        kept["content-type"] = kind
    for name, usual in BETA.items():
        if name in headers:
            if headers[name] != usual:
                kept[name] = headers[name]
        elif known and (status >= 400 or not re.match(r"/v1/(assistants|threads)\b", path)):
            # Where it is demanded and the answer is a good one, it was sent, and its recorder has left it out.
            kept[name] = None
    return kept


def media_type(content_type: str) -> str:
    """`application/json` of `Application/JSON; charset=utf-8`."""
    return content_type.partition(";")[0].strip().lower()
