"""The matrix in a browser: what is set and what is default, several cells at once, and somebody else who is quicker."""

import re
from collections.abc import Iterator

import pytest

from browsing import Page, Visitor, done_by
from cast import Api
from onebucket.actions import accounts, groups, privileges, project_privileges, projects, repositories
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectLevel

pytestmark = pytest.mark.runs_on("SQLite", "PostgreSQL")

MATRIX = "/accounts/acme/privileges"
SET = f"{MATRIX}/set"
DESIGNERS = "cell:designers/rocket:write"
DEVELOPERS = "cell:developers/rocket:none"
WEBSITE = "cell:designers/website:default"


@pytest.fixture
def alice(api: Api) -> Iterator[Visitor]:
    """The browser of alice, who administers acme."""
    with Visitor(api, "alice") as opened:
        yield opened


def words(text: str) -> str:
    return " ".join(text.split())


def ask(visitor: Visitor, **cells: str) -> Page:
    """Choose something in some cells, and see who gains and who loses."""
    names = {"designers": DESIGNERS, "developers": DEVELOPERS, "website": WEBSITE}
    fields: dict[str, str | list[str]] = {names[name]: value for name, value in cells.items()}
    return visitor.send(visitor.open(MATRIX), MATRIX, fields=fields)


def set_by(api: Api, who: str, group: str, level: Level) -> None:
    api.operate(done_by(who, lambda work: privileges.set_for_group(work, "acme", "rocket", group, level)))


def level(api: Api, group: str, repository: str = "rocket") -> str | None:
    """What is set for a group, as the API tells."""
    found = api("alice", "GET", f"/group-privileges/acme/{repository}/acme/{group}").json()
    return str(found[0]["privilege"]) if found else None


def test_every_cell_says_what_the_group_has_and_whether_that_is_set_or_default(alice: Visitor) -> None:
    form = alice.open(MATRIX).form(MATRIX)

    cells = {name: value for name, value in form.values.items() if name.startswith("cell:")}
    assert cells == {
        "cell:administrators/rocket:default": "",
        "cell:administrators/website:default": "",
        "cell:designers/rocket:write": "W",
        "cell:designers/website:default": "",
        "cell:developers/rocket:none": "N",
        "cell:developers/website:default": "",
    }
    defaults = {name: form.inputs[name]["placeholder"] for name in cells if name.endswith("/website:default")}
    assert defaults == {
        "cell:administrators/website:default": "a",
        "cell:designers/website:default": "·",
        "cell:developers/website:default": "w",
    }


@pytest.mark.parametrize("typed", ["a", "A", " a ", "admin"])
def test_a_level_is_its_letter_or_its_word(api: Api, alice: Visitor, typed: str) -> None:
    alice.send(alice.send(alice.open(MATRIX), MATRIX, fields={DESIGNERS: typed, DEVELOPERS: " N"}), SET)

    assert (level(api, "designers"), level(api, "developers")) == ("admin", None)


def test_an_empty_cell_is_the_default_again(api: Api, alice: Visitor) -> None:
    alice.send(alice.send(alice.open(MATRIX), MATRIX, fields={DESIGNERS: ""}), SET)

    assert level(api, "designers") is None


def test_several_cells_are_changed_at_once_when_one_has_seen_who_gains_and_loses(api: Api, alice: Visitor) -> None:
    before = api.everything()

    asked = ask(alice, designers="default", developers="read", website="admin")

    text = words(asked.text).replace(" ", "")
    assert "2peoplegain,1lose" in text.replace("loses", "lose")
    assert "bobrocketwritereadloses" in text
    assert "dorarocketnoaccessreadgains" in text
    assert "bobwebsitewriteadmingains" in text
    assert "alicerocket" not in text
    assert api.everything() == before

    done = alice.send(asked, SET)

    assert done.path == MATRIX and "You reset the group designers to its default on rocket" in words(done.text)
    assert (level(api, "designers"), level(api, "developers"), level(api, "designers", "website")) == (
        None, "read", "admin"
    )  # fmt: skip
    assert {(event, subject) for _, event, _, subject in api.journal() if "privilege" in event} == {
        ("group-privilege.set", "rocket"),
        ("group-privilege.removed", "rocket"),
        ("group-privilege.set", "website"),
    }


