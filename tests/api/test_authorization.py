"""Who may ask, and as whom."""

import pytest

from proxy.api.authorization import REMEMBERED_SECONDS, Authorization, secret_in
from proxy.errors import NotAuthorized
from proxy.services import Services
from proxy.store.keys import list_keys, revoke_key
from tests.api.conftest import Client
from tests.builders import AT
from tests.serving import give_key

KEY_PAGE = "https://platform.openai.com/account/api-keys."
MISSING = (
    "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth "
    "(i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank username) if you're accessing the "
    "API from your browser and are prompted for a username and password. You can obtain an API key from "
    "https://platform.openai.com/account/api-keys."
)


@pytest.mark.parametrize(
    ("headers", "secret"),
    [
        ({}, None),
        ({"Authorization": ""}, None),
        ({"Authorization": "Bearer"}, None),
        ({"Authorization": "Bearer  "}, None),
        ({"Authorization": "Basic c2s="}, None),
        ({"Authorization": "sk-1"}, None),
        ({"Authorization": "Bearer sk-1"}, "sk-1"),
        ({"Authorization": "bearer   sk-1 "}, "sk-1"),
        ({"api-key": "sk-2"}, "sk-2"),
        ({"X-API-Key": " sk-3 "}, "sk-3"),
        ({"Authorization": "Bearer sk-1", "api-key": "sk-2"}, "sk-1"),
        ({"Authorization": "Bearer ", "api-key": "sk-2"}, "sk-2"),
    ],
)
def test_where_a_key_may_be(headers: dict[str, str], secret: str | None):
    assert secret_in(headers) == secret


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer whatever"}])
async def test_everybody_is_welcome_before_there_is_a_key(client: Client, headers: dict[str, str]):
    async with client.get("/v1/assistants", headers=headers) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("path", ["/v1/assistants", "/v1/threads/thread_1", "/v1/models", "/v1/echo"])
@pytest.mark.parametrize(
    ("headers", "message", "code"),
    [
        ({}, MISSING, None),
        ({"Authorization": "Bearer "}, MISSING, None),
        ({"Authorization": "Basic OnNrLTE="}, MISSING, None),
        (
            {"Authorization": "Bearer sk-abcdefghijklmnop"},
            f"Incorrect API key provided: sk-abcde*******mnop. You can find your API key at {KEY_PAGE}",
            "invalid_api_key",
        ),
        (
            {"api-key": "undefined"},
            f"Incorrect API key provided: undefined. You can find your API key at {KEY_PAGE}",
            "invalid_api_key",
        ),
    ],
)
async def test_nobody_without_a_key_once_there_is_one(  # noqa: PLR0917
    client: Client, services: Services, path: str, headers: dict[str, str], message: str, code: str | None
):
    await give_key(services, "home")
    async with client.get(path, headers=headers) as answer:
        assert answer.status == 401
        assert await answer.json() == {
            "error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}
        }


async def test_a_key_that_is_no_text(services: Services):
    await give_key(services, "home")
    with pytest.raises(NotAuthorized):
        await Authorization(services).project_of({"Authorization": "Bearer \udcff\udcfe"})


async def test_a_key_with_the_beginning_of_a_right_one(services: Services):
    secret = await give_key(services, "home")
    with pytest.raises(NotAuthorized):
        await Authorization(services).project_of({"api-key": secret[:-1] + "!"})


@pytest.mark.parametrize("header", ["Authorization", "api-key", "X-API-Key"])
async def test_a_key_opens_its_project_and_no_other(client: Client, services: Services, header: str):
    home, away = [await give_key(services, project) for project in ("home", "away")]

    def headers(secret: str) -> dict[str, str]:
        return {header: f"Bearer {secret}" if header == "Authorization" else secret}

    async with client.post("/v1/threads", headers=headers(home)) as answer:
        thread_id = (await answer.json())["id"]
    async with client.get(f"/v1/threads/{thread_id}", headers=headers(home)) as answer:
        assert answer.status == 200
    for method, path in (
        ("GET", f"/v1/threads/{thread_id}"),
        ("POST", f"/v1/threads/{thread_id}"),
        ("DELETE", f"/v1/threads/{thread_id}"),
        ("GET", f"/v1/threads/{thread_id}/messages"),
    ):
        async with client.request(method, path, headers=headers(away)) as answer:
            assert answer.status == 404
            assert (await answer.json())["error"]["message"] == f"No thread found with id '{thread_id}'."


class Moment:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


async def test_a_revoked_key_soon_opens_nothing(services: Services):
    now = Moment()
    authorization = Authorization(services, now=now)
    headers = {"api-key": await give_key(services, "home")}
    assert await authorization.project_of(headers) == "home"

    [key] = await services.store.read(list_keys)
    await services.store.write(lambda db: revoke_key(db, key.id, at=AT))
    now.seconds += REMEMBERED_SECONDS
    with pytest.raises(NotAuthorized):
        await authorization.project_of(headers)
    with pytest.raises(NotAuthorized):
        await authorization.project_of({})


async def test_the_first_key_soon_closes_the_door(services: Services):
    now = Moment()
    authorization = Authorization(services, now=now)
    assert await authorization.project_of({"api-key": "whatever"}) == "default"
    assert await authorization.project_of({}) == "default"

    secret = await give_key(services, "home")
    now.seconds += REMEMBERED_SECONDS
    for headers in ({}, {"api-key": "whatever"}):
        with pytest.raises(NotAuthorized):
            await authorization.project_of(headers)
    assert await authorization.project_of({"api-key": secret}) == "home"


async def test_keys_are_asked_for_once_in_a_while_only(services: Services):
    now = Moment()
    authorization = Authorization(services, now=now)
    headers = {"api-key": await give_key(services, "home")}
    assert await authorization.project_of(headers) == "home"
    [key] = await services.store.read(list_keys)
    await services.store.write(lambda db: revoke_key(db, key.id, at=AT))
    now.seconds += REMEMBERED_SECONDS - 0.1
    assert await authorization.project_of(headers) == "home"
