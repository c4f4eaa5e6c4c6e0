"""Signing in with an OpenID provider: who it is, what is refused and why, groups, and signing out there."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest

import browsing
import cast
import openid_provider
from browsing import Page, Visitor
from cast import Api
from onebucket import hashing
from onebucket.actions import accounts, directories, groups, identities, session_links
from onebucket.domain.refusals import Forbidden
from onebucket.domain.site_limits import SiteLimits
from openid_provider import OpenIdProvider

ALICE = {"sub": "a-1", "email": "alice@example.com", "email_verified": True}


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    """A provider at which alice is signed in, with the address that she has here."""
    with OpenIdProvider() as running:
        running.person = ALICE
        yield running


@contextmanager
def serving(
    api: Api,
    provider: OpenIdProvider,
    *,
    sign_up: str = "invited",
    passwords: str = "on",
    most: int = 1000,
    **how: Any,
) -> Iterator[Api]:
    """A server of the same database as `api`, with that provider."""
    limits = SiteLimits(sign_up=sign_up, passwords=passwords, provider_sign_ins_per_network=most)
    served = Api(api.db, providers=[provider.settings(**how)], site_limits=limits)
    yield served
    served.stop()


@pytest.fixture
def company(api: Api, provider: OpenIdProvider) -> Iterator[Api]:
    """A server that lets people of example.com sign in with the provider."""
    with serving(api, provider) as served:
        yield served


@pytest.fixture
def visitor(company: Api) -> Iterator[Visitor]:
    """A browser in which nobody has signed in."""
    with Visitor(company) as opened:
        yield opened


def start(visitor: Visitor, next_path: str = "/me") -> str:
    """Begin to sign in; return the address that the provider sends the browser back to."""
    sent = visitor.ask("GET", f"/oidc/corp?next={next_path}")
    assert sent.status_code == 303, sent.text
    return httpx.get(sent.headers["Location"]).headers["Location"]


def come_back(visitor: Visitor, address: str) -> Page:
    """Follow the provider's redirect."""
    parts = urlsplit(address)
    return visitor.open(f"{parts.path}?{parts.query}")


def sign_in(visitor: Visitor, next_path: str = "/me") -> Page:
    """Sign in with the provider."""
    return come_back(visitor, start(visitor, next_path))


def linked(api: Api, name: str) -> list[str]:
    """Who a person is at providers."""
    return [each.shown for each in api.operate(lambda work: identities.of_person(work, name)[1])]


# -- who it is -------------------------------------------------------------------------------------


@pytest.mark.runs_on("SQLite", "PostgreSQL")
def test_the_first_sign_in_finds_a_verified_address_and_the_next_the_identity(
    visitor: Visitor, provider: OpenIdProvider
) -> None:
    first = sign_in(visitor, "/accounts/acme")
    provider.person = {"sub": "a-1", "email": "renamed@elsewhere.example"}
    with Visitor(visitor.api) as other:
        second = sign_in(other)

    assert (first.path, second.path) == ("/accounts/acme", "/me")
    assert "Signed in as alice" in first.text
    assert "Signed in as alice" in second.text
    assert [row[1] for row in visitor.api.journal()] == ["identity.linked", "session.began", "session.began"]
    with visitor.api.db.reading() as tx:
        told = tx.connection.execute("SELECT credential, after FROM journal WHERE event = 'session.began'").fetchall()
    assert {credential for credential, _ in told} == {"oidc:corp"}
    assert all('"provider":"corp"' in after.replace(" ", "") for _, after in told)


def test_a_disabled_person_stays_out(visitor: Visitor) -> None:
    visitor.api.operate(lambda work: accounts.set_active(work, "alice", False))

    page = sign_in(visitor)

    assert (page.status, linked(visitor.api, "alice")) == (403, [])
    assert "your account here is disabled" in page.text
    assert "sign-in.failed" in {each["event"] for each in visitor.api.attempts()}


