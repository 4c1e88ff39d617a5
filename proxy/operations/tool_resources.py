"""Tool resources: those of a request over those that were there, and the vector stores that they name or make."""

from collections.abc import Sequence

from msgspec import UNSET, Struct

from proxy.errors import InvalidRequest, not_found
from proxy.operations.filling import Wanted, fill, new_store, strategy_of
from proxy.operations.references import existing_files
from proxy.schema.tools import CodeInterpreterResources, FileSearchResources, ToolResources, ToolResourcesInput
from proxy.schema.vector_stores import ExpiresAfter, VectorStore
from proxy.store import Connection, vector_stores

_HELPER = "tool_resources.file_search.vector_stores"


class NewStore(Struct, frozen=True, kw_only=True):
    """A vector store that is made on the way."""

    store: VectorStore
    wanted: Sequence[Wanted]


class Resources(Struct, frozen=True, kw_only=True):
    """Tool resources as they are answered, and what has to be true, or made, for them to be so."""

    answered: ToolResources
    named: Sequence[str] = ()
    """Vector stores that there must be."""
    files: Sequence[str] = ()
    """Files that there must be."""
    new: NewStore | None = None

    async def save(self, db: Connection, project: str, *, at: int) -> None:
        """In the transaction that saves what has them. Raises `NotFound` and `InvalidRequest`."""
        await existing_files(db, project, self.files, at=at)
        for store_id in self.named:
            if await vector_stores.find_store(db, project, store_id) is None:
                raise not_found("vector store", store_id)
        if self.new is not None:
            await vector_stores.insert_store(db, project, self.new.store)
            await fill(db, project, self.new.store, self.new.wanted, at=at)


def resources_of(
    given: ToolResourcesInput | None, *, at: int, code_interpreter: bool, expires_after: ExpiresAfter | None = None
) -> Resources:
    """Those of something that is created, for which a vector store may be made on the way, with this expiry."""
    new = _new_store(given, at, expires_after)
    answered = answered_resources(given, code_interpreter=code_interpreter, new=new)
    return Resources(answered=answered, named=_named(given), files=_files(given), new=new)


def modified_resources(given: ToolResourcesInput | None, over: ToolResources, *, code_interpreter: bool) -> Resources:
    """Those of something that is modified, or of a run on it; there the helper was no parameter."""
    if given is not None and given.file_search is not None and given.file_search.vector_stores:
        raise InvalidRequest(f"Unknown parameter: '{_HELPER}'.", param=_HELPER, code="unknown_parameter")
    answered = answered_resources(given, code_interpreter=code_interpreter, over=over)
    return Resources(answered=answered, named=_named(given), files=_files(given))


def answered_resources(
    given: ToolResourcesInput | None,
    *,
    code_interpreter: bool,
    over: ToolResources | None = None,
    new: NewStore | None = None,
) -> ToolResources:
    """Each tool of `given` overrides that tool in `over`, and what it leaves out stays.

    `code_interpreter` says that the tool is there, which shows as an empty list of files where none were given.
    """
    code, search = (UNSET, UNSET) if over is None else (over.code_interpreter, over.file_search)
    if given is not None and given.code_interpreter is not None:
        code = CodeInterpreterResources(file_ids=given.code_interpreter.file_ids or [])
    if given is not None and given.file_search is not None:
        ids = [new.store.id] if new is not None else given.file_search.vector_store_ids or []
        search = FileSearchResources(vector_store_ids=ids)
    if code_interpreter and code is UNSET:
        code = CodeInterpreterResources(file_ids=[])
    return ToolResources(code_interpreter=code, file_search=search)


def _named(given: ToolResourcesInput | None) -> Sequence[str]:
    return (given and given.file_search and given.file_search.vector_store_ids) or ()


def _files(given: ToolResourcesInput | None) -> Sequence[str]:
    return (given and given.code_interpreter and given.code_interpreter.file_ids) or ()


def _new_store(given: ToolResourcesInput | None, at: int, expires_after: ExpiresAfter | None) -> NewStore | None:
    search = given and given.file_search
    if not search or not search.vector_stores:
        return None
    if search.vector_store_ids:
        raise InvalidRequest(
            "Mutually exclusive parameters: 'vector_store_ids' and 'vector_stores'. Only one of them may be given.",
            param=_HELPER,
        )
    (helper,) = search.vector_stores
    strategy = strategy_of(helper.chunking_strategy, f"{_HELPER}[0].chunking_strategy")
    return NewStore(
        store=new_store(at=at, expires_after=expires_after, metadata=helper.metadata),
        wanted=[Wanted(file_id=id, chunking_strategy=strategy) for id in helper.file_ids or ()],
    )