def test_every_cell_shown_is_changed_at_once_but_for_those_chosen_otherwise(api: Api, alice: Visitor) -> None:
    page = alice.open(f"{MATRIX}?groups=de&repositories=rocket")

    asked = alice.send(page, MATRIX, fields={"every": "admin", DESIGNERS: "read"})
    alice.send(asked, SET)

    assert (level(api, "designers"), level(api, "developers")) == ("read", "admin")
    assert level(api, "designers", "website") is None
    assert alice.send(page, MATRIX, fields={"every": "owner"}).status == 400


def test_a_plan_with_every_cell_and_long_names_stays_small(api: Api, alice: Visitor) -> None:
    longest = "w" * 50

    def make(work: UnitOfWork) -> None:
        for number in range(25):
            groups.create(work, "acme", name=f"a{number:02} {longest}")
        for number in range(8):
            repositories.add(work, "acme", f"a{number}-{longest}")
        for number in range(120):
            accounts.add_user(work, f"{longest}-{number}", email=None)
            groups.add_member(work, "acme", f"a{number % 25:02}-{longest}", f"{longest}-{number}")

    api.operate(make)

    asked = alice.send(alice.open(f"{MATRIX}?groups=www&repositories=www"), MATRIX, every="write")

    assert "120 people gain, 0 lose access with these 200 changes" in words(asked.text)
    assert len(asked.answer.content) < 100_000
    assert ", and 197 more." in words(alice.send(asked, SET).text)


def test_what_is_foretold_is_what_comes(api: Api, alice: Visitor) -> None:
    def levels() -> dict[tuple[str, str], str]:
        asked = [{"user": user, "repository": f"acme/{slug}"} for user in ("bob", "dora") for slug in
                 ("rocket", "website")]  # fmt: skip
        told = api("alice", "POST", "/api/access", json=[each | {"level": "read"} for each in asked]).json()
        return {(each["user"], each["repository"]): each["level"] or "noaccess" for each in told}

    before = levels()
    asked = ask(alice, designers="none", developers="admin", website="read")
    alice.send(asked, SET)

    text = words(asked.text).replace(" ", "")
    for (user, repository), after in levels().items():
        told = f"{user}{repository.removeprefix('acme/')}{before[user, repository]}{after}"
        assert (told in text) == (before[user, repository] != after)


def test_a_change_that_is_nobodys_gain_says_so(alice: Visitor) -> None:
    assert "Nobody gains or loses access" in ask(alice, website="none").text


@pytest.mark.parametrize("when", ["before she looks", "before she confirms"])
def test_of_two_administrators_who_change_a_cell_the_second_is_told_and_keeps_what_they_chose(
    api: Api, alice: Visitor, when: str
) -> None:
    page = alice.open(MATRIX)
    chosen: dict[str, str | list[str]] = {DESIGNERS: "admin", DEVELOPERS: "read"}
    if when == "before she confirms":
        page = alice.send(page, MATRIX, fields=chosen)
    set_by(api, "root", "designers", Level.READ)

    told = alice.send(page, SET) if when == "before she confirms" else alice.send(page, MATRIX, fields=chosen)

    assert told.status == 409
    assert "somebody else has changed this in the meantime: designers on rocket" in told.text
    assert "now: read" in told.text
    form = told.form(MATRIX)
    assert form.values["cell:designers/rocket:read"] == "A"
    assert form.values[DEVELOPERS] == "R"
    assert (level(api, "designers"), level(api, "developers")) == ("read", None)

    alice.send(alice.send(told, MATRIX), SET)

    assert (level(api, "designers"), level(api, "developers")) == ("admin", "read")


def test_when_anything_else_has_changed_they_look_again_who_gains(api: Api, alice: Visitor) -> None:
    asked = ask(alice, designers="admin")
    api.operate(lambda work: groups.add_member(work, "acme", "designers", "gina"))

    again = alice.send(asked, SET)

    assert (again.status, level(api, "designers")) == (409, "write")
    assert "the account has changed in the meantime" in again.text
    assert "ginarocketwriteadmingains" in words(again.text).replace(" ", "")
    assert "You gave the group designers admin on rocket, which had write." in words(alice.send(again, SET).text)


