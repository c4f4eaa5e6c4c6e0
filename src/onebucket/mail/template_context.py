"""The variables of mail templates: plain text, in which a name can't pass as a link or change the text direction."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from onebucket.actions.end_letters import EndingAccess
from onebucket.actions.outbox import OutgoingMail
from onebucket.domain.accounts import Account
from onebucket.domain.ends import ON_PROJECTS, EndKind
from onebucket.domain.events import Event
from onebucket.domain.invitations import Invitation
from onebucket.domain.journal_entry import Entry
from onebucket.domain.letters import NOTICES, OF_REVIEWS, REVOKED_BY_OTHERS, MailKind, OutboxMail
from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectLevel
from onebucket.domain.repositories import Repository
from onebucket.domain.reviews import RowState
from onebucket.store.end_rows import AccessEnd

TemplateContext = dict[str, str | list[str]]

# Path of the link in each kind of mail, below `base_url`; a notice has no secret in it.
PATHS = {
    MailKind.INVITATION: "invitations/{secret}",
    MailKind.CONFIRM_EMAIL: "emails/{secret}",
    MailKind.RESET_PASSWORD: "passwords/{secret}",
    MailKind.ADDRESS_ADDED: "me",
    MailKind.ADDRESS_PRIMARY: "me",
    MailKind.ADDRESS_REMOVED: "me",
    MailKind.PASSWORD_SET: "me",
    MailKind.APP_PASSWORD_MADE: "me/tokens",
    MailKind.APP_PASSWORD_REVOKED: "me/tokens",
    MailKind.SSH_KEY_ADDED: "me/ssh-keys",
    MailKind.SECOND_FACTOR_ADDED: "me/security",
    MailKind.SECOND_FACTOR_REMOVED: "me/security",
    MailKind.RECOVERY_CODES_MADE: "me/security",
    MailKind.RECOVERY_CODE_USED: "me/security",
    MailKind.IDENTITY_LINKED: "me",
    MailKind.PROGRAM_ALLOWED: "me/tokens",
    MailKind.PROGRAM_REVOKED: "me/tokens",
    MailKind.PROGRAM_MADE: "accounts/{account}/consumers",
    MailKind.MIRROR_STOPPED: "accounts/{account}/mirrors",
    MailKind.DIRECTORY_STUCK: "accounts/{account}/directories",
    MailKind.ACCESS_ENDS: "accounts/{account}/ends",
    MailKind.REQUEST_ADDED: "accounts/{account}/requests",
    MailKind.REQUEST_GRANTED: "me/requests",
    MailKind.REQUEST_DENIED: "me/requests",
    **dict.fromkeys(OF_REVIEWS.values(), "accounts/{account}/reviews/{review}"),
    MailKind.WEBHOOK_SWITCHED_OFF: "accounts/{account}/webhooks",
}


def context_of(mail: OutgoingMail, base_url: str, *, is_open: bool = False) -> TemplateContext:
    """Return the template variables of a mail; mails of one kind always have the same ones.

    A mail to an unconfirmed address contains no text that a user chose, so that nobody can send spam through it. An
    invitation names the inviter; if anybody can sign up (`is_open`), only by usernames and slugs, which can't hold
    sentences.
    """
    owner, invitation = mail.owner, mail.invitation
    review = (mail.entry.after or {}).get("review", "") if mail.entry else ""
    path = PATHS[mail.letter.kind].format(secret=mail.secret, account=owner.username, review=review)
    context: TemplateContext = {
        "site": host(base_url),
        "base_url": base_url,
        "email": mail.letter.email,
        "link": f"{base_url}/{path}",
    }
    names: TemplateContext = {"account": _safe_name(owner.username), "account_name": _safe_name(owner.display_name)}
    if mail.entry is not None:
        if mail.entry.event in _ABOUT_REQUESTS:
            names |= _request_context(mail.entry, is_open=is_open)
        if mail.entry.event in OF_REVIEWS:
            return context | names | _review_context(mail.entry, is_open=is_open)
        return context | names | _notice_context(mail.entry)
    if mail.ending is not None:
        return context | names | _ending_context(mail.ending)
    context["until"] = _format_time(mail.until)
    if mail.letter.kind is MailKind.CONFIRM_EMAIL:
        return context
    if invitation is None:
        return context | names
    return context | _invitation_context(mail, invitation, is_open=is_open)


def _invitation_context(mail: OutgoingMail, invitation: Invitation, *, is_open: bool) -> TemplateContext:
    repository, inviter = invitation.repository, invitation.invited_by
    owner = mail.owner
    return {
        "account": _safe_name(owner.username),
        "account_name": _safe_name(owner.username if is_open else owner.display_name),
        "inviter": _safe_name(inviter.username),
        "inviter_name": _safe_name(inviter.username if is_open else inviter.display_name),
        "groups": [_safe_name(group) for group in (invitation.groups if is_open else mail.group_names)],
        "repository": _safe_name(repository.slug) if repository else "",
        "repository_name": _safe_name(repository.slug if is_open else repository.name) if repository else "",
        "permission": invitation.permission.word if invitation.permission else "",
        "repositories": [
            f"{_safe_name(each.repository.slug)} ({each.permission.word})"
            for each in (invitation, *mail.others)
            if each.repository and each.permission
        ],
        "ends": _format_time(invitation.until) if invitation.until else "",
    }


# Events whose subject is an OAuth app.
_OF_APPS = (Event.AUTHORIZATION_GIVEN, Event.AUTHORIZATION_REVOKED, Event.CONSUMER_ADDED)
_ABOUT_REQUESTS = (Event.REQUEST_ADDED, Event.REQUEST_GRANTED, Event.REQUEST_DENIED)


def _request_context(entry: Entry, *, is_open: bool) -> TemplateContext:
    """Return why somebody asks or denies; what anybody may have written is left out if everybody can sign up."""
    facts = entry.after or {}
    if entry.event is Event.REQUEST_ADDED:
        return {"why": "" if is_open else _safe_name(facts["reason"])}
    return {"why": _safe_name(facts.get("answer") or "")}


def _notice_context(entry: Entry) -> TemplateContext:
    is_removal = entry.event in (Event.EMAIL_REMOVED, Event.SECOND_FACTOR_REMOVED, Event.TOKEN_REVOKED)
    facts = (entry.after or {}) | (entry.before or {} if is_removal else {})
    subject = entry.subject if entry.event in _OF_APPS else ""
    if entry.event is Event.SSH_KEY_ADDED:
        subject = f"{facts['label']} ({facts['fingerprint']})" if facts["label"] else facts["fingerprint"]
    if entry.event in (Event.MIRROR_STOPPED, Event.DIRECTORY_STUCK, Event.WEBHOOK_SWITCHED_OFF):
        subject = f"{entry.subject}: {facts['reason']}"
    elif entry.event in (Event.SECOND_FACTOR_ADDED, Event.SECOND_FACTOR_REMOVED):
        subject = f"{facts['label']} ({facts['kind']})"
    elif entry.event is Event.RECOVERY_CODE_USED:
        subject = str(facts["left"])
    elif entry.event is Event.IDENTITY_LINKED:
        subject = f"{facts['identity']} ({facts['provider']})"
    elif entry.event in _ABOUT_REQUESTS:
        until = f" until {facts['until']}" if facts.get("until") else ""
        subject = f"{facts['permission']} on {entry.account}/{entry.subject}{until}"
    return {
        "at": _format_time(entry.at),
        "by": _safe_name(entry.actor),
        "network": _safe_name(entry.address or ""),
        "what": _safe_name(subject or facts.get("email") or facts.get("label") or ""),
    }


# At most so many lines of a list are in a letter; the page that it links to has all.
_MOST_LINES = 20


def _ending_context(ending: EndingAccess) -> TemplateContext:
    """Return the day, and a line for each end on it: the reader's own, and what others have."""
    [first, *_] = (*ending.own, *ending.given)
    day = first.until.astimezone(UTC)
    return {
        "day": f"{_DAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]} {day.year}",
        "own": _lines([f"{_held(end)}, until {end.until:%H:%M} UTC" for end in ending.own]),
        "given": _lines([f"{_holder(end)}: {_held(end)}, until {end.until:%H:%M} UTC" for end in ending.given]),
        "ask": [_safe_name(person.username) for person in ending.ask],
    }


