"""Messages: the object, its content parts, and the bodies that create and modify one."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from proxy.schema.fields import Metadata

MAX_TEXT_CHARACTERS = 256_000
MessageText = Annotated[str, Meta(max_length=MAX_TEXT_CHARACTERS)]
ImageDetail = Literal["auto", "low", "high"]
MessageStatus = Literal["in_progress", "completed", "incomplete"]
IncompleteReason = Literal["content_filter", "max_tokens", "run_cancelled", "run_expired", "run_failed"]


class _Request(Struct, frozen=True, forbid_unknown_fields=True):
    pass


class _Answer(Struct, frozen=True):
    pass


# Content as it is answered


class FileCitation(_Answer, frozen=True, kw_only=True):
    file_id: str


class FileCitationAnnotation(_Answer, frozen=True, tag="file_citation", kw_only=True):
    text: str
    start_index: int
    end_index: int
    file_citation: FileCitation


class FilePathAnnotation(_Answer, frozen=True, tag="file_path", kw_only=True):
    text: str
    start_index: int
    end_index: int
    file_path: FileCitation


Annotation = FileCitationAnnotation | FilePathAnnotation


class Text(_Answer, frozen=True, kw_only=True):
    value: str
    annotations: list[Annotation] = []


class TextContent(_Answer, frozen=True, tag="text", kw_only=True):
    text: Text


class ImageFile(_Answer, frozen=True, kw_only=True):
    file_id: str
    detail: str = "auto"


class ImageFileContent(_Answer, frozen=True, tag="image_file", kw_only=True):
    image_file: ImageFile


class ImageURL(_Answer, frozen=True, kw_only=True):
    url: str
    detail: str = "auto"


class ImageURLContent(_Answer, frozen=True, tag="image_url", kw_only=True):
    image_url: ImageURL


class RefusalContent(_Answer, frozen=True, tag="refusal", kw_only=True):
    refusal: str


Content = TextContent | ImageFileContent | ImageURLContent | RefusalContent


class IncompleteDetails(_Answer, frozen=True, kw_only=True):
    reason: IncompleteReason


class Message(_Answer, frozen=True, kw_only=True):
    """A message as it is stored, answered and streamed: with the four keys that the real REST answers left out."""

    id: str
    object: Literal["thread.message"] = "thread.message"
    created_at: int
    assistant_id: str | None = None
    thread_id: str
    run_id: str | None = None
    status: MessageStatus = "completed"
    incomplete_details: IncompleteDetails | None = None
    incomplete_at: int | None = None
    completed_at: int | None = None
    role: Literal["user", "assistant"]
    content: list[Content]
    attachments: list[dict[str, Any]] = []
    metadata: dict[str, str] = {}


# What clients send


class TextInput(_Request, frozen=True, tag="text", kw_only=True):
    text: MessageText


class ImageFileValue(_Request, frozen=True, kw_only=True):
    file_id: str
    detail: ImageDetail | None = None


class ImageFileInput(_Request, frozen=True, tag="image_file", kw_only=True):
    image_file: ImageFileValue


class ImageURLValue(_Request, frozen=True, kw_only=True):
    url: str
    detail: ImageDetail | None = None


class ImageURLInput(_Request, frozen=True, tag="image_url", kw_only=True):
    image_url: ImageURLValue


ContentInput = TextInput | ImageFileInput | ImageURLInput


class CodeInterpreterAttachment(_Request, frozen=True, tag="code_interpreter", kw_only=True):
    pass


class FileSearchAttachment(_Request, frozen=True, tag="file_search", kw_only=True):
    pass


class Attachment(_Request, frozen=True, kw_only=True):
    file_id: str | None = None
    tools: list[CodeInterpreterAttachment | FileSearchAttachment] | None = None


class CreateMessage(_Request, frozen=True, kw_only=True):
    role: Literal["user", "assistant"]
    content: MessageText | list[ContentInput]
    attachments: list[Attachment] | None = None
    metadata: Metadata | None = None


class ModifyMessage(_Request, frozen=True, kw_only=True):
    metadata: Metadata | UnsetType | None = UNSET
