"""CSV that spreadsheets may open."""

import csv
import io

import pytest

from onebucket.wire import csv_writer


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_no_text_begins_like_a_formula(start: str) -> None:
    written = csv_writer.text([("user", "note"), ("bob", f'{start}HYPERLINK("https://mallory.example.com","x")')])

    [_, (user, note)] = csv.reader(io.StringIO(written, newline=""))
    assert (user, note) == ("bob", f"""'{start}HYPERLINK("https://mallory.example.com","x")""")


def test_numbers_and_other_texts_stay_as_they_are() -> None:
    assert csv_writer.text([("a=1", None, -1, True, "x, y")]) == 'a=1,,-1,True,"x, y"\r\n'
