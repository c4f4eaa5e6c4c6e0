"""Texts for journal entries and for reasons of access, shared by the pages, the command line and change reports."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from onebucket.domain.events import Event
from onebucket.domain.journal_entry import Entry
from onebucket.domain.privileges import Reason, Through
from onebucket.safe_text import quote_text

Facts = Mapping[str, Any]

# Items of a list in words; the journal has them all.
_MOST_SHOWN = 50


def describe_way(reason: Reason) -> str:
    """Explain why a person has a level, without the date.

    >>> from onebucket.domain.privileges import Level
    >>> describe_way(Reason(Level.READ, through=Through.GROUP, group="acme/designers"))
    'through the group acme/designers'
    """
    group = reason.group if reason.directory is None else f"{reason.group}, kept by the directory {reason.directory},"
    sentences: Mapping[Through, str] = {
        Through.OWNER: "because the account is their own",
        Through.ACCOUNT: f"because members of {group} administer the account"
        if reason.group
        else "because site administrators administer every account",
        Through.DIRECT: "given to them directly",
        Through.GROUP: f"through the group {group}".removesuffix(","),
        Through.PROJECT: f"given to them on the project {reason.project}",
        Through.PROJECT_GROUP: f"through the group {group} on the project {reason.project}",
        Through.PUBLIC: "because the repository is public",
    }
    return sentences[reason.through]


def describe_change(before: Facts | None, after: Facts | None) -> list[str]:
    """List the differences (`permission: read → write`); with only one of both, its facts (`permission=read`)."""
    if before is not None and after is not None:
        return [f"{key}: {was} → {now}" for key, was, now in changed_facts(before, after)]
    facts = before if after is None else after
    shown = {key: value for key, value in (facts or {}).items() if value not in (None, False, [], {}, "")}
    return [f"{key}={event_word(value)}" for key, value in shown.items() if key not in ("id", "uuid", "slug")]


def changed_facts(before: Facts, after: Facts) -> Iterator[tuple[str, str, str]]:
    """Yield the name of each fact that differs, with its old and its new value as words.

    >>> list(changed_facts({"permission": "read", "auto_add": True}, {"permission": None, "auto_add": True}))
    [('permission', 'read', 'nothing')]
    """
    for key in {**before, **after}:
        if before.get(key) != after.get(key):
            yield key, event_word(before.get(key)), event_word(after.get(key))


def event_word(value: object) -> str:
    """Format a value for people.

    >>> event_word(None), event_word([]), event_word(True), event_word(["a", "b"])
    ('nothing', 'nothing', 'true', '[a, b]')
    """
    if value in (None, [], {}, ""):
        return "nothing"
    if isinstance(value, list | dict):
        more = f", and {len(value) - _MOST_SHOWN:,} more" if len(value) > _MOST_SHOWN else ""
        return f"[{', '.join(str(item) for item in [*value][:_MOST_SHOWN])}{more}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def moment(at: datetime) -> str:
    """Write a time as programs read it with a journal entry, in UTC.

    >>> from datetime import UTC
    >>> moment(datetime(2026, 3, 4, 9, 15, 9, 120, tzinfo=UTC))
    '2026-03-04T09:15:09.000120Z'
    """
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def describe_entry(entry: Entry) -> str:
    """Describe an entry in words that follow the actor's name: "added bob to the group designers"."""
    before, after = entry.before, entry.after
    facts = _TemplateFacts({**(before or {}), **(after or {}), "account": entry.account, "subject": entry.subject})
    sentence = _SENTENCES[entry.event](facts, before, after)
    if entry.event in _WITH_CHANGES and (before or after):
        return f"{sentence}: {'; '.join(describe_change(before, after))}"
    return sentence


def _level(facts: Facts | None) -> str:
    level = (facts or {}).get("privilege")
    return "no access" if level in (None, "none") else event_word(level)


_Describe = Callable[[Facts, Facts | None, Facts | None], str]


def _template(template: str) -> _Describe:
    return lambda facts, before, after: template.format_map(facts)


class _TemplateFacts(dict[str, Any]):
    """Facts for a template; missing ones become "somebody" or "something"."""

    def __missing__(self, name: str) -> str:
        return "somebody" if name in ("member", "user") else "something"


