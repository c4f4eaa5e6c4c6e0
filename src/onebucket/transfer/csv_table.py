"""Reads CSV files, as spreadsheets write them."""

import csv
from pathlib import Path

from onebucket.transfer.source_tree import UnreadableDocument


def read_csv(path: Path) -> list[tuple[int, list[str]]]:
    """Read a CSV file into (line, trimmed cells), without empty lines; separated by commas or by semicolons.

    Raises UnreadableDocument.
    """
    source = str(path)
    try:
        # A byte order mark is what spreadsheets write; the csv module wants line ends as they are.
        lines = path.read_text(encoding="utf-8-sig").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableDocument(f"can't be read: {getattr(error, 'strerror', None) or error}", source=source) from None
    # Spreadsheets of some countries separate by semicolons.
    reader = csv.reader(lines, delimiter=";" if lines and ";" in lines[0] and "," not in lines[0] else ",")
    table: list[tuple[int, list[str]]] = []
    try:
        for cells in reader:
            values = [cell.strip() for cell in cells]
            if any(values):
                table.append((reader.line_num, values))
    except csv.Error as error:
        raise UnreadableDocument(str(error), source=source, line=reader.line_num) from None
    return table
