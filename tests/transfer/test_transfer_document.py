"""The account document: what it means, how it is written, and a sentence with a line for everything else."""

import json
from textwrap import dedent
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET
from ruamel.yaml import YAML

import cast
import sizes
from onebucket.domain.accounts import email_key
from onebucket.domain.groups import AccountPrivilege, check_name
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Refusal
from onebucket.domain.scopes import SCOPES
from onebucket.slugs import slugify
from onebucket.transfer import document, model, source_tree
from onebucket.transfer.document import Document, Group, Invitation, Repository, Team, Token, User

COMPANY = """\
onebucket: 1
users:
  - username: alice
    email: alice@example.com
    display_name: Alice Liddell
    password: correct horse
    is_active: true
    site_admin: false
    tokens: [{label: ci, secret: "s3cret", scopes: [account, "repository:admin"]}]
    groups: []
    repositories: []
  - username: bob
teams:
  - username: acme
    uuid: "{6f2c1f0a-1a2b-4c3d-8e4f-5a6b7c8d9e0f}"
    display_name: Acme
    groups:
      - name: Administrators
        account_privilege: admin
        permission: admin
        auto_add: false
        email_forwarding_disabled: false
        members: [alice]
      - name: Designers
    repositories:
      - slug: rocket
        name: Rocket
        is_private: true
        description: ""
        privileges: {designers: write, developers: none}
        users: {bob: read}
    invitations:
      - {email: carol@example.net, groups: [designers], invited_by: alice}
      - {email: dave@example.net, repository: rocket, permission: write, invited_by: alice}
"""
ACME = Team(
    username="acme",
    uuid="{6f2c1f0a-1a2b-4c3d-8e4f-5a6b7c8d9e0f}",
    display_name="Acme",
    groups=[
        Group(
            name="Administrators",
            account_privilege=AccountPrivilege.ADMIN,
            permission=Level.ADMIN,
            auto_add=False,
            email_forwarding_disabled=False,
            members=["alice"],
        ),
        Group(name="Designers"),
    ],
    repositories=[
        Repository(
            slug="rocket",
            name="Rocket",
            is_private=True,
            description="",
            privileges={"designers": Level.WRITE, "developers": Level.NONE},
            users={"bob": Level.READ},
        )
    ],
    invitations=[
        Invitation(email="carol@example.net", groups=["designers"], invited_by="alice"),
        Invitation(email="dave@example.net", repository="rocket", permission=Level.WRITE, invited_by="alice"),
    ],
)
ALICE = User(
    username="alice",
    email="alice@example.com",
    display_name="Alice Liddell",
    password="correct horse",
    is_active=True,
    site_admin=False,
    tokens=[Token(label="ci", secret="s3cret", scopes=["account", "repository:admin"])],
    groups=[],
    repositories=[],
)


def refusal(text: bytes | str, source: str = "acme.yaml") -> str:
    """The sentence with which a text is refused."""
    with pytest.raises(document.UnreadableDocument) as refused:
        document.read(text, source=source)
    assert str(refused.value) == refused.value.sentence
    return refused.value.sentence


def of_acme(text: str) -> str:
    """A document whose team acme goes on with `text`; that starts on line 4."""
    return "onebucket: 1\nteams:\n  - username: acme\n" + dedent(text).replace("\n", "\n    ").join(["    ", ""])


# -- what it means ---------------------------------------------------------------------------------


def test_the_documented_example_is_read_as_it_is_meant() -> None:
    read = document.read(COMPANY, source="acme.yaml")

    assert read == Document(users=[ALICE, User(username="bob")], teams=[ACME])


def test_the_same_as_json_means_the_same() -> None:
    as_json = json.dumps(yaml.safe_load(COMPANY), indent=1)

    assert document.read(as_json, source="acme.json") == document.read(COMPANY, source="acme.yaml")


