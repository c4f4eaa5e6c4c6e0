"""Toasts that name what was done, and undo it: the opposite comes from the journal, whatever a link says."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from browsing import Page, Visitor, at_once, deliver, invite
from cast import Api
from onebucket.actions import groups, privileges, project_privileges, projects, repositories, webhooks
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.privileges import Level
from statement_counter import counting

ACME = "/accounts/acme"
DESIGNERS = f"{ACME}/groups/designers"
ADMINISTRATORS = f"{ACME}/groups/administrators"
MATRIX = f"{ACME}/privileges"
PROJECT = f"{ACME}/projects/PROJ"
UNTIL = "2099-12-03"
# What the matrix calls its cells in the cast.
CELLS = {"cell:designers/rocket:write": "default", "cell:designers/website:default": "read"}

pytestmark = pytest.mark.runs_on("SQLite")


@pytest.fixture
def alice(api: Api) -> Iterator[Visitor]:
    """The browser of alice, who administers acme; the clock stands."""
    moment = api.clock()
    api.clock = lambda: moment
    with Visitor(api, "alice") as opened:
        yield opened


def words(page: Page) -> str:
    return " ".join(page.text.split())


def undoing(page: Page) -> str:
    """The address of the toast's button, empty without one."""
    return next((urlsplit(form.action).path for form in page.forms if form.action.endswith("/undo")), "")


def undo(visitor: Visitor, page: Page) -> Page:
    return visitor.send(page, undoing(page))


def state(api: Api) -> Any:
    """What the account lets whom do: groups with members and ends, what is set, projects and names."""

    def read(work: UnitOfWork) -> Any:
        everything = privileges.PrivilegeFilter(ends=True)
        listing = privileges.of_account(work, "acme", everything)
        return (
            [(each.group, [person.id for person in each.members or ()])
             for each in groups.of_account(work, "acme", members=True)],
            listing.set_there, dict(listing.ends),
            [(each.repository.id, each.person.id, each.level, each.until)
             for each in privileges.list_direct(work, "acme", wanted=everything)],
            [(each.project.key, each.project.name, each.project.is_private, each.repositories)
             for each in projects.listed(work, "acme")],
            [(each.person.id, each.level, each.until) for there in projects.listed(work, "acme")
             for each in project_privileges.of_people(work, "acme", there.project.key)],
            [(each.slug, each.project_id) for each in repositories.of_account(work, "acme")],
            [each.facts for each in webhooks.of_account(work, "acme")[1]],
        )  # fmt: skip

    return api.operate(read)


def add_dora(visitor: Visitor) -> Page:
    return visitor.send(visitor.open(DESIGNERS), f"{DESIGNERS}/members", member="dora")


def remove_bob(visitor: Visitor) -> Page:
    address = f"{DESIGNERS}/members/bob/remove"
    return visitor.send(visitor.open(address), address)


def move_end(visitor: Visitor) -> Page:
    address = f"{DESIGNERS}/members/bob/end"
    return visitor.send(visitor.open(address), address, until=UNTIL)


def set_cells(visitor: Visitor) -> Page:
    return visitor.send(visitor.send(visitor.open(MATRIX), MATRIX, fields=dict(CELLS)), f"{MATRIX}/set")


def change_group(visitor: Visitor) -> Page:
    typed = {"name": "Design", "permission": "admin", "account_privilege": "collaborator"}
    asked = visitor.send(visitor.open(DESIGNERS), DESIGNERS, **typed)
    return visitor.send(asked, DESIGNERS)


def give_on_project(visitor: Visitor) -> Page:
    set_there = f"{PROJECT}/permissions"
    typed = {"kind": "user", "holder": "gina", "level": "write", "until": UNTIL}
    return visitor.send(visitor.send(visitor.open(PROJECT), set_there, **typed), set_there)


def change_project(visitor: Visitor) -> Page:
    return visitor.send(visitor.open(PROJECT), PROJECT, name="Fleet", key="FLEET")


def switch_webhook_off(visitor: Visitor) -> Page:
    [webhook] = visitor.api.operate(lambda work: webhooks.of_account(work, "acme")[1])
    address = f"{ACME}/webhooks/{webhook.id}"
    return visitor.send(visitor.open(address), address, active=[])


def rename_team(visitor: Visitor) -> Page:
    address = f"{ACME}/settings"
    return visitor.send(visitor.open(address), address, display_name="Acme & Sons")


