"""Gives several people a level on several repositories: whoever has an account gets it, whoever has none is invited.

Nobody loses anything by it: a higher level stays, and so does the same level without an end.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from onebucket.actions import access, invitation_letters, privileges
from onebucket.actions.access_effects import AccessChange
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import ends
from onebucket.domain.accounts import Account, email_key
from onebucket.domain.ends import EndWish
from onebucket.domain.invitations import Invitation
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Invalid, PlanOutdated, Refusal, UnknownEmail
from onebucket.domain.repositories import Repository
from onebucket.store import account_rows, invitation_rows, privilege_rows

# Keeps one form from using up the letter budget of a day, and a preview readable.
MOST_PEOPLE, MOST_REPOSITORIES = 50, 100


@dataclass(frozen=True, slots=True)
class Gift:
    """A level for people (usernames, e-mail addresses or ids) on repositories (slugs); it ends at `until`."""

    people: Sequence[str]
    repositories: Sequence[str]
    level: Level
    until: EndWish = None


@dataclass(frozen=True, slots=True)
class GiftPlan:
    """What a gift would come to: `people` who get it at once, and addresses that are `invited`.

    `effects` are what people gain. The plan is valid as long as the account is at `revision`.
    """

    owner: Account
    repositories: list[Repository]
    level: Level
    until: datetime | None
    people: list[Account]
    invited: list[str]
    effects: list[AccessChange]
    revision: int


def plan(work: UnitOfWork, account_name: str, gift: Gift) -> GiftPlan:
    """Compute what a gift would come to; changes nothing.

    Raises NotFound, Forbidden, Invalid, also for too many people or repositories and an end that has passed.
    """
    names, slugs = (_each(some) for some in (gift.people, gift.repositories))
    _check_number(names, "people", MOST_PEOPLE)
    _check_number(slugs, "repositories", MOST_REPOSITORIES)
    if gift.level is Level.NONE:
        raise Invalid("the permission must be read, write or admin")
    people, invited = _found(work, names)
    named = account_rows.named(work.tx, account_name)
    # Where everybody is invited, the account itself stands for somebody who has nothing.
    concerned = people or ([named] if named else [])
    pairs = [(slug, person) for slug in slugs for person in concerned]
    owner, found, inputs = access.each_repository(work, account_name, pairs, to=To.GRANT_PRIVILEGE)
    repositories = []
    for each in found[:: len(concerned)]:
        if isinstance(each, Refusal):
            raise each
        repositories.append(each)

    by_levels: dict[tuple[str, Level], list[Repository]] = {}
    for person in people:
        for repository in repositories:
            before = inputs.level(person, repository)
            if before < gift.level:
                by_levels.setdefault((person.id, before), []).append(repository)
    by_id = {person.id: person for person in people}
    effects = [AccessChange(by_id[id], some, before, gift.level) for (id, before), some in by_levels.items()]
    until = ends.settled(gift.until, None, at=work.at)
    revision = account_rows.revision(work.tx, owner.id)
    return GiftPlan(owner, repositories, gift.level, until, people, invited, effects, revision)


def apply(
    work: UnitOfWork, account_name: str, gift: Gift, *, revision: int | None = None, inviter: str | None = None
) -> GiftPlan:
    """Give what `plan` returns, all of it or nothing, and return it.

    With a `revision`, the account must still have it. `inviter` invites in place of the actor, for the operator.
    Raises as `plan` does, PlanOutdated, TooManyRequests.
    """
    planned = plan(work, account_name, gift)
    if revision is not None and planned.revision != revision:
        raise PlanOutdated
    owner = planned.owner
    for person in planned.people:
        for repository in planned.repositories:
            given, ended = privilege_rows.given_level(work.tx, owner.id, repository.id, person.id)
            if (given or Level.NONE) < gift.level or (given is gift.level and ended is not None):
                privileges.grant_direct(work, owner.id, repository.slug, person.id, gift.level, gift.until)
    by = access.person(work, inviter) if inviter else None
    for email in planned.invited:
        _invite(work, planned, email, gift.until, by)
    return planned


def _each(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(filter(None, (word.strip() for word in words))))


def _check_number(some: Sequence[str], what: str, most: int) -> None:
    if not 1 <= len(some) <= most:
        raise Invalid(f"name 1 to {most} {what} at once, not {len(some):,}")


def _found(work: UnitOfWork, names: Sequence[str]) -> tuple[list[Account], list[str]]:
    """Return the people who have an account, and the addresses of those who have none."""
    people: dict[str, Account] = {}
    invited: dict[str, str] = {}
    found = access.each_person(work, names)
    for name in names:
        match found[name]:
            case UnknownEmail():
                invited.setdefault(_key(name), name)
            case Account() as person:
                people.setdefault(person.id, person)
            case refusal:
                raise refusal
    return [*people.values()], [*invited.values()]


def _key(email: str) -> str:
    try:
        return email_key(email)
    except Invalid as refusal:
        raise Invalid(f"{email[:64]}: {refusal.sentence}") from None


def _invite(work: UnitOfWork, planned: GiftPlan, email: str, until: EndWish, inviter: Account | None) -> None:
    owner, pairs = planned.owner, []
    for repository in planned.repositories:
        before = invitation_rows.pending(work.tx, owner.id, email, repository_id=repository.id)
        if before is not None and before.email != email:
            # Another spelling may be another mailbox, which must not inherit the link.
            invitation_letters.withdraw(work, owner, before)
            before = None
        columns = invitation_letters.renewal_columns(work, owner, email, inviter)
        wanted = Invitation(**columns, repository=repository, permission=planned.level, until=planned.until)
        if before is not None:
            level = max(before.permission or Level.NONE, planned.level)
            end = ends.settled(until, before.until, at=work.at)
            wanted = replace(wanted, id=before.id, permission=level, until=end)
        pairs.append((before, wanted))
    invitation_letters.send_together(work, owner, pairs)
