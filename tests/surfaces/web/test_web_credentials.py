"""App passwords, programs that act for somebody, and OAuth apps: seen, made and ended on pages."""

from collections.abc import Iterator

import pytest

import consuming
from browsing import Visitor, done_by
from cast import Api
from onebucket.actions import groups, passwords, tokens
from onebucket.domain.groups import AccountPrivilege
from onebucket.domain.refusals import Forbidden

pytestmark = pytest.mark.runs_on("SQLite", "PostgreSQL")


@pytest.fixture
def alice(api: Api) -> Iterator[Visitor]:
    """The browser in which alice has signed in."""
    with Visitor(api, "alice") as opened:
        yield opened


def made(alice: Visitor, **typed: str | list[str]) -> str:
    """The secret of an app password that she makes."""
    chosen: dict[str, str | list[str]] = {"label": "ci", "scope": ["account:write"]}
    page = alice.send(alice.open("/me/tokens"), "/me/tokens", **(chosen | typed))
    assert page.status == 200, page.text
    [secret] = [line.split("alice:")[1].split()[0] for line in page.text.splitlines() if "curl -u alice:" in line]
    return secret


def words(text: str) -> str:
    return " ".join(text.split())


# -- app passwords ---------------------------------------------------------------------------------


def test_an_app_password_is_shown_once_works_and_is_refused_when_it_is_revoked(api: Api, alice: Visitor) -> None:
    secret = made(alice, label="nightly copies")
    works = api(("alice", secret), "GET", "/groups/acme").status_code
    page = alice.open("/me/tokens")
    held = api.operate(lambda work: tokens.of_person(work, "alice"))
    [id] = [each.id for each in held if each.label == "nightly copies"]

    after = alice.send(page, f"/me/tokens/{id}/revoke")

    assert works == 200
    assert "nightly copies" in page.text and secret not in page.text
    assert "App password revoked" in after.text and "nightly copies" not in after.text
    assert api(("alice", secret), "GET", "/groups/acme").status_code == 401


def test_what_was_made_with_one_is_shown_as_ended_with_it(api: Api, alice: Visitor) -> None:
    secret = made(alice, label="first", scope=["app-password:write"])
    api(("alice", secret), "POST", "/api/tokens", json={"scopes": ["app-password"], "label": "second"})
    held = api.operate(lambda work: tokens.of_person(work, "alice"))
    [first] = [each.id for each in held if each.label == "first"]
    before = alice.open("/me/tokens")

    after = alice.send(before, f"/me/tokens/{first}/revoke")

    assert "ended with the app password that created it" not in before.text
    assert after.text.count("ended with the app password that created it") == 1 and "second" in after.text


def test_it_may_do_what_was_ticked_and_no_more(api: Api, alice: Visitor) -> None:
    reads = made(alice, scope=["account"])

    came = [api(("alice", reads), method, "/groups/acme", **how).status_code
            for method, how in (("GET", {}), ("POST", {"data": {"name": "x"}}))]  # fmt: skip

    assert came == [200, 403]


@pytest.mark.parametrize(("lasts", "said"), [("30", "valid until 2"), ("never", "never expires")])
def test_it_lasts_as_long_as_was_chosen(alice: Visitor, lasts: str, said: str) -> None:
    made(alice, label="it", lasts=lasts)

    text = words(alice.open("/me/tokens").text)

    assert said in text[text.index(" it account:write") :]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"label": " "}, "Enter a name"),
        ({"label": "a\u202eb"}, "label"),
        ({"scope": []}, "Choose at least one scope"),
        ({"scope": ["everything"]}, "Choose at least one scope"),
        ({"lasts": "99999999999"}, "Choose when it expires"),
    ],
)
def test_a_mistake_is_told_beside_its_field_and_nothing_is_made(
    api: Api, alice: Visitor, typed: dict[str, str | list[str]], said: str
) -> None:
    before = api.everything()

    page = alice.send(alice.open("/me/tokens"), "/me/tokens", **({"label": "ci", "scope": ["account"]} | typed))

    assert page.status == 400 and said.lower() in page.text.lower()
    assert api.everything() == before


def test_nobody_else_s_is_seen_or_revoked(api: Api, alice: Visitor) -> None:
    [id] = [each.id for each in api.operate(lambda work: tokens.of_person(work, "bob")) if each.label == "all"]

    form = alice.open("/me/tokens")
    token = form.inputs["form_token"]["value"] or ""
    answer = alice.ask("POST", f"/me/tokens/{id}/revoke", data={"form_token": token})

    assert answer.status_code == 404 and id not in form.answer.text
    assert len([each for each in api.operate(lambda work: tokens.of_person(work, "bob")) if each.id == id]) == 1


# -- programs --------------------------------------------------------------------------------------


