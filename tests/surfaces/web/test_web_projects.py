"""Projects and repositories in a browser: seeing, making and changing them, permissions with previews, and moves."""

from collections.abc import Iterator

import pytest

from browsing import Page, Visitor, done_by
from cast import Api
from onebucket.actions import accounts, groups, privileges, project_privileges, projects, repositories
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectLevel

pytestmark = pytest.mark.runs_on("SQLite", "PostgreSQL")

ACME = "/accounts/acme"
PROJECTS = f"{ACME}/projects"
OPS = f"{PROJECTS}/OPS"
SET = f"{OPS}/permissions"
ROCKET = f"{ACME}/repositories/rocket"


@pytest.fixture
def alice(api: Api) -> Iterator[Visitor]:
    """The browser of alice, who administers acme; acme has a project OPS with the repository engine."""
    api.operate(_ops)
    with Visitor(api, "alice") as opened:
        yield opened


def _ops(work: UnitOfWork) -> None:
    projects.create(work, "acme", "OPS", name="Operations", description="What runs")
    repositories.add(work, "acme", "engine", project="OPS")


def words(text: str) -> str:
    return " ".join(text.split())


def queries(api: Api, visitor: Visitor, path: str) -> int:
    """How many statements a page takes."""
    counted: list[str] = []
    with api.db.reading() as tx:
        tx.connection.set_trace_callback(counted.append)
    assert visitor.open(path).status == 200
    with api.db.reading() as tx:
        tx.connection.set_trace_callback(None)
    return len(counted)


def give(visitor: Visitor, kind: str, name: str, level: str, **more: str) -> Page:
    """Type a group or a person into the form of the project, and see the preview."""
    return visitor.send(visitor.open(OPS), SET, fields={"kind": kind, "holder": name, "level": level} | more)


def level(api: Api, person: str, slug: str = "engine") -> str:
    """What somebody may do on a repository, as the API says."""
    question = {"user": person, "repository": f"acme/{slug}", "level": "read"}
    [found] = api("alice", "POST", "/api/access", json=[question]).json()
    return found["level"] or "none"


# -- the list, and one project ---------------------------------------------------------------------


def test_the_list_has_every_project_with_its_repositories_and_leads_to_each(alice: Visitor) -> None:
    page = alice.open(PROJECTS)

    assert "OperationsWhat runsOPS1private" in words(page.text).replace("Operations What", "OperationsWhat")
    assert {OPS, f"{PROJECTS}/PROJ"} <= set(page.linked)
    overview = alice.open(ACME)
    assert {PROJECTS, OPS, f"{PROJECTS}/PROJ"} <= set(overview.linked)
    assert "Projects: Operations, Default project" in words(overview.text)
    assert PROJECTS in alice.open("/me").linked


def test_a_project_is_created_shown_changed_and_deleted(api: Api, alice: Visitor) -> None:
    made = alice.send(alice.open(PROJECTS), PROJECTS, name="Fleet", key="fleet", description="Ships")

    assert (made.path, "Project created." in made.text, "Ships" in made.text) == (f"{PROJECTS}/FLEET", True, True)
    assert api("alice", "GET", "/2.0/workspaces/acme/projects/FLEET").json()["is_private"] is True
    saved = alice.send(made, f"{PROJECTS}/FLEET", name="Navy", key="NAVY", is_private=[])
    assert saved.path == f"{PROJECTS}/NAVY"
    assert "You changed the project FLEET: key: FLEET → NAVY" in words(saved.text)
    assert alice.open(f"{PROJECTS}/FLEET").status == 404
    assert api("alice", "GET", "/2.0/workspaces/acme/projects/NAVY").json()["is_private"] is False
    give_ships = alice.open(f"{PROJECTS}/NAVY/delete")
    gone = alice.send(give_ships, f"{PROJECTS}/NAVY/delete")
    assert (gone.path, "Project NAVY deleted." in gone.text) == (PROJECTS, True)
    assert [event for _, event, _, subject in api.journal() if subject in ("FLEET", "NAVY")] == [
        "project.added",
        "project.changed",
        "project.deleted",
    ]


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"key": "2nd"}, "'2ND' can't be a project key"),
        ({"key": "OPS"}, "The account has a project OPS already"),
        ({"name": ""}, "The project's name"),
        ({"description": "x" * 2001}, "The description"),
    ],
    ids=str,
)
def test_what_will_not_do_is_said_beside_its_field_and_what_was_typed_is_kept(
    alice: Visitor, typed: dict[str, str], sentence: str
) -> None:
    fields = {"name": "Fleet", "key": "FLEET", "description": "Ships"} | typed

    told = alice.send(alice.open(PROJECTS), PROJECTS, fields=fields)

    assert told.status in (400, 409)
    assert sentence in told.text
    assert {name: told.form(PROJECTS).values[name] for name in fields} == fields


