"""What an actor may have meant by a name that isn't there: only names that they may see, and few are looked at."""

from collections.abc import Callable, Iterable, Mapping

from onebucket.actions import access, repositories
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import suggestions
from onebucket.domain.accounts import username_key
from onebucket.domain.filters import Comparison, ListQuery, Operator, Order
from onebucket.domain.policy import To
from onebucket.domain.projects import normal_key
from onebucket.domain.refusals import Forbidden
from onebucket.domain.suggestions import NEIGHBOURS, Kind, Sought
from onebucket.store import account_summaries, name_neighbours


def near(work: UnitOfWork, sought: Sought) -> str | None:
    """Return the visible name that is most like one that was looked for; None if none is."""
    if len(sought.name) > suggestions.LONGEST or work.actor.account is None:
        return None
    names = [*_NAMES[sought.kind](work, sought)]
    work.tx.spend(len(sought.name) * sum(map(len, names)) // suggestions.CHARACTERS_OF_A_ROW)
    return suggestions.closest(sought.name, names)


def _accounts(work: UnitOfWork, sought: Sought) -> Iterable[str]:
    assert work.actor.id is not None
    return [each.username for each in account_summaries.accounts_of_person(work.tx, work.actor.id)]


def _people(work: UnitOfWork, sought: Sought) -> Iterable[str]:
    assert work.actor.id is not None
    people = name_neighbours.people(work.tx, username_key(sought.name))
    known = name_neighbours.in_groups_with(work.tx, work.actor.id, people)
    return [each.username for each in people if work.actor.is_site_admin or each.id in known]


def _groups(work: UnitOfWork, sought: Sought) -> Iterable[str]:
    try:
        owner = access.account(work, sought.account_id, to=To.LIST_GROUPS)
    except Forbidden:
        return ()
    return name_neighbours.slugs_of_groups(work.tx, owner.id, sought.name)


def _projects(work: UnitOfWork, sought: Sought) -> Iterable[str]:
    owner = access.account(work, sought.account_id, to=To.LIST_PROJECTS)
    beside = name_neighbours.of_projects(work.tx, owner.id, normal_key(sought.name))
    return [each.key for each in access.seen_projects(work, owner, beside)]


def _repositories(work: UnitOfWork, sought: Sought) -> Iterable[str]:
    after = Comparison("slug", Operator.GREATER_OR_EQUAL, sought.name)
    before = Comparison("slug", Operator.LESS, sought.name)
    queries = (
        ListQuery(NEIGHBOURS, filter=after, is_counted=False),
        ListQuery(NEIGHBOURS, filter=before, order=Order("slug", is_descending=True), is_counted=False),
    )
    return [
        each.repository.slug for query in queries for each in repositories.visible(work, sought.account_id, query)[0]
    ]


_NAMES: Mapping[Kind, Callable[[UnitOfWork, Sought], Iterable[str]]] = {
    Kind.ACCOUNT: _accounts,
    Kind.PERSON: _people,
    Kind.GROUP: _groups,
    Kind.PROJECT: _projects,
    Kind.REPOSITORY: _repositories,
}
