"""The route matrix: every address, asked by everybody, with every kind of credential, about his own and other accounts.

A route that the table has no row for fails the tests.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

import cast
import consuming
from cast import Api, basic, password, token
from onebucket import hashing
from onebucket.actions import accounts, consumers, groups, invitations, privileges, repositories, tokens
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import oauth
from onebucket.domain.accounts import SCOPES, Account, Actor
from onebucket.domain.privileges import Level
from onebucket.domain.tokens import AppPassword
from onebucket.http import wiring
from onebucket.store import oauth_token_rows
from onebucket.store.connect import connect
from onebucket.surfaces.routing import Route, RouteMatch, Router

# mallory is in nothing; dora is in acme's developers, administers its repository website, and owns her personal
# account, where bob is in the group friends;
# bob is in acme's designers, too; alice administers acme, gina administers globex, root the whole site.
PEOPLE = ("mallory", "dora", "bob", "alice", "gina", "root")
ACCOUNTS = ("acme", "globex", "dora")
# What is sent where a list or an object is wanted.
BODIES = {"/api/access": b"[]", "/api/tokens": b'{"scopes": ["app-password"]}'}
# A group of each, to invite to.
GROUPS = {"acme": "designers", "globex": "developers", "dora": "friends"}

# How what acts for a person through a program comes to its end.
ENDS = ("revoked", "expired", "consumer revoked", "owner disabled")
FORMS_OF_PROGRAMS = (
    ("OAuth 2", oauth.TokenKind.ACCESS, hashing.ACCESS_PREFIX),
    ("OAuth 1", oauth.TokenKind.SIGNING, ""),
)

MATRIX = """
                                                 mallory  dora  bob  alice  gina  root
GET    /groups                                     200    200   200   200   200   200

GET    /groups/acme                                403    200   200   200   403   200
POST   /groups/acme                                403    403   403   200   403   200
GET    /groups/acme/designers                      403    403   200   200   403   200
PUT    /groups/acme/designers                      403    403   403   200   403   200
POST   /groups/acme/designers                      403    403   403   200   403   200
DELETE /groups/acme/designers                      403    403   403   204   403   204
GET    /groups/acme/designers/members              403    403   200   200   403   200
GET    /groups/acme/designers/members/bob          403    403   200   200   403   200
GET    /groups/acme/designers/members/alice        403    403   404   404   403   404
PUT    /groups/acme/designers/members/gina         403    403   403   200   403   200
PUT    /groups/acme/designers/members/mallory      403    403   403   200   403   200
DELETE /groups/acme/designers/members/bob          403    403   204   204   403   204
DELETE /groups/acme/designers/members/dora         403    404   403   404   403   404
DELETE /groups/acme/developers/members/dora        403    204   403   204   403   204
GET    /groups/acme/administrators                 403    403   403   200   403   200
PUT    /groups/acme/administrators/members/mallory 403    403   403   200   403   200
PUT    /groups/acme/administrators/members/bob     403    403   403   200   403   200
DELETE /groups/acme/administrators/members/alice   403    403   403   400   403   400
DELETE /groups/acme/administrators                 403    403   403   400   403   400

GET    /groups/globex                              403    403   403   403   200   200
POST   /groups/globex                              403    403   403   403   200   200
GET    /groups/globex/developers                   403    403   403   403   200   200
PUT    /groups/globex/developers                   403    403   403   403   200   200
POST   /groups/globex/developers                   403    403   403   403   200   200
DELETE /groups/globex/developers                   403    403   403   403   204   204
GET    /groups/globex/developers/members           403    403   403   403   200   200
GET    /groups/globex/developers/members/gina      403    403   403   403   200   200
PUT    /groups/globex/developers/members/bob       403    403   403   403   200   200
DELETE /groups/globex/developers/members/gina      403    403   403   403   204   204

