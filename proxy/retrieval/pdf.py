"""PDF files, page by page."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from proxy.retrieval.unreadable import Unreadable

MOST_PAGES: Final = 5_000


def text_of_pdf(path: Path) -> Iterator[str]:
    """One text for each page. Raises `Unreadable` for what is none, is encrypted, or has too many pages."""
    from pypdf import PasswordType, PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it says much about files that are merely old
    with path.open("rb") as file:
        if b"%PDF-" not in file.read(1024):
            raise Unreadable("The file is not a PDF, although its name ends like one.")
        reader = PdfReader(file)
        if reader.is_encrypted and reader.decrypt("") == PasswordType.NOT_DECRYPTED:
            raise Unreadable("The file is encrypted.")
        pages = len(reader.pages)
        if pages > MOST_PAGES:
            raise Unreadable(f"The file has {pages} pages, and at most {MOST_PAGES} are read.")
        for page in reader.pages:
            yield page.extract_text() + "\n\n"
