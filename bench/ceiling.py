"""The ceilings: bare ASGI functions on the same server, sending fixed bytes or one hand-written join.

python -m bench.ceiling PORT bytes FILE
python -m bench.ceiling PORT join DATABASE ACCOUNT BASE_URL
"""

import sqlite3
import sys
from pathlib import Path
from typing import Any

import msgspec
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
    """An application that sends the same bytes to everybody."""
    body = Path(file).read_bytes()
    return _application(lambda: body)


def join(database: str, account: str, base_url: str) -> Any:
    """An application that answers with all groups of an account by one join: no rights, no headers, no formats."""
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


def _application(body: Any) -> Any:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        sent = body()
        headers = [(b"content-type", b"application/json; charset=utf-8"), (b"content-length", b"%d" % len(sent))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": sent})

    return application


async def _serve(application: Any, port: int) -> None:
    server = Server(application, port=port, interface=Interfaces.ASGINL, log_enabled=False, websockets=False)
    await server.serve()


if __name__ == "__main__":
    _port, _kind, *_rest = sys.argv[1:]
    uvloop.run(_serve({"bytes": fixed, "join": join}[_kind](*_rest), int(_port)))
