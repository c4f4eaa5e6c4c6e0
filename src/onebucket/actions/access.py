"""Loads accounts, groups, projects, repositories and people for actions, and checks permissions on the way.

Actions get stored objects only from here: they name the object and the permission (`to=To.…`) they need.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from onebucket.actions import reviewers
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import policy
from onebucket.domain.accounts import NOBODY, Account, bare_uuid
from onebucket.domain.directories import Directory
from onebucket.domain.groups import Group
from onebucket.domain.policy import Standing, To
from onebucket.domain.privileges import Level, strongest
from onebucket.domain.projects import Project
from onebucket.domain.refusals import Forbidden, Invalid, NoSuchGroup, NotFound, Refusal, UnknownEmail
from onebucket.domain.repositories import Repository
from onebucket.domain.reviews import Review, Row
from onebucket.domain.suggestions import Kind, Sought
from onebucket.safe_text import quote_text
from onebucket.store import (
    access_inputs,
    account_rows,
    directory_rows,
    group_rows,
    prefetch,
    project_privilege_rows,
    project_rows,
    repository_rows,
    review_rows,
    reviewed_access,
)
from onebucket.store.access_inputs import AccessInputs
from onebucket.store.prefetch import Names

# Prefix of ids that no row has.
_NO_ID = "00000000-0000-0000-0000-"
_NO_PROJECT = f"{_NO_ID}{0:012x}"


def account(work: UnitOfWork, name: str, *, to: To) -> Account:
    """Return the account with this username, e-mail address or id (contract/api-1.0.md#1.2).

    Raises NotFound, Forbidden.
    """
    row = _account(work, name)

    _permit(_standing(work, row, is_self=row.id == work.actor.id), to)

    return row


def oneself(work: UnitOfWork, *, to: To) -> Account:
    """Return the actor's own account. Raises Forbidden when the caller is anonymous."""
    if work.actor.id is None:
        raise Forbidden("sign in first")
    return account(work, work.actor.id, to=to)


def group(
    work: UnitOfWork, account_name: str, slug: str, *, to: To, member: str | None = None
) -> tuple[Account, Group]:
    """Return the account and its group with this slug. Raises NotFound, NoSuchGroup, Forbidden.

    `member` names the member concerned, for permissions that people have over themselves. Nobody changes the members of
    a group that a directory keeps.
    """
    owner = _account(work, account_name, group=slug)
    row = group_rows.find(work.tx, owner.id, slug)
    if row is None:
        raise NoSuchGroup(Sought(Kind.GROUP, slug, owner.id))

    is_self = member is not None and _is_actor(work, member)
    _permit(_standing(work, owner, row, is_self=is_self), to)
    if to in policy.OF_THE_DIRECTORY:
        check_not_kept(work, row)

    return owner, row


def check_not_kept(work: UnitOfWork, group: Group) -> None:
    """Refuse a group that a directory keeps; the sentence names the directory. Raises Forbidden."""
    if group.directory_id is None:
        return
    directory = directory_rows.by_id(work.tx, group.account_id, group.directory_id)
    label = directory.label if directory else group.directory_id
    raise Forbidden(f"the group {group.slug} is kept by the directory {label}: change its name and its members there")


def directory(work: UnitOfWork, account_name: str, name: str, *, to: To) -> tuple[Account, Directory]:
    """Return the account and its directory with this label or id. Raises NotFound, Forbidden."""
    owner = account(work, account_name, to=to)
    row = next((each for each in directory_rows.of_account(work.tx, owner.id) if name in (each.label, each.id)), None)
    if row is None:
        raise NotFound(f"{owner.username} has no directory {quote_text(name)}")
    return owner, row


def review(work: UnitOfWork, account_name: str, id: str, *, to: To) -> tuple[Account, Review]:
    """Return the account and its access review with this id. Raises NotFound, Forbidden."""
    owner = account(work, account_name, to=to)
    return owner, _require_review(owner, id, _review(work, owner, id))


def reviewed(work: UnitOfWork, account_name: str, id: str, *, to: To) -> tuple[Account, Review, list[Row]]:
    """Return the account, its access review, and the rows that the actor may answer. Raises NotFound, Forbidden."""
    owner = _account(work, account_name)
    found = _review(work, owner, id)
    standing = _standing(work, owner)
    rows = reviewed_access.of_review(work.tx, found) if found else []
    if found is not None and work.actor.account is not None and not standing.administers:
        rows = reviewers.rows_for(work.tx, owner, found, rows, work.actor.account)
        standing = standing._replace(is_reviewer=bool(rows))

    _permit(standing, to)
    return owner, _require_review(owner, id, found), rows


def _review(work: UnitOfWork, owner: Account, id: str) -> Review | None:
    uuid = bare_uuid(id)
    return review_rows.find(work.tx, owner.id, uuid) if uuid else None


def _require_review(owner: Account, id: str, found: Review | None) -> Review:
    if found is None:
        raise NotFound(f"{owner.username} has no access review {quote_text(id)}")
    return found


def calling_directory(work: UnitOfWork, id: str, *, to: To) -> tuple[Account, Directory]:
    """Return the directory that the actor is, with its team; `id` is the one that it says it is. Raises Forbidden."""
    identity = work.actor.directory
    _permit(Standing(is_directory=identity is not None and identity.id == id), to)
    assert identity is not None
    team, row = account_rows.by_id(work.tx, identity.account_id), directory_rows.by_id(work.tx, identity.account_id, id)
    assert team is not None and row is not None
    return team, row


def project(work: UnitOfWork, account_name: str, key: str, *, to: To) -> tuple[Account, Project]:
    """Return the account and its project with this key, in any case. Raises NotFound, Forbidden.

    A project that the actor can't see is not found.
    """
    owner = _account(work, account_name)
    row = project_rows.find(work.tx, owner.id, key)
    standing = _standing(work, owner)
    if work.actor.id is not None and not standing.administers:
        id = row.id if row else _NO_PROJECT
        level = project_privilege_rows.strongest_there(work.tx, owner.id, id, work.actor.id)
        standing = standing._replace(project_level=level)

    standing = standing._replace(is_public=row is not None and not row.is_private)
    if row is None or not policy.may(standing, To.SEE_PROJECT):
        raise NotFound(f"{owner.username} has no project {quote_text(key)}", Sought(Kind.PROJECT, key, owner.id))
    _permit(standing, to)
    return owner, row


def projects(work: UnitOfWork, account_name: str) -> tuple[Account, list[Project]]:
    """Return the account and those of its projects that the actor can see, by key. Raises NotFound."""
    owner = account(work, account_name, to=To.LIST_PROJECTS)
    return owner, seen_projects(work, owner, project_rows.of_account(work.tx, owner.id))


def seen_projects(work: UnitOfWork, owner: Account, projects: Iterable[Project]) -> list[Project]:
    """Return those of an account's `projects` that the actor can see."""
    standing = _standing(work, owner)
    levels = (
        project_privilege_rows.strongest(work.tx, owner.id, work.actor.id)
        if work.actor.id is not None and not standing.administers
        else {}
    )
    return [
        row
        for row in projects
        if policy.may(
            standing._replace(project_level=levels.get(row.id, standing.project_level), is_public=not row.is_private),
            To.SEE_PROJECT,
        )
    ]


def repository(work: UnitOfWork, account_name: str, slug: str, *, to: To) -> tuple[Account, Repository]:
    """Return the account and its repository with this slug. Raises NotFound, Forbidden.

    A private repository that the actor can't see is not found (contract/api-1.0.md#1.10).
    """
    owner = _account(work, account_name, repository=slug)
    row = repository_rows.find(work.tx, owner.id, slug)
    standing = _standing(work, owner)
    levels = _levels(work, owner, standing, [row or _placeholder(owner)])

    return owner, _require_repository(owner, slug, row, standing, levels, to)


def repository_asked_for(
    work: UnitOfWork, account_name: str, slug: str, *, to: To
) -> tuple[Account, Repository | None, Level]:
    """Return the account, its repository with this slug, and the actor's level there, though they may not see it.

    Only for requests: what the actor is told must be the same whether there is a repository that they can't see.
    Raises NotFound when the account doesn't exist.
    """
    owner = _account(work, account_name, repository=slug)
    row = repository_rows.find(work.tx, owner.id, slug)
    standing = _standing(work, owner)
    place = row or _placeholder(owner)
    levels = _levels(work, owner, standing, [place])
    _permit(standing, to)
    if levels is None:
        return owner, row, Level.ADMIN
    # The default permissions of groups would be a level on a repository that isn't there, too.
    return owner, row, levels[place.id] if row is not None else Level.NONE


def each_repository(
    work: UnitOfWork, account_name: str, pairs: Collection[tuple[str, Account]], *, to: To
) -> tuple[Account, list[Repository | Refusal], AccessInputs]:
    """Look up several repositories at once: return the account and, in order, each repository or its refusal.

    `pairs` are (slug, the person concerned), for permissions that people have over themselves. The inputs are those of
    each pair, because what decides whether the actor may ask is loaded with them.
    Raises NotFound when the account doesn't exist.
    """
    requested = [(slug, person.id == work.actor.id) for slug, person in pairs]
    owner = _account(work, account_name, repository=requested[0][0] if len(requested) == 1 else None)
    rows = repository_rows.among(work.tx, owner.id, {slug for slug, _ in requested})
    standing = _standing(work, owner)
    missing = dict.fromkeys(slug for slug, _ in requested if slug not in rows)
    places = rows | {slug: _placeholder(owner, number) for number, slug in enumerate(missing)}
    inputs, levels = _inputs(work, owner, standing, places.values(), [(person, places[slug]) for slug, person in pairs])

    standings = standing._replace(is_self=False), standing._replace(is_self=True)
    results: dict[tuple[str, bool], Repository | Refusal] = {}
    for slug, is_self in set(requested):
        try:
            results[slug, is_self] = _require_repository(owner, slug, rows.get(slug), standings[is_self], levels, to)
        except (NotFound, Forbidden) as refusal:
            results[slug, is_self] = refusal
    return owner, [results[key] for key in requested], inputs


def group_of(work: UnitOfWork, owner: Account, owner_name: str, slug: str) -> Group:
    """Return a group of an account that the caller has loaded already. Raises NotFound, NoSuchGroup.

    A group of another account is not found (contract/api-1.0.md#1.3).
    """
    if _account(work, owner_name).id != owner.id:
        raise NotFound(f"the group is not one of {owner.username}")
    row = group_rows.find(work.tx, owner.id, slug)
    if row is None:
        raise NoSuchGroup(Sought(Kind.GROUP, slug, owner.id))
    return row


def person(work: UnitOfWork, name: str, *, to: To | None = None) -> Account:
    """Return the person with this username, e-mail address or id. Without `to`, anybody may look anybody up.

    Raises UnknownEmail, NotFound, Invalid for a team, Forbidden.
    """
    account = _require_person(name, account_rows.named(work.tx, name))

    if to is not None:
        _permit(_standing(work, account, is_self=account.id == work.actor.id), to)

    return account


def each_person(work: UnitOfWork, names: Iterable[str]) -> dict[str, Account | Refusal]:
    """Look up several people at once: map each name to the person or to the refusal that `person` would raise."""
    requested = set(names)
    rows = account_rows.find_many(work.tx, requested)

    results: dict[str, Account | Refusal] = {}
    for name in requested:
        try:
            results[name] = _require_person(name, rows.get(name))
        except (NotFound, Invalid) as refusal:
            results[name] = refusal
    return results


def administers(work: UnitOfWork, owner: Account) -> bool:
    """Return whether the actor administers an account that has been loaded already."""
    return _standing(work, owner).administers


def seen(work: UnitOfWork, owner: Account, repositories: Sequence[Repository]) -> frozenset[str]:
    """Return the ids of those of the `repositories` that the actor can see (contract/api-1.0.md#1.10)."""
    actor = work.actor.account
    if actor is None or administers(work, owner):
        return frozenset(repository.id for repository in repositories)
    inputs = access_inputs.load(work.tx, owner, repositories, [actor])
    visible = (
        equivalent
        for equivalent in inputs.group_equivalent_repositories(repositories)(actor)
        if strongest(inputs.ways(actor, equivalent[0]))
    )
    return frozenset(repository.id for equivalent in visible for repository in equivalent)


def site(work: UnitOfWork) -> None:
    """Require that the actor may run the site. Raises Forbidden."""
    _permit(Standing(is_site_admin=work.actor.is_site_admin), To.RUN_SITE)


def attempted(work: UnitOfWork, name: str | None) -> Account | None:
    """Return the account that a refused attempt was aimed at: the named one, otherwise the actor's own.

    Checks no permission: use it only to write the journal, and never show the result to the actor.
    """
    row = account_rows.named(work.tx, name) if name else None
    if row is None and work.actor.directory is not None:
        return account_rows.by_id(work.tx, work.actor.directory.account_id)
    return row or work.actor.account


def nobody(work: UnitOfWork) -> None:
    """Require that the caller is anonymous. Raises Forbidden."""
    if work.actor != NOBODY:
        raise Forbidden("somebody is signed in")


def _account(work: UnitOfWork, name: str, *, group: str | None = None, repository: str | None = None) -> Account:
    """Return the account that is named; `group` or `repository` is the slug of what is asked for in it afterwards."""
    if work.actor.id is not None:
        prefetch.load(work.tx, work.actor.id, Names(name, group, repository))
    row = account_rows.named(work.tx, name)
    if row is None:
        raise NotFound(f"there is no account {quote_text(name)}", Sought(Kind.ACCOUNT, name))
    return row


def _require_person(name: str, row: Account | None) -> Account:
    if row is None and "@" in name:
        raise UnknownEmail
    if row is None:
        raise NotFound(f"there is no user {quote_text(name)}", Sought(Kind.PERSON, name))
    if row.is_team:
        raise Invalid(f"{row.username} is a team, not a person", field="person")
    return row


def _levels(
    work: UnitOfWork, owner: Account, standing: Standing, repositories: Collection[Repository]
) -> Mapping[str, Level] | None:
    """Return the actor's level on each repository by its id; None when the actor administers the account."""
    if work.actor.account is None or standing.administers:
        return None
    _, levels = _inputs(work, owner, standing, repositories)
    return levels


def _inputs(
    work: UnitOfWork,
    owner: Account,
    standing: Standing,
    repositories: Collection[Repository],
    pairs: Sequence[tuple[Account, Repository]] = (),
) -> tuple[AccessInputs, Mapping[str, Level] | None]:
    """Return the access inputs of these pairs, and what `_levels` does, which needs the actor's on each repository."""
    actor = None if standing.administers else work.actor.account
    own = [] if actor is None else [(actor, repository) for repository in repositories]
    inputs = access_inputs.load_pairs(work.tx, owner, [*own, *pairs])
    if actor is None:
        return inputs, None
    return inputs, {repository.id: strongest(inputs.ways(actor, repository)) for repository in repositories}


def _placeholder(owner: Account, number: int = 0) -> Repository:
    """Return a stand-in for a missing repository, so that its permission is computed like that of a real one.

    Otherwise response times would tell a missing repository from one that the actor may not see.
    """
    return Repository(owner.id, f"{_NO_ID}{number:012x}", "", "", _NO_PROJECT)


def _require_repository(
    owner: Account, slug: str, row: Repository | None, standing: Standing, levels: Mapping[str, Level] | None, to: To
) -> Repository:
    if row is None or (levels is not None and levels[row.id] is Level.NONE):
        raise NotFound(
            f"{owner.username} has no repository {quote_text(slug)}", Sought(Kind.REPOSITORY, slug, owner.id)
        )
    _permit(standing._replace(level=levels[row.id]) if levels is not None else standing, to)
    return row


def _is_actor(work: UnitOfWork, name: str) -> bool:
    row = account_rows.named(work.tx, name)
    return row is not None and row.id == work.actor.id


def _standing(work: UnitOfWork, owner: Account, group: Group | None = None, *, is_self: bool = False) -> Standing:
    actor = work.actor
    if actor.is_site_admin or actor.id == owner.id:
        return Standing(is_site_admin=actor.is_site_admin, administers=True, is_self=is_self)

    if actor.id is None:
        return Standing(is_self=is_self)
    administers, in_account, in_group = group_rows.membership_standing(
        work.tx, owner.id, actor.id, group.id if group else None
    )
    return Standing(administers=administers, in_account=in_account, in_group=in_group, is_self=is_self)


def _permit(standing: Standing, to: To) -> None:
    if not policy.may(standing, to):
        raise Forbidden(f"you may not {to.value}")
