"""Assembling a turn's function calls from the fragments in which model servers stream them.

Indexes of ours are dense and in order of appearance; ids are ours, because servers use four formats. Clients merge
deltas by adding strings up, so `id` and `name` go out exactly once for each call.
"""

from collections.abc import Callable, Iterator

from msgspec import UNSET

from adapters.chat import ToolCallFragment
from proxy.schema.events import FunctionCallDelta, FunctionDelta
from proxy.schema.runs import CalledFunction, RequiredToolCall
from proxy.schema.steps import FunctionCallDetails, FunctionToolCall


class _Call:
    __slots__ = ("arguments", "id", "index", "name", "pending")

    def __init__(self, index: int, id: str) -> None:
        self.index = index
        self.id = id
        self.name: str | None = None
        self.arguments: list[str] = []
        self.pending: list[str] = []  # arguments that came before the name: nothing goes out until it is known


class ToolCalls:
    """The calls of one turn. At most `limit` are kept, for `parallel_tool_calls: false` on servers that ignore it."""

    def __init__(self, new_call_id: Callable[[], str], *, limit: int | None) -> None:
        self._new_call_id = new_call_id
        self._limit = limit
        self._calls: dict[int, _Call] = {}

    def __bool__(self) -> bool:
        return any(call.name is not None for call in self._calls.values())

    def add(self, fragment: ToolCallFragment) -> Iterator[FunctionCallDelta]:
        call = self._calls.get(fragment.index)
        if call is None:
            if self._limit is not None and len(self._calls) >= self._limit:
                return
            call = self._calls[fragment.index] = _Call(len(self._calls), self._new_call_id())
        opening = call.name is None and bool(fragment.name)
        if opening:
            call.name = fragment.name
            yield FunctionCallDelta(
                index=call.index,
                id=call.id,
                function=FunctionDelta(name=fragment.name or UNSET, arguments="", output=None),
            )
        if fragment.arguments:
            call.arguments.append(fragment.arguments)
            call.pending.append(fragment.arguments)
        if call.name is not None and call.pending:
            yield FunctionCallDelta(index=call.index, function=FunctionDelta(arguments="".join(call.pending)))
            call.pending.clear()

    def close(self) -> Iterator[FunctionCallDelta]:
        """No more fragments: calls without arguments get the empty object that clients parse."""
        for call in self._named():
            if not call.arguments:
                call.arguments.append("{}")
                yield FunctionCallDelta(index=call.index, function=FunctionDelta(arguments="{}"))

    def for_step(self) -> list[FunctionToolCall]:
        return [
            FunctionToolCall(
                id=call.id,
                function=FunctionCallDetails(name=call.name or "", arguments="".join(call.arguments)),
            )
            for call in self._named()
        ]

    def for_run(self) -> list[RequiredToolCall]:
        return [
            RequiredToolCall(
                id=call.id,
                function=CalledFunction(name=call.name or "", arguments="".join(call.arguments)),
            )
            for call in self._named()
        ]

    def _named(self) -> list[_Call]:
        return [call for call in self._calls.values() if call.name is not None]
