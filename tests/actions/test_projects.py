"""Projects: who sees and changes them, what they give on their repositories, and what the journal says."""

from collections.abc import Callable
from typing import Any

import pytest

from office import Office
from onebucket.actions import (
    access,
    access_checks,
    access_reports,
    account_overview,
    groups,
    invitations,
    my_access,
    privileges,
    project_privileges,
    projects,
    repositories,
    teams,
)
from onebucket.actions.access_checks import AccessQuery
from onebucket.actions.privileges import PrivilegeFilter
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.events import Event
from onebucket.domain.filters import ListQuery
from onebucket.domain.journal_text import describe_entry, describe_subject, describe_way
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectLevel
from onebucket.domain.refusals import Conflict, Forbidden, Invalid, NoSuchGroup, NotFound, Refusal
from onebucket.domain.repositories import ForkPolicy
from onebucket.store import repository_rows

READ, WRITE, CREATE_REPO, ADMIN = [*ProjectLevel][1:]

Ask = Callable[[UnitOfWork], Any]


def refusal(ask: Ask, work: UnitOfWork) -> type[Refusal] | None:
    try:
        ask(work)
    except Refusal as refused:
        return type(refused)
    return None


# -- the first project -----------------------------------------------------------------------------


def test_the_first_repository_of_an_account_makes_its_first_project(office: Office) -> None:
    assert projects.listed(office.operator, "bob") == []

    added = repositories.add(office.operator, "bob", "tools")

    [first] = projects.listed(office.operator, "bob")
    assert (first.project.key, first.project.name, first.project.id) == ("PROJ", "Default project", added.project_id)


def test_a_repository_goes_into_the_oldest_project_where_none_is_named(office: Office) -> None:
    projects.create(office.operator, "acme", "AAA", name="First by key only")
    projects.change(office.operator, "acme", "PROJ", new_key="ZZZ")

    added = repositories.add(office.operator, "acme", "another")

    assert repositories.read(office.operator, "acme", "another").project.key == "ZZZ"
    assert added.project_id == projects.read(office.operator, "acme", "zzz").project.id


def test_a_project_that_does_not_exist_takes_no_repository(office: Office) -> None:
    with pytest.raises(NotFound, match="acme has no project 'NONE'"):
        repositories.add(office.operator, "acme", "another", project="NONE")


# -- who may do what -------------------------------------------------------------------------------

WHO = ("root", "alice", "bob", "gina", "mallory", "nobody")
DEEDS: dict[str, Ask] = {
    "see": lambda work: projects.read(work, "acme", "OPS"),
    "create": lambda work: projects.create(work, "acme", "NEW", name="New"),
    "change": lambda work: projects.change(work, "acme", "OPS", name="Other"),
    "delete": lambda work: projects.delete(work, "acme", "OPS"),
    "list groups": lambda work: project_privileges.of_groups(work, "acme", "OPS"),
    "list people": lambda work: project_privileges.of_people(work, "acme", "OPS"),
    "read a group": lambda work: project_privileges.of_group(work, "acme", "OPS", "designers"),
    "read a person": lambda work: project_privileges.of_person(work, "acme", "OPS", "bob"),
    "set a group": lambda work: project_privileges.set_for_group(work, "acme", "OPS", "designers", READ),
    "set a person": lambda work: project_privileges.set_for_person(work, "acme", "OPS", "gina", READ),
    "unset a group": lambda work: project_privileges.unset_for_group(work, "acme", "OPS", "designers"),
    "unset a person": lambda work: project_privileges.unset_for_person(work, "acme", "OPS", "gina"),
    "add a repository": lambda work: repositories.add(work, "acme", "added", project="ops"),
    "move a repository there": lambda work: repositories.change(work, "acme", "rocket", project="OPS"),
}
# What somebody with that level on the project may do, who is in no group; all else is forbidden.
WITH_LEVEL = {
    READ: {"see"},
    WRITE: {"see"},
    CREATE_REPO: {"see", "add a repository"},
    ADMIN: {*DEEDS} - {"create", "move a repository there"},
}


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("who", ["root", "alice", "bob", "gina", "mallory", "nobody"])
def test_administrators_of_the_account_may_all_members_see_and_others_find_nothing(
    office: Office, who: str, deed: str
) -> None:
    repositories.delete(office.operator, "acme", "engine")
    is_member, administers = who == "bob", who in ("root", "alice")

    said = refusal(DEEDS[deed], office.as_(who))

    if administers or (is_member and deed == "see"):
        assert said is None
    else:
        # Without a credential, a private repository is forbidden; to others it does not exist.
        is_told = is_member or deed == "create" or (who == "nobody" and deed == "move a repository there")
        assert said is (Forbidden if is_told else NotFound)


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("level", WITH_LEVEL)
@pytest.mark.parametrize("through", ["directly", "through a group"])
def test_a_level_on_the_project_is_enough_for(office: Office, through: str, level: ProjectLevel, deed: str) -> None:
    repositories.delete(office.operator, "acme", "engine")
    if through == "directly":
        project_privileges.set_for_person(office.operator, "acme", "OPS", "mallory", level)
    else:
        groups.create(office.operator, "acme", name="Crew")
        groups.add_member(office.operator, "acme", "crew", "mallory")
        project_privileges.set_for_group(office.operator, "acme", "OPS", "crew", level)

    said = refusal(DEEDS[deed], office.as_("mallory"))

    if deed == "move a repository there":
        assert said is NotFound  # rocket, which is private and elsewhere
    else:
        assert said is (None if deed in WITH_LEVEL[level] else Forbidden)