GET    /groups/dora                                403    200   200   403   403   200
POST   /groups/dora                                403    200   403   403   403   200
GET    /groups/dora/friends                        403    200   200   403   403   200
PUT    /groups/dora/friends                        403    200   403   403   403   200
POST   /groups/dora/friends                        403    200   403   403   403   200
DELETE /groups/dora/friends                        403    204   403   403   403   204
GET    /groups/dora/friends/members                403    200   200   403   403   200
GET    /groups/dora/friends/members/bob            403    200   200   403   403   200
PUT    /groups/dora/friends/members/alice          403    200   403   403   403   200
DELETE /groups/dora/friends/members/bob            403    204   204   403   403   204

GET    /group-privileges/acme                      403    403   403   200   403   200
GET    /group-privileges/acme/rocket               404    404   403   200   404   200
GET    /group-privileges/acme/website              403    200   403   200   403   200
GET    /group-privileges/acme/acme/designers       403    403   403   200   403   200
DELETE /group-privileges/acme/acme/designers       403    403   403   204   403   204
GET    /group-privileges/acme/rocket/acme/designers    404 404  403   200   404   200
PUT    /group-privileges/acme/rocket/acme/designers    404 404  403   200   404   200
DELETE /group-privileges/acme/rocket/acme/designers    404 404  403   204   404   204
DELETE /group-privileges/acme/rocket/acme/developers   404 404  403   404   404   404
PUT    /group-privileges/acme/website/acme/designers   403 200  403   200   403   200
GET    /privileges/acme                            403    403   403   200   403   200
DELETE /privileges/acme                            403    403   403   204   403   204
GET    /privileges/acme/website                    403    200   403   200   403   200
DELETE /privileges/acme/website                    403    204   403   204   403   204
GET    /privileges/acme/website/dora               403    200   403   200   403   200
PUT    /privileges/acme/website/bob                403    200   403   200   403   200
PUT    /privileges/acme/rocket/dora                404    404   403   200   404   200
DELETE /privileges/acme/website/dora               403    204   403   204   403   204
GET    /users/acme/privileges                      403    403   403   200   403   200
GET    /users/acme/privileges/acme/administrators  403    403   403   200   403   200
PUT    /users/acme/privileges/acme/developers      403    403   403   200   403   200
POST   /users/acme/privileges/acme/developers  403    403   403   200   403   200
DELETE /users/acme/privileges/acme/administrators  403    403   403   400   403   400
GET    /api/access/acme/rocket?user=bob            404    404   200   200   404   200
GET    /api/access/acme/website?user=bob           403    200   200   200   403   200
GET    /api/access/acme/groups/designers/impact    403    403   403   200   403   200
GET    /api/access/acme/groups/designers/members/bob/impact  403 403 403  200 403 200

GET    /invitations/acme/rocket                    404    404   403   200   404   200
POST   /invitations/acme/rocket                    404    404   403   200   404   200
POST   /invitations/acme/website                   403    200   403   200   403   200
DELETE /invitations/acme/rocket                    404    404   403   404   404   404
POST   /invitations/acme/rocket/eve@example.net    404    404   403   200   404   200
POST   /invitations/acme/website/eve@example.net   403    200   403   200   403   200
DELETE /invitations/acme/rocket/eve@example.net    404    404   403   404   404   404
GET    /users/acme                                200    200   200   200   200   200
GET    /users/acme/invitations                     403    403   403   200   403   200
PUT    /users/acme/invitations                     403    403   403   200   403   200
POST   /users/acme/invitations                     403    403   403   200   403   200
DELETE /users/acme/invitations                     403    403   403   404   403   404
GET    /users/acme/invitations/carol@example.net   403    403   403   200   403   200
DELETE /users/acme/invitations/carol@example.net   403    403   403   204   403   204
GET    /users/acme/invitations/carol@example.net/acme/designers  403 403 403 200 403 200
PUT    /users/acme/invitations/eve@example.net/acme/designers    403 403 403 200 403 200
DELETE /users/acme/invitations/carol@example.net/acme/designers  403 403 403 204 403 204
GET    /api/invitations?account=acme               403    403   403   200   403   200
GET    /api/invitations                            403    403   403   403   403   200
POST   /api/invitations/{carols}/resend            404    404   404   200   404   200
DELETE /api/invitations/{carols}                   404    404   404   204   404   204

