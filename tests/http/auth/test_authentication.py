"""Who is asking: what counts as a credential, for how long that is remembered, and what ends it at once."""

import asyncio
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher, extract_parameters

import cast
from cast import Api, basic, password, token
from onebucket import hashing
from onebucket.actions import accounts, tokens
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Actor, check_username
from onebucket.domain.refusals import Invalid, Unauthenticated
from onebucket.http import wiring
from onebucket.http.auth import authentication as authn
from onebucket.http.auth.authentication import Authentication, VerifiedCredential
from onebucket.store.engine.transaction import Transaction

BASIC = 'Basic realm="Bitbucket.org HTTP"'
BEARER = 'Bearer error="invalid_token"'


def encoded(text: bytes) -> bytes:
    return b64encode(text)


ALICE = encoded(f"alice:{token('alice')}".encode())
DORA = encoded("dora:pä:ss wörd".encode())


@pytest.mark.parametrize(
    "header",
    [b"Basic " + ALICE, b"basic " + ALICE, b"BASIC   " + ALICE, b"  Basic " + ALICE + b"  ",
     b"Basic " + ALICE + b'"', b"Basic " + ALICE + b'""', b"Basic " + DORA,
     b"Basic " + encoded(f"ALICE@Example.Com:{token('alice')}".encode()), b"Basic " + encoded(b"aLiCe:alice is here"),
     b"Bearer " + token("alice").encode(), b"bearer   " + token("alice").encode() + b" "],
)  # fmt: skip
def test_a_credential_counts_however_its_header_is_spelled(api: Api, header: bytes) -> None:
    api.operate(lambda work: accounts.set_password(work, "dora", cast.cheap_hash("pä:ss wörd")))

    assert api.raw("GET", b"/1.0/groups", ("Authorization", header)).status_code == 200


@pytest.mark.parametrize(
    ("header", "challenges"),
    [
        (None, [BASIC]),
        (b"", [BASIC]),
        (b"Basic", [BASIC]),
        (b"Basic ", [BASIC]),
        (b"Basic !!!!", [BASIC]),
        (b"Basic " + ALICE[:-3], [BASIC]),
        (b'Basic "' + ALICE, [BASIC]),
        (ALICE, [BASIC]),
        (b"Digest " + ALICE, [BASIC]),
        (b"Token " + token("alice").encode(), [BASIC]),
        (b"Basic " + encoded(b"alice"), [BASIC]),
        (b"Basic " + encoded(b"alice:"), [BASIC]),
        (b"Basic " + encoded(b":" + token("alice").encode()), [BASIC]),
        (b"Basic " + encoded(b":"), [BASIC]),
        (b"Basic " + encoded("dora:pä:ss wörd".encode("latin-1")), [BASIC]),
        (b"Basic " + encoded(b"alice\x00:" + token("alice").encode()), [BASIC]),
        (b"Basic " + encoded(b"alice :" + token("alice").encode()), [BASIC]),
        (b"Basic " + encoded(b"alice:" + token("alice").encode() + b"\n"), [BASIC]),
        (b"Basic \xff\xfe", [BASIC]),
        (b"Basic " + ALICE + b", Basic " + ALICE, [BASIC]),
        (b"Bearer", [BASIC, BEARER]),
        (b"Bearer nonsense", [BASIC, BEARER]),
        (b"Bearer \xff\xfe", [BASIC, BEARER]),
        (b"Bearer " + token("alice", "expired").encode(), [BASIC, BEARER]),
        (b"Bearer " + ALICE, [BASIC, BEARER]),
    ],
)
def test_anything_else_is_challenged(api: Api, header: bytes | None, challenges: list[str]) -> None:
    api.operate(lambda work: accounts.set_password(work, "dora", cast.cheap_hash("pä:ss wörd")))

    answer = api.raw("GET", b"/1.0/groups", *([("Authorization", header)] if header is not None else []))

    assert (answer.status_code, answer.text) == (401, "Unauthorized")
    assert answer.headers.get_list("www-authenticate") == challenges