def test_a_group_deleted_meanwhile_is_said_so(api: Api, alice: Visitor) -> None:
    page, asked = alice.open(MATRIX), ask(alice, designers="admin")
    api.operate(lambda work: groups.delete(work, "acme", "designers"))

    for told in (alice.send(page, MATRIX, fields={DESIGNERS: "read", DEVELOPERS: "admin"}), alice.send(asked, SET)):
        assert told.status == 404
        assert "That didn't work: the account has no such group" in told.text.replace("’", "'")
        assert level(api, "developers") is None
        kept = told.form(MATRIX).values[DEVELOPERS]
        assert kept in ("A", "N")


@pytest.mark.parametrize(
    "typed",
    [{}, {DESIGNERS: "write"}, {DESIGNERS: "owner"}, {"cell:x": "read"}, {"cell:gone/rocket:none": "read"},
     {"cell:designers/gone:none": "read"}, {"cell:designers/../x:none": "read"}],
    ids=str,
)  # fmt: skip
def test_a_form_that_will_not_do_changes_nothing(api: Api, alice: Visitor, typed: dict[str, str]) -> None:
    before = api.everything()
    token = alice.open(MATRIX).inputs["form_token"]["value"] or ""

    for path in (MATRIX, SET):
        for revision in ("", "x", "0", "9" * 99):
            data = {"form_token": token, "revision": revision, **typed}
            assert alice.ask("POST", path, data=data).status_code in (400, 404)

    assert api.everything() == before


def test_a_large_matrix_comes_in_pages_of_both_and_is_searched_by_both(api: Api, alice: Visitor) -> None:
    longest = "w" * 45
    api.operate(lambda work: [groups.create(work, "acme", name=f"Crew {n:03} {longest}") for n in range(100)])
    api.operate(lambda work: [repositories.add(work, "acme", f"r{n:03}-{longest * 2}") for n in range(50)])

    first = alice.open(MATRIX)
    columns = int(re.findall("Repositories: 1–([0-9]+) of 52", words(first.text))[0])
    second = alice.open(f"{MATRIX}?row=25&column={columns}")
    found = alice.open(f"{MATRIX}?groups=crew-05&repositories=r01")

    assert len(first.answer.content) < 100_000
    assert "Groups: 1–25 of 103" in words(first.text) and 8 <= columns <= 20
    assert "Groups: 26–50 of 103" in words(second.text) and f"Repositories: {columns + 1}–" in words(second.text)
    assert "10 matching, 103 in total" in words(found.text)
    cells = [name for name in found.form(MATRIX).inputs if name.startswith("cell:")]
    assert len(cells) == 100 and all("crew-05" in name and "r01" in name for name in cells)
    assert "No group or no repository matches" in alice.open(f"{MATRIX}?groups=nowhere").text
    changed = found.form(MATRIX)
    assert "groups=crew-05" in changed.action
    done = alice.send(alice.send(found, MATRIX, fields={cells[0]: "read"}), SET)
    assert "10 matching, 103 in total" in words(done.text) and "You gave the group crew-05" in words(done.text)


def test_repositories_stand_by_project_with_what_the_project_itself_gives(api: Api, alice: Visitor) -> None:
    def make(work: UnitOfWork) -> None:
        projects.create(work, "acme", "OPS", name="Operations")
        repositories.change(work, "acme", "website", project="OPS")
        repositories.add(work, "acme", "zebra")
        project_privileges.set_for_group(work, "acme", "PROJ", "designers", ProjectLevel.CREATE_REPO)

    api.operate(make)

    page = alice.open(MATRIX)
    found = alice.open(f"{MATRIX}?repositories=operations")

    text = words(page.text)
    assert "GroupOPSPROJ websitepublicwhole projectrocketzebra" in text.replace("website public", "websitepublic")
    assert {"/accounts/acme/projects/OPS", "/accounts/acme/projects/PROJ"} <= set(page.linked)
    assert "create-repo" in text and "What a group has on a whole project holds" in text
    assert [name for name in found.form(MATRIX).inputs if name.startswith("cell:designers")] == [
        "cell:designers/website:default"
    ]


@pytest.mark.runs_on("SQLite")
def test_it_takes_no_more_queries_for_a_larger_matrix(api: Api, alice: Visitor) -> None:
    def queries() -> int:
        counted: list[str] = []
        with api.db.reading() as tx:
            tx.connection.set_trace_callback(counted.append)
        alice.open(MATRIX)
        with api.db.reading() as tx:
            tx.connection.set_trace_callback(None)
        return len(counted)

    before = queries()
    api.operate(lambda work: [groups.create(work, "acme", name=f"Crew {n}") for n in range(30)])

    assert queries() == before < 25
