"""Public profiles of people and teams, with the repositories that the actor can see."""

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
    """Return the named account, or the actor's own, and those of its repositories that the actor can see, by slug.

    Each repository comes with the times when it was created and last changed. Raises NotFound.
    """
    owner = access.account(work, name, to=To.SEE_PROFILE) if name else access.oneself(work, to=To.SEE_PROFILE)
    dated = repository_rows.dated(work.tx, owner.id)
    visible = access.seen(work, owner, [repository for repository, _ in dated])
    return owner, [pair for pair in dated if pair[0].id in visible]
