"""An account's groups in a browser: seeing, making, changing and deleting them, and who is in them."""

from collections.abc import Iterator
from unicodedata import normalize

import pytest

from browsing import Visitor, deliver, done_by, invite
from cast import Api
from onebucket.actions import groups, repositories

pytestmark = pytest.mark.runs_on("SQLite", "PostgreSQL")

ACME = "/accounts/acme"
DESIGNERS = f"{ACME}/groups/designers"


@pytest.fixture
def alice(api: Api) -> Iterator[Visitor]:
    """The browser of alice, who administers acme."""
    with Visitor(api, "alice") as opened:
        yield opened


def words(text: str) -> str:
    return " ".join(text.split())


def sizes(api: Api, visitor: Visitor, path: str) -> int:
    """How many queries a page takes."""
    counted: list[str] = []
    with api.db.reading() as tx:
        tx.connection.set_trace_callback(counted.append)
    assert visitor.open(path).status == 200
    with api.db.reading() as tx:
        tx.connection.set_trace_callback(None)
    return len(counted)


# -- the account -----------------------------------------------------------------------------------


def test_it_shows_every_group_with_members_default_and_what_it_administers(alice: Visitor) -> None:
    page = alice.open(ACME)

    text = words(page.text)
    assert "Administratorsaccount administratorsadministrators1admin" in text
    assert "Developersdevelopers3write" in text and "Designersdesigners1no access" in text
    assert DESIGNERS in page.linked


def test_a_member_sees_their_own_groups_and_can_change_none(api: Api) -> None:
    with Visitor(api, "bob") as bob:
        page, group = bob.open(ACME), bob.open(f"{ACME}/groups/developers")

        assert "Administrators" not in page.text and "Developers" in page.text
        sent = [each.action.rpartition("/")[2] for each in page.forms + group.forms if each.method == "post"]
        assert {*sent} == {"sign-out"}
        assert f"{ACME}/groups/developers/members/bob/remove" in group.linked
        assert f"{ACME}/groups/developers/members/dora/remove" not in group.linked
        assert "/privileges" not in page.text


def test_the_pages_of_an_account_lead_to_one_another_and_none_to_nothing(api: Api, alice: Visitor) -> None:
    seen, ahead = {"/me"}, ["/me"]
    while ahead:
        page = alice.open(ahead.pop())
        assert page.status == 200, page.path
        for linked in page.linked:
            path = linked.partition("#")[0]
            if path.startswith("/") and path not in seen:
                seen.add(path)
                ahead.append(path)

    assert {ACME, DESIGNERS, f"{DESIGNERS}/delete", f"{ACME}/repositories"} <= seen


def test_a_group_is_made_with_its_default(api: Api, alice: Visitor) -> None:
    made = alice.send(alice.open(ACME), f"{ACME}/groups", name="Night Crew", permission="read")

    assert (made.path, made.status) == (f"{ACME}/groups/night-crew", 200)
    assert "Group created" in made.text
    assert api("alice", "GET", "/groups/acme").json()[-1]["permission"] == "read"
    assert api.journal()[-1] == ("alice", "group.added", "acme", "night-crew")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("Designers", "already"),
        ("", "Name is missing"),
        ("!!!", "no letter or digit"),
        ("a\u202eb", "control character"),
    ],
)
def test_a_name_that_will_not_do_is_said_beside_its_field(api: Api, alice: Visitor, name: str, sentence: str) -> None:
    before = api.everything()

    page = alice.send(alice.open(ACME), f"{ACME}/groups", name=name, permission="write")

    assert page.status in (400, 409)
    assert sentence in page.text and "name-error" in page.ids
    assert page.form(f"{ACME}/groups").values["name"] == name
    assert page.form(f"{ACME}/groups").values["permission"] == "write"
    assert api.everything() == before


def test_long_lists_come_in_pages_and_can_be_searched(api: Api, alice: Visitor) -> None:
    api.operate(lambda work: [groups.create(work, "acme", name=f"Crew {n:03}") for n in range(120)])
    api.operate(lambda work: [repositories.add(work, "acme", f"r{n:03}") for n in range(120)])

    first, found = alice.open(ACME), alice.open(f"{ACME}?find=crew+11")
    second = alice.open(f"{ACME}?from=50")

    assert "1–50 of 123" in first.text and f"{ACME}?from=50" in first.linked
    assert "51–100 of 123" in second.text and f"{ACME}?from=100" in second.linked
    assert "1–11 of 11 matching, 123 in total" in words(found.text) and "Crew 115" in found.text
    assert len(first.answer.content) < 100_000
    assert "No group matches “nothing”" in alice.open(f"{ACME}?find=nothing").text
    for strange in ("-1", "99999", "x", "٣", "9" * 50):
        assert "1–50 of 123" in alice.open(f"{ACME}?from={strange}").text
    assert "1–50 of 122" in alice.open(f"{ACME}/repositories").text


