"""atlassian-python-api 5.0.5 from PyPI, unchanged, against a real server: every call it has for an address of ours."""

from collections.abc import Iterator
from typing import Any

import pytest
from atlassian.bitbucket import Cloud
from requests import HTTPError

import cast
from live import Live


@pytest.fixture
def cloud(served: Live) -> Iterator[Cloud]:
    """The client as alice."""
    with Cloud(served.base, username="alice", password=cast.token("alice")) as made:
        yield made


@pytest.fixture
def acme(cloud: Cloud) -> Any:
    """The workspace acme as it has read it."""
    return cloud.workspaces.get("acme")


@pytest.fixture
def project(acme: Any) -> Iterator[Any]:
    """A new project, gone afterwards with its repositories."""
    made = acme.projects.create("Python", "PY", "made by a client", is_private=False)
    yield made
    for repository in [*made.repositories.each()]:
        repository.delete()
    made.delete()


@pytest.fixture
def repository(acme: Any, project: Any) -> Any:
    """A new repository in the new project."""
    return acme.repositories.create("by-python", project_key=project.key, is_private=True, fork_policy="no_forks")


def message(error: "pytest.ExceptionInfo[HTTPError]") -> tuple[int, str]:
    assert error.value.response is not None
    return error.value.response.status_code, str(error.value)


def test_it_reads_workspaces(cloud: Cloud, acme: Any, served: Live) -> None:
    stored = served("alice", "GET", "/2.0/workspaces/acme").json()

    assert [each.slug for each in cloud.workspaces.each(sort="workspace.slug", administrator=True)] == ["acme", "alice"]
    assert cloud.workspaces.get(acme.uuid).data == acme.data == stored
    assert (acme.name, acme.slug, acme.is_private) == ("Acme", "acme", True)
    assert (acme.created_on, acme.updated_on) == (stored["created_on"], stored["updated_on"])
    assert acme.get_avatar().startswith("<svg")
    assert (cloud.workspaces.exists("acme"), cloud.workspaces.exists("nowhere")) == (True, False)


def test_it_reads_members_and_what_they_are(acme: Any) -> None:
    members = [*acme.members.each()]
    bob = next(each for each in members if each.user["username"] == "bob")

    assert sorted(each.user["username"] for each in members) == ["alice", "bob", "dora"]
    assert acme.members.get(bob.user["uuid"]).data == bob.data
    assert (bob.type, bob.workspace["slug"], "self" in bob.links) == ("workspace_membership", "acme", True)

    # A page with one of them at a time, which it turns by itself.
    permissions = [*acme.permissions.each(sort="user.username", pagelen=1)]
    assert [(each.user["username"], each.permission) for each in permissions] == [
        ("alice", "owner"),
        ("bob", "member"),
        ("dora", "member"),
    ]
    owners = acme.permissions.each(q='permission="owner"')
    assert [(each.type, each.uuid, each.added_on, each.workspace["slug"]) for each in owners] == [
        ("workspace_membership", None, None, "acme")
    ]


def test_it_reads_what_everybody_may_do_on_repositories(acme: Any, served: Live) -> None:
    everywhere = [*acme.permissions.repositories(pagelen=2)]
    on_rocket = [*acme.permissions.repositories("rocket")]

    assert {each.type for each in everywhere} == {"repository_permission"}
    found = {each.user["username"]: each.permission for each in on_rocket}
    assert (found["alice"], found["bob"], "dora" in found) == ("admin", "write", False)
    on_website = [each for each in everywhere if each.repository["full_name"] == "acme/website"]
    assert ("dora", "admin") in [(each.user["username"], each.permission) for each in on_website]
    assert len(everywhere) == served("alice", "GET", "/2.0/workspaces/acme/permissions/repositories").json()["size"]


def test_it_manages_projects(acme: Any, project: Any) -> None:
    assert [each.key for each in acme.projects.each(q='key = "PY"', sort="-key")] == ["PY"]
    assert acme.projects.get("Python", by="name").data == acme.projects.get("PY").data == project.data
    assert [acme.projects.exists(*asked) for asked in (("PY",), ("NONE",), ("Python", "name"))] == [True, False, True]
    assert (project.name, project.description, project.is_private) == ("Python", "made by a client", False)
    assert project.created_on <= project.updated_on
    assert project.get_avatar().startswith("<svg")

    project.description = "changed"
    project.is_private = True
    project.update(name="Cobra")

    now = acme.projects.get("PY")
    assert (now.name, now.description, now.is_private) == ("Cobra", "changed", True)


def test_it_manages_repositories(cloud: Cloud, acme: Any, project: Any, repository: Any) -> None:
    assert [each.slug for each in acme.repositories.each(role="admin", q='project.key="PY"', sort="slug")] == [
        "by-python"
    ]
    assert cloud.repositories.get("acme", "by-python").data == repository.data
    everywhere = cloud.repositories.each(role="admin", q='slug = "by-python"', sort="slug", pagelen=1)
    assert [each.uuid for each in everywhere] == [repository.uuid]
    assert acme.repositories.get("by-python", by="name").uuid == repository.uuid
    assert [acme.repositories.exists(slug) for slug in ("by-python", "none")] == [True, False]
    assert (repository.is_private, repository.fork_policy, repository.size) == (True, "no_forks", 0)
    assert repository.created_on <= repository.updated_on
    assert repository.get_avatar().startswith("<svg")

    # Through the link of the project.
    assert [each.slug for each in project.repositories.each(sort="slug")] == ["by-python"]
    assert project.repositories.get("by-python").uuid == repository.uuid

    repository.description = "changed"
    repository.is_private = False
    repository.update(language="python")
    now = acme.repositories.get("by-python")
    assert (now.description, now.is_private, now.get_data("language")) == ("changed", False, "python")

    repository.delete()
    assert not acme.repositories.exists("by-python")


def test_it_reads_what_groups_have_on_a_repository(acme: Any) -> None:
    rocket = acme.repositories.get("rocket").group_permissions

    designers = rocket.get("designers")

    assert (designers.type, designers.permission, designers.group["full_slug"]) == (
        "repository_group_permission",
        "write",
        "acme:designers",
    )
    assert sorted((each.group["slug"], each.permission) for each in rocket.each()) == [
        ("administrators", "admin"),
        ("designers", "write"),
    ]
    assert "self" in designers.links


def test_it_hears_why_not(cloud: Cloud, acme: Any, project: Any, repository: Any) -> None:
    with pytest.raises(HTTPError) as missing:
        acme.repositories.get("none")
    with pytest.raises(HTTPError) as taken:
        acme.projects.create("Other", "PY", "")
    with pytest.raises(HTTPError) as in_use:
        project.delete()
    with pytest.raises(HTTPError) as unknown_field:
        [*acme.repositories.each(q='colour = "red"')]

    assert message(missing)[0] == 404
    assert message(taken)[0] in (400, 409) and "PY" in message(taken)[1]
    assert message(in_use)[0] == 400 and "has repositories" in message(in_use)[1]
    assert message(unknown_field)[0] == 400 and "colour" in message(unknown_field)[1]
