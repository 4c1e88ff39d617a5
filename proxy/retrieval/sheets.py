"""Excel files: a line for each row, with tabs between cells."""

from collections.abc import Iterator
from pathlib import Path

from proxy.retrieval.documents import opened_zip


def text_of_xlsx(path: Path) -> Iterator[str]:
    """One text for each row that has anything, under the name of its sheet. Values, not formulas."""
    from openpyxl import load_workbook

    opened_zip(path).close()  # for what it refuses
    with path.open("rb") as file:  # by name it would want the name to end in .xlsx
        workbook = load_workbook(file, read_only=True, data_only=True, keep_links=False)
        for sheet in workbook.worksheets:
            yield f"{sheet.title}\n"
            for row in sheet.iter_rows(values_only=True):
                cells = ["" if value is None else str(value) for value in row]
                line = "\t".join(cells).rstrip()
                if line:
                    yield f"{line}\n"
            yield "\n"
