"""A 404 of API 2.0 says what may have been meant: a name that the caller may see, and no other."""

from dataclasses import replace

import pytest

import cast
from cast import Api
from onebucket.actions import groups, project_privileges, projects, repositories, suggestions
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Actor
from onebucket.domain.projects import ProjectLevel
from onebucket.domain.suggestions import NEIGHBOURS, Kind, Sought
from onebucket.store import account_rows
from onebucket.store.engine.work_budget import BudgetExceeded, WorkBudget

pytestmark = pytest.mark.runs_on("SQLite", "PostgreSQL")


@pytest.fixture(autouse=True)
def more(api: Api) -> None:
    """A project that bob may see and mallory may not, a group, and more repositories."""
    api.operate(lambda work: projects.create(work, "acme", "ROCKETS", name="Rockets"))
    api.operate(lambda work: project_privileges.set_for_person(work, "acme", "ROCKETS", "bob", ProjectLevel.READ))
    for slug in ("Engine", "rockets-2"):
        api.operate(lambda work, slug=slug: repositories.add(work, "acme", slug, project="ROCKETS"))
    api.operate(lambda work: groups.create(work, "acme", name="Design leads"))


def message(api: Api, who: str, address: str, method: str = "GET") -> str:
    answer = api(who, method, f"/2.0{address}", json={"permission": "read"} if method == "PUT" else None)
    assert answer.status_code == 404, answer.text
    told: str = answer.json()["error"]["message"]
    return told


@pytest.mark.parametrize(
    ("who", "address", "told"),
    [
        ("bob", "/repositories/acme/rokcet", "Acme has no repository 'rokcet'. Did you mean `rocket`?"),
        ("bob", "/repositories/acme/ENGINE", "Acme has no repository 'ENGINE'. Did you mean `Engine`?"),
        ("bob", "/repositories/acme/rockets-3", "Acme has no repository 'rockets-3'. Did you mean `rockets-2`?"),
        ("bob", "/repositories/acme/something-else", "Acme has no repository 'something-else'."),
        ("bob", "/repositories/acne/rocket", "There is no account 'acne'. Did you mean `acme`?"),
        ("bob", "/workspaces/ACME-", "There is no account 'ACME-'. Did you mean `acme`?"),
        ("bob", "/workspaces/acme/projects/ROKCETS", "Acme has no project 'ROKCETS'. Did you mean `ROCKETS`?"),
        ("bob", "/workspaces/acme/members/dorra", "There is no user 'dorra'. Did you mean `dora`?"),
        ("bob", f"/repositories/acme/{'rocket' * 20}", f"Acme has no repository '{('rocket' * 20)[:64]}'."),
        (
            "alice",
            "/repositories/acme/rocket/permissions-config/groups/desingers",
            "The account has no group 'desingers': it may have been deleted or renamed. Did you mean `designers`?",
        ),
        (
            "alice",
            "/workspaces/acme/projects/PROJ/permissions-config/groups/design-lead",
            "The account has no group 'design-lead': it may have been deleted or renamed. Did you mean `design-leads`?",
        ),
    ],
)
def test_a_404_says_what_may_have_been_meant(api: Api, who: str, address: str, told: str) -> None:
    assert message(api, who, address) in (told, told[:1].lower() + told[1:])


def test_a_change_says_it_too(api: Api) -> None:
    there = "/repositories/acme/rocket/permissions-config"

    assert message(api, "alice", f"{there}/groups/developer", "PUT").endswith(" Did you mean `developers`?")
    assert message(api, "alice", f"{there}/users/bobb", "PUT").endswith(" Did you mean `bob`?")
    assert api.journal() == []


@pytest.mark.parametrize(
    ("who", "address"),
    [
        # Private repositories and projects of a team that they aren't in.
        ("mallory", "/repositories/acme/rokcet"),
        ("mallory", "/workspaces/acme/projects/ROKCETS"),
        # A repository and a group that they can't see, though they are in the team.
        ("dora", "/repositories/acme/rokcet"),
        ("gina", "/repositories/acme/rokcet"),
        # A team and people with whom they have nothing to do.
        ("mallory", "/workspaces/acne"),
        ("mallory", "/users/alicee"),
        ("gina", "/workspaces/globex/members/bobb"),
    ],
)
def test_names_that_the_caller_may_not_see_are_not_told(api: Api, who: str, address: str) -> None:
    assert "Did you mean" not in message(api, who, address)


def test_a_hidden_name_is_told_as_little_as_one_that_is_not_there(api: Api) -> None:
    hidden = message(api, "mallory", "/repositories/acme/rocket")
    missing = message(api, "mallory", "/repositories/acme/rocker")

    assert hidden.replace("rocket", "rocker") == missing
    assert message(api, "mallory", "/repositories/acme/websites").endswith("Did you mean `website`?")


def test_the_site_s_administrators_see_all_names(api: Api) -> None:
    assert message(api, "root", "/users/malory").endswith("Did you mean `mallory`?")
    assert message(api, "root", "/repositories/globex/satelite").endswith("Did you mean `satellite`?")


def test_long_names_are_compared_in_a_thread(api: Api) -> None:
    def add(work: UnitOfWork) -> None:
        for number in range(NEIGHBOURS):
            repositories.add(work, "acme", f"{'ab' * 30}-{number}")

    api.operate(add)

    assert message(api, "alice", f"/repositories/acme/{'ab' * 30}-x").endswith(f"Did you mean `{'ab' * 30}-9`?")
    with api.db.reading() as tx:
        tx.budget = WorkBudget()
        owner = account_rows.by_username(tx, "acme")
        assert owner is not None
        work = replace(cast.operator(tx), actor=Actor(account_rows.by_username(tx, "alice"), "test"))
        with pytest.raises(BudgetExceeded):
            suggestions.near(work, Sought(Kind.REPOSITORY, f"{'ab' * 30}-x", owner.id))


def test_1_0_says_what_it_always_has(api: Api) -> None:
    answer = api("alice", "GET", "/1.0/groups/acme/desingers")

    assert (answer.status_code, answer.text) == (404, "No Group matches the given query.")
