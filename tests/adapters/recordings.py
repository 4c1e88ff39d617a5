"""Reads wire/: what real model servers answered, with a tiny model of ours.

vLLM 0.32.0, SGLang 0.5.23 (both also with `--reasoning-parser qwen3`), llama-server at commit 0c1e57098, sglang-router
0.3.2, transformers serve 5.19.0. A file has the request, then `< status content-type`, then the body; events that
only repeat were left out of long streams. `errors.jsonl` has every answer that is no 200.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WIRE = Path(__file__).parent / "wire"


@dataclass(frozen=True)
class Recording:
    request: str
    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True)
class RecordedError:
    server: str
    case: str
    status: int
    content_type: str
    body: str


def recording(server: str, case: str) -> Recording:
    request, _, answer = (WIRE / server / f"{case}.txt").read_text().partition("\n\n< ")
    head, _, body = answer.partition("\n\n")
    status, _, content_type = head.partition(" ")
    return Recording(request, int(status), content_type, body.encode())


def recorded_json(server: str, case: str) -> Any:
    return json.loads(recording(server, case).body)


def streams() -> list[tuple[str, str]]:
    """Server and case of every recorded stream."""
    return sorted((path.parent.name, path.stem) for path in WIRE.glob("*/*stream_*.txt"))


def errors() -> list[RecordedError]:
    return [RecordedError(**json.loads(line)) for line in (WIRE / "errors.jsonl").read_text().splitlines()]
