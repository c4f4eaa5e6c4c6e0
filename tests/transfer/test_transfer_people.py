"""A document is judged by how it ends: addresses go round, and everybody who isn't known is named at once."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cast
import sizes
from onebucket.actions import accounts
from onebucket.domain.refusals import Conflict, Invalid, NotFound
from onebucket.store.engine.database import Database
from onebucket.transfer import apply, document

NAMES = ("alice", "bob", "carol", "dora", "erin")


def applied(db: Database, text: str) -> None:
    with db.writing() as tx:
        apply.apply(cast.operator(tx), [document.read("onebucket: 1\n" + text, source="a")], prune=False)


def users(addresses: dict[str, str]) -> str:
    return "users:\n" + "\n".join(f"- {{username: {name}, email: {email}}}" for name, email in addresses.items())


def addresses(db: Database) -> dict[str, list[str]]:
    with db.reading() as tx:
        return {
            person.account.username: [email.address for email in person.emails]
            for person in accounts.list_people(cast.operator(tx))
        }


@pytest.fixture(scope="module")
def five(empty_template: object, tmp_path_factory: pytest.TempPathFactory) -> Database:
    db = cast.copy(empty_template, tmp_path_factory.mktemp("people"))  # type: ignore[arg-type]
    applied(db, users({name: f"{name}@example.com" for name in NAMES}))
    return db


@settings(max_examples=sizes.examples(40))
@given(order=st.permutations(NAMES), given_to=st.permutations(NAMES), size=st.integers(1, len(NAMES)))
def test_people_can_be_given_each_others_addresses_in_any_order(
    five: Database, order: list[str], given_to: list[str], size: int
) -> None:
    had = addresses(five)
    some = order[:size]
    targets = [had[name][0] for name in sorted(some, key=given_to.index)]

    applied(five, users(dict(zip(some, targets, strict=True))))

    assert addresses(five) == had | {name: [email] for name, email in zip(some, targets, strict=True)}


def test_somebody_new_can_have_the_address_that_another_gives_up(db: Database) -> None:
    applied(db, users({"alice": "a@example.com"}))

    applied(db, users({"bob": "a@example.com", "alice": "b@example.com"}))

    assert addresses(db) == {"alice": ["b@example.com"], "bob": ["a@example.com"]}


def test_an_address_that_two_would_have_in_the_end_is_refused_and_nothing_happens(db: Database) -> None:
    applied(db, users({"alice": "a@example.com", "bob": "b@example.com"}))

    for wanted in ({"alice": "b@example.com"}, {"alice": "c@example.com", "bob": "c@example.com"}):
        with pytest.raises(Conflict) as refused:
            applied(db, users(wanted))
        assert refused.value.sentence.startswith("users/")

    assert addresses(db) == {"alice": ["a@example.com"], "bob": ["b@example.com"]}


def test_everybody_who_is_not_known_is_named_in_one_refusal(db: Database) -> None:
    text = """\
users: [{username: alice, email: alice@example.com}]
teams:
- username: acme
  groups:
  - {name: Crew, members: [alice, bob, x@example.com]}
  - {name: Other, members: [bob]}
  repositories:
  - {slug: rocket, users: {carol: read, alice@example.com: read}}
  invitations:
  - {email: e@example.com, groups: [crew], invited_by: dora}
"""

    with pytest.raises(NotFound) as refused:
        applied(db, text)

    assert refused.value.sentence == (
        "there are no such 4 people: bob (teams/acme groups/crew members/bob), "
        "x@example.com (teams/acme groups/crew members/x@example.com), "
        "carol (teams/acme repositories/rocket users/carol), dora (teams/acme invitations/e@example.com)"
    )
    assert addresses(db) == {}


def test_a_password_in_a_document_needs_eight_characters_and_nothing_is_done_without(db: Database) -> None:
    with pytest.raises(Invalid, match=r"users/alice: the password must have 8 characters or more"):
        applied(db, "users: [{username: bob}, {username: alice, password: short-7}]")

    assert addresses(db) == {}

    applied(db, "users: [{username: alice, password: longer-8}]")
    with pytest.raises(Invalid, match="8 characters"):
        applied(db, "users: [{username: alice, password: x}]")


ID, AAID = "{0b6f1c1e-6d0e-4a55-9d3a-3a5f1f2b7c10}", "70121:0b6f1c1e-6d0e-4a55-9d3a-3a5f1f2b7c11"


def ids(db: Database) -> dict[str, str]:
    with db.reading() as tx:
        return {person.account.username: person.account.id for person in accounts.list_people(cast.operator(tx))}


@pytest.mark.parametrize("identity", [f"uuid: '{ID}'", f"account_id: '{AAID.upper()}'", "previously: [bobby, Bob]"])
def test_a_person_who_was_renamed_stays_the_same_person(db: Database, identity: str) -> None:
    applied(db, f"users: [{{username: bob, uuid: '{ID}', account_id: '{AAID}', email: bob@example.com}}]")
    before = ids(db)["bob"]

    teams = "teams: [{username: acme, groups: [{name: X, members: [robert]}]}]"
    applied(db, f"users: [{{username: robert, {identity}}}]\n{teams}")
    applied(db, f"users: [{{username: robert, {identity}}}]")

    assert ids(db) == {"robert": before}
    assert addresses(db) == {"robert": ["bob@example.com"]}


def test_an_earlier_name_counts_only_while_nobody_has_the_new_one(db: Database) -> None:
    applied(db, users({"bob": "bob@example.com", "robert": "robert@example.com"}))
    before = ids(db)

    applied(db, "users: [{username: robert, previously: [bob]}]")

    assert ids(db) == before


def test_a_name_that_comes_free_can_be_given_to_another(db: Database) -> None:
    applied(db, users({"bob": "bob@example.com", "carol": "carol@example.com"}))
    before = ids(db)

    applied(db, f"users: [{{username: bob, uuid: '{before['carol']}'}}, {{username: robert, uuid: '{before['bob']}'}}]")

    assert ids(db) == {"bob": before["carol"], "robert": before["bob"]}


def test_a_name_that_stays_taken_is_refused_with_who_has_it(db: Database) -> None:
    applied(db, users({"bob": "bob@example.com", "carol": "carol@example.com"}))
    before = ids(db)

    with pytest.raises(Conflict, match=r"users/carol: .*carol"):
        applied(db, f"users: [{{username: carol, uuid: '{before['bob']}'}}]")

    assert ids(db) == before


def test_the_journal_tells_the_new_name(db: Database) -> None:
    applied(db, users({"bob": "bob@example.com"}))

    with db.writing() as tx:
        work = cast.operator(tx)
        apply.apply(
            work,
            [document.read("onebucket: 1\nusers: [{username: robert, previously: [bob]}]", source="a")],
            prune=False,
        )

    [entry] = work.entries
    assert (entry.event.value, entry.before["username"], entry.after["username"]) == ("user.changed", "bob", "robert")
