"""What mirrors need of an account: what everybody may do here, and what they have set at the host."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.groups import AccountPrivilege, Group
from onebucket.domain.level_sets import LevelRows, LevelSets, People
from onebucket.domain.mirror_grants import GrantKind
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level, group_level
from onebucket.domain.repositories import Repository
from onebucket.store import (
    account_rows,
    account_summaries,
    email_rows,
    group_rows,
    level_rows,
    mirror_rows,
    project_rows,
    repository_rows,
)

# A repository's slug or a project's key, and a person's account_id or a group's slug.
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class MirroredAccess:
    """What everybody may do on the mirrored repositories of `owner`: levels by repository slug and account_id.

    Levels from a public repository alone are left out. `names` are usernames by account_id, `groups` names by slug.
    `of_groups` is what groups have on repositories, from whatever gives it, and `on_projects` what they were given on
    projects, as levels on the repositories there. `set_there` is what the mirror has set at the host so far, `revision`
    the account's. `members` are account_ids by slug of groups that don't administer the account; `invited` is whom the
    mirror has invited there by account_id, and when.
    """

    owner: Account
    revision: int
    levels: dict[Place, Level]
    names: dict[str, str]
    groups: dict[str, str]
    of_groups: dict[Place, Level]
    on_projects: dict[Place, Level]
    set_there: dict[GrantKind, set[Place]]
    invited: dict[str, datetime]
    at: datetime
    members: dict[str, set[str]]

    def known_as(self, ids: Mapping[str, str]) -> "MirroredAccess":
        """Return the same with other ids for some people, by account_id."""
        return replace(
            self,
            levels={(slug, ids.get(person, person)): level for (slug, person), level in self.levels.items()},
            names={ids.get(person, person): name for person, name in self.names.items()},
            members={slug: {ids.get(each, each) for each in members} for slug, members in self.members.items()},
            invited={ids.get(person, person): at for person, at in self.invited.items()},
        )

    def groups_of(self, person_id: str) -> list[str]:
        """Return the slugs of the groups that a person is in and that don't administer the account, in order."""
        return sorted(slug for slug, members in self.members.items() if person_id in members)


def repository_slugs(work: UnitOfWork, account_name: str) -> set[str]:
    """Return the slugs of an account's repositories, for administrators. Raises NotFound, Forbidden."""
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    return {repository.slug for repository in repository_rows.of_account(work.tx, owner.id)}


def revision(work: UnitOfWork, account_name: str) -> int:
    """Return the revision of an account: a new number with each change. Raises NotFound, Forbidden."""
    return account_rows.revision(work.tx, access.account(work, account_name, to=To.SEE_PRIVILEGES).id)


def read(work: UnitOfWork, account_name: str, mirror: str, includes: Callable[[str], bool]) -> MirroredAccess:
    """Return what a mirror compares with the host; `includes` says which repositories, by slug. For administrators.

    Raises NotFound, Forbidden.
    """
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    revision = account_rows.revision(work.tx, owner.id)
    repositories = [each for each in repository_rows.of_account(work.tx, owner.id) if includes(each.slug)]
    people = People([each for each in account_summaries.people(work.tx, owner.id) if each.aaid])
    rows, groups = level_rows.of_account(work.tx, owner), group_rows.of_account(work.tx, owner.id)
    ids = {each.id: str(each.aaid) for each in people.all}
    set_there: dict[GrantKind, set[Place]] = {kind: set() for kind in GrantKind}
    for each in mirror_rows.of_mirror(work.tx, owner.id, mirror):
        set_there[each.kind].add((each.repository, each.person))
    return MirroredAccess(
        owner,
        revision,
        _of_people(LevelSets(owner, people, rows), repositories),
        {str(each.aaid): each.username for each in people.all},
        {each.slug: each.name for each in groups},
        _of_groups(rows, groups, repositories),
        {
            (project.key, group.slug): level
            for project in project_rows.of_account(work.tx, owner.id)
            for group in groups
            if (level := rows.of_groups.get(project.id, {}).get(group.id))
        },
        set_there,
        mirror_rows.invited(work.tx, owner.id, mirror),
        work.at,
        {
            each.slug: {ids[id] for id in rows.members.get(each.id, ()) if id in ids}
            for each in groups
            if each.account_privilege is not AccountPrivilege.ADMIN
        },
    )


def addresses(work: UnitOfWork, account_name: str) -> dict[str, str]:
    """Return the primary e-mail addresses of an account's people, by account_id, for administrators.

    Those that no letter reaches, because an import didn't know them, are left out. Raises NotFound, Forbidden.
    """
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    of_everybody = email_rows.of_everybody(work.tx)
    primary = {each: of_everybody.get(each.id, []) for each in account_summaries.people(work.tx, owner.id)}
    return {
        str(person.aaid): emails[0].address
        for person, emails in primary.items()
        if emails and emails[0].is_primary and not emails[0].key.endswith(".invalid")
    }


def _of_people(sets: LevelSets, repositories: Iterable[Repository]) -> dict[Place, Level]:
    levels: dict[Place, Level] = {}
    for repository in repositories:
        on_it = sets.on(repository)
        for level in Level.READ, Level.WRITE, Level.ADMIN:
            for person in sets.people.in_set(on_it.exactly(level)):
                levels[repository.slug, str(person.aaid)] = level
    return levels


def _of_groups(rows: LevelRows, groups: Iterable[Group], repositories: Iterable[Repository]) -> dict[Place, Level]:
    levels: dict[Place, Level] = {}
    for repository in repositories:
        set_there, by_project = (rows.of_groups.get(id, {}) for id in (repository.id, repository.project_id))
        for group in groups:
            level = group_level(set_there=set_there.get(group.id), permission=group.permission)
            if level := max(level, by_project.get(group.id, Level.NONE)):
                levels[repository.slug, group.slug] = level
    return levels
