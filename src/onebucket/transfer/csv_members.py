"""Imports memberships from a CSV file with a person and a group in each line."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from onebucket import slugs
from onebucket.actions.accounts import Person
from onebucket.domain import groups
from onebucket.domain.accounts import bare_uuid, email_key, username_key
from onebucket.domain.groups import GroupWithMembers
from onebucket.domain.refusals import Refusal
from onebucket.safe_text import quote_text
from onebucket.transfer.model import Document, Group, Team
from onebucket.transfer.source_tree import UnreadableDocument

PERSON_COLUMNS = ("user", "email")
GROUP_COLUMN = "group"
# People who are named in one message; more are counted.
_MAX_NAMED = 20


@dataclass(frozen=True, slots=True)
class Row:
    """A line: a person, as the file names them, and the group that they are to be in."""

    line: int
    person: str
    group: str


def read(path: Path) -> list[Row]:
    """Read a file whose first line names the columns `user` or `email`, and `group`. Raises UnreadableDocument."""
    source = str(path)
    try:
        # A byte order mark is what spreadsheets write; the csv module wants line ends as they are.
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableDocument(f"can't be read: {getattr(error, 'strerror', None) or error}", source=source) from None
    lines = text.splitlines(keepends=True)
    # Spreadsheets of some countries separate by semicolons.
    reader = csv.reader(lines, delimiter=";" if lines and ";" in lines[0] and "," not in lines[0] else ",")
    try:
        heads = [head.strip().lower() for head in next(reader, [])]
        person = next((heads.index(column) for column in PERSON_COLUMNS if column in heads), None)
        if person is None or GROUP_COLUMN not in heads:
            raise UnreadableDocument(
                "the first line names the columns: user,group or email,group", source=source, line=1
            )
        return list(_rows(reader, heads, person, source))
    except csv.Error as error:
        raise UnreadableDocument(str(error), source=source, line=reader.line_num) from None


def _rows(reader: "Iterator[list[str]]", heads: Sequence[str], person: int, source: str) -> Iterator[Row]:
    group = heads.index(GROUP_COLUMN)
    for number, cells in enumerate(reader, 2):
        values = [cell.strip() for cell in cells]
        if not any(values):
            continue
        if len(values) != len(heads) or not values[person] or not values[group]:
            raise UnreadableDocument(
                f"this line has no {'person' if len(values) <= person or not values[person] else 'group'}"
                if len(values) <= len(heads)
                else f"this line has {len(values)} columns, the first one {len(heads)}",
                source=source,
                line=number,
            )
        yield Row(number, values[person], values[group])


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
    problems: list[str] = []
    for row in rows:
        try:
            slug = slugs.slugify(groups.check_name(row.group))
        except Refusal as refusal:
            raise UnreadableDocument(refusal.sentence, source=source, line=row.line) from None
        found = _matches(by_name, row.person)
        if len(found) == 1:
            members.setdefault(names.setdefault(slug, row.group), []).append(found[0])
        elif found:
            problems.append(f"line {row.line}: {quote_text(row.person)} may be {' or '.join(found)}")
        else:
            problems.append(f"line {row.line}: there is no {quote_text(row.person)}")
    if problems:
        more = f"; and {len(problems) - _MAX_NAMED:,} more" if len(problems) > _MAX_NAMED else ""
        raise UnreadableDocument("; ".join(problems[:_MAX_NAMED]) + more, source=source)

    listed = [Group(name=name, members=list(dict.fromkeys(added))) for name, added in members.items()]
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
