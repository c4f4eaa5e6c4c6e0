"""Imports memberships from a CSV file with a person and a group in each line."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec import UNSET

from onebucket import slugs
from onebucket.actions.accounts import Person
from onebucket.domain import ends, groups
from onebucket.domain.accounts import bare_uuid, email_key, username_key
from onebucket.domain.groups import GroupWithMembers
from onebucket.domain.refusals import Refusal
from onebucket.safe_text import quote_text
from onebucket.transfer.csv_table import read_csv
from onebucket.transfer.model import Document, Group, Team
from onebucket.transfer.source_tree import UnreadableDocument

PERSON_COLUMNS = ("user", "email")
GROUP_COLUMN = "group"
UNTIL_COLUMN = "until"
# People who are named in one message; more are counted.
_MAX_NAMED = 20


@dataclass(frozen=True, slots=True)
class Row:
    """A line: a person, as the file names them, the group that they are to be in, and until when (may be empty)."""

    line: int
    person: str
    group: str
    until: str = ""


def read(path: Path) -> list[Row]:
    """Read a file whose first line names the columns `user` or `email`, `group`, and perhaps `until`.

    Raises UnreadableDocument.
    """
    table, source = read_csv(path), str(path)
    heads = [head.lower() for head in table[0][1]] if table else []
    person = next((heads.index(column) for column in PERSON_COLUMNS if column in heads), None)
    if person is None or GROUP_COLUMN not in heads:
        raise UnreadableDocument("the first line names the columns: user,group or email,group", source=source, line=1)
    group = heads.index(GROUP_COLUMN)
    until = heads.index(UNTIL_COLUMN) if UNTIL_COLUMN in heads else None
    return [_row(line, cells, len(heads), person, group, until, source) for line, cells in table[1:]]


def _row(line: int, cells: Sequence[str], columns: int, person: int, group: int, until: int | None, source: str) -> Row:
    if len(cells) > columns:
        raise UnreadableDocument(
            f"this line has {len(cells)} columns, the first one {columns}", source=source, line=line
        )
    for column, what in ((person, "person"), (group, "group")):
        if len(cells) <= column or not cells[column]:
            raise UnreadableDocument(f"this line has no {what}", source=source, line=line)
    return Row(line, cells[person], cells[group], "" if until is None or len(cells) <= until else cells[until])


def to_document(
    rows: Sequence[Row], *, account: str, people: Iterable[Person], rosters: Iterable[GroupWithMembers], source: str
) -> Document:
    """Convert rows to a document that adds their people to groups of `account`; groups that aren't there are new.

    A group is named by its slug or its name. A person is named by username, UUID, account id or e-mail address, or by
    a nickname or display name that nobody else has. Raises UnreadableDocument for those who are nobody or several.
    """
    by_name = _index(people)
    names = {roster.group.slug: roster.group.name for roster in rosters}
    members: dict[str, list[str]] = {}
    until: dict[str, dict[str, str]] = {}
    problems: list[str] = []
    for row in rows:
        try:
            slug = slugs.slugify(groups.check_name(row.group))
            if row.until:
                ends.parse(row.until)
        except Refusal as refusal:
            raise UnreadableDocument(refusal.sentence, source=source, line=row.line) from None
        found = _matches(by_name, row.person)
        if len(found) == 1:
            name = names.setdefault(slug, row.group)
            members.setdefault(name, []).append(found[0])
            if row.until:
                until.setdefault(name, {})[found[0]] = row.until
        elif found:
            problems.append(f"line {row.line}: {quote_text(row.person)} may be {' or '.join(found)}")
        else:
            problems.append(f"line {row.line}: there is no {quote_text(row.person)}")
    if problems:
        more = f"; and {len(problems) - _MAX_NAMED:,} more" if len(problems) > _MAX_NAMED else ""
        raise UnreadableDocument("; ".join(problems[:_MAX_NAMED]) + more, source=source)

    listed = [
        Group(name=name, members=list(dict.fromkeys(added)), members_until=until.get(name, UNSET))
        for name, added in members.items()
    ]
    return Document(teams=[Team(username=account, groups=listed)])


def _index(people: Iterable[Person]) -> Mapping[str, list[str]]:
    """Return usernames by every name that a person goes by; the kinds of names don't meet, as they are marked."""
    found: dict[str, list[str]] = {}
    for person in people:
        account = person.account
        exact = {account.id, account.aaid or "", *(email.key for email in person.emails)}
        for key in (*(f"={key}" for key in exact), f"@{username_key(account.username)}"):
            found.setdefault(key, []).append(account.username)
        for name in {account.display_name.casefold(), (account.nickname or "").casefold()} - {""}:
            found.setdefault(f"~{name}", []).append(account.username)
    return found


def _matches(by_name: Mapping[str, list[str]], name: str) -> list[str]:
    """Return the usernames of those whom `name` may mean: the surest kind of name that fits decides."""
    keys = [f"@{username_key(name)}", f"={bare_uuid(name) or name.lower()}"]
    if "@" in name:
        try:
            keys.append(f"={email_key(name)}")
        except Refusal:
            return []
    keys.append(f"~{name.casefold()}")
    return next((by_name[key] for key in keys if key in by_name), [])
