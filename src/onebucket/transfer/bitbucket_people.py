"""Matches the people of a Bitbucket workspace with those who are here, and names those who are new."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from msgspec import UNSET

from onebucket import slugs
from onebucket.actions.accounts import Person
from onebucket.domain import accounts
from onebucket.domain.accounts import bare_uuid, email_key, username_key
from onebucket.domain.refusals import Refusal
from onebucket.remote import bitbucket_objects
from onebucket.transfer.csv_table import read_csv
from onebucket.transfer.model import NOWHERE, User
from onebucket.transfer.source_tree import UnreadableDocument

# The longest username, less room for a suffix that tells two people apart.
_NAME_LENGTH = 56


@dataclass(slots=True)
class KnownPeople:
    """The people who are here, by what a workspace may know of them, and every username that is taken."""

    by_id: dict[str, Person] = field(default_factory=dict)
    by_account_id: dict[str, Person] = field(default_factory=dict)
    by_email: dict[str, Person] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)


def known(people: Iterable[Person], usernames: Iterable[str]) -> KnownPeople:
    """Index the people who are here; `usernames` are those of people and teams."""
    found = KnownPeople(taken={username_key(name) for name in usernames})
    for person in people:
        found.by_id[person.account.id] = person
        if person.account.aaid:
            found.by_account_id[person.account.aaid] = person
        for email in person.emails:
            if not email.address.endswith(NOWHERE):
                found.by_email[email.key] = person
    return found


class PeopleOfWorkspace:
    """Gives each person of a workspace a username here: the one they have, or a new one made from their nickname.

    `emails` are addresses by account_id, of people whose address the API doesn't tell. `notes` says what was decided
    that a reader may not expect.
    """

    def __init__(self, here: KnownPeople, emails: Mapping[str, str]) -> None:
        self._here = here
        self._emails = emails
        self._users: dict[str, User] = {}
        self._email_holders: dict[str, str] = {}
        self.notes: list[str] = []

    @property
    def users(self) -> list[User]:
        """The people named so far, as a document has them."""
        return list(self._users.values())

    def find(self, uuid: str) -> User | None:
        """Return the person with this UUID there, if they were named."""
        return self._users.get(bare_uuid(uuid) or "")

    def username(self, person: bitbucket_objects.Person) -> str:
        """Return a person's username here. Raises UnreadableDocument for what can't be a person."""
        id = bare_uuid(person.uuid)
        if id is None:
            raise UnreadableDocument(f"{person.display_name or person.nickname} has the UUID {person.uuid!r}")
        if id not in self._users:
            self._users[id] = self._user(id, person)
        return self._users[id].username

    def add_all(self, people: Iterable[bitbucket_objects.Person]) -> None:
        """Name people in an order that doesn't depend on that of the API, so that names are the same each time."""
        for person in sorted(people, key=lambda each: each.uuid):
            self.username(person)

    def _user(self, id: str, person: bitbucket_objects.Person) -> User:
        account_id = person.account_id.lower() if person.account_id else None
        email = self._email(id, person)
        match = self._here.by_id.get(id) or (self._here.by_account_id.get(account_id) if account_id else None)
        if match is None and email and email_key(email) in self._here.by_email:
            match = self._here.by_email[email_key(email)]
            self.notes.append(f"{person.display_name} is {match.account.username} here, by the address {email}")
        if match is not None:
            # Their names here stay: somebody may have changed them since.
            return User(username=match.account.username, email=email or UNSET)

        name = self._new_name(person)
        return User(
            username=name,
            uuid=person.uuid,
            account_id=account_id or UNSET,
            email=email or name + NOWHERE,
            display_name=person.display_name or UNSET,
            nickname=person.nickname or UNSET,
        )

    def _email(self, id: str, person: bitbucket_objects.Person) -> str | None:
        email = person.email or self._emails.get((person.account_id or "").lower())
        if not email or email.endswith(NOWHERE):
            return None
        holder = self._email_holders.setdefault(email_key(email), id)
        if holder != id:
            self.notes.append(f"{person.display_name} has the address {email} of somebody else, and gets none here")
            return None
        return email

    def _new_name(self, person: bitbucket_objects.Person) -> str:
        base = _username(person.username) or _username(person.nickname) or _username(person.display_name) or "user"
        name, number = base, 1
        while username_key(name) in self._here.taken:
            number += 1
            name = f"{base}-{number}"
        self._here.taken.add(username_key(name))
        if number > 1:
            self.notes.append(f"{person.display_name} becomes {name}, because there is a {base} already")
        return name


def _username(name: str) -> str:
    """Return the name as a username, empty if nothing of it can be one."""
    try:
        return accounts.check_username(name)
    except Refusal:
        pass
    try:
        return accounts.check_username(slugs.slugify(name)[:_NAME_LENGTH].strip("-"))
    except Refusal:
        return ""


def read_emails(path: Path) -> dict[str, str]:
    """Read a CSV file of account_id and email into addresses by account_id. Raises UnreadableDocument."""
    table, source = read_csv(path), str(path)
    heads = table[0][1] if table else []
    if not {"account_id", "email"} <= set(heads):
        raise UnreadableDocument("the first line names the columns: account_id,email", source=source, line=1)
    emails: dict[str, str] = {}
    for line, cells in table[1:]:
        row = dict(zip(heads, cells, strict=False))
        account_id, email = row.get("account_id", "").lower(), row.get("email", "")
        try:
            email_key(email)
        except Refusal as refusal:
            raise UnreadableDocument(refusal.sentence, source=source, line=line) from None
        if emails.setdefault(account_id, email) != email:
            raise UnreadableDocument(f"{account_id} has two addresses", source=source, line=line)
    return emails
