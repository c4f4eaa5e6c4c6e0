"""Deleting people: all that they have anywhere and all that they own is shown first, and then gone at once."""

from dataclasses import dataclass, replace

from onebucket.actions import (
    account_contents,
    administrators,
    consumers,
    directory_people,
    invitation_letters,
    offboarding,
    strike_out,
)
from onebucket.actions.account_contents import Contents
from onebucket.actions.offboarding import Holdings, Offboarding
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account, facts
from onebucket.domain.directories import Directory, DirectoryPerson
from onebucket.domain.events import Event
from onebucket.domain.groups import member_facts
from onebucket.domain.invitations import Invitation
from onebucket.domain.oauth import Consumer
from onebucket.store import (
    account_removal,
    account_rows,
    directory_people_rows,
    directory_rows,
    email_rows,
    group_rows,
    invitee_rows,
    oauth_consumer_rows,
    outbox_rows,
)


@dataclass(frozen=True, slots=True)
class Deletion:
    """What goes with a person: what off-boarding ends, and what their own account owns (`contents`).

    `invitations` are those that they have sent for other accounts, `apps` the OAuth apps of other accounts that act
    for them, and `links` what directories know of them. `struck_out` is the number of journal entries that no longer
    name them, None if all do.
    """

    offboarding: Offboarding
    contents: Contents
    invitations: list[tuple[Account, Invitation]]
    apps: list[tuple[Account, Consumer]]
    links: list[tuple[Account, Directory, DirectoryPerson]]
    struck_out: int | None = None

    @property
    def person(self) -> Account:
        """The person who is deleted."""
        return self.offboarding.person


def plan(work: UnitOfWork, name: str) -> Deletion:
    """Return what goes with a person, for site administrators. Raises NotFound, Forbidden, Invalid for a team."""
    ending = offboarding.plan(work, name)
    person = ending.person
    return Deletion(
        ending,
        account_contents.load(work, person),
        [
            (owner, each)
            for each in invitee_rows.sent_by(work.tx, person.id)
            if each.account_id != person.id and (owner := account_rows.by_id(work.tx, each.account_id))
        ],
        [
            (owner, each)
            for each in oauth_consumer_rows.acting_as(work.tx, person.id)
            if each.account_id != person.id and (owner := account_rows.by_id(work.tx, each.account_id))
        ],
        [
            (team, directory, link)
            for link in directory_people_rows.links_of(work.tx, person.id)
            if (team := account_rows.by_id(work.tx, link.account_id))
            and (directory := directory_rows.by_id(work.tx, link.account_id, link.directory_id))
        ],
    )


def delete(work: UnitOfWork, name: str, *, strikes_out: bool = False) -> Deletion:
    """Delete a person with everything that `plan` returns, and return it: all of it, or nothing.

    Journal entries stay; with `strikes_out`, without the person's names and addresses. Whoever gets the same name later
    inherits nothing, and a directory that brings the person again brings somebody new.
    Raises LastAdministrator for the last one of a team, Conflict for the last site administrator and for oneself.
    """
    planned = plan(work, name)
    person = planned.person
    offboarding.check_replaceable(work, person, deed="delete")

    # Nobody could accept these any more: they act with the rights of whoever has sent them.
    for owner, invitation in planned.invitations:
        invitation_letters.withdraw(work, owner, invitation)
    for _, app in planned.apps:
        consumers.revoke(work, app.key)
    for holdings in planned.offboarding.accounts:
        offboarding.take_away(work, person, holdings)
        _leave_kept_groups(work, person, holdings)
    offboarding.end_credentials(work, person)
    directory_people.forget(work, person, planned.links)

    emails = email_rows.of_person(work.tx, person.id)
    lost = facts(person) | planned.contents.facts | {"emails": [email.address for email in emails]}
    work.record(Event.USER_DELETED, person, person.username, before=lost)
    for email in emails:
        outbox_rows.delete_to_address(work.tx, email.key)
    account_removal.delete_with_rows(work.tx, person.id)
    return replace(planned, struck_out=strike_out.strike_out(work, person)) if strikes_out else planned


def _leave_kept_groups(work: UnitOfWork, person: Account, holdings: Holdings) -> None:
    """Take a person out of the groups that a directory keeps: it knows nobody who is deleted."""
    owner = holdings.owner
    for group in holdings.kept_groups:
        deed = f"remove {person.username} from {group.slug}"
        administrators.keep_one(work, owner, group, deed=deed, person=person)
        group_rows.remove_member(work.tx, group, person.id)
        work.record(Event.MEMBER_REMOVED, owner, group.slug, before=member_facts(person))
