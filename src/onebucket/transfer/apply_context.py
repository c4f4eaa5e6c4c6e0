"""State of one apply: known accounts, their snapshots, progress, and the place that refusals refer to."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from onebucket.actions import account_snapshot, accounts
from onebucket.actions.account_snapshot import AccountSnapshot
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account, username_key
from onebucket.domain.ends import EndKind
from onebucket.domain.groups import GroupWithMembers
from onebucket.domain.refusals import Refusal
from onebucket.transfer.model import Document, Team, User, given_fields

Report = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Subject:
    """An account in the documents: `where` it is, its part of them (`after`), and its snapshot `before` the apply."""

    where: str
    after: User | Team
    before: AccountSnapshot

    @property
    def name(self) -> str:
        """Return the account's username as stored, which may differ in case from the documents'."""
        return self.before.account.username

    @property
    def rosters(self) -> dict[str, GroupWithMembers]:
        """Return the account's groups before the apply, by slug."""
        return {roster.group.slug: roster for roster in self.before.rosters}

    def end(self, kind: EndKind, place: str, holder: str) -> datetime | None:
        """Return when something that somebody has in a place ended before the apply, by slug, key and username."""
        return self.before.ends.get((kind, place), {}).get(holder)

    def ends(
        self, of_groups: EndKind, of_people: EndKind, place: str
    ) -> tuple[Mapping[str, datetime], Mapping[str, datetime]]:
        """Return when what groups and people have in a place ended before the apply."""
        return self.before.ends.get((of_groups, place), {}), self.before.ends.get((of_people, place), {})


@dataclass(slots=True)
class Progress:
    """Counts the steps done; calls `report(done, total)` after each."""

    total: int
    report: Report | None
    done: int = 0

    def advance(self) -> None:
        """Count one step and report it."""
        self.done += 1
        if self.report:
            self.report(self.done, self.total)


@dataclass(slots=True)
class ApplyContext:
    """One apply: its unit of work, the known accounts by username key, its progress.

    With `sends_letters`, people with new or changed invitations get mail. `people_by_name` caches people whom the
    documents name by e-mail address or id.
    """

    work: UnitOfWork
    accounts_by_key: dict[str, Account]
    progress: Progress
    sends_letters: bool = False
    people_by_name: dict[str, Account] = field(default_factory=dict)

    def account(self, username: str) -> Account | None:
        """Return the account with this username, also one added by this apply, or None."""
        return self.accounts_by_key.get(username_key(username))

    def person(self, name: str) -> Account:
        """Return the person with this username, e-mail address or id. Raises what `access.person` raises."""
        account = self.account(name)
        if account and not account.is_team:
            return account
        if name not in self.people_by_name:
            self.people_by_name[name] = accounts.profile(self.work, name).account
        return self.people_by_name[name]

    def add(self, account: Account) -> Account:
        """Add an account that this apply has created; return it."""
        self.accounts_by_key[username_key(account.username)] = account
        return account

    def rename(self, after: Account, before: Account) -> None:
        """Replace an account by itself under its new username."""
        del self.accounts_by_key[username_key(before.username)]
        self.add(after)


def with_progress(work: UnitOfWork, document: Document, report: Report | None) -> ApplyContext:
    """Return the context for applying a document, with all accounts of the site loaded."""
    accounts_by_key = {username_key(account.username): account for account in account_snapshot.everyone(work)}
    return ApplyContext(work, accounts_by_key, Progress(_steps(document), report))


def _steps(document: Document) -> int:
    steps = 0
    accounts: list[User | Team] = [*document.users, *document.teams]
    for account in accounts:
        steps += 1 + len(given_fields(account.invitations) or ()) + len(given_fields(account.webhooks) or ())
        for group in given_fields(account.groups) or ():
            steps += 1 + len(given_fields(group.members) or ())
        for project in given_fields(account.projects) or ():
            steps += 1 + len(given_fields(project.privileges) or ()) + len(given_fields(project.users) or ())
        for repository in given_fields(account.repositories) or ():
            steps += 1 + len(given_fields(repository.privileges) or ()) + len(given_fields(repository.users) or ())
    return steps


@contextmanager
def describe(where: str) -> Iterator[None]:
    """Prefix the sentence of a refusal raised inside with its place in the documents."""
    try:
        yield
    except Refusal as refusal:
        refusal.sentence = f"{where}: {refusal.sentence}"
        refusal.args = (refusal.sentence,)
        raise


def describe_new(account: Account) -> AccountSnapshot:
    """Return the empty snapshot of an account that was just created."""
    return AccountSnapshot(account, (), None, [], [], {}, [], {}, [])