GET    /group-privileges/globex                    403    403   403   403   200   200
GET    /group-privileges/globex/satellite          404    404   404   404   200   200
GET    /group-privileges/globex/globex/developers  403    403   403   403   200   200
DELETE /group-privileges/globex/globex/developers  403    403   403   403   204   204
GET    /group-privileges/globex/satellite/globex/developers  404 404 404 404 200 200
PUT    /group-privileges/globex/satellite/globex/administrators  404 404 404 404 200 200
DELETE /group-privileges/globex/satellite/globex/developers  404 404 404 404 204 204
GET    /privileges/globex                          403    403   403   403   200   200
DELETE /privileges/globex                          403    403   403   403   204   204
GET    /privileges/globex/satellite                404    404   404   404   200   200
DELETE /privileges/globex/satellite                404    404   404   404   204   204
GET    /privileges/globex/satellite/bob            404    404   404   404   200   200
PUT    /privileges/globex/satellite/bob            404    404   404   404   200   200
DELETE /privileges/globex/satellite/bob            404    404   404   404   404   404
GET    /users/globex/privileges                    403    403   403   403   200   200
GET    /users/globex/privileges/globex/administrators  403 403  403   403   200   200
PUT    /users/globex/privileges/globex/developers  403    403   403   403   200   200
POST   /users/globex/privileges/globex/developers  403    403   403   403   200   200
DELETE /users/globex/privileges/globex/administrators  403 403  403   403   400   400
GET    /api/access/globex/satellite?user=bob       404    404   404   404   200   200
GET    /api/access/globex/groups/developers/impact 403    403   403   403   200   200
GET    /api/access/globex/groups/administrators/members/gina/impact 403 403 403 403 200 200

GET    /invitations/globex/satellite               404    404   404   404   200   200
POST   /invitations/globex/satellite               404    404   404   404   200   200
DELETE /invitations/globex/satellite               404    404   404   404   404   404
POST   /invitations/globex/satellite/eve@example.net    404 404 404   404   200   200
DELETE /invitations/globex/satellite/eve@example.net    404 404 404   404   404   404
GET    /users/globex                              200    200   200   200   200   200
GET    /users/globex/invitations                   403    403   403   403   200   200
PUT    /users/globex/invitations                   403    403   403   403   200   200
POST   /users/globex/invitations                   403    403   403   403   200   200
DELETE /users/globex/invitations                   403    403   403   403   404   404
GET    /users/globex/invitations/carol@example.net 403    403   403   403   404   404
DELETE /users/globex/invitations/carol@example.net 403    403   403   403   404   404
GET    /users/globex/invitations/eve@example.net/globex/developers     403 403 403 403 404 404
PUT    /users/globex/invitations/eve@example.net/globex/administrators 403 403 403 403 200 200
DELETE /users/globex/invitations/eve@example.net/globex/developers     403 403 403 403 404 404
GET    /api/invitations?account=globex             403    403   403   403   200   200

