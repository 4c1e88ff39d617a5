"""Plays requests with the official client that is installed, and tells what the client saw. As a program:

    python -m tests.judge.player [BASE_URL KEY]

Each line on its input is a request, each line it prints what came of it. With a URL, it asks that server; without, each
request comes with the recorded answer, which the client is given instead: through respx where the client is built on
httpx, else through a transport of the library that it is built on.
"""

import json
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import openai

from tests.judge.calls import STREAMS, NoCall, call_of, getting
from tests.judge.seeing import Noting, failure_seen, page_seen, seen, stream_seen

NOWHERE = "http://recorded.invalid/v1"


def played(client: openai.OpenAI, line: dict[str, Any]) -> dict[str, Any]:
    try:
        name, arguments = call_of(line["template"], line["ids"], line["request"], client)
    except NoCall as why:
        return {"why": str(why)}
    noting = Noting()
    told: dict[str, Any] = {"call": name}
    try:
        if name in STREAMS.values():
            told["returned"] = stream_seen(getting(client, name)(**arguments, event_handler=noting.handler()), noting)
        else:
            answer = getting(client, name)(**arguments)
            told["returned"] = page_seen(answer) if hasattr(answer, "has_next_page") else seen(answer)
    except Exception as failure:  # whatever the client raises is what its user sees
        told["raised"] = failure_seen(failure)
    return told | ({"handler": noting.calls} if noting.calls else {})


@contextmanager
def recorded_client() -> Iterator[tuple[openai.OpenAI, Callable[[dict[str, Any]], None]]]:
    """A client that never reaches a server, and how to tell it the next answer."""
    answer: dict[str, Any] = {}

    def given(library: Any) -> Any:
        return library.Response(answer["status"], headers=answer["headers"], content=content_of(answer))

    if int(openai.__version__.partition(".")[0]) < 3:
        import httpx
        import respx

        with respx.mock(assert_all_called=False) as router, a_client(NOWHERE, "any") as client:
            router.route().mock(side_effect=lambda request: given(httpx))
            yield client, answer.update
    else:
        import httpx2

        transport = httpx2.MockTransport(lambda request: given(httpx2))
        with httpx2.Client(transport=transport) as http, a_client(NOWHERE, "any", http_client=http) as client:
            yield client, answer.update


def content_of(answer: dict[str, Any]) -> bytes:
    """The bytes of an answer, of which it may have been told as text, JSON or events."""
    if answer["events"] is not None:
        return "".join(f"event: {name}\ndata: {data}\n\n" for name, data in answer["events"]).encode()
    return answer["content"].encode("latin-1")


def a_client(base_url: str, key: str, **given: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=20, **given)


def main(*server: str) -> None:
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    if server:
        with a_client(*server) as client:
            play_all(client, lambda answer: None)
    else:
        with recorded_client() as (client, tell):
            play_all(client, tell)


def play_all(client: openai.OpenAI, tell: Callable[[dict[str, Any]], None]) -> None:
    for text in sys.stdin:
        line = json.loads(text)
        if line.get("answer") is not None:
            tell(line["answer"])
        print(json.dumps(played(client, line)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
