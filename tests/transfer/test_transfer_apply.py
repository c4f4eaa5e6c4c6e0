"""Applying documents: what they name becomes so, the rest stays, and it is all of it or nothing."""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

import cast
from onebucket import hashing
from onebucket.actions import accounts, groups, journal, tokens
from onebucket.domain.events import Event
from onebucket.domain.journal_entry import Entry
from onebucket.domain.refusals import Conflict, Invalid, LastAdministrator, NoSuchGroup, NotFound, Refusal, UnknownEmail
from onebucket.store.engine.database import Database
from onebucket.transfer import apply, change_report, document
from onebucket.transfer.document import Document, Group, Team, User
from onebucket.transfer.export import export
from onebucket.transfer.model import given_fields

# alice administers acme, bob is a member, carol is invited, mallory is in nothing.
COMPANY = """\
users:
  - {username: alice, email: alice@example.com, display_name: Alice Liddell}
  - {username: bob, email: bob@example.com}
  - {username: mallory, email: mallory@example.com}
teams:
  - username: acme
    display_name: Acme
    groups:
      - {name: Administrators, account_privilege: admin, permission: admin, members: [alice]}
      - {name: Designers, permission: read, members: [bob, alice]}
    repositories:
      - {slug: rocket, name: Rocket, privileges: {designers: write}, users: {bob: read}}
    invitations:
      - {email: carol@example.net, groups: [designers], invited_by: alice}
      - {email: dave@example.net, repository: rocket, permission: write, invited_by: alice}
"""


def read(text: str) -> Document:
    """A document without its first line."""
    return document.read("onebucket: 1\n" + dedent(text), source="acme.yaml")


def tell(db: Database, *texts: str | Document, prune: bool = False) -> list[Entry]:
    """Apply documents in one transaction; what the journal was told."""
    documents = [text if isinstance(text, Document) else read(text) for text in texts]
    with db.writing() as tx:
        work = cast.operator(tx)
        apply.apply(work, documents, prune=prune)
        return work.entries


def applied(db: Database, *texts: str | Document, prune: bool = False) -> list[str]:
    """Apply documents in one transaction; the difference that made."""
    return list(change_report.describe_lines(tell(db, *texts, prune=prune)))


def exported(db: Database, *names: str, with_secrets: bool = False) -> str:
    """Accounts as YAML."""
    with db.reading() as tx:
        whole = export(cast.operator(tx), names or None, with_secrets=with_secrets)
    return document.write(whole, "yaml")


def everything(db: Database) -> str:
    """The whole database as text: to show that nothing was changed."""
    with sqlite3.connect(db.name) as connection:
        return "\n".join(connection.iterdump())


def members(db: Database, group: str, account: str = "acme") -> list[str]:
    with db.reading() as tx:
        return [member.username for member in groups.members(cast.operator(tx), account, group)]


def acme(text: str) -> str:
    """A document whose team acme goes on with `text`."""
    return "teams:\n  - username: acme\n" + dedent(text).strip().replace("\n", "\n    ").join(["    ", "\n"])


@pytest.fixture
def company(db: Database) -> Database:
    """A database with the company in it."""
    tell(db, COMPANY)
    return db


# -- making and changing ---------------------------------------------------------------------------


def test_a_company_is_made_in_the_order_in_which_its_parts_need_each_other(db: Database) -> None:
    made = applied(db, COMPANY)

    assert made == [
        "+ user alice (alice@example.com)",
        "+ user bob (bob@example.com)",
        "+ user mallory (mallory@example.com)",
        "+ team acme",
        "+ group acme/administrators (permission admin)",
        "~ group acme/administrators: account_privilege nothing → admin",
        "+ group acme/designers (permission read)",
        "+ alice in acme/administrators",
        "+ bob in acme/designers",
        "+ alice in acme/designers",
        "+ project acme/PROJ (private)",
        "+ repository acme/rocket (private)",
        "+ group acme/designers on acme/rocket (write)",
        "+ bob on acme/rocket (read)",
        "+ carol@example.net invited to acme/designers",
        "+ dave@example.net invited to acme/rocket (write)",
    ]


