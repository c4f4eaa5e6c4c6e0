"""The rules themselves: slugs, names, e-mail addresses, scopes, levels, and who may do what."""

import doctest
import importlib
import itertools
import pkgutil
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import onebucket.domain
import sizes
from onebucket import slugs
from onebucket.domain import (
    accounts,
    groups,
    last_administrator,
    policy,
    privileges,
    projects,
    repositories,
    scopes,
    text,
)
from onebucket.domain.accounts import NOBODY, OPERATOR, Account, Actor, email_key, new_email_key, username_key
from onebucket.domain.policy import Standing, To
from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectLevel
from onebucket.domain.refusals import Invalid, LastAdministrator
from onebucket.domain.scopes import SCOPES

# --- slugs


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Night Crew", "night-crew"), ("  Night \t  Crew\n", "night-crew"), ("NIGHT_CREW-7", "night_crew-7"),
        ("--a - - b--", "a-b"), ("a-_-b", "a-_-b"), ("___", "___"), ("-_-", "_"), ("a.b/c:d", "abcd"), ("R&D", "rd"),
        ("Équipe 7 (été)", "equipe-7-ete"), ("Straße", "strae"), ("İstanbul", "istanbul"), ("\u212aelvin", "kelvin"),
        ("ﬁne", "fine"), ("Ａ１", "a1"), ("①½²", "1122"), ("ǅ", "dz"), ("a\u0301\u0323", "a"),
        ("a\u00a0b\u3000c", "a-b-c"), ("a\u200bb", "ab"), ("a ! b", "a-b"),
        ("x" * 80, "x" * 62), ("x" * 61 + " y", "x" * 61), ("x" * 61 + "-" * 9 + "y", "x" * 61),
        ("x" * 61 + "_y", "x" * 61 + "_"),
    ],
)  # fmt: skip
def test_a_slug_keeps_what_ascii_can_say_of_a_name(name: str, slug: str) -> None:
    assert slugs.slugify(name) == slug


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("运维", "yunwei"), ("日本", "riben"), ("Разработка", "razrabotka"), ("Ελλάδα ops", "ellada-ops"),
        ("Команда 7", "komanda-7"), ("Київ", "kiiv"), ("٣", "3"), ("ß", "ss"), ("Ł", "l"),
    ],
)  # fmt: skip
def test_a_name_in_another_script_has_a_slug_that_says_it_in_latin_letters(name: str, slug: str) -> None:
    assert slugs.slugify(name) == slug


def test_a_name_of_pictures_has_a_slug_that_is_always_the_same_and_another_for_others() -> None:
    rockets, rocket = slugs.slugify("🚀🚀"), slugs.slugify("🚀")

    assert re.fullmatch("group-[0-9a-f]{6}", rockets) and rockets == slugs.slugify(" 🚀🚀 ") != rocket


@pytest.mark.parametrize("name", ["", " ", "---", "…", "+", "\u0301"])
def test_a_name_that_leaves_no_slug_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match="no letter or digit"):
        slugs.slugify(name)


@given(st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=60))
def test_any_name_with_a_letter_or_digit_has_a_slug(name: str) -> None:
    assert SLUG.fullmatch(slugs.slugify(name))


SLUG = re.compile(r"(?!-)[a-z0-9_-]{1,62}(?<!-)")
NAMES = st.text(st.characters(), max_size=99) | st.text("aZ9_- .\u0130\u00c4\u00a0", max_size=99)


@given(NAMES)
def test_a_slug_is_its_own_slug_and_nothing_but_what_an_address_can_hold(name: str) -> None:
    try:
        slug = slugs.slugify(name)
    except Invalid:
        return

    assert SLUG.fullmatch(slug) and "--" not in slug
    assert slugs.slugify(slug) == slugs.slugify(name.upper().lower() if name.isascii() else name) == slug


