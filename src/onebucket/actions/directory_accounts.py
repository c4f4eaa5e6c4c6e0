"""The accounts of the people whom directories bring: found, added, carried over, disabled and enabled."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from onebucket import slugs
from onebucket.actions import accounts, pending_invitations, teams
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import directories, last_administrator
from onebucket.domain.accounts import Account, Actor, check_username, email_key, new_email_key
from onebucket.domain.directories import Directory, DirectoryPerson, Leaver
from onebucket.domain.events import Event
from onebucket.domain.refusals import Conflict, Invalid, Refusal
from onebucket.store import account_rows, directory_leaver_rows, directory_people_rows, email_rows

# The username of somebody whose user name has no letter or digit of any script.
_ANYBODY = "user"
# A username has 62 characters at most; this leaves some for a number.
_LONGEST_STEM = 52


@dataclass(frozen=True, slots=True)
class PersonWish:
    """What a directory wants a person to be; `profile` holds further attributes under their names in SCIM.

    Without `is_active` it has said nothing of that.
    """

    user_name: str
    external_id: str | None
    is_active: bool | None
    profile: Mapping[str, Any]


@contextmanager
def keeping(work: UnitOfWork) -> Iterator[None]:
    """Run the block with the rights of the site, still as the directory: for what the caller has checked already."""
    directory = work.actor.directory
    assert directory is not None
    with work.on_behalf(Actor(None, work.actor.credential, is_operator=True, directory=directory)):
        yield


def addresses(directory: Directory, wish: PersonWish) -> list[str]:
    """Return those of a person's addresses that are in a domain that the team owns, the first one first.

    Raises Invalid for one of these that looks like another address.
    """
    owned: dict[str, str] = {}
    values = [email.get("value") for email in wish.profile.get("emails", ())]
    for value in (*values, wish.user_name):
        try:
            key = email_key(value or "")
        except Refusal:
            continue
        if directory.owns(key):
            owned.setdefault(new_email_key(value), value)
    return [*owned.values()]


def namesake(
    work: UnitOfWork, directory: Directory, wish: PersonWish, addresses: Sequence[str]
) -> tuple[Account | None, Leaver | None]:
    """Return the person here whom the directory means, and how it deleted them; None if there is nobody.

    Raises Conflict if it may not link them.
    """
    named = {person.id: person for address in addresses if (person := account_rows.by_email(work.tx, address))}
    values = [email.get("value") or "" for email in wish.profile.get("emails", ())]
    by_name = account_rows.by_username(work.tx, wish.user_name)
    for person in (by_name, *(account_rows.by_email(work.tx, name) for name in (wish.user_name, *values))):
        if person is not None:
            named[person.id] = person
    left = directory_leaver_rows.by_user_name(work.tx, directory, wish.user_name)
    if left is not None and (returning := account_rows.by_id(work.tx, left.person_id)):
        named[returning.id] = returning
    if len(named) > 1:
        raise Conflict("several people here have one of these names or addresses")
    for person in named.values():
        leaver = directory_leaver_rows.find(work.tx, directory, person.id)
        emails = email_rows.of_person(work.tx, person.id)
        is_proved = any(email.validated and directory.owns(email.key) for email in emails)
        # Whom the directory has brought and disabled, nobody has been since.
        if person.is_team or not (is_proved or (leaver is not None and leaver.is_brought)):
            raise Conflict("somebody here has that userName or address already, and no address of a proved domain")
        if directory_people_rows.find(work.tx, directory, person.id) is not None:
            raise Conflict("the directory has that person already")
        return person, leaver
    return None, None


def _display_name(wish: PersonWish) -> str:
    name = wish.profile.get("name") or {}
    parts = " ".join(part for part in (name.get("givenName"), name.get("familyName")) if part)
    return str(wish.profile.get("displayName") or name.get("formatted") or parts or wish.user_name)[:255]


def add_account(work: UnitOfWork, wish: PersonWish, addresses: Sequence[str]) -> Account:
    """Add an active account for a person, with a username that is free; their addresses count as validated."""
    with keeping(work):
        person = accounts.add_user(
            work,
            _free_username(work, wish.user_name),
            email=addresses[0] if addresses else None,
            display_name=_display_name(wish),
        )
        for address in addresses[1:]:
            _add_address(work, person, address, is_primary=False)
    return person


def _free_username(work: UnitOfWork, user_name: str) -> str:
    """Make a username of a directory's user name, which may be an address: the first one that is free."""
    local = user_name.partition("@")[0]
    wanted = next(filter(None, (_checked(user_name), _checked(local), _slug(local), _ANYBODY)))
    name, number = wanted, 1
    while account_rows.by_username(work.tx, name) is not None:
        number += 1
        name = f"{wanted[:_LONGEST_STEM]}-{number}"
    return name