GET    /group-privileges/dora                      403    200   403   403   403   200
GET    /group-privileges/dora/notes                404    200   403   404   404   200
GET    /group-privileges/dora/dora/friends         403    200   403   403   403   200
DELETE /group-privileges/dora/dora/friends         403    204   403   403   403   204
GET    /group-privileges/dora/notes/dora/friends   404    200   403   404   404   200
PUT    /group-privileges/dora/notes/dora/friends   404    200   403   404   404   200
DELETE /group-privileges/dora/notes/dora/friends   404    204   403   404   404   204
GET    /privileges/dora                            403    200   403   403   403   200
DELETE /privileges/dora                            403    204   403   403   403   204
GET    /privileges/dora/notes                      404    200   403   404   404   200
DELETE /privileges/dora/notes                      404    204   403   404   404   204
GET    /privileges/dora/notes/alice                404    200   403   404   404   200
PUT    /privileges/dora/notes/alice                404    200   403   404   404   200
DELETE /privileges/dora/notes/alice                404    404   403   404   404   404
GET    /users/dora/privileges                      403    200   403   403   403   200
GET    /users/dora/privileges/dora/friends         403    404   403   403   403   404
PUT    /users/dora/privileges/dora/friends         403    200   403   403   403   200
POST   /users/dora/privileges/dora/friends  403    200   403   403   403   200
DELETE /users/dora/privileges/dora/friends         403    404   403   403   403   404
GET    /api/access/dora/notes?user=bob             404    200   200   404   404   200
GET    /api/access/dora/groups/friends/impact      403    200   403   403   403   200
GET    /api/access/dora/groups/friends/members/bob/impact 403 200 403 403 403 200

GET    /invitations/dora/notes                     404    200   403   404   404   200
POST   /invitations/dora/notes                     404    200   403   404   404   200
DELETE /invitations/dora/notes                     404    404   403   404   404   404
POST   /invitations/dora/notes/eve@example.net     404    200   403   404   404   200
DELETE /invitations/dora/notes/eve@example.net     404    404   403   404   404   404
GET    /users/dora                                200    200   200   200   200   200
GET    /users/dora/invitations                     403    200   403   403   403   200
PUT    /users/dora/invitations                     403    200   403   403   403   200
POST   /users/dora/invitations                     403    200   403   403   403   200
DELETE /users/dora/invitations                     403    404   403   403   403   404
GET    /users/dora/invitations/carol@example.net   403    404   403   403   403   404
DELETE /users/dora/invitations/carol@example.net   403    404   403   403   403   404
GET    /users/dora/invitations/eve@example.net/dora/friends   403 404 403 403 403 404
PUT    /users/dora/invitations/eve@example.net/dora/friends   403 200 403 403 403 200
DELETE /users/dora/invitations/eve@example.net/dora/friends   403 404 403 403 403 404
GET    /api/invitations?account=dora               403    200   403   403   403   200
GET    /api/journal                                403    403   403   403   403   200
GET    /api/journal?account=acme                   403    403   403   200   403   200
GET    /api/journal?account=globex                 403    403   403   403   200   200
GET    /api/journal?account=dora                   403    200   403   403   403   200
GET    /api/journal?account=nobody                 404    404   404   404   404   404

GET    /api/tokens                                 200    200   200   200   200   200
POST   /api/tokens                                 200    200   200   200   200   200
DELETE /api/tokens/{alices}                        404    404   404   204   404   404
POST   /api/access                                 200    200   200   200   200   200
GET    /api/access/verify                          403    403   403   403   403   403