# --- names


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        (" x ", "x"),
        ("x\n", "x"),
        ("a\u00a0b", "a\u00a0b"),
        ("é" * 255, "é" * 255),
        ("日本 😀", "日本 😀"),
        ("ab\u200dc", "ab\u200dc"),
    ],
)
def test_a_name_is_trimmed_and_otherwise_kept(given_name: str, kept: str) -> None:
    assert groups.check_name(given_name) == kept


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("", "name is missing"), (" \t\n", "name is missing"), ("x" * 256, "name is longer than 255 characters")]
    + [(f"x{each}y", "name contains a control character")
       for each in "\x00\x01\t\n\r\x1f\x7f\x80\x85\u2028\u2029\ud800\udfff\u202a\u202e\u2066\u2069"],
)  # fmt: skip
def test_a_name_that_hides_what_it_says_is_refused(name: str, sentence: str) -> None:
    with pytest.raises(Invalid) as refusal:
        groups.check_name(name)

    assert refusal.value.sentence == sentence


@given(st.text(st.characters(), max_size=300))
def test_what_is_kept_of_a_name_can_be_written_and_is_kept_again(name: str) -> None:
    try:
        kept = text.clean_text(name, what="name")
    except Invalid:
        return

    assert kept == kept.strip() == text.clean_text(kept, what="name")
    assert kept.encode() and "\n" not in kept and "\x00" not in kept


@pytest.mark.parametrize("name", ["a", "_a", "7", "a.b-c_d", "A" * 62, "nobody", "0b6f1c1e6d0e4a559d3a3a5f1f2b7c10"])
def test_a_username_is_taken(name: str) -> None:
    assert accounts.check_username(name) == name


@pytest.mark.parametrize(
    "name",
    ["", " ", "a b", "-a", ".a", "..", "a@b", "a:b", "a/b", "é", "\u212aelvin", "a\n", "a\x00", "{a}", "A" * 63,
     "a%20b", "0b6f1c1e-6d0e-4a55-9d3a-3a5f1f2b7c10", "0B6F1C1E-6D0E-4A55-9D3A-3A5F1F2B7C10"],
)  # fmt: skip
def test_a_username_that_could_mean_something_else_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match="can't be a username"):
        accounts.check_username(name)


@pytest.mark.parametrize("slug", ["a.b_C-1", "-", "...", "x" * 100])
def test_a_repository_slug_is_taken(slug: str) -> None:
    assert repositories.check_slug(slug) == slug


@pytest.mark.parametrize("slug", [".", "..", "", "a/b", "a b", "a\n", "é", "x" * 101])
def test_a_repository_slug_that_no_address_could_hold_is_refused(slug: str) -> None:
    with pytest.raises(Invalid, match="can't be a repository slug"):
        repositories.check_slug(slug)


# --- e-mail addresses


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("Mina.Okafor@Example.ORG", "mina.okafor@example.org"),
        ("m+tag/o='x@example.org", "m+tag/o='x@example.org"),
        ("mi\u212aa@example.org", "mika@example.org"),
        ("mina@\u212aelvin.org", "mina@kelvin.org"),
        ("ｍina＠ｅxample．org", "mina@example.org"),
        ("ﬁ@ﬁ.org", "fi@fi.org"),
        ("\u017f@example.org", "s@example.org"),
        ("J\u030c@example.org", "\u01f0@example.org"),
        ("e\u0301@example.org", "é@example.org"),
        ("ẞ@example.org", "ß@example.org"),
        ("mina@BÜCHER.example", "mina@xn--bcher-kva.example"),
        ("mina@xn--bcher-kva.example", "mina@xn--bcher-kva.example"),
        ("mina@xn--strae-oqa.de", "mina@xn--strae-oqa.de"),
        ("x" * 64 + "@example.org", "x" * 64 + "@example.org"),
        ("m@" + ".".join(["a" * 63] * 3) + ".org", "m@" + ".".join(["a" * 63] * 3) + ".org"),
    ],
)
def test_spellings_of_one_address_have_one_key(address: str, key: str) -> None:
    assert email_key(address) == key


LOOK_ALIKES = ["mina@example.org", "m\u0456na@example.org", "m\u0131na@example.org", "mina@ex\u0430mple.org",
               "mina@examp1e.org", "mina@example.orq", "mína@example.org", "mina_@example.org"]  # fmt: skip


