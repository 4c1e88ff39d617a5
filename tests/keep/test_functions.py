"""Function calls: answered from the step, over HTTP, or by a later step; in rounds, side by side, and failing."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from keep.exceptions.provider_exception import ProviderException

from compat_tests.scripted_upstream import text, tool_calls
from tests.keep.models import Model
from tests.keep.seeding import new_assistant

Make = Callable[..., Any]
NAMES = ("get_owner", "get_deploys", "approve", "page")


@pytest.fixture
def asks(provider: Make, api: httpx.Client) -> Any:
    """A provider whose assistant has functions."""
    parameters = {"type": "object", "properties": {"service": {"type": "string"}}}
    tools = [{"type": "function", "function": {"name": name, "parameters": parameters}} for name in NAMES]
    return provider(assistant_id=new_assistant(api, tools=tools))


class Inventory:
    """Something that functions ask, over HTTP."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.url = ""
        self.together = threading.Barrier(3)


@pytest.fixture(scope="module")
def inventory() -> Iterator[Inventory]:
    served = Inventory()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said = self.rfile.read(int(self.headers.get("content-length", 0)))
            body = json.loads(said) if said else None
            served.asked.append((self.command, self.path, body))
            status, answer = 200, json.dumps({"path": self.path, "token": self.headers.get("x-token")})
            if "missing" in self.path:
                status, answer = 404, "no such service"
            if "large" in self.path:
                answer = "x" * 100_000
            if "together" in self.path:
                served.together.wait(10)
            if "slow" in self.path:
                threading.Event().wait(0.5)
            self.send_response(status)
            self.end_headers()
            if "drip" in self.path:
                with suppress(OSError):
                    while True:
                        self.wfile.write(b".")
                        threading.Event().wait(0.02)
            with suppress(OSError):  # who asked for a large one stops reading
                self.wfile.write(answer.encode())

        do_POST = do_GET

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        served.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield served
        server.shutdown()
        thread.join()


def outputs(says: Model) -> list[Any]:
    """What the model was told last, parsed where it is JSON."""
    told = [message["content"] for message in says.requests[-1]["messages"] if message["role"] == "tool"]
    return [json.loads(each) if each.startswith(("{", "[")) else each for each in told]


def test_three_rounds(asks: Any, says: Model, inventory: Inventory) -> None:
    says.script(
        tool_calls([("get_owner", {"service": "checkout"})]),
        tool_calls([("get_deploys", {"service": "checkout", "limit": 2}), ("get_owner", {"service": "search"})]),
        tool_calls([("page", {"service": "payments team"})]),
        text("Paged the payments team."),
    )
    result = asks.query(
        prompt="Who should look at checkout?",
        functions={
            "get_owner": {"values": {"checkout": "payments", "search": "discovery"}},
            "get_deploys": {"http": f"{inventory.url}/services/{{service}}/deploys"},
            "page": {"value": {"paged": True}},
        },
    )
    assert result["response"] == "Paged the payments team."
    assert [(each["round"], each["name"]) for each in result["called"]] == [
        (1, "get_owner"),
        (2, "get_deploys"),
        (2, "get_owner"),
        (3, "page"),
    ]
    assert outputs(says) == [
        "payments",
        {"path": "/services/checkout/deploys?limit=2", "token": None},
        "discovery",
        {"paged": True},
    ]


def test_calls_of_one_step_are_made_side_by_side(asks: Any, says: Model, inventory: Inventory) -> None:
    """Each of these three is answered only when all three have been asked."""
    names = ["together-a", "together-b", "together-c"]
    says.script(tool_calls([("get_deploys", {"service": name}) for name in names]), text("Done."))
    asks.query(prompt="?", functions={"get_deploys": {"http": f"{inventory.url}/{{service}}"}})
    assert [output["path"] for output in outputs(says)] == [f"/{name}" for name in names]


@pytest.mark.parametrize("stream", [False, True])
def test_what_fails_is_told_to_the_model(asks: Any, says: Model, inventory: Inventory, stream: bool) -> None:
    says.script(
        tool_calls(
            [
                ("get_deploys", {"service": "missing"}),
                ("get_deploys", {}),
                ("get_deploys", {"service": ".."}),
                ("get_deploys", "{nonsense"),
                ("get_deploys", "[1]"),
                ("get_owner", {"service": "unheard of"}),
                ("get_owner", {"a": 1, "b": 2}),
                ("approve", {}),
                ("page", {"service": "slow"}),
                ("page", {"service": "drip"}),
            ]
        ),
        text("I could not."),
    )
    result = asks.query(
        prompt="?",
        stream=stream,
        functions={
            "get_deploys": {"http": {"url": f"{inventory.url}/services/{{service}}"}},
            "get_owner": {"values": {"checkout": "payments"}},
            "page": {"http": {"url": f"{inventory.url}/{{service}}", "timeout": 0.1}},
        },
    )
    assert result["response"] == "I could not."
    told = outputs(says)
    assert told[0] == {"error": "HTTP 404", "body": "no such service"}
    assert [each["error"] for each in told[1:4]] == [
        "the argument 'service' is missing",
        "'..' is no value for a part of an address",
        "the arguments are not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
    ]
    assert [each["error"] for each in told[4:7]] == [
        "the arguments are not a JSON object",
        "nothing is known of 'unheard of'",
        "one argument was expected, not ['a', 'b']",
    ]
    assert told[7]["error"].startswith("there is no function 'approve'; there are ['get_deploys', 'get_owner', 'page']")
    assert told[8]["error"].endswith("/slow took longer than 0.1 seconds")
    assert told[9]["error"].endswith("/drip took longer than 0.1 seconds")


