"""Repositories in a browser: adding, changing and deleting them, and giving and ending permissions there."""

from collections.abc import Iterator

import pytest

from browsing import Page, Visitor, invite_to_repository
from cast import Api
from onebucket.actions import privileges, project_privileges
from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectLevel

pytestmark = pytest.mark.runs_on("SQLite", "PostgreSQL")

LIST, NEW = "/accounts/acme/repositories", "/accounts/acme/new-repository"
ROCKET, WEBSITE = f"{LIST}/rocket", f"{LIST}/website"
SET = f"{ROCKET}/permissions"


@pytest.fixture
def alice(api: Api) -> Iterator[Visitor]:
    """The browser of alice, who administers acme."""
    with Visitor(api, "alice") as opened:
        yield opened


def words(text: str) -> str:
    return " ".join(text.split())


def level(api: Api, person: str, slug: str = "rocket") -> str:
    """What somebody may do on a repository, as the API says."""
    answer = api("alice", "GET", f"/api/access/acme/{slug}?user={person}")
    return answer.json()["level"] or "none"


def give(visitor: Visitor, kind: str, name: str, level: str, **more: str) -> Page:
    """Type a group or a person into the form of the repository, and see the preview."""
    return visitor.send(visitor.open(ROCKET), SET, fields={"kind": kind, "holder": name, "level": level} | more)


def events(api: Api) -> list[str]:
    """The last entries of the account's journal."""
    return [each["event"] for each in api("alice", "GET", "/api/journal?account=acme&limit=3").json()["entries"]]


def test_a_repository_is_added_changed_and_deleted(api: Api, alice: Visitor) -> None:
    made = alice.send(
        alice.open(NEW),
        NEW,
        fields={"slug": "shuttle", "title": "The Shuttle", "description": "Flies", "project": "PROJ"},
    )
    found = api("alice", "GET", "/2.0/repositories/acme/shuttle").json()
    changed = alice.send(made, f"{LIST}/shuttle/settings", fields={"slug": "orbiter", "is_private": ""})
    now = api("alice", "GET", "/2.0/repositories/acme/orbiter").json()
    asked = alice.open(f"{LIST}/orbiter/delete")
    gone = alice.send(asked, f"{LIST}/orbiter/delete")

    assert (made.path, "Repository added." in made.text) == (f"{LIST}/shuttle", True)
    assert (found["name"], found["description"], found["is_private"]) == ("The Shuttle", "Flies", True)
    assert (changed.path, now["is_private"], now["description"]) == (f"{LIST}/orbiter", False, "Flies")
    assert "Everyone else can no longer read it" in words(asked.text)
    assert (gone.path, "Repository orbiter deleted." in gone.text) == (LIST, True)
    assert api("alice", "GET", "/2.0/repositories/acme/orbiter").status_code == 404
    assert events(api) == ["repository.deleted", "repository.changed", "repository.added"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"slug": ""}, "can't be a repository slug"),
        ({"slug": "a b"}, "can't be a repository slug"),
        ({"slug": "x.git"}, "git treats it the same with and without"),
        ({"slug": "rocket"}, "already"),
        ({"slug": "new", "title": "x" * 256}, "repository's name"),
        ({"slug": "new", "project": "NONE"}, "has no project"),
    ],
)
def test_what_cant_be_a_repository_says_why_and_adds_nothing(
    api: Api, alice: Visitor, fields: dict[str, str], sentence: str
) -> None:
    before = len(api("alice", "GET", "/2.0/repositories/acme").json()["values"])

    refused = alice.send(alice.open(NEW), NEW, fields=fields)

    assert refused.status == 400 and sentence in words(refused.text)
    assert len(api("alice", "GET", "/2.0/repositories/acme").json()["values"]) == before


def test_a_slug_that_is_taken_is_refused_and_the_repository_stays(api: Api, alice: Visitor) -> None:
    refused = alice.send(alice.open(ROCKET), f"{ROCKET}/settings", fields={"slug": "website"})

    assert refused.status == 400 and "already" in refused.text
    assert api("alice", "GET", "/2.0/repositories/acme/rocket").status_code == 200


def test_permissions_are_given_and_ended_after_a_preview(api: Api, alice: Visitor) -> None:
    was = level(api, "gina")
    preview = give(alice, "user", "gina", "write", until="2099-12-31")
    unchanged = level(api, "gina")
    given = alice.send(preview, SET)
    has = level(api, "gina")
    ended = alice.send(alice.send(given, SET, fields={"user:gina:write": "default"}), SET)

    assert (was, unchanged, has) == ("none", "none", "write")
    assert "1 person gains" in words(preview.text) and "until 2099-12-31" in words(preview.text)
    assert given.path == ended.path == ROCKET and "2099-12-31" in given.text
    assert level(api, "gina") == "none" and "user:gina:write" not in ended.answer.text
    assert events(api)[:2] == ["privilege.removed", "privilege.set"]


