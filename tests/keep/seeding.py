"""What tests put onto the server, and wait for on it, without any client."""

import time
from typing import Any

import httpx

PATIENCE_SECONDS = 10


def new_assistant(api: httpx.Client, **fields: Any) -> str:
    made = api.post("/assistants", json={"model": "tiny", "name": "Triage", **fields})
    made.raise_for_status()
    return str(made.json()["id"])


def wait_for_run(api: httpx.Client, thread: str, *statuses: str) -> dict[str, Any]:
    """The thread's newest run, when it is one of these."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        found: list[dict[str, Any]] = api.get(f"/threads/{thread}/runs", params={"limit": 1}).json()["data"]
        if found and found[0]["status"] in statuses:
            return found[0]
        time.sleep(0.01)
    raise TimeoutError(f"the run of {thread} has not become {' or '.join(statuses)}")
