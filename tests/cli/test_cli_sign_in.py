"""Commands about signing in: factors and identities of people, one-time links, kept groups, and what `doctor` says."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import cast
import codes
from browsing import Visitor, done_by
from cast import Api
from commands import Command, done, refused
from onebucket.actions import groups, identities
from onebucket.domain.sign_in_providers import ProvenIdentity

OKTA = """
[oidc.okta]
issuer = "https://example.okta.com"
client_id = "0oa1"
client_secret_env = "OKTA_SECRET"
groups_claim = "groups"
domains = ["example.com"]

[oidc.google]
issuer = "https://accounts.google.com"
client_id = "1.apps"
client_secret = "in the file"
label = "Google"
"""


def table(name: str, values: dict[str, object]) -> str:
    """Write a table [oidc.NAME]; what JSON writes is TOML, too."""
    return f"[oidc.{json.dumps(name)}]\n" + "".join(f"{key} = {json.dumps(each)}\n" for key, each in values.items())


@pytest.fixture
def beside(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """A server of the database that commands change, with two providers in its settings."""
    monkeypatch.setenv("OKTA_SECRET", "what only the two know")
    (tmp_path / "onebucket.toml").write_text(OKTA)
    with closing(Api(cast.connect(f"sqlite:///{tmp_path}/onebucket.db"))) as api:
        yield api


def test_a_lost_factor_is_found_by_its_name_or_its_id_and_removed(command: Command, beside: Api) -> None:
    phone, first, second = (codes.set_up(beside, "alice", label) for label in ("phone", "key", "key"))

    listed = command("user", "factors", "alice@example.com").out.splitlines()
    told = command("user", "factors", "alice", "--json").json

    assert listed[0].split() == ["NAME", "KIND", "ADDED", "LAST", "USED", "ID"]
    assert sorted(line.split()[0] for line in listed[1:4]) == ["key", "key", "phone"]
    assert listed[4] == "10 recovery codes left"
    assert told["recovery_codes"] == 10
    assert {each["id"]: (each["kind"], each["last_used_at"]) for each in told["factors"]} == dict.fromkeys(
        (phone.id, first.id, second.id), ("authenticator app", None)
    )
    assert command("user", "remove-factor", "alice", "key") == refused(
        "alice has several second factors 'key': name one by its id"
    )
    assert command("user", "remove-factor", "alice", first.id) == done("removed the authenticator app key\n")
    assert command("user", "remove-factor", "alice", first.id) == refused(f"alice has no second factor '{first.id}'")
    for label in ("key", "phone"):
        assert command("user", "remove-factor", "alice", label) == done(f"removed the authenticator app {label}\n")
    assert command("user", "factors", "alice", "--json").json == {"factors": [], "recovery_codes": 0}
    with Visitor(beside) as visitor:
        assert visitor.sign_in("alice").path == "/me"


def test_a_team_has_no_factors_and_no_link(command: Command) -> None:
    sentence = "acme is a team, and only people have second factors"
    assert command("user", "factors", "acme") == refused(sentence)
    assert command("user", "remove-factor", "acme", "phone") == refused(sentence)
    assert command("session", "acme").code == 1
    assert command("session", "nobody").code == 1


def test_a_link_signs_in_once_and_ends_an_earlier_one(command: Command, beside: Api, tmp_path: Path) -> None:
    earlier, link = (command("session", "bob").out.strip() for _ in range(2))
    (tmp_path / "onebucket.toml").write_text('base_url = "https://groups.example.com"\n')
    elsewhere = command("session", "alice").out

    path = link.removeprefix("http://127.0.0.1:8080")
    with Visitor(beside) as visitor:
        assert visitor.open(earlier.removeprefix("http://127.0.0.1:8080")).status == 404
        page = visitor.open(path)
        signed_in = visitor.send(page, path)
        assert visitor.open(path).status == 404
    assert path.startswith("/sessions/") and elsewhere.startswith("https://groups.example.com/sessions/")
    assert "Signed in as bob" in signed_in.text
    command("user", "disable", "bob")
    assert command("session", "bob") == refused("bob is disabled: enable them first")


def test_identities_are_listed_and_unlinked(command: Command, beside: Api) -> None:
    known = ProvenIdentity("okta", "https://example.okta.com", "00u1", "alice@example.com", True, "", "", None)
    linked = beside.operate(done_by("alice", lambda work: identities.link(work, known)))

    told = command("user", "identities", "alice", "--json").json
    heading, row = command("user", "identities", "alice").out.splitlines()

    assert heading.split() == ["ID", "PROVIDER", "IDENTITY", "LAST", "USED"]
    assert row.split()[:3] == [linked.id, "okta", "alice@example.com"]
    assert [(each["issuer"], each["subject"]) for each in told] == [("https://example.okta.com", "00u1")]
    assert command("user", "unlink", "bob", linked.id) == refused("bob has no such identity")
    assert command("user", "unlink", "alice", linked.id) == done("unlinked alice@example.com of okta\n")
    assert command("user", "unlink", "alice", linked.id) == refused("alice has no such identity")
    assert command("user", "identities", "alice", "--json").json == []


def test_a_group_is_kept_by_a_provider_that_names_groups(command: Command, beside: Api) -> None:
    assert command("group", "keep", "acme/designers", "--by", "okta") == done(
        "sign-ins with okta keep acme/designers\n"
    )
    assert keeper(beside) == "okta"
    for by in ("google", "nowhere"):
        assert command("group", "keep", "acme/designers", "--by", by) == refused(
            f"there is no [oidc.{by}] with a groups_claim in the settings"
        )
    for words in ((), ("--by", "okta", "--remove")):
        assert command("group", "keep", "acme/designers", *words) == refused("give either --by PROVIDER or --remove")
    assert command("group", "keep", "acme/nowhere", "--by", "okta").code == 1
    assert command("group", "keep", "designers", "--by", "okta").code == 1
    assert keeper(beside) == "okta"
    assert command("group", "keep", "acme/designers", "--remove") == done("no sign-in keeps acme/designers\n")
    assert keeper(beside) is None


def test_a_dry_run_shows_a_keeper_and_changes_none(command: Command, beside: Api, tmp_path: Path) -> None:
    team = {"username": "acme", "groups": [{"name": "Designers", "kept_by_sign_in": "okta"}]}
    (tmp_path / "acme.json").write_text(json.dumps({"onebucket": 1, "teams": [team]}))

    told = command("apply", "acme.json", "--dry-run")

    assert "~ group acme/designers: kept_by_sign_in nothing → okta" in told.out
    assert keeper(beside) is None
    assert command("apply", "acme.json", "--yes").code == 0
    assert keeper(beside) == "okta"


def keeper(api: Api) -> str | None:
    found: str | None = api.operate(lambda work: groups.keeper(work, "acme", "designers"))
    return found


# -- doctor ------------------------------------------------------------------------------------------


def test_doctor_says_who_signs_in_where(command: Command, beside: Api, tmp_path: Path) -> None:
    file = tmp_path / "onebucket.toml"
    file.chmod(0o644)

    open_to_all = command("doctor").out
    file.chmod(0o600)
    closed = command("doctor").out

    assert "people of example.com sign in with okta: https://example.okta.com" in closed
    assert "people who are linked sign in with Google: https://accounts.google.com" in closed
    assert f"others can read the secret of google in {file}" in open_to_all and "the secret of" not in closed


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ('passwords = "off"', "passwords is off, and there is no provider to sign in with"),
        ('passwords = "site-admins"', "passwords is site-admins, and there is no provider to sign in with"),
        ("[oidc.okta]\nclient_id = 'x'\nclient_secret = 'y'", "[oidc.okta] issuer is an address such as"),
    ],
)
def test_doctor_finds_what_keeps_people_out(command: Command, tmp_path: Path, settings: str, sentence: str) -> None:
    (tmp_path / "onebucket.toml").write_text(settings)

    told = command("doctor")

    assert (told.code, sentence in told.out) == (1, True)


# -- bad values ---------------------------------------------------------------------------------------

GOOD = {"issuer": "https://login.example.com", "client_id": "x", "client_secret": "y"}


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"issuer": ""}, "issuer is an address such as https://login.example.com, as the provider spells it"),
        ({"issuer": "login.example.com"}, "issuer is an address such as https://login.example.com, as the"),
        ({"issuer": "https://a.example?x=1"}, "issuer is an address such as https://login.example.com, as the"),
        ({"issuer": "http://a.example"}, "issuer must be https://, except on this machine itself"),
        ({"issuer": 5}, "issuer must be a string of one line"),
        ({"client_id": ""}, "needs client_id"),
        ({"client_secret": ""}, "needs one of client_secret_file, client_secret_env and client_secret"),
        ({"client_secret_env": "X"}, "needs one of client_secret_file, client_secret_env and client_secret"),
        ({"client_secret": "", "client_secret_env": "NOWHERE"}, "no secret in the environment variable NOWHERE"),
        ({"client_secret": "", "client_secret_file": "nowhere"}, "nowhere: No such file or directory"),
        ({"client_secret": "", "client_secret_file": "empty"}, "there is no secret in "),
        ({"domains": "example.com"}, "domains must be a list of strings"),
        ({"domains": ["not a domain"]}, "domains: 'not a domain' is not a domain such as example.com"),
        ({"scopes": ["email"]}, "scopes must have openid among them"),
        ({"scopes": [1]}, "scopes must be a list of strings"),
        ({"link": "always"}, "link is address or ask"),
        ({"confirm": "never"}, "confirm is login or sign-in"),
        ({"label": "two\nlines"}, "label must be a string of one line"),
        ({"groups_claim": ["groups"]}, "groups_claim must be a string of one line"),
        ({"colour": "red"}, "has no setting colour"),
    ],
    ids=str,
)
def test_each_bad_value_of_a_provider_gets_one_sentence(
    command: Command, tmp_path: Path, changed: dict[str, object], sentence: str
) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "onebucket.toml").write_text(table("okta", GOOD | changed))

    told = command("serve")

    assert (told.code, told.out, told.err.count("\n")) == (1, "", 1)
    assert f"onebucket: {tmp_path}/onebucket.toml: [oidc.okta]" in told.err and sentence in told.err


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (table("Okta Inc", GOOD), "a provider's name has up to 32 small letters, digits and hyphens"),
        (table("a", GOOD) + table("b", GOOD), "[oidc.b] has the issuer and the client_id of [oidc.a]"),
        ("oidc = 'okta'", "providers are tables with a name, such as [oidc.okta]"),
        ("[oidc]\nokta = 'https://example.okta.com'", "providers are tables with a name, such as [oidc.okta]"),
    ],
)
def test_names_and_pairs_of_providers(command: Command, tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / "onebucket.toml").write_text(content)

    for words in (("serve",), ("group", "keep", "acme/designers", "--by", "x")):
        told = command(*words)
        assert (told.code, told.out, told.err.count("\n")) == (1, "", 1), told
    assert sentence in command("serve").err


def test_doctor_names_groups_that_a_provider_keeps_which_is_gone(command: Command, beside: Api, tmp_path: Path) -> None:
    assert command("group", "keep", "acme/designers", "--by", "okta").code == 0
    fine = command("doctor").out
    (tmp_path / "onebucket.toml").write_text("")

    told = command("doctor")

    assert "keep acme/designers" not in fine
    assert told.code == 1
    assert "WRONG  sign-ins with okta keep acme/designers, and there is no [oidc.okta]" in told.out
    assert "group keep acme/designers --remove" in told.out
    assert keeper(beside) == "okta"
