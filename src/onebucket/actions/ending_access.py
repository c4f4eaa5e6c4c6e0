"""What ends in an account: who may move which end, and to when."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from onebucket.actions import access, account_overview, member_ends, privileges, project_privileges
from onebucket.actions.account_overview import AccountSummary
from onebucket.actions.privileges import PrivilegeFilter
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.ends import ON_PROJECTS, EndKind, EndWish
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectLevel
from onebucket.domain.refusals import NotFound, Refusal
from onebucket.store import account_rows, administrator_rows, end_rows
from onebucket.store.end_rows import AccessEnd

# At most so many people are named to ask.
MOST_TO_ASK = 5


class Ending(NamedTuple):
    """Access that ends, and whether the actor may move its end."""

    end: AccessEnd
    may_move: bool

    @property
    def level(self) -> Level | ProjectLevel | None:
        """The level that ends; None for a membership."""
        if self.end.level is None:
            return None
        return (ProjectLevel if self.end.kind in ON_PROJECTS else Level)(self.end.level)


@dataclass(frozen=True, slots=True)
class EndingList:
    """What ends in an account and concerns the actor, in the order of the ends.

    `ask` are people who may move what the actor may not.
    """

    summary: AccountSummary
    endings: Sequence[Ending]
    ask: Sequence[Account]


class EndedPlace(NamedTuple):
    """What an end is of: a `holder`, who is a group or a person, in a place."""

    kind: EndKind
    place: str
    holder: str


class MoveRights:
    """Who may move ends in an account: whoever may give that access. Asks once for each person and place."""

    def __init__(self, work: UnitOfWork, owner: Account) -> None:
        self._work = work
        self._owner = owner
        self._known: dict[tuple[str | None, EndKind, str], bool] = {}

    def of_actor(self, end: AccessEnd) -> bool:
        """Return whether the actor of the unit of work may move this end."""
        key = self._work.actor.id, end.kind, end.place_id
        if key not in self._known:
            self._known[key] = self._ask(end)
        return self._known[key]

    def _ask(self, end: AccessEnd) -> bool:
        work, account = self._work, self._owner.id
        try:
            match end.kind:
                case EndKind.MEMBERSHIP:
                    access.group(work, account, end.place, to=To.ADD_MEMBER)
                case EndKind.GROUP_PRIVILEGE | EndKind.PRIVILEGE:
                    access.repository(work, account, end.place, to=To.GRANT_PRIVILEGE)
                case EndKind.PROJECT_GROUP_PRIVILEGE | EndKind.PROJECT_PRIVILEGE:
                    access.project(work, account, end.place, to=To.GRANT_ON_PROJECT)
        except Refusal:
            return False
        return True


def of_account(work: UnitOfWork, account_name: str) -> EndingList:
    """List what ends: everything for administrators, for others what is theirs, or what they gave and may move.

    Raises NotFound.
    """
    summary = account_overview.summary_for_visitors(work, account_name)
    found = end_rows.of_account(work.tx, summary.owner.id)
    if summary.administers:
        return EndingList(summary, [Ending(end, True) for end in found], [])
    rights, me = MoveRights(work, summary.owner), work.actor.id
    mine = [Ending(end, rights.of_actor(end)) for end in found if me in (end.person_id, end.granted_by_id)]
    endings = [each for each in mine if each.may_move or each.end.person_id == me]
    ask = [] if all(each.may_move for each in endings) else to_ask(work, summary.owner)
    return EndingList(summary, endings, ask)


def of_person(work: UnitOfWork, account_name: str, name: str) -> list[Ending]:
    """List what ends of what a person was given in an account, for its administrators. Raises NotFound, Forbidden."""
    owner, person = access.account(work, account_name, to=To.REMOVE_PERSON), access.person(work, name)
    return [Ending(end, True) for end in end_rows.of_account(work.tx, owner.id) if end.person_id == person.id]


def to_ask(work: UnitOfWork, owner: Account) -> list[Account]:
    """Return active people who administer an account, at most `MOST_TO_ASK`; asks for no right of the actor's."""
    if not owner.is_team:
        return [owner]
    people = account_rows.find_many(work.tx, administrator_rows.people_in_charge(work.tx, owner)[:MOST_TO_ASK])
    return sorted(people.values(), key=lambda person: person.username.lower())


def move(work: UnitOfWork, account_name: str, what: EndedPlace, until: EndWish) -> None:
    """Let access end at another time, or not at all.

    Raises NotFound where there is none (any more), Forbidden, Invalid for an end that has passed, LastAdministrator.
    """
    kind, place, holder = what
    match kind:
        case EndKind.MEMBERSHIP:
            member_ends.set_end(work, account_name, place, holder, until)
        case EndKind.GROUP_PRIVILEGE:
            listing = privileges.one(work, account_name, place, account_name, holder, PrivilegeFilter(members=False))
            [level] = listing.set_there.values() or [None]
            if level is None:
                raise _gone(what)
            privileges.set_for_group(work, account_name, place, holder, level, until)
        case EndKind.PRIVILEGE:
            given = privileges.of_person_there(work, account_name, place, holder).level
            if not given:
                raise _gone(what)
            privileges.grant_direct(work, account_name, place, holder, given, until)
        case EndKind.PROJECT_GROUP_PRIVILEGE:
            of_group = project_privileges.of_group(work, account_name, place, holder).level
            if not of_group:
                raise _gone(what)
            project_privileges.set_for_group(work, account_name, place, holder, of_group, until)
        case EndKind.PROJECT_PRIVILEGE:
            of_person = project_privileges.of_person(work, account_name, place, holder).level
            if not of_person:
                raise _gone(what)
            project_privileges.set_for_person(work, account_name, place, holder, of_person, until)


def _gone(what: EndedPlace) -> NotFound:
    return NotFound(
        f"{what.holder} has nothing on {what.place} any more: it has ended or was taken away; give it again"
    )
