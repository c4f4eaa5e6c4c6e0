"""The fixed cast: alice administers acme, bob is a member, carol is invited, mallory never gets in."""

import asyncio
import shutil
import time
from base64 import b64encode
from collections.abc import Callable, Coroutine, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote
from uuid import uuid4

import httpx
from argon2 import PasswordHasher

import published
from onebucket import hashing
from onebucket.actions import accounts, groups, invitations, journal, privileges, repositories, teams, tokens
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import OPERATOR
from onebucket.domain.mirror_settings import MirrorDefinition
from onebucket.domain.privileges import Level
from onebucket.domain.sign_in_providers import SignInProvider
from onebucket.domain.site_limits import DEFAULT_LIMITS, SiteLimits
from onebucket.domain.tokens import AppPassword
from onebucket.http import wiring
from onebucket.http.execution.write_queue import NOTHING
from onebucket.http.limits.counters import RateLimitStore
from onebucket.http.options import ServerOptions
from onebucket.store import schema
from onebucket.store.connect import connect
from onebucket.store.engine.database import Database
from onebucket.store.engine.transaction import Transaction
from onebucket.surfaces.core.surface import Surface

_Result = TypeVar("_Result")

# Cheap on purpose: these tests aren't about the cost of argon2id.
CHEAP_ARGON2ID = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)

PEOPLE = ("alice", "bob", "dora", "mallory", "gina", "root", "ghost")
ALL_SCOPES = frozenset({"account:write", "team:write", "repository:admin", "app-password:write", "journal", "webhook"})
BASE = "http://onebucket.test"

# The secret key that consumer secrets are derived from.
KEY = b"a key of tests, and of nothing else"
# Events that don't record a change.
ATTEMPTS = ("change.refused", "sign-in.failed")

# Paths with these prefixes are used as they are; `/1.0` is put before all others.
# Addresses outside the surfaces that tests ask for.
_OTHER_ADDRESSES = ("/!api", "/%21api", "/api", "/metrics", "/healthz", "/readyz", "/site", "/.well-known")


def operator(tx: Transaction) -> UnitOfWork:
    """Return a unit of work as the operator in a transaction."""
    return UnitOfWork(OPERATOR, tx, datetime.now(UTC), "test", lambda: str(uuid4()))


@cache
def cheap_hash(password: str) -> str:
    """Return an argon2id hash that is fast to verify."""
    return CHEAP_ARGON2ID.hash(password)


def password(name: str) -> str:
    """Return the password of a member of the cast."""
    return f"{name} is here"


def token(name: str, kind: str = "all") -> str:
    """Return an app password of a member of the cast: with `all` scopes, `read` (account), or `expired`."""
    return f"app-password-{kind}-of-{name}"


def basic(login: str, secret: str) -> str:
    """Return the Authorization header for a login and a password or app password."""
    return "Basic " + b64encode(f"{login}:{secret}".encode()).decode()


def fill(db: Database, operator: Callable[[Transaction], UnitOfWork] = operator) -> None:
    """Create the cast.

    - acme: administrators (alice), developers (alice, bob, dora), designers (bob); carol is invited to designers.
      Repositories: rocket (private: designers write, developers none) and website (public; dora has admin directly).
    - globex: administrators (gina). Repository: satellite (private).
    - root is a site administrator, ghost is disabled, mallory is in nothing.
    """
    with db.writing() as tx:
        work = operator(tx)
        for name in PEOPLE:
            accounts.add_user(
                work,
                name,
                email=f"{name}@example.com",
                display_name=f"{name.title()} Example",
                password_hash=cheap_hash(password(name)),
                site_admin=name == "root",
            )
            for kind, scopes in (("all", ALL_SCOPES), ("read", frozenset({"account"})), ("expired", ALL_SCOPES)):
                hash = hashing.secret_hash(token(name, kind))
                tokens.add(work, name, secret_hash=hash, scopes=scopes, label=kind)
        teams.add(work, "acme", display_name="Acme", administrator="alice")
        teams.add(work, "globex", display_name="Globex", administrator="gina")
        groups.create(work, "acme", name="Designers")
        for group, name in (
            ("developers", "alice"),
            ("developers", "bob"),
            ("developers", "dora"),
            ("designers", "bob"),
        ):
            groups.add_member(work, "acme", group, name)
        for account, slug in (("acme", "rocket"), ("acme", "website"), ("globex", "satellite")):
            repositories.add(work, account, slug, name=slug.title(), is_private=slug != "website")
        privileges.set_for_group(work, "acme", "rocket", "designers", Level.WRITE)
        privileges.set_for_group(work, "acme", "rocket", "developers", Level.NONE)
        privileges.grant_direct(work, "acme", "website", "dora", Level.ADMIN)
        invitations.set_groups(work, "acme", "carol@example.net", ["designers"], inviter="alice")
        accounts.set_active(work, "ghost", False)
        expired = int((work.at - timedelta(days=1)).timestamp() * 1e6)
        tx.connection.execute(f"UPDATE tokens SET expires_at = {expired} WHERE label = 'expired'")


