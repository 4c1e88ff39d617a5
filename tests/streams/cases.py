"""The table of streams: what the model server says, what happens meanwhile, and each frame that clients must get."""

import json
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from compat_tests.scripted_upstream import Call, Cut, Hang, Raw, Reply, Say, Step, Stream, error, never_answers
from tests.shelves import file_id
from tests.streams.expected import LIFETIME, SEARCH, Frame, Story, usage

ROWS: Final = {
    "text",
    "function calls",
    "outputs",
    "text and function calls",
    "code interpreter",
    "file search",
    "cancelled",
    "failed",
    "incomplete",
    "expired",
    "thread and run",
}
"""The kinds of streams that the API has."""
NOT_BUILT: Final = {
    "code interpreter": "the tool is stored and never offered to the model, so no step of it begins",
}

SUBMITTED_AFTER: Final = 5
"""Seconds that tests of frames let pass before they hand in outputs."""


@dataclass(frozen=True, kw_only=True)
class Stop:
    """Once the client has had the event `after` so many times, the run is cancelled, or its time runs out, or the model
    server's connection is cut."""

    by: Literal["cancel", "expire", "cut"]
    after: str
    times: int = 1

    @property
    def at_rest(self) -> bool:
        """The stream has ended before; what is said then is followed by itself."""
        return self.after == "thread.run.requires_action"


@dataclass(frozen=True, kw_only=True)
class Case:
    rows: set[str]
    replies: list[Reply]
    story: Story
    body: dict[str, Any] = field(default_factory=dict)
    """What the run is asked for with, beside its assistant."""
    creates_thread: bool = False
    outputs: list[list[str]] = field(default_factory=list)
    """For each round of calls, in their order."""
    stop: Stop | None = None
    files: dict[str, list[str]] = field(default_factory=dict)
    """What the thread has for searches: passages by the name of their file."""
    full_disk: bool = False
    """Nothing can be saved once the model server has been asked."""

    @property
    def streams(self) -> list[list[Frame]]:
        return [stream for stream in self.story.streams if stream]