@pytest.mark.parametrize("prune", [False, True])
def test_the_same_again_changes_nothing(company: Database, prune: bool) -> None:
    before = everything(company)

    assert tell(company, COMPANY, prune=prune) == []
    assert everything(company) == before


def test_what_differs_is_changed_and_nothing_else(company: Database) -> None:
    changed = applied(
        company,
        """\
        users:
          - {username: ALICE, display_name: Alice Hargreaves, site_admin: true, email: alice@example.org}
          - {username: bob, is_active: false, nickname: bobby}
        teams:
          - username: acme
            display_name: Acme Ltd
            groups:
              - {name: Designers, permission: none, auto_add: true, account_privilege: collaborator}
            repositories:
              - {slug: rocket, is_private: false, privileges: {designers: none}, users: {bob: write}}
            invitations:
              - {email: carol@example.net, groups: [administrators, designers], invited_by: bob}
              - {email: dave@example.net, repository: rocket, permission: admin, invited_by: alice}
        """,
    )

    assert changed == [
        "- alice@example.com of alice",
        "~ user alice: display_name Alice Liddell → Alice Hargreaves, site_admin false → true",
        "+ alice@example.org of alice",
        "~ user bob: nickname nothing → bobby",
        "~ user bob: disabled",
        "~ team acme: display_name Acme → Acme Ltd",
        "~ group acme/designers: permission read → nothing, auto_add false → true",
        "~ repository acme/rocket: is_private true → false",
        "~ group acme/designers on acme/rocket: privilege write → none",
        "~ bob on acme/rocket: privilege read → write",
        "~ carol@example.net invited to acme/administrators, acme/designers: invited_by alice → bob, "
        "groups [designers] → [administrators, designers]",
        "~ dave@example.net invited to acme/rocket: permission write → admin",
        "~ group acme/designers: account_privilege nothing → collaborator",
    ]


def test_keys_that_are_not_there_leave_everything_as_it_is(company: Database) -> None:
    bare = """\
        users: [{username: alice}, {username: bob}, {username: mallory}]
        teams:
          - username: acme
            groups: [{name: Administrators}, {name: Designers}]
            repositories: [{slug: rocket}]
        """

    assert tell(company, bare) == []
    assert tell(company, bare, prune=True) == []


def test_a_team_without_groups_starts_with_two_and_one_with_groups_has_exactly_those(db: Database) -> None:
    tell(db, "teams: [{username: acme}, {username: globex, groups: [{name: Crew}]}, {username: initech, groups: []}]")

    with db.reading() as tx:
        rosters = groups.everywhere(cast.operator(tx), members=False)
    assert sorted((roster.owner.username, roster.group.slug) for roster in rosters) == [
        ("acme", "administrators"),
        ("acme", "developers"),
        ("globex", "crew"),
    ]


def test_the_first_groups_of_a_team_can_be_spoken_of_at_once(db: Database) -> None:
    made = applied(db, acme("repositories: [{slug: rocket, privileges: {developers: admin}}]"))

    assert made[-1] == "+ group acme/developers on acme/rocket (admin)"


def test_a_group_is_renamed_when_its_slug_stays(company: Database) -> None:
    assert applied(company, acme("groups: [{name: designers}]")) == [
        "~ group acme/designers: name Designers → designers"
    ]


def test_a_group_is_kept_by_sign_in_until_a_document_says_otherwise(company: Database, other: Database) -> None:
    kept = acme("groups: [{name: Designers, kept_by_sign_in: okta}]")

    set_ = applied(company, kept)
    again = tell(company, kept)
    unsaid = tell(company, acme("groups: [{name: Designers}]"))
    text = exported(company)
    tell(other, text.partition("\n")[2])
    ended = applied(company, acme("groups: [{name: Designers, kept_by_sign_in: null}]"))

    assert set_ == ["~ group acme/designers: kept_by_sign_in nothing → okta"]
    assert (again, unsaid) == ([], [])
    assert text.count("kept_by_sign_in: okta") == 1 and text.count("kept_by_sign_in") == 1
    assert exported(other) == text
    assert ended == ["~ group acme/designers: kept_by_sign_in okta → nothing"]
    assert "kept_by_sign_in" not in exported(company)


