"""The only random ids, in the forms of the real service, and the check of ids that clients send."""

import secrets
import string
from typing import Final

from proxy.errors import InvalidRequest

_ALPHABET: Final = string.ascii_letters + string.digits

# Path and body parameters that hold an id -> the prefix that the real service names in its error. Of a step it said
# only that there is none, whatever was asked for.
PREFIXES: Final = {
    "assistant_id": "asst",
    "thread_id": "thread",
    "message_id": "msg",
    "run_id": "run",
    "vector_store_id": "vs",
}


def new_id(prefix: str) -> str:
    """`prefix_` and 24 letters or digits, the form of every Assistants object."""
    return f"{prefix}_{''.join(secrets.choice(_ALPHABET) for _ in range(24))}"


def new_file_id() -> str:
    return f"file-{''.join(secrets.choice(_ALPHABET) for _ in range(22))}"


def new_hex_id(prefix: str) -> str:
    """`prefix_` and 32 hexadecimal digits, the form of uploads and of vector stores."""
    return f"{prefix}_{secrets.token_hex(16)}"


def new_request_id() -> str:
    return f"req_{secrets.token_hex(16)}"


def check_id(value: str, param: str) -> str:
    """Return `value`, or refuse it in the words of the real service when its prefix is wrong."""
    prefix = PREFIXES[param]
    if not value.startswith(f"{prefix}_"):
        raise InvalidRequest(
            f"Invalid '{param}': '{value}'. Expected an ID that begins with '{prefix}'.",
            param=param,
            code="invalid_value",
        )
    return value