@pytest.mark.parametrize(
    ("claims", "how"),
    [
        ({"email_verified": False}, {}),
        ({"email_verified": None}, {}),
        ({"email_verified": 1, "xms_edov": True}, {}),
        ({"email": "ａlice@example.com"}, {}),
        ({"email": "alice@ｅxample.com"}, {}),
        ({}, {"domains": frozenset()}),
        ({}, {"domains": frozenset({"corp.example.com"})}),
        ({}, {"links_by_address": False}),
    ],
    ids=str,
)
def test_an_address_that_does_not_count_takes_nothing_over(
    api: Api, provider: OpenIdProvider, claims: dict[str, Any], how: dict[str, Any]
) -> None:
    provider.person = {name: value for name, value in (ALICE | claims).items() if value is not None}

    with serving(api, provider, **how) as served, Visitor(served) as visitor:
        page = sign_in(visitor)

    assert page.path == "/sign-in/link"
    assert (linked(api, "alice"), "Signed in as" in page.text) == ([], False)


def test_who_proves_an_account_first_is_linked_to_it_and_to_no_other(
    visitor: Visitor, provider: OpenIdProvider
) -> None:
    provider.person = {"sub": "b-1", "email": "bob@home.example"}
    asked = sign_in(visitor)
    question = visitor.send(asked, "/sign-in", login="bob", password=cast.password("bob"))
    done = visitor.send(question, "/sign-in/link")
    with Visitor(visitor.api) as other:
        again = sign_in(other)

    assert "bob@home.example" in question.text
    assert (done.path, linked(visitor.api, "bob")) == ("/me", ["bob@home.example"])
    assert "Signed in as bob" in again.text
    assert "identity-linked" in [row[0] for row in letters(visitor.api)]


def letters(api: Api) -> list[tuple[str, ...]]:
    """(kind, address) of every queued letter."""
    with api.db.reading() as tx:
        return tx.connection.execute("SELECT kind, email FROM letters").fetchall()


def test_linking_needs_a_form_of_this_browser(visitor: Visitor, provider: OpenIdProvider) -> None:
    provider.person = {"sub": "m-1", "email": "mallory@home.example"}
    sign_in(visitor)
    visitor.sign_in("alice")

    forged = visitor.ask("POST", "/sign-in/link", data={"form_token": "guessed"})

    assert (forged.status_code, linked(visitor.api, "alice")) == (403, [])


@pytest.mark.parametrize(
    ("sign_up", "invited", "made"),
    [("invited", False, False), ("invited", True, True), ("open", False, True), ("off", True, False)],
)
def test_sign_up_says_who_gets_an_account(
    api: Api, provider: OpenIdProvider, sign_up: str, invited: bool, made: bool
) -> None:
    provider.person = {"sub": "n", "email": "nora@example.com", "email_verified": True, "preferred_username": "bob"}
    if invited:
        browsing.invite(api, "nora@example.com")

    with serving(api, provider, sign_up=sign_up) as served, Visitor(served) as visitor:
        page = sign_in(visitor)

    # bob is somebody else's name already.
    assert ("Signed in as bob-2" in page.text) is made
    assert (page.path == "/me") is made


def test_unlinking_ends_the_sessions_that_began_with_it(visitor: Visitor, provider: OpenIdProvider) -> None:
    sign_in(visitor)
    with Visitor(visitor.api) as other:
        sign_in(other)
        page = visitor.open("/me")
        [action] = [form.action for form in page.forms if form.action.endswith("/unlink")]
        done = visitor.send(page, urlsplit(action).path)

        assert (done.path, linked(visitor.api, "alice")) == ("/me", [])
        assert other.open("/me").path == "/sign-in"
    assert visitor.open("/me").path == "/me"


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lie", "sentence"),
    [
        ({"aud": "another application"}, "for another application"),
        ({"aud": [openid_provider.CLIENT_ID, "another"]}, "for several applications"),
        ({"azp": "another application"}, "for another application"),
        ({"iss": "https://login.evil.example"}, "from another issuer"),
        ({"exp": 1_000_000_000}, "has expired"),
        ({"iat": 4_000_000_000}, "from the future"),
        ({"nonce": "of somebody else's sign-in"}, "belongs to another sign-in"),
        ({"nonce": None}, "belongs to another sign-in"),
        ({"sub": None}, "names nobody"),
    ],
    ids=str,
)
def test_a_token_that_is_not_for_this_sign_in_is_refused(
    visitor: Visitor, provider: OpenIdProvider, lie: dict[str, Any], sentence: str
) -> None:
    provider.lie = lie

    page = sign_in(visitor)

    assert page.status == 403
    assert "what Corp says of you isn't valid: it" in page.text
    assert sentence in page.text
    assert linked(visitor.api, "alice") == []


