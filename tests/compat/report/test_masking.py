"""No report opens anything."""

import msgspec
import pytest

from compat_tests.exchange import Answer, Event, Part, Request
from compat_tests.report import as_json, console, html, junit
from compat_tests.report.masking import Mask
from compat_tests.result import Asked, Difference, Result
from tests.compat.report.reports import a_report

KEY = "kx-Wm4v9Tq2"
RECORDED_KEY = "sk-proj-0123456789abcdefghij"


def leaking() -> Result:
    """A key wherever a server or a cassette could put one."""
    difference = Difference(path=f"body.{KEY}", expected=KEY, got=f"Incorrect API key provided: {KEY}.")
    asked = Asked(
        title=f"1. GET /v1/{KEY}",
        request=Request(
            method="POST",
            path=f"/v1/{KEY}",
            query=(("key", KEY),),
            headers={"authorization": f"Bearer {KEY}", "api-key": RECORDED_KEY, "cookie": "session=abcdef", "x": None},
            body=(Part(name="file", data=KEY.encode()),),
        ),
        expected=f"not {KEY}",
        answer=Answer(
            status=401,
            headers={"set-cookie": "session=abcdef", "x-echo": f"Bearer {KEY}"},
            body={KEY: [{"text": f"{RECORDED_KEY} and {KEY}"}]},
        ),
        differences=(difference,),
    )
    answer = Answer(status=200, events=(Event("error", {"message": KEY}), Event("done", KEY)))
    streamed = msgspec.structs.replace(asked, answer=answer)
    other = Answer(status=200, body=f"bytes {KEY}".encode())
    return Result(
        slug="errors/leak",
        kind="case",
        resource="errors",
        title=f"Says {KEY}.",
        outcome="failed",
        reason=f"because of {KEY}",
        asked=(asked, streamed, msgspec.structs.replace(asked, answer=other)),
        differences=(difference,),
    )


@pytest.mark.parametrize("rendered", [console.rendered, junit.rendered, as_json.rendered, html.rendered])
def test_no_report_has_a_key(rendered: object) -> None:
    assert callable(rendered)
    assert KEY in rendered(a_report(leaking())), "it would leak"
    text = rendered(a_report(Mask([KEY, None]).result(leaking())))
    for secret in (KEY, RECORDED_KEY, "abcdef"):
        assert secret not in text


def test_what_is_no_secret_stays() -> None:
    result = leaking()
    masked = Mask([KEY]).result(result)
    assert masked.asked[0].request.headers == {
        "authorization": "***", "api-key": "***", "cookie": "***", "x": None,
    }  # fmt: skip
    assert masked.differences[0].got == "Incorrect API key provided: ***."
    plain = msgspec.structs.replace(result, asked=(), differences=(), title="As it is.", reason="")
    assert Mask([KEY]).result(plain) == plain


def test_a_short_key_does_not_eat_words() -> None:
    assert Mask(["a"]).text("a banana, Bearer a") == "a banana, Bearer ***"
