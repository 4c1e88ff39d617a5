"""Tool resources as they are answered: those of a request, over those that were there."""

from msgspec import UNSET

from proxy.errors import InvalidRequest
from proxy.schema.tools import CodeInterpreterResources, FileSearchResources, ToolResources, ToolResourcesInput


def answered_resources(
    given: ToolResourcesInput | None, *, code_interpreter: bool, over: ToolResources | None = None
) -> ToolResources:
    """Each tool of `given` overrides that tool in `over`, and what it leaves out stays.

    `code_interpreter` says that the tool is there, which shows as an empty list of files where none were given.
    """
    code, search = (UNSET, UNSET) if over is None else (over.code_interpreter, over.file_search)
    if given is not None and given.code_interpreter is not None:
        code = CodeInterpreterResources(file_ids=given.code_interpreter.file_ids or [])
    if given is not None and given.file_search is not None:
        if given.file_search.vector_stores:
            raise _refused_helper(modifying=over is not None)
        search = FileSearchResources(vector_store_ids=given.file_search.vector_store_ids or [])
    if code_interpreter and code is UNSET:
        code = CodeInterpreterResources(file_ids=[])
    return ToolResources(code_interpreter=code, file_search=search)


def _refused_helper(*, modifying: bool) -> InvalidRequest:
    param = "tool_resources.file_search.vector_stores"
    if modifying:  # there it was no parameter on the real service either
        return InvalidRequest(f"Unknown parameter: '{param}'.", param=param, code="unknown_parameter")
    return InvalidRequest(
        "Vector stores are not available in this version, so none can be made on the way.",
        param=param,
        code="unsupported_parameter",
    )
