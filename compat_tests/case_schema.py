"""The JSON Schema of a case, for editors and for authors of cases; `python -m compat_tests.case_schema` writes it."""

from pathlib import Path
from typing import Final

import msgspec

from compat_tests.case import CASES, Case

FILE: Final[Path] = CASES / "case.schema.json"


def schema() -> bytes:
    made = {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(Case)}
    return msgspec.json.format(msgspec.json.encode(made)) + b"\n"


if __name__ == "__main__":
    FILE.write_bytes(schema())
