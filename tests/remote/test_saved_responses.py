"""The file of responses: what an interrupted read finds again, and what it doesn't."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from onebucket.remote.saved_responses import MAX_AGE, SavedResponses

AT = datetime(2026, 3, 4, 9, tzinfo=UTC)
HEADING = {"api": "https://api.example.org", "workspace": "acme", "username": "svc@example.org"}


Open = Callable[..., SavedResponses]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with two responses."""
    path = tmp_path / "state.jsonl"
    saved = SavedResponses(path, HEADING, at=AT)
    saved.add("/2.0/a", {"values": [1]})
    saved.add("/2.0/b", [])
    saved.close()
    return path


@pytest.fixture
def opened(path: Path) -> Iterator[Open]:
    """Opens the file again, and closes it after the test."""
    with ExitStack() as stack:

        def open(heading: dict[str, str] = HEADING, *, at: datetime = AT) -> SavedResponses:
            saved = SavedResponses(path, heading, at=at)
            stack.callback(saved.close)
            return saved

        yield open


def test_what_was_read_is_found_again(opened: Open) -> None:
    again = opened(at=AT + timedelta(hours=1))

    assert (again.found, again.started) == (2, AT)
    assert (again.get("/2.0/a"), again.get("/2.0/b")) == ({"values": [1]}, [])
    with pytest.raises(KeyError):
        again.get("/2.0/c")


def test_only_its_owner_can_read_it(path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", list(HEADING))
def test_a_read_of_something_else_starts_anew(opened: Open, name: str) -> None:
    other = opened(HEADING | {name: "other"})

    assert other.found == 0
    with pytest.raises(KeyError):
        other.get("/2.0/a")


@pytest.mark.parametrize("at", [AT + MAX_AGE + timedelta(seconds=1), AT - timedelta(hours=1)])
def test_an_old_one_and_one_from_the_future_are_not_used(opened: Open, at: datetime) -> None:
    assert opened(at=at).found == 0


def test_a_line_that_was_cut_off_is_read_again_and_the_file_goes_on(path: Path, opened: Open) -> None:
    path.write_bytes(path.read_bytes()[:-3])

    cut = opened()
    assert cut.found == 1
    cut.add("/2.0/c", "new")
    cut.close()

    assert opened().get("/2.0/c") == "new"


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"no json\n", b"[]\n", b'{"started": 3}\n', b"\xff\xfe\n", b'{"api": 1}\n[1]\n']
)
def test_a_damaged_file_starts_anew(path: Path, opened: Open, content: bytes) -> None:
    path.write_bytes(content)

    damaged = opened()
    damaged.add("/2.0/a", 1)
    damaged.close()

    assert opened().found == 1


def test_it_is_gone_when_it_is_deleted(path: Path, opened: Open) -> None:
    opened().delete()

    assert not path.exists()