def test_a_public_project_is_seen_by_everybody_and_lists_leave_out_what_is_not(office: Office) -> None:
    projects.create(office.operator, "acme", "OPEN", name="Open", is_private=False)
    project_privileges.set_for_person(office.operator, "acme", "PROJ", "gina", READ)

    seen = {
        who: [each.project.key for each in projects.listed(office.as_(who), "acme")]
        for who in ("alice", "bob", "gina", "mallory", "nobody")
    }

    assert seen == {
        "alice": ["OPEN", "OPS", "PROJ"],
        "bob": ["OPEN", "OPS", "PROJ"],
        "gina": ["OPEN", "PROJ"],
        "mallory": ["OPEN"],
        "nobody": ["OPEN"],
    }
    assert [each.has_public_repositories for each in projects.listed(office.as_("alice"), "acme")] == [
        False, False, True,
    ]  # fmt: skip


@pytest.mark.parametrize(("who", "sees"), [("alice", True), ("bob", True), ("root", True), ("mallory", False),
                                           ("nobody", False)])  # fmt: skip
def test_a_repository_is_read_by_whoever_has_a_level_on_it(office: Office, who: str, sees: bool) -> None:
    said = refusal(lambda work: repositories.read(work, "acme", "engine"), office.as_(who))

    assert (said is None) is sees


# -- what a project gives --------------------------------------------------------------------------


def test_a_level_on_a_project_holds_on_its_repositories_and_nowhere_else(office: Office) -> None:
    project_privileges.set_for_person(office.operator, "acme", "OPS", "gina", CREATE_REPO)

    assert (office.level("gina", "engine"), office.level("gina", "rocket")) == ("write", "none")
    repositories.change(office.operator, "acme", "engine", project="PROJ")
    repositories.change(office.operator, "acme", "rocket", project="OPS")
    assert (office.level("gina", "engine"), office.level("gina", "rocket")) == ("none", "write")


def test_none_on_a_repository_takes_a_groups_default_and_not_what_its_project_gives(office: Office) -> None:
    project_privileges.set_for_group(office.operator, "acme", "OPS", "developers", READ)

    privileges.set_for_group(office.operator, "acme", "engine", "developers", Level.NONE)

    assert office.level("bob", "engine") == "read"
    [way] = access_checks.check(office.operator, AccessQuery("bob", "acme", "engine")).ways
    assert describe_way(way) == "through the group acme/developers on the project acme/OPS"


def test_who_would_lose_what_knows_what_projects_give(office: Office) -> None:
    project_privileges.set_for_group(office.operator, "acme", "OPS", "designers", ADMIN)
    project_privileges.set_for_person(office.operator, "acme", "PROJ", "bob", ADMIN)

    lost = [
        (loss.person.username, [each.slug for each in loss.repositories], loss.before.word, loss.after.word)
        for loss in access_checks.impact(office.operator, "acme", "designers")
    ]

    assert lost == [("bob", ["engine"], "admin", "write")]