def test_a_project_with_repositories_is_not_deleted(api: Api, alice: Visitor) -> None:
    shown = alice.open(f"{OPS}/delete")
    token = shown.inputs["form_token"]["value"] or ""

    refused = Page(alice.ask("POST", f"{OPS}/delete", data={"form_token": token}))

    assert "The project has 1 repository. Move or delete it first." in words(shown.text)
    assert (refused.status, "move or delete them first" in refused.text) == (400, True)
    assert api("alice", "GET", "/2.0/workspaces/acme/projects/OPS").status_code == 200


def test_deleting_a_project_names_the_permissions_that_go(api: Api, alice: Visitor) -> None:
    api.operate(lambda work: projects.create(work, "acme", "EMPTY", name="Empty"))
    api.operate(lambda work: project_privileges.set_for_person(work, "acme", "EMPTY", "gina", ProjectLevel.READ))

    assert "Gina Example gina: read" in words(alice.open(f"{PROJECTS}/EMPTY/delete").text)


def test_a_member_sees_a_project_with_what_they_can_read_of_it_and_changes_nothing(api: Api, alice: Visitor) -> None:
    api.operate(lambda work: privileges.set_for_group(work, "acme", "engine", "developers", Level.NONE))
    with Visitor(api, "bob") as bob:
        page, listed = bob.open(f"{PROJECTS}/PROJ"), bob.open(PROJECTS)
        empty = bob.open(OPS)

        assert {ROCKET, f"{ACME}/repositories/website"} <= set(page.linked)
        assert "No repositories here that you can read." in empty.text and "engine" not in empty.text
        sent = [each.action.rpartition("/")[2] for each in page.forms + listed.forms if each.method == "post"]
        assert {*sent} == {"sign-out"}
        assert "Repositories</th>" not in listed.answer.text


def test_somebody_with_the_project_alone_sees_it_without_the_rest_of_the_account(api: Api, alice: Visitor) -> None:
    with Visitor(api, "mallory") as mallory:
        assert mallory.open(OPS).status == 404
        api.operate(lambda work: project_privileges.set_for_person(work, "acme", "OPS", "mallory", ProjectLevel.READ))
        page, me = mallory.open(OPS), mallory.open("/me")

    assert f"{ACME}/repositories/engine" in page.linked
    assert not {ACME, PROJECTS, f"{ACME}/ask"} & set(page.linked)
    assert OPS in me.linked and f"{ACME}/repositories/engine" in me.linked


def test_a_public_project_is_seen_by_all_who_sign_in(api: Api, alice: Visitor) -> None:
    api.operate(lambda work: projects.change(work, "acme", "OPS", is_private=False))
    with Visitor(api, "mallory") as mallory:
        page = mallory.open(OPS)

    assert (page.status, "engine" in page.text, "Repositories (0)" in page.text) == (200, False, True)


def test_many_repositories_come_in_pages_and_are_found_by_words(api: Api, alice: Visitor) -> None:
    api.operate(
        lambda work: [
            repositories.add(work, "acme", f"r{n:03}", name=f"Thing {n:03}", project="OPS") for n in range(120)
        ]
    )

    first, last, far = (alice.open(f"{OPS}?from={offset}") for offset in ("", "100", "999"))
    found = alice.open(f"{OPS}?find=THING+r01")

    assert "Repositories (121)" in first.text and "1–50 of 121" in words(first.text)
    assert "101–121 of 121" in words(last.text) and "1–50 of 121" in words(far.text)
    assert "10 matching, 121 in total" in words(found.text).replace("1–10 of ", "")
    assert "No repository matches" in alice.open(f"{OPS}?find=nowhere").text


