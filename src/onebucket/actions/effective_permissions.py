"""What everybody may do on which repository, through whatever: the decision of `/api/access`, in pages."""

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.filters import ListQuery
from onebucket.domain.level_pages import LevelPages, Permission
from onebucket.domain.level_sets import LevelSets, People
from onebucket.domain.policy import To
from onebucket.store import account_summaries, level_rows, own_level_rows, repository_rows

# The repositories' account, a page of permissions, and how many there are on all pages.
PermissionPage = tuple[Account, list[Permission], int]


def of_account(work: UnitOfWork, account_name: str, query: ListQuery) -> PermissionPage:
    """List everybody's level on each repository of an account, by repository and username; for its administrators.

    Levels that a public repository gives to everybody are left out. Raises NotFound, Forbidden.
    """
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    people = People(account_summaries.people(work.tx, owner.id, with_site=True))
    sets = LevelSets(owner, people, level_rows.of_account(work.tx, owner))
    repositories = repository_rows.of_account(work.tx, owner.id)
    return owner, *LevelPages(owner, sets, repositories).page(query)


def of_repository(work: UnitOfWork, account_name: str, slug: str, query: ListQuery) -> PermissionPage:
    """Like `of_account`, on one repository; for administrators of the account or the repository."""
    owner, repository = access.repository(work, account_name, slug, to=To.GRANT_PRIVILEGE)
    people = People(account_summaries.people(work.tx, owner.id, with_site=True))
    sets = LevelSets(owner, people, level_rows.of_repository(work.tx, owner, repository))
    return owner, *LevelPages(owner, sets, [repository]).page(query)


def own(
    work: UnitOfWork, query: ListQuery, *, account_name: str | None = None
) -> tuple[list[tuple[Account, Permission]], int]:
    """List the actor's own level on each repository of an account, or of all, each with its account.

    Raises NotFound, and Forbidden when the caller is anonymous.
    """
    person = access.oneself(work, to=To.SEE_PROFILE)
    if account_name is None:
        found, size = own_level_rows.anywhere(work.tx, person, query)
    else:
        owner = access.account(work, account_name, to=To.SEE_PROFILE)
        found, size = own_level_rows.in_account(work.tx, person, owner, query)
    return [(owner, Permission(repository, person, level)) for owner, repository, level in found], size
