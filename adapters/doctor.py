"""Examines a model server: tries what runs need of it, and says which of its flags to change for what is missing."""

import textwrap
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from adapters.checks import CHECKS, Patient, Verdict
from adapters.detect import identify, on_this_machine
from adapters.dialect import Capability
from adapters.dialects import DIALECTS
from adapters.errors import UpstreamError
from adapters.naming import default_model
from adapters.server import ModelServer
from adapters.upstream import Model
from config.settings import ModelSettings, UpstreamSettings


class Finding(Struct, frozen=True, kw_only=True):
    what: Capability
    verdict: Verdict
    detail: str
    advice: str = ""
    """What to change at this server; empty where nothing is missing."""


class Report(Struct, frozen=True, kw_only=True):
    url: str
    server: str
    """Which one it is: `vLLM 0.32.0`; empty where none answered."""
    model: str | None
    """The model that was tried."""
    findings: list[Finding]

    @property
    def is_usable(self) -> bool:
        """Whether runs work at all: it has a model, and the model talks."""
        verdicts = {finding.what: finding.verdict for finding in self.findings}
        return verdicts.get("models") == "yes" and verdicts.get("streaming", "no") != "no"


async def examine_all(settings: Sequence[UpstreamSettings]) -> list[Report]:
    """One after another, as they share a machine more often than not; without any, those that run on this one."""
    found = [] if settings else await on_this_machine()
    wanted = settings or [UpstreamSettings(url=each.url, dialect=each.dialect.name) for each in found]
    return [await examine(each) for each in wanted]


async def examine(settings: UpstreamSettings, *, model: str | None = None) -> Report:
    """Try everything once, one after another, with `model` or the first that is served. Raises no UpstreamError."""
    title, dialect = "", DIALECTS.get(settings.dialect)
    found = await identify(settings.url, api_key=settings.api_key)
    if found is not None:
        title, dialect = found.title, dialect or found.dialect
    if dialect is None:
        detail = "no model server answers here; is it running, and is the address right?"
        return Report(
            url=settings.url, server="", model=None, findings=[Finding(what="models", verdict="no", detail=detail)]
        )
    # What the server does by itself is examined, without what we make up for.
    server = ModelServer(replace(settings, parse_tool_calls="never"), dialect)
    try:
        models = list(await server.models())
    except UpstreamError as failure:
        await server.aclose()
        finding = Finding(what="models", verdict="no", detail=failure.message, advice=dialect.advice.get("models", ""))
        return Report(url=server.url, server=title, model=None, findings=[finding])
    try:
        return await _examine(server, title, models, model)
    finally:
        await server.aclose()


async def _examine(server: ModelServer, title: str, models: list[Model], wanted: str | None) -> Report:
    names = [model.id for model in models]
    name = wanted or default_model(names, ModelSettings())
    advice = server.dialect.advice
    if name is None:
        none = Finding(what="models", verdict="no", detail="it lists no model", advice=advice.get("models", ""))
        return Report(url=server.url, server=title, model=None, findings=[none])
    length = next((model.context_length for model in models if model.id == name), None)
    findings = [
        Finding(what="models", verdict="yes", detail=", ".join(names[:5])),
        Finding(what="context length", verdict="yes", detail=f"{length:,} tokens")
        if length
        else Finding(
            what="context length",
            verdict="no",
            detail="it does not say; long threads are not cut to fit",
            advice=advice.get("context length", "Set context_length for this upstream."),
        ),
    ]
    patient = Patient(server, name)
    for what, check in CHECKS.items():
        try:
            verdict, detail = await check(patient)
        except UpstreamError as failure:
            verdict, detail = "no", failure.message
        findings.append(
            Finding(what=what, verdict=verdict, detail=detail, advice=advice.get(what, "") if verdict != "yes" else "")
        )
    return Report(url=server.url, server=title or server.dialect.title, model=name, findings=findings)


def render(report: Report, *, width: int = 110) -> str:
    """The report as a table of text, with what to change below it."""
    title = " ".join(part for part in (report.server or "No model server", "at", report.url) if part)
    lines = [title + (f", model {report.model}" if report.model else ""), ""]
    first = max(len(finding.what) for finding in report.findings)
    for finding in report.findings:
        indent = " " * (first + 10)
        lines += textwrap.wrap(
            finding.detail,
            width=width,
            break_on_hyphens=False,
            initial_indent=f"{finding.what:<{first}}  {finding.verdict:<6}  ",
            subsequent_indent=indent,
        ) or [f"{finding.what:<{first}}  {finding.verdict}"]
        if finding.advice:
            lines += textwrap.wrap(
                finding.advice,
                width=width,
                break_on_hyphens=False,
                initial_indent=f"{indent}-> ",
                subsequent_indent=indent + "   ",
            )
    return "\n".join(lines)