def _until(facts: Facts | None) -> str:
    end = (facts or {}).get("until")
    return f" until {event_word(end)}" if end else ""


def _with_end(template: str) -> _Describe:
    """Say what was given or changed, and until when."""
    return lambda facts, before, after: template.format_map(facts) + _until(after)


def _ended(template: str) -> _Describe:
    """Say what ended, and who had given it."""

    def describe(facts: Facts, before: Facts | None, after: Facts | None) -> str:
        giver = facts.get("granted_by")
        return template.format_map(facts) + (f", given by {event_word(giver)}{_until(before)}" if giver else "")

    return describe


def _member_changed(facts: Facts, before: Facts | None, after: Facts | None) -> str:
    end = (after or {}).get("until")
    deed = f"until {event_word(end)}" if end else "for good"
    return f"let {event_word(facts.get('member'))} stay in the group {facts['subject']} {deed}"


def _invitation_ended(facts: Facts, before: Facts | None, after: Facts | None) -> str:
    if after is None:
        return f"ended the invitation of {facts['subject']}: what it gave would have ended"
    return f"ended the invitation of {facts['subject']} by a change for {event_word(after.get('user'))}"


def _group_privilege(facts: Facts, before: Facts | None, after: Facts | None) -> str:
    was = f", which had {_level(before)}" if before else ""
    given = f"{_level(after)} on {facts['subject']}{_until(after)}"
    return f"gave the group {event_word(facts.get('group'))} {given}{was}"


def _privilege(facts: Facts, before: Facts | None, after: Facts | None) -> str:
    was = f" (was {_level(before)})" if before else ""
    return f"gave {event_word(facts.get('user'))} {_level(after)} on {facts['subject']}{_until(after)}{was}"


def _on_project(describe: _Describe) -> _Describe:
    def described(facts: Facts, before: Facts | None, after: Facts | None) -> str:
        return describe({**facts, "subject": f"the project {facts['subject']}"}, before, after)

    return described


def _mirrored(template: str) -> _Describe:
    """Say what a mirror did for a person, or for a group, on a repository or on a project."""

    def describe(facts: Facts, before: Facts | None, after: Facts | None) -> str:
        named = _TemplateFacts(facts)
        if "group" in facts:
            named["user"] = f"the group {event_word(facts['group'])}"
        if "project" in facts:
            named["subject"] = f"the project {event_word(facts['project'])}"
        return template.format_map(named)

    return describe


def _invitation(facts: Facts, before: Facts | None, after: Facts | None) -> str:
    groups, repository = facts.get("groups"), facts.get("repository")
    where = (
        f"the repository {event_word(repository)}" if repository else ", ".join(map(str, groups or ())) or "no group"
    )
    return f"invited {facts['subject']} to {where}{_until(after)}"


def _review_started(facts: Facts, before: Facts | None, after: Facts | None) -> str:
    covered = {"account": "the whole account", "project": "the project {}", "groups": "the groups {}"}
    names = ", ".join(map(str, facts.get("covers") or ()))
    scope = covered.get(facts.get("scope", ""), "something").format(names)
    return f"started the access review {facts['subject']} of {scope}{_until(after)}"


def _review_answered(facts: Facts, before: Facts | None, after: Facts | None) -> str:
    rows: list[str] = facts.get("rows") or []
    deed = "kept" if facts.get("answer") == "keep" else "ended"
    what = event_word(rows[0]) if len(rows) == 1 else f"{len(rows):,} rows"
    reason = f": {facts['reason']}" if facts.get("reason") else ""
    return f"{deed} {what} in the access review {facts['subject']}{reason}"


def _review_closed(facts: Facts, before: Facts | None, after: Facts | None) -> str:
    words = ("kept", "ended", "unanswered", "changed", "gone")
    numbers = ", ".join(f"{facts[word]:,} {word}" for word in words if facts.get(word))
    return f"closed the access review {facts['subject']}: {numbers or 'nothing to answer'}"


def _ssh_key(verb: str) -> _Describe:
    """Say what was done to a key, named by its old label or, without one, by its fingerprint."""

    def describe(facts: Facts, before: Facts | None, after: Facts | None) -> str:
        key = before or after or {}
        return f"{verb} the SSH key {key.get('label') or event_word(key.get('fingerprint'))}"

    return describe


