"""What parsers and chunkers raise for a file that cannot be read; it becomes the file's `last_error`."""

from typing import Literal

Code = Literal["unsupported_file", "invalid_file", "server_error"]


class Unreadable(Exception):
    """The message is for the client that uploaded the file."""

    def __init__(self, message: str, *, code: Code = "invalid_file") -> None:
        super().__init__(message)
        self.message = message
        self.code: Code = code
