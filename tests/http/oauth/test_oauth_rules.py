"""OAuth's rules by themselves, who may have consumers, the command for them, and tokens in the query."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import browsing
import cast
import consuming
from cast import Api
from commands import Command, refused
from consuming import CHALLENGE, bearer
from onebucket import hashing
from onebucket.actions import consumers, groups
from onebucket.domain import oauth
from onebucket.domain.groups import AccountPrivilege
from onebucket.domain.oauth import AuthorizationRequest, Consumer
from onebucket.domain.refusals import Forbidden, Invalid, NotFound, OAuthError
from onebucket.domain.scopes import SCOPES

pytestmark = pytest.mark.runs_on("SQLite", "PostgreSQL")

# --- the rules


def consumer(**how: Any) -> Consumer:
    made = {"callback": "https://ci.example.com/done", "scopes": frozenset({"account:write"}), "is_public": False} | how
    return Consumer("a", "c", "key", "Builds", acts_as=None, created_at=datetime(2026, 3, 4, tzinfo=UTC), **made)


@pytest.mark.parametrize(
    "address",
    ["https://ci.example.com", "https://ci.example.com/done?a=b&c=%20", "http://127.0.0.1:9999/cb", "http://[::1]/cb",
     "com.example.app:/done", "com.example.app://done"],
)  # fmt: skip
def test_people_can_be_sent_back_to_these(address: str) -> None:
    assert oauth.check_callback(address) == address


@pytest.mark.parametrize(
    "address",
    ["", "ci.example.com", "/done", "//ci.example.com/", "https://", "https:/x", "https://a@b.example.com/", "http://[::1",
     "https://ci.example.com/#done", "https://ci.example.com/ x", "https://ci.example.com/\n", "https://ci.example.com\\@evil",
     "javascript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "ftp://x.org/", "app:/x", "oob",
     "https://ci.éxample.com/", "https://" + "x" * 2000],
)  # fmt: skip
def test_nobody_can_be_sent_back_to_these(address: str) -> None:
    with pytest.raises(Invalid):
        oauth.check_callback(address)


@pytest.mark.parametrize(
    ("granted", "wanted", "given"),
    [
        ("account", "", "account"),
        ("account", "account", "account"),
        ("account:write", "account", "account"),
        ("account:write", "account account:write", "account account:write"),
        ("team:write", "account:write", "account:write"),
        ("account", "account:write", "account"),
        ("account", "team", "team"),
        ("account", "team:write", "account"),
        ("team", "account", "account"),
        ("account:write", "account:write team", "account:write team"),
        ("account", "account email team", "account email team"),
        ("account", "email", "email"),
        ("email", "account", "email"),
        ("account", "account pullrequest webhook project", "account"),
        ("account", "account repository:admin", "account"),
        ("repository:write", "repository:admin repository:write", "repository:write"),
        ("read:user:bitbucket account", "read:user:bitbucket email", "read:user:bitbucket email"),
        ("account", "read:user:bitbucket", None),
        ("admin:repository:bitbucket", "read:repository:bitbucket", None),
        ("account repository", "account:write repository", "account repository"),
        ("account", "account,team", "account team"),
        ("account", "account, account", "account"),
        ("account", "repository:admin", None),
        ("account", "Account", None),
        ("", "account", None),
        ("", "", ""),
    ],
)
def test_no_more_is_given_than_was_granted(granted: str, wanted: str, given: str | None) -> None:
    if given is None:
        with pytest.raises(OAuthError):
            oauth.narrow_scopes(frozenset(granted.split()), wanted)
    else:
        assert oauth.narrow_scopes(frozenset(granted.split()), wanted) == frozenset(given.split())


@pytest.mark.parametrize("is_public", [False, True])
@pytest.mark.parametrize(
    ("challenge", "method", "good"),
    [(CHALLENGE, "S256", True), (CHALLENGE, "plain", False), (CHALLENGE, "", False), ("", "S256", False),
     ("x" * 42, "S256", False), ("x" * 44, "S256", False), ("x" * 42 + "~", "S256", False)],
)  # fmt: skip
def test_a_challenge_is_s256_or_none(is_public: bool, challenge: str, method: str, good: bool) -> None:
    wish = AuthorizationRequest("key", "code", challenge=challenge, challenge_method=method)

    if good:
        oauth.check_request(consumer(is_public=is_public), wish)
    else:
        with pytest.raises(OAuthError):
            oauth.check_request(consumer(is_public=is_public), wish)


@pytest.mark.parametrize(
    ("callback", "given"),
    [("https://ci.example.com/done", "https://ci.example.com/done/sub"),
     ("https://ci.example.com/done", "https://ci.example.com/done/a/b-c_d.e~f/"),
     ("https://ci.example.com/done", "https://ci.example.com/done/...x/.y"),
     ("https://ci.example.com/done/", "https://ci.example.com/done/sub"),
     ("https://ci.example.com", "https://ci.example.com/done"),
     ("https://ci.example.com/done?job=7", "https://ci.example.com/done/sub?job=7"),
     ("com.example.app:/done", "com.example.app:/done/sub")],
)  # fmt: skip
def test_a_callback_is_extended_only_where_that_is_switched_on(callback: str, given: str) -> None:
    assert oauth.choose_redirect(consumer(callback=callback), given, may_extend=True) == given
    with pytest.raises(Invalid):
        oauth.choose_redirect(consumer(callback=callback), given)


@pytest.mark.parametrize(
    "given",
    ["https://ci.example.com/done/../x", "https://ci.example.com/done/./x", "https://ci.example.com/done/..",
     "https://ci.example.com/done/%2e%2e/x", "https://ci.example.com/done/%2E%2e", "https://ci.example.com/done/a%2f..",
     "https://ci.example.com/done//x", "https://ci.example.com/done//", "https://ci.example.com/done/x\\y",
     "https://ci.example.com/done/x;y", "https://ci.example.com/done/x?y=z", "https://ci.example.com/done/x#y",
     "https://ci.example.com/donex", "https://ci.example.com/done.evil/x", "https://ci.example.com/Done/x",
     "https://ci.example.com.evil.org/done/x", "https://ci.example.com@evil.org/done/x", "https://evil.org/done/x",
     "https://ci.example.com:443/done/x", "http://ci.example.com/done/x", "//ci.example.com/done/x",
     "https://ci.example.com/", "https://ci.example.com/done/x ", "https://ci.example.com/done/x\n",
     "https://ci.example.com/done/\u00e9", "https://ci.example.com/done/@evil", "https://ci.example.com/done/"],
)  # fmt: skip
def test_nothing_but_more_segments_extends_a_callback(given: str) -> None:
    with pytest.raises(Invalid):
        oauth.choose_redirect(consumer(), given, may_extend=True)
    with pytest.raises(Invalid):
        oauth.choose_redirect(
            consumer(callback="https://ci.example.com"), given.replace("/done", "", 1) + "//", may_extend=True
        )


def test_nobody_is_sent_back_by_a_consumer_without_a_callback() -> None:
    with pytest.raises(Invalid):
        oauth.choose_redirect(consumer(callback=None), "")


@pytest.mark.parametrize(
    ("address", "there"),
    [("https://x.org", "https://x.org?a=b%26c"), ("https://x.org/?d", "https://x.org/?d&a=b%26c"),
     ("com.example.app:/x", "com.example.app:/x?a=b%26c")],
)  # fmt: skip
def test_words_join_the_query_that_is_there(address: str, there: str) -> None:
    assert oauth.redirect_to(address, a="b&c", e="") == there


def test_a_secret_depends_on_key_purpose_and_name() -> None:
    made = {hashing.derived_secret(key, purpose, name)
            for key in (b"x" * 32, b"y" * 32) for purpose in ("consumer", "token") for name in ("a", "b")}  # fmt: skip

    assert (len(made), {len(each) for each in made}) == (8, {32})
    assert hashing.derived_secret(b"x" * 32, "token", "a") in made


# --- who may have consumers


@pytest.fixture
def befriended(api: Api) -> Api:
    """bob administers dora's personal account, through a group of hers."""

    def befriend(work: Any) -> None:
        groups.create(work, "dora", name="Friends")
        groups.add_member(work, "dora", "friends", "bob")
        groups.set_account_privilege(work, "dora", "friends", AccountPrivilege.ADMIN)

    api.operate(befriend)
    return api