def test_two_credentials_are_none_whichever_comes_first(api: Api) -> None:
    alice, mallory = (("Authorization", basic(name, token(name)).encode()) for name in ("alice", "mallory"))

    answers = [api.raw("GET", b"/1.0/groups", *order) for order in ((alice, mallory), (mallory, alice), (alice, alice))]

    assert [answer.status_code for answer in answers] == [401, 401, 401]


def test_the_realm_is_a_setting(cast_template: Path, tmp_path: Path) -> None:
    api = Api(cast.copy(cast_template, tmp_path), realm="Ours")

    assert api(None, "GET", "/groups").headers["www-authenticate"] == 'Basic realm="Ours"'
    api.close()


# --- nobody can tell who exists


def test_nobody_hears_whether_it_is_the_name_or_the_password_that_is_wrong(api: Api) -> None:
    api.operate(lambda work: accounts.add_user(work, "passwordless", email=None))
    wrong = [
        (name, "wrong") for name in ("alice", "alice@example.com", "nobody", "nobody@x.org", "acme", "passwordless")
    ]
    wrong += [("ghost", "wrong"), ("ghost", password("ghost"))]
    checked = api.server.services.authentication.passwords_checked

    answers = [api(login, "GET", "/groups") for login in wrong]
    # Which differs for everybody.
    named = {answer.headers.pop("x-request-id") for answer in answers}

    assert {(answer.status_code, answer.text, str(answer.headers)) for answer in answers} == {
        (401, "Unauthorized", str(answers[0].headers))
    }
    assert api.server.services.authentication.passwords_checked - checked == len(wrong) == len(named)


@pytest.mark.usefixtures("real_argon2id")
def test_what_nobodys_password_is_compared_with_costs_what_a_real_one_does() -> None:
    nobodys, real = (extract_parameters(hash) for hash in (authn.DUMMY_HASH, hashing.password_hash("x")))

    assert (nobodys.memory_cost, nobodys.time_cost, nobodys.parallelism, nobodys.hash_len, nobodys.type) == (
        real.memory_cost, real.time_cost, real.parallelism, real.hash_len, real.type
    )  # fmt: skip
    with pytest.raises(Exception, match="does not match"):
        PasswordHasher().verify(authn.DUMMY_HASH, "x")


# --- what is remembered


@pytest.fixture
def clock() -> list[float]:
    return [1000.0]


@pytest.fixture
def authentication(cast_template: Path, tmp_path: Path, clock: list[float]) -> Iterator[Authentication]:
    db = cast.copy(cast_template, tmp_path)
    made = Authentication(db, lambda: clock[0])
    yield made
    made.close()
    db.close()


def test_a_password_that_was_proved_is_not_checked_again_for_a_minute(
    authentication: Authentication, clock: list[float]
) -> None:
    header = basic("alice", password("alice")).encode()
    checked = []

    for moment in (1000.0, 1000.0, 1059.9, 1060.0, 1119.9, 1120.0):
        clock[0] = moment
        asyncio.run(authentication.authenticate(header))
        checked.append(authentication.passwords_checked)

    assert checked == [1, 1, 1, 2, 2, 3]


def test_a_password_that_was_wrong_is_checked_every_time(authentication: Authentication) -> None:
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            asyncio.run(authentication.authenticate(basic("alice", "wrong").encode()))

    assert authentication.passwords_checked == 3


def test_no_more_than_ten_thousand_credentials_are_remembered(authentication: Authentication) -> None:
    proof, _ = asyncio.run(authentication.authenticate(f"Bearer {token('alice')}".encode()))

    for number in range(authn.CACHE_SIZE + 100):
        authentication.verified[number.to_bytes(16, "big")] = 0.0, proof

    assert len(authentication.verified) == authn.CACHE_SIZE


def test_what_is_remembered_names_no_password(authentication: Authentication) -> None:
    asyncio.run(authentication.authenticate(basic("alice", password("alice")).encode()))

    assert password("alice") not in repr(authentication.verified)


# --- what ends it at once

Ending = Callable[[UnitOfWork], object]


