"""The people that a directory brings: it adds, links, changes, disables and removes them."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from onebucket.actions import access, directory_accounts, pending_invitations
from onebucket.actions.directory_accounts import PersonWish
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import directories
from onebucket.domain.accounts import Account
from onebucket.domain.directories import Directory, DirectoryPerson
from onebucket.domain.events import Event
from onebucket.domain.filters import ListQuery
from onebucket.domain.groups import member_facts
from onebucket.domain.journal_entry import Facts
from onebucket.domain.policy import To
from onebucket.domain.refusals import Invalid, NotFound
from onebucket.domain.text import clean_text
from onebucket.safe_text import quote_text
from onebucket.store import directory_group_rows, directory_leaver_rows, directory_people_rows, group_rows


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """A person as a directory sees them; `groups` are the ids and names of its groups that they are in."""

    link: DirectoryPerson
    account: Account
    groups: Sequence[tuple[str, str]]


def check_caller(work: UnitOfWork, directory_id: str) -> None:
    """Require that the actor is that directory. Raises Forbidden."""
    access.calling_directory(work, directory_id, to=To.KEEP_PEOPLE)


def listed(work: UnitOfWork, directory_id: str, query: ListQuery) -> tuple[list[KnownPerson], int]:
    """Return the people of a directory that a query wants, in the order they came, and how many pass its filter."""
    _, directory = access.calling_directory(work, directory_id, to=To.KEEP_PEOPLE)
    found, number = directory_people_rows.listed(work.tx, directory, query)
    return _with_groups(work, directory, found), number


def read(work: UnitOfWork, directory_id: str, person_id: str) -> KnownPerson:
    """Return a person of a directory. Raises NotFound."""
    _, directory = access.calling_directory(work, directory_id, to=To.KEEP_PEOPLE)
    return _find(work, directory, person_id)


def create(work: UnitOfWork, directory_id: str, wish: PersonWish) -> KnownPerson:
    """Add a person, or link one who is here and has a validated address in a domain that the team has proved to own.

    Whom the directory has deleted comes back with everything that they had, unless they are to stay disabled.
    Raises Conflict when somebody else has that user name or address, Invalid.
    """
    team, directory = access.calling_directory(work, directory_id, to=To.KEEP_PEOPLE)
    _check_names(wish)
    addresses = directory_accounts.addresses(directory, wish)
    person, leaver = directory_accounts.namesake(work, directory, wish, addresses)
    is_brought = leaver.is_brought if leaver is not None else person is None
    if person is None:
        person = directory_accounts.add_account(work, wish, addresses)
    link = DirectoryPerson(
        account_id=team.id,
        directory_id=directory.id,
        person_id=person.id,
        user_name=wish.user_name,
        external_id=wish.external_id,
        is_brought=is_brought,
        is_held=leaver is not None,
        created_at=work.next_timestamp(),
        changed_at=work.at,
        profile=wish.profile,
    )

    directory_people_rows.add(work.tx, link)
    if leaver is not None:
        directory_leaver_rows.remove(work.tx, leaver)

    after = _facts(link, person) | {"brought": is_brought}
    work.record(Event.DIRECTORY_PERSON_LINKED, team, directory.label, after=after)
    if leaver is not None and is_brought and not person.site_admin:
        directory_accounts.carry_over(work, directory, person, replace(link, profile={}), wish)
    _set_active(work, link, person, wish)
    return _find(work, directory, person.id)


def change(work: UnitOfWork, directory_id: str, person_id: str, wish: PersonWish) -> KnownPerson:
    """Make a person of the directory what it wants, and disable or enable them.

    Raises Conflict when somebody else has the user name, Forbidden for disabling a site administrator, Invalid,
    LastAdministrator, NotFound.
    """
    team, directory = access.calling_directory(work, directory_id, to=To.KEEP_PEOPLE)
    before = _find(work, directory, person_id)
    _check_names(wish)
    link = replace(before.link, user_name=wish.user_name, external_id=wish.external_id, profile=wish.profile)

    if link != before.link:
        link = replace(link, changed_at=work.next_timestamp())
        directory_people_rows.change(work.tx, link)
        if link.is_brought and not before.account.site_admin:
            directory_accounts.carry_over(work, directory, before.account, before.link, wish)
        facts = (_facts(before.link, before.account), _facts(link, before.account))
        work.record(Event.DIRECTORY_PERSON_CHANGED, team, directory.label, before=facts[0], after=facts[1])
    _set_active(work, link, before.account, wish)
    return _find(work, directory, person_id)


def remove(work: UnitOfWork, directory_id: str, person_id: str) -> None:
    """Disable a person of the directory, take them out of its groups, and unlink them; nothing is erased.

    Raises Forbidden for a site administrator, LastAdministrator, NotFound.
    """
    team, directory = access.calling_directory(work, directory_id, to=To.KEEP_PEOPLE)
    known = _find(work, directory, person_id)
    directories.check_may_disable(known.account)

    link = directory_accounts.disable(work, known.link, known.account)
    with pending_invitations.settling(work, team, person=known.account):
        for id, _ in known.groups:
            found = directory_group_rows.find(work.tx, directory, id)
            if found is not None and group_rows.remove_member(work.tx, found[1], person_id):
                work.record(Event.MEMBER_REMOVED, team, found[1].slug, before=member_facts(known.account))
    directory_people_rows.remove(work.tx, link)
    if link.is_held:
        directory_leaver_rows.add(work.tx, link, work.next_timestamp())

    before = _facts(known.link, known.account)
    work.record(Event.DIRECTORY_PERSON_UNLINKED, team, directory.label, before=before)


def forget(work: UnitOfWork, person: Account, links: Sequence[tuple[Account, Directory, DirectoryPerson]]) -> None:
    """Record that directories no longer know a person, who is deleted with these links; for site administrators."""
    access.site(work)
    for team, directory, link in links:
        work.record(Event.DIRECTORY_PERSON_UNLINKED, team, directory.label, before=_facts(link, person))


# -- parts -----------------------------------------------------------------------------------------


def _set_active(work: UnitOfWork, link: DirectoryPerson, person: Account, wish: PersonWish) -> None:
    if wish.is_active and link.is_held:
        directory_accounts.enable(work, link)
    elif wish.is_active is False:
        directory_accounts.disable(work, link, person)


def _with_groups(
    work: UnitOfWork, directory: Directory, found: Sequence[tuple[DirectoryPerson, Account]]
) -> list[KnownPerson]:
    groups: dict[str, list[tuple[str, str]]] = {}
    for person_id, *group in directory_group_rows.groups_of(work.tx, directory, [account.id for _, account in found]):
        groups.setdefault(person_id, []).append((group[0], group[1]))
    return [KnownPerson(link, account, groups.get(account.id, ())) for link, account in found]


def _find(work: UnitOfWork, directory: Directory, person_id: str) -> KnownPerson:
    found = directory_people_rows.find(work.tx, directory, person_id)
    if found is None:
        raise NotFound(f"the directory has no User {quote_text(person_id)}")
    return _with_groups(work, directory, [found])[0]


def _check_names(wish: PersonWish) -> None:
    """Refuse a user name that looks like another one. Raises Invalid."""
    clean_text(wish.user_name, what="userName")
    if not unicodedata.is_normalized("NFKC", wish.user_name) or wish.user_name != wish.user_name.strip():
        raise Invalid("that userName looks like another one: write it in its usual form")


def _facts(link: DirectoryPerson, person: Account) -> Facts:
    return {"user": person.username, "id": person.id, "user_name": link.user_name, "external_id": link.external_id}
