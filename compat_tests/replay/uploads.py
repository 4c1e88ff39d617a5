"""Bodies of uploads that nobody wrote down, put together from what their answers tell: names, purposes, sizes.

What was in the files stays unknown: filler of the same length is sent, and what would show it is not compared.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from compat_tests.exchange import UNRECORDED, Answer, Body, Exchange, Part
from compat_tests.replay.paths import asks, ids_in, template_of
from compat_tests.replay.timeline import error_in, objects_in

BAD_PURPOSE: Final = re.compile(r"'([^']*)' is not one of ")
MIME_TYPES: Final = {"jsonl": "text/jsonl", "json": "application/json", "txt": "text/plain", "pdf": "application/pdf"}
FILLER_NOTE: Final = "stand for it"
"""How the reader of recordings says that it put filler into a form."""


def filler(size: int) -> bytes:
    """Text, in lines, so that it is also a file which can be searched."""
    line = b"What was in this file was not recorded.\n"
    return (line * (size // len(line) + 1))[:size]


def file_form(file: dict[str, Any]) -> tuple[Part, ...]:
    """The form that makes such a file."""
    content = Part(name="file", filename=file["filename"], data=filler(file["bytes"]))
    return (Part(name="purpose", data=str(file["purpose"]).encode()), content)


def reconstructed(place: int, exchanges: Sequence[Exchange]) -> Body:
    """The body of that request, or `UNRECORDED` where nothing tells what it was."""
    request, answer = exchanges[place].request, exchanges[place].answer
    match request.method, template_of(request.path), answer.body:
        case "POST", "/v1/files", {"object": "file"}:
            return file_form(answer.body)
        case "POST", "/v1/files", _ if found := BAD_PURPOSE.match(str(error_in(answer).get("message", ""))):
            return file_form({"purpose": found[1], "filename": "not-recorded.txt", "bytes": 64})
        case "POST", "/v1/uploads", {"object": "upload"}:
            kept = {key: answer.body[key] for key in ("filename", "purpose", "bytes")}
            ending = str(kept["filename"]).rpartition(".")[2].lower()
            return kept | {"mime_type": MIME_TYPES.get(ending, "application/octet-stream")}
        case "POST", "/v1/uploads/{upload_id}/parts", {"object": "upload.part"}:
            size = _part_sizes(ids_in(request.path)["upload_id"], exchanges)[place]
            return (Part(name="data", filename="part", data=filler(size)),)
        case "POST", "/v1/uploads/{upload_id}/complete", {"object": "upload"}:
            return {"part_ids": [each.answer.body["id"] for each in _parts(request.path, exchanges[:place])]}
        case _:
            return UNRECORDED


def shows_filler(place: int, exchanges: Sequence[Exchange]) -> bool:
    """Whether the answer is the content of a file that was filled up with something."""
    request, answer = exchanges[place].request, exchanges[place].answer
    if answer.status != 200 or not asks(request, "GET", "/v1/files/{file_id}/content"):
        return False
    return not is_known(ids_in(request.path)["file_id"], exchanges[:place])


def is_known(file_id: str, exchanges: Sequence[Exchange]) -> bool:
    """Whether the recording has what is in the file."""
    made = next((each for each in exchanges if _shows(each.answer, file_id)), None)
    return made is not None and isinstance(made.request.body, tuple) and FILLER_NOTE not in (made.note or "")


def _shows(answer: Answer, file_id: str) -> bool:
    return any(each.get("id") == file_id for each in objects_in(answer))


def _part_sizes(upload_id: str, exchanges: Sequence[Exchange]) -> dict[int, int]:
    """By place: what the upload was said to hold, shared among its parts."""
    template = "/v1/uploads/{upload_id}/parts"
    places = [
        place
        for place, each in enumerate(exchanges)
        if asks(each.request, "POST", template) and ids_in(each.request.path)["upload_id"] == upload_id
    ]
    said = [each["bytes"] for one in exchanges for each in objects_in(one.answer) if each.get("id") == upload_id]
    whole, rest = divmod(said[0] if said else 64 * len(places), len(places))
    return {place: whole + (number < rest) for number, place in enumerate(places)}


def _parts(path: str, exchanges: Sequence[Exchange]) -> list[Exchange]:
    wanted = path.removesuffix("/complete") + "/parts"
    return [each for each in exchanges if each.request.path == wanted and each.answer.status == 200]