def test_addresses_that_only_look_alike_have_keys_of_their_own_with_a_domain_in_ascii() -> None:
    keys = [email_key(address) for address in LOOK_ALIKES]

    assert len(set(keys)) == len(LOOK_ALIKES)
    assert all(key.rpartition("@")[2].isascii() for key in keys)


@pytest.mark.parametrize(
    "address",
    ["", "mina", "@", "@example.org", "mina@", "a@b@example.org", '"a@b"@example.org', "mina@example.org\n",
     "mina@example.org ", " mina@example.org", "mi na@example.org", "mina\x00@example.org", "mina\x80@example.org",
     "mina@example.org\x00", "mi\u200bna@example.org", "mi\u00adna@example.org", "mina\u202e@example.org",
     "mina\ud800@example.org", "mina@exa\u200bmple.org", "mina@ex\u00adample.org", "mina@example\u3002org",
     "mina@stra\u00dfe.de", "mina@\u03c2.org", ".m@example.org", "m.@example.org", "m..m@example.org",
     "m,n@example.org", "<m@example.org>", "m@[127.0.0.1]", "m@localhost", "m@example.org.", "m@.org",
     "m@example..org", "m@-a.org", "m@a-.org", "m@a_b.org", "m@ex/ample.org", "x" * 65 + "@example.org",
     "m@" + "a" * 64 + ".org", "m@" + "a." * 125 + "org", "m@" + "\ufdfa" * 200 + ".org"],
)  # fmt: skip
def test_what_is_no_address_or_could_be_read_as_another_is_refused(address: str) -> None:
    with pytest.raises(Invalid, match="e-mail address"):
        email_key(address)


@pytest.mark.parametrize(
    "local", ["ﬁona", "f\u2170ona", "\u212aen", "ｍina", "\u017fam", "mina\u00b2", "e\u0301va", "\uff4dina"]
)
def test_a_new_address_is_refused_whose_letters_stand_for_those_of_another_mailbox(local: str) -> None:
    address = f"{local}@example.org"

    assert email_key(address) != address.lower() or local == "\u212aen"
    with pytest.raises(Invalid, match="e-mail address"):
        new_email_key(address)


@pytest.mark.parametrize("local", ["Fiona", "éva", "Éva", "日本", "Straße", "\u0456van"])
def test_a_new_address_in_its_usual_letters_is_taken_in_either_case(local: str) -> None:
    address = f"{local}@Example.ORG"

    assert new_email_key(address) == email_key(address)


@pytest.mark.parametrize("name", ["\u212aen", "K\u0130m"])
def test_no_letter_beyond_ascii_names_a_username(name: str) -> None:
    assert not username_key(name).isascii()


PIECES = st.sampled_from(["@", ".", "-", "xn--", "a", "ß", "İ", "\u212a", "\u030c", "J", "日", "\u200d", "ﬁ"])


@given(st.text(st.characters(), max_size=40) | st.lists(PIECES, max_size=12).map("".join) | st.emails())
@settings(max_examples=sizes.examples(300))
def test_a_key_is_its_own_key(address: str) -> None:
    try:
        key = email_key(address)
    except Invalid:
        return

    assert email_key(key) == key == email_key(address.upper() if address.isascii() else address)


# --- scopes and levels


@pytest.mark.parametrize(
    ("scope", "good_for"),
    [
        ("account", {"account", "email"}),
        ("account:write", {"account", "account:write", "email"}),
        ("email", {"email"}),
        ("team", {"team", "account", "email"}),
        ("team:write", {"team:write", "account", "account:write", "email"}),
        ("repository", {"repository"}),
        ("repository:write", {"repository:write", "repository"}),
        ("repository:delete", {"repository:delete"}),
        (
            "repository:admin",
            {"repository:admin", "repository:write", "repository", "repository:delete", "project:admin"},
        ),
        ("project", {"project", "repository"}),
        ("project:admin", {"project:admin"}),
        ("pullrequest:write", {"pullrequest:write", "pullrequest", "repository", "repository:write"}),
        ("admin:repository:bitbucket", {"admin:repository:bitbucket"}),
        ("write:ssh-key:bitbucket", {"write:ssh-key:bitbucket"}),
    ],
)
def test_a_scope_reaches_what_the_contract_says_and_no_more(scope: str, good_for: set[str]) -> None:
    assert scopes.effective_scopes(frozenset({scope})) == good_for
    assert scopes.parse_scope(scope) == scope


