"""Threads of this Keep, tenant by tenant: their metadata, which there are, and taking away those that are done with.

A list of threads is what the Assistants API never had; Understudy has it.
"""

from typing import Any

from .api import Api, Deadline
from .asking import UPLOADED

TENANT = "keep_tenant"
LONGEST_VALUE = 512
"""Characters that a value of metadata may have."""


def metadata_of(context: Any, provider_id: str) -> dict[str, str]:
    """Whose a thread or a run is: tenant, workflow, execution and provider, as far as they are known."""
    known = {
        TENANT: getattr(context, "tenant_id", None),
        "keep_workflow": getattr(context, "workflow_id", None),
        "keep_execution": getattr(context, "workflow_execution_id", None),
        "keep_provider": provider_id,
    }
    return {name: str(value)[:LONGEST_VALUE] for name, value in known.items() if value}


def threads_of(api: Api, owner: dict[str, str], deadline: Deadline) -> list[dict[str, Any]]:
    """Threads that have all of this metadata, newest first."""
    query = {f"metadata[{name}]": value for name, value in owner.items()}
    return list(api.pages("/threads", deadline, order="desc", **query))


def delete_thread(api: Api, thread_id: str, deadline: Deadline) -> dict[str, Any]:
    """Delete a thread, and the files that were uploaded for its messages."""
    files: list[str] = []
    for message in api.pages(f"/threads/{thread_id}/messages", deadline, order="asc"):
        for name, value in (message.get("metadata") or {}).items():
            if name.startswith(UPLOADED):
                files += value.split()
    deleted = api.delete(f"/threads/{thread_id}", deadline)
    return {
        "thread_id": thread_id,
        "deleted": deleted,
        "files_deleted": sum(api.delete(f"/files/{id}", deadline) for id in files),
    }


def delete_idle(api: Api, owner: dict[str, str], idle_days: float, now: float, deadline: Deadline) -> dict[str, Any]:
    """Delete threads of this owner on which nothing was said for so long. Those with an active run stay."""
    deleted, files = [], 0
    for thread in threads_of(api, owner, deadline):
        if thread.get("active_run_id"):
            continue
        newest = api.get(f"/threads/{thread['id']}/messages", deadline, order="desc", limit=1)["data"]
        last = newest[0]["created_at"] if newest else thread["created_at"]
        if now - last >= idle_days * 86400:
            gone = delete_thread(api, thread["id"], deadline)
            deleted.append(thread["id"])
            files += gone["files_deleted"]
    return {"deleted": deleted, "files_deleted": files}