@pytest.mark.runs_on("SQLite")
def test_it_takes_no_more_queries_for_more_groups_and_members(api: Api, alice: Visitor) -> None:
    before = sizes(api, alice, ACME), sizes(api, alice, DESIGNERS), sizes(api, alice, f"{DESIGNERS}/delete")
    api.operate(lambda work: [groups.create(work, "acme", name=f"Crew {n}") for n in range(30)])
    api.operate(lambda work: [groups.add_member(work, "acme", "designers", name) for name in ("dora", "gina", "root")])

    after = sizes(api, alice, ACME), sizes(api, alice, DESIGNERS), sizes(api, alice, f"{DESIGNERS}/delete")

    assert after == before
    assert max(before) < 30


# -- a group ---------------------------------------------------------------------------------------


def test_somebody_is_added_by_name_or_address(api: Api, alice: Visitor) -> None:
    page = alice.send(alice.open(DESIGNERS), f"{DESIGNERS}/members", member="dora")
    assert "You added dora to the group designers." in words(page.text)
    page = alice.send(page, f"{DESIGNERS}/members", member=" GINA@example.com ")

    assert "Gina Example" in page.text and "You added gina to the group designers." in words(page.text)
    assert api.members("designers") == ["bob", "dora", "gina"]


def test_several_are_added_at_once_and_who_is_a_member_stays_one(api: Api, alice: Visitor) -> None:
    page = alice.send(alice.open(DESIGNERS), f"{DESIGNERS}/members", member="bob, dora;GINA@example.com\tdora ")

    assert "You added dora to the group designers; added gina to the group designers." in words(page.text)
    assert api.members("designers") == ["bob", "dora", "gina"]


@pytest.mark.parametrize(
    ("member", "sentence"),
    [("dora nobody gina", "There is no user 'nobody'"), ("x " * 9_999 + "y", "There is no user"),
     (" ".join(f"x{n}" for n in range(10_000)), "These are 10,000 people: add at most 100 at once")],
    ids=["one is nobody", "the same again and again", "too many"],
)  # fmt: skip
def test_of_several_all_are_added_or_nobody(api: Api, alice: Visitor, member: str, sentence: str) -> None:
    page = alice.send(alice.open(DESIGNERS), f"{DESIGNERS}/members", member=member)

    assert (page.status, sentence.replace("'", "’") in page.text.replace("'", "’")) == (400, True)
    assert api.members("designers") == ["bob"]


@pytest.mark.parametrize(
    ("member", "sentence"),
    [
        ("bob", "a member of that group already"),
        ("nobody@example.org", "Nobody here has that e-mail address"),
        ("<b>x</b>", "There is no user"),
        ("acme", "a team, not a person"),
        ("", "Enter a username"),
    ],
)
def test_who_cannot_be_added_is_said_beside_the_field(api: Api, alice: Visitor, member: str, sentence: str) -> None:
    page = alice.send(alice.open(DESIGNERS), f"{DESIGNERS}/members", member=member)

    assert (page.status, "member-error" in page.ids) == (400, True)
    assert sentence in page.text
    assert page.inputs["member"].get("value", "") == member
    assert api.members("designers") == ["bob"]


@pytest.mark.parametrize("until", ["2020-01-01", "2026-02-31"])
@pytest.mark.parametrize(
    ("form", "typed"),
    [
        (f"{DESIGNERS}/members", {"member": "dora"}),
        (f"{ACME}/invitations", {"emails": "new@example.net", "group": ["designers"]}),
    ],
)
def test_an_end_that_can_not_be_is_said_beside_the_date(
    api: Api, alice: Visitor, form: str, typed: dict[str, str | list[str]], until: str
) -> None:
    page = alice.send(alice.open(form.removesuffix("/members")), form, **typed, until=until)

    assert (page.status, "until-error" in page.ids) == (400, True)
    assert api.members("designers") == ["bob"] and deliver(api) == {}


def test_a_member_is_removed_when_one_has_seen_what_they_lose(api: Api, alice: Visitor) -> None:
    asked = alice.open(f"{DESIGNERS}/members/bob/remove")
    gone = alice.send(asked, f"{DESIGNERS}/members/bob/remove")

    assert "bobrocketwritenoaccess" in words(asked.text).replace(" ", "")
    assert gone.path == DESIGNERS and "No members yet." in gone.text
    assert "You removed bob from the group designers." in words(gone.text)
    assert alice.open(f"{DESIGNERS}/members/bob/remove").status == 404


