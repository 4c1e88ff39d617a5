"""Prints a message."""

from keep.providers.base.base_provider import BaseProvider


class ConsoleProvider(BaseProvider):
    def validate_config(self) -> None: ...

    def dispose(self) -> None: ...

    def _notify(self, *, message: str = "") -> str:
        print(message)
        return message
