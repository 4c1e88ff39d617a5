"""What every answer carries, bodies that are too large, and what nobody foresaw."""

import io
import logging
import re

import pytest
from msgspec.structs import replace

from config.settings import ServerSettings, Settings
from proxy.services import Services
from tests.api.conftest import Client

REQUEST_ID = re.compile(r"req_[0-9a-f]{32}")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/assistants"), ("GET", "/nowhere"), ("PUT", "/v1/threads"), ("GET", "/health"), ("GET", "/v1/echo")],
)
async def test_every_answer_has_the_headers_of_the_real_service(client: Client, method: str, path: str):
    async with client.request(method, path) as answer:
        assert REQUEST_ID.fullmatch(answer.headers["x-request-id"])
        assert answer.headers["openai-version"] == "2020-10-01"
        assert answer.headers["openai-organization"] == "understudy"
        assert int(answer.headers["openai-processing-ms"]) >= 0
        assert answer.headers["Content-Type"].startswith("application/json")


async def test_every_request_has_an_id_of_its_own(client: Client):
    ids = set()
    for _ in range(3):
        async with client.get("/v1/assistants", headers={"x-request-id": "mine", "OpenAI-Organization": "o"}) as answer:
            ids.add(answer.headers["x-request-id"])
    assert len(ids) == 3


async def test_poll_helpers_are_told_when_to_ask_again(client: Client):
    async with client.get("/v1/assistants", headers={"X-Stainless-Poll-Helper": "true"}) as answer:
        assert answer.headers["openai-poll-after-ms"] == "250"
    async with client.get("/v1/assistants") as answer:
        assert "openai-poll-after-ms" not in answer.headers


class TestALimit:
    @pytest.fixture
    def settings(self) -> Settings:
        return replace(Settings(), server=ServerSettings(max_body_megabytes=1))

    async def test_a_body_that_is_too_large(self, client: Client):
        body = io.BytesIO(b'{"model":"%b"}' % (b"m" * 1024 * 1024))
        async with client.post("/v1/assistants", data=body) as answer:
            assert answer.status == 413
            assert (await answer.json())["error"] == {
                "message": "Maximum content size limit (1048576) exceeded.",
                "type": "invalid_request_error",
                "param": None,
                "code": None,
            }


async def test_what_nobody_foresaw_is_logged_under_the_id_that_the_client_is_told(
    client: Client, services: Services, caplog: pytest.LogCaptureFixture
):
    await services.store.aclose()
    with caplog.at_level(logging.ERROR, logger="proxy.api"):
        async with client.get("/v1/assistants") as answer:
            assert answer.status == 500
            request_id = answer.headers["x-request-id"]
            assert (await answer.json())["error"] == {
                "message": (
                    "The server had an error processing your request. Sorry about that! You can retry your request, "
                    "or contact us through our help center at help.openai.com if you keep seeing this error. "
                    f"(Please include the request ID {request_id} in your email.)"
                ),
                "type": "server_error",
                "param": None,
                "code": None,
            }
    [record] = caplog.records
    assert request_id in record.getMessage()
    assert record.exc_info is not None