def test_members_are_added_in_the_order_of_the_document(company: Database) -> None:
    tell(company, acme("groups: [{name: Crew, members: [mallory, alice, Mallory, bob]}]"))

    assert members(company, "crew") == ["mallory", "alice", "bob"]


def test_members_can_be_named_in_any_way(company: Database) -> None:
    with company.reading() as tx:
        mallory = accounts.profile(cast.operator(tx), "mallory").account

    tell(company, acme(f"groups: [{{name: Crew, members: [bob@example.com, BOB, '{{{mallory.id}}}']}}]"))

    assert members(company, "crew") == ["bob", "mallory"]
    assert tell(company, acme("groups: [{name: Crew, members: [mallory@example.com, bob]}]")) == []


def test_documents_may_mention_what_another_one_makes(db: Database) -> None:
    team = acme("groups: [{name: Crew, members: [bob]}]")
    people = "users: [{username: bob}]"

    assert applied(db, team, people) == ["+ user bob", "+ team acme", "+ group acme/crew", "+ bob in acme/crew"]


def test_a_personal_account_has_groups_and_repositories_like_a_team(company: Database) -> None:
    alices = """\
        users:
          - username: alice
            groups: [{name: Friends, members: [bob]}]
            repositories: [{slug: diary, privileges: {friends: read}}]
        """

    assert applied(company, alices) == [
        "+ group alice/friends",
        "+ bob in alice/friends",
        "+ project alice/PROJ (private)",
        "+ repository alice/diary (private)",
        "+ group alice/friends on alice/diary (read)",
    ]
    assert tell(company, alices, prune=True) == []


def test_ids_are_kept_and_must_not_differ(company: Database) -> None:
    text = """\
        users:
          - username: ilse
            uuid: "{0B6F1C1E-6D0E-4A55-9D3A-3A5F1F2B7C10}"
            account_id: 557058:5c2e1f0a-1a2b-4c3d-8e4f-5a6b7c8d9e0f
        teams: [{username: globex, uuid: 1b6f1c1e-6d0e-4a55-9d3a-3a5f1f2b7c10}]
        """

    tell(company, text)

    assert tell(company, text) == []
    with company.reading() as tx:
        ilse = accounts.profile(cast.operator(tx), "{0b6f1c1e-6d0e-4a55-9d3a-3a5f1f2b7c10}").account
    assert (ilse.username, ilse.aaid) == ("ilse", "557058:5c2e1f0a-1a2b-4c3d-8e4f-5a6b7c8d9e0f")
    for other in (text.replace("0B6F", "0B60"), text.replace("557058", "557059"), text.replace("1b6f", "1b60")):
        with pytest.raises(Conflict, match=r"^(users/ilse|teams/globex): there is an account (ilse|globex) already, "):
            tell(company, other)


# -- passwords, app passwords, addresses -----------------------------------------------------------


def test_a_password_is_kept_as_its_hash_and_set_only_when_it_is_another(company: Database) -> None:
    with_password = "users: [{username: alice, password: correct horse}]"

    assert applied(company, with_password) == ["~ password of alice: a new one"]
    assert applied(company, with_password) == []
    assert applied(company, with_password.replace("horse", "mule")) == ["~ password of alice: a new one"]
    with company.reading() as tx:
        hash = accounts.password_hash(cast.operator(tx), "alice")
    assert hash and hashing.matches(hash, "correct mule")