def test_a_token_within_the_skew_of_clocks_is_good(visitor: Visitor, provider: OpenIdProvider) -> None:
    provider.lie = {"exp": int(time.time()) - 30, "iat": int(time.time()) + 30}

    assert sign_in(visitor).path == "/me"


def test_only_signatures_of_the_provider_count(visitor: Visitor, provider: OpenIdProvider) -> None:
    stranger = openid_provider.RSAKey.generate_key(2048, {"kid": "rsa"})
    signed = {
        "nothing": ("none", openid_provider.RSA),
        "the public key as a secret": ("HS256", openid_provider.RSA),
        "a stranger's key": ("RS256", stranger),
        "another algorithm": ("RS512", openid_provider.RSA),
    }

    refused = {}
    for name, (provider.algorithm, provider.key) in signed.items():
        refused[name] = sign_in(visitor).status

    assert refused == dict.fromkeys(signed, 403)
    assert linked(visitor.api, "alice") == []


@pytest.mark.parametrize(("algorithm", "key"), [("ES256", openid_provider.EC), ("EdDSA", openid_provider.ED)])
def test_other_signatures_that_providers_make_are_good(
    visitor: Visitor, provider: OpenIdProvider, algorithm: str, key: Any
) -> None:
    provider.algorithm, provider.key = algorithm, key

    assert sign_in(visitor).path == "/me"


def test_a_new_key_is_read_when_a_token_names_it_but_not_for_each_forgery(
    visitor: Visitor, provider: OpenIdProvider
) -> None:
    sign_in(visitor)
    newer = openid_provider.RSAKey.generate_key(2048, {"kid": "newer"})
    provider.published, provider.key = [newer], newer
    # The keys have just been read.
    early = sign_in(visitor)
    now = visitor.api.now()
    visitor.api.now = lambda: now + 61
    late = sign_in(visitor)

    assert (early.status, late.path) == (403, "/me")
    assert provider.asked.count("/keys") == 2
    assert provider.asked.count("/.well-known/openid-configuration") == 1


def test_a_code_is_good_once_and_in_the_browser_that_began(visitor: Visitor, provider: OpenIdProvider) -> None:
    address = start(visitor)
    with Visitor(visitor.api) as thief:
        stolen = come_back(thief, address)
    came = come_back(visitor, address)
    replayed = come_back(visitor, address)

    assert (stolen.status, came.path, replayed.status) == (403, "/me", 403)
    assert "began in another browser" in stolen.text


def test_a_swapped_state_or_code_is_refused(visitor: Visitor, provider: OpenIdProvider) -> None:
    with Visitor(visitor.api) as mallory:
        foreign = start(mallory)
    own = start(visitor)
    state = parse_qs(urlsplit(own).query)["state"][0]
    swapped_state = come_back(visitor, foreign)
    start(visitor)
    foreign_code = parse_qs(urlsplit(foreign).query)["code"][0]
    sealed_again = visitor.ask("GET", "/oidc/corp")
    state = parse_qs(urlsplit(sealed_again.headers["Location"]).query)["state"][0]
    swapped_code = visitor.open(f"/oidc/corp/callback?code={foreign_code}&state={state}&iss={provider.issuer}")
    visitor.ask("GET", "/oidc/corp")

    assert (swapped_state.status, swapped_code.status) == (403, 403)
    assert "belongs to another sign-in" in swapped_state.text
    assert "did not confirm this sign-in" in swapped_code.text


def test_a_provider_that_is_down_leaves_the_password(visitor: Visitor, provider: OpenIdProvider) -> None:
    provider.is_down = True

    page = visitor.open("/oidc/corp")
    done = visitor.send(page, "/sign-in", login="alice", password=cast.password("alice"))

    assert (page.status, done.path) == (503, "/me")
    assert "Corp can't be asked now" in page.text


def test_userinfo_about_somebody_else_is_refused(visitor: Visitor, provider: OpenIdProvider) -> None:
    provider.person = {"sub": "a-1"}
    provider.userinfo = {**ALICE, "sub": "another"}
    wrong = sign_in(visitor)
    provider.userinfo = ALICE

    assert (wrong.status, sign_in(visitor).path) == (403, "/me")


# -- without passwords -----------------------------------------------------------------------------


