"""Handlers of `/group-privileges`, `/privileges` and `/users/{a}/privileges` (spec 4)."""

from onebucket.actions import groups, privileges
from onebucket.actions.privileges import Wanted
from onebucket.actions.work import Work
from onebucket.domain import privileges as domain
from onebucket.domain.groups import account_privilege_named
from onebucket.domain.privileges import Level
from onebucket.surfaces.routing import Ask, Stream
from onebucket.surfaces.v1 import shapes


def list_of_account(work: Work, ask: Ask) -> Stream:
    """P1."""
    return shapes.privileges(privileges.of_account(work, ask.words["accountname"], _wanted(ask)), ask.base_url)


def list_of_repository(work: Work, ask: Ask) -> Stream:
    """P2."""
    listing = privileges.of_repository(work, ask.words["accountname"], ask.words["repo_slug"], _wanted(ask))
    return shapes.privileges(listing, ask.base_url)


def read_one(work: Work, ask: Ask) -> Stream:
    """P3: an array of one, or of none."""
    return shapes.privileges(privileges.one(work, *_named(ask), _wanted(ask)), ask.base_url)


def list_of_group(work: Work, ask: Ask) -> Stream:
    """P4."""
    account, owner, slug = (ask.words[name] for name in ("accountname", "group_owner", "group_slug"))
    return shapes.privileges(privileges.of_group(work, account, owner, slug, _wanted(ask)), ask.base_url)


def grant(work: Work, ask: Ask) -> Stream:
    """P5: the body is a bare word, whatever its type is said to be."""
    level = domain.granted(ask.word())
    return shapes.privileges(privileges.grant(work, *_named(ask), level, _wanted(ask)), ask.base_url)


def revoke(work: Work, ask: Ask) -> None:
    """P6."""
    privileges.revoke(work, *_named(ask))


def revoke_everywhere(work: Work, ask: Ask) -> None:
    """P7."""
    account, owner, slug = (ask.words[name] for name in ("accountname", "group_owner", "group_slug"))
    privileges.revoke_everywhere(work, account, owner, slug)


def list_direct(work: Work, ask: Ask) -> Stream:
    """What was given to people directly: in an account, on a repository, or to one person there."""
    found = privileges.direct(work, *_given(ask), wanted=_wanted(ask))
    return shapes.direct_privileges(found, ask.base_url)


def give(work: Work, ask: Ask) -> list[shapes.DirectPrivilege]:
    """Give a person something directly; the body is a bare word."""
    level = domain.granted(ask.word())
    account, slug, name = (ask.words[key] for key in ("accountname", "repo_slug", "user"))
    return [shapes.direct_privilege(privileges.give(work, account, slug, name, level), ask.base_url)]


def take(work: Work, ask: Ask) -> None:
    """Take what was given directly."""
    privileges.take(work, *_given(ask))


def list_account_privileges(work: Work, ask: Ask) -> dict[str, str]:
    """What groups may do with the account itself, by `account/slug`."""
    owner, found = groups.account_privileges(work, ask.words["accountname"])
    return {f"{owner.username}/{slug}": privilege.value for slug, privilege in found.items()}


def read_account_privilege(work: Work, ask: Ask) -> dict[str, str]:
    """What one group may do with the account itself."""
    owner, privilege = groups.account_privilege(work, *_account_group(ask))
    return {f"{owner.username}/{ask.words['group_slug']}": privilege.value}


def set_account_privilege(work: Work, ask: Ask) -> dict[str, str]:
    """Say what one group may do with the account itself."""
    privilege = account_privilege_named(ask.fields().text("privileges") or "")
    owner = groups.set_account_privilege_of(work, *_account_group(ask), privilege)
    return {f"{owner.username}/{ask.words['group_slug']}": privilege.value}


def end_account_privilege(work: Work, ask: Ask) -> None:
    """Let a group do nothing with the account itself any more."""
    groups.account_privilege(work, *_account_group(ask))
    groups.set_account_privilege_of(work, *_account_group(ask), None)


def _named(ask: Ask) -> tuple[str, str, str, str]:
    words = ask.words
    return words["accountname"], words["repo_slug"], words["group_owner"], words["group_slug"]


def _given(ask: Ask) -> tuple[str, str | None, str | None]:
    return ask.words["accountname"], ask.words.get("repo_slug"), ask.words.get("user")


def _account_group(ask: Ask) -> tuple[str, str, str]:
    return ask.words["accountname"], ask.words["group_owner"], ask.words["group_slug"]


def _wanted(ask: Ask) -> Wanted:
    words = ask.query.get("filter", ())
    return Wanted(
        least=domain.named(words[-1]) if words else Level.READ,
        private=ask.switched_on("private"),
        members=not ask.switched_on("exclude_members", "exclude-members"),
    )
