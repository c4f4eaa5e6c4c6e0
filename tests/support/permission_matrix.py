"""Tables of who gets which status at which address, and what they must have rows for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

import ssh_keygen
from onebucket.domain.scope_rules import OFFERED, RULES, ScopeRule
from onebucket.surfaces.core.router import RouteMatch, Router
from onebucket.surfaces.core.surface import ACCOUNT_PARAMETERS, Route, Surface

# What is sent where a list or an object is wanted, by the path of the route; a permission to every other one.
BODIES = {
    "/people/{user}/offboard": b'{"account": "acme"}',
    # Everywhere.
    "/api/people/bob/offboard": b"{}",
    "/requests": b'{"repository": "globex/satellite", "level": "read", "reason": "to see"}',
    "/requests/{id}/grant": b"{}",
    "/requests/{id}/deny": b'{"sentence": "no"}',
    "/access": b"[]",
    "/grants/{accountname}": b'{"people": ["eve@example.net", "mallory"], "repositories": ["website"]}',
    "/api/grants/globex": b'{"people": ["eve@example.net"], "repositories": ["satellite"]}',
    "/api/grants/dora": b'{"people": ["eve@example.net"], "repositories": ["notes"]}',
    "/reviews/{accountname}": msgspec.json.encode({"until": f"{datetime.now(UTC) + timedelta(days=9):%Y-%m-%d}"}),
    # What ghost has on a project, which is nobody's own who asks.
    "/reviews/{accountname}/{id}/answers": b'{"rows": [7], "answer": "keep"}',
    "/repositories/{workspace}/{repo_slug}": b'{"description": "New"}',
    "/repositories/{workspace}/{repo_slug}/override-settings": b'{"default_merge_strategy": false}',
    "/repositories/{workspace}/{repo_slug}/pipelines_config": b'{"enabled": false}',
    "/workspaces/{workspace}/projects": b'{"key": "NEW", "name": "New"}',
    "/workspaces/{workspace}/projects/{project_key}": b'{"description": "New"}',
    "/tokens": b'{"scopes": ["app-password"]}',
    "/webhooks/{accountname}": b'{"url": "https://hooks.example.com/x", "events": ["*"]}',
    "/webhooks/{accountname}/{id}": b'{"label": "Builds"}',
    "/users/{selected_user}/ssh-keys": msgspec.json.encode({"key": ssh_keygen.public()}),
    "/users/{selected_user}/ssh-keys/{key_id}": b'{"label": "desk"}',
}
# A group of each account, to invite to.
GROUPS = {"acme": "designers", "globex": "developers", "dora": "friends"}


# The scopes of credentials that are tried: none, each one alone, those of the newer family that are needed together,
# and one of each family that this server has nothing for.
GRANTED: dict[str, frozenset[str]] = {
    "nothing": frozenset(),
    **{scope: frozenset({scope}) for scope in (*OFFERED, "team", "team:write", "project", "pullrequest:write")},
    **{" ".join(sorted(rule.newer)): rule.newer for rule in RULES if len(rule.newer) > 1},
    **{scope: frozenset({scope}) for scope in ("issue", "read:pipeline:bitbucket")},
}


@dataclass(frozen=True)
class Row:
    """One line of a table: who gets which status for that method of that address.

    `path` is the address with the base path of 1.0 where the table leaves it out.
    """

    method: str
    address: str
    path: str
    match: RouteMatch
    statuses: dict[str, int]

    @property
    def route(self) -> Route | None:
        return self.match.methods.get(self.method)

    @property
    def scope_rule(self) -> ScopeRule | None:
        """The scopes that a credential needs."""
        return self.route.scope_rule if self.route else None

    @property
    def account(self) -> str:
        return self.match.account_name or ""

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
            BODIES.get(self.path) or BODIES.get(self.route.path, b'{"permission": "read"}')
            if self.route.json is not None
            else (
                f"name=Crew&privileges=admin&email=eve@example.net&permission=write&group_slug={GROUPS.get(self.account)}"
            ).encode()
        )


def rows(table: str, router: Router) -> tuple[Row, ...]:
    """Parse a table: its first line names people, every other one has a method, an address and a status for each."""
    heading, *lines = (line.split() for line in table.splitlines() if line.strip())
    return tuple(
        _row(method, address, dict(zip(heading, map(int, statuses), strict=True)), router)
        for method, address, *statuses in lines
    )


def _row(method: str, address: str, statuses: dict[str, int], router: Router) -> Row:
    path = address if router.find_base(_segments(address)) is not None else f"/1.0{address}"
    segments = _segments(path)
    base = router.find_base(segments)
    assert base is not None
    return Row(method, address, path, router.find(base, segments[len(base) :]), statuses)


def _segments(address: str) -> list[str]:
    return address.partition("?")[0].split("/")[1:]


def _names_account(route: Route) -> bool:
    return any(f"{{{name}}}" in route.path for name in ACCOUNT_PARAMETERS)


def missing_rows(surfaces: Iterable[Surface], rows: Iterable[Row], *, accounts: Sequence[str]) -> list[str]:
    """Name the routes without a row for every kind of account, with the account."""
    shown = {f"{row.method} {row.match.surface.bases[0]}{row.route.path} of {row.account}" for row in rows if row.route}
    wanted = [
        f"{route.method} {surface.bases[0]}{route.path} of {account}"
        for surface in surfaces
        for route in surface.routes
        for account in (accounts if _names_account(route) else ("",))
    ]
    return [each for each in wanted if each not in shown]