def test_a_hash_is_stored_as_it_is(company: Database) -> None:
    hash = cast.cheap_hash("wonderland")
    with_hash = Document(users=[User(username="alice", password_hash=hash), User(username="eve", password_hash=hash)])

    assert applied(company, with_hash) == ["~ password of alice: a new one", "+ user eve"]
    assert tell(company, with_hash) == []
    with company.reading() as tx:
        assert accounts.password_hash(cast.operator(tx), "eve") == hash


def test_app_passwords_are_added_once_and_left_alone(company: Database) -> None:
    text = "users: [{username: alice, tokens: [{label: ci, secret: s3cret, scopes: [account]}]}]"

    assert applied(company, text) == ["+ app password 'ci' of alice (account)"]
    assert tell(company, text.replace("ci", "other")) == []
    assert tell(company, "users: [{username: alice, tokens: []}]", prune=True) == []
    with company.reading() as tx:
        (token,) = tokens.of_person(cast.operator(tx), "alice")
    assert token.secret_hash == hashing.secret_hash("s3cret")


def test_an_address_that_leads_nowhere_replaces_no_other(company: Database) -> None:
    nowhere = (
        "users: [{username: alice, email: a@users.noreply.invalid}, {username: ann, email: n@users.noreply.invalid}]"
    )

    assert applied(company, nowhere) == ["+ user ann (n@users.noreply.invalid)"]
    assert tell(company, nowhere) == []


def test_an_address_is_respelled_but_not_lost(company: Database) -> None:
    assert applied(company, "users: [{username: bob, email: Bob@Example.com}]") == ["+ Bob@Example.com of bob"]
    assert "email: Bob@Example.com\n" in exported(company, "bob")


# -- pruning ---------------------------------------------------------------------------------------


@pytest.fixture
def busy(company: Database) -> Database:
    """The company with more of everything than its document has."""
    tell(
        company,
        """\
        users: [{username: eve}]
        teams:
          - username: globex
            groups: [{name: Staff, members: [mallory]}]
          - username: acme
            groups: [{name: Crew, members: [eve]}, {name: Designers, members: [mallory]}]
            repositories:
              - {slug: rocket, privileges: {crew: read, administrators: none}, users: {mallory: admin}}
              - {slug: lander, privileges: {designers: read}, users: {bob: write}}
            invitations: [{email: frank@example.net, groups: [crew], invited_by: alice}]
        """,
    )
    return company


def test_without_prune_everything_else_stays(busy: Database) -> None:
    assert tell(busy, COMPANY) == []


def test_pruning_removes_what_a_named_account_has_and_its_document_has_not(busy: Database) -> None:
    pruned = applied(busy, COMPANY, prune=True)

    assert pruned == [
        "- frank@example.net invited to acme/crew",
        "- group acme/crew",
        "- mallory in acme/designers",
        "- group acme/designers on acme/lander (read)",
        "- bob on acme/lander (write)",
        "- group acme/administrators on acme/rocket (none)",
        "- mallory on acme/rocket (admin)",
    ]
    assert tell(busy, COMPANY, prune=True) == []


def test_pruning_leaves_accounts_repositories_and_accounts_that_are_not_named(busy: Database) -> None:
    tell(busy, COMPANY, prune=True)

    whole = exported(busy)
    assert "username: eve\n" in whole
    assert "slug: lander\n" in whole
    assert members(busy, "staff", "globex") == ["mallory"]


@pytest.mark.parametrize(
    ("text", "removed"),
    [
        ("display_name: Acme", []),
        ("invitations: []", ["carol@example.net", "dave@example.net", "frank@example.net"]),
        ("groups: [{name: Administrators}, {name: Designers}]", ["frank@example.net", "group acme/crew"]),
        (
            "groups: [{name: Administrators}, {name: Crew}, {name: Designers, members: []}]",
            ["bob in acme/designers", "alice in acme/designers", "mallory in acme/designers"],
        ),
        ("repositories: [{slug: rocket}, {slug: lander}]", []),
        ("repositories: [{slug: rocket}, {slug: lander, users: {}}]", ["bob on acme/lander"]),
        ("repositories: [{slug: rocket}, {slug: lander, privileges: {}}]", ["group acme/designers on acme/lander"]),
    ],
)
def test_pruning_looks_only_at_keys_that_are_there(busy: Database, text: str, removed: list[str]) -> None:
    lines = applied(busy, acme(text), prune=True)

    assert [re.sub(r" (\(| invited).*| invited.*", "", line[2:]) for line in lines if line.startswith("- ")] == removed