def test_a_key_that_is_not_there_says_nothing() -> None:
    read = document.read(of_acme("groups: [{name: Designers}]"), source="acme.yaml")

    assert read.teams[0].repositories is UNSET
    assert read.teams[0].groups == [Group(name="Designers")]


@pytest.mark.parametrize("nothing", ["null", "~", "", "none"])
def test_a_group_can_be_given_nothing(nothing: str) -> None:
    read = document.read(
        of_acme(f"groups:\n- name: Designers\n  permission: {nothing}\n  account_privilege: {nothing}"), source="a"
    )

    assert read.teams[0].groups == [Group(name="Designers", permission=Level.NONE, account_privilege=None)]


@pytest.mark.parametrize("name", ["249043822", "on", "no", "y", "true", "1e3", "0x10", "12", "2026-01-01"])
def test_names_are_taken_as_they_are_written(name: str) -> None:
    text = f"groups:\n- name: Designers\n  members:\n  - {name}\n  - '{name}'"

    read = document.read(of_acme(text), source="acme.yaml")

    assert read.teams[0].groups == [Group(name="Designers", members=[name, name])]


def test_texts_need_no_quotes_whatever_they_look_like() -> None:
    read = document.read("onebucket: 1\nusers: [{username: 42, display_name: 007, password: 1e3}]", source="a")

    assert read.users == [User(username="42", display_name="007", password="1e3")]


def test_a_byte_order_mark_and_windows_line_ends_are_no_matter() -> None:
    windows = b"\xef\xbb\xbf" + COMPANY.replace("\n", "\r\n").encode()

    assert document.read(windows, source="acme.yaml") == document.read(COMPANY, source="acme.yaml")


