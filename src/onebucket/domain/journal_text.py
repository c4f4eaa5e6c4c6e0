"""Sentences for journal entries and for reasons of access, shared by the pages and the command line."""

from collections.abc import Callable, Mapping
from typing import Any

from onebucket.domain.events import Event
from onebucket.domain.privileges import Reason, Through

Facts = Mapping[str, Any]


def describe_way(reason: Reason) -> str:
    """Explain why a person has a level, without the date.

    >>> from onebucket.domain.privileges import Level
    >>> describe_way(Reason(Level.READ, through=Through.GROUP, group="acme/designers"))
    'through the group acme/designers'
    """
    sentences: Mapping[Through, str] = {
        Through.OWNER: "because the account is their own",
        Through.ACCOUNT: f"because members of {reason.group} administer the account"
        if reason.group
        else "because site administrators administer every account",
        Through.DIRECT: "given to them directly",
        Through.GROUP: f"through the group {reason.group}",
        Through.PUBLIC: "because the repository is public",
    }
    return sentences[reason.through]


def describe_change(before: Facts | None, after: Facts | None) -> list[str]:
    """List the differences (`permission: read → write`); with only one of both, its facts (`permission=read`)."""
    if before is not None and after is not None:
        changed = [key for key in {**before, **after} if before.get(key) != after.get(key)]
        return [f"{key}: {event_word(before.get(key))} → {event_word(after.get(key))}" for key in changed]
    facts = before if after is None else after
    shown = {key: value for key, value in (facts or {}).items() if value not in (None, False, [], {}, "")}
    return [f"{key}={event_word(value)}" for key, value in shown.items() if key not in _OMITTED]


_OMITTED = frozenset({"id", "uuid", "slug"})


def event_word(value: object) -> str:
    """Format a value for people.

    >>> event_word(None), event_word(True), event_word(["a", "b"])
    ('nothing', 'true', '[a, b]')
    """
    if value is None:
        return "nothing"
    if isinstance(value, list | dict):
        return f"[{', '.join(str(item) for item in value)}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def describe_entry(event: Event, account: str, subject: str, before: Facts | None, after: Facts | None) -> str:
    """Describe an entry in words that follow the actor's name.

    >>> describe_entry(Event.MEMBER_ADDED, "acme", "designers", None, {"member": "bob"})
    'added bob to the group designers'
    """
    facts = _TemplateFacts({**(before or {}), **(after or {}), "account": account, "subject": subject})
    sentence = _SENTENCES[event](facts, before, after)
    if event in _WITH_CHANGES and (before or after):
        return f"{sentence}: {'; '.join(describe_change(before, after))}"
    return sentence


def _level(facts: Facts | None) -> str:
    level = (facts or {}).get("privilege")
    return "nothing" if level in (None, "none") else event_word(level)


_Describe = Callable[[Facts, Facts | None, Facts | None], str]


def _template(template: str) -> _Describe:
    return lambda facts, before, after: template.format_map(facts)


class _TemplateFacts(dict[str, Any]):
    """Facts for a template; missing ones become "somebody" or "something"."""

    def __missing__(self, name: str) -> str:
        return "somebody" if name in ("member", "user") else "something"


def _group_privilege(facts: Facts, before: Facts | None, after: Facts | None) -> str:
    was = f", which was {_level(before)}" if before else ""
    return f"let the group {event_word(facts.get('group'))} have {_level(after)} on {facts['subject']}{was}"


def _privilege(facts: Facts, before: Facts | None, after: Facts | None) -> str:
    was = f", who had {_level(before)}" if before else ""
    return f"gave {event_word(facts.get('user'))} {_level(after)} on {facts['subject']}{was}"


def _invitation(facts: Facts, before: Facts | None, after: Facts | None) -> str:
    groups, repository = facts.get("groups"), facts.get("repository")
    where = (
        f"the repository {event_word(repository)}" if repository else ", ".join(map(str, groups or ())) or "no group"
    )
    return f"invited {facts['subject']} to {where}"


