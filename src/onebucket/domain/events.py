"""The event types of the journal (audit log): every change, refused changes and failed sign-ins."""

from enum import Enum


class Event(Enum):
    """An event type; the value is its name in the journal and its API."""

    USER_ADDED = "user.added"
    USER_CHANGED = "user.changed"
    USER_DISABLED = "user.disabled"
    USER_ENABLED = "user.enabled"
    USER_DELETED = "user.deleted"
    SESSION_BEGAN = "session.began"
    SESSION_ENDED = "session.ended"
    SESSION_LINK_MADE = "session-link.made"
    IDENTITY_LINKED = "identity.linked"
    IDENTITY_UNLINKED = "identity.unlinked"
    PASSWORD_SET = "password.set"  # noqa: S105
    PASSWORD_RESET_ASKED = "password.reset-asked"  # noqa: S105
    EMAIL_ASKED = "email.asked"
    EMAIL_ADDED = "email.added"
    EMAIL_REMOVED = "email.removed"
    EMAIL_PRIMARY = "email.primary"
    TOKEN_ADDED = "token.added"  # noqa: S105
    TOKEN_REVOKED = "token.revoked"  # noqa: S105
    SSH_KEY_ADDED = "ssh-key.added"
    SSH_KEY_CHANGED = "ssh-key.changed"
    SSH_KEY_REMOVED = "ssh-key.removed"
    SECOND_FACTOR_ADDED = "second-factor.added"
    SECOND_FACTOR_CHANGED = "second-factor.changed"
    SECOND_FACTOR_REMOVED = "second-factor.removed"
    RECOVERY_CODES_MADE = "recovery-codes.made"
    RECOVERY_CODE_USED = "recovery-code.used"
    TEAM_ADDED = "team.added"
    TEAM_CHANGED = "team.changed"
    TEAM_DELETED = "team.deleted"
    GROUP_ADDED = "group.added"
    GROUP_CHANGED = "group.changed"
    GROUP_DELETED = "group.deleted"
    MEMBER_ADDED = "member.added"
    MEMBER_CHANGED = "member.changed"
    MEMBER_REMOVED = "member.removed"
    MEMBER_ENDED = "member.ended"
    PROJECT_ADDED = "project.added"
    PROJECT_CHANGED = "project.changed"
    PROJECT_DELETED = "project.deleted"
    PROJECT_GROUP_PRIVILEGE_SET = "project-group-privilege.set"
    PROJECT_GROUP_PRIVILEGE_REMOVED = "project-group-privilege.removed"
    PROJECT_GROUP_PRIVILEGE_ENDED = "project-group-privilege.ended"
    PROJECT_PRIVILEGE_SET = "project-privilege.set"
    PROJECT_PRIVILEGE_REMOVED = "project-privilege.removed"
    PROJECT_PRIVILEGE_ENDED = "project-privilege.ended"
    REPOSITORY_ADDED = "repository.added"
    REPOSITORY_CHANGED = "repository.changed"
    REPOSITORY_DELETED = "repository.deleted"
    GROUP_PRIVILEGE_SET = "group-privilege.set"
    GROUP_PRIVILEGE_REMOVED = "group-privilege.removed"
    GROUP_PRIVILEGE_ENDED = "group-privilege.ended"
    PRIVILEGE_SET = "privilege.set"
    PRIVILEGE_REMOVED = "privilege.removed"
    PRIVILEGE_ENDED = "privilege.ended"
    INVITATION_ADDED = "invitation.added"
    INVITATION_CHANGED = "invitation.changed"
    INVITATION_SENT = "invitation.sent"
    INVITATION_WITHDRAWN = "invitation.withdrawn"
    INVITATION_ENDED = "invitation.ended"
    INVITATION_ACCEPTED = "invitation.accepted"
    INVITATION_DECLINED = "invitation.declined"
    REQUEST_ADDED = "request.added"
    REQUEST_WITHDRAWN = "request.withdrawn"
    REQUEST_GRANTED = "request.granted"
    REQUEST_DENIED = "request.denied"
    REQUEST_ENDED = "request.ended"
    CONSUMER_ADDED = "consumer.added"
    CONSUMER_REVOKED = "consumer.revoked"
    AUTHORIZATION_GIVEN = "authorization.given"
    AUTHORIZATION_REVOKED = "authorization.revoked"
    ACCESS_TOKEN_ISSUED = "access-token.issued"  # noqa: S105
    DIRECTORY_ADDED = "directory.added"
    DIRECTORY_CHANGED = "directory.changed"
    DIRECTORY_REMOVED = "directory.removed"
    DIRECTORY_KEY_ADDED = "directory-key.added"
    DIRECTORY_KEY_REVOKED = "directory-key.revoked"
    DIRECTORY_PERSON_LINKED = "directory-person.linked"
    DIRECTORY_PERSON_CHANGED = "directory-person.changed"
    DIRECTORY_PERSON_UNLINKED = "directory-person.unlinked"
    DIRECTORY_GROUP_ADOPTED = "directory-group.adopted"
    MIRROR_SET = "mirror.set"
    MIRROR_REMOVED = "mirror.removed"
    MIRROR_INVITED = "mirror.invited"
    MIRROR_CONFIGURED = "mirror.configured"
    MIRROR_PAUSED = "mirror.paused"
    MIRROR_RESUMED = "mirror.resumed"
    MIRROR_STOPPED = "mirror.stopped"
    MIRROR_FORGOTTEN = "mirror.forgotten"
    DIRECTORY_STUCK = "directory.stuck"
    REVIEW_STARTED = "review.started"
    REVIEW_ANSWERED = "review.answered"
    REVIEW_REMINDED = "review.reminded"
    REVIEW_CLOSED = "review.closed"
    REVIEW_CANCELLED = "review.cancelled"
    WEBHOOK_ADDED = "webhook.added"
    WEBHOOK_CHANGED = "webhook.changed"
    WEBHOOK_REMOVED = "webhook.removed"
    WEBHOOK_ROTATED = "webhook.rotated"
    WEBHOOK_PINGED = "webhook.pinged"
    WEBHOOK_RESENT = "webhook.resent"
    WEBHOOK_SWITCHED_OFF = "webhook.switched-off"
    SITE_RESTORED = "site.restored"
    JOURNAL_STRUCK_OUT = "journal.struck-out"
    CHANGE_REFUSED = "change.refused"
    SIGN_IN_FAILED = "sign-in.failed"


# Events about sign-ins and credentials. Only the person and site administrators see them, not other administrators of
# the personal account.
OF_THE_PERSON_ALONE = frozenset({
    Event.SESSION_BEGAN, Event.SESSION_ENDED, Event.SESSION_LINK_MADE, Event.SIGN_IN_FAILED,
    Event.IDENTITY_LINKED, Event.IDENTITY_UNLINKED,
    Event.PASSWORD_SET, Event.PASSWORD_RESET_ASKED,
    Event.EMAIL_ASKED, Event.EMAIL_ADDED, Event.EMAIL_REMOVED, Event.EMAIL_PRIMARY,
    Event.TOKEN_ADDED, Event.TOKEN_REVOKED,
    Event.SSH_KEY_ADDED, Event.SSH_KEY_CHANGED, Event.SSH_KEY_REMOVED,
    Event.SECOND_FACTOR_ADDED, Event.SECOND_FACTOR_CHANGED, Event.SECOND_FACTOR_REMOVED,
    Event.RECOVERY_CODES_MADE, Event.RECOVERY_CODE_USED,
    Event.AUTHORIZATION_GIVEN, Event.AUTHORIZATION_REVOKED, Event.ACCESS_TOKEN_ISSUED,
})  # fmt: skip