@pytest.mark.parametrize(("passwords", "admins"), [("off", False), ("site-admins", True)])
def test_without_passwords_there_are_providers_app_passwords_and_links(
    api: Api, provider: OpenIdProvider, passwords: str, admins: bool
) -> None:
    secret = "the-secret-of-the-link"
    api.operate(lambda work: session_links.make(work, "bob", secret_hash=hashing.secret_hash(secret)))

    with serving(api, provider, passwords=passwords) as served, Visitor(served) as visitor:
        basic = {who: served((who, cast.password(who)), "GET", "/groups").status_code for who in ("alice", "root")}
        with_app_password = served("alice", "GET", "/groups").status_code
        page = visitor.open("/sign-in")
        signed_in = visitor.send(visitor.open(f"/sessions/{secret}"), f"/sessions/{secret}")
        used = visitor.ask("GET", f"/sessions/{secret}")

    assert basic == {"alice": 401, "root": 200 if admins else 401}
    assert with_app_password == 200
    assert ("Sign in with Corp" in page.text, "password" in page.inputs) == (True, admins)
    assert "Signed in as bob" in signed_in.text
    assert used.status_code == 404
    assert used.text.count("another one") == 1


# -- groups and signing out ------------------------------------------------------------------------


@pytest.mark.runs_on("SQLite", "PostgreSQL")
def test_groups_follow_the_claim_and_the_last_administrator_stays(api: Api, provider: OpenIdProvider) -> None:
    for slug in ("designers", "administrators"):
        api.operate(lambda work, slug=slug: groups.set_keeper(work, "acme", slug, "corp"))

    provider.person = {**ALICE, "groups": ["designers"]}
    with serving(api, provider, groups_claim="groups") as served, Visitor(served) as visitor:
        sign_in(visitor)
        joined = api.members("designers")
        provider.person = {**ALICE, "groups": []}
        sign_in(visitor)

    assert "alice" in joined
    assert "alice" not in api.members("designers")
    assert "alice" in api.members("administrators")
    with api.db.reading() as tx:
        told = tx.connection.execute(
            "SELECT actor, event FROM journal WHERE actor = 'oidc:corp' ORDER BY at"
        ).fetchall()
    assert ("oidc:corp", "member.removed") in [tuple(row) for row in told]
    assert ("oidc:corp", "change.refused") in [tuple(row) for row in told]


def test_the_page_of_a_group_says_who_keeps_it(api: Api, provider: OpenIdProvider) -> None:
    where = "/accounts/acme/groups/designers"

    def keeper(slug: str) -> str | None:
        found: str | None = api.operate(lambda work: groups.keeper(work, "acme", slug))
        return found

    with serving(api, provider) as served, Visitor(served, "alice") as visitor:
        assert "kept_by_sign_in" not in visitor.open(where).inputs
    with serving(api, provider, groups_claim="groups") as served, Visitor(served, "alice") as visitor:
        page = visitor.open(where)
        saved = visitor.send(page, where, kept_by_sign_in="corp")
        kept = keeper("designers")
        strange = visitor.send(page, where, kept_by_sign_in="okta")
        asked = visitor.send(saved, where, name="Drawers")
        renamed = visitor.send(asked, where)
        kept_still = keeper("drawers")
        ended = visitor.send(renamed, "/accounts/acme/groups/drawers", kept_by_sign_in="")

    form = saved.form(where)
    assert (form.options["kept_by_sign_in"], form.values["kept_by_sign_in"]) == (["", "corp"], "corp")
    assert (strange.status, "no provider of that name keeps groups" in strange.text) == (400, True)
    assert (kept, renamed.path, kept_still) == ("corp", "/accounts/acme/groups/drawers", "corp")
    assert (ended.status, keeper("drawers")) == (200, None)


def test_a_group_of_a_directory_is_not_kept_by_sign_in_too(api: Api) -> None:
    made = api.operate(lambda work: directories.add(work, "acme", label="scim", secret_hash="0" * 64))
    statement = f"UPDATE groups SET directory_id = '{made.directory.id}' WHERE slug = 'designers'"
    api.operate(lambda work: work.tx.connection.execute(statement))

    with pytest.raises(Forbidden, match="kept by the directory scim"):
        api.operate(lambda work: groups.set_keeper(work, "acme", "designers", "corp"))


