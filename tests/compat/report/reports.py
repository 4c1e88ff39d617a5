"""Reports to be told: results as they come, and as nobody wants them."""

from typing import Any

import msgspec

from compat_tests.exchange import UNRECORDED, Answer, Event, Part, Request
from compat_tests.report import About, Fact, Report
from compat_tests.result import Asked, Difference, Outcome, Result

EVIL = '<script>alert("x")</script>&amp;\x00\x1b[31m\ud800]]>'
WRONG = Difference(path="body.name", expected='"Ada"', got=EVIL)
KNOWN = Difference(path="body.usage", expected="object", got="null", reason=f"Nobody counts here. {EVIL}")


def asked(*differences: Difference, body: Any = None, events: tuple[Event, ...] | None = None) -> Asked:
    request = Request(
        method="POST",
        path="/v1/threads",
        query=(("include[]", EVIL),),
        headers={"authorization": "Bearer sk-verysecret0123456789", "openai-beta": None},
        body={"text": EVIL},
    )
    answer = Answer(status=200, headers={"set-cookie": "secret"}, body=body, events=events)
    return Asked(title="1. POST /v1/threads", request=request, expected=EVIL, answer=answer, differences=differences)


def a_result(slug: str, outcome: Outcome, **fields: Any) -> Result:
    resource = slug.partition("/")[0]
    defaults = {"kind": "case", "title": f"A title. {EVIL}", "seconds": 0.25, "tags": ("status:queued",)}
    return Result(slug=slug, resource=resource, outcome=outcome, **(defaults | fields))


RESULTS = (
    a_result("threads/right", "passed", asked=(asked(body={"a": [1, None]}),)),
    a_result("threads/wrong", "failed", asked=(asked(WRONG, KNOWN, body={"name": EVIL, "nan": float("nan")}),)),
    a_result("runs/known", "accepted", asked=(asked(KNOWN, events=(Event("thread.run.created", {"id": EVIL}),)),)),
    a_result("runs/not-tried", "skipped", reason=f"No reason. {EVIL}"),
    a_result(
        "files/altogether",
        "failed",
        kind="recording",
        reason="stopped at step 1 of 2",
        differences=(msgspec.structs.replace(WRONG, path="model"),),
        asked=(
            msgspec.structs.replace(asked(), answer=None),
            msgspec.structs.replace(
                asked(body=b"\x00\xff" * 100),
                request=Request(method="POST", path="/v1/files", body=(Part(name="file", data=b"\x00bytes"),)),
            ),
            msgspec.structs.replace(asked(), request=Request(method="POST", path="/v1/files", body=UNRECORDED)),
        ),
    ),
)


def a_report(*results: Result, **fields: Any) -> Report:
    defaults: dict[str, Any] = {
        "about": About(server="this server", model_server="it says what it is told", schemas="not checked"),
        "planned": len(results),
        "seconds": 1.5,
        "results": results,
    }
    return Report(**(defaults | fields))


REPORT = a_report(*RESULTS, facts=(Fact(reason="It was otherwise then.", recordings=("a/b", "a/c", "d/e")),))
COUNTS = {"passed": 1, "accepted": 1, "failed": 2, "skipped": 1}
EMPTY = a_report(planned=3)