@pytest.mark.runs_on("SQLite")
def test_pages_stay_small_with_much_on_them_and_the_longest_names(api: Api, alice: Visitor) -> None:
    def much(work: UnitOfWork) -> None:
        for number in range(210):
            group = groups.create(work, "acme", name=f"{number:03} {'w' * 58}").group
            project_privileges.set_for_group(work, "acme", "OPS", group.slug, ProjectLevel.CREATE_REPO)
            privileges.set_for_group(work, "acme", "engine", group.slug, Level.WRITE)
            projects.create(work, "acme", f"P{number:03}{'W' * 124}", name="w" * 255, description="w" * 2000)
        groups.create(work, "acme", name="Crowd")
        for number in range(110):
            name = f"{number:03}{'p' * 59}"
            accounts.add_user(work, name, email=None, display_name="w" * 50)
            for slug in ("crowd", *(f"{group:03}-{'w' * 58}" for group in range(6))):
                groups.add_member(work, "acme", slug, name)
        for number in range(8):
            key = f"P{number:03}{'W' * 124}"
            repositories.add(work, "acme", f"{number}{'s' * 99}", project=key)
            for group in range(25):
                slug = f"{group:03}-{'w' * 58}"
                project_privileges.set_for_group(work, "acme", key, slug, ProjectLevel.CREATE_REPO)
        for number in range(60):
            slug = f"{number:02}{'r' * 98}"
            repositories.add(work, "acme", slug, name="w" * 255, description="w" * 2000, project="OPS")

    api.operate(much)

    for path in (
        PROJECTS,
        OPS,
        f"{OPS}?row=25&from=50",
        f"{OPS}?per_page=100",
        f"{OPS}?holders-per_page=50&per_page=25",
        f"{ACME}/repositories/engine?per_page=100",
        f"{PROJECTS}?per_page=100",
        f"{ACME}?per_page=100",
        f"{ACME}/repositories?per_page=100",
        f"{ACME}/people?per_page=100",
        f"{ACME}/groups/crowd?per_page=100",
        f"{ACME}/repositories/engine",
        ROCKET,
        ACME,
        f"{ACME}/privileges?repositories=sss",
    ):
        assert len(alice.open(path).answer.content) < 100_000, path
    assert "1–25 of 210" in words(alice.open(OPS).text)


@pytest.mark.runs_on("SQLite")
def test_a_project_takes_no_more_statements_for_more_of_everything(api: Api, alice: Visitor) -> None:
    paths = (PROJECTS, OPS, f"{ACME}/repositories/engine", f"{ACME}/repositories")
    before = [queries(api, alice, path) for path in paths]

    def more(work: UnitOfWork) -> None:
        for number in range(20):
            projects.create(work, "acme", f"P{number}", name=f"Project {number}")
            repositories.add(work, "acme", f"r{number}", project="OPS")
            groups.create(work, "acme", name=f"Crew {number}")
            project_privileges.set_for_group(work, "acme", "OPS", f"crew-{number}", ProjectLevel.READ)

    api.operate(more)

    assert [queries(api, alice, path) for path in paths] == before
    assert max(before) < 40


# -- permissions -----------------------------------------------------------------------------------


def test_a_permission_is_given_when_one_has_seen_who_gains(api: Api, alice: Visitor) -> None:
    before = api.everything()

    asked = give(alice, "group", "designers", "admin")

    text = words(asked.text).replace(" ", "")
    assert "1persongains,0lose" in text and "bobenginewriteadmingains" in text
    assert "Designersgroupnothingadmin" in text
    assert api.everything() == before
    done = alice.send(asked, SET)
    assert (done.path, "You gave the group designers admin on the project OPS." in words(done.text)) == (OPS, True)
    assert done.form(SET).values["group:designers:admin"] == "admin"
    assert level(api, "bob") == "admin"


def test_several_permissions_are_changed_and_removed_at_once(api: Api, alice: Visitor) -> None:
    for kind, name, given in (("group", "designers", "admin"), ("user", "gina@example.com", "read")):
        alice.send(give(alice, kind, name, given), SET)
    assert (level(api, "bob"), level(api, "gina")) == ("admin", "read")

    asked = give(
        alice, "user", "mallory", "create-repo", **{"group:designers:admin": "none", "user:gina:read": "write"}
    )
    alice.send(asked, SET)

    assert "2 people gain, 1 loses access with these 3 changes" in words(asked.text)
    assert (level(api, "bob"), level(api, "gina"), level(api, "mallory")) == ("write", "write", "write")
    assert {name for name in alice.open(OPS).form(SET).inputs if ":" in name} == {
        "user:gina:write",
        "user:mallory:create-repo",
    }


