"""API keys: their form, and what is kept of them."""

import hashlib
import re

from proxy.keys import digest_of, hint_of, matches, new_key


def test_form() -> None:
    secret, hint, digest = new_key()
    assert re.fullmatch(r"sk-[A-Za-z0-9]{48}", secret)
    assert hint == secret[:12] == hint_of(secret)
    assert digest == hashlib.sha256(secret.encode()).hexdigest() == digest_of(secret)


def test_every_key_is_another() -> None:
    assert len({new_key()[0] for _ in range(100)}) == 100


def test_matching() -> None:
    secret, _, digest = new_key()
    assert matches(secret, digest)
    assert not matches(secret + "x", digest)
    assert not matches(new_key()[0], digest)
    assert not matches("", digest)


def test_bytes_that_are_no_text_are_a_wrong_key() -> None:
    """What aiohttp makes of a header that is not UTF-8."""
    assert not matches(b"sk-\xff".decode("utf-8", "surrogateescape"), new_key()[2])
