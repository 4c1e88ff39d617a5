"""Who may start without keys, and where."""

import pytest

from proxy.admission import is_loopback, may_serve


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost", "LOCALHOST"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)
    assert may_serve(host, any_key=False, allow_anonymous=False) is None


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "10.0.0.1", "example.org", "localhost.example.org"])
def test_elsewhere_needs_a_key_or_the_word(host: str) -> None:
    assert not is_loopback(host)
    assert may_serve(host, any_key=True, allow_anonymous=False) is None
    assert may_serve(host, any_key=False, allow_anonymous=True) is None
    refusal = may_serve(host, any_key=False, allow_anonymous=False)
    assert refusal is not None
    assert (host or "all addresses") in refusal
    assert "keys create --project" in refusal
    assert "--allow-anonymous" in refusal
