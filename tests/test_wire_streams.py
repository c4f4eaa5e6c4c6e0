"""Lists that go out as they are made: the same bytes as the whole, in pieces that stay short."""

from collections.abc import Iterator

import msgspec
import pytest

from onebucket.wire import formats, streams
from onebucket.wire.formats import Format


class Entry(msgspec.Struct):
    name: str
    members: list[str]


def entries(count: int, members: int) -> list[Entry]:
    return [
        Entry(f"entry <{number}>, no", [f"person {member}" for member in range(members)]) for number in range(count)
    ]


@pytest.mark.parametrize("format", Format)
@pytest.mark.parametrize(("count", "members"), [(0, 0), (1, 0), (2, 3), (500, 0), (300, 90), (3, 20_000)])
def test_the_pieces_together_are_the_whole_list(format: Format, count: int, members: int) -> None:
    listed = entries(count, members)

    pieces = list(streams.written(iter(listed), format))

    assert b"".join(pieces) == formats.encode(msgspec.to_builtins(listed), format)
    longest = max([len(formats.encode([msgspec.to_builtins(each)], format)) for each in listed[-1:]], default=0)
    assert max(map(len, pieces)) <= streams.PIECE + longest
    assert b"" not in pieces or format is Format.YAML


def test_nothing_is_made_before_it_is_asked_for() -> None:
    made: list[Entry] = []

    def making() -> Iterator[Entry]:
        for entry in entries(10, 20_000):
            made.append(entry)
            yield entry

    pieces = streams.written(making(), Format.JSON)
    assert made == []

    next(pieces)
    assert len(made) == 1
