"""Lists that go out as they are made: the same bytes as the whole, in pieces that stay short."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
import pytest

from onebucket.wire import formats, streaming
from onebucket.wire.formats import Format
from onebucket.wire.lazy_list import LazyList, lazy_list


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

    pieces = list(streaming.encode_stream(LazyList(listed), format))

    assert b"".join(pieces) == formats.encode(msgspec.to_builtins(listed), format)
    longest = max([len(formats.encode([msgspec.to_builtins(each)], format)) for each in listed[-1:]], default=0)
    assert max(map(len, pieces)) <= streaming.CHUNK_BYTES + longest
    assert b"" not in pieces or format is Format.YAML


def test_nothing_is_made_before_it_is_asked_for() -> None:
    made: list[Entry] = []

    def making() -> Iterator[Entry]:
        for entry in entries(10, 20_000):
            made.append(entry)
            yield entry

    pieces = streaming.encode_stream(LazyList(making()), Format.JSON)
    assert made == []

    next(pieces)
    assert len(made) == 1


class Shelf(msgspec.Struct):
    label: str
    entries: list[Entry]
    more: dict[str, list[Entry]]
    last: None = None


def shelf(listed: Callable[[Iterable[Any]], Any], count: int, members: int) -> Shelf:
    """A thing with lists in it, and lists in those; `listed` says what is a list."""

    def entries_of(each: int) -> Any:
        return listed(Entry(f"é {number}", listed(f"\0 {member}" for member in range(each))) for number in range(count))

    return Shelf('"<&', entries_of(members), {"no": entries_of(1), "none": listed(())})


@pytest.mark.parametrize("format", Format)
@pytest.mark.parametrize("outside", [list, lazy_list])
@pytest.mark.parametrize(("count", "members"), [(0, 0), (1, 0), (2, 3), (700, 0), (300, 90), (3, 20_000)])
def test_lists_within_lists_come_in_pieces_too(format: Format, outside: Any, count: int, members: int) -> None:
    pieces = list(streaming.encode_stream(outside(shelf(lazy_list, count, members) for _ in range(2)), format))

    assert b"".join(pieces) == formats.encode(msgspec.to_builtins([shelf(list, count, members)] * 2), format)
    # YAML's emitter hands over 16 KiB at a time.
    assert max(map(len, pieces)) < streaming.CHUNK_BYTES + (1 << 14) + 1000


@pytest.mark.parametrize("format", Format)
def test_what_no_format_can_say_is_refused_in_pieces_too(format: Format) -> None:
    with pytest.raises(TypeError):
        list(streaming.encode_stream(LazyList([{"a": object()}]), format))