def test_scopes_add_up_and_none_is_nothing() -> None:
    assert scopes.effective_scopes(frozenset()) == frozenset()
    for some in itertools.combinations(SCOPES, 2):
        assert scopes.effective_scopes(frozenset(some)) == scopes.effective_scopes(
            frozenset(some[:1])
        ) | scopes.effective_scopes(frozenset(some[1:]))


@pytest.mark.parametrize("word", ["", "Account", "account:admin", "account ", "x" * 99])
def test_an_unknown_scope_is_refused(word: str) -> None:
    with pytest.raises(Invalid, match=r"there is no scope '.{0,64}'; the scopes are account, account:write"):
        scopes.parse_scope(word)


# --- projects


@pytest.mark.parametrize("key", ["A", "PROJ", "X_1", "A" * 128])
def test_a_project_key_is_taken(key: str) -> None:
    assert projects.check_key(key) == key


@pytest.mark.parametrize("key", ["", "proj", "Proj", "1A", "_A", "A-B", "A B", "A\n", "É", "A" * 129, "A\0"])
def test_a_project_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(Invalid, match="can't be a project key"):
        projects.check_key(key)


def test_levels_on_projects_are_ordered_and_named_and_those_who_create_repositories_write() -> None:
    words = [level.word for level in ProjectLevel]

    assert (words, sorted(ProjectLevel)) == (["none", "read", "write", "create-repo", "admin"], [*ProjectLevel])
    assert [level.on_repositories.word for level in ProjectLevel] == ["none", "read", "write", "write", "admin"]
    assert [projects.parse_project_level(word) for word in words[1:]] == [*ProjectLevel][1:]


@pytest.mark.parametrize("word", ["", "none", "Read", "create_repo", "CREATE-REPO", " read", "4"])
def test_a_word_that_is_no_level_on_a_project_is_refused(word: str) -> None:
    with pytest.raises(Invalid, match=r"must be read, write, create-repo or admin$"):
        projects.parse_project_level(word)


@pytest.mark.parametrize("word", ["", "allow", "ALLOW_FORKS", "no-forks"])
def test_a_word_that_is_no_fork_policy_is_refused(word: str) -> None:
    with pytest.raises(Invalid, match=r"must be allow_forks, no_public_forks or no_forks$"):
        repositories.parse_fork_policy(word)


def test_levels_are_ordered_and_named() -> None:
    assert Level.NONE < Level.READ < Level.WRITE < Level.ADMIN
    assert [privileges.parse_level(level.word, none=True) for level in Level] == list(Level)


@pytest.mark.parametrize("word", ["", "Read", "none", "READ", " read", "owner", "3"])
def test_a_word_that_is_no_level_is_refused(word: str) -> None:
    with pytest.raises(Invalid, match=r"must be read, write or admin$"):
        privileges.parse_level(word)


# --- who may do what