def sql(statement: str) -> Ending:
    return lambda work: work.tx.connection.execute(statement)


def _revoke(work: UnitOfWork) -> None:
    for each in tokens.of_person(work, "dora"):
        tokens.revoke(work, each.id)


def _renew(work: UnitOfWork) -> None:
    _revoke(work)
    hash = hashing.secret_hash(token("dora"))
    tokens.add(work, "dora", secret_hash=hash, scopes=cast.ALL_SCOPES)


BY_NAME = basic("dora", password("dora"))
BY_EMAIL = basic("dora@example.com", password("dora"))
TOKENS = {
    "app password": basic("dora", token("dora")),
    "app password by e-mail": basic("dora@example.com", token("dora")),
    "Bearer": f"Bearer {token('dora')}",
}
ENDINGS: dict[str, tuple[Ending, list[str]]] = {
    "disabled": (lambda work: accounts.set_active(work, "dora", False), [BY_NAME, BY_EMAIL, *TOKENS.values()]),
    "another password": (lambda work: accounts.set_password(work, "dora", cast.cheap_hash("x")), [BY_NAME, BY_EMAIL]),
    "the same password hashed anew": (
        lambda work: accounts.set_password(work, "dora", PasswordHasher(1, 8, 1).hash(password("dora"))), []
    ),
    "another address": (
        lambda work: accounts.set_email(work, "dora", "d@example.org"), [BY_EMAIL, TOKENS["app password by e-mail"]]
    ),
    "an address in doubt": (
        sql("UPDATE emails SET validated_at = NULL"), [BY_EMAIL, TOKENS["app password by e-mail"]]
    ),
    "another name": (
        sql("UPDATE accounts SET username = 'd', username_key = 'd' WHERE username = 'dora'"),
        [BY_NAME, TOKENS["app password"]],
    ),
    "revoked": (_revoke, list(TOKENS.values())),
    "expired": (sql("UPDATE tokens SET expires_at = created_at"), list(TOKENS.values())),
    "revoked and given again": (_renew, []),
    "nothing": (lambda work: None, []),
}  # fmt: skip


def outlived(api: Api, ending: Ending, *, elsewhere: bool) -> dict[str, int]:
    """What each credential of dora's, used and remembered, gets after `ending`."""
    headers = {credential: {"Authorization": credential} for credential in (BY_NAME, BY_EMAIL, *TOKENS.values())}
    for credential in headers:
        before = [api(None, "GET", "/groups", headers=headers[credential]).status_code for _ in range(2)]
        assert before == [200, 200]

    api.operate(ending, elsewhere=elsewhere)

    return {credential: api(None, "GET", "/groups", headers=headers[credential]).status_code for credential in headers}


@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize("name", ENDINGS)
def test_what_ends_a_credential_ends_it_for_the_very_next_request(api: Api, name: str, elsewhere: bool) -> None:
    ending, ended = ENDINGS[name]

    after = outlived(api, ending, elsewhere=elsewhere)

    assert after == {credential: 401 if credential in ended else 200 for credential in after}


class Trusting(Authentication):
    """What must not be: who somebody was is remembered, too."""

    def actor(self, tx: Transaction, proof: VerifiedCredential, at: datetime) -> Actor:
        if not hasattr(self, "trusted"):
            self.trusted: dict[VerifiedCredential, Actor] = {}
        return (
            self.trusted.setdefault(proof, super().actor(tx, proof, at))
            if proof not in self.trusted
            else self.trusted[proof]
        )


