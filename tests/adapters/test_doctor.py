"""The examination of a model server, against servers that lack this and that."""

from typing import Any

import pytest

from adapters.checks import CALL_MARKUP, CHECKS, looks_like_a_call
from adapters.dialects import DIALECTS
from adapters.doctor import Finding, Report, examine, render
from compat_tests.scripted_upstream import Reply, by_rule, error, scripted_upstream, text, tool_calls
from config.settings import UpstreamSettings

from .recordings import errors

REFUSALS = {(error.server, error.case): error for error in errors()}


def healthy(body: dict[str, Any]) -> Reply:
    """A model that does all that is asked."""
    if "response_format" in body:
        return text('{"greeting": "Hello"}', pieces=['{"greet', 'ing": "Hello"}'])
    if isinstance(body["messages"][0]["content"], list):
        return text("It is red.")
    if body.get("tool_choice") == "required":
        return tool_calls([(body["tools"][0]["function"]["name"], {"zone": "UTC"})])
    return by_rule(body) if "tools" in body else text("Hello, how are you?")


def recorded(server: str, case: str) -> Reply:
    return error(REFUSALS[server, case].status, REFUSALS[server, case].body.encode())


async def report_of(upstream: Any, **fields: Any) -> Report:
    return await examine(UpstreamSettings(**{"url": upstream.url, **fields}))


def verdicts(report: Report) -> dict[str, str]:
    return {finding.what: finding.verdict for finding in report.findings}


def finding(report: Report, what: str) -> Finding:
    return next(finding for finding in report.findings if finding.what == what)


async def test_a_server_that_can_do_everything() -> None:
    async with scripted_upstream(flavour="vllm") as upstream:
        upstream.script([healthy] * 20)
        report = await report_of(upstream)
    assert (report.server, report.url, report.model, report.is_usable) == ("vLLM 0.32.0", upstream.url, "tiny", True)
    assert verdicts(report) == {"models": "yes", "context length": "yes", **dict.fromkeys(CHECKS, "yes")}
    assert [finding.advice for finding in report.findings if finding.advice] == []
    assert finding(report, "context length").detail == "2,048 tokens"
    assert finding(report, "tool_choice named").detail.startswith("get_time(")


async def test_vllm_without_its_tool_flags() -> None:
    def without_flags(body: dict[str, Any]) -> Reply:
        if "tools" not in body:
            return healthy(body)
        kind = "required" if body.get("tool_choice") == "required" else "auto"
        return recorded("vllm", f"err_tools_{kind}_without_parser_flags")

    async with scripted_upstream(flavour="vllm") as upstream:
        upstream.script([without_flags] * 20)
        report = await report_of(upstream)
    for what in ("tools", "tool_choice required", "tool_choice named", "parallel calls"):
        assert finding(report, what).verdict == "no"
        assert "--enable-auto-tool-choice --tool-call-parser" in finding(report, what).advice
    assert report.is_usable


async def test_sglang_without_a_parser() -> None:
    """The call stays in the text."""

    def unparsed(body: dict[str, Any]) -> Reply:
        if "tools" not in body:
            return healthy(body)
        return text('<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>')

    async with scripted_upstream(flavour="sglang") as upstream:
        upstream.script([unparsed] * 20)
        report = await report_of(upstream)
    assert finding(report, "tools").detail == "the call stayed in the text as markup"
    assert "--tool-call-parser" in finding(report, "tools").advice


async def test_llama_server_that_lacks_everything() -> None:
    def poor(body: dict[str, Any]) -> Reply:
        if isinstance(body["messages"][0]["content"], list):
            return recorded("llama-server", "msg_image_on_text_model")
        return text("I do not know.", usage={})

    async with scripted_upstream(flavour="llamacpp") as upstream:
        upstream.script([poor] * 20)
        report = await report_of(upstream)
    assert {what: verdict for what, verdict in verdicts(report).items() if verdict != "yes"} == {
        "usage": "no",
        "tools": "no",
        "tool_choice required": "no",
        "tool_choice named": "no",
        "parallel calls": "no",
        "json_schema": "no",
        "images": "no",
    }
    assert "--jinja" in finding(report, "tools").advice
    assert "--mmproj" in finding(report, "images").advice