# What is enough for each, and how much of it; without an entry, to administer the account.
ADMINISTERS = {"administers": True}
ON_REPOSITORY = ADMINISTERS | {"level": Level.ADMIN}
ON_PROJECT = ADMINISTERS | {"project_level": ProjectLevel.ADMIN}
SELF = {"is_self": True}
SELF_AND_SITE = SELF | {"is_site_admin": True}
MAY: dict[To, dict[str, int]] = {
    To.LIST_GROUPS: ADMINISTERS | {"in_account": True},
    To.SEE_GROUP: ADMINISTERS | {"in_group": True},
    To.REMOVE_MEMBER: ADMINISTERS | SELF,
    To.SEE_PROJECT: ADMINISTERS | {"in_account": True, "is_public": True, "project_level": ProjectLevel.READ},
    To.CHANGE_PROJECT: ON_PROJECT,
    To.DELETE_PROJECT: ON_PROJECT,
    To.GRANT_ON_PROJECT: ON_PROJECT,
    To.SEE_REPOSITORY: ADMINISTERS | {"level": Level.READ},
    To.ADD_REPOSITORY: ADMINISTERS | {"project_level": ProjectLevel.CREATE_REPO},
    To.ANSWER_REVIEW: ADMINISTERS | {"is_reviewer": True},
    To.RUN_SITE: {"is_site_admin": True},
    To.CHANGE_PERSON: SELF_AND_SITE,
    To.HANDLE_TOKENS: SELF_AND_SITE,
    To.HANDLE_SSH_KEYS: SELF_AND_SITE,
    To.HANDLE_SECOND_FACTORS: SELF_AND_SITE,
    To.SET_UP_SECOND_FACTORS: SELF,
    To.KEEP_PEOPLE: {"is_directory": True},
    To.GRANT_PRIVILEGE: ON_REPOSITORY,
    To.INVITE_TO_REPOSITORY: ON_REPOSITORY,
    To.ACT_FOR: SELF_AND_SITE,
    To.ASK_ABOUT_PERSON: ON_REPOSITORY | SELF,
}
VALUES = {"level": [*Level], "project_level": [*ProjectLevel]}
EVERYBODY_MAY = {To.SEE_PROFILE, To.LIST_PROJECTS, To.ASK_FOR_ACCESS}
STANDINGS = [
    Standing(*each) for each in itertools.product(*(VALUES.get(name, [False, True]) for name in Standing._fields))
]


@pytest.mark.parametrize("to", To)
def test_who_may_is_decided_by_standing_alone(to: To) -> None:
    enough = MAY.get(to, ADMINISTERS)

    def is_enough(standing: Standing) -> bool:
        return to in EVERYBODY_MAY or any(getattr(standing, part) >= least for part, least in enough.items())

    assert next((each for each in STANDINGS if policy.may(each, to) is not is_enough(each)), None) is None


def test_nobody_may_do_anything_without_standing() -> None:
    assert {to for to in To if policy.may(Standing(), to)} == EVERYBODY_MAY


@pytest.mark.parametrize(("account", "is_site_admin"), [(True, True), (False, False)])
def test_site_administrators_run_the_site(account: bool, is_site_admin: bool) -> None:
    person = Account("id", "mina", "Mina", None, None, False, True, account)

    assert Actor(person, "password").is_site_admin is is_site_admin


def test_the_operator_runs_the_site_and_nobody_in_particular_does_not() -> None:
    assert [(actor.id, actor.name, actor.is_site_admin) for actor in (OPERATOR, NOBODY)] == [
        (None, "operator", True),
        (None, "nobody", False),
    ]


@pytest.mark.parametrize(("others", "refused"), [(0, True), (1, False), (9, False)])
def test_a_team_keeps_an_administrator(others: int, refused: bool) -> None:
    if refused:
        with pytest.raises(LastAdministrator, match="can't leave: the team would be left without an administrator"):
            last_administrator.require_administrator(others=others, deed="leave")
    else:
        last_administrator.require_administrator(others=others, deed="leave")


@pytest.mark.parametrize(
    ("display_name", "first", "last"), [("Mina Okafor", "Mina", "Okafor"), ("Mina", "Mina", ""), ("A B C", "A", "B C")]
)
def test_a_display_name_is_split_at_its_first_blank(display_name: str, first: str, last: str) -> None:
    person = Account("id", "mina", display_name, None, None, False, True, False)

    assert (person.first_name, person.last_name) == (first, last)


@pytest.mark.parametrize("module", [each.name for each in pkgutil.iter_modules(onebucket.domain.__path__)])
def test_the_examples_in_the_domain_are_true(module: str) -> None:
    assert doctest.testmod(importlib.import_module(f"onebucket.domain.{module}")).failed == 0