GET    /groups/acme/nothing                        404    404   404   404   404   404
PUT    /groups/acme/nothing/members/bob            404    404   404   404   404   404
GET    /groups/nobody                              404    404   404   404   404   404
POST   /groups/nobody                              404    404   404   404   404   404
DELETE /groups/globex/designers                    404    404   404   404   404   404
PATCH  /groups/acme                                405    405   405   405   405   405
GET    /group                                      404    404   404   404   404   404
GET    /repositories/acme                          410    410   410   410   410   410
GET    /user                                       200    200   200   200   200   200
DELETE /user                                       410    410   410   410   410   410
"""

_TABLE = Router(wiring.SURFACES)


@dataclass(frozen=True)
class Row:
    """One line of the matrix: who gets which status for that method of that address."""

    method: str
    address: str
    statuses: dict[str, int]

    @property
    def found(self) -> RouteMatch:
        path = self.address.partition("?")[0]
        segments = (path if path.startswith("/api/") else f"/1.0{path}").split("/")[1:]
        base = _TABLE.find_base(segments)
        assert base is not None
        return _TABLE.find(base, segments[len(base) :])

    @property
    def route(self) -> Route | None:
        return self.found.methods.get(self.method)

    @property
    def account(self) -> str:
        return self.found.path_parameters.get("accountname", "")

    @property
    def changes(self) -> bool:
        """Whether it changes something when it is granted."""
        return self.method != "GET" and not (self.route and self.route.only_reads)

    @property
    def body(self) -> bytes:
        if self.route is None or self.method == "GET":
            return b""
        if self.route.word:
            return b"read"
        return (
            BODIES[self.address]
            if self.route.json is not None
            else (
                f"name=Crew&privileges=admin&email=eve@example.net&permission=write&group_slug={GROUPS.get(self.account)}"
            ).encode()
        )


def _rows() -> Iterator[Row]:
    heading, *lines = (line.split() for line in MATRIX.splitlines() if line)
    assert tuple(heading) == PEOPLE
    for method, address, *statuses in filter(None, lines):
        yield Row(method, address, dict(zip(PEOPLE, map(int, statuses), strict=True)))


ROWS = tuple(_rows())


def test_every_route_has_a_row_for_every_kind_of_account() -> None:
    served = [route for surface in wiring.SURFACES for route in surface.routes]

    shown = {f"{row.route.method} {row.route.path} of {row.account}" for row in ROWS if row.route}

    wanted = [
        f"{route.method} {route.path} of {account}"
        for route in served
        for account in (ACCOUNTS if "{accountname}" in route.path else ("",))
    ]
    missing = [each for each in wanted if each not in shown]
    assert not missing, f"MATRIX in {Path(__file__).name} has no row for {'; '.join(missing)}"


@pytest.fixture(scope="module")
def stage(cast_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cast, with groups in a personal account and in another team, and tokens for one scope or revoked."""
    folder = tmp_path_factory.mktemp("stage")
    db = cast.copy(cast_template, folder)
    with db.writing() as tx:
        _set(cast.operator(tx))
    db.close()
    return folder / "onebucket.db"


def _set(work: UnitOfWork) -> None:
    groups.create(work, "dora", name="Friends")
    groups.add_member(work, "dora", "friends", "bob")
    groups.add_member(work, "globex", "developers", "gina")
    repositories.add(work, "dora", "notes")
    privileges.set_for_group(work, "dora", "notes", "friends", Level.WRITE)
    for account, slug in (("dora", "notes"), ("globex", "satellite")):
        privileges.grant_direct(work, account, slug, "ghost", Level.READ)
    for name in PEOPLE:
        for scopes in [frozenset[str](), *(frozenset({scope}) for scope in SCOPES)]:
            hash = hashing.secret_hash(token(name, "".join(scopes) or "nothing"))
            tokens.add(work, name, secret_hash=hash, scopes=scopes, label="for one thing")
        hash = hashing.secret_hash(token(name, "revoked"))
        ended = tokens.add(work, name, secret_hash=hash, scopes=cast.ALL_SCOPES, label="revoked")
        tokens.revoke(work, ended.id)
    _, program = consumers.add(work, "globex", key=PROGRAM.key, label="A program", scopes=cast.ALL_SCOPES)
    for name in (*PEOPLE, "ghost"):
        consumers.add(work, name, key=own(name).key, label="His own", scopes=cast.ALL_SCOPES)
        _consent(work, program, name)
    [root] = [each.account for each in accounts.list_people(work) if each.account.username == "root"]
    for end in ("revoked", "expired"):
        _set_app_passwords_made_with_one(work, root, end)
    for end in ENDS:
        _set_app_passwords_made_by_programs(work, root, end)


