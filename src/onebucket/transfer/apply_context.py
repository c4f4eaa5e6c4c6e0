"""What an apply carries along: who is who, what each account has, how far it has got, and where it is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from onebucket.actions import account_snapshot, accounts
from onebucket.actions.account_snapshot import AccountSnapshot
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account, username_key
from onebucket.domain.groups import GroupWithMembers
from onebucket.domain.refusals import NoSuchGroup, Refusal
from onebucket.transfer.model import Document, Team, User, given_fields

Report = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Subject:
    """An account that the documents name: what they say of it, and what it had before."""

    where: str
    after: User | Team
    before: AccountSnapshot

    @property
    def name(self) -> str:
        """The account's username, as it is stored."""
        return self.before.account.username

    @property
    def rosters(self) -> dict[str, GroupWithMembers]:
        """The groups it had, by slug."""
        return {roster.group.slug: roster for roster in self.before.rosters}


@dataclass(slots=True)
class Progress:
    """How many of the things that the documents name are done; `report` hears of each."""

    total: int
    report: Report | None
    done: int = 0

    def advance(self) -> None:
        """One more thing is done."""
        self.done += 1
        if self.report:
            self.report(self.done, self.total)


@dataclass(slots=True)
class ApplyContext:
    """One apply: its work, the accounts by the form in which usernames are the same, its progress.

    `sends_letters`: whoever is invited anew, or to something else, gets a letter. `named` are the people who were named
    by something else than their usernames.
    """

    work: UnitOfWork
    known: dict[str, Account]
    progress: Progress
    sends_letters: bool = False
    named: dict[str, Account] = field(default_factory=dict)

    def account(self, username: str) -> Account | None:
        """The account of that username, if there is one by now."""
        return self.known.get(username_key(username))

    def person(self, name: str) -> Account:
        """The person meant by a username, or by anything else a person can be named by. Raises what access does."""
        found = self.account(name)
        if found and not found.is_team:
            return found
        if name not in self.named:
            self.named[name] = accounts.profile(self.work, name).account
        return self.named[name]

    def add(self, account: Account) -> Account:
        """Remember an account that was made just now."""
        self.known[username_key(account.username)] = account
        return account


def with_progress(work: UnitOfWork, document: Document, report: Report | None) -> ApplyContext:
    """The job of applying a document."""
    known = {username_key(account.username): account for account in account_snapshot.everyone(work)}
    return ApplyContext(work, known, Progress(_steps(document), report))


def _steps(document: Document) -> int:
    steps = 0
    accounts: list[User | Team] = [*document.users, *document.teams]
    for account in accounts:
        steps += 1 + len(given_fields(account.invitations) or ())
        for group in given_fields(account.groups) or ():
            steps += 1 + len(given_fields(group.members) or ())
        for repository in given_fields(account.repositories) or ():
            steps += 1 + len(given_fields(repository.privileges) or ()) + len(given_fields(repository.users) or ())
    return steps


@contextmanager
def describe(where: str) -> Iterator[None]:
    """Let every refusal inside say what it is about."""
    try:
        yield
    except Refusal as refusal:
        what = "there is no such group" if isinstance(refusal, NoSuchGroup) else refusal.sentence
        refusal.sentence = f"{where}: {what}"
        refusal.args = (refusal.sentence,)
        raise


def describe_new(account: Account) -> AccountSnapshot:
    """What an account has that was made just now, with nothing."""
    return AccountSnapshot(account, (), None, [], [], {}, [])