# -- refusals --------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[str | bytes, str]] = {
    "an unknown key": (
        of_acme("groups:\n- name: Designers\n  colour: red"),
        "acme.yaml:6: there is no key 'colour' in a group; the keys are name, previously, account_privilege, "
        "permission, auto_add, email_forwarding_disabled, kept_by_sign_in, members, members_until",
    ),
    "an unknown key of the document": (
        "onebucket: 1\nteam: []",
        "acme.yaml:2: there is no key 'team' in the document; the keys are onebucket, users, teams",
    ),
    "a merge key": (
        of_acme("<<: {display_name: Acme}"),
        "acme.yaml:4: there is no key '<<' in a team; the keys are username, uuid, display_name, groups, "
        "projects, repositories, invitations, webhooks",
    ),
    "a key twice": (
        of_acme("display_name: Acme\ngroups: []\ndisplay_name: Acme Ltd"),
        "acme.yaml:6: the key 'display_name' is here twice; the first is on line 4",
    ),
    "a missing key": (of_acme("groups:\n- members: []"), "acme.yaml:5: a group needs the key 'name'"),
    "a list where a text belongs": (of_acme("display_name: [A]"), "acme.yaml:4: 'display_name' must be a string"),
    "nothing where a text belongs": (
        of_acme("display_name:"),
        "acme.yaml:4: 'display_name' has no value: remove it, or put the word in quotes",
    ),
    "an empty name": (of_acme("display_name: ''"), "acme.yaml:4: 'display_name': the display name is missing"),
    "a text where a list belongs": (of_acme("groups: Designers"), "acme.yaml:4: 'groups' must be a list (of groups)"),
    "nothing where a list belongs": (
        of_acme("groups:\n- name: Designers\n  members:\nrepositories: []"),
        "acme.yaml:6: 'members' must be a list (of names)",
    ),
    "a text where a group belongs": (
        of_acme("groups:\n- Designers"),
        "acme.yaml:5: a group in 'groups' must be a mapping with keys of a group: name, previously, account_privilege, "
        "permission, auto_add, email_forwarding_disabled, kept_by_sign_in, members, members_until",
    ),
    "a list among names": (
        of_acme("groups:\n- {name: A, members: [bob, [alice]]}"),
        "acme.yaml:5: a name in 'members' must be a string",
    ),
    "nothing among names": (
        of_acme("groups:\n- name: A\n  members:\n  - bob\n  -"),
        "acme.yaml:8: a name in 'members' has no value: remove it, or put the word in quotes",
    ),
    "a text where true or false belongs": (
        of_acme("groups:\n- {name: A, auto_add: maybe}"),
        "acme.yaml:5: 'auto_add' must be true or false",
    ),
    "a keeper that no provider can be": (
        of_acme("groups:\n- {name: A, kept_by_sign_in: Okta Inc}"),
        "acme.yaml:5: 'kept_by_sign_in': a provider's name has up to 32 small letters, digits and hyphens",
    ),
    "true in quotes": (
        of_acme("groups:\n- {name: A, auto_add: 'true'}"),
        "acme.yaml:5: 'auto_add' must be true or false",
    ),
    "an unknown permission": (
        of_acme("groups:\n- name: A\n  permission: owner"),
        "acme.yaml:6: 'permission' must be read, write, admin or none",
    ),
    "an unknown account privilege": (
        of_acme("groups:\n- name: A\n  account_privilege: owner"),
        "acme.yaml:6: 'account_privilege' must be admin, collaborator or none",
    ),
    "an unknown privilege": (
        of_acme("repositories:\n- slug: rocket\n  privileges:\n    designers: wirte"),
        "acme.yaml:7: 'designers' must be read, write, admin or none",
    ),
    "a list where privileges belong": (
        of_acme("repositories:\n- slug: rocket\n  privileges: [designers]"),
        "acme.yaml:6: 'privileges' must be a mapping (name: value)",
    ),
    "none for a person": (
        of_acme("repositories:\n- {slug: rocket, users: {bob: none}}"),
        "acme.yaml:5: 'bob' must be read, write or admin",
    ),
    "an invitation to nothing": (
        of_acme("invitations:\n- {email: carol@example.net, invited_by: alice}"),
        "acme.yaml:5: an invitation is either to 'groups', or to a 'repository' with a 'permission'",
    ),
    "an invitation to no group": (
        of_acme("invitations:\n- {email: carol@example.net, invited_by: alice, groups: []}"),
        "acme.yaml:5: an invitation is either to 'groups', or to a 'repository' with a 'permission'",
    ),
    "an invitation by nobody": (
        of_acme("invitations:\n- {email: carol@example.net, groups: [a]}"),
        "acme.yaml:5: an invitation needs the key 'invited_by'",
    ),
    "two invitations of one address": (
        of_acme(
            """\
            invitations:
            - {email: carol@example.net, groups: [a], invited_by: alice}
            - {email: Carol@example.net, groups: [b], invited_by: alice}"""
        ),
        "acme.yaml:6: 'Carol@example.net' is the same invitation as 'carol@example.net' on line 5",
    ),
    "two groups with one slug": (
        of_acme("groups:\n- name: Night Crew\n- name: night  crew"),
        "acme.yaml:6: 'night  crew' is the same group as 'Night Crew' on line 5",
    ),
    "two repositories with one slug": (
        of_acme("repositories: [{slug: rocket}, {slug: rocket}]"),
        "acme.yaml:4: 'rocket' is the same repository as 'rocket' on line 4",
    ),
    "one person twice": (
        "onebucket: 1\nusers:\n- username: bob\n- username: Bob",
        "acme.yaml:4: 'Bob' is the same user as 'bob' on line 3",
    ),
    "a person and a team of one name": (
        "onebucket: 1\nusers:\n- username: Acme\nteams:\n- username: globex\n- username: acme",
        "acme.yaml:6: 'acme' is both a team and a user: an account is one or the other",
    ),
    "a username that can't be one": (
        "onebucket: 1\nusers:\n- email: a@example.com\n  username: al ice",
        "acme.yaml:4: 'username': 'al ice' can't be a username: 1 to 62 letters, digits, '_', '.' and '-', starting "
        "with a letter, a digit or '_'",
    ),
    "a group without a slug": (
        of_acme("groups:\n- name: '!!!'"),
        "acme.yaml:5: 'name': name has no letter or digit to make a slug from",
    ),
    "a group's name of two lines": (
        of_acme('groups:\n- name: "Night\\nCrew"'),
        "acme.yaml:5: 'name': name contains a control character",
    ),
    "a repository that can't be one": (
        of_acme("repositories:\n- slug: a/b"),
        "acme.yaml:5: 'slug': 'a/b' can't be a repository slug: 1 to 100 letters, digits, '_', '.' and '-'",
    ),
    "an address that is none": (
        "onebucket: 1\nusers:\n- username: bob\n  email: bob",
        "acme.yaml:4: 'email': that is not an e-mail address",
    ),
    "an unknown scope": (
        "onebucket: 1\nusers:\n- username: bob\n  tokens:\n  - secret: s3cret\n    scopes:\n    - everything",
        "acme.yaml:7: a scope in 'scopes': there is no scope 'everything'; the scopes are "
        + ", ".join(scope for scope in SCOPES if not scope.endswith(":bitbucket"))
        + ", and those of API tokens, such as read:user:bitbucket",
    ),
    "a hash that is none": (
        "onebucket: 1\nusers:\n- username: bob\n  password_hash: sha1:abc",
        "acme.yaml:4: 'password_hash': it is not an argon2id hash",
    ),
    "a password and its hash": (
        f"onebucket: 1\nusers:\n- username: bob\n  password: s3cret\n  password_hash: {cast.cheap_hash('s3cret')}",
        "acme.yaml:3: a user has either 'password' or 'password_hash'",
    ),
    "no version": ("users: []", "acme.yaml:1: this is not an account document: it has no key 'onebucket: 1'"),
    "another version": ("# new\nonebucket: 2", "acme.yaml:2: 'onebucket' must be 1, the version of the document"),
    "a version in quotes": ("onebucket: '1'", "acme.yaml:1: 'onebucket' must be 1, the version of the document"),
    "a list": ("- onebucket: 1", "acme.yaml:1: this is not an account document: it has no key 'onebucket: 1'"),
    "a word": ("hello", "acme.yaml:1: this is not an account document: it has no key 'onebucket: 1'"),
    "an empty file": ("", "acme.yaml: the file is empty"),
    "blanks": (" \n\n", "acme.yaml: the file is empty"),
    "a comment": ("# nothing yet\n", "acme.yaml: the file is empty"),
    "null": ("---\n", "acme.yaml: the file is empty"),
    "two documents": (
        "onebucket: 1\n---\nonebucket: 1\n",
        "acme.yaml:2: a second document starts here: put each into its own file",
    ),
    "an anchor": ("onebucket: 1\nusers: &everyone []", "acme.yaml:2: anchors are not supported: remove &everyone"),
    "an alias": (
        "onebucket: 1\nusers: *everyone",
        "acme.yaml:2: aliases are not supported: write out what *everyone stands for",
    ),
    "a tag": (
        "onebucket: 1\nusers: !!python/object:os.system {}",
        "acme.yaml:2: tags are not supported: tag:yaml.org,2002:python/object:os.system",
    ),
    "a list as a key": ("onebucket: 1\n? [users]\n: []", "acme.yaml:2: a key must be a word, not a list or a mapping"),
    "a list that isn't closed": (
        "onebucket: 1\nusers: [bob,\n  alice",
        "acme.yaml:3: this is not YAML: did not find expected ',' or ']' (while parsing a flow sequence that starts on "
        "line 2)",
    ),
    "a tab for blanks": (
        "onebucket: 1\nusers:\n\t- username: bob",
        "acme.yaml:3: this is not YAML: found character that cannot start any token",
    ),
    "two colons": (
        "onebucket: 1\nusers: a: b",
        "acme.yaml:2: this is not YAML: mapping values are not allowed in this context",
    ),
    "a control character": ("onebucket: 1\nusers: \x07", "acme.yaml:2: there is a control character here (U+0007)"),
    "not UTF-8": (b"onebucket: 1\nusers: \xff", "acme.yaml:2: this is not UTF-8"),
    "UTF-16": ("onebucket: 1".encode("utf-16"), "acme.yaml:1: this is not UTF-8"),
    "half a character": ("onebucket: 1\nusers: \ud800", "acme.yaml:2: this is not UTF-8"),
    "nested too deeply": ("onebucket: 1\nusers:\n" + "- " * 100 + "a", "acme.yaml:3: this is nested too deeply"),
    "nested much too deeply": ("onebucket: 1\nusers: " + "[" * 50_000, "acme.yaml:2: this is nested too deeply"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_meant_is_refused_with_its_line(what: str) -> None:
    text, sentence = REFUSED[what]

    assert refusal(text) == sentence


REFUSED_JSON: dict[str, tuple[str, str]] = {
    "an unknown key": (
        '{"onebucket": 1,\n "users": [\n  {"username": "bob",\n   "colour": "red"}]}',
        "acme.json:4: there is no key 'colour' in a user; the keys are username, previously, uuid, account_id, email, "
        "display_name, nickname, password, password_hash, is_active, site_admin, tokens, groups, projects, "
        "repositories, invitations, webhooks",
    ),
    "a key twice": (
        '{"onebucket": 1,\n"users": [],\n"users": []}',
        "acme.json:3: the key 'users' is here twice; the first is on line 2",
    ),
    "a number where a text belongs": (
        '{"onebucket": 1, "users": [\n{"username": 249043822}]}',
        "acme.json:2: 'username' must be a string",
    ),
    "a number among names": (
        '{"onebucket": 1, "teams": [{"username": "acme", "groups": [{"name": "A",\n"members": [249043822]}]}]}',
        "acme.json:2: a name in 'members' must be a string",
    ),
    "a word for true": (
        '{"onebucket": 1, "users": [{"username": "bob",\n"is_active": "true"}]}',
        "acme.json:2: 'is_active' must be true or false",
    ),
    "a comma too many": (
        '{"onebucket": 1,\n "users": [],\n}',
        "acme.json:3: this is not JSON: Expecting property name enclosed in double quotes",
    ),
    "a comment": ('{"onebucket": 1} # one', "acme.json:1: this is not JSON: Extra data"),
    "YAML's way": (
        "{onebucket: 1}",
        "acme.json:1: this is not JSON: Expecting property name enclosed in double quotes",
    ),
    "two documents": ('{"onebucket": 1}\n{"onebucket": 1}', "acme.json:2: this is not JSON: Extra data"),
    "no number": ('{"onebucket": NaN}', "acme.json: this is not JSON: there is no NaN"),
    "a version that isn't": ('{"onebucket": 1.0}', "acme.json:1: 'onebucket' must be 1, the version of the document"),
    "a very long number": (
        '{"onebucket": 1' + "0" * 5000 + "}",
        "acme.json:1: 'onebucket' must be 1, the version of the document",
    ),
    "half a character": (
        '{"onebucket": 1, "users": [{"username":\n"\\ud800"}]}',
        "acme.json:2: half of a surrogate pair is not a character",
    ),
    "nested too deeply": ('{"onebucket": ' + "[" * 200 + "]" * 200 + "}", "acme.json:1: this is nested too deeply"),
    "nested much too deeply": ('{"onebucket": ' + "[" * 100_000, "acme.json: this is nested too deeply"),
}


@pytest.mark.parametrize("what", REFUSED_JSON)
def test_json_is_read_strictly(what: str) -> None:
    text, sentence = REFUSED_JSON[what]

    assert refusal(text, "acme.json") == sentence


def test_a_file_of_aliases_upon_aliases_is_refused_at_the_first() -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))

    assert refusal(bomb) == "acme.yaml:1: anchors are not supported: remove &a"