def test_a_groups_permission_is_set_overridden_and_left_to_its_default(api: Api, alice: Visitor) -> None:
    def choose(before: str, after: str) -> str:
        alice.send(alice.send(alice.open(ROCKET), SET, fields={f"group:developers:{before}": after}), SET)
        return level(api, "dora")

    # Dora is in developers alone, whose default is write.
    assert "Developers group no access this repository" in words(alice.open(ROCKET).text)
    assert [choose("none", "read"), choose("read", "admin"), choose("admin", "default")] == ["read", "admin", "write"]
    assert "Developers group write group’s default" in words(alice.open(ROCKET).text)
    given = alice.send(give(alice, "group", "developers", "none"), SET)
    assert (given.path, level(api, "dora")) == (ROCKET, "none")


@pytest.mark.parametrize(
    ("fields", "status", "sentence"),
    [
        ({}, 400, "no permission was changed"),
        ({"kind": "user", "holder": "nobody-here", "level": "read"}, 400, "here is no user"),
        ({"kind": "user", "holder": "x@example.org", "level": "read"}, 400, "obody here has that e-mail address"),
        ({"kind": "group", "holder": "nowhere", "level": "read"}, 400, "roup"),
        ({"kind": "both", "holder": "gina", "level": "read"}, 400, "hoose a group or a person"),
        ({"kind": "user", "holder": "gina", "level": "owner"}, 400, "the permission must be"),
        ({"kind": "user", "holder": "gina", "level": "none"}, 400, "must be read, write or admin"),
        ({"kind": "user", "holder": "gina", "level": "read", "until": "2020-01-01"}, 400, "has passed"),
        ({"kind": "user", "holder": "gina", "level": "read", "until": "2099-02-31"}, 400, "2099-02-31"),
    ],
)
def test_a_permission_that_wont_do_says_why_and_changes_nothing(
    api: Api, alice: Visitor, fields: dict[str, str], status: int, sentence: str
) -> None:
    before = api("alice", "GET", "/api/journal?account=acme&limit=1").json()["entries"][0]["number"]

    refused = alice.send(alice.open(ROCKET), SET, fields=fields)

    assert refused.status == status and sentence in words(refused.text)
    entries = api("alice", "GET", "/api/journal?account=acme&limit=5").json()["entries"]
    assert {each["event"] for each in entries if each["number"] > before} <= {"change.refused"}


def test_a_level_that_somebody_else_has_changed_is_not_changed_again(api: Api, alice: Visitor) -> None:
    page = alice.open(ROCKET)
    api.operate(lambda work: privileges.set_for_group(work, "acme", "rocket", "designers", Level.READ))

    refused = alice.send(page, SET, fields={"group:designers:write": "admin"})

    assert refused.status == 409 and "omebody else has changed this" in words(refused.text)
    assert "now: read" in words(refused.text)


def test_a_change_meanwhile_asks_again(api: Api, alice: Visitor) -> None:
    preview = give(alice, "user", "gina", "admin")
    api.operate(lambda work: privileges.grant_direct(work, "acme", "website", "gina", Level.READ))

    again = alice.send(preview, SET)

    assert again.status == 409 and "the account has changed in the meantime" in words(again.text)
    assert level(api, "gina") == "none"
    assert alice.send(again, SET).path == ROCKET and level(api, "gina") == "admin"


def test_deleting_shows_who_loses_what_and_which_invitations_end(api: Api, alice: Visitor) -> None:
    invite_to_repository(api, "new@example.org", "rocket", Level.READ)

    page = words(alice.open(f"{ROCKET}/delete").text)

    losing = [name for name in ("alice", "bob", "dora", "gina") if level(api, name) != "none"]
    assert losing == ["alice", "bob"] and "2 people lose access to it" in page
    assert "new@example.org" in page and "You can’t undo this" in page


def test_an_administrator_of_the_repository_gives_permissions_but_doesnt_change_it(api: Api) -> None:
    with Visitor(api, "dora") as dora:
        page = dora.open(WEBSITE)
        given = dora.send(
            dora.send(page, f"{WEBSITE}/permissions", fields={"kind": "user", "holder": "gina", "level": "read"}),
            f"{WEBSITE}/permissions",
        )

        assert given.path == WEBSITE and level(api, "gina", "website") == "read"
        assert f"{WEBSITE}/settings" not in page.answer.text and f"{WEBSITE}/delete" not in page.linked
        # Taking away one's own leads away from a page that one may no longer see.
        own = next(name for name in ("admin", "write") if f"user:dora:{name}" in given.answer.text)
        left = dora.send(
            dora.send(given, f"{WEBSITE}/permissions", fields={f"user:dora:{own}": "default"}), f"{WEBSITE}/permissions"
        )
        assert left.path == "/me"


def test_whoever_may_create_repositories_in_a_project_adds_one_there_and_nowhere_else(api: Api) -> None:
    level = ProjectLevel.CREATE_REPO
    api.operate(lambda work: project_privileges.set_for_person(work, "acme", "PROJ", "gina", level))

    with Visitor(api, "gina") as gina:
        elsewhere = gina.open(NEW)
        page = gina.open(f"{NEW}?project=PROJ")
        added = gina.send(page, NEW, fields={"slug": "shuttle"})

    assert (elsewhere.status, page.status, added.path) == (403, 200, f"{LIST}/shuttle")