def _set_app_passwords_made_with_one(work: UnitOfWork, root: Account, end: str) -> None:
    """Let root make an app password with another one, and one more with that; then end the first."""
    hash = hashing.secret_hash(token("root", f"first, {end}"))
    first = tokens.add(work, "root", secret_hash=hash, scopes=cast.ALL_SCOPES)
    second = _made_with(work, root, first.credential, f"an app password, {end}")
    _made_with(work, root, second.credential, f"an app password made with one, {end}")
    if end == "expired":
        work.tx.connection.execute(f"UPDATE tokens SET expires_at = 1 WHERE id = '{first.id}'")
    else:
        tokens.revoke(work, first.id)


def _set_app_passwords_made_by_programs(work: UnitOfWork, root: Account, end: str) -> None:
    """Let a program make app passwords for root, in every form in which it acts for them; then end that."""
    owner = "ghost" if end == "owner disabled" else "alice"
    _, program = consumers.add(
        work, owner, key=f"key-until-{end}", label="A program", scopes=cast.ALL_SCOPES, acts_as="root"
    )
    for form, kind, prefix in FORMS_OF_PROGRAMS:
        until = work.at - timedelta(days=1) if end == "expired" else None
        ids = (work.new_id(), kind, work.new_id(), program.account_id, program.id)
        given = oauth.OAuthToken(root.id, *ids, cast.ALL_SCOPES, work.at, until)
        oauth_token_rows.add(work.tx, given, secret_hash=hashing.secret_hash(prefix + token("root", f"{form}, {end}")))
        _made_with(work, root, given.credential, f"{form}, {end}")
        if end == "revoked":
            oauth_token_rows.revoke(work.tx, given)
    _made_with(work, root, program.credential, f"OAuth 1 with two legs, {end}")
    if end == "consumer revoked":
        consumers.revoke(work, program.key)


def _made_with(work: UnitOfWork, person: Account, credential: str, how: str) -> AppPassword:
    """Let somebody make an app password with a credential of theirs."""
    hash = hashing.secret_hash(token(person.username, f"made with {how}"))
    with work.on_behalf(Actor(person, credential, cast.ALL_SCOPES)):
        return tokens.add(work, person.username, secret_hash=hash, scopes=cast.ALL_SCOPES)


def _consent(work: UnitOfWork, program: oauth.Consumer, name: str) -> None:
    """Let the program have OAuth 2 and OAuth 1 tokens of somebody: for everything, for each scope, and ended ones."""
    [person] = [each.account for each in accounts.list_people(work) if each.account.username == name]
    kinds = {"nothing": frozenset[str](), **{scope: frozenset({scope}) for scope in SCOPES}}
    for kind, scopes in (kinds | dict.fromkeys(("all", "expired", "revoked"), cast.ALL_SCOPES)).items():
        for form, prefix in ((oauth.TokenKind.ACCESS, hashing.ACCESS_PREFIX), (oauth.TokenKind.SIGNING, "")):
            until = work.at + timedelta(days=-1 if kind == "expired" else 1)
            ids = (work.new_id(), form, work.new_id(), program.account_id, program.id)
            given = oauth.OAuthToken(person.id, *ids, scopes, work.at, until)
            oauth_token_rows.add(work.tx, given, secret_hash=hashing.secret_hash(prefix + token(name, kind)))
            if kind == "revoked":
                oauth_token_rows.revoke(work.tx, given)


@pytest.fixture
def api(stage: Path, tmp_path: Path) -> Iterator[Api]:
    served = Api(cast.copy(stage, tmp_path))
    yield served
    served.close()


@dataclass(frozen=True)
class Signed:
    """An Authorization header that is made for each request."""

    consumer: consuming.Consumer
    token: tuple[str, str] = ("", "")

    def header(self, method: str, address: str) -> str:
        _, headers, _ = consuming.sign(self.consumer, address, method, token=self.token)
        return headers["Authorization"]


def derived(key: str) -> consuming.Consumer:
    return consuming.Consumer(key, hashing.derived_secret(cast.KEY, "consumer", key))


