"""Files and uploads: the objects, in the key order of the real service, and what clients send to make them."""

from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from proxy.schema.pages import ListParams

MOST_FILES_LISTED: Final = 10_000

# The purposes that a file may be uploaded for, in the order in which the real service's error named them.
PURPOSES: Final = ("fine-tune", "assistants", "batch", "user_data", "vision", "evals")
Purpose = Literal["fine-tune", "assistants", "batch", "user_data", "vision", "evals"]

FileSeconds = Annotated[int, Meta(ge=3_600, le=2_592_000)]


class FileObject(Struct, frozen=True, kw_only=True):
    object: Literal["file"] = "file"
    id: str
    purpose: str
    """One of `PURPOSES`, or of those that only the server writes for, as `assistants_output`."""
    filename: str
    bytes: int
    created_at: int
    expires_at: int | None = None
    status: Literal["uploaded", "processed", "error"] = "processed"
    status_details: str | None = None


class FileDeleted(Struct, frozen=True, kw_only=True):
    """With its keys in another order than all other deletions have them."""

    object: Literal["file"] = "file"
    deleted: bool = True
    id: str


class FileExpiry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    anchor: Literal["created_at"]
    seconds: FileSeconds


class ListFilesParams(ListParams, frozen=True, kw_only=True):
    limit: Annotated[int, Meta(ge=1, le=MOST_FILES_LISTED)] = MOST_FILES_LISTED
    purpose: str | None = None


class FilePage(Struct, frozen=True, kw_only=True):
    """A page of files; its keys have another order than those of all other lists."""

    object: Literal["list"] = "list"
    data: list[Raw]
    has_more: bool
    first_id: str | None
    last_id: str | None


UploadStatus = Literal["pending", "completed", "cancelled", "expired"]


class Upload(Struct, frozen=True, kw_only=True):
    id: str
    object: Literal["upload"] = "upload"
    bytes: int
    created_at: int
    filename: str
    purpose: str
    status: UploadStatus
    expires_at: int
    file: FileObject | UnsetType = UNSET
    """Absent until the upload is completed."""


class UploadPart(Struct, frozen=True, kw_only=True):
    id: str
    object: Literal["upload.part"] = "upload.part"
    created_at: int
    upload_id: str


class CreateUpload(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    filename: Annotated[str, Meta(min_length=1)]
    purpose: Purpose
    bytes: Annotated[int, Meta(ge=1)]
    mime_type: str
    expires_after: FileExpiry | None = None


class CompleteUpload(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    part_ids: Annotated[list[str], Meta(min_length=1)]
    md5: str | None = None
    """Of the whole file, as hexadecimal digits."""