@pytest.mark.parametrize(
    "address",
    [
        f"{DESIGNERS}?done=added+dora",
        f"{DESIGNERS}?done=removed+bob",
        f"{DESIGNERS}?done=added+call+0900",
        f"{ACME}?done=deleted+designers",
        f"{ACME}?done=deleted+call+0900",
        f"{ACME}/privileges?done=set+nothing/nowhere",
        f"{ACME}/privileges?done=set+call+0900",
    ],
)
def test_nothing_is_called_done_that_is_not_so(alice: Visitor, address: str) -> None:
    assert 'role="status">' not in alice.open(address).answer.text.replace('<span data-elsewhere role="status">', "")


@pytest.mark.parametrize(
    ("page", "leads_to"),
    [
        (DESIGNERS, f"{ACME}/ask?person=bob#answer"),
        (f"{ACME}/people", DESIGNERS),
        (f"{ACME}/ask?person=bob&repository=rocket", DESIGNERS),
        (f"{ACME}/ask?repository=rocket", f"{ACME}/groups/administrators"),
        (f"{ACME}/invitations", DESIGNERS),
        ("/me", f"{ACME}/groups/administrators"),
    ],
)
def test_a_name_that_has_a_page_leads_there(alice: Visitor, page: str, leads_to: str) -> None:
    main = alice.open(page).answer.text.partition("<h1")[2].replace("&amp;", "&")

    assert f'href="{leads_to}"' in main


def test_one_leaves_a_group_oneself(api: Api) -> None:
    with Visitor(api, "bob") as bob:
        asked = bob.open(f"{DESIGNERS}/members/bob/remove")
        left = bob.send(asked, f"{DESIGNERS}/members/bob/remove")

    assert "Leave Designers?" in words(asked.text)
    assert left.path == "/me"
    assert api.members("designers") == []


def test_a_new_name_that_makes_a_new_slug_is_done_when_that_was_said(api: Api, alice: Visitor) -> None:
    asked = alice.send(alice.open(DESIGNERS), DESIGNERS, name="Art & Design", permission="read", auto_add=["on"])
    assert "changes the slug to art-design" in words(asked.text) and "answers 404" in asked.text
    assert api("alice", "GET", "/groups/acme/designers").status_code == 200

    renamed = alice.send(asked, DESIGNERS)

    assert (renamed.path, renamed.status) == (f"{ACME}/groups/art-design", 200)
    found = api("alice", "GET", "/groups/acme/art-design").json()
    assert (found["name"], found["permission"], found["auto_add"]) == ("Art & Design", "read", True)
    assert [event for _, event, _, _ in api.journal() if event.startswith("group")] == ["group.changed"]


def test_what_a_group_may_do_is_changed_without_asking_twice(api: Api, alice: Visitor) -> None:
    page = alice.send(
        alice.open(DESIGNERS), DESIGNERS, name="DESIGNERS", permission="admin", account_privilege="collaborator"
    )

    assert "You changed the group designers: name: Designers → DESIGNERS" in words(page.text)
    assert page.form(DESIGNERS).values["permission"] == "admin"
    assert page.form(DESIGNERS).values["account_privilege"] == "collaborator"
    assert "Account rolecollaborator" in page.text


def test_the_last_administrators_stay(api: Api, alice: Visitor) -> None:
    address = f"{ACME}/groups/administrators"
    before = api.everything()

    demoted = alice.send(alice.open(address), address, account_privilege="")
    removed = alice.send(alice.open(f"{address}/members/alice/remove"), f"{address}/members/alice/remove")
    deleted = alice.send(alice.open(f"{address}/delete"), f"{address}/delete")

    for page in (demoted, removed, deleted):
        assert page.status == 400
        assert "would be left without an administrator" in page.text
    assert api.everything() == before


def test_deleting_says_first_who_loses_what(api: Api, alice: Visitor) -> None:
    invite(api, "erin@example.org", "designers")
    asked = alice.open(f"{DESIGNERS}/delete")
    deleted = alice.send(asked, f"{DESIGNERS}/delete")

    text = words(asked.text)
    assert "1 person would lose access" in text and "bobrocketwritenoaccess" in text.replace(" ", "")
    assert "2 pending invitations end too" in text and "erin@example.org, to designers" in text
    assert (deleted.path, "Group designers deleted" in deleted.text) == (ACME, True)
    assert api("alice", "GET", "/groups/acme/designers").status_code == 404


