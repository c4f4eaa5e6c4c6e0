"""A directory and an administrator change the same people and groups at the same time, at random, on both databases."""

import asyncio
import random
from typing import Any

import httpx
import pytest

import cast
import consuming
import sizes
from browsing import Visitor
from cast import Api
from directory import KEY, Provider
from onebucket.actions import access_checks, accounts, groups, privileges, teams
from onebucket.actions.access_checks import AccessQuery
from onebucket.domain.groups import AccountPrivilege
from onebucket.domain.privileges import Level

PEOPLE = ("alice", "bob", "dora")
ROUNDS = sizes.either(quick=12, long=40)

Ask = tuple[str, str, str, Any]


class Company:
    """A team whose administrators are in a group of its own and in one that its directory keeps."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.okta = Provider(api)
        self.ids = {name: self.okta.add_user(f"{name}@example.com")["id"] for name in PEOPLE}
        self.chiefs = self.okta.add_group("Chiefs", self.ids["bob"])["id"]
        api.operate(lambda work: groups.set_account_privilege(work, "acme", "chiefs", AccountPrivilege.ADMIN))
        api.operate(lambda work: privileges.set_for_group(work, "acme", "rocket", "chiefs", Level.WRITE))
        # Of somebody whom nobody disables: an app ends with its owner.
        consumer = consuming.add(api, "mallory", scopes=frozenset({"account"}))
        self.tokens = {name: consuming.tokens(api, consumer, name)["access_token"] for name in PEOPLE}
        self.browsers = {name: Visitor(api, name) for name in PEOPLE}

    def ask(self, chance: random.Random) -> Ask:
        """Return something that the directory or an administrator does: by whom, method, address and body."""
        person, other = chance.sample(PEOPLE, 2)
        id, of_group = self.ids[person], f"/1.0/groups/acme/{chance.choice(('administrators', 'developers'))}"
        some = [{"value": self.ids[each]} for each in PEOPLE if chance.random() < 0.4]
        base = self.okta.base

        def patch(path: str, name: str, value: Any) -> Ask:
            return "okta", "PATCH", f"{base}{path}", {"Operations": [{"op": "replace", "path": name, "value": value}]}

        of_directory: tuple[Ask, ...] = (
            patch(f"/Users/{id}", "active", False),
            patch(f"/Users/{id}", "active", True),
            patch(f"/Groups/{self.chiefs}", "members", some),
            ("okta", "DELETE", f"{base}/Users/{id}", None),
            ("okta", "POST", f"{base}/Users", {"userName": person}),
            ("okta", "POST", f"{base}/Users", {"userName": other}),
        )
        of_people: tuple[Ask, ...] = (
            (other, "PUT", f"{of_group}/members/{person}", {}),
            (other, "DELETE", f"{of_group}/members/{person}", None),
            (other, "DELETE", f"/1.0/groups/acme/chiefs/members/{person}", None),
            (other, "POST", f"/api/people/{person}/offboard", {"account": "acme"}),
        )
        return chance.choice((*of_directory, *of_people))

    def at_once(self, *asks: Ask) -> list[httpx.Response]:
        """Send requests concurrently."""

        async def all_of_them() -> list[httpx.Response]:
            under_way = [
                self.api.client.request(
                    method,
                    path,
                    json=body,
                    headers={"Authorization": f"Bearer {KEY}" if who == "okta" else cast.basic(who, cast.token(who))},
                )
                for who, method, path, body in asks
            ]
            return list(await asyncio.gather(*under_way))

        return self.api.run(all_of_them())

    def is_let_in(self, name: str) -> dict[str, bool]:
        """Return whether each credential of a person lets them in, and git."""
        git = {"X-Original-URI": "/acme/rocket/info/refs?service=git-upload-pack"}
        return {
            "app password": self.api(name, "GET", "/api/tokens").status_code != 401,
            "password": self.api((name, cast.password(name)), "GET", "/groups/acme").status_code != 401,
            "OAuth": consuming.bearer(self.api, self.tokens[name], "/groups/acme").status_code != 401,
            "git": self.api(name, "GET", "/api/access/verify", headers=git).status_code != 401,
            "session": self.browsers[name].ask("GET", "/me").status_code == 200,
        }


@pytest.mark.runs_on("SQLite", "PostgreSQL")
def test_whatever_is_done_at_once_a_team_keeps_an_administrator_and_disabled_is_out_everywhere(api: Api) -> None:
    company, chance = Company(api), random.Random(19)
    statuses: set[int] = set()

    for turn in range(ROUNDS):
        asks = [company.ask(chance) for _ in range(3)]
        statuses |= (got := {answer.status_code for answer in company.at_once(*asks)})

        assert got <= {200, 201, 204, 400, 401, 403, 404, 409}, asks
        assert api.operate(teams.without_administrator) == [], asks
        name = PEOPLE[turn % len(PEOPLE)]
        is_active = api.operate(lambda work, name=name: accounts.profile(work, name)).account.is_active
        let_in = company.is_let_in(name)
        # A session that has ended stays so.
        assert {way for way, is_in in let_in.items() if is_in} - {"session"} == (
            {"app password", "password", "OAuth", "git"} if is_active else set()
        ), (name, let_in, asks)
        assert is_active or not let_in["session"]
        query = AccessQuery(name, "acme", "rocket")
        decision = api.operate(lambda work, query=query: access_checks.check(work, query))
        chiefs = {way.directory for way in decision.ways if way.group == "acme/chiefs"}
        assert chiefs == ({"okta"} if is_active and name in api.members("chiefs") else set())

    assert {200, 201, 204, 401, 403, 409} <= statuses or not sizes.IS_LONG
    with api.db.reading() as tx:
        assert [chain.faults for chain in cast.journal.verify(cast.operator(tx)) if chain.faults] == []


@pytest.mark.runs_on("SQLite", "PostgreSQL")
def test_of_two_who_take_the_last_two_administrators_one_loses(api: Api) -> None:
    company = Company(api)
    remove = {"Operations": [{"op": "replace", "path": "members", "value": []}]}
    asks: tuple[Ask, ...] = (
        ("okta", "PATCH", f"{company.okta.base}/Groups/{company.chiefs}", remove),
        ("bob", "DELETE", "/1.0/groups/acme/administrators/members/alice", None),
    )

    statuses = [answer.status_code for answer in company.at_once(*asks)]

    # Whoever comes second is the one that is refused; bob, once the directory has taken him out, may no more.
    assert statuses in ([200, 403], [409, 204]), statuses
    assert [*api.members("administrators"), *api.members("chiefs")] in (["alice"], ["bob"])
