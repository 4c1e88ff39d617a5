"""Tools as clients define them and as they are answered, tool resources, response formats and tool choices."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from proxy.schema.chunking import ChunkingStrategyInput
from proxy.schema.fields import Metadata

FunctionName = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[a-zA-Z0-9_-]+$")]


class _Request(Struct, frozen=True, forbid_unknown_fields=True):
    pass


class _Answer(Struct, frozen=True):
    pass


# What clients send


class FunctionInput(_Request, frozen=True, kw_only=True):
    name: FunctionName
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class RankingOptionsInput(_Request, frozen=True, kw_only=True):
    ranker: str | None = None
    score_threshold: Annotated[float, Meta(ge=0, le=1)] | None = None
    hybrid_search: dict[str, Any] | None = None


class FileSearchInput(_Request, frozen=True, kw_only=True):
    max_num_results: Annotated[int, Meta(ge=1, le=50)] | None = None
    ranking_options: RankingOptionsInput | None = None


class FunctionToolInput(_Request, frozen=True, tag="function", kw_only=True):
    function: FunctionInput


class FileSearchToolInput(_Request, frozen=True, tag="file_search", kw_only=True):
    file_search: FileSearchInput | None = None


class CodeInterpreterToolInput(_Request, frozen=True, tag="code_interpreter", kw_only=True):
    pass


# The order in which the real service named them: 'code_interpreter', 'function', and 'file_search'.
ToolInput = CodeInterpreterToolInput | FunctionToolInput | FileSearchToolInput
ToolInputs = Annotated[list[ToolInput], Meta(max_length=128)]


# What is answered


class Function(_Answer, frozen=True, kw_only=True):
    name: str
    description: str | UnsetType = UNSET
    parameters: dict[str, Any]
    strict: bool = False


class RankingOptions(_Answer, frozen=True, kw_only=True):
    ranker: str = "default_2024_08_21"
    score_threshold: float = 0.0
    hybrid_search: dict[str, Any] | None = None


class FileSearch(_Answer, frozen=True, kw_only=True):
    max_num_results: int | UnsetType = UNSET
    ranking_options: RankingOptions = RankingOptions()


class FunctionTool(_Answer, frozen=True, tag="function", kw_only=True):
    function: Function


class FileSearchTool(_Answer, frozen=True, tag="file_search", kw_only=True):
    file_search: FileSearch = FileSearch()


class CodeInterpreterTool(_Answer, frozen=True, tag="code_interpreter", kw_only=True):
    pass


Tool = FunctionTool | FileSearchTool | CodeInterpreterTool


def answered(tool: ToolInput) -> Tool:
    """A tool as it is answered: the defaults filled in that the real service filled in."""
    match tool:
        case FunctionToolInput(function=given):
            return FunctionTool(
                function=Function(
                    name=given.name,
                    description=UNSET if given.description is None else given.description,
                    parameters={"type": "object", "properties": {}} if given.parameters is None else given.parameters,
                    strict=bool(given.strict),
                )
            )
        case FileSearchToolInput(file_search=search):
            wanted = (search and search.ranking_options) or RankingOptionsInput()
            threshold = wanted.score_threshold
            return FileSearchTool(
                file_search=FileSearch(
                    max_num_results=(search and search.max_num_results) or UNSET,
                    ranking_options=RankingOptions(
                        # "auto" is a way to ask for the default, and is answered with its name.
                        ranker="default_2024_08_21" if wanted.ranker in (None, "auto") else wanted.ranker,
                        score_threshold=0.0 if threshold is None else threshold,
                        hybrid_search=wanted.hybrid_search,
                    ),
                )
            )
        case CodeInterpreterToolInput():
            return CodeInterpreterTool()


# Tool resources


class CodeInterpreterResourcesInput(_Request, frozen=True, kw_only=True):
    file_ids: Annotated[list[str], Meta(max_length=20)] | None = None


class VectorStoreInput(_Request, frozen=True, kw_only=True):
    """The helper that makes a vector store on the way."""

    file_ids: Annotated[list[str], Meta(max_length=10_000)] | None = None
    chunking_strategy: ChunkingStrategyInput | None = None
    metadata: Metadata | None = None


class FileSearchResourcesInput(_Request, frozen=True, kw_only=True):
    vector_store_ids: Annotated[list[str], Meta(max_length=1)] | None = None
    vector_stores: Annotated[list[VectorStoreInput], Meta(max_length=1)] | None = None


class ToolResourcesInput(_Request, frozen=True, kw_only=True):
    code_interpreter: CodeInterpreterResourcesInput | None = None
    file_search: FileSearchResourcesInput | None = None


class CodeInterpreterResources(_Answer, frozen=True, kw_only=True):
    file_ids: list[str]


class FileSearchResources(_Answer, frozen=True, kw_only=True):
    vector_store_ids: list[str]


class ToolResources(_Answer, frozen=True, kw_only=True):
    # The order of their keys in answers of the real service.
    file_search: FileSearchResources | UnsetType = UNSET
    code_interpreter: CodeInterpreterResources | UnsetType = UNSET


# Response formats


class TextFormat(_Request, frozen=True, tag="text", kw_only=True):
    pass


class JSONObjectFormat(_Request, frozen=True, tag="json_object", kw_only=True):
    pass


class JSONSchema(_Request, frozen=True, kw_only=True):
    """Echoed as it was given, so absent and null are kept apart."""

    name: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[a-zA-Z0-9_-]+$")]
    description: str | UnsetType | None = UNSET
    schema: dict[str, Any] | UnsetType | None = UNSET
    strict: bool | UnsetType | None = UNSET


class JSONSchemaFormat(_Request, frozen=True, tag="json_schema", kw_only=True):
    json_schema: JSONSchema


# Named in this order by the real service.
ResponseFormat = Literal["auto"] | JSONObjectFormat | JSONSchemaFormat | TextFormat


# Tool choice


class FunctionChoiceName(_Request, frozen=True, kw_only=True):
    name: str


class FunctionChoice(_Request, frozen=True, tag="function", kw_only=True):
    function: FunctionChoiceName


class FileSearchChoice(_Request, frozen=True, tag="file_search", kw_only=True):
    pass


class CodeInterpreterChoice(_Request, frozen=True, tag="code_interpreter", kw_only=True):
    pass


ToolChoice = Literal["none", "auto", "required"] | FunctionChoice | FileSearchChoice | CodeInterpreterChoice
