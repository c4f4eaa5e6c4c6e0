"""JSON shapes that surfaces share with each other and with the command line: access decisions and journal entries."""

from datetime import datetime
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from onebucket.actions.access_checks import AccessDecision, AccessQuery
from onebucket.domain import journal_text
from onebucket.domain.journal_entry import Entry
from onebucket.domain.privileges import Level, Reason
from onebucket.domain.refusals import Refusal


class AccessWay(Struct, frozen=True, omit_defaults=True):
    """One way in which a person has a level: as owner, with the account, directly, through a group, or publicly.

    `group` is `account/slug`, `project` is `account/KEY` where it was set on the project. `since` (UTC) and
    `granted_by` say when and by whom that way was opened, `directory` which directory keeps the group. `until` (UTC) is
    when that way ends, if it does.
    """

    level: str
    through: str
    group: str | None = None
    since: datetime | None = None
    granted_by: str | None = None
    project: str | None = None
    directory: str | None = None
    until: datetime | None = None


class Access(Struct, frozen=True):
    """What a person may do on a repository: the level, whether that is enough for what was asked, and why.

    `until` (UTC) is when the level becomes another one because something ends. Among several, a question that got no
    answer has `refused` in place of `revision`: why not.
    """

    user: str
    repository: str
    level: str | None
    allowed: bool
    because: list[AccessWay]
    revision: int | UnsetType = UNSET
    refused: str | UnsetType = UNSET
    until: datetime | UnsetType = UNSET


class EntryShape(Struct, frozen=True):
    """What happened to an account, or was attempted in vain: who did what to which subject, before and after.

    `number` counts an account's entries from 1; `hash` is made of all the others and the hash of the entry before.
    """

    number: int
    at: str
    account: str
    account_uuid: str
    actor: str
    actor_uuid: str | None
    credential: str
    address: str | None
    event: str
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    request_id: str
    hash: str


def access_decision(decision: AccessDecision, asked: Level) -> Access:
    """Shape an access decision; `asked` is the level asked for, `NONE` for any."""
    level = decision.level
    return Access(
        user=decision.person.username,
        repository=f"{decision.owner.username}/{decision.repository.slug}",
        level=_WORDS[level] if level else None,
        allowed=decision.allows(asked),
        because=[_way(reason) for reason in decision.ways],
        revision=decision.revision,
        until=decision.until or UNSET,
    )


def refused_decision(question: AccessQuery, refusal: Refusal) -> Access:
    """Shape a question that was refused, with the reason in `refused`."""
    repository = f"{question.account}/{question.repository}"
    return Access(question.user, repository, None, False, [], refused=refusal.sentence)


def entry_shape(entry: Entry) -> EntryShape:
    """Shape a journal entry."""
    return EntryShape(
        number=entry.number,
        at=journal_text.moment(entry.at),
        account=entry.account,
        account_uuid=f"{{{entry.account_id}}}",
        actor=entry.actor,
        actor_uuid=f"{{{entry.actor_id}}}" if entry.actor_id else None,
        credential=entry.credential,
        address=entry.address,
        event=entry.event.value,
        subject=entry.subject,
        before=entry.before,
        after=entry.after,
        request_id=entry.request_id,
        hash=entry.hash,
    )


def _way(reason: Reason) -> AccessWay:
    level, through, group, since, granted_by, project, directory, until = reason
    when = since and since.replace(microsecond=0)
    return AccessWay(_WORDS[level], through, group, when, granted_by, project, directory, until)


# A table, because a bulk check of 1,000 pairs looks up thousands of names.
_WORDS = {level: level.word for level in Level}
