"""Vector stores, the files in them, batches of files, and searches: the objects and what clients send."""

from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from proxy.schema.chunking import ChunkingStrategy, ChunkingStrategyInput
from proxy.schema.fields import Description, Metadata, Name
from proxy.schema.pages import ListParams

MOST_FILES_AT_BIRTH: Final = 500
MOST_FILES_IN_A_BATCH: Final = 2_000
DEFAULT_RESULTS: Final = 10
MOST_QUERIES: Final = 32
"""Of one search; a bound of ours."""

StoreStatus = Literal["in_progress", "completed", "expired"]
FileStatus = Literal["in_progress", "completed", "failed", "cancelled"]
BatchStatus = Literal["in_progress", "completed", "cancelled", "failed"]

AttributeValue = str | int | float | bool
AttributeInput = Annotated[str, Meta(max_length=512)] | int | float | bool
Attributes = Annotated[dict[Annotated[str, Meta(max_length=64)], AttributeInput], Meta(max_length=16)]
SearchText = Annotated[str, Meta(min_length=1)]


class _Request(Struct, frozen=True, forbid_unknown_fields=True):
    pass


class _Answer(Struct, frozen=True):
    pass


# What is answered


class FileCounts(_Answer, frozen=True, kw_only=True):
    in_progress: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    total: int = 0


class ExpiresAfter(_Request, frozen=True, kw_only=True):
    """Sent and answered alike."""

    anchor: Literal["last_active_at"]
    days: Annotated[int, Meta(ge=1, le=365)]


class VectorStore(_Answer, frozen=True, kw_only=True):
    id: str
    object: Literal["vector_store"] = "vector_store"
    created_at: int
    name: str | None = None
    description: str | None = None
    usage_bytes: int = 0
    file_counts: FileCounts = FileCounts()
    status: StoreStatus = "completed"
    expires_after: ExpiresAfter | None = None
    expires_at: int | None = None
    last_active_at: int
    metadata: dict[str, str] = {}


class FileError(_Answer, frozen=True, kw_only=True):
    code: Literal["server_error", "unsupported_file", "invalid_file"]
    message: str


class VectorStoreFile(_Answer, frozen=True, kw_only=True):
    id: str
    """That of the file."""
    object: Literal["vector_store.file"] = "vector_store.file"
    usage_bytes: int = 0
    created_at: int
    """When it was put into the store."""
    vector_store_id: str
    status: FileStatus = "in_progress"
    last_error: FileError | None = None
    chunking_strategy: ChunkingStrategy = ChunkingStrategy()
    attributes: dict[str, AttributeValue] = {}


class FileBatch(_Answer, frozen=True, kw_only=True):
    """The specification has `vector_store.files_batch`; the service sent this."""

    id: str
    object: Literal["vector_store.file_batch"] = "vector_store.file_batch"
    created_at: int
    status: BatchStatus = "in_progress"
    vector_store_id: str
    file_counts: FileCounts = FileCounts()


class TextPart(_Answer, frozen=True, kw_only=True):
    type: Literal["text"] = "text"
    text: str


class FileContentPage(_Answer, frozen=True, kw_only=True):
    """The text that was found in a file; the parts follow one another."""

    object: Literal["vector_store.file_content.page"] = "vector_store.file_content.page"
    data: list[TextPart]
    has_more: bool = False
    next_page: str | None = None


class SearchResult(_Answer, frozen=True, kw_only=True):
    file_id: str
    filename: str
    score: float
    attributes: dict[str, AttributeValue]
    content: list[TextPart]


class SearchPage(_Answer, frozen=True, kw_only=True):
    object: Literal["vector_store.search_results.page"] = "vector_store.search_results.page"
    search_query: list[str]
    data: list[SearchResult]
    has_more: bool = False
    next_page: str | None = None


# What clients send


class CreateVectorStore(_Request, frozen=True, kw_only=True):
    name: Name | None = None
    description: Description | None = None
    file_ids: Annotated[list[str], Meta(max_length=MOST_FILES_AT_BIRTH)] | None = None
    expires_after: ExpiresAfter | None = None
    chunking_strategy: ChunkingStrategyInput | None = None
    metadata: Metadata | None = None


class ModifyVectorStore(_Request, frozen=True, kw_only=True):
    name: Name | UnsetType | None = UNSET
    description: Description | UnsetType | None = UNSET
    expires_after: ExpiresAfter | UnsetType | None = UNSET
    metadata: Metadata | UnsetType | None = UNSET


class CreateVectorStoreFile(_Request, frozen=True, kw_only=True):
    file_id: str
    attributes: Attributes | None = None
    chunking_strategy: ChunkingStrategyInput | None = None


class UpdateVectorStoreFile(_Request, frozen=True, kw_only=True):
    attributes: Attributes | None
    """All of them: those that are not named go."""


class CreateFileBatch(_Request, frozen=True, kw_only=True):
    """Either `file_ids`, with what holds for all of them, or `files`."""

    file_ids: Annotated[list[str], Meta(min_length=1, max_length=MOST_FILES_IN_A_BATCH)] | None = None
    files: Annotated[list[CreateVectorStoreFile], Meta(min_length=1, max_length=MOST_FILES_IN_A_BATCH)] | None = None
    attributes: Attributes | None = None
    chunking_strategy: ChunkingStrategyInput | None = None


class SearchRankingInput(_Request, frozen=True, kw_only=True):
    ranker: str | None = None
    score_threshold: Annotated[float, Meta(ge=0, le=1)] | None = None


class SearchVectorStore(_Request, frozen=True, kw_only=True):
    query: SearchText | Annotated[list[SearchText], Meta(min_length=1, max_length=MOST_QUERIES)]
    rewrite_query: bool | None = None
    """Accepted, and done without: queries are searched for as they are."""
    max_num_results: Annotated[int, Meta(ge=1, le=50)] | None = None
    filters: dict[str, Any] | None = None
    """Read by `proxy.retrieval.filters`: they nest, which the schema of a body cannot say."""
    ranking_options: SearchRankingInput | None = None


class ListVectorStoreFilesParams(ListParams, frozen=True, kw_only=True):
    filter: FileStatus | None = None
