"""Excel files: a line for each row, with tabs between cells."""

from collections.abc import Iterator
from pathlib import Path

from proxy.retrieval.documents import opened_zip


def text_of_xlsx(path: Path) -> Iterator[str]:
    """One text for each row that has anything, under the name of its sheet. Values, not formulas."""
    from openpyxl import load_workbook

    opened_zip(path).close()  # for what it refuses
    workbook = load_workbook(path, read_only=True, data_only=True, keep_links=False)
    try:
        for sheet in workbook.worksheets:
            yield f"{sheet.title}\n"
            for row in sheet.iter_rows(values_only=True):
                cells = ["" if value is None else str(value) for value in row]
                line = "\t".join(cells).rstrip()
                if line:
                    yield f"{line}\n"
            yield "\n"
    finally:
        workbook.close()
