"""Two clients from npm, unchanged, against a real server: `bitbucket` and `@coderabbitai/bitbucket`.

Each makes every call that it has for an address of ours. `bitbucket` has several names for some addresses, so that its
sequence runs until each name was used.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

import cast
import npm_clients
import ssh_keygen
from live import Live
from npm_clients import NpmClient
from onebucket.surfaces.v2.routes import V2

pytestmark = [pytest.mark.subprocess, npm_clients.NEEDED]

BOB = {"type": "user", "username": "bob"}
DESIGNERS = {"type": "group", "slug": "designers", "full_slug": "acme:designers"}
OURS = {f"{route.method} {route.path}" for route in V2.routes}


@dataclass(frozen=True)
class Call:
    """A call by its address, and what its answer has at least; texts in braces come from the answers before it."""

    address: str
    path: Mapping[str, str] = field(default_factory=dict)
    shows: Any = None
    body: Any = None
    query: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


def page(*values: Any) -> dict[str, Any]:
    return {"values": [*values]}


REPOSITORY = "/repositories/{workspace}/{repo_slug}"
PROJECT = "/workspaces/{workspace}/projects/{project_key}"
KEY = "/users/{selected_user}/ssh-keys/{key_id}"

_ACME = {"workspace": "acme"}
_MADE = {"workspace": "acme", "repo_slug": "by-npm"}
_NEW = {"workspace": "acme", "project_key": "NPM"}
_OWN_KEYS = {"selected_user": "alice"}
_OWN_KEY = {"selected_user": "alice", "key_id": "KEY-ID"}
_MEMBERSHIP = {"type": "workspace_membership", "workspace": {"slug": "acme"}}

READS = [
    Call("GET /user", shows={"type": "user", "username": "alice", "display_name": "Alice Example"}),
    Call("GET /user/emails", shows=page({"email": "alice@example.com", "is_primary": True})),
    Call("GET /user/emails/{email}", {"email": "alice@example.com"}, {"type": "email", "email": "alice@example.com"}),
    Call("GET /users/{selected_user}", {"selected_user": "bob"}, BOB),
    Call(
        "GET /user/workspaces",
        shows=page(*({"administrator": True, "workspace": {"slug": slug}} for slug in ("alice", "acme"))),
        query={"sort": "-workspace.slug"},
    ),
    Call("GET /user/workspaces/{workspace}/permission", _ACME, {**_MEMBERSHIP, "permission": "owner"}),
    Call(
        "GET /user/permissions/workspaces",
        shows=page({**_MEMBERSHIP, "permission": "owner"}),
        query={"q": 'workspace.slug="acme"'},
    ),
    Call("GET /workspaces", shows=page({"type": "workspace", "slug": "acme"}), query={"q": 'slug="acme"'}),
    Call("GET /workspaces/{workspace}", _ACME, {"type": "workspace", "slug": "acme", "name": "Acme"}),
    Call(
        "GET /workspaces/{workspace}/members",
        _ACME,
        page(*({**_MEMBERSHIP, "user": {"username": name}} for name in ("alice", "bob", "dora"))),
        query={"sort": "user.username"},
    ),
    Call("GET /workspaces/{workspace}/members/{member}", {**_ACME, "member": "BOB-ID"}, {**_MEMBERSHIP, "user": BOB}),
    Call(
        "GET /workspaces/{workspace}/permissions",
        _ACME,
        page({"permission": "owner", "user": {"username": "alice"}}),
        query={"q": 'permission="owner"'},
    ),
    Call(
        "GET /workspaces/{workspace}/permissions/repositories",
        _ACME,
        page({"type": "repository_permission", "permission": "write", "user": BOB}),
        query={"q": 'user.nickname="bob" AND repository.full_name="acme/rocket"'},
    ),
    Call(
        "GET /workspaces/{workspace}/permissions/repositories/{repo_slug}",
        {**_ACME, "repo_slug": "rocket"},
        page({"permission": "write", "user": BOB, "repository": {"full_name": "acme/rocket"}}),
        query={"q": 'user.nickname="bob"'},
    ),
    Call(
        "GET /user/permissions/repositories",
        shows=page({"permission": "admin", "repository": {"full_name": "acme/rocket"}}),
        query={"q": 'repository.full_name="acme/rocket"'},
    ),
    Call(
        "GET /user/workspaces/{workspace}/permissions/repositories",
        _ACME,
        page({"permission": "admin", "repository": {"full_name": "acme/rocket"}}),
        query={"q": 'repository.full_name="acme/rocket"'},
    ),
    Call(
        "GET /repositories",
        shows=page({"full_name": "acme/rocket"}, {"full_name": "acme/website"}),
        query={"role": "member"},
    ),
    Call(
        "GET /repositories/{workspace}",
        _ACME,
        page({"slug": "rocket", "is_private": True}),
        query={"q": "is_private=true", "sort": "-slug"},
    ),
]
PROJECTS = [
    Call(
        "POST /workspaces/{workspace}/projects",
        _ACME,
        {"type": "project", "key": "NPM"},
        body={"key": "NPM", "name": "npm"},
        status=201,
    ),
    Call(f"GET {PROJECT}", _NEW, {"type": "project", "key": "NPM", "is_private": True}),
    Call("GET /workspaces/{workspace}/projects", _ACME, page({"key": "NPM"}), query={"q": 'key="NPM"'}),
    Call(f"PUT {PROJECT}", _NEW, {"name": "npm", "description": "made"}, body={"name": "npm", "description": "made"}),
    *(
        call
        for kind, name, who in (("group", "group_slug", "designers"), ("user", "selected_user_id", "BOB-ID"))
        for there in (f"{PROJECT}/permissions-config/{kind}s",)
        for path, shown in (
            ({**_NEW, name: who}, {"type": f"project_{kind}_permission", kind: DESIGNERS if kind == "group" else BOB}),
        )
        for call in (
            Call(f"PUT {there}/{{{name}}}", path, {**shown, "permission": "write"}, body={"permission": "write"}),
            Call(f"GET {there}/{{{name}}}", path, {**shown, "permission": "write"}),
            Call(f"GET {there}", _NEW, page({**shown, "permission": "write"})),
            Call(f"DELETE {there}/{{{name}}}", path, status=204),
            Call(f"GET {there}/{{{name}}}", path, {**shown, "permission": "none"}),
        )
    ),
]
REPOSITORIES = [
    Call(
        f"POST {REPOSITORY}",
        _MADE,
        {"full_name": "acme/by-npm", "project": {"key": "NPM"}, "is_private": True},
        body={"scm": "git", "is_private": True, "project": {"key": "NPM"}},
    ),
    Call(f"GET {REPOSITORY}", _MADE, {"type": "repository", "slug": "by-npm", "mainbranch": {"type": "branch"}}),
    Call(f"PUT {REPOSITORY}", _MADE, {"description": "changed"}, body={"description": "changed"}),
    Call(f"PUT {REPOSITORY}/override-settings", _MADE, body={"override_settings": {}}, status=204),
    Call(f"GET {REPOSITORY}/override-settings", _MADE, {"type": "repository_inheritance_state"}),
    Call(f"GET {REPOSITORY}/pipelines_config", _MADE, {"type": "error"}, status=404),
    Call(f"PUT {REPOSITORY}/pipelines_config", _MADE, {"enabled": False}, body={"enabled": False}),
    *(
        call
        for kind, name, who in (("group", "group_slug", "designers"), ("user", "selected_user_id", "BOB-ID"))
        for there in (f"{REPOSITORY}/permissions-config/{kind}s",)
        for path, shown in (
            (
                {**_MADE, name: who},
                {"type": f"repository_{kind}_permission", kind: DESIGNERS if kind == "group" else BOB},
            ),
        )
        for call in (
            Call(f"PUT {there}/{{{name}}}", path, {**shown, "permission": "admin"}, body={"permission": "admin"}),
            Call(f"GET {there}/{{{name}}}", path, {**shown, "permission": "admin"}),
            Call(f"GET {there}", _MADE, None),
            Call(f"DELETE {there}/{{{name}}}", path, status=204),
            Call(f"GET {there}/{{{name}}}", path, {**shown, "permission": "none"}),
        )
    ),
    Call(f"DELETE {PROJECT}", _NEW, {"type": "error"}, status=400),
    Call(f"DELETE {REPOSITORY}", _MADE, status=204),
    Call(f"GET {REPOSITORY}", _MADE, {"type": "error"}, status=404),
    Call(f"DELETE {PROJECT}", _NEW, status=204),
]
SSH_KEYS = [
    Call(
        "POST /users/{selected_user}/ssh-keys",
        _OWN_KEYS,
        {"label": "by npm"},
        body={"key": ssh_keygen.public(name="npm"), "label": "by npm"},
        status=201,
    ),
    Call("GET /users/{selected_user}/ssh-keys", _OWN_KEYS, page({"label": "by npm"})),
    Call(f"GET {KEY}", _OWN_KEY, {"label": "by npm"}),
    Call(f"PUT {KEY}", _OWN_KEY, {"label": "renamed"}, body={"label": "renamed"}),
    Call(f"DELETE {KEY}", _OWN_KEY, status=204),
]
CALLS = [*READS, *PROJECTS, *REPOSITORIES, *SSH_KEYS]


def shows(actual: Any, expected: Any) -> bool:
    """Whether an answer has at least what is expected, and lists have just that many items."""
    if isinstance(expected, Mapping):
        return isinstance(actual, dict) and all(shows(actual.get(name), value) for name, value in expected.items())
    if isinstance(expected, list):
        return isinstance(actual, list) and len(actual) == len(expected) and all(map(shows, actual, expected))
    return bool(actual == expected)


def known(served: Live) -> dict[str, str]:
    bob = served("alice", "GET", "/2.0/users/bob").json()["uuid"]
    return {"BOB-ID": bob}


def make(client: NpmClient, call: Call, ids: dict[str, str], **how: Any) -> None:
    """Make a call and check its answer; remember the id of a key that it made."""
    path = {name: ids.get(value, value) for name, value in call.path.items()}
    answer = client(path=path, query={**call.query}, body=call.body, **how)

    assert answer["status"] == call.status, (how, answer)
    if call.shows is not None:
        assert shows(answer["data"], call.shows), (how, answer)
    if call.address.endswith("/ssh-keys") and call.status == 201:
        ids["KEY-ID"] = answer["data"]["uuid"]


def test_every_address_of_ours_is_called() -> None:
    assert {call.address for call in CALLS} >= OURS


def test_bitbucket(served: Live) -> None:
    ids = known(served)
    with NpmClient("bitbucket", served.base, "alice", cast.token("alice")) as client:
        names: dict[str, list[str]] = {}
        for name, address in client().items():
            names.setdefault(address, []).append(name)
        calls = [call for call in CALLS if call.address in OURS & names.keys()]

        for turn in range(max(len(names[call.address]) for call in calls)):
            for call in calls:
                same = names[call.address]
                make(client, call, ids, name=same[turn % len(same)])


def test_coderabbit(served: Live) -> None:
    ids = known(served)
    with NpmClient("coderabbit", served.base, "alice", cast.token("alice")) as client:
        for call in CALLS:
            if call.address in OURS:
                method, address = call.address.split(" ")
                make(client, call, ids, method=method, address=address)
