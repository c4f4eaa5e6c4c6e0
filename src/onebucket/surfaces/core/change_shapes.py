"""The shape of access changes in JSON, and their lines in CSV: the API, the pages and the command line share them."""

from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct

from onebucket.domain import journal_text
from onebucket.domain.accounts import Account
from onebucket.domain.level_changes import LevelChange
from onebucket.domain.privileges import Level
from onebucket.wire import csv_writer


class LevelChangeShape(Struct, frozen=True):
    """A person whose level on some repositories changed: when, from what to what, through what and by whom.

    `user` is null for what everybody gained or lost, because a repository became public or private. `repositories` are
    `account/slug`, `group` is `account/slug` and `project` `account/KEY` where one decides about the higher of both
    levels. `event` and `entry` name the journal entry, which is in the journal of `account`. `invited_by` is who had
    invited a person that accepted an invitation. Names are those of that time.
    """

    at: str
    change: str
    user: str | None
    user_uuid: str | None
    repositories: list[str]
    before: str | None
    after: str | None
    through: str
    group: str | None
    project: str | None
    by: str
    invited_by: str | None
    event: str
    entry: int
    account: str


def change_shape(owner: Account, change: LevelChange) -> LevelChangeShape:
    """Shape one change."""
    entry = change.entry
    return LevelChangeShape(
        at=journal_text.moment(entry.at),
        change=change.direction.value,
        user=change.username,
        user_uuid=f"{{{change.person_id}}}" if change.person_id else None,
        repositories=[f"{owner.username}/{slug}" for slug in change.repositories],
        before=_word(change.before),
        after=_word(change.after),
        through=change.way.through.value,
        group=change.way.group,
        project=change.way.project,
        by=entry.actor,
        invited_by=change.invited_by or None,
        event=entry.event.value,
        entry=entry.number,
        account=entry.account,
    )


def _word(level: Level) -> str | None:
    return level.word if level else None


def json_lines(owner: Account, changes: Iterable[LevelChange]) -> Iterator[str]:
    """Yield changes as a JSON list, one to a line."""
    start = "["
    for change in changes:
        yield f"{start}\n{msgspec.json.encode(change_shape(owner, change)).decode()}"
        start = ","
    yield "[]\n" if start == "[" else "\n]\n"


_COLUMNS = (
    "at", "change", "user", "repository", "before", "after", "through", "group", "project", "by", "invited_by",
    "event", "entry", "account",
)  # fmt: skip


def csv_lines(owner: Account, changes: Iterable[LevelChange]) -> Iterator[str]:
    """Yield the heads of CSV, then each change: a line for each repository."""
    yield csv_writer.text([_COLUMNS])
    for change in changes:
        shape = change_shape(owner, change)
        line = {name: getattr(shape, name) for name in shape.__struct_fields__}
        lines = (line | {"repository": repository} for repository in shape.repositories)
        yield csv_writer.text([each[name] for name in _COLUMNS] for each in lines)