def test_a_group_deleted_while_its_page_is_open_is_said_so(api: Api, alice: Visitor) -> None:
    page, asked = alice.open(DESIGNERS), alice.open(f"{DESIGNERS}/delete")
    api.operate(done_by("alice", lambda work: groups.delete(work, "acme", "designers")))

    for told in (
        alice.send(page, f"{DESIGNERS}/members", member="dora"),
        alice.send(page, DESIGNERS, name="Artists"),
        alice.send(asked, f"{DESIGNERS}/delete"),
    ):
        assert told.status == 404
        assert "may have been deleted or renamed" in told.text
        assert ACME in told.linked


def test_names_of_markup_of_fifty_letters_and_from_right_to_left_are_text(api: Api, alice: Visitor) -> None:
    name = normalize("NFC", '<b>bold</b> & "quoted" שלום ' + "w" * 50)

    made = alice.send(alice.open(ACME), f"{ACME}/groups", name=name)
    asked = alice.open(f"{made.path}/delete")
    listed = alice.open(ACME)

    for page in (made, asked, listed):
        assert name in page.text
        assert "b" not in page.tags
    assert made.form(made.path).values["name"] == name


# -- inviting --------------------------------------------------------------------------------------


def test_five_people_are_invited_to_three_groups_with_one_letter_each(api: Api, alice: Visitor) -> None:
    people = [f"new-{n}@example.net" for n in range(5)]
    api.operate(lambda work: groups.create(work, "acme", name="Night Crew"))

    page = alice.open(f"{ACME}/invitations?group=designers")
    ticked = page.form(f"{ACME}/invitations").ticked["group"]
    sent = alice.send(
        page,
        f"{ACME}/invitations",
        emails=f"{people[0]}, {people[1]};{people[2]}\n\n{people[3]} {people[4]}",
        group=[*ticked, "developers", "night-crew"],
    )

    assert ticked == ["designers"]
    assert "You invited new-0@example.net to designers, developers, night-crew;" in words(sent.text)
    for email in people:
        assert email in sent.text
    assert sorted(deliver(api)) == people
    # The toast names three of them.
    assert words(sent.text).count("designers, developers, night-crew") == 5 + 3


def test_who_was_invited_already_gets_the_other_groups_too_and_a_member_only_those_they_are_not_in(
    api: Api, alice: Visitor
) -> None:
    link = invite(api, "erin@example.net", "designers")

    sent = alice.send(
        alice.open(f"{ACME}/invitations"),
        f"{ACME}/invitations",
        emails="erin@example.net dora@example.com",
        group=["designers", "developers"],
    )

    text = words(sent.text)
    assert "erin@example.net Todesigners, developers Invited" in text
    assert "dora@example.com Todesigners Invited" in text
    assert deliver(api)["erin@example.net"] == link


@pytest.mark.parametrize(
    ("emails", "chosen", "where", "sentence"),
    [
        ("", ["designers"], "emails", "Enter at least one e-mail address"),
        ("a@example.net", [], "group", "Choose at least one group"),
        ("a@example.net nonsense", ["designers"], "emails", "Nonsense: that is not an e-mail address"),
        ("a@example.net", ["gone"], "group", "may have been deleted or renamed"),
        ("a@example.net bob@example.com", ["designers"], "emails", "is a member of that group already"),
        (" ".join(f"a{n}@example.net" for n in range(51)), ["designers"], "emails", "Give 1 to 50"),
    ],
    ids=["nobody", "no group", "no address", "group gone", "member", "too many"],
)
def test_an_invitation_that_will_not_do_invites_nobody_and_keeps_what_was_typed(
    api: Api, alice: Visitor, emails: str, chosen: list[str], where: str, sentence: str
) -> None:
    before = api.everything()

    page = alice.send(alice.open(f"{ACME}/invitations"), f"{ACME}/invitations", emails=emails, group=chosen)

    form = page.form(f"{ACME}/invitations")
    assert (page.status, f"{where}-error" in page.ids) == (400, True)
    assert sentence in page.text
    assert (form.values["emails"], form.ticked["group"]) == (emails, [each for each in chosen if each != "gone"])
    assert api.everything() == before


def test_of_very_many_groups_one_names_those_one_means(api: Api, alice: Visitor) -> None:
    api.operate(lambda work: [groups.create(work, "acme", name=f"Crew {n}") for n in range(600)])

    page = alice.open(f"{ACME}/invitations")
    sent = alice.send(page, f"{ACME}/invitations", emails="a@example.net", groups="crew-7, designers")

    assert len(page.answer.content) < 100_000
    assert "a@example.net Tocrew-7, designers" in words(sent.text)
