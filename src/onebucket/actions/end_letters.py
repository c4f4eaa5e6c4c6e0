"""Letters about access that ends soon: to whoever has it, and to whoever gave it.

They are due 7 days and 1 day before, counted in days of UTC: what ends on one day is in one letter. Which days are done
is one value of the site, written in the transaction that queues the letters. So each is queued once, whichever process
does it, and nobody gets a letter of seven days about what was given for three.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from onebucket.actions import access, ending_access
from onebucket.actions.ending_access import MoveRights
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account, Actor
from onebucket.domain.letters import OutboxMail
from onebucket.store import account_rows, administrator_rows, end_rows, site_values
from onebucket.store.end_rows import AccessEnd

# Days before an end on which letters go out.
DAYS_BEFORE = (1, 7)
# The last day whose letters were queued, among the values of the site.
_DONE = "end_letters"


@dataclass(slots=True)
class EndingAccess:
    """What ends on one day in an account, for one reader: their own access, and what they answer for.

    `ask` are people who may extend what is theirs; empty if they can do it themselves.
    """

    own: list[AccessEnd] = field(default_factory=list)
    given: list[AccessEnd] = field(default_factory=list)
    ask: Sequence[Account] = ()


class EndingDays:
    """What ends on a day in an account, by the ids of those who get a letter about it; read once in a transaction."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work
        self._read: dict[tuple[str, date], Mapping[str, EndingAccess]] = {}

    def of(self, owner: Account, letter: OutboxMail) -> EndingAccess | None:
        """Return what a letter is about, as it is now; None if nothing ends then any more."""
        day = letter.ending_day
        if (owner.id, day) not in self._read:
            found = end_rows.between(self._work.tx, *_limits(day), owner.id)
            self._read[owner.id, day] = _by_reader(self._work, owner, found)
        about = self._read[owner.id, day].get(letter.about)
        if about and about.own and not _may_move_all(self._work, owner, about.own, letter.about):
            about.ask = ending_access.to_ask(self._work, owner)
        return about


def queue_due(work: UnitOfWork) -> bool:
    """Queue the letters that are due today, and those of days that were missed; return whether that was still to do.

    For the operator.
    """
    access.site(work)
    today = work.at.astimezone(UTC).date()
    done = site_values.get_value(work.tx, _DONE)
    first = date.fromisoformat(done) + timedelta(days=1) if done else today
    if first > today:
        return False

    readers = {
        (owner.id, reader, day): (owner, day)
        for day in _days(first, today)
        for owner, found in _by_account(work, day)
        for reader in _by_reader(work, owner, found)
    }
    for (_, reader, _), (owner, day) in readers.items():
        person = account_rows.by_id(work.tx, reader)
        if person is not None and person.is_active:
            work.queue_end_letter(owner, reader, day)
    site_values.set_value(work.tx, _DONE, today.isoformat())
    return True


def _days(first: date, today: date) -> Iterator[date]:
    """Yield the days of ends whose letters are due from one day to another; each once, and none that has passed."""
    days = {day + timedelta(days=ahead) for ahead in DAYS_BEFORE for day in _each_day(first, today)}
    yield from sorted(day for day in days if day >= today)


def _each_day(first: date, last: date) -> Iterator[date]:
    # After a month without a server nothing that was missed is still to come.
    first = max(first, last - timedelta(days=max(DAYS_BEFORE)))
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def _limits(day: date) -> tuple[datetime, datetime]:
    start = datetime.combine(day, time(), UTC)
    return start, start + timedelta(days=1)


def _by_account(work: UnitOfWork, day: date) -> Iterator[tuple[Account, list[AccessEnd]]]:
    found: dict[str, list[AccessEnd]] = defaultdict(list)
    for end in end_rows.between(work.tx, *_limits(day)):
        found[end.account_id].append(end)
    for id, ends in found.items():
        owner = account_rows.by_id(work.tx, id)
        if owner is not None:
            yield owner, ends


def _by_reader(work: UnitOfWork, owner: Account, found: Sequence[AccessEnd]) -> Mapping[str, EndingAccess]:
    """Group ends by who gets a letter: whoever has the access, and whoever gave it, if they may still give it.

    Otherwise the administrators answer for it. Nobody gets the same line twice.
    """
    readers: dict[str, EndingAccess] = defaultdict(EndingAccess)
    rights, administrators = MoveRights(work, owner), administrator_rows.people_in_charge(work.tx, owner)
    for end in found:
        if end.person_id:
            readers[end.person_id].own.append(end)
        answering = [end.granted_by_id] if _may_give(work, rights, end) else administrators
        for reader in answering:
            if reader and reader != end.person_id:
                readers[reader].given.append(end)
    return readers


def _may_give(work: UnitOfWork, rights: MoveRights, end: AccessEnd) -> bool:
    granter = account_rows.by_id(work.tx, end.granted_by_id) if end.granted_by_id else None
    if granter is None or not granter.is_active:
        return False
    with work.on_behalf(Actor(granter, "ends")):
        return rights.of_actor(end)


def _may_move_all(work: UnitOfWork, owner: Account, ends: Sequence[AccessEnd], reader: str) -> bool:
    person = account_rows.by_id(work.tx, reader)
    if person is None:
        return False
    rights = MoveRights(work, owner)
    with work.on_behalf(Actor(person, "ends")):
        return all(rights.of_actor(end) for end in ends)