def test_the_grammar_knows_every_field() -> None:
    for read, part in (
        (document._TOKEN, Token),
        (document._GROUP, Group),
        (document._REPOSITORY, Repository),
        (document._INVITATION, Invitation),
        (document._USER, User),
        (document._TEAM, Team),
        (document._DOCUMENT, Document),
    ):
        with pytest.raises(document.UnreadableDocument) as refused:
            read(source_tree.Scalar("", 1, source_tree.ScalarStyle.TEXT), "this")

        assert refused.value.why.partition(": ")[2].split(", ") == list(part.__struct_fields__)


# -- writing ---------------------------------------------------------------------------------------


def test_a_document_is_written_in_the_documented_order() -> None:
    written = document.write(Document(users=[ALICE], teams=[ACME]), "yaml")

    assert written == dedent(
        """\
        onebucket: 1
        users:
          - username: alice
            email: alice@example.com
            display_name: Alice Liddell
            password: correct horse
            is_active: true
            site_admin: false
            tokens:
              - label: ci
                secret: s3cret
                scopes:
                  - account
                  - "repository:admin"
            groups: []
            repositories: []
        teams:
          - username: acme
            uuid: "{6f2c1f0a-1a2b-4c3d-8e4f-5a6b7c8d9e0f}"
            display_name: Acme
            groups:
              - name: Administrators
                account_privilege: admin
                permission: admin
                auto_add: false
                email_forwarding_disabled: false
                members:
                  - alice
              - name: Designers
            repositories:
              - slug: rocket
                name: Rocket
                is_private: true
                description: ""
                privileges:
                  designers: write
                  developers: none
                users:
                  bob: read
            invitations:
              - email: carol@example.net
                groups:
                  - designers
                invited_by: alice
              - email: dave@example.net
                repository: rocket
                permission: write
                invited_by: alice
        """
    )