@pytest.mark.parametrize(
    ("who", "account", "acts_as", "refusal"),
    [
        ("alice", "acme", None, None),
        ("alice", "acme", "alice", None),
        ("alice", "alice", None, None),
        ("root", "acme", "bob", None),
        ("bob", "dora", "bob", None),
        ("alice", "acme", "bob", Forbidden),
        ("bob", "acme", None, Forbidden),
        ("bob", "acme", "bob", Forbidden),
        ("mallory", "alice", None, Forbidden),
        ("bob", "dora", None, Forbidden),
        ("bob", "dora", "dora", Forbidden),
        ("alice", "acme", "acme", Forbidden),
        ("root", "acme", "acme", Invalid),
        ("root", "acme", "nobody", NotFound),
    ],
)
def test_a_consumer_acts_for_whoever_made_it_or_for_whom_the_site_says(
    befriended: Api, who: str, account: str, acts_as: str | None, refusal: type[Exception] | None
) -> None:
    def add(work: Any) -> None:
        consumers.add(work, account, key="k", label="L", scopes=frozenset({"account"}), acts_as=acts_as)

    made = browsing.done_by(who, add)
    if refusal is None:
        befriended.operate(made)
    else:
        with pytest.raises(refusal):
            befriended.operate(made)


@pytest.mark.parametrize(("who", "good"), [("alice", True), ("root", True), ("bob", False), ("mallory", False)])
def test_administrators_see_and_revoke_an_accounts_consumers(api: Api, who: str, good: bool) -> None:
    key = consuming.add(api, "acme").key

    for action in (lambda work: consumers.list_consumers(work, "acme"), lambda work: consumers.revoke(work, key)):
        if good:
            api.operate(browsing.done_by(who, action))
        else:
            with pytest.raises(Forbidden):
                api.operate(browsing.done_by(who, action))


# --- the command