@pytest.mark.parametrize(
    ("change", "sentence", "after"),
    [
        (add_dora, "You added dora to the group designers.", DESIGNERS),
        (remove_bob, "You removed bob from the group designers.", DESIGNERS),
        (move_end, f"You let bob stay in the group designers until {UNTIL}", DESIGNERS),
        (set_cells, "You reset the group designers to its default on rocket, where write was set;", MATRIX),
        (change_group, "You changed the group designers: name: Designers → Design;", DESIGNERS),
        (give_on_project, f"You gave gina write on the project PROJ until {UNTIL}", PROJECT),
        (change_project, "You changed the project PROJ: key: PROJ → FLEET;", PROJECT),
        (switch_webhook_off, "You changed the webhook ci.example.com: active: true → false.", f"{ACME}/webhooks/"),
        (rename_team, "You changed the team acme: display_name: Acme → Acme & Sons.", f"{ACME}/settings"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
@pytest.mark.runs_on("SQLite", "PostgreSQL")
def test_what_was_done_is_named_undone_and_done_again(
    api: Api, alice: Visitor, change: Callable[[Visitor], Page], sentence: str, after: str
) -> None:
    api.operate(lambda work: webhooks.add(work, "acme", url="https://ci.example.com/", events=["*"]))
    before = state(api)

    done = change(alice)
    changed = state(api)
    undone = undo(alice, done)
    restored = state(api)
    again = undo(alice, undone)

    assert sentence in words(done)
    assert done.answer.text.index('role="status"') < done.answer.text.index("<h1")
    assert (undone.status, undone.path.startswith(after), restored) == (200, True, before)
    assert "You " in words(undone)
    assert (again.status, state(api)) == (200, changed)


def test_an_end_that_was_there_comes_back(api: Api, alice: Visitor) -> None:
    api("alice", "PUT", f"/groups/acme/designers/members/dora?until={UNTIL}")
    api("alice", "PUT", f"/privileges/acme/rocket/gina?until={UNTIL}", content="read")
    before = state(api)

    remove = f"{DESIGNERS}/members/dora/remove"
    undo(alice, alice.send(alice.open(remove), remove))
    ask = f"{ACME}/ask/end?way=direct&person=gina&repository=rocket"
    undo(alice, alice.send(alice.open(ask), f"{ACME}/ask/end"))

    assert state(api) == before


def test_an_invitation_is_withdrawn_until_somebody_has_accepted_it(api: Api, alice: Visitor) -> None:
    address = f"{ACME}/invitations"

    def send(email: str) -> Page:
        return alice.send(alice.open(address), address, emails=email, group="designers")

    undone = undo(alice, send("erin@example.net"))
    accepted = send("gina@example.com")
    with Visitor(api, "gina") as gina:
        link = deliver(api)["gina@example.com"]
        gina.send(gina.open(link), f"{link}/accept")
    refused = undo(alice, accepted)

    assert "You withdrew the invitation of erin@example.net." in words(undone)
    assert undoing(undone) == ""
    assert (refused.status, "gina" in api.members("designers")) == (409, True)


def test_several_that_were_added_at_once_are_undone_together(api: Api, alice: Visitor) -> None:
    before = state(api)

    done = alice.send(alice.open(DESIGNERS), f"{DESIGNERS}/members", member="dora gina mallory root")
    undone = undo(alice, done)

    assert "added mallory to the group designers; and 1 more." in words(done)
    assert (undone.status, state(api)) == (200, before)


def test_the_toast_is_for_who_did_it_while_it_is_recent(api: Api, alice: Visitor) -> None:
    done = add_dora(alice)
    [did] = parse_qs(urlsplit(str(done.answer.url)).query)["did"]
    account, _, number = did.partition(".")
    with Visitor(api, "root") as root:
        of_root = root.open(f"{DESIGNERS}?did={did}")
        token = of_root.inputs["form_token"]["value"]
        refused = root.ask("POST", undoing(done), data={"form_token": token, "next": DESIGNERS})
    numbers = (int(number) - 1, int(number) + 1, 999_999_999, 0)
    nobody = "-".join("0" * size for size in (8, 4, 4, 4, 12))
    forged = [*(f"{account}.{each}" for each in numbers), f"{nobody}.{number}", f"x.{number}", f"{did}000000000", "x"]
    others = [alice.open(f"{DESIGNERS}?did={each}") for each in forged]
    moment = api.clock() + timedelta(minutes=10, seconds=1)
    api.clock = lambda: moment
    late = alice.open(f"{DESIGNERS}?did={did}")
    too_late = undo(alice, done)

    assert undoing(done) == f"{ACME}/journal/{number}/undo"
    assert (undoing(of_root), refused.status_code) == ("", 404)
    assert {undoing(page) for page in others} == {""} and {page.status for page in others} == {200}
    assert (undoing(late), too_late.status) == ("", 404)
    assert "You have made no such change in the last 10 minutes" in too_late.text
    assert "Ask for access" not in too_late.text
    assert api.members("designers") == ["bob", "dora"]


def test_a_toast_costs_one_statement_and_only_where_it_is_asked_for(api: Api, alice: Visitor) -> None:
    here = str(add_dora(alice).answer.url)
    alice.ask("GET", here)
    with counting(api.db) as counter:
        without, with_toast = (counter.count(lambda path=path: alice.ask("GET", path)).statements
                               for path in (here.partition("?")[0], here))  # fmt: skip

    assert with_toast == without + 1


def test_a_form_of_another_site_undoes_nothing(api: Api, alice: Visitor) -> None:
    done = add_dora(alice)
    path, token = undoing(done), done.inputs["form_token"]["value"]

    without = alice.ask("POST", path, data={"next": DESIGNERS})
    elsewhere = alice.ask("POST", path, data={"form_token": token}, headers={"Origin": "https://mallory.example.com"})
    away = alice.ask("POST", path, data={"form_token": token, "next": "//mallory.example.com"})

    assert (without.status_code, elsewhere.status_code) == (403, 403)
    assert away.headers["location"].startswith(f"{ACME}?did=")


def test_what_was_changed_since_is_not_undone(api: Api, alice: Visitor) -> None:
    done, cells, group = add_dora(alice), set_cells(alice), alice.open(DESIGNERS)
    changed = alice.send(group, DESIGNERS, name="Designers", permission="read")
    api.operate(lambda work: groups.remove_member(work, "acme", "designers", "dora"))
    api.operate(lambda work: privileges.set_for_group(work, "acme", "website", "designers", Level.ADMIN))
    api.operate(lambda work: groups.change(work, "acme", "designers", auto_add=True))
    before = state(api)

    refused = [undo(alice, page) for page in (done, cells, changed)]

    assert [page.status for page in refused] == [409, 409, 409]
    assert all("this has been changed since" in page.text for page in refused)
    assert state(api) == before


@pytest.mark.runs_on("SQLite", "PostgreSQL")
def test_of_two_clicks_at_once_one_undoes(api: Api, alice: Visitor) -> None:
    done = remove_bob(alice)
    sent = {"form_token": done.inputs["form_token"]["value"] or "", "next": DESIGNERS}

    answers = at_once(api, *[(alice, undoing(done), sent)] * 2)

    assert sorted(each.status_code for each in answers) == [303, 409]
    assert api.members("designers") == ["bob"]


def test_who_may_not_do_the_opposite_any_more_does_not_undo(api: Api, alice: Visitor) -> None:
    done = alice.send(alice.open(ADMINISTRATORS), f"{ADMINISTRATORS}/members", member="dora")
    api.operate(lambda work: groups.remove_member(work, "acme", "administrators", "alice"))

    refused = undo(alice, done)

    assert (refused.status, "you may not see the group" in refused.text) == (403, True)
    assert api.members("administrators") == ["dora"]


def test_the_last_administrators_stay_so(api: Api, alice: Visitor) -> None:
    group = f"{ACME}/groups/developers"
    done = alice.send(alice.open(group), group, account_privilege="admin")
    api.operate(lambda work: groups.set_account_privilege(work, "acme", "administrators", None))
    before = state(api)

    refused = undo(alice, done)

    assert (refused.status, "administrator" in refused.text, state(api)) == (400, True, before)


def test_what_has_no_opposite_offers_none(api: Api, alice: Visitor) -> None:
    invite(api, "gina@example.com")
    made = alice.send(alice.open(ACME), f"{ACME}/groups", name="Night Crew")
    joined = alice.send(alice.open(DESIGNERS), f"{DESIGNERS}/members", member="gina")

    assert (undoing(made), undoing(joined)) == ("", "")
    assert "Group created." in made.text and "gina is now a member of Designers." in joined.text


def test_a_page_of_ones_own_undoes_too_and_says_what(api: Api, alice: Visitor) -> None:
    path = undoing(add_dora(alice))

    asked = alice.open(path)
    undone = alice.send(asked, path)

    assert "You added dora to the group designers." in words(asked)
    assert (undone.path, api.members("designers")) == (ACME, ["bob"])
