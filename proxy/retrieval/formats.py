"""Which files can be read for search: by the end of their name, as the real service went by it."""

from collections.abc import Iterable
from typing import Final

from proxy.errors import InvalidRequest

TEXT: Final = frozenset(
    {
        ".c", ".cpp", ".cs", ".css", ".csv", ".go", ".html", ".java", ".js", ".json", ".md", ".php", ".py", ".rb",
        ".sh", ".tex", ".ts", ".txt",
    }
)  # fmt: skip
"""Read as they are. The real service did not take `.csv`."""

DOCUMENTS: Final = frozenset({".doc", ".docx", ".pdf", ".pptx", ".xlsx"})
"""Those that text must be taken out of. The real service did not take `.xlsx`."""

SUPPORTED: Final = TEXT | DOCUMENTS


def extension_of(filename: str) -> str:
    """`.pdf` for `Report.PDF`; empty where there is none."""
    name = filename.replace("\\", "/").rpartition("/")[2]
    stem, dot, end = name.rpartition(".")
    return f".{end.lower()}" if dot and stem and end else ""


def check_readable(filenames: Iterable[str]) -> None:
    """Refuse, in the words of the real service, files of which some cannot be read."""
    refused = sorted({extension for name in filenames if (extension := extension_of(name)) not in SUPPORTED})
    if refused:
        named = ", ".join(extension or "none" for extension in refused)
        raise InvalidRequest(
            f"Files with extensions [{named}] are not supported for retrieval. "
            "See https://platform.openai.com/docs/assistants/tools/file-search/supported-files",
            param="file_ids",
            code="unsupported_file",
        )
