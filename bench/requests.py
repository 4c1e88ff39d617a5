"""Requests beside runs: pages of messages, chat completions passed through, messages made durable by many at once."""

from collections.abc import Iterator
from itertools import islice, repeat

from bench.figures import Row, row
from bench.machine import fsync_seconds
from bench.prompts import filled_thread
from bench.setting import QUESTION, Setting, chat_body, new_thread, scripts
from bench.upstream import CONTENT
from bench.wire import all_answered

ROUNDS = 5
PAGE = 100


def lists(setting: Setting) -> Iterator[Row]:
    """Pages in the middle of a long thread: what lies before them must not matter."""
    ours = setting.to_server()
    thread_id = filled_thread(ours, min(setting.sizes.long_thread, 2_000))
    path = f"/v1/threads/{thread_id}/messages"
    page = ours.ask("GET", f"{path}?limit={PAGE}")
    request = ours.encoded("GET", f"{path}?limit={PAGE}&after={page['last_id']}")
    for clients in setting.sizes.clients:
        connections = [setting.to_server() for _ in range(clients)]
        rates = []
        for _ in range(ROUNDS):
            answered, seconds = all_answered(connections, repeat(request, max(clients, setting.sizes.pages // ROUNDS)))
            rates.append(answered / seconds)
        yield row("lists", f"pages of {PAGE} messages, {clients} at once", rates, "/s")


def passthrough(setting: Setting) -> Iterator[Row]:
    known = scripts(setting.sizes)
    bare, ours = setting.to_upstream(), setting.to_server()
    samples: dict[str, list[list[float]]] = {"word": [[], []], "answer": [[], []]}
    for name, times in (("word", setting.sizes.passed), ("answer", setting.sizes.answers)):
        for number in range(1 + times):
            for place, connection in enumerate((bare, ours)):
                streamed = connection.stream("/v1/chat/completions", chat_body(known[name]), marker=CONTENT)
                if number and name == "word":
                    samples[name][place].append((streamed.first - streamed.asked) * 1000)
                elif number:
                    samples[name][place].append(known[name].tokens / (streamed.ended - streamed.asked))
    added = [ours - bare for bare, ours in zip(*samples["word"], strict=True)]
    ratios = [ours / bare for bare, ours in zip(*samples["answer"], strict=True)]
    yield row("passthrough", "first token of chat/completions: added", added, "ms")
    yield row("passthrough", "chunks of chat/completions: ratio", ratios, "")


def commits(setting: Setting) -> Iterator[Row]:
    """Each answer stands for a message on disk; more clients share an fsync."""
    ours = setting.to_server()
    body = {"role": "user", "content": QUESTION}
    for clients in setting.sizes.clients:
        connections = [setting.to_server() for _ in range(clients)]
        encoded = [
            ours.encoded("POST", f"/v1/threads/{new_thread(ours)}/messages", body) for _ in range(max(clients, 1))
        ]
        rates = []
        for _ in range(ROUNDS):
            requests = islice(_around(encoded), max(clients, setting.sizes.creates // ROUNDS))
            answered, seconds = all_answered(connections, requests)
            rates.append(answered / seconds)
        yield row("commits", f"messages created, {clients} at once", rates, "/s")
    yield row("commits", "fsync of this disk", [fsync_seconds(setting.directory) * 1000 for _ in range(ROUNDS)], "ms")


def _around(requests: list[bytes]) -> Iterator[bytes]:
    while True:
        yield from requests
