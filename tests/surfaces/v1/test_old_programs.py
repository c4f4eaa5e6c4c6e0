"""Small programs in the shape of those that were written for the original, against a real server.

Each asks the addresses that its model asks, as that spells them, and reads answers as strictly as that does.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

import live
from consuming import Consumer, fields, sign
from live import Live
from tests.http.oauth.test_oauth_clients import CALLBACK, add, agree, slugs

pytestmark = pytest.mark.subprocess


@pytest.fixture(scope="module")
def running(cast_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    settings = {"log_level": "debug", "log_format": "json"}
    with live.with_the_cast(cast_template, tmp_path_factory.mktemp("old"), **settings) as server:
        yield server


def _sent_back(address: str) -> dict[str, str]:
    """The words that a browser brings to the callback."""
    assert address.startswith(f"{CALLBACK}?"), address
    return {name: value for name, [value] in parse_qs(urlsplit(address).query).items()}


# -- a login by OAuth 2 that asks for scopes of the original ---------------------------------------


@pytest.mark.parametrize(
    ("asked", "given"),
    [("account email team", {"account", "email", "team"}), ("account,team,webhook", {"account", "team"})],
)
def test_a_login_that_asks_for_scopes_of_the_original_gets_what_there_is_of_them(
    running: Live, asked: str, given: set[str]
) -> None:
    key, secret = add(running, "alice", "--label", "Login", "--callback", CALLBACK, "--scope", "account")
    words = {"client_id": key, "redirect_uri": CALLBACK, "response_type": "code", "scope": asked, "state": "st4te"}

    back = _sent_back(agree(running, f"{running.base}/site/oauth2/authorize?{urlencode(words)}"))
    form = {"grant_type": "authorization_code", "code": back["code"], "redirect_uri": CALLBACK}
    token = running((key, secret), "POST", "/site/oauth2/access_token", data=form).json()

    bearer = {"Authorization": f"Bearer {token['access_token']}"}
    profile = running(None, "GET", "/1.0/user", headers=bearer).json()
    assert back["state"] == "st4te"
    assert set(token["scopes"].split()) == given
    assert profile["user"]["username"] == "bob"
    assert slugs(running(None, "GET", "/1.0/groups", headers=bearer)) == ["designers", "developers"]


# -- a connector by OAuth 1, with a slash after every address --------------------------------------


class Connector:
    """Signs every request, and ends every address with a slash."""

    def __init__(self, running: Live, consumer: Consumer, base: str) -> None:
        self.running = running
        self.consumer = consumer
        self.base = base
        self.token = ("", "")

    def ask(self, method: str, path: str, **how: Any) -> httpx.Response:
        """Ask with what it has of a token."""
        address = f"{self.base}/{path}/"
        signed, headers, body = sign(self.consumer, address, method, base=self.running.base, token=self.token, **how)
        return self.running(None, method, signed, headers=headers, content=body)

    def connect(self, who: str) -> None:
        """Let somebody agree, and keep the token."""
        self._keep(self.ask("POST", "oauth/request_token", callback_uri=CALLBACK))
        page = f"{self.running.base}{self.base}/oauth/authenticate/?oauth_token={self.token[0]}"
        back = _sent_back(agree(self.running, page, who))
        self._keep(self.ask("POST", "oauth/access_token", verifier=back["oauth_verifier"]))

    def _keep(self, answer: httpx.Response) -> None:
        given = fields(answer)
        self.token = (given["oauth_token"], given["oauth_token_secret"])


@pytest.mark.parametrize("base", ["/1.0", "/api/1.0", "/!api/1.0"])
def test_a_connector_that_ends_every_address_with_a_slash_connects_and_reads(running: Live, base: str) -> None:
    printed = add(running, "alice", "--label", "Connector", "--callback", CALLBACK, "--scope", "account")
    connector = Connector(running, Consumer(*printed), base)

    connector.connect("bob")

    groups, mine, team = (connector.ask("GET", path) for path in ("groups", "user", "users/acme"))
    assert slugs(groups) == ["designers", "developers"]
    assert mine.json()["user"]["username"] == "bob"
    assert [each["slug"] for each in team.json()["repositories"]] == ["rocket", "website"]


# -- a library that maps each answer to a type of its own ------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_library_that_reads_privileges_as_a_map_sets_reads_and_ends_one(running: Live, method: str) -> None:
    address, form = "/1.0/users/acme/privileges/acme/designers", {"privileges": "collaborator"}

    def privileges(method: str, path: str, **how: Any) -> dict[str, str]:
        answer = running("alice", method, path, **how)
        assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, "application/json")
        return dict(answer.json())

    given = privileges(method, address, data=form)
    read, listed = privileges("GET", address), privileges("GET", "/1.0/users/acme/privileges")
    ended = running("alice", "DELETE", address)

    assert given == read == {"acme/designers": "collaborator"}
    assert listed == {"acme/administrators": "admin", "acme/designers": "collaborator"}
    assert (ended.status_code, privileges("GET", "/1.0/users/acme/privileges")) == (
        204,
        {"acme/administrators": "admin"},
    )


# -- programs that read a profile ------------------------------------------------------------------

# What they read of a person, and of each repository, and as which type.
OF_A_PERSON = {
    "username": str,
    "first_name": str,
    "last_name": str,
    "avatar": str,
    "resource_uri": str,
    "is_team": bool,
}
OF_A_REPOSITORY = {"slug": str, "name": str, "owner": str, "is_private": bool}


@pytest.mark.parametrize("path", ["/1.0/user", "/1.0/users/bob", "/api/1.0/users/acme/", "/!api/1.0/user/"])
def test_a_program_that_reads_a_profile_finds_every_field_of_the_original(running: Live, path: str) -> None:
    profile = running("bob", "GET", path).json()

    assert set(profile) == {"user", "repositories"}
    assert {name: type(profile["user"].get(name)) for name in OF_A_PERSON} == OF_A_PERSON
    for repository in profile["repositories"]:
        assert {name: type(repository.get(name)) for name in OF_A_REPOSITORY} == OF_A_REPOSITORY
    assert running(None, "GET", profile["user"]["avatar"].removeprefix(running.base)).status_code == 200


# -- a program that asks a neighbour which there isn't ---------------------------------------------


@pytest.mark.parametrize("path", ["/2.0/teams", "/2.0/teams/acme/members/", "/2.0/hook_events?page=1"])
def test_a_program_that_asks_2_0_can_read_why_not_and_its_operator_finds_the_request(running: Live, path: str) -> None:
    answer = running("alice", "GET", path)

    error = answer.json()["error"]["message"]
    live.wait_until(lambda: answer.headers["x-request-id"] in running.log())
    [told] = [json.loads(each) for each in running.log().splitlines() if answer.headers["x-request-id"] in each]
    assert (answer.status_code, error.partition(";")[0]) == (404, "There is nothing at this address")
    assert (told["method"], told["path"], told["status"]) == ("GET", path.partition("?")[0], 404)
