"""A requirement as data: the format of the files in `cases/<resource>/<slug>.json`.

`case.schema.json` beside the cases is made from these Structs. What stands in `Any` are patterns and templates:

- a **template** (in requests, in what the model server says) is JSON in which `${name}` stands for a captured value;
- a **pattern** (in expectations) is JSON that must be equal, keys and all, after the same replacement, but for objects
  with keys that begin with `$`, which are operators (see `pattern.py`).
"""

from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

CASES = Path(__file__).parent / "cases"


class Asks(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request, its values being templates."""

    method: Literal["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD"]
    path: str
    """From `/v1` on."""
    query: dict[str, str | list[str]] = {}
    headers: dict[str, str | None] = {}
    """Beside the usual ones; null leaves one of those out (`"authorization": null`)."""
    body: Any = UNSET
    """Sent as JSON."""
    text: str | UnsetType = UNSET
    """Sent as it is, instead of `body`."""
    form: list[dict[str, Any]] | UnsetType = UNSET
    """Sent as multipart: `{"name", "text" or "base64" or "repeat": [text, n], "filename", "content_type"}`."""


class Expects(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What must come. What is left out is not looked at, but for a status, which is 200 then."""

    status: int = 200
    headers: dict[str, Any] = {}
    """Patterns of the headers named."""
    body: Any = UNSET
    """A pattern."""
    text: str | UnsetType = UNSET
    """The body, exactly, as text."""
    base64: str | UnsetType = UNSET
    """The body, exactly, where it is no text."""
    events: list[dict[str, Any]] | UnsetType = UNSET
    """Of a stream, all of them in order: `{"event": …, "data": pattern}`; with `"repeated": true` one or more of it,
    up to one that fits the next of them.

    `"joins": {"delta.content.0.text.value": "…"}` is what the texts at that place are together: a server may cut them
    as it likes.
    """


class Step(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing to do; exactly one of `ask`, `finish`, `open`, `told` and `disk` is given.

    `ask` and `expect` are a request and its answer. With `until`, it is asked again until the body fits that pattern,
    for ten seconds at most, and then compared. With `in_background`, it is sent and not waited for: a later step with
    `finish` and its name waits for it and compares. `seen` waits until so many events of it have come, or one by name.
    """

    ask: Asks | UnsetType = UNSET
    expect: Expects = Expects()
    until: Any = UNSET
    in_background: str | UnsetType = UNSET
    finish: str | UnsetType = UNSET
    seen: dict[str, int | str] | UnsetType = UNSET
    """`{"name": 3}`, `{"name": "thread.message.delta"}`: before this step's own work."""
    open: str | UnsetType = UNSET
    """Open a gate at which the model server waits."""
    told: Any = UNSET
    """A pattern of the next request that the model server was asked with (its body), which is waited for."""
    disk: Literal["full", "free"] | UnsetType = UNSET
    """From here on the server can save nothing, or can again."""
    note: str = ""


Need = Literal["strict", "short-expiry", "one-run-at-a-time", "full-disk"]
"""What not every server can be asked for: that it refuses what the service refused although many clients send it; that
runs expire two seconds after their creation; that the model server is asked for one run at a time; that its disk can
be filled up."""


class Case(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    requirement: str
    """One sentence."""
    source: str
    """`recording: openai-dotnet FunctionToolsWork`, `specification: CreateRun`, `client: openai-python`, `ours: …`."""
    tags: list[str] = []
    """What it covers: `endpoint:POST /v1/threads`, `status:expired`, `event:thread.run.failed`, `error:thread-locked`,
    `normalisation:function-parameters`; and what makes it optional: `optional:…`."""
    upstream: list[dict[str, Any]] | UnsetType = UNSET
    """What the model server says, one entry a request (see `script.py`). A case that has it needs a scripted one."""
    needs: list[Need] = []
    """It is skipped where the server is not known to be so (`Target.provides`)."""
    model: str = "tiny"
    """Stands for `${model}`."""
    setup: list[Step] = []
    steps: list[Step]


class NamedCase(Struct, frozen=True, kw_only=True):
    resource: str
    slug: str
    case: Case


def read_cases(directory: Path = CASES) -> list[NamedCase]:
    """Every case in the directory, by resource and slug. Raises `ValueError` naming the file that is no case."""
    found = []
    for file in sorted(directory.glob("*/*.json")):
        try:
            case = msgspec.json.decode(file.read_bytes(), type=Case)
        except msgspec.ValidationError as mistake:
            raise ValueError(f"{file.parent.name}/{file.name}: {mistake}") from mistake
        found.append(NamedCase(resource=file.parent.name, slug=file.stem, case=case))
    return found
