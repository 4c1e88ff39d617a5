"""Excel files: a line for each row, with tabs between cells."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from proxy.retrieval.documents import opened_zip
from proxy.retrieval.unreadable import Unreadable

MOST_ROWS: Final = 1_048_576
"""As Excel has it."""
MOST_CELLS: Final = 20_000_000
"""Empty ones before others in their row are among them: a few bytes may make a thousand."""


def text_of_xlsx(path: Path) -> Iterator[str]:
    """One text for each row that has anything, under the name of its sheet. Values, not formulas."""
    from openpyxl import load_workbook

    opened_zip(path).close()  # for what it refuses
    with path.open("rb") as file:  # by name it would want the name to end in .xlsx
        workbook = load_workbook(file, read_only=True, data_only=True, keep_links=False)
        cells_told = 0
        for sheet in workbook.worksheets:
            yield f"{sheet.title}\n"
            # What a sheet says of its size is not looked at: cells beyond would be left out, and others made up.
            sheet.reset_dimensions()
            for number, row in enumerate(sheet.iter_rows(values_only=True)):
                cells_told += len(row)
                if number == MOST_ROWS or cells_told > MOST_CELLS:
                    raise Unreadable(f"The file has more than {MOST_ROWS} rows in a sheet, or {MOST_CELLS} cells.")
                cells = ["" if value is None else str(value) for value in row]
                line = "\t".join(cells).rstrip()
                if line:
                    yield f"{line}\n"
            yield "\n"
