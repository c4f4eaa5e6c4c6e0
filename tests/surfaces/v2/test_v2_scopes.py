"""Which scopes API 2.0 needs for each operation, in both families (contract/api-2.0.md#10)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import cast
from cast import Api, token
from onebucket.domain import scope_rules
from onebucket.domain.scopes import SCOPES, effective_scopes, is_newer
from onebucket.surfaces.core.surface import Route
from onebucket.surfaces.v1.routes import V1
from onebucket.surfaces.v2.routes import V2

# The classic scope and, of the newer family, all that are needed.
NEEDED = """
GET    /user                                                    account          user:read
GET    /user/emails                                             email            user:read
GET    /user/emails/{email}                                     email            user:read
GET    /users/{selected_user}                                   account          user:read
GET    /workspaces                                              account          workspace:read
GET    /user/workspaces                                         account          workspace:read
GET    /user/permissions/workspaces                             account          workspace:read
GET    /user/workspaces/{workspace}/permission                  account          workspace:read
GET    /workspaces/{workspace}                                  account          workspace:read
GET    /workspaces/{workspace}/members                          account          workspace:read
GET    /workspaces/{workspace}/members/{member}                 account          workspace:read
GET    /workspaces/{workspace}/permissions                      account          workspace:read
GET    /workspaces/{workspace}/permissions/repositories         repository:admin permission:read
GET    /workspaces/{workspace}/permissions/repositories/{repo_slug} repository:admin permission:read
GET    /user/workspaces/{workspace}/permissions/repositories    repository       repository:read
GET    /user/permissions/repositories                           repository       repository:read
GET    /repositories                                            repository       repository:read
GET    /repositories/{workspace}                                repository       repository:read
GET    /repositories/{workspace}/{repo_slug}                    repository       repository:read
POST   /repositories/{workspace}/{repo_slug}                    repository:admin repository:admin
PUT    /repositories/{workspace}/{repo_slug}                    repository:admin repository:admin
DELETE /repositories/{workspace}/{repo_slug}                    repository:delete repository:delete
GET    /repositories/{workspace}/{repo_slug}/pipelines_config   repository       repository:read
PUT    /repositories/{workspace}/{repo_slug}/pipelines_config   repository:admin repository:admin
GET    /repositories/{workspace}/{repo_slug}/override-settings  repository       repository:read
PUT    /repositories/{workspace}/{repo_slug}/override-settings  repository:admin repository:admin
GET    /workspaces/{workspace}/projects                         repository       project:read
POST   /workspaces/{workspace}/projects                         project:admin    project:admin
GET    /workspaces/{workspace}/projects/{project_key}           repository       project:read
PUT    /workspaces/{workspace}/projects/{project_key}           project:admin    project:admin
DELETE /workspaces/{workspace}/projects/{project_key}           project:admin    project:admin
GET    /users/{selected_user}/ssh-keys                          account          ssh-key:read
POST   /users/{selected_user}/ssh-keys                          account:write    ssh-key:read ssh-key:write
GET    /users/{selected_user}/ssh-keys/{key_id}                 account          ssh-key:read
PUT    /users/{selected_user}/ssh-keys/{key_id}                 account:write    ssh-key:read ssh-key:write
DELETE /users/{selected_user}/ssh-keys/{key_id}                 account:write    ssh-key:delete
"""
# The same for the permissions on a repository or a project, of groups and of people.
OF_PERMISSIONS = """
GET    {on}/permissions-config/{of}        {kind}:admin {kind}:read
GET    {on}/permissions-config/{of}/{one}  {kind}:admin {kind}:read
PUT    {on}/permissions-config/{of}/{one}  {kind}:admin {kind}:admin permission:write
DELETE {on}/permissions-config/{of}/{one}  {kind}:admin {kind}:admin permission:delete
"""


def rows() -> Iterator[tuple[str, str, frozenset[str]]]:
    """Each operation with its classic scope and those of the newer family."""
    tables = [NEEDED]
    for kind, on in (
        ("repository", "/repositories/{workspace}/{repo_slug}"),
        ("project", "/workspaces/{workspace}/projects/{project_key}"),
    ):
        for of, one in (("groups", "{group_slug}"), ("users", "{selected_user_id}")):
            tables.append(OF_PERMISSIONS.format(on=on, of=of, one=one, kind=kind))
    for line in "".join(tables).splitlines():
        if line:
            method, path, classic, *newer = line.split()
            yield (
                f"{method} {path}",
                classic,
                frozenset(":".join([*each.split(":")[::-1], "bitbucket"]) for each in newer),
            )


ROWS = tuple(rows())


def named(route: Route) -> str:
    return f"{route.method} {route.path}"


@pytest.fixture
def api(cast_template: Path, tmp_path: Path) -> Iterator[Api]:
    served = Api(cast.copy(cast_template, tmp_path))
    yield served
    served.close()


def test_every_operation_needs_the_scopes_of_the_contract() -> None:
    needed = {
        named(route): (route.scope_rule.classic, route.scope_rule.newer)
        for route in V2.routes
        if route.scope_rule is not None
    }

    assert needed == {operation: (classic, newer) for operation, classic, newer in ROWS}
    assert len(needed) == len(V2.routes)


@pytest.mark.parametrize(("operation", "classic", "newer"), ROWS)
def test_a_missing_scope_is_named_with_those_that_were_granted(
    api: Api, operation: str, classic: str, newer: frozenset[str]
) -> None:
    method, _, path = operation.partition(" ")
    address = "/2.0" + path.format_map(Nowhere(workspace="alice", selected_user="alice"))
    without = {scope for scope in SCOPES if not is_newer(scope) and classic not in effective_scopes(frozenset({scope}))}
    tried = {"classic": ([classic], without)} | {
        missing: (sorted(newer), {scope for scope in SCOPES if is_newer(scope)} - {missing}) for missing in newer
    }

    for kind, (required, granted) in tried.items():
        api.add_token("alice", kind, granted)
        answer = api(("alice", token("alice", kind)), method, address, content=b"{}")

        assert (answer.status_code, answer.json()) == (
            403,
            {
                "type": "error",
                "error": {
                    "message": "Your credentials lack one or more required privilege scopes.",
                    "detail": {"required": required, "granted": sorted(granted)},
                },
            },
        )


class Nowhere(dict[str, str]):
    """Names of things that aren't there, for every variable part of a path."""

    def __missing__(self, name: str) -> str:
        return "nowhere"