def make(path: Path) -> None:
    """Create a SQLite file with the cast."""
    db = connect(f"sqlite:///{path}")
    schema.bring_up_to_date(db)
    fill(db)
    db.close()


def copy(template: Path, folder: Path) -> Database:
    """Open a copy of the SQLite file `template` in `folder`."""
    path = folder / "onebucket.db"
    shutil.copyfile(template, path)
    return connect(f"sqlite:///{path}")


class Api:
    """A server in this process, called over ASGI; the cast signs in with app passwords unless a test says otherwise."""

    def __init__(
        self,
        db: Database,
        *,
        site_limits: SiteLimits = DEFAULT_LIMITS,
        demo_letters: Path | None = None,
        mirrors: Sequence[MirrorDefinition] = (),
        counts: RateLimitStore | None = None,
        surfaces: Sequence[Surface] = wiring.SURFACES,
        providers: Sequence[SignInProvider] = (),
        **options: Any,
    ) -> None:
        defaults = {
            "base_url": BASE,
            "realm": "Bitbucket.org HTTP",
            "jsonp": "guarded",
            "jsonp_origins": frozenset(),
            "metrics_token": "figures",
        }
        self.db = db
        bases = (base for surface in surfaces for base in surface.bases)
        self._addresses = tuple(dict.fromkeys((*bases, *_OTHER_ADDRESSES)))
        # The server's clocks and random values; a test may replace them at any time.
        self.clock = wiring.utc_now
        self.now = time.monotonic
        self.new_id = wiring.new_id
        self.new_secret = hashing.new_secret
        self.server = wiring.build(
            db,
            ServerOptions(**(defaults | options)),
            site_limits=site_limits,
            demo_letters=demo_letters,
            mirrors=mirrors,
            secret_key=KEY,
            counts=counts,
            surfaces=surfaces,
            providers=providers,
            clock=lambda: self.clock(),
            now=lambda: self.now(),
            new_id=lambda: self.new_id(),
            new_secret=lambda: self.new_secret(),
        )
        # The last use of app passwords is normally written after a minute; here only if a test asks for it.
        self.last_used = self.server.recorders.last_used
        self.last_used.write_seconds = self.last_used.first_write_seconds = 1e6
        self._runner = asyncio.Runner()
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.server.app, raise_app_exceptions=True), base_url=BASE
        )

    def __call__(self, who: str | tuple[str, str] | None, method: str, path: str, **how: Any) -> httpx.Response:
        """Send a request as `who`: a name of the cast, a (login, secret) pair, or None for anonymous.

        `path` may leave out `/1.0`.
        """
        auth = (who, token(who)) if isinstance(who, str) else who
        address = path if path.startswith((*self._addresses, "http")) else f"/1.0{path}"
        answer = self._runner.run(self.client.request(method, address, auth=auth, **how))
        published.check(method, address, answer)
        return answer

    def run(self, asking: Coroutine[Any, Any, _Result]) -> _Result:
        """Run a coroutine in the server's event loop."""
        return self._runner.run(asking)

    def at_once(self, who: str | tuple[str, str], *asks: tuple[str, str]) -> list[httpx.Response]:
        """Send several requests of one user concurrently."""
        return self.everybody_at_once(*((who, method, path) for method, path in asks))

    def everybody_at_once(self, *asks: tuple[str | tuple[str, str], str, str]) -> list[httpx.Response]:
        """Send requests of several users concurrently."""

        async def all_of_them() -> list[httpx.Response]:
            under_way = []
            for who, method, path in asks:
                auth = (who, token(who)) if isinstance(who, str) else who
                under_way.append(self.client.request(method, f"/1.0{path}", auth=auth))
            return list(await asyncio.gather(*under_way))

        return self._runner.run(all_of_them())

    def raw(
        self,
        method: str,
        address: bytes,
        *headers: tuple[str, bytes],
        who: str | None = None,
        body: Iterable[bytes] = (),
        client: str = "127.0.0.1",
    ) -> httpx.Response:
        """Send exactly these bytes, the body in chunks: httpx would normalise them.

        `client` is the IP address that the connection comes from.
        """
        path, _, query = address.partition(b"?")
        named = [(name.lower().encode(), value) for name, value in headers]
        if who is not None:
            named.append((b"authorization", basic(who, token(who)).encode()))
        chunks = [*body]
        if chunks and b"content-length" not in dict(named):
            named.append((b"transfer-encoding", b"chunked"))
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path.decode("latin-1")),
            "raw_path": path,
            "query_string": query,
            "headers": named,
            "client": (client, 1),
            "server": ("onebucket.test", 80),
        }
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            chunk = chunks.pop(0) if chunks else b""
            return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}

        async def send(message: Any) -> None:
            sent.append(message)

        self._runner.run(self.server.app(scope, receive, send))
        content = b"".join(message.get("body", b"") for message in sent[1:])
        return httpx.Response(sent[0]["status"], headers=list(sent[0]["headers"]), content=content)

    def operate(self, action: Callable[[UnitOfWork], _Result], *, elsewhere: bool = False) -> _Result:
        """Run an action as the operator; with `elsewhere` over connections of its own, as another process would."""
        db = connect(self.db.url) if elsewhere else self.db
        try:
            with db.writing() as tx:
                return action(operator(tx))
        finally:
            if elsewhere:
                db.close()

    def add_token(self, name: str, kind: str, scopes: Iterable[str]) -> AppPassword:
        """Give a user another app password: `token(name, kind)`."""
        hash = hashing.secret_hash(token(name, kind))
        return self.operate(lambda work: tokens.add(work, name, secret_hash=hash, scopes=frozenset(scopes), label=kind))

    def restore(self, template: Path) -> None:
        """Restore the database from the SQLite file `template`."""
        source = connect(f"sqlite:///{template}")
        self.db.restore_from(source, lambda done, total: None)
        source.close()

    def members(self, group: str, account: str = "acme") -> list[str]:
        """Return the usernames in a group, as root sees them."""
        return [user["username"] for user in self("root", "GET", f"/groups/{account}/{group}/members").json()]

    def journal(self) -> list[tuple[str, str, str, str]]:
        """Return (actor, event, account, subject) of each change since the cast was created."""
        with self.db.reading() as tx:
            told: list[tuple[str, str, str, str]] = tx.connection.execute(
                "SELECT actor, event, account, subject FROM journal WHERE request_id <> 'test'"
                f" AND event NOT IN {ATTEMPTS} ORDER BY at"
            ).fetchall()
            return told

    def attempts(self) -> list[dict[str, Any]]:
        """Return the journal's entries about failed attempts, in order, after waiting until all are written."""
        self._runner.run(self.server.services.write_queue.submit(lambda tx: None))
        with self.db.reading() as tx:
            told = journal.entries(operator(tx))
            return [entry._asdict() | {"event": entry.event.value} for entry in told if entry.event.value in ATTEMPTS]

    def everything(self) -> str:
        """Return the whole database as text, to show that nothing changed.

        Entries about failed attempts are left out, and with them the positions in the hash chain; so are the nonces of
        signed requests.
        """
        tables = sorted(self.db.tables() - {"journal", "journal_heads", "nonces"})
        with self.db.reading() as tx:
            rows = {name: tx.connection.execute(f'SELECT * FROM "{name}"').fetchall() for name in tables}
            # Random text, written by jobs that changed nothing else.
            rows["site"] = [row for row in rows["site"] if row[0] != NOTHING]
            rows["journal"] = tx.connection.execute(
                'SELECT account_id, account, at, actor, event, subject, "before", "after", request_id FROM journal'
                f" WHERE event NOT IN {ATTEMPTS} ORDER BY account_id, number"
            ).fetchall()
        return "\n".join(f"{name} {found}" for name, found in rows.items())

    def stop(self) -> None:
        """Stop the server, and leave its database open for another one."""
        self._runner.run(self.client.aclose())
        self._runner.close()
        self.server.stop()

    def close(self) -> None:
        """Stop the server."""
        self.stop()
        self.db.close()
