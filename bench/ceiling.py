"""The ceilings: minimal ASGI functions on the same server that send fixed bytes, run one join, or commit one row.

python -m bench.ceiling PORT bytes FILE
python -m bench.ceiling PORT join DATABASE ACCOUNT BASE_URL
python -m bench.ceiling PORT commits DATABASE FILE
"""

import asyncio
import sqlite3
import sys
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import msgspec
import psycopg
import uvloop
from granian.constants import Interfaces
from granian.server.embed import Server

_JOIN = """
SELECT g.id, g.name, g.slug, g.permission, g.auto_add, g.email_forwarding_disabled,
       p.id, p.username, p.display_name, p.aaid, p.nickname, p.is_active, p.site_admin
FROM accounts a JOIN groups g ON g.account_id = a.id
LEFT JOIN memberships m ON m.account_id = g.account_id AND m.group_id = g.id
LEFT JOIN accounts p ON p.id = m.person_id
WHERE a.username_key = ? ORDER BY g.slug, m.added_at
"""
_OWNER = "SELECT id, username, display_name, aaid, nickname, is_active, site_admin FROM accounts WHERE username_key = ?"
_LEVELS = {None: None, 1: "read", 2: "write", 3: "admin"}


def fixed(file: str) -> Any:
    """Return an application that sends the same bytes to every request."""
    body = Path(file).read_bytes()
    return _application(lambda: body)


def join(database: str, account: str, base_url: str) -> Any:
    """Return an application that sends all groups of an account from one join: no permissions, headers or formats."""
    connection = sqlite3.connect(database, isolation_level=None)

    def user(row: tuple[Any, ...], is_team: bool = False) -> dict[str, Any]:
        id, username, name, aaid, nickname, is_active, is_staff = row
        return {
            "display_name": name,
            "account_id": aaid,
            "uuid": f"{{{id}}}",
            "nickname": nickname or username,
            "username": username,
            "first_name": name.partition(" ")[0],
            "last_name": name.partition(" ")[2],
            "is_team": is_team,
            "is_staff": bool(is_staff),
            "is_active": bool(is_active),
            "avatar": f"{base_url}/avatars/{username}/32",
            "resource_uri": f"/1.0/users/{username}",
        }

    def body() -> bytes:
        owner = user(connection.execute(_OWNER, (account,)).fetchone(), is_team=True)
        groups: dict[str, dict[str, Any]] = {}
        for row in connection.execute(_JOIN, (account,)):
            group = groups.get(row[0])
            if group is None:
                group = groups[row[0]] = {
                    "name": row[1],
                    "slug": row[2],
                    "permission": _LEVELS[row[3]],
                    "auto_add": bool(row[4]),
                    "email_forwarding_disabled": bool(row[5]),
                    "members": [],
                    "owner": owner,
                }
            if row[6] is not None:
                group["members"].append(user(row[6:]))
        return msgspec.json.encode(list(groups.values()))

    return _application(body)


_TABLE = "CREATE TABLE IF NOT EXISTS bare (team TEXT, person TEXT, PRIMARY KEY (team, person))"
_PUT = "INSERT INTO bare VALUES ('ten', ?) ON CONFLICT DO NOTHING"
_DELETE = "DELETE FROM bare WHERE team = 'ten' AND person = ?"
_AT_ONCE = 256


def commits(database: str, file: str) -> Any:
    """Return an application that inserts or deletes a row durably before it responds, without authentication.

    One thread commits in groups whatever arrived while the disk was busy, each change in its own savepoint.
    """
    body = Path(file).read_bytes()
    asked: SimpleQueue[tuple[str, str, asyncio.Future[None]]] = SimpleQueue()
    threading.Thread(target=_commit, args=(database, asked), daemon=True).start()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        done = asyncio.get_running_loop().create_future()
        sql = _DELETE if scope["method"] == "DELETE" else _PUT
        asked.put((sql, scope["path"].rpartition("/")[2], done))
        await done
        await _send(send, body)

    return application


def _connected(database: str) -> Any:
    if database.startswith("postgresql:"):
        return psycopg.connect(database, autocommit=True, prepare_threshold=0)
    connection = sqlite3.connect(database, isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _commit(database: str, asked: "SimpleQueue[tuple[str, str, asyncio.Future[None]]]") -> None:
    connection = _connected(database)
    mark, begin = ("?", "BEGIN IMMEDIATE") if isinstance(connection, sqlite3.Connection) else ("%s", "BEGIN")
    connection.execute(_TABLE)
    while True:
        batch = [asked.get()]
        connection.execute(begin)
        while True:
            sql, person, _ = batch[-1]
            connection.execute("SAVEPOINT one")
            connection.execute(sql.replace("?", mark), (person,))
            connection.execute("RELEASE one")
            if asked.empty() or len(batch) == _AT_ONCE:
                break
            batch.append(asked.get())
        connection.execute("COMMIT")
        futures = [future for _, _, future in batch]
        futures[0].get_loop().call_soon_threadsafe(_tell, futures)


def _tell(futures: "list[asyncio.Future[None]]") -> None:
    for future in futures:
        future.set_result(None)


def _application(body: Any) -> Any:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await _send(send, body())

    return application


async def _send(send: Any, body: bytes) -> None:
    headers = [(b"content-type", b"application/json; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _serve(application: Any, port: int) -> None:
    server = Server(application, port=port, interface=Interfaces.ASGINL, log_enabled=False, websockets=False)
    await server.serve()


if __name__ == "__main__":
    _port, _kind, *_rest = sys.argv[1:]
    uvloop.run(_serve({"bytes": fixed, "join": join, "commits": commits}[_kind](*_rest), int(_port)))
