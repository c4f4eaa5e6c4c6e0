"""What people are told that a scope lets happen is what the server lets happen with it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import pytest

import cast
import consuming
from browsing import Visitor, done_by
from cast import Api
from checkout import TOP
from onebucket import hashing
from onebucket.actions import access_requests, invitations, suggestions, tokens
from onebucket.domain import policy, scope_rules
from onebucket.domain.policy import Rule, Standing, To
from onebucket.domain.privileges import Level
from onebucket.domain.scope_rules import OFFERED, RULES, ScopeRule
from onebucket.domain.scopes import SCOPES, is_newer
from onebucket.http import wiring
from permission_matrix import GRANTED
from tests.surfaces.test_permissions import ROWS

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


def wants(api: Api, template: Path, watched: Watched) -> dict[ScopeRule, set[tuple[To, bool]]]:
    """What the policy permitted for the addresses of each rule, and whether it was for changing something."""
    [carols] = [each.id for _, each in api.operate(lambda work: invitations.found(work, account_name="acme"))]
    [alices, *_] = [each.id for each in api.operate(lambda work: tokens.of_person(work, "alice"))]
    came: dict[ScopeRule, set[tuple[To, bool]]] = defaultdict(set)
    reached = set()
    for who in ("root", "alice"):
        for row in ROWS:
            if row.scope_rule is None or row.route is None or row.statuses[who] == 403:
                continue
            address = row.path.replace("{carols}", carols).replace("{alices}", alices).replace("{doras}", "SHA256:x")
            if "{bobs}" in address:
                wish = ("acme", "website", Level.ADMIN, "to change its name")
                _, asked = api.operate(done_by("bob", lambda work, wish=wish: access_requests.ask(work, *wish)))
                address = address.replace("{bobs}", asked.id)
            watched.permitted.clear()
            api(who, row.method, address, content=row.body)
            reached.add(row.route.name)
            api.restore(template)
            came[row.scope_rule] |= {(to, row.route.changes) for to in watched.permitted}
    scoped = (surface for surface in wiring.SURFACES if surface.title != "git" and not surface.for_directories)
    served = {route.name for surface in scoped for route in surface.routes}
    assert reached >= served
    return came


def told(rule: ScopeRule) -> set[tuple[To, bool]]:
    """What the sentences of a rule say that it lets happen."""
    reads = {(to, False) for effect in rule.effects for to in effect.reads}
    return reads | {(to, True) for effect in rule.effects for to in effect.changes}


def passed_by_git(api: Api, granted: frozenset[str]) -> Level:
    """The highest level that the gate lets through with an app password of root's that has some scopes."""
    secret = f"git with {granted}"
    api.operate(
        lambda work: tokens.add(work, "root", secret_hash=hashing.secret_hash(secret), scopes=granted, label="git")
    )
    passed = Level.NONE
    for level, address in GIT.items():
        original = {"X-Original-URI": address, "X-Original-Method": "POST"}
        if api(("root", secret), "GET", "/api/access/verify", headers=original).status_code == 200:
            passed = level
    return passed


def test_every_rule_says_all_that_it_lets_happen_and_nothing_else(
    api: Api, cast_template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(policy.RULES)
    monkeypatch.setattr(policy, "RULES", watched)
    # A 404 looks for a name that may have been meant: that is no effect of a request.
    monkeypatch.setattr(suggestions, "near", lambda work, sought: None)

    happens = wants(api, cast_template, watched)

    assert happens.keys() <= set(RULES)
    assert {rule.effects: told(rule) for rule in RULES} == {rule.effects: happens[rule] for rule in RULES}


def test_git_requests_need_what_the_sentences_say(api: Api) -> None:
    for granted in GRANTED.values():
        said = [effect.git for rule in RULES if rule.allows(granted) for effect in rule.effects]
        passed = passed_by_git(api, granted)
        assert passed == max(said, default=Level.NONE), granted


def test_every_rule_has_a_sentence_and_synonyms_say_what_they_stand_for():
    assert all(rule.effects for rule in RULES) and len(set(RULES)) == len(RULES)
    assert scope_rules.lets({"team:write"}) == scope_rules.lets({"account:write"})
    assert set(scope_rules.lets({"repository:admin"})) > set(scope_rules.lets({"repository:write"}))


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.newer], ids=lambda rule: " ".join(sorted(rule.newer)))
def test_a_scope_of_the_newer_family_includes_no_other(rule: ScopeRule) -> None:
    for missing in rule.newer:
        others = frozenset(filter(is_newer, SCOPES)) - {missing}

        assert not rule.allows(others) and rule.names_for(others) == sorted(rule.newer)


@pytest.mark.parametrize("granted", [each for each in GRANTED if each != "nothing"])
def test_the_consent_page_says_every_sentence_of_the_scopes_that_are_wanted(api: Api, granted: str) -> None:
    scopes = GRANTED[granted]
    consumer = consuming.add(api, scopes=scopes)

    with Visitor(api, "alice") as visitor:
        page = visitor.open(consuming.wish(consumer)).answer.text

    assert [each for each in scope_rules.lets(SCOPES) if f"<li>{each}</li>" in page] == list(scope_rules.lets(scopes))
    assert ("do nothing on this server" in page) == (not scope_rules.lets(scopes))


@pytest.mark.parametrize("address", ["/me/tokens", "/accounts/alice/consumers"])
def test_pages_that_offer_scopes_say_the_same_sentences_and_offer_them_all(api: Api, address: str) -> None:
    consuming.add(api, scopes=frozenset({"repository:admin"}))

    with Visitor(api, "alice") as visitor:
        page = visitor.open(address).answer.text

    offered = [scope for scope in SCOPES if f'value="{scope}"' in page]
    assert offered == list(OFFERED)
    for sentence in scope_rules.lets(SCOPES):
        assert sentence in page, sentence
    for sentence in scope_rules.lets({"repository:admin"}):
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
    page = (TOP / "docs" / "api.md").read_text()

    for scope in SCOPES:
        described = scope_rules.described(scope)
        line = f"| `{scope}` | {described} |"
        assert line in page or (described.startswith("nothing") and f"`{scope}`" in page), line