def test_reports_name_who_has_something_by_a_project_alone(office: Office) -> None:
    before = access_reports.who_can(office.operator, "acme", "engine", Level.READ)

    project_privileges.set_for_person(office.operator, "acme", "OPS", "gina", READ)

    after = access_reports.who_can(office.operator, "acme", "engine", Level.READ)
    gina = access.person(office.operator, "gina")
    assert {each.person.username for each in after} - {each.person.username for each in before} == {"gina"}
    assert gina in account_overview.people(office.operator, "acme", ListQuery(100))[0]
    [told] = access_reports.summaries(office.operator, "acme", [gina])
    assert (told.levels[Level.READ], told.through) == (2, ("project",))  # website is public
    acme = next(each for each in my_access.access_by_account(office.as_("gina")) if each.owner.username == "acme")
    assert [(each.repository.slug, each.way.through.value) for each in acme.repositories] == [
        ("engine", "project"),
        ("website", "public"),
    ]


def test_an_invitation_ends_when_a_project_gives_as_much_and_when_a_move_takes_it(office: Office) -> None:
    office.operator.tx = office.tx
    for slug, level in (("engine", Level.WRITE), ("rocket", Level.ADMIN)):
        invitations.invite_to_repository(office.as_("alice"), "acme", slug, "gina@example.com", level)

    def invited() -> list[str | None]:
        return [each.repository_slug for _, each in invitations.found(office.operator, account_name="acme",
                                                                       email="gina@example.com")]  # fmt: skip

    project_privileges.set_for_person(office.operator, "acme", "OPS", "gina", WRITE)
    assert invited() == ["rocket"]
    project_privileges.set_for_person(office.operator, "acme", "PROJ", "gina", READ)
    assert invited() == ["rocket"]
    projects.create(office.operator, "acme", "EMPTY", name="Empty")
    repositories.change(office.operator, "acme", "rocket", project="EMPTY")

    assert invited() == []


# -- changes ---------------------------------------------------------------------------------------


def test_a_key_is_found_in_any_case_and_its_successor_alone_after_a_change(office: Office) -> None:
    projects.change(office.operator, "acme", "ops", new_key="OPS_2", description="What runs", is_private=False)

    changed = projects.read(office.operator, "acme", "Ops_2").project
    assert (changed.key, changed.name, changed.description, changed.is_private) == (
        "OPS_2", "Operations", "What runs", False,
    )  # fmt: skip
    with pytest.raises(NotFound, match="acme has no project 'OPS'"):
        projects.read(office.operator, "acme", "OPS")


def test_two_projects_never_have_one_key(office: Office) -> None:
    with pytest.raises(Conflict, match="has a project OPS already"):
        projects.create(office.operator, "acme", "OPS", name="Again")
    with pytest.raises(Conflict, match="has a project OPS already"):
        projects.change(office.operator, "acme", "PROJ", new_key="OPS")


def test_a_project_with_repositories_stays_and_one_without_goes_with_what_is_set_on_it(office: Office) -> None:
    project_privileges.set_for_group(office.operator, "acme", "OPS", "designers", ADMIN)
    project_privileges.set_for_person(office.operator, "acme", "OPS", "gina", READ)
    with pytest.raises(Invalid, match=r"has repositories: move or delete them first \(1\)"):
        projects.delete(office.operator, "acme", "OPS")
    repositories.change(office.operator, "acme", "engine", project="PROJ")

    projects.delete(office.operator, "acme", "OPS")

    entry = office.operator.entries[-1]
    assert (entry.event, entry.before and (entry.before["groups"], entry.before["users"])) == (
        Event.PROJECT_DELETED,
        ({"designers": "admin"}, {"gina": "read"}),
    )
    projects.create(office.operator, "acme", "OPS", name="Again")
    assert project_privileges.of_groups(office.operator, "acme", "OPS") == []


def test_a_group_that_goes_takes_what_it_had_on_projects_along(office: Office) -> None:
    project_privileges.set_for_group(office.operator, "acme", "OPS", "designers", ADMIN)

    groups.delete(office.operator, "acme", "designers")

    before = office.operator.entries[-1].before
    assert before and before["projects"] == {"OPS": "admin"}
    assert project_privileges.of_groups(office.operator, "acme", "OPS") == []


def test_a_team_goes_with_its_projects(office: Office) -> None:
    project_privileges.set_for_person(office.operator, "acme", "OPS", "gina", READ)

    teams.delete(office.operator, "acme")

    before = office.operator.entries[-1].before
    assert before and (before["projects"], before["repositories"]) == (
        ["OPS", "PROJ"], ["engine", "rocket", "website"],
    )  # fmt: skip