@pytest.mark.parametrize(
    ("kind", "name", "sentence"),
    [
        ("group", "nobody", "The account has no such group"),
        ("user", "nobody", "There is no user 'nobody'"),
        ("user", "nobody@example.org", "Nobody here has that e-mail address"),
        ("user", "globex", "Globex is a team, not a person"),
    ],
)
def test_a_name_that_nobody_has_is_said_beside_the_field(alice: Visitor, kind: str, name: str, sentence: str) -> None:
    told = give(alice, kind, name, "read")

    assert told.status == 400
    assert sentence.lower() in told.text.lower()
    form = told.form(SET)
    assert told.form(OPS).values["is_private"] == ["on"], "the other form of the page stays as it was"
    assert (form.values["kind"], form.values["holder"]) == (kind, name)


@pytest.mark.parametrize("when", ["before she looks", "before she confirms"])
def test_of_two_administrators_the_second_is_told_and_keeps_what_they_chose(
    api: Api, alice: Visitor, when: str
) -> None:
    def set_by_root(level: ProjectLevel) -> None:
        api.operate(
            done_by("root", lambda work: project_privileges.set_for_group(work, "acme", "OPS", "designers", level))
        )

    set_by_root(ProjectLevel.READ)
    page = alice.open(OPS)
    chosen: dict[str, str | list[str]] = {"group:designers:read": "admin"}
    if when == "before she confirms":
        page = alice.send(page, SET, fields=chosen)
    set_by_root(ProjectLevel.WRITE)

    told = alice.send(page, SET) if when == "before she confirms" else alice.send(page, SET, fields=chosen)

    assert told.status == 409
    assert "somebody else has changed this in the meantime: designers on OPS" in told.text
    assert "now: write" in told.text
    assert told.form(SET).values["group:designers:write"] == "admin"
    alice.send(alice.send(told, SET), SET)
    assert level(api, "bob") == "admin"


def test_when_anything_else_has_changed_they_look_again_who_gains(api: Api, alice: Visitor) -> None:
    asked = give(alice, "group", "designers", "admin")
    api.operate(lambda work: groups.add_member(work, "acme", "designers", "gina"))

    again = alice.send(asked, SET)

    assert (again.status, level(api, "bob")) == (409, "write")
    assert "ginaenginenoaccessadmingains" in words(again.text).replace(" ", "")
    assert "You gave the group designers admin on the project OPS." in words(alice.send(again, SET).text)


@pytest.mark.parametrize(
    "typed",
    [
        {},
        {"group:designers:none": "none"},
        {"group:designers:none": "owner"},
        {"group:designers:write": "read"},
        {"group:gone:none": "read"},
        {"kind": "team", "holder": "designers", "level": "read"},
        {"kind": "group", "holder": "designers", "level": "none"},
        {"kind": "group", "holder": "designers", "level": "owner"},
    ],
    ids=str,
)
def test_a_form_that_will_not_do_changes_nothing(api: Api, alice: Visitor, typed: dict[str, str]) -> None:
    before = api.everything()
    token = alice.open(OPS).inputs["form_token"]["value"] or ""

    for revision in ({}, {"revision": ""}, {"revision": "x"}, {"revision": "0"}, {"revision": "9" * 99}):
        data = {"form_token": token, **revision, **typed}
        assert alice.ask("POST", SET, data=data).status_code in (400, 404, 409)

    assert api.everything() == before


def test_an_administrator_of_the_project_gives_it_away_and_lands_on_their_page(api: Api, alice: Visitor) -> None:
    api.operate(lambda work: project_privileges.set_for_person(work, "acme", "OPS", "mallory", ProjectLevel.ADMIN))
    with Visitor(api, "mallory") as mallory:
        page = mallory.open(OPS)
        asked = mallory.send(page, SET, fields={"user:mallory:admin": "none"})

        landed = mallory.send(asked, SET)

        assert "malloryengineadminnoaccessloses" in words(asked.text).replace(" ", "")
        assert (landed.path, mallory.open(OPS).status) == ("/me", 404)


# -- repositories ----------------------------------------------------------------------------------