def _refuses(check: Any, text: str) -> bool:
    try:
        check(text)
    except Refusal:
        return True
    return False


def _said(**fields: st.SearchStrategy[Any]) -> dict[str, st.SearchStrategy[Any]]:
    return {key: st.just(UNSET) | strategy for key, strategy in fields.items()}


WORDS = st.sampled_from(["no", "on", "y", "Null", "~", "1e3", "0o17", "12:30", "2026-01-01", "=", "<<", "- a", "a: b"])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | WORDS
USERNAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,9}", fullmatch=True)
EMAILS = st.from_regex(r"[a-z0-9]{1,6}@[a-z]{1,6}\.(com|org)", fullmatch=True)
NAMES = st.lists(USERNAMES | TEXTS, max_size=3)
LEVELS = st.sampled_from([Level.READ, Level.WRITE, Level.ADMIN])
ANY_LEVEL = st.sampled_from(Level)
GROUPS = st.builds(
    Group,
    name=TEXTS.filter(lambda name: not _refuses(slugify, name) and not _refuses(check_name, name)),
    **_said(
        account_privilege=st.none() | st.sampled_from(AccountPrivilege),
        permission=ANY_LEVEL,
        auto_add=st.booleans(),
        email_forwarding_disabled=st.booleans(),
        kept_by_sign_in=st.sampled_from([None, "okta", "entra-2"]),
        members=NAMES,
    ),
)
REPOSITORIES = st.builds(
    Repository,
    slug=st.from_regex(r"[A-Za-z0-9_-]{1,9}", fullmatch=True),
    **_said(
        name=TEXTS.filter(lambda name: bool(name.strip()) and name.isprintable()),
        is_private=st.booleans(),
        description=TEXTS.filter(lambda name: name.isprintable()),
        privileges=st.dictionaries(TEXTS, ANY_LEVEL, max_size=3),
        users=st.dictionaries(USERNAMES, LEVELS, max_size=3),
    ),
)
INVITATIONS = st.builds(
    Invitation, email=EMAILS, groups=st.lists(TEXTS, min_size=1, max_size=3), invited_by=USERNAMES
) | st.builds(Invitation, email=EMAILS, repository=TEXTS, permission=LEVELS, invited_by=USERNAMES)
TOKENS = st.builds(Token, secret=TEXTS, scopes=st.lists(st.sampled_from(list(SCOPES)), max_size=2))
OWNED = _said(
    groups=st.lists(GROUPS, max_size=3, unique_by=lambda group: slugify(group.name)),
    repositories=st.lists(REPOSITORIES, max_size=3, unique_by=lambda repository: repository.slug),
    invitations=st.lists(INVITATIONS, max_size=3, unique_by=lambda each: (email_key(each.email), each.repository)),
)
USERS = st.builds(
    User,
    username=USERNAMES,
    **_said(
        uuid=TEXTS,
        email=EMAILS,
        nickname=TEXTS.filter(lambda name: name.isprintable()),
        password=TEXTS,
        is_active=st.booleans(),
        tokens=st.lists(TOKENS, max_size=2, unique_by=lambda token: token.secret),
    ),
    **OWNED,
)
TEAMS = st.builds(Team, username=USERNAMES, **_said(uuid=TEXTS), **OWNED)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    accounts = draw(st.lists(USERS | TEAMS, max_size=4, unique_by=lambda account: account.username.lower()))
    return Document(
        users=[account for account in accounts if isinstance(account, User)],
        teams=[account for account in accounts if isinstance(account, Team)],
    )


