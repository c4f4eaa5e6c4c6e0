"""Which events of the journal change who has access: none at all, or what people may do in every account."""

from typing import Any

from onebucket.domain.events import Event
from onebucket.domain.journal_entry import Entry

# Events of people's own journals, which change what they may do in every account.
OF_PEOPLE = frozenset({
    Event.USER_ADDED, Event.USER_CHANGED, Event.USER_DISABLED, Event.USER_ENABLED, Event.USER_DELETED,
})  # fmt: skip

# Events that change nobody's access by themselves. One that is in none of these tables is where what is known ends.
OF_NO_ACCESS = frozenset({
    Event.SESSION_BEGAN, Event.SESSION_ENDED, Event.SESSION_LINK_MADE, Event.IDENTITY_LINKED, Event.IDENTITY_UNLINKED,
    Event.PASSWORD_SET, Event.PASSWORD_RESET_ASKED,
    Event.EMAIL_ASKED, Event.EMAIL_ADDED, Event.EMAIL_REMOVED, Event.EMAIL_PRIMARY,
    Event.TOKEN_ADDED, Event.TOKEN_REVOKED,
    Event.SSH_KEY_ADDED, Event.SSH_KEY_CHANGED, Event.SSH_KEY_REMOVED,
    Event.SECOND_FACTOR_ADDED, Event.SECOND_FACTOR_CHANGED, Event.SECOND_FACTOR_REMOVED,
    Event.RECOVERY_CODES_MADE, Event.RECOVERY_CODE_USED,
    Event.TEAM_ADDED, Event.TEAM_CHANGED, Event.TEAM_DELETED,
    # Another end of a membership.
    Event.MEMBER_CHANGED,
    Event.INVITATION_ADDED, Event.INVITATION_CHANGED, Event.INVITATION_SENT, Event.INVITATION_WITHDRAWN,
    Event.INVITATION_ENDED, Event.INVITATION_ACCEPTED, Event.INVITATION_DECLINED,
    Event.REQUEST_ADDED, Event.REQUEST_WITHDRAWN, Event.REQUEST_GRANTED, Event.REQUEST_DENIED, Event.REQUEST_ENDED,
    Event.CONSUMER_ADDED, Event.CONSUMER_REVOKED,
    Event.AUTHORIZATION_GIVEN, Event.AUTHORIZATION_REVOKED, Event.ACCESS_TOKEN_ISSUED,
    Event.DIRECTORY_ADDED, Event.DIRECTORY_CHANGED, Event.DIRECTORY_REMOVED,
    Event.DIRECTORY_KEY_ADDED, Event.DIRECTORY_KEY_REVOKED,
    Event.DIRECTORY_PERSON_LINKED, Event.DIRECTORY_PERSON_CHANGED, Event.DIRECTORY_PERSON_UNLINKED,
    Event.DIRECTORY_GROUP_ADOPTED, Event.DIRECTORY_STUCK,
    Event.MIRROR_SET, Event.MIRROR_REMOVED, Event.MIRROR_INVITED, Event.MIRROR_CONFIGURED,
    Event.MIRROR_PAUSED, Event.MIRROR_RESUMED, Event.MIRROR_STOPPED, Event.MIRROR_FORGOTTEN,
    # What a review ends has entries of its own.
    Event.REVIEW_STARTED, Event.REVIEW_ANSWERED, Event.REVIEW_REMINDED, Event.REVIEW_CLOSED, Event.REVIEW_CANCELLED,
    Event.WEBHOOK_ADDED, Event.WEBHOOK_CHANGED, Event.WEBHOOK_REMOVED, Event.WEBHOOK_ROTATED,
    Event.WEBHOOK_PINGED, Event.WEBHOOK_RESENT, Event.WEBHOOK_SWITCHED_OFF,
    Event.JOURNAL_STRUCK_OUT, Event.CHANGE_REFUSED, Event.SIGN_IN_FAILED,
})  # fmt: skip


def people_in(entry: Entry) -> tuple[list[str], list[str]]:
    """Return the ids and the usernames of the people whom an entry names, if they can be told."""
    ids = [entry.account_id] if entry.event in OF_PEOPLE else []
    names: list[str] = []
    for facts in (entry.before, entry.after):
        if facts:
            kept = facts.get("kept")
            disabled = kept.get("disabled") if isinstance(kept, dict) else None
            ids += _texts([facts.get("id")])
            for value in (facts.get("users"), facts.get("members"), disabled, [facts.get("user")]):
                names += _texts(value)
    return ids, names


def _texts(values: Any) -> list[str]:
    return [each for each in values if isinstance(each, str)] if isinstance(values, list | dict) else []