def test_a_repository_says_its_project_and_who_has_what_there_and_by_it(api: Api, alice: Visitor) -> None:
    api.operate(lambda work: project_privileges.set_for_person(work, "acme", "PROJ", "gina", ProjectLevel.CREATE_REPO))

    page = alice.open(ROCKET)

    text = words(page.text).replace(" ", "")
    assert "ProjectDefaultprojectPROJ" in text and f"{PROJECTS}/PROJ" in page.linked
    assert "GinaExampleginacreate-repoprojectPROJ" in text
    assert "Designersgroupwritethisrepository" in text and "Administratorsgroupadmingroup’sdefault" in text
    assert ROCKET in alice.open(f"{ACME}/repositories").linked
    assert api("alice", "GET", "/2.0/repositories/acme/rocket").json()["links"]["html"]["href"].endswith(ROCKET)
    assert (
        api("alice", "GET", "/2.0/workspaces/acme/projects/PROJ")
        .json()["links"]["html"]["href"]
        .endswith(f"{PROJECTS}/PROJ")
    )


def test_a_repository_moves_when_one_has_seen_who_gains_and_loses(api: Api, alice: Visitor) -> None:
    api.operate(lambda work: project_privileges.set_for_person(work, "acme", "PROJ", "gina", ProjectLevel.READ))
    api.operate(lambda work: project_privileges.set_for_group(work, "acme", "OPS", "developers", ProjectLevel.ADMIN))

    asked = alice.send(alice.open(ROCKET), f"{ROCKET}/move", project="OPS")

    text = words(asked.text).replace(" ", "")
    assert "2peoplegain,1loses" in text
    assert "ginarocketreadnoaccessloses" in text and "dorarocketnoaccessadmingains" in text
    assert level(api, "gina", "rocket") == "read"
    done = alice.send(asked, f"{ROCKET}/move")
    assert (done.path, "You changed the repository rocket: project: PROJ → OPS" in words(done.text)) == (ROCKET, True)
    assert (level(api, "gina", "rocket"), level(api, "dora", "rocket")) == ("none", "admin")


def test_a_move_looks_again_when_the_account_has_changed(api: Api, alice: Visitor) -> None:
    asked = alice.send(alice.open(ROCKET), f"{ROCKET}/move", project="OPS")
    api.operate(lambda work: groups.add_member(work, "acme", "designers", "gina"))

    again = alice.send(asked, f"{ROCKET}/move")

    assert (again.status, "the account has changed in the meantime" in again.text) == (409, True)
    assert "You changed the repository rocket" in words(alice.send(again, f"{ROCKET}/move").text)


def test_a_move_that_will_not_do_is_said_beside_the_field(alice: Visitor) -> None:
    token = alice.open(ROCKET).inputs["form_token"]["value"] or ""

    for key, sentence in (("PROJ", "Rocket is in the project PROJ already"), ("NONE", "Acme has no project 'NONE'")):
        told = Page(alice.ask("POST", f"{ROCKET}/move", data={"form_token": token, "project": key}))
        assert (told.status, sentence in told.text) == (400, True)


def test_those_who_only_read_a_repository_see_neither_permissions_nor_moves(api: Api, alice: Visitor) -> None:
    with Visitor(api, "mallory") as mallory:
        public, private = mallory.open(f"{ACME}/repositories/website"), mallory.open(ROCKET)

    assert (public.status, private.status) == (200, 404)
    assert "Default project" in public.text and f"{PROJECTS}/PROJ" not in public.linked
    assert {form.action.rpartition("/")[2] for form in public.forms if form.method == "post"} == {"sign-out"}
    assert "Permissions" not in public.text


# -- why -------------------------------------------------------------------------------------------


def test_an_access_check_names_projects_and_links_to_them(api: Api, alice: Visitor) -> None:
    alice.send(give(alice, "group", "designers", "admin"), SET)
    alice.send(give(alice, "user", "gina", "read"), SET)

    through_group = alice.open(f"{ACME}/ask?person=bob&repository=engine")
    directly = alice.open(f"{ACME}/ask?person=gina&repository=engine")
    people = alice.open(f"{ACME}/people?find=gina")
    group = alice.open(f"{ACME}/groups/designers")
    csv = alice.ask("GET", f"{ACME}/ask?person=bob&repository=engine&format=csv").text.splitlines()

    assert "admin through the group acme/designers on the project acme/OPS" in words(through_group.text)
    assert "read given to them on the project acme/OPS" in words(directly.text)
    assert OPS in through_group.linked and f"{ACME}/groups/designers" in through_group.linked
    assert OPS in directly.linked
    assert "granted on a project" in people.text
    assert "On projectsadmin on OPS" in words(group.text) and OPS in group.linked
    assert (csv[0].split(",")[-1], csv[1].split(",")[-1]) == ("project", "acme/OPS")
