"""What the entries of a cassette come to, whatever its form: a `Recording`."""

import datetime
import email.utils
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from compat_tests.exchange import Exchange, Recording
from compat_tests.reading.compression import NotThatWay
from compat_tests.reading.files import Unreadable
from compat_tests.reading.ids import preexisting_ids
from compat_tests.reading.wire import Said, exchange


def recording(
    entries: Iterable[Any], said: Callable[[Any], Said | str], name: str, file: Path, *, form: str
) -> Recording:
    """`said` understands one entry, or says why it is left out. Raises `Unreadable`, also when nothing remains."""
    exchanges: list[Exchange] = []
    left_out: dict[str, int] = {}
    for number, entry in enumerate(entries, 1):
        try:
            understood = said(entry)
            made = understood if isinstance(understood, str) else exchange(understood)
        except NotThatWay as why:
            raise Unreadable(f"{file}: entry {number}: {why}") from why
        if isinstance(made, Exchange):
            exchanges.append(made)
        else:
            reason = made or "not of the Assistants API"
            left_out[reason] = left_out.get(reason, 0) + 1
    if not exchanges:
        raise Unreadable(f"{file}: no request to an Assistants API in it" + _counted(left_out))
    if all(each.at is not None for each in exchanges):
        exchanges.sort(key=lambda each: each.at or 0)
    return Recording(
        name=name,
        source=f"{form} {file.name}" + _counted(left_out),
        api_version="v1" if any(_is_v1(each) for each in exchanges) else "v2",
        recorded_on=_day(exchanges),
        preexisting_ids=preexisting_ids(exchanges),
        exchanges=tuple(exchanges),
    )


def _counted(left_out: dict[str, int]) -> str:
    counts = ", ".join(f"{count} {reason}" for reason, count in left_out.items())
    return f" (left out: {counts})" if counts else ""


def _is_v1(each: Exchange) -> bool:
    return "assistants=v1" in (each.request.headers.get("openai-beta") or "")


def _day(exchanges: list[Exchange]) -> str:
    times = [each.at for each in exchanges if each.at is not None]
    return datetime.datetime.fromtimestamp(times[0], datetime.UTC).date().isoformat() if times else ""


def moment(written: Any) -> float | None:
    """Unix seconds of a time as cassettes write it: ISO 8601, or as mail does. None for anything else."""
    if not isinstance(written, str):
        return None
    for understand in (datetime.datetime.fromisoformat, email.utils.parsedate_to_datetime):
        try:
            found = understand(written)
            there = found if found.tzinfo else found.replace(tzinfo=datetime.UTC)
            return there.astimezone(datetime.UTC).timestamp()  # of a day that is one there, too
        except (ValueError, OverflowError):
            continue
    return None


def number(value: Any, what: str) -> int:
    """Raises `NotThatWay`."""
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError) as mistake:
        raise NotThatWay(f"{what} is no number") from mistake


def text(value: Any, what: str) -> str:
    """Raises `NotThatWay`."""
    if not isinstance(value, str) or not value:
        raise NotThatWay(f"{what} is missing, or no text")
    return value


def mapping(value: Any, what: str) -> dict[Any, Any]:
    """Raises `NotThatWay`."""
    if not isinstance(value, dict):
        raise NotThatWay(f"{what} is missing, or no object")
    return value
