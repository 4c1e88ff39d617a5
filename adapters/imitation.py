"""What model servers lack, imitated: what to ask instead, what of the answer may go out, and when to ask again. Pure.

An answer that has to be looked at as a whole is held back until then. One that is not what was asked for is asked for
again, once for each kind of fault, with words that say what was wrong; then it is `Unfaithful`.

    fault       what was asked for                                 what is asked then
    text        a response_format that the server may not honour,  the format without the tools, where it is honoured;
                or that would keep the model from its tools        else the same, with what was wrong
    call        a forced call, which some servers ignore           the same, with words that ask for the call
    arguments   strict functions, which some servers ignore        the same, with what was wrong as the call's output

An answer that was cut off (`length`, `content_filter`) or refused goes out as it is.
"""

import logging
import re
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from adapters import asking
from adapters.answering import Answer, Fault
from adapters.attempts import Attempt, first_attempt
from adapters.chat import ChatRequest, Chunk, ResponseFormat, Usage
from adapters.dialect import Dialect
from adapters.errors import Refused, Unfaithful
from adapters.fitting import is_schema, schema_of
from adapters.learnt import Learnt

log = logging.getLogger(__name__)

LONGEST_TALK: Final = 8_000
"""Characters that may be said before a forced call; llama-server knows no end (recording stream_tools_required)."""
FORMAT_REFUSED: Final = re.compile(r"response[_ .]format", re.IGNORECASE)
SCHEMA_REFUSED: Final = re.compile(r"grammar|json.?schema", re.IGNORECASE)
"""This schema is too much for its grammar (recordings err_schema_unsupported); others may not be."""


def imitating(dialect: Dialect, request: ChatRequest, learnt: Learnt) -> "Imitation | None":
    """None for a request that every server answers as it should."""
    if not request.tools and request.response_format == "text":
        return None
    takes_format = learnt.takes_format(request.model, type_of(request.response_format))
    attempt = first_attempt(dialect, request, takes_format=takes_format)
    return Imitation(dialect, request, attempt, learnt) if attempt is not None else None


def type_of(format: ResponseFormat) -> str:
    return format if isinstance(format, str) else "json_schema"


class Imitation:
    """One request, until it is answered: ask `attempt.request`, give what comes to `feed`, and look at `finished`."""

    def __init__(self, dialect: Dialect, request: ChatRequest, attempt: Attempt, learnt: Learnt) -> None:
        self.attempt = attempt
        self._dialect = dialect
        self._request = request
        self._learnt = learnt
        self._format_refused = False
        self._faults: list[Fault] = []
        self._spent: Usage | None = None
        self._has_spoken = False
        self._has_begun = False
        self._answer = Answer(attempt)

    def refused(self, refusal: Refused) -> bool:
        """Whether `attempt` is another one now, because the server would not take the format of this one."""
        wanted = self.attempt.request.response_format
        if type(refusal) is not Refused or wanted == "text" or self._has_begun:
            return False
        if FORMAT_REFUSED.search(refusal.message):
            self._learnt.refuses_format(self._request.model, type_of(wanted), refusal.message)
        elif not (SCHEMA_REFUSED.search(refusal.message) and is_schema(schema_of(wanted))):
            return False
        self._format_refused = True
        messages = self.attempt.request.messages
        if self.attempt.text == "text" and not self._faults:  # the words about the format are not in it yet
            messages = asking.with_format(messages, wanted, has_tools=bool(self.attempt.request.tools))
        request = replace(self.attempt.request, messages=messages, response_format="text")
        self._begin(replace(self.attempt, request=request, text=wanted, holds_text=True))
        return True

    @property
    def fault(self) -> str:
        """What was wrong with the last answer."""
        return self._faults[-1].words if self._faults else ""

    @property
    def _passes_all(self) -> bool:
        """Whether this is an answer like any other, unless it is refused."""
        return self.attempt.is_plain and not self._faults

    def feed(self, chunks: Sequence[Chunk]) -> Sequence[Chunk]:
        """What of these may go out."""
        self._has_begun = True
        if self._passes_all:
            return chunks
        passed = [chunk for chunk in map(self._answer.receive, chunks) if chunk is not None]
        self._has_spoken = self._has_spoken or any(chunk.text for chunk in passed)
        return passed

    @property
    def has_heard_enough(self) -> bool:
        """Whether to hang up: the server talks instead of calling."""
        answer = self._answer
        return bool(self.attempt.forced) and not answer.has_calls and answer.characters > LONGEST_TALK

    def finished(self) -> list[Chunk] | None:
        """The answer has come to its end: what is left of it to go out. None: `attempt` is another one, to be asked.

        Raises Unfaithful.
        """
        if self._passes_all:
            return []
        answer = self._answer
        self._spent = added(self._spent, answer.usage)
        fault = answer.fault()
        if fault is None:
            return answer.rest(self._spent, after_words=self._has_spoken)
        # What has gone out already cannot be taken back.
        can_be_repeated = fault.of != "arguments" or self.attempt.holds_calls
        if not can_be_repeated or any(fault.of == before.of for before in self._faults):
            raise Unfaithful(fault.words)
        log.info("asking again: %s", fault.words)
        self._faults.append(fault)
        self._begin(self._next(fault))
        return None

    def _next(self, fault: Fault) -> Attempt:
        attempt, answer = self.attempt, self._answer
        request = self._with_room_left(attempt.request)
        said = answer.text
        match fault.of:
            case "call":
                told = asking.corrected(
                    request.messages, asking.quoted(said), asking.to_call_now(fault.why, attempt.forced)
                )
                return replace(attempt, request=replace(request, messages=told))
            case "arguments":
                told = asking.with_outputs(request.messages, said, answer.made_calls())
                # What it says now would stand behind what it has said, unless it calls.
                return replace(
                    attempt,
                    request=replace(request, messages=told),
                    holds_text=attempt.holds_text or self._has_spoken,
                )
            case "text":
                wanted = attempt.text
                takes_format = not self._format_refused and self._learnt.takes_format(request.model, type_of(wanted))
                request = replace(request, tools=(), response_format=wanted if takes_format else "text")
                if self._dialect.honours_json_schema and takes_format:
                    return Attempt(request=request)
                told = asking.corrected(request.messages, said, asking.to_answer(fault.why))
                return Attempt(request=replace(request, messages=told), text=wanted, holds_text=True)

    def _with_room_left(self, request: ChatRequest) -> ChatRequest:
        """`max_tokens` is for all answers together."""
        if self._request.max_tokens is None or self._spent is None:
            return request
        return replace(request, max_tokens=max(1, self._request.max_tokens - self._spent.completion_tokens))

    def _begin(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self._answer = Answer(attempt)
        self._has_begun = False


def added(first: Usage | None, second: Usage | None) -> Usage | None:
    if first is None or second is None:
        return first or second
    return Usage(
        prompt_tokens=first.prompt_tokens + second.prompt_tokens,
        completion_tokens=first.completion_tokens + second.completion_tokens,
        cached_tokens=first.cached_tokens + second.cached_tokens,
        reasoning_tokens=first.reasoning_tokens + second.reasoning_tokens,
    )