@pytest.mark.runs_on("SQLite", "PostgreSQL")
def test_signing_out_there_ends_the_sessions_that_began_with_it(visitor: Visitor, provider: OpenIdProvider) -> None:
    provider.person = {**ALICE, "sid": "s-1"}
    sign_in(visitor)
    api = visitor.api

    def say(token: str) -> int:
        return api.run(api.client.post("/oidc/corp/logout", data={"logout_token": token})).status_code

    lies: list[dict[str, Any]] = [{"aud": "x"}, {"nonce": "n"}, {"events": {}}, {"sub": None}, {"exp": 1}]
    wrong = [say("nonsense"), *(say(provider.logout_token(**{"sub": "a-1", **lie})) for lie in lies)]
    of_others = [say(provider.logout_token(sid="s-2")), say(provider.logout_token(sub="somebody"))]
    still = visitor.open("/me").path
    with Visitor(api) as by_password:
        by_password.sign_in("alice")
        of_session = say(provider.logout_token(sid="s-1"))

        assert (wrong, of_others, still, of_session) == ([400] * 6, [200] * 2, "/me", 200)
        assert visitor.open("/me").path == "/sign-in"
        assert by_password.open("/me").path == "/me"

    sign_in(visitor)
    # The session that begins with a new password is still one of the provider's.
    password = {"old_password": cast.password("alice"), "password": "another long one"}
    visitor.send(visitor.open("/me"), "/me/password", fields=password)
    token = provider.logout_token(sub="a-1")
    assert (visitor.open("/me").path, say(token), visitor.open("/me").path) == ("/me", 200, "/sign-in")


# -- proving it again ------------------------------------------------------------------------------


def new_app_password(visitor: Visitor) -> Page:
    """Send the form for a new app password, which needs a proof of a few minutes ago."""
    return visitor.send(visitor.open("/me/tokens"), "/me/tokens", label="ci", scope=["account"])


def confirm(visitor: Visitor, page: Page) -> Page:
    """Follow the link of the page that asks who it is, to the provider and back."""
    [link] = [each for each in page.linked if each.startswith("/oidc/corp")]
    sent = visitor.ask("GET", link)
    return come_back(visitor, httpx.get(sent.headers["Location"]).headers["Location"])


def test_a_session_at_the_provider_signs_in_but_proves_nothing_anew(visitor: Visitor, provider: OpenIdProvider) -> None:
    provider.logged_in_at -= 3600
    sign_in(visitor)

    asked = new_app_password(visitor)
    back = confirm(visitor, asked)
    made = new_app_password(visitor)

    assert (asked.status, "confirm that it is you" in asked.text) == (403, True)
    assert (back.path, made.status) == ("/me/tokens", 200)
    with visitor.api.db.reading() as tx:
        rows = tx.connection.execute("SELECT after FROM journal WHERE event = 'session.began' ORDER BY at").fetchall()
    assert [json.loads(row[0])["with"] for row in rows] == ["a session at a provider", "a provider"]


@pytest.mark.parametrize(
    ("lie", "sentence"),
    [
        ({}, "did not ask you to log in again"),
        ({"auth_time": None}, "doesn't say when you logged in"),
        ({"auth_time": True}, "did not ask you to log in again"),
        ({"auth_time": "now"}, "did not ask you to log in again"),
    ],
    ids=str,
)
def test_a_provider_that_remembers_somebody_confirms_nothing(
    visitor: Visitor, provider: OpenIdProvider, lie: dict[str, Any], sentence: str
) -> None:
    provider.logged_in_at, provider.remembers, provider.lie = provider.logged_in_at - 3600, True, lie
    sign_in(visitor)

    refused = confirm(visitor, new_app_password(visitor))

    assert (refused.status, sentence in refused.text) == (403, True)
    assert new_app_password(visitor).status == 403


def test_what_the_browser_takes_out_of_the_address_is_missed(visitor: Visitor, provider: OpenIdProvider) -> None:
    provider.logged_in_at -= 3600
    sign_in(visitor)
    sent = visitor.ask("GET", "/oidc/corp?next=/me/tokens&again=1").headers["Location"]
    shorter = sent.replace("&prompt=login", "").replace("&max_age=60", "")

    refused = come_back(visitor, httpx.get(shorter).headers["Location"])

    assert shorter != sent and refused.status == 403