@pytest.mark.parametrize(
    ("what", "reply", "verdict", "detail"),
    [
        ("streaming", text(""), "no", "empty"),
        ("streaming", text("", thinking="Hm, hm."), "partly", "it thought"),
        (
            "streaming",
            text("one long piece of an answer", pieces=["one long piece of an answer"]),
            "partly",
            "one piece",
        ),
        ("tools", tool_calls([("get_time", {})]), "partly", "another function"),
        ("tools", tool_calls([("get_weather", '{"city": "P')], finish="length"), "partly", "did not end"),
        ("tools", tool_calls([("get_weather", "true")]), "partly", "not a JSON object"),
        ("parallel calls", tool_calls([("get_weather", {"city": "Paris"})]), "partly", "one call came"),
        ("json_schema", text('{"greeting": "H', finish="length"), "no", "cut off"),
        ("json_schema", text('{"other": 1}'), "partly", "keys"),
        ("images", text("A dog."), "partly", "did not see"),
    ],
)
async def test_what_answers_are_worth(what: Any, reply: Reply, verdict: str, detail: str) -> None:
    async with scripted_upstream() as upstream:
        upstream.script([healthy] * 20)
        place = [check for check in CHECKS if check not in {"token counting", "embeddings"}].index(what)
        upstream.script([*[healthy] * place, reply, *[healthy] * 20])
        report = await report_of(upstream)
    assert finding(report, what).verdict == verdict
    assert detail in finding(report, what).detail


async def test_a_server_that_counts_nothing() -> None:
    async with scripted_upstream() as upstream:
        report = await report_of(upstream)
        wrong = await report_of(upstream, dialect="vllm")
    assert finding(report, "token counting").detail == "it cannot count tokens; they are estimated"
    assert finding(wrong, "token counting").verdict == "no"


async def test_a_server_that_does_not_tell_its_context() -> None:
    async with scripted_upstream(context=0) as upstream:
        report = await report_of(upstream)
    assert finding(report, "context length").verdict == "no"
    assert "context_length" in finding(report, "context length").advice


async def test_a_server_without_models() -> None:
    async with scripted_upstream(flavour="sglang", models=[]) as upstream:
        upstream.models = []
        report = await examine(UpstreamSettings(url=upstream.url, dialect="sglang"))
    assert (report.model, verdicts(report), report.is_usable) == (None, {"models": "no"}, False)


@pytest.mark.parametrize("dialect", ["auto", "vllm"])
async def test_nobody_there(dialect: Any) -> None:
    async with scripted_upstream() as upstream:
        await upstream.stop()
        report = await report_of(upstream, dialect=dialect)
    assert (verdicts(report), report.is_usable) == ({"models": "no"}, False)


async def test_another_model_may_be_named() -> None:
    async with scripted_upstream(models=["tiny", "other"]) as upstream:
        report = await examine(UpstreamSettings(url=upstream.url), model="other")
        assert report.model == "other"
        assert {request["model"] for request in upstream.requests} == {"other"}


def test_the_table() -> None:
    findings = [
        Finding(what="models", verdict="yes", detail="tiny"),
        Finding(what="tool_choice named", verdict="no", detail="word " * 12, advice="Start it with `--a-flag <x>`."),
    ]
    report = Report(url="http://there", server="vLLM 0.32.0", model="tiny", findings=findings)
    assert render(report, width=70).splitlines() == [
        "vLLM 0.32.0 at http://there, model tiny",
        "",
        "models             yes     tiny",
        "tool_choice named  no      word word word word word word word word",
        "                           word word word word",
        "                           -> Start it with `--a-flag <x>`.",
    ]


def test_the_table_of_nothing() -> None:
    report = Report(
        url="http://x", server="", model=None, findings=[Finding(what="models", verdict="no", detail="gone")]
    )
    assert render(report).splitlines() == ["No model server at http://x", "", "models  no      gone"]


def test_markup_of_calls() -> None:
    for mark in CALL_MARKUP:
        assert looks_like_a_call(f'Well. {mark}{{"name"')
    assert not looks_like_a_call("Use a <tool> or call [a] function.")


def test_every_piece_of_advice_is_about_something_that_is_looked_at() -> None:
    looked_at = {"models", "context length", *CHECKS}
    for dialect in DIALECTS.values():
        assert set(dialect.advice) <= looked_at
