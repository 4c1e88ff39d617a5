"""Assembling a turn's calls from the fragments in which model servers stream them.

Indexes of ours are dense and in order of appearance; ids are ours, because servers use four formats. Clients merge
deltas by adding strings up, so `id` and `name` go out exactly once for each call. To the model a search of files is a
function like any other; to clients it is a call of its own kind, whose arguments they never see.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from adapters.chat import ToolCallFragment
from proxy.runs.searching import Offer
from proxy.schema.events import CallDelta, FileSearchCallDelta, FunctionCallDelta, FunctionDelta
from proxy.schema.runs import CalledFunction, RequiredToolCall
from proxy.schema.steps import FileSearchCallDetails, FileSearchResult, FunctionCallDetails, StepToolCall

Results = Mapping[str, Sequence[FileSearchResult]]
"""Of searches, by the id of their call."""


class _Call:
    """One that has its name. Before it has, its arguments are held back."""

    __slots__ = ("arguments", "id", "index", "is_search", "name")

    def __init__(self, index: int, id: str, name: str, *, is_search: bool) -> None:
        self.index = index
        self.id = id
        self.name = name
        self.is_search = is_search
        self.arguments: list[str] = []


class ToolCalls:
    """The calls of one turn. At most `limit` are kept, for `parallel_tool_calls: false` on servers that ignore it."""

    def __init__(self, new_call_id: Callable[[], str], *, limit: int | None, search: Offer | None = None) -> None:
        self._new_call_id = new_call_id
        self._limit = limit
        self._search = search
        self._calls: dict[int, _Call] = {}  # by the server's index, in the order of ours
        self._nameless: dict[int, list[str]] = {}

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(self, fragment: ToolCallFragment) -> Iterator[CallDelta]:
        call = self._calls.get(fragment.index)
        arguments = fragment.arguments
        if call is None:
            if self._limit is not None and len(self._calls) >= self._limit:
                return
            if not fragment.name:
                self._nameless.setdefault(fragment.index, []).append(arguments)
                return
            # Numbered when its name is known: the official client fails over an index before which one is missing.
            search = self._search if self._search is not None and fragment.name == self._search.name else None
            call = _Call(len(self._calls), self._new_call_id(), fragment.name, is_search=search is not None)
            self._calls[fragment.index] = call
            if search is not None:
                details = FileSearchCallDetails(ranking_options=search.ranking)
                yield FileSearchCallDelta(index=call.index, id=call.id, file_search=details)
            else:
                yield FunctionCallDelta(
                    index=call.index, id=call.id, function=FunctionDelta(name=call.name, arguments="", output=None)
                )
            arguments = "".join((*self._nameless.pop(fragment.index, ()), arguments))
        if arguments:
            call.arguments.append(arguments)
        if arguments and not call.is_search:
            yield FunctionCallDelta(index=call.index, function=FunctionDelta(arguments=arguments))

    def close(self) -> Iterator[FunctionCallDelta]:
        """No more fragments: functions without arguments get the empty object that clients parse."""
        for call in self._calls.values():
            if not call.arguments and not call.is_search:
                call.arguments.append("{}")
                yield FunctionCallDelta(index=call.index, function=FunctionDelta(arguments="{}"))

    def for_step(self, results: Results | None = None) -> list[StepToolCall]:
        """`results` are those of the searches, once they are there."""
        return [self._for_step(call, (results or {}).get(call.id, ())) for call in self._calls.values()]

    def _for_step(self, call: _Call, results: Sequence[FileSearchResult]) -> StepToolCall:
        if call.is_search:
            assert self._search is not None
            details = FileSearchCallDetails(ranking_options=self._search.ranking, results=list(results))
            return StepToolCall(id=call.id, type="file_search", file_search=details)
        function = FunctionCallDetails(name=call.name, arguments="".join(call.arguments))
        return StepToolCall(id=call.id, type="function", function=function)

    def for_run(self) -> list[RequiredToolCall]:
        """The functions, which the client has to answer."""
        return [
            RequiredToolCall(
                id=call.id,
                function=CalledFunction(name=call.name, arguments="".join(call.arguments)),
            )
            for call in self._calls.values()
            if not call.is_search
        ]

    def searches(self) -> dict[str, str]:
        """The arguments of each search, by the id of its call."""
        return {call.id: "".join(call.arguments) for call in self._calls.values() if call.is_search}
