"""The form of API keys: how one is drawn, what is kept of it, and how one that a client sends is compared."""

import hashlib
import hmac
import secrets
import string
from typing import Final

_ALPHABET: Final = string.ascii_letters + string.digits
_LENGTH: Final = 48
_HINT_LENGTH: Final = 12


def new_key() -> tuple[str, str, str]:
    """(secret, hint, digest). The secret is shown once and kept nowhere; hint and digest are stored."""
    secret = "sk-" + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
    return secret, hint_of(secret), digest_of(secret)


def hint_of(secret: str) -> str:
    """The first characters: enough to recognise a key in a list and to find its row, useless to anyone else."""
    return secret[:_HINT_LENGTH]


def digest_of(secret: str) -> str:
    """SHA-256 in hex. A key has 285 random bits, so a slow hash and a salt would protect nothing more."""
    # What a client sends in a header may be no UTF-8, and is then a wrong key like any other.
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def matches(secret: str, digest: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(digest_of(secret), digest)
