"""What a workflow knows while it runs, as far as a provider looks at it."""

from typing import Any


class ContextManager:
    def __init__(
        self, tenant_id: str, workflow_id: str | None = None, workflow_execution_id: str | None = None
    ) -> None:
        self.tenant_id = tenant_id
        self.workflow_id = workflow_id
        self.workflow_execution_id = workflow_execution_id
        self.event_context: Any = {}
        self.steps_context: dict[str, Any] = {}
        self.dependencies: set[type] = set()
