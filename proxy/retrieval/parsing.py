"""From a file to its text: the parser for its name, and the bounds that hold for all of them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from proxy.retrieval.chunking import tidy
from proxy.retrieval.doc import text_of_doc
from proxy.retrieval.documents import text_of_docx, text_of_pptx
from proxy.retrieval.formats import TEXT, extension_of
from proxy.retrieval.pdf import text_of_pdf
from proxy.retrieval.sheets import text_of_xlsx
from proxy.retrieval.texts import bytes_of, text_of, text_of_html
from proxy.retrieval.unreadable import Unreadable

MOST_CHARACTERS: Final = 64 << 20


def parse(path: Path, filename: str) -> str:
    """The text of a file, tidy. Raises `Unreadable`, whatever the file does to its parser.

    For a process of its own: a parser may take long, and much memory.
    """
    try:
        text = tidy(_text(path, extension_of(filename)))
    except Unreadable:
        raise
    except ImportError as error:
        raise Unreadable(
            f"Files like {filename} cannot be read here: the server lacks the package {error.name}.",
            code="unsupported_file",
        ) from error
    except MemoryError:
        raise Unreadable("The file takes more memory to read than there is for it.") from None
    except Exception as error:
        raise Unreadable("The file is damaged, or not what its name says: it could not be parsed.") from error
    if not text.strip():
        raise Unreadable("No text was found in the file.")
    return text


def _text(path: Path, extension: str) -> str:
    match extension:
        case ".html":
            return text_of_html(bytes_of(path))
        case ".pdf":
            return _bounded(text_of_pdf(path))
        case ".docx":
            return _bounded([text_of_docx(path)])
        case ".pptx":
            return _bounded([text_of_pptx(path)])
        case ".xlsx":
            return _bounded(text_of_xlsx(path))
        case _ if extension in TEXT:
            return text_of(bytes_of(path))
        case ".doc":
            return _bounded(text_of_doc(path))
        case _:
            raise Unreadable(f"Files with extension {extension or 'none'} cannot be read.", code="unsupported_file")


def _bounded(texts: Iterable[str]) -> str:
    parts: list[str] = []
    characters = 0
    for text in texts:
        parts.append(text)
        characters += len(text)
        if characters > MOST_CHARACTERS:
            raise Unreadable(f"The file has more than {MOST_CHARACTERS} characters of text.")
    return "".join(parts)
