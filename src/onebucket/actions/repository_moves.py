"""Moves of a repository to another project: who would gain and lose what by one, then make it."""

from dataclasses import dataclass, replace

from onebucket.actions import access, access_effects, pending_invitations, repositories
from onebucket.actions.access_effects import AccessChange
from onebucket.actions.pending_invitations import Ending
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.policy import To
from onebucket.domain.projects import Project
from onebucket.domain.refusals import Invalid, PlanOutdated
from onebucket.domain.repositories import Repository
from onebucket.store import access_inputs, account_rows, account_summaries, invitee_rows, project_rows


@dataclass(frozen=True, slots=True)
class MovePlan:
    """A move with its effects on people and invitations; valid as long as the account is at `revision`."""

    owner: Account
    repository: Repository
    old_project: Project
    new_project: Project
    effects: list[AccessChange]
    endings: list[Ending]
    revision: int


def plan(work: UnitOfWork, account_name: str, slug: str, key: str) -> MovePlan:
    """Compute who would gain and lose what if the repository were in that project; changes nothing.

    Raises NotFound, Forbidden, Invalid when it is there already.
    """
    owner, repository = access.repository(work, account_name, slug, to=To.CHANGE_REPOSITORY)
    _, target = access.project(work, owner.id, key, to=To.ADD_REPOSITORY)
    if target.id == repository.project_id:
        raise Invalid(f"{repository.slug} is in the project {target.key} already")
    home = project_rows.by_id(work.tx, owner.id, repository.project_id)
    assert home is not None
    moved = replace(repository, project_id=target.id)

    people = account_summaries.people(work.tx, owner.id)
    inputs = access_inputs.load(work.tx, owner, [repository, moved], people)
    effects = access_effects.compare(people, [repository], inputs, inputs, moved=lambda _: moved)
    ids = invitee_rows.of_repository(work.tx, owner.id, repository.id)
    invited = [person for id in ids if (person := account_rows.by_id(work.tx, id))]
    endings = pending_invitations.predict(work, owner, invited, moved=moved)
    return MovePlan(owner, repository, home, target, effects, endings, account_rows.revision(work.tx, owner.id))


def apply(work: UnitOfWork, account_name: str, slug: str, key: str, *, revision: int) -> None:
    """Move the repository if the account still has this revision. Raises PlanOutdated."""
    owner, repository = access.repository(work, account_name, slug, to=To.CHANGE_REPOSITORY)
    if account_rows.revision(work.tx, owner.id) != revision:
        raise PlanOutdated

    repositories.change(work, owner.id, repository.slug, project=key)
