"""What everybody who asks may see of a person or a team: who they are, and the repositories that the asker can see."""

from datetime import datetime

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.policy import To
from onebucket.domain.repositories import Repository
from onebucket.store import repository_rows


def profile_of(
    work: UnitOfWork, name: str | None
) -> tuple[Account, list[tuple[Repository, tuple[datetime, datetime]]]]:
    """The account so named, or the asker's own, and its repositories that the asker can see, by slug.

    With each repository come the moments when it was made and changed last. Raises NotFound.
    """
    owner = access.account(work, name, to=To.SEE_PROFILE) if name else access.oneself(work, to=To.SEE_PROFILE)
    found = repository_rows.dated(work.tx, owner.id)
    seen = access.seen(work, owner, [repository for repository, _ in found])
    return owner, [each for each in found if each[0].id in seen]