def test_a_program_that_one_agreed_to_is_ended_with_all_its_tokens(api: Api, alice: Visitor) -> None:
    builds = consuming.add(api, "acme", label="Builds of acme")
    given = consuming.tokens(api, builds)
    page = alice.open("/me/tokens")
    [action] = [each.action for each in page.forms if "/me/programs/" in each.action]
    worked = consuming.bearer(api, given["access_token"]).status_code

    after = alice.send(page, action.removeprefix("http://onebucket.test"))

    again = consuming.post(api, builds, grant_type="refresh_token", refresh_token=given["refresh_token"])
    assert "Builds of acme of Acme" in words(page.text)
    assert worked == 200
    assert "can no longer act for you" in after.text and "Builds of acme" not in after.text
    assert consuming.bearer(api, given["access_token"]).status_code == 401
    assert again.json()["error"] == "invalid_grant"
    assert ("alice", "authorization.revoked", "alice", "Builds of acme") in api.journal()


def test_one_that_signs_with_oauth_1_is_ended_too(api: Api, alice: Visitor) -> None:
    builds = consuming.add(api)
    token = consuming.dance(api, builds)
    [action] = [each.action for each in alice.open("/me/tokens").forms if "/me/programs/" in each.action]
    worked = consuming.ask(api, builds, "/1.0/groups/acme", token=token).status_code

    alice.send(alice.open("/me/tokens"), action.removeprefix("http://onebucket.test"))

    assert (worked, consuming.ask(api, builds, "/1.0/groups/acme", token=token).status_code) == (200, 401)


def test_what_somebody_else_agreed_to_is_not_seen(api: Api) -> None:
    consuming.tokens(api, consuming.add(api))

    with Visitor(api, "bob") as bob:
        assert not [each for each in bob.open("/me/tokens").forms if "/me/programs/" in each.action]


# -- consumers -------------------------------------------------------------------------------------


def test_a_consumer_is_made_gets_a_token_and_is_revoked_with_it(api: Api, alice: Visitor) -> None:
    page = alice.send(alice.open("/accounts/acme/consumers"), "/accounts/acme/consumers",
                      label="Nightly", scope=["account"], acts_as="alice")  # fmt: skip
    [line] = [each for each in page.text.splitlines() if "client_credentials" in each]
    key, secret = line.split("-u ")[1].split()[0].split(":")
    token = consuming.post(api, (key, secret), grant_type="client_credentials").json()["access_token"]
    worked = consuming.bearer(api, token, "/groups/acme").status_code
    listed = alice.open("/accounts/acme/consumers")

    after = alice.send(listed, f"/accounts/acme/consumers/{key}/revoke")

    assert worked == 200 and "Acts on its own as alice" in words(listed.text) and secret not in listed.text
    assert "OAuth app revoked" in after.text and "Nightly" not in after.text
    assert consuming.bearer(api, token, "/groups/acme").status_code == 401


@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        ({"label": ""}, "label-error", "Enter a name"),
        ({"callback": "javascript:alert(1)"}, "callback-error", "a callback starts with"),
        ({"public": "on"}, "callback-error", "needs a callback"),
        ({"acts_as": "bob"}, "acts_as-error", ""),
        ({"acts_as": "nobody-at-all"}, "acts_as-error", ""),
        ({"acts_as": "alice", "public": "on"}, "acts_as-error", "has no secret"),
        ({"scope": []}, "scope-error", "at least one scope"),
    ],
)
def test_a_consumer_that_can_not_be_is_refused_beside_the_field(
    api: Api, alice: Visitor, typed: dict[str, str | list[str]], field: str, said: str
) -> None:
    before = api.everything()
    chosen: dict[str, str | list[str]] = {"label": "Builds", "scope": ["account"]}

    page = alice.send(alice.open("/accounts/acme/consumers"), "/accounts/acme/consumers", **(chosen | typed))

    assert page.status in (400, 403, 404) and field in page.ids
    assert said.lower() in page.text.lower()
    assert api.everything() == before


# -- being somebody --------------------------------------------------------------------------------


def test_who_administers_a_personal_account_is_not_its_owner(api: Api) -> None:
    """A group with `admin` on alice's own account administers it, but can't take her password or her addresses."""
    owned = api.operate(lambda work: groups.create(work, "alice", name="Helpers"))
    slug = owned.group.slug
    api.operate(lambda work: groups.set_account_privilege(work, "alice", slug, AccountPrivilege.ADMIN))
    api.operate(lambda work: groups.add_member(work, "alice", slug, "mallory"))
    hash = "$argon2id$v=19$m=65536,t=3,p=4$b25lYnVja2V0b25lYnVja2V0$wC0JuGdyMcC0KbC+IyvrGhVHZ1bRLTXJ7v0Q1Gv0c9s"

    with pytest.raises(Forbidden):
        api.operate(done_by("mallory", lambda work: passwords.change(work, "alice", hash)))

    assert api("alice", "GET", "/groups/alice").status_code == 200
