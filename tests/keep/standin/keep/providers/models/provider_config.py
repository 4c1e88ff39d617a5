"""A provider's configuration, and what it says it needs to be allowed."""

import os
import re
from dataclasses import dataclass
from typing import Any


@dataclass
class ProviderScope:
    name: str
    description: str | None = None
    mandatory: bool = False
    mandatory_for_webhook: bool = False
    documentation_url: str | None = None
    alias: str | None = None


@dataclass
class ProviderConfig:
    authentication: dict[str, Any] | None
    name: str | None = None
    description: str | None = None

    def __post_init__(self) -> None:
        for key, value in (self.authentication or {}).items():
            if isinstance(value, str) and (found := re.fullmatch(r"\{\{\s*env\.(\w+)\s*\}\}", value)):
                assert self.authentication is not None
                self.authentication[key] = os.environ.get(found[1], "")