def own(who: str) -> consuming.Consumer:
    """Everybody's own consumer."""
    return derived(f"key-of-{who}")


PROGRAM = derived("key-of-a-program")


def signed(secret: str, program: consuming.Consumer = PROGRAM) -> Signed:
    """What a program signs with somebody's OAuth 1 token."""
    return Signed(program, (secret, hashing.derived_secret(cast.KEY, "token", secret)))


def headers(authorization: str | Signed | None, method: str, address: str) -> dict[str, str]:
    if authorization is None:
        return {}
    made = authorization if isinstance(authorization, str) else authorization.header(method, address)
    return {"Authorization": made}


def outcomes(api: Api, stage: Path, authorization: str | Signed | None) -> dict[str, int | str]:
    """What comes of every row; where a refusal changed something, or a change was not told, that is what comes.

    What a GET would have changed, which is nothing, shows at the next row that is no GET.
    """
    before = api.everything()
    [carols] = [each.id for _, each in api.operate(lambda work: invitations.found(work, account_name="acme"))]
    alices = api.operate(lambda work: tokens.of_person(work, "alice"))[-1].id
    came: dict[str, int | str] = {}
    for row in ROWS:
        address = row.address.replace("{carols}", carols).replace("{alices}", alices)
        address = address if address.startswith("/api/") else f"/1.0{address}"
        shown = headers(authorization, row.method, address)
        status = api(None, row.method, address, headers=shown, content=row.body).status_code
        came[f"{row.method} {row.address}"] = status
        if row.method == "GET":
            continue
        changes = row.changes and status < 300
        if (api.everything() != before) != changes or bool(api.journal()) != changes:
            came[f"{row.method} {row.address}"] = f"{status}, and the database tells otherwise"
        if changes:
            api.restore(stage)
    return came


def expected(who: str, scope: str | None = None) -> dict[str, int | str]:
    """What the matrix says of somebody, with a credential that is good for everything, or made for one scope."""

    def status(row: Row) -> int:
        good = scope is None or row.route is None or scope in GOOD_FOR[row.route.scope]
        return row.statuses[who] if good else 403

    return {f"{row.method} {row.address}": status(row) for row in ROWS}


CREDENTIALS: dict[str, Callable[[str], str | Signed]] = {
    "password by username": lambda who: basic(who, password(who)),
    "password by e-mail": lambda who: basic(f"{who}@example.com", password(who)),
    "app password by username": lambda who: basic(who, token(who)),
    "app password by e-mail": lambda who: basic(f"{who}@example.com", token(who)),
    "app password as Bearer": lambda who: f"Bearer {token(who)}",
    "OAuth 2": lambda who: f"Bearer {hashing.ACCESS_PREFIX}{token(who)}",
    "OAuth 1, two legs": lambda who: Signed(own(who)),
    "OAuth 1, three legs": lambda who: signed(token(who)),
}


@pytest.mark.parametrize("credential", CREDENTIALS)
@pytest.mark.parametrize("who", PEOPLE)
def test_everybody_may_do_what_the_matrix_says_whatever_he_signs_in_with(
    api: Api, stage: Path, who: str, credential: str
) -> None:
    came = outcomes(api, stage, CREDENTIALS[credential](who))

    assert came == expected(who)


FORMS: dict[str, Callable[[str, str], str | Signed]] = {
    "Basic by username": lambda who, secret: basic(who, secret),
    "Basic by e-mail": lambda who, secret: basic(f"{who}@example.com", secret),
    "Bearer": lambda who, secret: f"Bearer {secret}",
    "OAuth 2": lambda who, secret: f"Bearer {hashing.ACCESS_PREFIX}{secret}",
    "OAuth 1": lambda who, secret: signed(secret),
}
GOOD_FOR = {
    "account": ("account", "account:write", "team", "team:write"),
    "account:write": ("account:write", "team:write"),
    "repository": ("repository", "repository:write", "repository:admin"),
    "repository:admin": ("repository:admin",),
    "app-password": ("app-password", "app-password:write"),
    "app-password:write": ("app-password:write",),
    "journal": ("journal",),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("who", "scope"), [("bob", "account:write"), ("root", "nothing"), *(("root", each) for each in SCOPES)]
)
def test_a_token_is_good_for_its_scope_only_and_gives_no_right_of_its_own(
    api: Api, stage: Path, who: str, scope: str, form: str
) -> None:
    came = outcomes(api, stage, FORMS[form](who, token(who, scope)))

    assert came == expected(who, scope)