def _second_factor(verb: str) -> _Describe:
    def describe(facts: Facts, before: Facts | None, after: Facts | None) -> str:
        factor = before or after or {}
        return f"{verb} the {factor.get('kind')} {event_word(factor.get('label'))}"

    return describe


def _struck_out(facts: Facts, before: Facts | None, after: Facts | None) -> str:
    number = len(facts.get("entries", ()))
    return f"struck out names in {number:,} {'entry' if number == 1 else 'entries'}, which tell of {facts['subject']}"


_WITH_CHANGES = frozenset(
    {
        Event.MIRROR_CONFIGURED,
        Event.USER_CHANGED,
        Event.TEAM_CHANGED,
        Event.GROUP_CHANGED,
        Event.PROJECT_CHANGED,
        Event.REPOSITORY_CHANGED,
        Event.INVITATION_CHANGED,
        Event.SSH_KEY_CHANGED,
        Event.SECOND_FACTOR_CHANGED,
        Event.DIRECTORY_CHANGED,
        Event.WEBHOOK_CHANGED,
        Event.CHANGE_REFUSED,
        Event.SIGN_IN_FAILED,
    }
)

_SENTENCES: Mapping[Event, _Describe] = {
    Event.USER_ADDED: _template("added the person {subject}"),
    Event.USER_CHANGED: _template("changed the person {subject}"),
    Event.USER_DISABLED: _template("disabled {subject}"),
    Event.USER_ENABLED: _template("enabled {subject}"),
    Event.USER_DELETED: _template("deleted the person {subject}"),
    Event.SESSION_BEGAN: _template("signed in"),
    Event.SESSION_ENDED: _template("signed out"),
    Event.SESSION_LINK_MADE: _template("made a link that signs {subject} in"),
    Event.IDENTITY_LINKED: _template("linked {identity}, of the provider {provider}, to {subject}"),
    Event.IDENTITY_UNLINKED: _template("unlinked {identity}, of the provider {provider}, from {subject}"),
    Event.PASSWORD_SET: _template("set a new password for {subject}"),
    Event.PASSWORD_RESET_ASKED: _template("requested a password reset for {subject}"),
    Event.EMAIL_ASKED: _template("asked to add the address {email}"),
    Event.EMAIL_ADDED: _template("added the address {email}"),
    Event.EMAIL_REMOVED: _template("removed the address {email}"),
    Event.EMAIL_PRIMARY: _template("made {email} the primary address"),
    Event.TOKEN_ADDED: _template("created the app password {label}"),
    Event.TOKEN_REVOKED: _template("revoked the app password {label}"),
    Event.SSH_KEY_ADDED: _ssh_key("added"),
    Event.SSH_KEY_CHANGED: _ssh_key("changed"),
    Event.SSH_KEY_REMOVED: _ssh_key("removed"),
    Event.SECOND_FACTOR_ADDED: _second_factor("added"),
    Event.SECOND_FACTOR_CHANGED: _second_factor("renamed"),
    Event.SECOND_FACTOR_REMOVED: _second_factor("removed"),
    Event.RECOVERY_CODES_MADE: _template("created {codes} new recovery codes"),
    Event.RECOVERY_CODE_USED: _template("used a recovery code, {left} are left"),
    Event.TEAM_ADDED: _template("added the team {subject}"),
    Event.TEAM_CHANGED: _template("changed the team {subject}"),
    Event.TEAM_DELETED: _template("deleted the team {subject}"),
    Event.GROUP_ADDED: _template("created the group {subject}"),
    Event.GROUP_CHANGED: _template("changed the group {subject}"),
    Event.GROUP_DELETED: _template("deleted the group {subject}"),
    Event.MEMBER_ADDED: _with_end("added {member} to the group {subject}"),
    Event.MEMBER_CHANGED: _member_changed,
    Event.MEMBER_REMOVED: _template("removed {member} from the group {subject}"),
    Event.MEMBER_ENDED: _ended("ended the membership of {member} in the group {subject}"),
    Event.PROJECT_ADDED: _template("created the project {subject}"),
    Event.PROJECT_CHANGED: _template("changed the project {subject}"),
    Event.PROJECT_DELETED: _template("deleted the project {subject}"),
    Event.PROJECT_GROUP_PRIVILEGE_SET: _on_project(_group_privilege),
    Event.PROJECT_GROUP_PRIVILEGE_REMOVED: _template(
        "removed {privilege} on the project {subject} from the group {group}"
    ),
    Event.PROJECT_GROUP_PRIVILEGE_ENDED: _ended("ended {privilege} of the group {group} on the project {subject}"),
    Event.PROJECT_PRIVILEGE_SET: _on_project(_privilege),
    Event.PROJECT_PRIVILEGE_REMOVED: _template("removed {privilege} on the project {subject} from {user}"),
    Event.PROJECT_PRIVILEGE_ENDED: _ended("ended {privilege} of {user} on the project {subject}"),
    Event.REPOSITORY_ADDED: _template("added the repository {subject}"),
    Event.REPOSITORY_CHANGED: _template("changed the repository {subject}"),
    Event.REPOSITORY_DELETED: _template("deleted the repository {subject}"),
    Event.GROUP_PRIVILEGE_SET: _group_privilege,
    Event.GROUP_PRIVILEGE_REMOVED: _template(
        "reset the group {group} to its default on {subject}, where {privilege} was set"
    ),
    Event.GROUP_PRIVILEGE_ENDED: _ended("ended {privilege} of the group {group} on {subject}"),
    Event.PRIVILEGE_SET: _privilege,
    Event.PRIVILEGE_REMOVED: _template("removed {privilege} on {subject} from {user}"),
    Event.PRIVILEGE_ENDED: _ended("ended {privilege} of {user} on {subject}"),
    Event.INVITATION_ADDED: _invitation,
    Event.INVITATION_CHANGED: _template("changed the invitation of {subject}"),
    Event.INVITATION_SENT: _template("resent the invitation of {subject}"),
    Event.INVITATION_WITHDRAWN: _template("withdrew the invitation of {subject}"),
    Event.INVITATION_ENDED: _invitation_ended,
    Event.INVITATION_ACCEPTED: _template("accepted the invitation of {subject}"),
    Event.INVITATION_DECLINED: _template("declined the invitation of {subject}"),
    Event.REQUEST_ADDED: _with_end("asked for {permission} on {subject}"),
    Event.REQUEST_WITHDRAWN: _template("withdrew their request for {permission} on {subject}"),
    Event.REQUEST_GRANTED: _with_end("granted the request of {user} for {permission} on {subject}"),
    Event.REQUEST_DENIED: _template("denied the request of {user} for {permission} on {subject}: {answer}"),
    Event.REQUEST_ENDED: _template("ended the request of {user} for {permission} on {subject}"),
    Event.CONSUMER_ADDED: _template("created the OAuth app {subject}"),
    Event.CONSUMER_REVOKED: _template("revoked the OAuth app {subject}"),
    Event.AUTHORIZATION_GIVEN: _template("authorized the OAuth app {subject}"),
    Event.AUTHORIZATION_REVOKED: _template("revoked the authorization of the OAuth app {subject}: {reason}"),
    Event.ACCESS_TOKEN_ISSUED: _template("was issued an access token as the OAuth app {subject}"),
    Event.DIRECTORY_ADDED: _template("added the directory {subject}"),
    Event.DIRECTORY_CHANGED: _template("changed the directory {subject}"),
    Event.DIRECTORY_REMOVED: _template("removed the directory {subject}"),
    Event.DIRECTORY_KEY_ADDED: _template("made a key for the directory {subject}"),
    Event.DIRECTORY_KEY_REVOKED: _template("revoked a key of the directory {subject}"),
    Event.DIRECTORY_PERSON_LINKED: _template("linked {user} to the directory {subject}"),
    Event.DIRECTORY_PERSON_CHANGED: _template("changed what the directory {subject} knows of {user}"),
    Event.DIRECTORY_PERSON_UNLINKED: _template("unlinked {user} from the directory {subject}"),
    Event.DIRECTORY_GROUP_ADOPTED: _template("took over the group {subject} for the directory {directory}"),
    Event.MIRROR_SET: _mirrored("set {permission} for {user} on {subject}, through the mirror {mirror}"),
    Event.MIRROR_REMOVED: _mirrored("removed {permission} of {user} on {subject}, through the mirror {mirror}"),
    Event.MIRROR_INVITED: _template("invited {user} to the group {group} at the host, through the mirror {mirror}"),
    Event.MIRROR_CONFIGURED: _template("configured the mirror {subject}"),
    Event.MIRROR_PAUSED: _template("paused the mirror {subject}"),
    Event.MIRROR_RESUMED: _template("resumed the mirror {subject}"),
    Event.DIRECTORY_STUCK: _template("may not take a last administrator through the directory {subject}: {reason}"),
    Event.MIRROR_STOPPED: _template("stopped the mirror {subject}: {reason}"),
    Event.MIRROR_FORGOTTEN: _template("forgot the mirror {subject}"),
    Event.REVIEW_STARTED: _review_started,
    Event.REVIEW_ANSWERED: _review_answered,
    Event.REVIEW_REMINDED: _template("reminded the reviewers of the access review {subject}"),
    Event.REVIEW_CLOSED: _review_closed,
    Event.REVIEW_CANCELLED: _template("cancelled the access review {subject}"),
    Event.WEBHOOK_ADDED: _template("added the webhook {subject} to {url}"),
    Event.WEBHOOK_CHANGED: _template("changed the webhook {subject}"),
    Event.WEBHOOK_REMOVED: _template("removed the webhook {subject} to {url}"),
    Event.WEBHOOK_ROTATED: _template("made another secret for the webhook {subject}"),
    Event.WEBHOOK_PINGED: _template("sent a test to the webhook {subject}"),
    Event.WEBHOOK_RESENT: _template("sent {event} again to the webhook {subject}"),
    Event.WEBHOOK_SWITCHED_OFF: _template("switched off the webhook {subject}: {reason}"),
    Event.SITE_RESTORED: _template("restored everything from {subject}"),
    Event.JOURNAL_STRUCK_OUT: _struck_out,
    Event.CHANGE_REFUSED: _template("was refused {subject}"),
    Event.SIGN_IN_FAILED: _template("could not sign in as {subject}"),
}  # fmt: skip


