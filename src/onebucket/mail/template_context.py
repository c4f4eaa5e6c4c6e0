"""The words that templates of letters are given: plain texts, in which no name can pretend to be something else."""

import re
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from onebucket.actions.outbox import OutgoingMail
from onebucket.domain.accounts import Account
from onebucket.domain.events import Event
from onebucket.domain.invitations import Invitation
from onebucket.domain.letters import NOTICES, MailKind, OutboxMail
from onebucket.domain.privileges import Level
from onebucket.domain.repositories import Repository
from onebucket.store.journal_rows import Entry

TemplateContext = dict[str, str | list[str]]

# Where the link of each kind leads: a secret follows, or nothing where it is a notice.
PATHS = {
    MailKind.INVITATION: "invitations/{secret}",
    MailKind.CONFIRM_EMAIL: "emails/{secret}",
    MailKind.RESET_PASSWORD: "passwords/{secret}",
    MailKind.ADDRESS_ADDED: "me",
    MailKind.ADDRESS_PRIMARY: "me",
    MailKind.ADDRESS_REMOVED: "me",
    MailKind.PASSWORD_SET: "me",
    MailKind.APP_PASSWORD_MADE: "me/tokens",
    MailKind.PROGRAM_ALLOWED: "me/tokens",
    MailKind.PROGRAM_MADE: "accounts/{account}/consumers",
}


def context_of(parcel: OutgoingMail, base_url: str, *, is_open: bool = False) -> TemplateContext:
    """What a letter's templates may say: the same names for every letter of a kind, and nothing else.

    A letter to an address that nobody has confirmed says nothing that somebody chose. An invitation names who invites;
    where anybody may make an account (`is_open`), by usernames and slugs alone, which are no sentences.
    """
    owner, invitation = parcel.owner, parcel.invitation
    path = PATHS[parcel.letter.kind].format(secret=parcel.secret, account=owner.username)
    words: TemplateContext = {
        "site": host(base_url),
        "base_url": base_url,
        "email": parcel.letter.email,
        "link": f"{base_url}/{path}",
    }
    names: TemplateContext = {"account": _name(owner.username), "account_name": _name(owner.display_name)}
    if parcel.entry is not None:
        return words | names | _of_entry(parcel.entry)
    words["until"] = _moment(parcel.until)
    if parcel.letter.kind is MailKind.CONFIRM_EMAIL:
        return words
    if invitation is None:
        return words | names
    repository, inviter = invitation.repository, invitation.invited_by
    return words | {
        "account": _name(owner.username),
        "account_name": _name(owner.username if is_open else owner.display_name),
        "inviter": _name(inviter.username),
        "inviter_name": _name(inviter.username if is_open else inviter.display_name),
        "groups": [_name(each) for each in (invitation.groups if is_open else parcel.group_names)],
        "repository": _name(repository.slug) if repository else "",
        "repository_name": _name(repository.slug if is_open else repository.name) if repository else "",
        "permission": invitation.permission.word if invitation.permission else "",
    }


def _of_entry(entry: Entry) -> TemplateContext:
    facts = (entry.after or {}) | (entry.before or {} if entry.event is Event.EMAIL_REMOVED else {})
    named = entry.subject if entry.event in (Event.AUTHORIZATION_GIVEN, Event.CONSUMER_ADDED) else ""
    return {
        "at": _moment(entry.at),
        "by": _name(entry.actor),
        "network": _name(entry.address or ""),
        "what": _name(named or facts.get("email") or facts.get("label") or ""),
    }


def host(base_url: str) -> str:
    """The host of an address; for an address without one, `localhost`."""
    return urlsplit(base_url).hostname or "localhost"


def sample_contexts() -> list[OutgoingMail]:
    """One letter of every kind, and of every thing to be invited to, with made-up words."""
    at = datetime(2030, 1, 31, 12, 0, tzinfo=UTC)
    until = at + timedelta(days=7)
    alice = Account("a", "alice", "Alice Liddell", None, None, False, True, False)
    acme = Account("b", "acme", "Acme & Sons", None, None, True, True, False)
    rocket = Repository("b", "r", "rocket", "Rocket", True, "")

    def parcel(
        kind: MailKind, owner: Account, invitation: Invitation | None = None, names: tuple[str, ...] = ()
    ) -> OutgoingMail:
        letter = OutboxMail(owner.id, "letter", kind, "about", "link", "carol@example.net", at, at)
        return OutgoingMail(letter, "secret", owner, until, invitation, names)

    def invitation(to: Repository | None, permission: Level | None, slugs: tuple[str, ...] = ()) -> Invitation:
        return Invitation("b", "i", "carol@example.net", alice, at, until, slugs, to, permission)

    def entry(event: Event) -> Entry:
        facts = {"email": "carol@example.org", "label": "backup script"}
        done = ("a", "alice", "session:1", "192.0.2.7", event, "Builder", facts, facts)
        return Entry("a", 1, "alice", at, *done, "request", "hash")

    return [
        parcel(MailKind.INVITATION, acme, invitation(None, None, ("designers",)), ("Designers",)),
        parcel(
            MailKind.INVITATION, acme, invitation(None, None, ("designers", "developers")), ("Designers", "Developers")
        ),
        parcel(MailKind.INVITATION, acme, invitation(rocket, Level.WRITE)),
        parcel(MailKind.CONFIRM_EMAIL, alice),
        parcel(MailKind.RESET_PASSWORD, alice),
        *(replace(parcel(kind, alice), secret="", entry=entry(event)) for event, kind in NOTICES.items()),
    ]


# What mail programs would make a link of by themselves: the dot of a host, an address, a scheme.
_LINKLIKE = re.compile(r"(?<=\w)[.@](?=\w{2})|:(?=//)")
_OVERRIDES = re.compile("[\u202a-\u202e\u2066-\u2069]")


def _name(name: str) -> str:
    """A name that somebody chose, as it may stand in a letter: no link, and its direction ends where it ends.

    >>> _name("Alice Liddell"), _name("see evil.example")
    ('Alice Liddell', 'see evil.\u2060example')
    """
    shown = _LINKLIKE.sub("\\g<0>\u2060", _OVERRIDES.sub("", name))
    turns = any(unicodedata.bidirectional(character) in ("R", "AL", "AN") for character in shown)
    return f"\u2068{shown}\u2069" if turns else shown


def _moment(at: datetime) -> str:
    """A moment as people read it, in English whatever the machine speaks.

    >>> _moment(datetime(2030, 1, 31, 9, 5, tzinfo=UTC))
    'Thursday 31 January 2030, 09:05 UTC'
    """
    utc = at.astimezone(UTC)
    return f"{_DAYS[utc.weekday()]} {utc.day} {_MONTHS[utc.month - 1]} {utc.year}, {utc:%H:%M} UTC"


_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
           "December")  # fmt: skip