_WITH_CHANGES = frozenset(
    {
        Event.USER_CHANGED,
        Event.TEAM_CHANGED,
        Event.GROUP_CHANGED,
        Event.REPOSITORY_CHANGED,
        Event.INVITATION_CHANGED,
        Event.CHANGE_REFUSED,
        Event.SIGN_IN_FAILED,
    }
)

_SENTENCES: Mapping[Event, _Describe] = {
    Event.USER_ADDED: _template("added the person {subject}"),
    Event.USER_CHANGED: _template("changed the person {subject}"),
    Event.USER_DISABLED: _template("disabled {subject}"),
    Event.USER_ENABLED: _template("enabled {subject}"),
    Event.SESSION_BEGAN: _template("signed in"),
    Event.SESSION_ENDED: _template("signed out"),
    Event.PASSWORD_SET: _template("set another password for {subject}"),
    Event.PASSWORD_RESET_ASKED: _template("asked for a new password for {subject}"),
    Event.EMAIL_ASKED: _template("asked for the address {email}"),
    Event.EMAIL_ADDED: _template("added the address {email}"),
    Event.EMAIL_REMOVED: _template("removed the address {email}"),
    Event.EMAIL_PRIMARY: _template("let letters go to {email}"),
    Event.TOKEN_ADDED: _template("made the app password {label}"),
    Event.TOKEN_REVOKED: _template("revoked the app password {label}"),
    Event.TEAM_ADDED: _template("added the team {subject}"),
    Event.TEAM_CHANGED: _template("changed the team {subject}"),
    Event.TEAM_DELETED: _template("deleted the team {subject}"),
    Event.GROUP_ADDED: _template("made the group {subject}"),
    Event.GROUP_CHANGED: _template("changed the group {subject}"),
    Event.GROUP_DELETED: _template("deleted the group {subject}"),
    Event.MEMBER_ADDED: _template("added {member} to the group {subject}"),
    Event.MEMBER_REMOVED: _template("removed {member} from the group {subject}"),
    Event.REPOSITORY_ADDED: _template("added the repository {subject}"),
    Event.REPOSITORY_CHANGED: _template("changed the repository {subject}"),
    Event.REPOSITORY_DELETED: _template("deleted the repository {subject}"),
    Event.GROUP_PRIVILEGE_SET: _group_privilege,
    Event.GROUP_PRIVILEGE_REMOVED: _template(
        "let the group {group} have its default on {subject}, where {privilege} was set"
    ),
    Event.PRIVILEGE_SET: _privilege,
    Event.PRIVILEGE_REMOVED: _template("took from {user} the {privilege} on {subject}"),
    Event.INVITATION_ADDED: _invitation,
    Event.INVITATION_CHANGED: _template("changed the invitation of {subject}"),
    Event.INVITATION_SENT: _template("sent the invitation of {subject} again"),
    Event.INVITATION_WITHDRAWN: _template("withdrew the invitation of {subject}"),
    Event.INVITATION_ENDED: _template("ended, by what was changed for {user}, the invitation of {subject}"),
    Event.INVITATION_ACCEPTED: _template("accepted the invitation of {subject}"),
    Event.INVITATION_DECLINED: _template("declined the invitation of {subject}"),
    Event.CONSUMER_ADDED: _template("added the OAuth consumer {subject}"),
    Event.CONSUMER_REVOKED: _template("revoked the OAuth consumer {subject}"),
    Event.AUTHORIZATION_GIVEN: _template("let the program {subject} act for them"),
    Event.AUTHORIZATION_REVOKED: _template("ended what the program {subject} was let do: {reason}"),
    Event.ACCESS_TOKEN_ISSUED: _template("was issued an access token as the program {subject}"),
    Event.SITE_RESTORED: _template("restored everything from {subject}"),
    Event.CHANGE_REFUSED: _template("was refused {subject}"),
    Event.SIGN_IN_FAILED: _template("could not sign in as {subject}"),
}  # fmt: skip
