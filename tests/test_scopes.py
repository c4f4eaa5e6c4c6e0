"""What people are told that a scope lets happen is what the server lets happen with it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import pytest

import cast
import consuming
from browsing import Visitor
from cast import Api
from onebucket import hashing
from onebucket.actions import invitations, tokens
from onebucket.domain import policy, scopes
from onebucket.domain.accounts import SCOPES, effective_scopes
from onebucket.domain.policy import Rule, Standing, To
from onebucket.domain.privileges import Level
from onebucket.http import wiring
from test_permissions import ROWS

GIT = {Level.READ: "/acme/website.git/git-upload-pack", Level.WRITE: "/acme/website.git/git-receive-pack"}


@pytest.fixture
def api(cast_template: Path, tmp_path: Path) -> Iterator[Api]:
    served = Api(cast.copy(cast_template, tmp_path))
    yield served
    served.close()


class Watched(dict[To, Rule]):
    """The policy's table, which keeps what it has permitted."""

    def __init__(self, rules: Mapping[To, Rule]) -> None:
        super().__init__(rules)
        self.permitted: set[To] = set()

    def __getitem__(self, to: To) -> Rule:
        rule = super().__getitem__(to)

        def watched(standing: Standing) -> bool:
            if rule(standing):
                self.permitted.add(to)
            return rule(standing)

        return watched


def wants(api: Api, template: Path, watched: Watched) -> dict[str, set[tuple[To, bool]]]:
    """What the policy permitted for the addresses of each scope, and whether it was for changing something."""
    [carols] = [each.id for _, each in api.operate(lambda work: invitations.found(work, account_name="acme"))]
    [alices, *_] = [each.id for each in api.operate(lambda work: tokens.of_person(work, "alice"))]
    came: dict[str, set[tuple[To, bool]]] = defaultdict(set)
    reached = set()
    for who in ("root", "alice"):
        for row in ROWS:
            if row.route is None or row.statuses[who] == 403:
                continue
            address = row.address.replace("{carols}", carols).replace("{alices}", alices)
            watched.permitted.clear()
            api(who, row.method, address, content=row.body)
            reached.add(row.route.name)
            api.restore(template)
            came[row.route.scope] |= {(to, row.route.changes) for to in watched.permitted}
    served = {route.name for surface in wiring.SURFACES if surface.title != "git" for route in surface.routes}
    assert reached >= served
    return came


def passed_by_git(api: Api, scope: str) -> Level:
    """The highest level that the gate lets through with an app password of root's for one scope."""
    secret = f"git with {scope}"
    api.operate(
        lambda work: tokens.add(
            work, "root", secret_hash=hashing.secret_hash(secret), scopes=frozenset({scope}), label=scope
        )
    )
    passed = Level.NONE
    for level, address in GIT.items():
        original = {"X-Original-URI": address, "X-Original-Method": "POST"}
        if api(("root", secret), "GET", "/api/access/verify", headers=original).status_code == 200:
            passed = level
    return passed


def test_every_scope_says_all_that_it_lets_happen_and_nothing_else(
    api: Api, cast_template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(policy.RULES)
    monkeypatch.setattr(policy, "RULES", watched)

    happens = wants(api, cast_template, watched)

    for scope in SCOPES:
        reached = effective_scopes(frozenset({scope}))
        said = [effect for each in reached for effect in scopes.EFFECTS[each]]
        told = {(to, False) for effect in said for to in effect.reads}
        told |= {(to, True) for effect in said for to in effect.changes}
        assert told == {each for one in reached for each in happens[one]}, scope
        assert max((effect.git for effect in said), default=Level.NONE) == passed_by_git(api, scope), scope


def test_every_scope_has_a_sentence_and_synonyms_say_what_they_stand_for():
    assert scopes.EFFECTS.keys() == SCOPES.keys()
    assert all(scopes.lets({scope}) for scope in SCOPES)
    assert scopes.lets({"team:write"}) == scopes.lets({"account:write"})
    assert scopes.lets({"repository:admin"})[:2] == scopes.lets({"repository:write"})


@pytest.mark.parametrize("scope", SCOPES)
def test_the_consent_page_says_every_sentence_of_the_scopes_that_are_wanted(api: Api, scope: str) -> None:
    consumer = consuming.add(api, scopes=frozenset({scope}))

    with Visitor(api, "alice") as visitor:
        page = visitor.open(consuming.wish(consumer)).answer.text

    assert [each for each in scopes.lets(SCOPES) if f"<li>{each}</li>" in page] == list(scopes.lets({scope}))


@pytest.mark.parametrize("address", ["/me/tokens", "/accounts/alice/consumers"])
def test_pages_that_offer_scopes_say_the_same_sentences_and_offer_them_all(api: Api, address: str) -> None:
    consuming.add(api, scopes=frozenset({"repository:admin"}))

    with Visitor(api, "alice") as visitor:
        page = visitor.open(address).answer.text

    offered = [scope for scope in SCOPES if f'value="{scope}"' in page]
    assert offered == [scope for scope in SCOPES if not scope.startswith("team")]
    for sentence in scopes.lets(SCOPES):
        assert sentence in page, sentence
    for sentence in scopes.lets({"repository:admin"}):
        assert f"<li>{sentence}</li>" in page, sentence


def test_an_app_password_for_pushing_is_made_on_the_page_and_does_no_more(api: Api) -> None:
    with Visitor(api, "alice") as visitor:
        made = visitor.send(visitor.open("/me/tokens"), "/me/tokens", label="laptop", scope=["repository:write"])
    secret = made.text.split("curl -u alice:")[1].split()[0]

    def gate(address: str) -> int:
        original = {"X-Original-URI": address, "X-Original-Method": "POST"}
        return api(("alice", secret), "GET", "/api/access/verify", headers=original).status_code

    assert [gate("/acme/rocket.git/git-upload-pack"), gate("/acme/rocket.git/git-receive-pack")] == [200, 200]
    assert api(("alice", secret), "GET", f"/group-privileges/acme/{quote('rocket')}").status_code == 403


def test_the_documentation_says_the_same_sentences():
    page = (Path(__file__).parents[1] / "docs" / "api.md").read_text()

    for scope in SCOPES:
        assert f"| `{scope}` | {scopes.described(scope)} |" in page, scope