def _lines(lines: list[str]) -> list[str]:
    rest = len(lines) - _MOST_LINES
    return lines if rest <= 0 else [*lines[:_MOST_LINES], f"and {rest} more"]


def _holder(end: AccessEnd) -> str:
    return f"the group {_safe_name(end.holder)}" if end.group else _safe_name(end.holder)


def _held(end: AccessEnd) -> str:
    place = _safe_name(end.place)
    if end.kind is EndKind.MEMBERSHIP:
        return f"member of the group {place}"
    on_project = end.kind in ON_PROJECTS
    level = (ProjectLevel if on_project else Level)(end.level or 0)
    return f"{level.word if level else 'no access'} on the {'project' if on_project else 'repository'} {place}"


def _review_context(entry: Entry, *, is_open: bool) -> TemplateContext:
    """Return the variables of a letter about an access review; its title is somebody's text, as a display name is."""
    facts = entry.after or {}
    numbers = [f"{facts[state.value]:,} {state.value}" for state in RowState if facts.get(state.value)]
    return {
        "at": _format_time(entry.at),
        "by": _safe_name(entry.actor),
        "network": _safe_name(entry.address or ""),
        "what": "" if is_open else _safe_name(entry.subject),
        "until": _format_time(datetime.fromisoformat(facts["until"])) if "until" in facts else "",
        "result": ", ".join(numbers) or "nothing to answer",
    }


def host(base_url: str) -> str:
    """Return the host of a URL, or `localhost` if it has none."""
    return urlsplit(base_url).hostname or "localhost"


