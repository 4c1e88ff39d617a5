"""Decides whether a server may be started as it is asked to: without keys, only where nobody else can reach it."""

import ipaddress


def may_serve(host: str, any_key: bool, allow_anonymous: bool) -> str | None:
    """None when it may; otherwise the sentence that says why not, and what to do."""
    if any_key or allow_anonymous or is_loopback(host):
        return None
    return (
        f"refusing to listen on {host or 'all addresses'} without keys: everybody who reaches it could read and change "
        "everything. Make a key with `python run.py keys create --project NAME`, or pass --allow-anonymous."
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to `host`. A name other than localhost may point anywhere."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
