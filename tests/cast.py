"""The fixed cast: alice administers acme, bob is a member, carol is invited, mallory never gets in."""

import asyncio
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from argon2 import PasswordHasher

from onebucket import hashing
from onebucket.actions import accounts, groups, invitations
from onebucket.actions.work import Work
from onebucket.domain.accounts import OPERATOR
from onebucket.http import server
from onebucket.http.answers import Ways
from onebucket.store import database, schema
from onebucket.store.database import Database, Transaction

# Cheap on purpose: what argon2id costs is not what these tests are about.
_CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)

PEOPLE = ("alice", "bob", "dora", "mallory", "gina", "root", "ghost")
ALL_SCOPES = frozenset({"account:write", "team:write", "repository:admin"})
BASE = "http://onebucket.test"


def operator(tx: Transaction) -> Work:
    """The operator's work in a transaction."""
    return Work(OPERATOR, tx, datetime.now(UTC), "test", lambda: str(uuid4()))


@cache
def cheap_hash(password: str) -> str:
    """An argon2id hash that is quick to verify."""
    return _CHEAP.hash(password)


def password(name: str) -> str:
    """Everybody's password."""
    return f"{name} is here"


def token(name: str, kind: str = "all") -> str:
    """Everybody's app passwords: `all` scopes, `read` (account), `expired`."""
    return f"app-password-{kind}-of-{name}"


def fill(db: Database) -> None:
    """Put the cast on stage.

    acme: administrators (alice), developers (alice, bob, dora), designers (bob), and carol invited to designers.
    globex: administrators (gina). root is a site administrator, ghost is disabled, mallory is in nothing.
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
                accounts.add_token(work, name, secret_hash=hash, scopes=scopes, label=kind)
        accounts.add_team(work, "acme", display_name="Acme", administrator="alice")
        accounts.add_team(work, "globex", display_name="Globex", administrator="gina")
        groups.create(work, "acme", name="Designers")
        for group, name in (
            ("developers", "alice"),
            ("developers", "bob"),
            ("developers", "dora"),
            ("designers", "bob"),
        ):
            groups.add_member(work, "acme", group, name)
        invitations.invite_to_groups(work, "acme", "carol@example.net", ["designers"], inviter="alice")
        accounts.set_active(work, "ghost", False)
        expired = int((datetime.now(UTC) - timedelta(days=1)).timestamp() * 1e6)
        tx.connection.execute("UPDATE tokens SET expires_at = ? WHERE label = 'expired'", [expired])


def make(path: Path) -> None:
    """A database with the cast on stage, as one file."""
    db = database.at(f"sqlite:///{path}")
    schema.bring_up_to_date(db)
    fill(db)
    db.close()


def copy(template: Path, folder: Path) -> Database:
    """A database of one's own, as it was in `template`."""
    path = folder / "onebucket.db"
    shutil.copyfile(template, path)
    db = database.at(f"sqlite:///{path}")
    return db


class Api:
    """A server in this process, asked over ASGI; `names` sign in with their app password unless told otherwise."""

    def __init__(self, db: Database, **ways: Any) -> None:
        chosen = {"base_url": BASE, "realm": "Bitbucket.org HTTP", "jsonp": "guarded", "jsonp_origins": frozenset()}
        self.db = db
        self.server = server.build(db, Ways(**(chosen | ways)), metrics_token="figures")
        self._runner = asyncio.Runner()
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.server.app, raise_app_exceptions=True), base_url=BASE
        )

    def __call__(self, who: str | tuple[str, str] | None, method: str, path: str, **how: Any) -> httpx.Response:
        """Ask as `who`: a name of the cast, a (login, secret) pair, or None for nobody. `path` may leave out `/1.0`."""
        auth = (who, token(who)) if isinstance(who, str) else who
        address = (
            path if path.startswith(("/1.0", "/api", "/!api", "/metrics", "/healthz", "/readyz")) else f"/1.0{path}"
        )
        return self._runner.run(self._client.request(method, address, auth=auth, **how))

    def at_once(self, who: str, *asks: tuple[str, str]) -> list[httpx.Response]:
        """Ask several things at the same time."""

        async def all_of_them() -> list[httpx.Response]:
            auth = (who, token(who))
            return list(
                await asyncio.gather(*(self._client.request(method, f"/1.0{path}", auth=auth) for method, path in asks))
            )

        return self._runner.run(all_of_them())

    def members(self, group: str, account: str = "acme") -> list[str]:
        """The usernames in a group, as root sees them."""
        return [user["username"] for user in self("root", "GET", f"/groups/{account}/{group}/members").json()]

    def journal(self) -> list[tuple[str, str, str, str]]:
        """(actor, event, account, subject) of every entry that has come since the cast was put on stage."""
        with sqlite3.connect(self.db.path) as connection:
            return connection.execute(
                "SELECT actor, event, account, subject FROM journal WHERE request_id <> 'test' ORDER BY at"
            ).fetchall()

    def everything(self) -> str:
        """The whole database as text: to show that nothing was changed."""
        with sqlite3.connect(self.db.path) as connection:
            return "\n".join(connection.iterdump())

    def close(self) -> None:
        """Stop the server."""
        self._runner.run(self._client.aclose())
        self._runner.close()
        self.server.close()
