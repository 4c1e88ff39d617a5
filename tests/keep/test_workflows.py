"""The example workflows run, in Keep's own engine where there is Keep."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from compat_tests.scripted_upstream import text, tool_calls
from tests.keep import installed
from tests.keep.models import Model
from tests.keep.seeding import new_assistant
from tests.processes import Server

ALERT = {
    "name": "DiskFull",
    "service": "checkout",
    "description": "/var on db-1 is at 100 % & rising",
    "fingerprint": "abc123",
    "log": "no space left on device",
}
TRIAGE = '{"severity": "%s", "cause": "Old logs.", "first_steps": ["Delete them.", "Grow the volume."]}'
Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(server: Server, assistant: str) -> Run:
    def run(name: str, id: str = assistant, **changes: str) -> dict[str, Any]:
        written = (installed.INTEGRATION / "workflows" / name).read_text(encoding="utf-8")
        for old, new in changes.items():
            assert old in written
            written = written.replace(old, new)
        providers = {"understudy": {"authentication": {"base_url": server.url, "assistant_id": id}}}
        return installed.run(yaml.safe_load(written), providers, ALERT)

    return run


def test_there_are_no_others() -> None:
    names = {path.name for path in (installed.INTEGRATION / "workflows").iterdir()}
    assert names == {"alert-triage.yml", "runbook-search.yml", "runbook-upkeep.yml"}


@pytest.mark.parametrize("severity", ["high", "low"])
def test_alert_triage(run: Run, says: Model, api: httpx.Client, severity: str) -> None:
    parameters = {"type": "object", "properties": {"service": {"type": "string"}}}
    tool = {"type": "function", "function": {"name": "get_owner", "parameters": parameters}}
    says.script(tool_calls([("get_owner", {"service": "checkout"})]), text(TRIAGE % severity))
    steps = run("alert-triage.yml", new_assistant(api, tools=[tool]))
    results = steps["triage"]["results"]
    assert results["response"] == {
        "severity": severity,
        "cause": "Old logs.",
        "first_steps": ["Delete them.", "Grow the volume."],
    }
    asked = says.requests[0]
    assert "Name: DiskFull\nService: checkout\nText: /var on db-1" in asked["messages"][-1]["content"]
    assert asked["temperature"] == 0.1
    assert says.requests[1]["messages"][-1]["content"] == "payments"
    told = steps.get("wake-somebody", {}).get("provider_parameters")
    assert (told or None) == ({"message": "DiskFull: Old logs. First: Delete them."} if severity == "high" else None)
    assert api.get(f"/threads/{results['thread_id']}").status_code == 404  # the last action has deleted it


@pytest.mark.skipif(not installed.OWN_OPENAI, reason=installed.NO_OWN_OPENAI)
def test_an_alert_is_enriched(server: Server, assistant: str, says: Model) -> None:
    """As the README says. The package of Keep hands `enrich_alert` on to providers, which later ones do not."""
    from keep.api.core.db import get_enrichments

    enrich = [{"key": "thread_id", "value": "results.thread_id"}]
    asked = {"prompt": "{{ alert.name }}", "enrich_alert": enrich}
    step = {"type": "understudy", "config": "{{ providers.understudy }}", "with": asked}
    workflow = {"id": "enriching", "triggers": [{"type": "manual"}], "steps": [{"name": "ask", "provider": step}]}
    providers = {"understudy": {"authentication": {"base_url": server.url, "assistant_id": assistant}}}
    steps = installed.run({"workflow": workflow}, providers, ALERT)
    (noted,) = get_enrichments(installed.TENANT, [ALERT["fingerprint"]])
    assert noted.enrichments["thread_id"] == steps["ask"]["results"]["thread_id"]


def test_an_answer_that_is_not_what_was_asked_for_ends_the_workflow(run: Run, says: Model) -> None:
    says.script(text("It is bad."), text("Really."), text("It is."), text("I said so."))
    with pytest.raises(Exception, match=r"server_error|not JSON"):
        run("alert-triage.yml")


def test_runbooks_are_brought_in_line_and_searched_with_citations(
    run: Run, says: Model, api: httpx.Client, assistant: str, tmp_path: Path
) -> None:
    (tmp_path / "disk-full.md").write_text("# Disk full\n\nDelete what is in /var/log/old.\n")
    (tmp_path / "network.md").write_text("# Network\n\nPlug it in.\n")
    changes = {"/runbooks": str(tmp_path), "vector_store: runbooks": f"vector_store: {tmp_path.name}"}
    run("runbook-upkeep.yml", **changes)
    (store,) = api.get(f"/assistants/{assistant}").json()["tool_resources"]["file_search"]["vector_store_ids"]
    assert api.get(f"/vector_stores/{store}").json()["file_counts"]["completed"] == 2

    says.script(
        tool_calls([("file_search", {"queries": ["disk full", "no space left"]})]),
        text("Delete /var/log/old [[1]]."),
        text("Quite."),
    )
    steps = run("runbook-search.yml")
    results = steps["look-up"]["results"]
    (citation,) = results["citations"]
    assert citation["text"] in results["response"]
    shown = says.requests[1]["messages"][-1]["content"]
    assert "Delete what is in /var/log/old." in shown
    assert "no space left on device" in shown  # the alert's log, which was attached
    assert results["cited_response"] == "Delete /var/log/old [1]."
    assert results["sources"] == [citation["filename"]]
    assert citation["filename"] in {"disk-full.md", "alert.log.txt"}
    assert steps["how-sure"]["results"]["thread_id"] == results["thread_id"]
    assert steps["tell"]["provider_parameters"]["message"] == (
        f"Delete /var/log/old [1]. (Quite.) Source: {citation['filename']}"
    )

    (tmp_path / "network.md").unlink()
    run("runbook-upkeep.yml", **changes)
    assert api.get(f"/vector_stores/{store}").json()["file_counts"]["completed"] == 1
