"""docs/lifecycle.md is drawn from the table; run this module to write it again."""

from pathlib import Path

from proxy.runs.lifecycle import TRANSITIONS, is_terminal
from proxy.schema.runs import RunStatus

PAGE = Path(__file__).parent.parent / "docs" / "lifecycle.md"


def page() -> str:
    lines = [
        "# The life of a run",
        "",
        "Drawn from `TRANSITIONS` in `proxy/runs/lifecycle.py`; `python -m tests.test_lifecycle_page` writes it again.",
        "",
        "```mermaid",
        "stateDiagram-v2",
        f"    [*] --> {RunStatus.QUEUED.value}",
    ]
    for status, row in TRANSITIONS.items():
        lines += [f"    {status.value} --> {to.value}: {trigger.value}" for trigger, to in row.items()]
        if is_terminal(status):
            lines.append(f"    {status.value} --> [*]")
    return "\n".join([*lines, "```", ""])


def test_the_page_is_the_table() -> None:
    assert PAGE.read_text() == page()


if __name__ == "__main__":
    PAGE.write_text(page())