@settings(max_examples=sizes.examples(150))
@given(documents())
def test_what_is_written_is_read_back_as_it_was(whole: Document) -> None:
    for format in ("yaml", "json"):
        written = document.write(whole, format)

        assert document.read(written, source="x") == whole
        assert document.read(written.encode(), source="x") == whole


@settings(max_examples=sizes.examples(150))
@given(documents())
def test_every_yaml_reads_what_is_written_as_json_has_it(whole: Document) -> None:
    written = document.write(whole, "yaml")

    meant = msgspec.json.decode(document.write(whole, "json"))
    assert yaml.load(written, yaml.CSafeLoader) == meant
    assert YAML(typ="safe", pure=True).load(written) == meant


@settings(max_examples=sizes.examples(300))
@given(st.text(st.sampled_from("onebucket: 1\nusers[]{}-&*!?|>'\"#%@,~ab\t\r\x00\ud800\x85"), max_size=60))
def test_whatever_is_read_there_is_one_sentence(text: str) -> None:
    for given_text in (text, "onebucket: 1\n" + text, "{" + text):
        try:
            document.read(given_text, source="a.yaml")
        except document.UnreadableDocument as unreadable:
            assert "\n" not in unreadable.sentence
            assert unreadable.sentence.startswith("a.yaml:")