def test_what_is_asked_over_http(asks: Any, says: Model, inventory: Inventory) -> None:
    inventory.asked.clear()
    says.script(
        tool_calls([("page", {"service": "a b/c", "urgent": True}), ("approve", {"service": "x", "until": 3})]),
        tool_calls([("get_owner", {"service": "large"})]),
        text("Done."),
    )
    asks.query(
        prompt="?",
        functions={
            "page": {
                "http": {"method": "post", "url": f"{inventory.url}/page/{{service}}", "headers": {"X-Token": "s3"}}
            },
            "approve": {
                "http": {
                    "method": "POST",
                    "url": f"{inventory.url}/approve",
                    "query": {"by": "keep"},
                    "json": {"what": "{service} now", "until": "{until}", "who": ["ops"]},
                }
            },
            "get_owner": {"http": f"{inventory.url}/{{service}}"},
        },
    )
    assert sorted(inventory.asked[:2], key=lambda each: each[1]) == [
        ("POST", "/approve?by=keep", {"what": "x now", "until": 3, "who": ["ops"]}),
        ("POST", "/page/a%20b%2Fc", {"urgent": True}),
    ]
    told = outputs(says)
    assert told[0]["token"] == "s3"
    assert told[2] == "x" * 20_000 + "\n… (cut off here)"


def test_a_later_step_answers(asks: Any, says: Model) -> None:
    says.script(
        tool_calls([("approve", {"service": "db"}), ("get_owner", {"service": "db"})]),
        tool_calls([("approve", {"service": "web"})]),
        text("Restarted."),
    )
    functions = {"approve": {"workflow": True}, "get_owner": {"values": {"db": "storage"}}}
    first = asks.query(prompt="Restart db", functions=functions)
    assert (first["status"], first["response"]) == ("requires_action", "")
    assert [(call["name"], call["arguments"]) for call in first["tool_calls"]] == [
        ("approve", {"service": "db"}),
        ("get_owner", {"service": "db"}),
    ]
    on = {"thread_id": first["thread_id"], "run_id": first["run_id"], "functions": functions}
    with pytest.raises(ProviderException, match=r"tool_outputs has \['decline'\], but the run waits for"):
        asks.query(tool_outputs={"decline": "no"}, **on)
    second = asks.query(tool_outputs={"approve": {"approved": True}}, **on)
    assert outputs(says) == [{"approved": True}, "storage"]
    assert second["status"] == "requires_action"
    last = asks.query(
        tool_outputs=[{"tool_call_id": second["tool_calls"][0]["id"], "output": "yes"}],
        **{**on, "run_id": second["run_id"]},
    )
    assert (last["status"], last["response"]) == ("completed", "Restarted.")
    with pytest.raises(ProviderException, match="is completed and waits for no tool outputs"):
        asks.query(tool_outputs="{'approve': 'yes'}", **on)


def test_a_step_that_says_nothing_of_functions_is_told_of_calls(asks: Any, says: Model) -> None:
    says.script(tool_calls([("get_owner", {"service": "db"})]))
    result = asks.query(prompt="Who?")
    assert (result["status"], result["tool_calls"][0]["arguments"]) == ("requires_action", {"service": "db"})


def test_rounds_have_an_end(asks: Any, says: Model, api: httpx.Client) -> None:
    thread = api.post("/threads").json()["id"]
    says.script(*[tool_calls([("page", {})])] * 3)
    with pytest.raises(ProviderException, match="wanted more than 2 rounds of functions"):
        asks.query(prompt="?", thread_id=thread, functions={"page": {"value": 1}}, max_tool_rounds="2")
    says.script()
    assert asks.query(prompt="Still there?", thread_id=thread)["response"] == "Still there?"


@pytest.mark.parametrize(
    ("functions", "said"),
    [
        ({"f": {}}, "functions.f should have one of"),
        ({"f": {"value": 1, "values": {}}}, "functions.f should have one of"),
        ({"f": {"values": {}, "arg": "x"}}, "functions.f should have one of"),
        ({"f": "http://x"}, "functions.f should have one of"),
        ({"f": {"http": {"uri": "http://x"}}}, r"functions.f.http does not know \['uri'\]"),
        ({"f": {"http": {"url": "http://{host}/x"}}}, "functions.f.http needs a url whose host is written out"),
        ({"f": {"http": {"url": "file:///etc/passwd"}}}, "functions.f.http needs a url whose host is written out"),
    ],
)
def test_a_function_that_cannot_be_meant(asks: Any, says: Model, functions: Any, said: str) -> None:
    with pytest.raises(ProviderException, match=said):
        asks.query(prompt="?", functions=functions)
    assert says.requests == []