def tokens(prompt: int, completion: int, *, cached: int = 0, reasoning: int = 0) -> dict[str, Any]:
    """Usage as model servers tell it."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }


def says(*pieces: str, finish: str = "stop") -> Stream:
    return Stream(tuple(map(Say, pieces)), finish=finish, usage=tokens(40, 7, cached=32))


def breaks(*steps: Step) -> Stream:
    return Stream(steps, finish=None)


def refuses(*pieces: str) -> Stream:
    return Stream(tuple(chunk(refusal=piece) for piece in pieces), usage=tokens(40, 7, cached=32))


def fragment(index: int, arguments: str = "", **function: str) -> Raw:
    """A piece of a call as no server should send it."""
    return chunk(tool_calls=[{"index": index, "type": "function", "function": {"arguments": arguments, **function}}])


def chunk(**delta: Any) -> Raw:
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    given = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "tiny", "choices": [choice]}
    return Raw(f"data: {json.dumps(given)}\n\n".encode())


AWKWARD: Final = ("a\n\nb\r", "\u2028\x85\x1f", "data: [DONE]\n\n", "\U0001f326\ufe0f", ' "\\')
"""Line ends of all kinds, what looks like the end, an emoji of two characters, and what JSON escapes."""
PARIS: Final = ('{"city"', ': "Paris"}')
ROME: Final = ('{"city": "', "Ro", 'me"}')
OSLO: Final = ('{"city": "Oslo"}',)
CALLS: Final = Stream(
    (Call(0, "get_weather", PARIS), Call(1, "get_weather", ROME)),
    finish="tool_calls",
    usage=tokens(20, 9, cached=16, reasoning=4),
)
CALL: Final = Stream((Call(0, "get_weather", OSLO),), finish="tool_calls", usage=tokens(30, 5))

# The same as they are to be answered.
FOR_CALLS: Final = usage(20, 9, cached=16, reasoning=4)
FOR_CALL: Final = usage(30, 5)
FOR_TEXT: Final = usage(40, 7, cached=32)
FOR_CALL_AND_TEXT: Final = usage(70, 12, cached=32)
FOR_CALLS_AND_TEXT: Final = usage(60, 16, cached=48, reasoning=4)
FOODS: Final = {"foods.txt": ["Filippa likes cake."], "größen.txt": ["Cake comes in three sizes."]}
FOUND: Final = [(file_id(name), name) for name in FOODS]
ASKS_FOR_CAKE: Final = Stream(
    (Call(0, "file_search", ('{"quer', 'ies": ["Filippa', ' cake"]}')),), finish="tool_calls", usage=tokens(30, 5)
)
SORRY: Final = "Sorry, something went wrong."
BROKEN_OFF: Final = {
    "code": "server_error",
    "message": f"{SORRY} The model server's answer was cut off or could not be understood.",
}
TWO_WORDS: Final = Stop(by="cancel", after="thread.message.delta", times=2)


def begun(**body: Any) -> Story:
    return Story(**body).begins()


def answered(story: Story, *pieces: str, used: dict[str, Any] = FOR_TEXT) -> Story:
    """It goes on to a text and to its end. `used` is for the whole run."""
    story.says(*pieces).message_completes().step_ends("completed", FOR_TEXT)
    return story.ends("completed", usage=used)


def submitted(story: Story, *outputs: str, used: dict[str, Any] = FOR_CALL) -> Story:
    """It waits for outputs, and gets them. `used` is for the step of the calls."""
    return story.asks().passes(SUBMITTED_AFTER).given(*outputs, used=used)


CASES: Final[dict[str, Case]] = {
    "a text": Case(
        rows={"text"},
        replies=[says("Hello", " there", ", friend", ".")],
        story=answered(begun(), "Hello", " there", ", friend", "."),
    ),
    "a text of awkward characters": Case(
        rows={"text"},
        replies=[says(*AWKWARD)],
        story=answered(begun(), *AWKWARD),
    ),
    "a text without a word": Case(rows={"text"}, replies=[says()], story=answered(begun(), "")),
    "a refusal": Case(
        rows={"text"},
        replies=[refuses("I will", " not.")],
        story=begun()
        .refuses("I will", " not.")
        .message_completes()
        .step_ends("completed", FOR_TEXT)
        .ends("completed", usage=FOR_TEXT),
    ),
    "two rounds of calls": Case(
        rows={"function calls", "outputs"},
        replies=[CALLS, CALL, says("Rain", ", sun", " and snow.")],
        outputs=[["rain", "sun"], ["snow"]],
        story=answered(
            submitted(submitted(begun().calls(PARIS, ROME), "rain", "sun", used=FOR_CALLS).calls(OSLO), "snow"),
            "Rain",
            ", sun",
            " and snow.",
            used=usage(90, 21, cached=48, reasoning=4),
        ),
    ),
    "a call without arguments": Case(
        rows={"function calls", "outputs"},
        replies=[Stream((Call(0, "get_weather", ()),), finish="tool_calls", usage=tokens(30, 5)), says("Fine.")],
        outputs=[[""]],
        story=answered(submitted(begun().calls(("{}",)), ""), "Fine.", used=FOR_CALL_AND_TEXT),
    ),
    # Clients look a call up by its index among those that they have seen.
    "a call behind one without a name": Case(
        rows={"function calls"},
        replies=[replace(CALL, steps=(fragment(0), Call(1, "get_weather", OSLO))), says("Snow.")],
        outputs=[["snow"]],
        story=answered(submitted(begun().calls(OSLO), "snow"), "Snow.", used=FOR_CALL_AND_TEXT),
    ),
    "a call whose name comes late": Case(
        rows={"function calls"},
        replies=[
            replace(
                CALLS,
                steps=(fragment(0, "".join(ROME)), Call(1, "get_weather", PARIS), fragment(0, name="get_weather")),
            ),
            says("Rain", " and sun."),
        ],
        outputs=[["rain", "sun"]],
        story=answered(
            submitted(begun().calls(PARIS, ("".join(ROME),)), "rain", "sun", used=FOR_CALLS),
            "Rain",
            " and sun.",
            used=FOR_CALLS_AND_TEXT,
        ),
    ),
    "a text with calls behind it": Case(
        rows={"text and function calls", "outputs"},
        replies=[
            Stream(
                (Say("Let me"), Say(" look."), Call(0, "get_weather", PARIS), Call(1, "get_weather", ROME)),
                finish="tool_calls",
                usage=tokens(20, 9, cached=16, reasoning=4),
            ),
            says("Rain", " and sun."),
        ],
        outputs=[["rain", "sun"]],
        story=answered(
            submitted(
                begun().says("Let me", " look.").message_completes().step_ends("completed", usage()).calls(PARIS, ROME),
                "rain",
                "sun",
                used=FOR_CALLS,
            ),
            "Rain",
            " and sun.",
            used=FOR_CALLS_AND_TEXT,
        ),
    ),
    "a search and its citations": Case(
        rows={"file search"},
        body={"tools": [{"type": "file_search"}]},
        files=FOODS,
        replies=[ASKS_FOR_CAKE, says("Cake \U0001f370", " [", "[1", "]]", " of any", " size[[2]][[7]].", " [[1")],
        story=begun(tools=[SEARCH])
        .searches(*FOUND, used=FOR_CALL)
        .cites(
            "Cake \U0001f370",
            " ",
            ("【4:0†foods.txt】", FOUND[0][0]),
            " of any",
            " size",
            ("【4:1†größen.txt】", FOUND[1][0]),
            ".",
            " ",
        )
        .message_completes()
        .step_ends("completed", FOR_TEXT)
        .ends("completed", usage=FOR_CALL_AND_TEXT),
    ),
    "a search that finds nothing, and an answer that is nothing but a citation": Case(
        rows={"file search"},
        body={"tools": [{"type": "file_search"}]},
        files={"foods.txt": ["Odo likes soup."]},
        replies=[ASKS_FOR_CAKE, says("【4:0†", "foods.txt】")],
        story=begun(tools=[SEARCH])
        .searches(used=FOR_CALL)
        .says("")
        .message_completes()
        .step_ends("completed", FOR_TEXT)
        .ends("completed", usage=FOR_CALL_AND_TEXT),
    ),
    "cancelled before a word": Case(
        rows={"cancelled"},
        replies=[never_answers()],
        stop=Stop(by="cancel", after="thread.run.in_progress"),
        story=begun().run("cancelling").ends("cancelled", usage=usage()),
    ),
    "cancelled in a text": Case(
        rows={"cancelled"},
        replies=[breaks(Say("Hello"), Say(" there"), Hang())],
        stop=TWO_WORDS,
        story=begun()
        .says("Hello", " there")
        .run("cancelling")
        .message_stays_incomplete("run_cancelled")
        .step_ends("cancelled", None)
        .ends("cancelled", usage=usage()),
    ),
    "cancelled in a call": Case(
        rows={"cancelled"},
        replies=[breaks(Call(0, "get_weather", PARIS[:1]), Hang())],
        stop=Stop(by="cancel", after="thread.run.step.delta", times=2),
        story=begun().calls(PARIS[:1]).run("cancelling").step_ends("cancelled", None).ends("cancelled", usage=usage()),
    ),
    "cancelled while it waits for outputs": Case(
        rows={"cancelled"},
        replies=[CALLS],
        stop=Stop(by="cancel", after="thread.run.requires_action"),
        story=begun()
        .calls(PARIS, ROME)
        .asks()
        .run("cancelling", required_action=None)
        .step_ends("cancelled", FOR_CALLS)
        .ends("cancelled", usage=FOR_CALLS),
    ),
    "cancelled in the second round": Case(
        rows={"cancelled", "outputs"},
        replies=[CALL, breaks(Say("Hello"), Say(" there"), Hang())],
        outputs=[["snow"]],
        stop=TWO_WORDS,
        story=submitted(begun().calls(OSLO), "snow")
        .says("Hello", " there")
        .run("cancelling")
        .message_stays_incomplete("run_cancelled")
        .step_ends("cancelled", None)
        .ends("cancelled", usage=FOR_CALL),
    ),
    "failed before a word": Case(
        rows={"failed"},
        replies=[error(500, {"error": {"message": "Out of memory.", "code": 500}})],
        story=begun().ends(
            "failed",
            last_error={"code": "server_error", "message": f"{SORRY} The model server failed: Out of memory."},
        ),
    ),
    "failed in a text": Case(
        rows={"failed"},
        replies=[breaks(Say("Hello"), Say(" there"), Cut())],
        stop=Stop(by="cut", after="thread.message.delta", times=2),
        story=begun()
        .says("Hello", " there")
        .message_stays_incomplete("run_failed")
        .step_ends("failed", None, last_error=BROKEN_OFF)
        .ends("failed", last_error=BROKEN_OFF),
    ),
    "failed in a call": Case(
        rows={"failed"},
        replies=[breaks(Call(0, "get_weather", PARIS[:1]), Cut())],
        stop=Stop(by="cut", after="thread.run.step.delta", times=2),
        story=begun()
        .calls(PARIS[:1])
        .step_ends("failed", None, last_error=BROKEN_OFF)
        .ends("failed", last_error=BROKEN_OFF),
    ),
    "failed and could not be saved": Case(
        rows={"failed"},
        replies=[says("Hello")],
        full_disk=True,
        story=begun().hard_error(SORRY),
    ),
    "a text cut short": Case(
        rows={"incomplete"},
        body={"max_completion_tokens": 7},
        replies=[says("Hello", " there", finish="length")],
        story=begun(max_completion_tokens=7)
        .says("Hello", " there")
        .message_stays_incomplete("max_tokens")
        .step_ends("completed", FOR_TEXT)
        .ends("incomplete", incomplete_details={"reason": "max_completion_tokens"}, usage=FOR_TEXT),
    ),
    "a call cut short": Case(
        rows={"incomplete"},
        body={"max_completion_tokens": 5},
        replies=[Stream((Call(0, "get_weather", PARIS[:1]),), finish="length", usage=tokens(30, 5))],
        story=begun(max_completion_tokens=5)
        .calls(PARIS[:1])
        .step_ends("cancelled", FOR_CALL)
        .ends("incomplete", incomplete_details={"reason": "max_completion_tokens"}, usage=FOR_CALL),
    ),
    "no tokens left after the first round": Case(
        rows={"incomplete", "outputs"},
        body={"max_completion_tokens": 5},
        replies=[CALL],
        outputs=[["snow"]],
        story=submitted(begun(max_completion_tokens=5).calls(OSLO), "snow").ends(
            "incomplete", incomplete_details={"reason": "max_completion_tokens"}, usage=FOR_CALL
        ),
    ),
    "expired before a word": Case(
        rows={"expired"},
        replies=[never_answers()],
        stop=Stop(by="expire", after="thread.run.in_progress"),
        story=begun().passes(LIFETIME).ends("expired", usage=usage()),
    ),
    "expired in a text": Case(
        rows={"expired"},
        replies=[breaks(Say("Hello"), Say(" there"), Hang())],
        stop=Stop(by="expire", after="thread.message.delta", times=2),
        story=begun()
        .says("Hello", " there")
        .passes(LIFETIME)
        .message_stays_incomplete("run_expired")
        .step_ends("expired", None)
        .ends("expired", usage=usage()),
    ),
    "expired while it waits for outputs": Case(
        rows={"expired"},
        replies=[CALLS],
        stop=Stop(by="expire", after="thread.run.requires_action"),
        story=begun()
        .calls(PARIS, ROME)
        .asks()
        .passes(LIFETIME)
        .step_ends("expired", FOR_CALLS)
        .ends("expired", usage=FOR_CALLS),
    ),
    "a thread and a text": Case(
        rows={"thread and run"},
        creates_thread=True,
        replies=[says("Hello", " there")],
        story=answered(Story().thread_created().begins(), "Hello", " there"),
    ),
    "a thread and a call": Case(
        rows={"thread and run"},
        creates_thread=True,
        replies=[CALL, says("Snow.")],
        outputs=[["snow"]],
        story=answered(
            submitted(Story().thread_created().begins().calls(OSLO), "snow"), "Snow.", used=FOR_CALL_AND_TEXT
        ),
    ),
}
