"""The provider, installed into Keep as its README says: a copy of Keep, with our folder beside its own providers.

Which Keep: the checkout that KEEP_SOURCE names, or else the package `keephq` where there is one, or else the stand-in.
"""

import atexit
import os
import shutil
import sys
import tempfile
import warnings
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

from tests.processes import ROOT

INTEGRATION = ROOT / "integrations/keep"
PROVIDERS = {"base", "models", "console_provider", "openai_provider"}
"""What is copied of Keep's own: the others want a hundred packages, and the loader would try each."""
TENANT = "singletenant"


def _source() -> tuple[str, Path]:
    if checkout := os.environ.get("KEEP_SOURCE"):
        return "checkout", Path(checkout) / "keep"
    try:
        found = next(file for file in files("keephq") or [] if file.as_posix() == "keep/parser/parser.py")
    except PackageNotFoundError:
        return "stand-in", Path(__file__).parent / "standin/keep"
    return "package", Path(str(found.locate())).parents[1]


def _install() -> tuple[str, Path]:
    kind, source = _source()
    place = Path(tempfile.mkdtemp(prefix="understudy-keep-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)

    def left_out(directory: str, names: list[str]) -> set[str]:
        others = set()
        if Path(directory) == source / "providers":
            others = {name for name in names if (source / "providers" / name).is_dir()} - PROVIDERS
        return others | {"__pycache__"}

    shutil.copytree(source, place / "keep", ignore=left_out)
    shutil.copytree(
        INTEGRATION / "understudy_provider",
        place / "keep/providers/understudy_provider",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    os.environ |= {
        "DATABASE_CONNECTION_STRING": f"sqlite:///{place}/keep.db",
        "SECRET_MANAGER_TYPE": "FILE",
        "SECRET_MANAGER_DIRECTORY": str(place),
        "STORAGE_MANAGER_DIRECTORY": str(place),
        "PROVIDERS_CACHE_FILE": str(place / "providers.json"),
        "POSTHOG_DISABLED": "true",
        "OTEL_SDK_DISABLED": "true",
    }
    sys.path.insert(0, str(place))
    return kind, place


KIND, PLACE = _install()
"""`checkout`, `package` or `stand-in`; and where it is."""

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Keep's own, of which it has many
    if KIND != "stand-in":
        from keep.api.core.db import engine
        from keep.parser.parser import Parser
        from keep.providers.providers_factory import ProvidersFactory
        from sqlmodel import SQLModel

        SQLModel.metadata.create_all(engine)
    from keep.contextmanager.contextmanager import ContextManager


OWN_OPENAI = (PLACE / "keep/providers/openai_provider").is_dir()
"""Whether this is a Keep of these years: its last package is older, and the stand-in has no such thing."""
NO_OWN_OPENAI = "only in a checkout of Keep: make test-keep KEEP_SOURCE=<checkout>"


def provider(config: dict[str, Any], *, kind: str = "understudy", id: str = "mine", tenant: str = TENANT) -> Any:
    """A provider of this type, made as Keep makes it; `config` is its form, filled in."""
    context = ContextManager(tenant_id=tenant, workflow_id="by-hand")
    if KIND == "stand-in":
        from keep import workflow

        return workflow.provider(kind, id, {"authentication": config}, context)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ProvidersFactory.get_provider(context, id, kind, {"authentication": config})


def run(workflow: dict[str, Any], providers: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
    """Run a workflow in Keep's engine (or as the stand-in does it); what its steps have left. Raises what fails."""
    if KIND == "stand-in":
        from keep import workflow as engine_of_stand_in

        return engine_of_stand_in.run(workflow["workflow"], providers, event, TENANT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (parsed,) = Parser().parse(TENANT, {**workflow, "providers": providers})
        parsed.context_manager.set_event_context(event)
        errors = parsed.run("by-hand")
    assert not [error for error in errors or [] if isinstance(error, str)], errors
    found: dict[str, Any] = parsed.context_manager.steps_context
    return found
