"""Assembling a turn's function calls from the fragments in which model servers stream them.

Indexes of ours are dense and in order of appearance; ids are ours, because servers use four formats. Clients merge
deltas by adding strings up, so `id` and `name` go out exactly once for each call.
"""

from collections.abc import Callable, Iterator

from adapters.chat import ToolCallFragment
from proxy.schema.events import FunctionCallDelta, FunctionDelta
from proxy.schema.runs import CalledFunction, RequiredToolCall
from proxy.schema.steps import FunctionCallDetails, StepToolCall


class _Call:
    """One that has its name. Before it has, its arguments are held back."""

    __slots__ = ("arguments", "id", "index", "name")

    def __init__(self, index: int, id: str, name: str) -> None:
        self.index = index
        self.id = id
        self.name = name
        self.arguments: list[str] = []


class ToolCalls:
    """The calls of one turn. At most `limit` are kept, for `parallel_tool_calls: false` on servers that ignore it."""

    def __init__(self, new_call_id: Callable[[], str], *, limit: int | None) -> None:
        self._new_call_id = new_call_id
        self._limit = limit
        self._calls: dict[int, _Call] = {}  # by the server's index, in the order of ours
        self._nameless: dict[int, list[str]] = {}

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(self, fragment: ToolCallFragment) -> Iterator[FunctionCallDelta]:
        call = self._calls.get(fragment.index)
        arguments = fragment.arguments
        if call is None:
            if self._limit is not None and len(self._calls) >= self._limit:
                return
            if not fragment.name:
                self._nameless.setdefault(fragment.index, []).append(arguments)
                return
            # Numbered when its name is known: the official client fails over an index before which one is missing.
            call = _Call(len(self._calls), self._new_call_id(), fragment.name)
            self._calls[fragment.index] = call
            yield FunctionCallDelta(
                index=call.index, id=call.id, function=FunctionDelta(name=call.name, arguments="", output=None)
            )
            arguments = "".join((*self._nameless.pop(fragment.index, ()), arguments))
        if arguments:
            call.arguments.append(arguments)
            yield FunctionCallDelta(index=call.index, function=FunctionDelta(arguments=arguments))

    def close(self) -> Iterator[FunctionCallDelta]:
        """No more fragments: calls without arguments get the empty object that clients parse."""
        for call in self._calls.values():
            if not call.arguments:
                call.arguments.append("{}")
                yield FunctionCallDelta(index=call.index, function=FunctionDelta(arguments="{}"))

    def for_step(self) -> list[StepToolCall]:
        return [
            StepToolCall(
                id=call.id,
                type="function",
                function=FunctionCallDetails(name=call.name, arguments="".join(call.arguments)),
            )
            for call in self._calls.values()
        ]

    def for_run(self) -> list[RequiredToolCall]:
        return [
            RequiredToolCall(
                id=call.id,
                function=CalledFunction(name=call.name, arguments="".join(call.arguments)),
            )
            for call in self._calls.values()
        ]