def test_nothing_is_pruned_that_any_of_the_documents_has(busy: Database) -> None:
    other = acme("groups: [{name: Crew, members: [eve]}, {name: Designers, members: [mallory]}]")

    pruned = applied(busy, COMPANY, other, prune=True)

    assert "- group acme/crew" not in pruned
    assert "- mallory in acme/designers" not in pruned
    assert "- group acme/crew on acme/rocket (read)" in pruned


def test_the_last_administrator_cannot_be_pruned(company: Database) -> None:
    before = everything(company)

    with pytest.raises(LastAdministrator) as refused:
        tell(company, acme("display_name: New\ngroups: [{name: Administrators, members: []}]"), prune=True)

    assert refused.value.sentence == (
        "teams/acme groups/administrators members/alice: can't remove alice from administrators: the team would "
        "be left without an administrator"
    )
    assert str(refused.value) == refused.value.sentence
    assert everything(company) == before


@pytest.mark.parametrize(
    "text",
    [
        "groups: [{name: Administrators, members: [bob]}]",
        "groups: [{name: Administrators, account_privilege: none}, "
        "{name: Board, account_privilege: admin, members: [bob]}]",
        "groups: [{name: Board, account_privilege: admin, members: [bob]}]",
    ],
)
def test_an_administrator_can_be_replaced_in_one_go(company: Database, text: str) -> None:
    tell(company, acme(text), prune=True)

    with company.reading() as tx:
        rosters = groups.of_account(cast.operator(tx), "acme", members=True)
    administrators = [roster.members for roster in rosters if roster.group.account_privilege]
    assert [[member.username for member in each or ()] for each in administrators] == [["bob"]]


# -- refusals --------------------------------------------------------------------------------------

REFUSED: list[tuple[type[Refusal], str, str]] = [
    (
        NotFound,
        acme("groups: [{name: Designers, members: [ilse]}]"),
        "groups/designers members/ilse: there is no user 'ilse'",
    ),
    (
        UnknownEmail,
        acme("groups: [{name: Designers, members: [ilse@example.com]}]"),
        "groups/designers members/ilse@example.com: nobody here has that e-mail address",
    ),
    (
        Invalid,
        acme("groups: [{name: Designers, members: [Acme]}]"),
        "groups/designers members/Acme: acme is a team, not a person",
    ),
    (
        NoSuchGroup,
        acme("repositories: [{slug: rocket, privileges: {crew: read}}]"),
        "repositories/rocket privileges/crew: the account has no such group: it may have been deleted or renamed",
    ),
    (
        NotFound,
        acme("repositories: [{slug: rocket, users: {ilse: read}}]"),
        "repositories/rocket users/ilse: there is no user 'ilse'",
    ),
    (
        NotFound,
        acme("invitations: [{email: c@example.net, repository: lander, permission: read, invited_by: alice}]"),
        "invitations/c@example.net: acme has no repository 'lander'",
    ),
    (
        NoSuchGroup,
        acme("invitations: [{email: c@example.net, groups: [crew], invited_by: alice}]"),
        "invitations/c@example.net: the account has no such group: it may have been deleted or renamed",
    ),
    (
        NotFound,
        acme("invitations: [{email: c@example.net, groups: [designers], invited_by: ilse}]"),
        "invitations/c@example.net: there is no user 'ilse'",
    ),
]