def _checked(name: str) -> str:
    try:
        return check_username(name)
    except Invalid:
        return ""


def _slug(name: str) -> str:
    try:
        return _checked(slugs.slugify(name))
    except Invalid:
        return ""


def carry_over(
    work: UnitOfWork, directory: Directory, person: Account, link: DirectoryPerson, wish: PersonWish
) -> None:
    """Let the account of a person whom the directory brought have the name and the addresses that it sends."""
    old = PersonWish(link.user_name, None, True, link.profile)
    had = {email_key(address) for address in addresses(directory, old)}
    wanted = {email_key(address): address for address in addresses(directory, wish)}
    stored = {email.key: email for email in email_rows.of_person(work.tx, person.id)}
    with keeping(work):
        if _display_name(wish) != _display_name(old):
            accounts.change_user(work, person.id, display_name=_display_name(wish))
        if not wanted:
            return
        for key in sorted((had - wanted.keys()) & stored.keys()):
            email_rows.remove(work.tx, person.id, key)
            facts = {"email": stored.pop(key).address}
            work.record(Event.EMAIL_REMOVED, person, person.username, before=facts)
        for key in [key for key in wanted if key not in stored]:
            _add_address(work, person, wanted[key], is_primary=False)
        if not any(email.is_primary for email in stored.values()):
            first = next(iter(wanted))
            email_rows.set_primary(work.tx, person.id, first)
            work.record(Event.EMAIL_PRIMARY, person, person.username, after={"email": wanted[first]})


def _add_address(work: UnitOfWork, person: Account, address: str, *, is_primary: bool) -> None:
    email_rows.add(work.tx, person.id, address, is_primary=is_primary, at=work.at)
    work.record(Event.EMAIL_ADDED, person, person.username, after={"email": address})
    pending_invitations.end_held(work, person)


def disable(work: UnitOfWork, link: DirectoryPerson, person: Account) -> DirectoryPerson:
    """Disable a person, and return what the directory knows of them then.

    One whom a site administrator has disabled already stays theirs to enable.
    """
    if link.is_held or not (person.is_active or directory_leaver_rows.is_held(work.tx, person.id)):
        return link
    directories.check_may_disable(person)
    held = replace(link, is_held=True, changed_at=work.next_timestamp())
    directory_people_rows.change(work.tx, held)
    if not person.is_active:
        return held
    with keeping(work):
        unled = {team.username for team in teams.without_administrator(work)}
        _, orphaned = accounts.set_active(work, person.id, False)
    last_administrator.require_administrator(others=0 if {*orphaned} - unled else 1, deed=f"disable {person.username}")
    return held


def enable(work: UnitOfWork, link: DirectoryPerson) -> None:
    """Enable a person whom this directory had disabled, unless another one has too."""
    directory_people_rows.change(work.tx, replace(link, is_held=False, changed_at=work.next_timestamp()))
    if directory_leaver_rows.is_held(work.tx, link.person_id):
        return
    with keeping(work):
        accounts.set_active(work, link.person_id, True)