# -- several as one --------------------------------------------------------------------------------


def test_documents_laid_together_say_what_each_of_them_says() -> None:
    one = Document(
        users=[User(username="bob", display_name="Bob")],
        teams=[
            Team(
                username="acme",
                display_name="Acme",
                groups=[Group(name="Night Crew", members=["bob"]), Group(name="Designers")],
                repositories=[Repository(slug="rocket", privileges={"designers": Level.READ, "x": Level.READ})],
            )
        ],
    )
    other = Document(
        users=[User(username="Bob", email="bob@example.com")],
        teams=[
            Team(
                username="ACME",
                display_name="Acme Ltd",
                groups=[Group(name="night crew", members=["alice", "bob"], auto_add=True)],
                repositories=[Repository(slug="rocket", privileges={"designers": Level.WRITE})],
            )
        ],
    )

    together = model.merged([one, other])

    assert together.users == [User(username="Bob", display_name="Bob", email="bob@example.com")]
    assert together.teams == [
        Team(
            username="ACME",
            display_name="Acme Ltd",
            groups=[Group(name="night crew", members=["bob", "alice"], auto_add=True), Group(name="Designers")],
            repositories=[Repository(slug="rocket", privileges={"designers": Level.WRITE, "x": Level.READ})],
        )
    ]


def test_one_document_alone_stays_as_it_is() -> None:
    company = document.read(COMPANY, source="acme.yaml")

    assert model.merged([company]) == company