def test_somebody_elses_identity_confirms_nobody_and_signs_nobody_in(
    visitor: Visitor, provider: OpenIdProvider
) -> None:
    sign_in(visitor)
    provider.person = {"sub": "b-1", "email": "bob@example.com", "email_verified": True}

    sent = visitor.ask("GET", "/oidc/corp?next=/me&again=1").headers["Location"]
    refused = come_back(visitor, httpx.get(sent).headers["Location"])

    assert (refused.status, "is somebody else here" in refused.text) == (403, True)
    assert "Signed in as alice" in visitor.open("/me").text
    assert linked(visitor.api, "bob") == []


def test_a_provider_that_cannot_ask_again_is_not_asked_to(api: Api, provider: OpenIdProvider) -> None:
    provider.logged_in_at -= 3600

    with serving(api, provider, logs_in_again=False) as served, Visitor(served) as visitor:
        sign_in(visitor)
        made = new_app_password(visitor)
        sent = visitor.ask("GET", "/oidc/corp?again=1").headers["Location"]

    assert made.status == 200
    assert "prompt" not in sent and "max_age" not in sent


def test_one_network_begins_only_so_many_sign_ins(api: Api, provider: OpenIdProvider) -> None:
    with serving(api, provider, most=2) as served, Visitor(served) as visitor:
        begun = [visitor.ask("GET", "/oidc/corp").status_code for _ in range(3)]
        stopped = visitor.open("/oidc/corp")
        # Each response that comes back is a question to the provider, even with one and the same cookie.
        answers = [visitor.open(f"/oidc/corp/callback?code=guess-{n}&state=x").status for n in range(3)]
        done = visitor.send(stopped, "/sign-in", login="alice", password=cast.password("alice"))

    assert (begun, answers) == ([303, 303, 429], [403, 403, 429])
    assert int(stopped.answer.headers["Retry-After"]) > 0
    assert "too many sign-ins with a provider in an hour" in stopped.text
    assert done.path == "/me"


# -- a provider that doesn't do its part -----------------------------------------------------------


def goes_down(visitor: Visitor, provider: OpenIdProvider) -> Page:
    address = start(visitor)
    provider.is_down = True
    return come_back(visitor, address)


def is_down_from_the_start(visitor: Visitor, provider: OpenIdProvider) -> Page:
    provider.is_down = True
    return visitor.open("/oidc/corp")


def takes_too_long(visitor: Visitor, provider: OpenIdProvider) -> Page:
    address = start(visitor)
    now = visitor.api.clock()
    visitor.api.clock = lambda: now + timedelta(minutes=10)
    return come_back(visitor, address)


def says_no(visitor: Visitor, provider: OpenIdProvider) -> Page:
    query = parse_qs(urlsplit(visitor.ask("GET", "/oidc/corp").headers["Location"]).query)
    return visitor.open(f"/oidc/corp/callback?error=access_denied&state={query['state'][0]}&iss={provider.issuer}")


def is_another(visitor: Visitor, provider: OpenIdProvider) -> Page:
    address = start(visitor)
    return come_back(visitor, address.replace(quote(provider.issuer, safe=""), "https%3A%2F%2Flogin.evil.example"))


@pytest.mark.parametrize(
    ("happens", "status", "sentence"),
    [
        (is_down_from_the_start, 503, "Corp can't be asked now: try again in a moment"),
        (goes_down, 503, "Corp can't be asked now: try again in a moment"),
        (takes_too_long, 403, "this sign-in is over, or began in another browser: begin again"),
        (says_no, 403, "Corp did not sign you in: you cancelled it, or may not use it"),
        (is_another, 403, "what Corp says of you isn't valid: it is from another issuer"),
    ],
)
def test_without_passwords_each_failure_is_one_sentence_beside_the_providers(
    api: Api,
    provider: OpenIdProvider,
    happens: Callable[[Visitor, OpenIdProvider], Page],
    status: int,
    sentence: str,
) -> None:
    with serving(api, provider, passwords="off") as served, Visitor(served) as visitor:
        page = happens(visitor, provider)

    assert (page.status, page.text.count(f"That didn't work: {sentence}.")) == (status, 1)
    assert ("Sign in with Corp" in page.text, "password" in page.inputs) == (True, False)
    assert linked(api, "alice") == []
