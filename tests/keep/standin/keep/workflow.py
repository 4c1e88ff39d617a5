"""Workflows, run as Keep runs them as far as a provider can tell. Keep has no such module: its parts are many."""

import copy
import importlib
import re
from typing import Any

from keep.contextmanager.contextmanager import ContextManager
from keep.providers.base.base_provider import BaseProvider
from keep.providers.models.provider_config import ProviderConfig

PLACE = re.compile(r"\{\{\s*([\w.\-]+)\s*\}\}")


def provider(kind: str, id: str, config: dict[str, Any], context: ContextManager) -> BaseProvider:
    """By name, as Keep's factory finds it."""
    module = importlib.import_module(f"keep.providers.{kind}_provider.{kind}_provider")
    made: BaseProvider = getattr(module, kind.title() + "Provider")(
        context, id, ProviderConfig(**copy.deepcopy(config))
    )
    return made


def run(workflow: dict[str, Any], providers: dict[str, Any], event: dict[str, Any], tenant: str) -> dict[str, Any]:
    """Run the steps, then the actions; what each has left in the context. Of a step, decimal numbers are lost."""
    context = ContextManager(tenant, workflow["id"])
    for step in workflow.get("steps", []):
        given = {name: it for name, it in step["provider"]["with"].items() if not isinstance(it, float)}
        _do(step, given, providers, event, context)
    for action in workflow.get("actions", []):
        _do(action, action["provider"]["with"], providers, event, context, asks=False)
    return context.steps_context


def _do(
    step: dict[str, Any],
    given: dict[str, Any],
    providers: dict[str, Any],
    event: dict[str, Any],
    context: ContextManager,
    *,
    asks: bool = True,
) -> None:
    known = {"alert": event, "event": event, "steps": context.steps_context, "consts": {}}
    if "if" in step:
        left, _, right = PLACE.sub(lambda found: repr(_look(found, known, None)), step["if"]).partition(" == ")
        if left != right:
            return
    found = PLACE.fullmatch(step["provider"].get("config", ""))
    id = found[1].removeprefix("providers.") if found else step["provider"]["type"]
    made = provider(step["provider"]["type"], id, providers.get(id, {"authentication": {}}), context)
    parameters = {name: _rendered(value, known) for name, value in given.items()}
    try:
        result = (made.query if asks else made.notify)(**copy.deepcopy(parameters))
    finally:
        made.dispose()
    context.steps_context[step["name"]] = {"results": result, "provider_parameters": parameters}


def _rendered(value: Any, known: dict[str, Any]) -> Any:
    match value:
        case {"key": str(key), "default": default}:
            return _text(key, known, default)
        case dict():
            return {name: _rendered(each, known) for name, each in value.items()}
        case list():
            return [_rendered(each, known) for each in value]
        case str():
            return _text(value, known, None)
        case _:
            return value


def _text(template: str, known: dict[str, Any], default: Any) -> str:
    return PLACE.sub(lambda found: _look(found, known, default), template) or (default or "")


def _look(found: re.Match[str], known: dict[str, Any], default: Any) -> str:
    at: Any = known
    for part in found[1].split("."):
        if isinstance(at, list):
            at = at[int(part)]
        elif part in at:
            at = at[part]
        elif default is not None:
            return ""
        else:
            raise KeyError(f"Could not find key {found[1]} in the context.")
    return str(at)