def test_consumers_are_made_listed_and_revoked_by_command(command: Command) -> None:
    made = command("consumer", "add", "acme", "--label", "Builds", "--callback", "https://ci.example.com/done",
                   "--scope", "account:write", "--as", "alice")  # fmt: skip
    public = command("consumer", "add", "bob", "--label", "Phone", "--callback", "com.example.app:/done", "--public",
                     "--json").json  # fmt: skip
    key = made.out.splitlines()[0].split()[1]

    listed = command("consumer", "list", "--json").json
    shown = command("consumer", "list", "acme").out.splitlines()
    revoked = command("consumer", "revoke", key)

    assert (made.code, made.out.splitlines()[1].split()[0]) == (0, "secret")
    assert "not shown again" in made.err and "--as" not in made.err
    assert public["secret"] is None
    assert [(each["account"], each["label"], each["acts_as"], each["public"]) for each in listed] == [
        ("acme", "Builds", "alice", False),
        ("bob", "Phone", None, True),
    ]
    assert [line.split()[:5] for line in shown] == [
        ["KEY", "ACCOUNT", "LABEL", "SCOPES", "ACTS"],
        [key, "acme", "Builds", "account:write", "alice"],
    ]
    assert revoked.out == f"revoked {key} Builds\n"
    assert command("consumer", "revoke", key) == refused(f"there is no OAuth app '{key}'")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nobody", "--label", "x"], "there is no account 'nobody'"),
        (["acme", "--label", " "], "the label is missing"),
        (["acme", "--label", "x", "--scope", "all"], "there is no scope 'all'; the scopes are "
         + ", ".join(scope for scope in SCOPES if not scope.endswith(":bitbucket"))
         + ", and those of API tokens, such as read:user:bitbucket"),
        (["acme", "--label", "x", "--public"], "a public app needs a callback, to which people return"),
        (["acme", "--label", "x", "--public", "--as", "bob", "--callback", "https://x.org/"],
         "a public app has no secret, so it can't act on its own"),
        (["acme", "--label", "x", "--as", "globex"], "globex is a team, not a person"),
        (["acme", "--label", "x", "--callback", "javascript:x"],
         "a callback starts with https://, http:// or the app's own scheme, such as com.example.app:/"),
    ],
)  # fmt: skip
def test_mistakes_get_a_sentence(command: Command, arguments: list[str], sentence: str) -> None:
    assert command("consumer", "add", *arguments) == refused(sentence)


@pytest.mark.subprocess
def test_helping_and_starting_load_nothing_of_oauth() -> None:
    code = "import sys, onebucket.cli.root, onebucket.http.wiring; print([m for m in sys.modules if 'authlib' in m])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_whoever_makes_a_teams_consumer_is_told_of_as(command: Command) -> None:
    made = command("consumer", "add", "acme", "--label", "Builds")
    own = command("consumer", "add", "bob", "--label", "Builds")

    assert (made.code, own.code) == (0, 0)
    assert "can't act on its own" in made.err and "--as USER" in made.err
    assert "--as" not in own.err


# --- tokens in the query


@pytest.fixture
def lenient(cast_template: Path, tmp_path: Path) -> Iterator[Api]:
    """A server where tokens may stand in the query."""
    (tmp_path / "lenient").mkdir()
    served = Api(cast.copy(cast_template, tmp_path / "lenient"), query_token=True)
    yield served
    served.close()


def test_a_token_in_the_query_counts_only_where_that_is_switched_on(api: Api, lenient: Api) -> None:
    for server, status in ((api, 401), (lenient, 200)):
        token = consuming.tokens(server, consuming.add(server), "bob")["access_token"]
        read = server(None, "GET", f"/groups?access_token={token}&format=yaml")
        made = server(None, "POST", f"/groups/bob?access_token={token}", data={"name": "Crew"})
        by_password = server(None, "GET", f"/groups?access_token={cast.token('bob')}")

        assert [answer.status_code for answer in (read, made, by_password)] == [status] * 3


@pytest.mark.parametrize(
    "query", ["access_token=", "access_token=x", "access_token={t}&access_token={t}", "access_token={t}&oauth_token=x",
              "x=access_token={t}", "Access_Token={t}", "access_token=%ff", "access_token={t}x", "access_token=é"],
)  # fmt: skip
def test_what_is_no_token_or_not_alone_is_refused(lenient: Api, query: str) -> None:
    address = f"/1.0/groups?{query.replace('{t}', cast.token('bob'))}".encode()

    assert lenient.raw("GET", address).status_code == 401


def test_a_token_in_the_query_ends_like_any_other(lenient: Api) -> None:
    added = consuming.add(lenient)
    token = consuming.tokens(lenient, added, "bob")["access_token"]
    path = f"/groups?access_token={token}"
    before = [lenient(None, "GET", path).status_code for _ in range(2)]

    lenient.operate(lambda work: consumers.revoke(work, added.key), elsewhere=True)

    assert (before, lenient(None, "GET", path).status_code) == ([200, 200], 401)
    assert lenient("bob", "GET", path).status_code == bearer(lenient, cast.token("bob"), path).status_code == 401