@pytest.mark.parametrize(("kind", "text", "sentence"), REFUSED, ids=[row[2] for row in REFUSED])
def test_a_refusal_says_where_and_undoes_everything(
    company: Database, kind: type[Refusal], text: str, sentence: str
) -> None:
    before = everything(company)

    with pytest.raises(kind) as refused:
        tell(company, "users: [{username: eve}]\n" + text)

    assert refused.value.sentence == f"teams/acme {sentence}"
    assert everything(company) == before


@pytest.mark.parametrize(
    ("kind", "text", "sentence"),
    [
        (Invalid, "users: [{username: acme}]", "users/acme: acme is a team, not a person"),
        (Invalid, "teams: [{username: Bob}]", "teams/Bob: bob is a person, not a team"),
        (
            Conflict,
            "users: [{username: eve, email: bob@example.com}]",
            "users/eve: the e-mail address bob@example.com belongs to an account already",
        ),
        (Invalid, "users: [{username: eve, uuid: '12'}]", "users/eve: '12' is not a UUID"),
    ],
)
def test_an_account_that_cannot_be_so_is_refused(
    company: Database, kind: type[Refusal], text: str, sentence: str
) -> None:
    with pytest.raises(kind) as refused:
        tell(company, text)

    assert refused.value.sentence == sentence


@pytest.mark.parametrize(
    ("built", "sentence"),
    [
        (
            Document(users=[User(username="eve", password_hash="md5")]),
            "users/eve: password_hash is not",
        ),
        (Document(teams=[Team(username="acme", groups=[Group(name="!")])]), "teams/acme groups: name has no letter"),
        (Document(users=[User(username="e e")]), "users/e e: 'e e' can't be a username"),
    ],
)
def test_documents_that_nobody_read_are_checked_as_well(company: Database, built: Document, sentence: str) -> None:
    with pytest.raises(Invalid) as refused:
        tell(company, built)

    assert refused.value.sentence.startswith(sentence)


def test_a_password_in_one_document_and_its_hash_in_another_are_refused(company: Database) -> None:
    hashed = Document(users=[User(username="alice", password_hash=cast.cheap_hash("wonderland"))])

    with pytest.raises(Invalid, match=r"^users/alice: give a password or its hash, not both$"):
        tell(company, "users: [{username: alice, password: wonderland}]", hashed)


# -- progress --------------------------------------------------------------------------------------


def test_progress_goes_from_the_first_thing_to_the_last(db: Database) -> None:
    heard: list[tuple[int, int]] = []

    with db.writing() as tx:
        apply.apply(cast.operator(tx), [read(COMPANY)], prune=True, progress=lambda *step: heard.append(step))

    assert heard == [(done, 14) for done in range(1, 15)]


# -- export ----------------------------------------------------------------------------------------


def test_applying_an_export_changes_nothing(busy: Database) -> None:
    before = everything(busy)

    told = tell(busy, document.read(exported(busy, with_secrets=True), source="all"), prune=True)

    assert told == []
    assert everything(busy) == before


@pytest.fixture
def other(empty_template: Path, tmp_path: Path) -> Iterator[Database]:
    """An empty database beside the first."""
    folder = tmp_path / "other"
    folder.mkdir()
    opened = cast.copy(empty_template, folder)
    yield opened
    opened.close()


@pytest.mark.parametrize("names", [(), ("acme",), ("acme", "mallory"), ("bob",)])
def test_an_export_stands_on_its_own(busy: Database, other: Database, names: tuple[str, ...]) -> None:
    tell(busy, "users: [{username: bob, nickname: bobby, is_active: false, groups: [{name: Mine, members: [eve]}]}]")
    text = exported(busy, *names)

    tell(other, document.read(text, source="export"))

    assert exported(other, *names) == text


