"""What goes wrong between an identity provider and this server, in one table: each is refused, and nothing is done."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from cast import Api
from directory import KEY, Provider
from onebucket import hashing
from onebucket.actions import accounts, directories

DEEP = "emails[" + "(" * 500 + 'type eq "work"' + ")" * 500 + "].value"


@dataclass(frozen=True)
class Place:
    """A directory whose first key was revoked, with ids of what it keeps; and one of another team."""

    okta: Provider
    entra: Provider
    root: str
    bob: str
    crew: str
    stranger: str

    def patch(self, path: str, *operations: tuple[str, str, Any]) -> httpx.Response:
        """Send operations as the first directory."""
        return self.okta.patch(path, *({"op": op, "path": where, "value": value} for op, where, value in operations))

    def post(self, user_name: str, **attributes: Any) -> httpx.Response:
        """Bring somebody as the first directory."""
        return self.okta("POST", "/Users", {"userName": user_name} | attributes)

    def with_key(self, key: str) -> httpx.Response:
        """Bring somebody to the first directory with some key."""
        return self.okta("POST", "/Users", {"userName": "ada"}, headers={"Authorization": f"Bearer {key}"})


@pytest.fixture
def place(okta: Provider, api: Api) -> Place:
    entra = Provider(api, "globex", "entra", key="obd_key-of-entra", domains=[])
    root, bob = (okta.add_user(f"{name}@example.com")["id"] for name in ("root", "bob"))
    crew = okta.add_group("Crew", bob)["id"]
    okta.key = "obd_next-key-of-okta"
    hash = hashing.secret_hash(okta.key)
    api.operate(lambda work: directories.rotate(work, "acme", "okta", secret_hash=hash))
    api.operate(lambda work: directories.revoke_old_key(work, "acme", "okta"), elsewhere=True)
    return Place(okta, entra, root, bob, crew, entra.add_user("stranger")["id"])


WRONG: dict[str, tuple[Callable[[Place], httpx.Response], int, str]] = {
    "the key of another directory": (lambda at: at.with_key(at.entra.key), 403, "this directory"),
    "a key that was rotated": (lambda at: at.with_key(KEY), 401, ""),
    "no key of ours": (lambda at: at.with_key("obd_anything"), 401, ""),
    "a person of another directory": (lambda at: at.entra("DELETE", f"/Users/{at.bob}"), 404, "no User"),
    "a group of another directory": (lambda at: at.entra("DELETE", f"/Groups/{at.crew}"), 404, "no Group"),
    "a deeply nested path": (lambda at: at.patch(f"/Users/{at.bob}", ("replace", DEEP, "x")), 400, "nested too deeply"),
    "a deeply nested address": (lambda at: at.okta("GET", "/Users" + "/x" * 3000), 404, ""),
    "a deeply nested value": (
        lambda at: at.okta("PATCH", f"/Users/{at.bob}", content=b'{"Operations":' + b"[" * 9000), 400, "",
    ),
    "a member of another team": (
        lambda at: at.patch(f"/Groups/{at.crew}", ("add", "members", [{"value": at.stranger}])), 400, "no User",
    ),
    "a group with a member of another team": (
        lambda at: at.okta("POST", "/Groups", {"displayName": "G", "members": [{"value": at.stranger}]}), 400, "no User"
    ),
    "a site administrator disabled": (
        lambda at: at.patch(f"/Users/{at.root}", ("replace", "active", "False")), 403, "site administrator",
    ),
    "a site administrator deleted": (lambda at: at.okta("DELETE", f"/Users/{at.root}"), 403, "site administrator"),
    "a userName in capitals": (lambda at: at.post("BOB@EXAMPLE.COM"), 409, "already"),
    "a team's username in capitals": (lambda at: at.post("ACME"), 409, "already"),
    "a ligature in a userName": (lambda at: at.post("ﬁona@example.com"), 400, "looks like"),
    "letters of another width": (lambda at: at.post("ｂob"), 400, "looks like"),
    "half of a PATCH": (
        lambda at: at.patch(f"/Users/{at.bob}", ("replace", "active", False), ("replace", "nothing", 1)),
        400, "'nothing'",
    ),
    "half of a PATCH of a group": (
        lambda at: at.patch(f"/Groups/{at.crew}", ("remove", "members", None), ("replace", "displayName", "Designers")),
        409, "already",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_it_is_refused_and_nothing_is_done(place: Place, api: Api, what: str) -> None:
    ask, status, sentence = WRONG[what]
    before = api.everything()

    answer = ask(place)

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/scim+json"), answer.text
    assert (answer.json()["status"], sentence in answer.json()["detail"]) == (str(status), True), answer.text
    assert len(answer.json()["detail"]) < 300
    assert api.everything() == before
    assert api("bob", "GET", "/groups/acme").status_code == 200


@pytest.mark.parametrize(
    ("user_name", "address"),
    [("bоb", None), ("x", "bоb@example.com"), ("x", "bob@exаmple.com"), ("x", "alıce@example.com")],
)
def test_a_look_alike_in_another_script_is_somebody_else(
    place: Place, api: Api, user_name: str, address: str | None
) -> None:
    answer = place.post(user_name, **({"emails": [{"value": address}]} if address else {}))

    person = api.operate(lambda work: accounts.profile(work, answer.json()["id"]))
    assert (answer.status_code, person.account.username in ("alice", "bob")) == (201, False)
    assert api("alice", "GET", f"/api/access/acme/rocket?user={person.account.username}").json()["level"] is None