@pytest.mark.parametrize(("operation", "classic", "newer"), ROWS)
def test_either_family_will_do(api: Api, operation: str, classic: str, newer: frozenset[str]) -> None:
    method, _, path = operation.partition(" ")
    address = "/2.0" + path.format_map(Nowhere(workspace="alice", selected_user="alice"))

    for kind, granted in (("classic", {classic}), ("newer", newer)):
        api.add_token("alice", kind, granted)
        answer = api(("alice", token("alice", kind)), method, address, content=b"{}")

        assert "required privilege scopes" not in answer.text and answer.status_code in (200, 201, 204, 400, 404, 409)


def test_the_scopes_of_api_tokens_that_the_documentation_names_for_terraform_are_enough() -> None:
    """Its page names each kind of thing with the verbs that its resources need."""
    named = {"user": "read", "workspace": "read admin", "project": "read admin", "repository": "read admin delete"}
    named |= {"permission": "write delete", "ssh-key": "read write delete"}
    scopes = frozenset(f"{verb}:{kind}:bitbucket" for kind, verbs in named.items() for verb in verbs.split())

    rules = {route.scope_rule for route in (*V1.routes, *V2.routes) if route.scope_rule} - {scope_rules.CHECK_ACCESS}
    assert all(rule.allows(scopes) for rule in rules)
    for missing in scopes:
        assert not all(rule.allows(scopes - {missing}) for rule in rules), missing