# What it was made with and how that ended: whatever a credential made ends with it.
MADE_WITH = (
    *(f"an app password{made}, {end}" for made in ("", " made with one") for end in ("revoked", "expired")),
    *(f"{form}, {end}" for form, _, _ in FORMS_OF_PROGRAMS for end in ENDS),
    *(f"OAuth 1 with two legs, {end}" for end in ("consumer revoked", "owner disabled")),
)

NOBODY: dict[str, str | Signed | None] = {
    "nobody": None,
    "a wrong password": basic("root", "wrong"),
    "a wrong password by e-mail": basic("root@example.com", "wrong"),
    "another's password": basic("root", password("mallory")),
    "another's app password": basic("root", token("mallory")),
    "an app password under another's name": basic("mallory", token("root")),
    "a password as Bearer": f"Bearer {password('root')}",
    "no password": basic("root", ""),
    **{f"a revoked app password, {form}": of("root", token("root", "revoked")) for form, of in FORMS.items()},
    **{f"an expired app password, {form}": of("root", token("root", "expired")) for form, of in FORMS.items()},
    **{f"somebody disabled, {form}": of("ghost", token("ghost")) for form, of in FORMS.items()},
    "somebody disabled, password": basic("ghost", password("ghost")),
    "somebody disabled, password by e-mail": basic("ghost@example.com", password("ghost")),
    "somebody disabled, OAuth 1 with two legs": Signed(own("ghost")),
    "a consumer for nobody": Signed(PROGRAM),
    "a consumer with another's secret": Signed(consuming.Consumer(own("root").key, own("mallory").secret)),
    "another consumer's OAuth 1 token": Signed(own("root"), signed(token("root")).token),
    **{f"what was made with {how}": basic("root", token("root", f"made with {how}")) for how in MADE_WITH},
    "OAuth 2 of a consumer whose owner is disabled": (
        f"Bearer {hashing.ACCESS_PREFIX}{token('root', 'OAuth 2, owner disabled')}"
    ),
    "OAuth 1 of a consumer whose owner is disabled": signed(
        token("root", "OAuth 1, owner disabled"), derived("key-until-owner disabled")
    ),
    "OAuth 1 with two legs of a consumer whose owner is disabled": Signed(derived("key-until-owner disabled")),
}


@pytest.mark.parametrize("credential", NOBODY)
def test_whoever_proves_nothing_gets_401_everywhere(api: Api, stage: Path, credential: str) -> None:
    came = outcomes(api, stage, NOBODY[credential])

    assert came == dict.fromkeys(expected("root"), 401)


def test_the_credentials_that_are_refused_would_be_good_if_they_were_not_ended(api: Api, stage: Path) -> None:
    with connect(api.db.url).writing() as tx:
        tx.connection.execute("UPDATE tokens SET expires_at = NULL")
        tx.connection.execute("UPDATE issued SET expires_at = NULL")
        tx.connection.execute("UPDATE accounts SET is_active = TRUE")

    ended = [name for name, header in NOBODY.items() if header and ("expired" in name or "disabled" in name)]

    shown = [headers(NOBODY[name], "GET", "/1.0/groups") for name in ended]
    answers = [api(None, "GET", "/groups", headers=each) for each in shown]

    assert [answer.status_code for answer in answers] == [200] * 23