_SAMPLE_FACTS = {
    "email": "carol@example.org",
    "label": "backup script",
    "fingerprint": f"SHA256:{'x' * 43}",
    "kind": "authenticator app",
    "left": "9",
    "identity": "carol@example.org",
    "provider": "okta",
}
_SAMPLE_REQUEST = {"permission": "write", "reason": "I build the release", "answer": "ask again after the release"}
_SAMPLE_REVIEW = {"review": "0b6f1c1e-6d0e-4a55-9d3a-3a5f1f2b7c10", "until": "2030-02-07T12:00:00Z"}
_SAMPLE_FACTS_OF: Mapping[Event, dict[str, str]] = {
    Event.MIRROR_STOPPED: {"reason": "the credential is refused; GET /2.0/user answers 401"},
    Event.DIRECTORY_STUCK: {"reason": "can't disable alice: the team would be left without an administrator"},
    Event.WEBHOOK_SWITCHED_OFF: {"reason": "for 3 days, nothing was delivered: it answers 503"},
    **dict.fromkeys(_ABOUT_REQUESTS, _SAMPLE_REQUEST),
    **dict.fromkeys(OF_REVIEWS, _SAMPLE_REVIEW),
}  # fmt: skip


def sample_contexts() -> list[OutgoingMail]:
    """Return a sample mail of each kind, and invitations to a group and a repository, and to several."""
    at = datetime(2030, 1, 31, 12, 0, tzinfo=UTC)
    until = at + timedelta(days=7)
    alice = Account("a", "alice", "Alice Liddell", None, None, False, True, False)
    acme = Account("b", "acme", "Acme & Sons", None, None, True, True, False)
    rocket, website = (Repository("b", name[0], name, name.title(), "p") for name in ("rocket", "website"))

    def parcel(
        kind: MailKind, owner: Account, invitation: Invitation | None = None, names: tuple[str, ...] = ()
    ) -> OutgoingMail:
        letter = OutboxMail(owner.id, "letter", kind, "about", "link", "carol@example.net", at, at)
        return OutgoingMail(letter, "secret", owner, until, invitation, names)

    def invitation(to: Repository | None, permission: Level | None, slugs: tuple[str, ...] = ()) -> Invitation:
        return Invitation("b", "i", "carol@example.net", alice, at, until, slugs, to, permission)

    return [
        parcel(MailKind.INVITATION, acme, invitation(None, None, ("designers",)), ("Designers",)),
        parcel(
            MailKind.INVITATION, acme, invitation(None, None, ("designers", "developers")), ("Designers", "Developers")
        ),
        parcel(MailKind.INVITATION, acme, invitation(rocket, Level.WRITE)),
        replace(
            parcel(MailKind.INVITATION, acme, replace(invitation(rocket, Level.READ), until=until)),
            others=(invitation(website, Level.READ),),
        ),
        parcel(MailKind.CONFIRM_EMAIL, alice),
        parcel(MailKind.RESET_PASSWORD, alice),
        *(
            replace(parcel(kind, alice), secret="", entry=_sample_entry(event, at))
            for event, kind in {**NOTICES, **REVOKED_BY_OTHERS, **OF_REVIEWS}.items()
        ),
        replace(parcel(MailKind.ACCESS_ENDS, acme), secret="", ending=_sample_ending(alice, until)),
    ]


def _sample_entry(event: Event, at: datetime) -> Entry:
    facts = _SAMPLE_FACTS_OF.get(event, _SAMPLE_FACTS)
    done = ("a", "alice", "session:1", "192.0.2.7", event, "Builder", facts, facts)
    return Entry("a", 1, "alice", at, *done, "request", "hash")


def _sample_ending(alice: Account, until: datetime) -> EndingAccess:
    at = round(until.timestamp() * 1_000_000)
    own = AccessEnd(EndKind.PRIVILEGE, "b", "r", "rocket", None, "c", "carol", 1, at, "a", "alice")
    given = AccessEnd(EndKind.MEMBERSHIP, "b", "g", "designers", None, "d", "dora", None, at, "c", "carol")
    return EndingAccess([own], [given], [alice])


# Characters that make mail programs turn text into a link: in a host name, an address, a scheme.
_LINKLIKE = re.compile(r"(?<=\w)[.@](?=\w{2})|:(?=//)")
_OVERRIDES = re.compile("[\u202a-\u202e\u2066-\u2069]")


def _safe_name(name: str) -> str:
    """Make a name that a user chose safe for a mail: break up links, and isolate right-to-left text.

    >>> _safe_name("Alice Liddell"), _safe_name("see evil.example")
    ('Alice Liddell', 'see evil.\u2060example')
    """
    shown = _LINKLIKE.sub("\\g<0>\u2060", _OVERRIDES.sub("", name))
    is_right_to_left = any(unicodedata.bidirectional(character) in ("R", "AL", "AN") for character in shown)
    return f"\u2068{shown}\u2069" if is_right_to_left else shown


def _format_time(at: datetime) -> str:
    """Format a time in English, independent of the machine's locale.

    >>> _format_time(datetime(2030, 1, 31, 9, 5, tzinfo=UTC))
    'Thursday 31 January 2030, 09:05 UTC'
    """
    utc = at.astimezone(UTC)
    return f"{_DAYS[utc.weekday()]} {utc.day} {_MONTHS[utc.month - 1]} {utc.year}, {utc:%H:%M} UTC"


_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
           "December")  # fmt: skip