def test_an_export_puts_everything_back(busy: Database) -> None:
    tell(busy, "users: [{username: root, email: root@example.com, site_admin: true}]")
    text = exported(busy)
    tell(
        busy,
        """\
        users: [{username: eve, site_admin: true, display_name: Mallory}]
        teams:
          - username: acme
            groups: [{name: Designers, permission: admin, auto_add: true, account_privilege: admin, members: [eve]}]
            repositories: [{slug: rocket, is_private: false, users: {bob: admin, eve: admin}}]
        """,
    )

    tell(busy, document.read(text, source="export"), prune=True)

    assert exported(busy) == text


def test_an_export_of_named_accounts_has_the_people_they_mention_and_no_more(busy: Database) -> None:
    whole = document.read(exported(busy, "ACME"), source="export")

    assert [team.username for team in whole.teams] == ["acme"]
    assert [user.username for user in whole.users] == ["alice", "bob", "eve", "mallory"]
    assert all(given_fields(user.groups) is None for user in whole.users)
    assert all(given_fields(user.site_admin) is None for user in whole.users)


def test_an_export_has_no_secrets_unless_they_are_asked_for(company: Database) -> None:
    hash = cast.cheap_hash("wonderland")
    tell(
        company,
        Document(users=[User(username="alice", password_hash=hash)]),
        "users: [{username: alice, tokens: [{secret: s3cret, scopes: [account]}]}]",
    )

    assert "password" not in exported(company)
    assert "argon2" not in exported(company)
    assert f'password_hash: "{hash}"' in exported(company, with_secrets=True)
    assert "s3cret" not in exported(company, with_secrets=True)
    assert hashing.secret_hash("s3cret") not in exported(company, with_secrets=True)


def test_only_validated_first_addresses_are_exported(company: Database) -> None:
    with sqlite3.connect(company.name) as connection:
        connection.execute("UPDATE emails SET validated_at = NULL WHERE email = 'bob@example.com'")

    assert "bob@example.com" not in exported(company)
    assert tell(company, document.read(exported(company), source="export")) == []


def test_an_export_of_nobody_is_refused(company: Database) -> None:
    with pytest.raises(NotFound, match="there is no account 'ilse'"):
        exported(company, "alice", "ilse")


def test_an_empty_database_is_exported_as_an_empty_document(db: Database) -> None:
    assert exported(db) == "onebucket: 1\nusers: []\nteams: []\n"
    assert tell(db, document.read(exported(db), source="export")) == []


# -- the difference --------------------------------------------------------------------------------


def test_every_event_has_a_line(api: cast.Api) -> None:
    with api.db.reading() as tx:
        entry = next(journal.entries(cast.operator(tx)))
    facts = {
        "email": "e@example.com",
        "label": "ci",
        "fingerprint": "SHA256:…",
        "scopes": ["account"],
        "member": "bob",
        "is_private": False,
        "group": "designers",
        "user": "bob",
        "privilege": "read",
        "groups": ["designers"],
        "kind": "totp",
        "name": "phone",
        "permission": "read",
    }

    for event in Event:
        (line,) = change_report.describe_lines([entry._replace(event=event, after=facts)])

        assert re.match(r"[+~-] \S", line)
        assert event.value not in line


def test_a_summary_counts_and_says_when_there_is_nothing(busy: Database) -> None:
    changed = COMPANY.replace("display_name: Acme", "display_name: Acme Ltd").replace("[bob, alice]", "[bob, eve]")

    assert change_report.summarize(tell(busy, COMPANY)) == "nothing to change"
    assert change_report.summarize(tell(busy, changed, prune=True)) == "1 added, 1 changed, 8 removed"


def test_a_document_finds_groups_again_whatever_script_their_names_are_in(db: Database) -> None:
    text = """
      teams:
        - username: acme
          groups: [{name: 运维}, {name: 🚀🚀}, {name: Ελλάδα ops, permission: read}, {name: Ops}]
    """
    tell(db, COMPANY)
    tell(db, text)
    with db.writing() as tx:
        tx.connection.execute("UPDATE groups SET slug = 'greek' WHERE slug = 'ellada-ops'")

    assert applied(db, text) == []