def describe_subject(entry: Entry) -> tuple[str, str]:
    """Name what an entry is about, as `bob in acme/designers`, and its most telling detail, which may be empty."""
    account, subject = entry.account, entry.subject
    facts = entry.after if entry.after is not None else entry.before or {}
    path = f"{account}/{subject}"
    match entry.event.value.partition(".")[0]:
        case "user" | "team" as kind:
            return f"{kind} {subject}", facts.get("email") or ""
        case "email":
            return f"{facts['email']} of {subject}", ""
        case "password":
            return f"password of {subject}", ""
        case "token":
            label = f" {quote_text(facts['label'])}" if facts["label"] else ""
            return f"app password{label} of {subject}", ", ".join(facts["scopes"])
        case "ssh-key":
            label = f" {quote_text(facts['label'])}" if facts["label"] else ""
            return f"SSH key{label} of {subject}", facts["fingerprint"]
        case "second-factor":
            return f"{facts['kind']} {quote_text(facts['label'])} of {subject}", ""
        case "recovery-codes" | "recovery-code":
            return f"recovery codes of {subject}", ""
        case "group":
            return f"group {path}", f"permission {facts['permission']}" if facts.get("permission") else ""
        case "member":
            return f"{facts['member']} in {path}", ""
        case "repository" | "project" as kind:
            return f"{kind} {path}", "private" if facts["is_private"] else "public"
        case "group-privilege" | "project-group-privilege" as kind:
            return f"group {account}/{facts['group']} on {_place(kind, path)}", facts["privilege"]
        case "privilege" | "project-privilege" as kind:
            return f"{facts['user']} on {_place(kind, path)}", facts["privilege"]
        case "request":
            return f"request of {facts['user']} for {path}", facts["permission"]
        case "invitation":
            slugs = [facts["repository"]] if "repository" in facts else facts.get("groups", ())
            places = ", ".join(f"{account}/{slug}" for slug in slugs)
            return f"{subject} invited to {places or account}", facts.get("permission") or ""
        case kind:
            return f"{kind} {path}", ""


def _place(kind: str, path: str) -> str:
    return f"project {path}" if kind.startswith("project") else path
