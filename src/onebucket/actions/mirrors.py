"""What mirrors need of an account, and what they write down: levels of everybody here, and what was set at a host."""

from collections.abc import Callable
from dataclasses import dataclass

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.events import Event
from onebucket.domain.level_sets import LevelSets, People
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level
from onebucket.store import account_rows, account_summaries, level_rows, mirror_rows, repository_rows
from onebucket.store.mirror_rows import MirroredPermission


@dataclass(frozen=True, slots=True)
class MirroredAccess:
    """What everybody may do on the mirrored repositories of `owner`: levels by repository slug and account_id.

    Levels from a public repository alone are left out. `names` are usernames by account_id, `set_there` is what the
    mirror has set at the host so far, `revision` the account's.
    """

    owner: Account
    revision: int
    levels: dict[tuple[str, str], Level]
    names: dict[str, str]
    set_there: dict[tuple[str, str], Level]


def repository_slugs(work: UnitOfWork, account_name: str) -> set[str]:
    """Return the slugs of an account's repositories, for administrators. Raises NotFound, Forbidden."""
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    return {repository.slug for repository in repository_rows.of_account(work.tx, owner.id)}


def revision(work: UnitOfWork, account_name: str) -> int:
    """Return the revision of an account: a new number with each change. Raises NotFound, Forbidden."""
    return account_rows.revision(work.tx, access.account(work, account_name, to=To.SEE_PRIVILEGES).id)


def mirrored_access(
    work: UnitOfWork, account_name: str, mirror: str, includes: Callable[[str], bool]
) -> MirroredAccess:
    """Return what a mirror compares with the host; `includes` says which repositories, by slug. For administrators.

    Raises NotFound, Forbidden.
    """
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    revision = account_rows.revision(work.tx, owner.id)
    people = People([each for each in account_summaries.people(work.tx, owner.id) if each.aaid])
    sets = LevelSets(owner, people, level_rows.of_account(work.tx, owner))

    levels: dict[tuple[str, str], Level] = {}
    for repository in repository_rows.of_account(work.tx, owner.id):
        if includes(repository.slug):
            on_it = sets.on(repository)
            for level in Level.READ, Level.WRITE, Level.ADMIN:
                for person in people.in_set(on_it.exactly(level)):
                    levels[repository.slug, str(person.aaid)] = level
    set_there = {
        (each.repository, each.person): each.level for each in mirror_rows.of_mirror(work.tx, owner.id, mirror)
    }
    return MirroredAccess(owner, revision, levels, {str(each.aaid): each.username for each in people.all}, set_there)


def intend(work: UnitOfWork, owner: Account, mirror: str, permission: MirroredPermission) -> None:
    """Write down that a mirror is about to set a permission at the host.

    It is written before the request: if the server stops in between, the mirror still knows that it is its own.
    """
    mirror_rows.put(work.tx, owner.id, mirror, permission, at=work.at)


def record_set(
    work: UnitOfWork, owner: Account, mirror: str, permission: MirroredPermission, *, name: str, before: Level
) -> None:
    """Write to the journal that a mirror has set a permission at the host, and what was there before."""
    facts = {"mirror": mirror, "user": name, "account_id": permission.person}
    work.record_attempt(
        Event.MIRROR_SET,
        owner,
        permission.repository,
        before=facts | {"permission": before.word},
        after=facts | {"permission": permission.level.word},
    )


def record_removal(work: UnitOfWork, owner: Account, mirror: str, permission: MirroredPermission, *, name: str) -> None:
    """Write to the journal that a mirror has taken a permission away at the host; `permission` is what was there."""
    mirror_rows.remove(work.tx, owner.id, mirror, permission.repository, permission.person)
    work.record_attempt(
        Event.MIRROR_REMOVED,
        owner,
        permission.repository,
        before={"mirror": mirror, "user": name, "account_id": permission.person, "permission": permission.level.word},
    )
