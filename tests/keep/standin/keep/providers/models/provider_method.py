"""What of a provider can be called by hand."""

from typing import Literal

from pydantic import BaseModel


class ProviderMethod(BaseModel):
    name: str
    func_name: str
    scopes: list[str] = []
    description: str | None = None
    category: str | None = None
    type: Literal["view", "action"] = "view"
