"""Bodies, requests and differences as text that a person reads."""

import json
from typing import Any, Final

from compat_tests.exchange import UNRECORDED, Answer, Part, Request
from compat_tests.result import Asked, Difference, Result

SHOWN_BYTES: Final = 60


def plain(body: Any) -> Any:
    """What JSON can say of a body."""
    match body:
        case bytes():
            more = "…" if len(body) > SHOWN_BYTES else ""
            return f"{len(body)} bytes: {body[:SHOWN_BYTES]!r}{more}"
        case Part():
            return {"name": body.name, "filename": body.filename, "type": body.content_type, "data": plain(body.data)}
        case tuple():
            return [plain(each) for each in body]
        case _ if body is UNRECORDED:
            return "(a body that was not recorded)"
        case _:
            return body


def text_of(body: Any, *, longest: int) -> str:
    """A body as indented JSON or as it is, shortened."""
    if body is None:
        return ""
    body = plain(body)
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, indent=2)
    return shortened(text, longest)


def shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}\n… and {len(text) - longest} characters more"


def request_line(request: Request) -> str:
    query = "&".join(f"{name}={value}" for name, value in request.query)
    return f"{request.method} {request.path}{'?' if query else ''}{query}"


def answer_text(answer: Answer, *, longest: int) -> str:
    """The body, or the events with their data, one a line."""
    if answer.events is None:
        return text_of(answer.body, longest=longest)
    lines = [f"{each.event}: {json.dumps(plain(each.data), ensure_ascii=False)}" for each in answer.events]
    return shortened("\n".join(lines), longest)


def told(difference: Difference, *, indent: str = "") -> str:
    """Three lines, and a fourth where it is accepted."""
    lines = [difference.path, f"  - {difference.expected}", f"  + {difference.got}"]
    if difference.reason is not None:
        lines.append(f"  accepted: {difference.reason}")
    return "\n".join(indent + line.replace("\n", f"\n{indent}    ") for line in lines)


def where_it_differs(result: Result) -> list[tuple[Asked | None, tuple[Difference, ...]]]:
    """The requests whose answers differ, and last what belongs to none of them."""
    found: list[tuple[Asked | None, tuple[Difference, ...]]] = [
        (each, each.differences) for each in result.asked if each.differences
    ]
    return [*found, (None, result.differences)] if result.differences else found