@pytest.mark.parametrize("name", [name for name, (_, ended) in ENDINGS.items() if ended])
def test_the_test_above_would_notice_if_requests_were_not_checked_one_by_one(
    cast_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(wiring, "Authentication", Trusting)
    ending, ended = ENDINGS[name]

    with closing(Api(cast.copy(cast_template, tmp_path))) as api:
        after = outlived(api, ending, elsewhere=True)

    assert {after[credential] for credential in ended} == {200}


def test_an_app_password_ends_at_its_moment_though_nothing_was_changed(api: Api) -> None:
    now = datetime.now(UTC)
    api.operate(sql(f"UPDATE tokens SET expires_at = {int((now + timedelta(hours=1)).timestamp() * 1e6)}"))

    came = []
    for minutes in (0, 59, 61):
        api.clock = lambda at=now + timedelta(minutes=minutes): at
        came.append(api("dora", "GET", "/groups").status_code)

    assert came == [200, 200, 401]


@pytest.mark.parametrize("elsewhere", [False, True])
def test_rights_and_scopes_that_are_taken_are_gone_for_the_very_next_request(api: Api, elsewhere: bool) -> None:
    def ask(who: str) -> int:
        return api(who, "POST", "/groups/acme", data={"name": "Crew"}).status_code

    assert (ask("root"), api("alice", "DELETE", "/groups/acme/crew").status_code, ask("alice")) == (200, 204, 200)
    api("alice", "DELETE", "/groups/acme/crew")

    api.operate(lambda work: accounts.change_user(work, "dora", site_admin=True), elsewhere=elsewhere)
    api.operate(lambda work: accounts.change_user(work, "root", site_admin=False), elsewhere=elsewhere)
    api.operate(sql("UPDATE tokens SET scopes = 'account'"), elsewhere=elsewhere)

    assert api(("root", password("root")), "GET", "/groups/acme").status_code == 403
    assert (ask("alice"), api("alice", "GET", "/groups/acme").status_code) == (403, 200)


@pytest.mark.parametrize("name", ["x-token-auth", "x-bitbucket-api-token-auth", "X-Token-Auth"])
def test_with_the_names_that_git_uses_for_tokens_the_token_alone_says_who_it_is(api: Api, name: str) -> None:
    original = {"X-Original-URI": "/acme/website.git/git-upload-pack", "X-Original-Method": "POST"}

    came = api((name, token("bob")), "GET", "/groups/acme")
    gate = api((name, token("bob")), "GET", "/api/access/verify", headers=original)
    password_came = api((name, password("bob")), "GET", "/groups/acme")

    assert (came.status_code, gate.status_code, gate.headers["x-onebucket-user"]) == (200, 200, "bob")
    assert password_came.status_code == 401
    with pytest.raises(Invalid):
        check_username(name)


@pytest.mark.parametrize(
    "login", ["x-token-auth", "x-bitbucket-api-token-auth", "X-BitBucket-API-Token-Auth", "bob@example.com", "bob"]
)
def test_a_token_with_the_scopes_of_api_tokens_goes_with_static_names_and_the_address(api: Api, login: str) -> None:
    scopes = {"read:user:bitbucket", "read:repository:bitbucket", "write:repository:bitbucket"}
    api.add_token("bob", "api token", scopes)
    secret = token("bob", "api token")

    def gate(repository: str, name: str) -> tuple[int, str | None]:
        original = {"X-Original-URI": f"/{repository}.git/git-{name}", "X-Original-Method": "POST"}
        answer = api((login, secret), "GET", "/api/access/verify", headers=original)
        return answer.status_code, answer.headers.get("x-onebucket-user")

    user = api((login, secret), "GET", "/2.0/user")
    repository = api((login, secret), "GET", "/2.0/repositories/acme/rocket")

    assert (user.status_code, user.json()["username"], repository.status_code) == (200, "bob", 200)
    assert gate("acme/rocket", "upload-pack") == gate("acme/rocket", "receive-pack") == (200, "bob")
    assert gate("globex/satellite", "upload-pack") == (403, None)


@pytest.mark.parametrize("path", ["/2.0/user", "/api/access/verify"])
def test_a_token_with_the_address_of_somebody_else_is_refused(api: Api, path: str) -> None:
    original = {"X-Original-URI": "/acme/rocket.git/git-upload-pack", "X-Original-Method": "POST"}

    answers = [
        api((login, token("bob")), "GET", path, headers=original).status_code
        for login in (
            "alice@example.com",
            "alice",
            "bob@example.net",
            "x-token",
            "x-bitbucket-api-token-auth@example.com",
        )
    ]

    assert answers == [401] * 5