def test_a_group_of_another_account_has_nothing_on_a_project(office: Office) -> None:
    groups.create(office.operator, "globex", name="Elsewhere")

    with pytest.raises(NoSuchGroup):
        project_privileges.set_for_group(office.operator, "acme", "OPS", "elsewhere", READ)


def test_a_repository_that_is_renamed_moves_with_all_that_is_set_on_it(office: Office) -> None:
    before = repositories.read(office.operator, "acme", "rocket")

    repositories.change(office.operator, "acme", "rocket", new_slug="starship", name="Starship")

    after = repositories.read(office.operator, "acme", "starship")
    listed = privileges.of_repository(office.operator, "acme", "starship", PrivilegeFilter())
    assert (after.repository.id, after.repository.name) == (before.repository.id, "Starship")
    assert (after.created_at, after.updated_at >= before.updated_at) == (before.created_at, True)
    assert ("designers", Level.WRITE) in [(each.roster.group.slug, each.level) for each in listed]
    with pytest.raises(NotFound, match="has no repository 'rocket'"):
        repositories.read(office.operator, "acme", "rocket")
    with pytest.raises(Conflict, match="has a repository 'website' already"):
        repositories.change(office.operator, "acme", "starship", new_slug="website")


def test_what_clients_set_of_a_repository_is_kept_and_journalled(office: Office) -> None:
    repositories.change(
        office.operator,
        "acme",
        "engine",
        fork_policy=ForkPolicy.NO_FORKS,
        language="Python",
        has_issues=True,
        has_wiki=True,
        mainbranch="trunk",
    )

    kept = repository_rows.find(office.tx, access.account(office.operator, "acme", to=To.SEE_PROFILE).id, "engine")
    assert kept is not None
    assert (kept.fork_policy, kept.language, kept.has_issues, kept.has_wiki, kept.mainbranch) == (
        ForkPolicy.NO_FORKS, "python", True, True, "trunk",
    )  # fmt: skip
    assert describe_entry(office.operator.entries[-1]) == (
        "changed the repository engine: fork_policy: allow_forks → no_forks; language: nothing → python;"
        " has_issues: false → true; has_wiki: false → true; mainbranch: main → trunk"
    )


# -- the journal -----------------------------------------------------------------------------------


def test_every_change_is_told_once_and_what_changes_nothing_is_not(office: Office) -> None:
    work = office.as_("alice")
    for _ in range(2):
        projects.change(work, "acme", "OPS", name="Works")
        project_privileges.set_for_group(work, "acme", "OPS", "designers", READ)
        project_privileges.set_for_person(work, "acme", "OPS", "gina", CREATE_REPO)
    project_privileges.set_for_group(work, "acme", "OPS", "designers", ADMIN)
    project_privileges.set_for_person(work, "acme", "OPS", "gina", READ)
    for _ in range(2):
        project_privileges.unset_for_group(work, "acme", "OPS", "designers")
        project_privileges.unset_for_person(work, "acme", "OPS", "gina")
    repositories.change(work, "acme", "engine", project="PROJ")
    projects.delete(work, "acme", "OPS")
    projects.create(work, "acme", "NEW", name="New")

    assert [(entry.event.value, describe_entry(entry), *describe_subject(entry)) for entry in work.entries] == [
        ("project.changed", "changed the project OPS: name: Operations → Works", "project acme/OPS", "private"),
        ("project-group-privilege.set", "gave the group designers read on the project OPS",
         "group acme/designers on project acme/OPS", "read"),
        ("project-privilege.set", "gave gina create-repo on the project OPS", "gina on project acme/OPS",
         "create-repo"),
        ("project-group-privilege.set",
         "gave the group designers admin on the project OPS, which had read",
         "group acme/designers on project acme/OPS", "admin"),
        ("project-privilege.set", "gave gina read on the project OPS (was create-repo)",
         "gina on project acme/OPS", "read"),
        ("project-group-privilege.removed", "removed admin on the project OPS from the group designers",
         "group acme/designers on project acme/OPS", "admin"),
        ("project-privilege.removed", "removed read on the project OPS from gina", "gina on project acme/OPS",
         "read"),
        ("repository.changed", "changed the repository engine: project: OPS → PROJ", "repository acme/engine",
         "private"),
        ("project.deleted", "deleted the project OPS", "project acme/OPS", "private"),
        ("project.added", "created the project NEW", "project acme/NEW", "private"),
    ]  # fmt: skip
