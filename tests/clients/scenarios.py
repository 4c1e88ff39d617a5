"""What every client is asked to do, in the order in which it does it. Standard library only: drivers import it."""

from typing import Final

SCENARIOS: Final = {
    "chat": "An assistant, a thread, a message and a run, polled by hand; the answer is listed as soon as it is done.",
    "poll_helpers": "The client's own way of waiting for a run.",
    "stream": "A streamed run, with the client's own event handler; what was streamed is what is stored.",
    "tools_polled": "Two function calls at a time, answered in the opposite order, and a second round; polled.",
    "tools_streamed": "The same, streamed.",
    "create_and_run": "Thread, message and run in one request; polled and streamed.",
    "paging": "A thread of 47 messages, read by the client's own paging, in both orders where it has them.",
    "cancel": "A run is cancelled under way, and the thread takes a message and a run at once.",
    "leaving": "The client hangs up in the middle of a stream; the run ends all the same, and the thread is free.",
    "errors": "What is refused arrives as the client's own classes, in the words that programs match on.",
    "nulls": "Null wherever it may stand, when creating and when updating; metadata changed and cleared.",
    "files": "Files there and back, vector stores filled by the client's helpers, and attachments of messages.",
    "base_urls": "The same server with and without /v1, with a slash at the end, and from the environment.",
    "passthrough": "Models and chat completions, also streamed, on the same address.",
    "keys": "A key opens its project, and no other; a wrong one is refused.",
    "parallel": "Five threads at a time, each with its own answer.",
}
