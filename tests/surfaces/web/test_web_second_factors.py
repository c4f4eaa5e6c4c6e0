"""Second factors on pages: set one up, sign in with a code, be asked again, and be led to it if one is needed."""

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

import cast
import codes
import consuming
from browsing import Page, Visitor, done_by
from cast import Api
from onebucket.actions import second_factors, sessions
from onebucket.domain.second_factors import SecondFactor
from onebucket.domain.site_limits import DEFAULT_LIMITS

pytestmark = pytest.mark.runs_on("SQLite", "PostgreSQL")

ALICE = ("alice", cast.password("alice"))
GROUPS = "/groups/acme"


@pytest.fixture
def visitor(api: Api) -> Iterator[Visitor]:
    """A browser in which nobody has signed in."""
    with Visitor(api) as opened:
        yield opened


def code_of(factor: SecondFactor, api: Api, *, steps: int = 0) -> str:
    return codes.shown(factor, api.clock(), steps=steps)


def signed_in_with(api: Api) -> list[str]:
    return [
        session.signed_in_with.value
        for session, _ in api.operate(done_by("alice", lambda work: sessions.list_own(work)))
    ]


def sign_in(visitor: Visitor, factor: SecondFactor, *, steps: int = 0) -> Page:
    asked = visitor.sign_in("alice")
    return visitor.send(asked, "/sign-in/code", code=code_of(factor, visitor.api, steps=steps))


def test_an_app_is_set_up_and_its_code_is_asked_for_from_then_on(api: Api, visitor: Visitor) -> None:
    visitor.sign_in("alice")
    setting_up = visitor.send(visitor.open("/me/security"), "/me/security/apps", label="phone")
    id = setting_up.path.rpartition("/")[2]
    factor = api.operate(done_by("alice", lambda work: second_factors.pending_app(work, id)))

    wrong = visitor.send(setting_up, setting_up.path, code="12 34 56")
    done = visitor.send(wrong, setting_up.path, code=code_of(factor, api))
    with Visitor(api) as other:
        asked = other.sign_in("alice")
        replayed = other.send(asked, "/sign-in/code", code=code_of(factor, api))
        inside = other.send(replayed, "/sign-in/code", code=code_of(factor, api, steps=1))

    assert codes.secret_of(factor.account_id, id) in setting_up.text and "<svg" in setting_up.answer.text
    assert (wrong.status, wrong.inputs["code"]["aria-invalid"]) == (400, "true")
    assert "Keep these codes" in done.text and len(re.findall(r"\b[a-z2-7]{4}(?:-[a-z2-7]{4}){3}\b", done.text)) == 10
    assert (asked.path, replayed.status, inside.path) == ("/sign-in/code", 400, "/me")
    assert "Incorrect code." in replayed.text
    assert signed_in_with(api) == ["password and authenticator app", "password"]
    assert visitor.open(f"/me/security/apps/{id}").status == 404


def test_a_password_alone_starts_no_session_and_opens_nothing(api: Api, visitor: Visitor) -> None:
    codes.set_up(api, "alice")

    asked = visitor.sign_in("alice")

    assert asked.path == "/sign-in/code" and "onebucket_session" not in visitor.cookies
    assert visitor.open("/me").path == "/sign-in"
    assert signed_in_with(api) == []


def test_a_recovery_code_signs_in_once_to_where_they_were_going(api: Api, visitor: Visitor) -> None:
    codes.set_up(api, "alice")

    asked = visitor.send(
        visitor.open("/me/tokens"), "/sign-in", login="alice@example.com", password=cast.password("alice")
    )
    inside = visitor.send(asked, "/sign-in/code", code=codes.RECOVERY[0])
    with Visitor(api) as other:
        again = other.send(other.sign_in("alice"), "/sign-in/code", code=codes.RECOVERY[0])

    assert inside.path == "/me/tokens"
    assert "9 recovery codes left" in visitor.open("/me/security").text
    assert (again.status, "Incorrect code." in again.text) == (400, True)


def test_too_many_wrong_codes_are_answered_with_429(api: Api, visitor: Visitor) -> None:
    factor = codes.set_up(api, "alice")
    asked = visitor.sign_in("alice")

    statuses = [visitor.send(asked, "/sign-in/code", code="000000").status for _ in range(6)]
    stopped = visitor.send(asked, "/sign-in/code", code=code_of(factor, api))

    assert statuses == [400] * 5 + [429]
    assert stopped.status == 429 and 0 < int(stopped.answer.headers["Retry-After"]) <= 600


def test_what_the_browser_keeps_of_the_password_ends_with_the_password_and_with_time(
    api: Api, visitor: Visitor
) -> None:
    factor = codes.set_up(api, "alice")
    visitor.sign_in("alice")
    [name] = [name for name in visitor.cookies if name.endswith("_password")]
    kept = visitor.cookies[name]

    def opened(value: str) -> str:
        visitor.client.cookies.set(name, value)
        return visitor.open("/sign-in/code").path

    clock = api.clock
    assert opened(kept) == "/sign-in/code"
    assert opened(f"x{kept}") == opened(kept[:-4]) == opened("") == "/sign-in"
    api.clock = lambda: clock() + timedelta(minutes=10)
    assert opened(kept) == "/sign-in"
    api.clock = clock
    api.operate(
        lambda work: work.tx.connection.execute(
            f"UPDATE accounts SET password_hash = '{cast.cheap_hash('another')}' WHERE username = 'alice'"
        )
    )
    assert opened(kept) == "/sign-in"
    visitor.client.cookies.delete(name)
    assert factor.label == "phone"


def test_password_and_code_are_asked_for_again_and_nobody_is_told_which_was_wrong(api: Api, visitor: Visitor) -> None:
    factor = codes.set_up(api, "alice")
    sign_in(visitor, factor)
    page = visitor.open("/me/tokens")
    let_it_be_a_while(api)

    asked = visitor.send(page, "/me/tokens", label="backup")
    alone = visitor.send(asked, "/me/tokens", again_password=cast.password("alice"))
    wrong = [
        visitor.send(asked, "/me/tokens", again_password=password, again_code=code)
        for password, code in (("wrong", code_of(factor, api, steps=1)), (cast.password("alice"), "000000"))
    ]
    back = visitor.send(
        asked, "/me/tokens", again_password=cast.password("alice"), again_code=code_of(factor, api, steps=1)
    )

    assert {asked.status, alone.status, *(each.status for each in wrong)} == {403}
    assert ["Incorrect password or code." in each.text for each in wrong] == [True, True]
    assert back.status == 200 and back.form("/me/tokens").values["label"] == "backup"


def test_a_form_after_the_session_has_ended_needs_the_code_too(api: Api, visitor: Visitor) -> None:
    factor = codes.set_up(api, "alice")
    sign_in(visitor, factor)
    page = visitor.open("/me/tokens")
    visitor.client.cookies.clear()
    again = {"again_login": "alice", "again_password": cast.password("alice")}

    asked = visitor.send(page, "/me/tokens", label="backup")
    alone = visitor.send(asked, "/me/tokens", fields=again)
    back = visitor.send(alone, "/me/tokens", fields=again | {"again_code": code_of(factor, api, steps=1)})

    assert (asked.status, alone.status) == (403, 403) and alone.inputs["again_code"]["aria-invalid"] == "true"
    assert back.status == 200 and back.form("/me/tokens").values["label"] == "backup"


def test_changing_the_password_keeps_what_the_session_was_signed_in_with(api: Api, visitor: Visitor) -> None:
    factor = codes.set_up(api, "alice")
    sign_in(visitor, factor)

    changed = visitor.send(
        visitor.open("/me"), "/me/password", old_password=cast.password("alice"), password="another long one"
    )

    assert "Password changed" in changed.text
    assert signed_in_with(api) == ["password and authenticator app"]


def test_a_factor_is_renamed_and_removed_and_codes_are_renewed(api: Api, visitor: Visitor) -> None:
    factor = codes.set_up(api, "alice")
    sign_in(visitor, factor)

    renewed = visitor.send(visitor.open("/me/security"), "/me/security/recovery-codes")
    named = visitor.send(visitor.open(f"/me/security/{factor.id}"), f"/me/security/{factor.id}", label="tablet")
    removed = visitor.send(visitor.open(f"/me/security/{factor.id}"), f"/me/security/{factor.id}/remove")

    assert "Your old recovery codes no longer work" in renewed.text and codes.RECOVERY[0] not in renewed.text
    assert "tablet" in named.text and "Second factor renamed" in named.text
    assert "Second factor removed" in removed.text and "None yet." in removed.text


def test_site_pages_are_shown_only_after_a_second_factor_within_ten_minutes(api: Api) -> None:
    factor = codes.set_up(api, "root")
    again = {"again_password": cast.password("root"), "again_code": code_of(factor, api, steps=1)}
    with Visitor(api) as root:
        root.send(root.sign_in("root"), "/sign-in/code", code=code_of(factor, api))
        at_once = root.open("/site/letters")
        let_it_be_a_while(api)
        asked = root.open("/site/journal?event=user.added")
        wrong = root.send(asked, "/sign-in/confirm", fields=again | {"again_code": "000000"})
        shown = root.send(wrong, "/sign-in/confirm", fields=again)

    assert (at_once.path, asked.path, asked.status) == ("/site/letters", "/site/journal", 403)
    assert "This page is for site administrators" in asked.text and "Site administration" not in asked.title
    assert (wrong.status, "Incorrect password or code." in wrong.text) == (403, True)
    assert (shown.path, str(shown.answer.url.query, "ascii")) == ("/site/journal", "event=user.added")


def test_a_site_administrator_takes_a_lost_factor_away(api: Api) -> None:
    phone, tablet = codes.set_up(api, "alice"), codes.set_up(api, "alice", "tablet")
    where = "/site/people/alice"
    with Visitor(api, "root") as root:
        first = root.open(f"{where}/factors/{phone.id}")
        removed = root.send(first, f"{where}/factors/{phone.id}")
        last = root.open(f"{where}/factors/{tablet.id}")
        let_it_be_a_while(api)
        asked = root.send(last, f"{where}/factors/{tablet.id}")
        before = [each.label for each in held(api)]
        again = root.send(asked, f"{where}/factors/{tablet.id}", again_password=cast.password("root"))
        gone = root.send(again, f"{where}/factors/{tablet.id}")
        missing = root.open(f"{where}/factors/{tablet.id}")

    assert "Their other second factors and their recovery codes stay" in first.text
    assert "Second factor removed" in removed.text and "10 recovery codes left" in removed.text
    assert "Without it, their password alone signs them in, and their recovery codes end." in last.text
    assert (asked.status, "confirm that it is you" in asked.text, before) == (403, True, ["tablet"])
    assert (gone.path, held(api), missing.status) == (where, [], 404)
    with Visitor(api) as alice:
        assert alice.sign_in("alice").path == "/me"
    [*_, entry] = [row for row in api.journal() if row[1] == "second-factor.removed"]
    assert entry[0] == "root"
    told = api.operate(lambda work: work.tx.connection.execute("SELECT kind FROM letters").fetchall())
    assert [tuple(row) for row in told].count(("second-factor-removed",)) == 2


def held(api: Api) -> list[SecondFactor]:
    return list(api.operate(lambda work: second_factors.of_person(work, "alice").factors))


def let_it_be_a_while(api: Api) -> None:
    """Let every session be older than a proof counts for."""
    earlier = int((sessions.CONFIRMED + timedelta(minutes=1)).total_seconds() * 1e6)
    api.operate(lambda work: work.tx.connection.execute(f"UPDATE sessions SET created_at = created_at - {earlier}"))


# -- Basic -----------------------------------------------------------------------------------------


def verify(api: Api, who: tuple[str, str]) -> httpx.Response:
    headers = {"X-Original-URI": "/acme/rocket.git/info/refs?service=git-upload-pack", "X-Original-Method": "GET"}
    return api(who, "GET", "/api/access/verify", headers=headers)


def test_basic_with_the_password_is_refused_and_says_to_use_an_app_password(api: Api) -> None:
    addresses = (GROUPS, "/2.0/user", "/2.0/repositories/acme")
    before = [api(ALICE, "GET", each).status_code for each in addresses]
    again = [api(ALICE, "GET", each).status_code for each in addresses]
    factor = codes.set_up(api, "alice")

    after = [api(ALICE, "GET", each) for each in addresses]
    wrong = api(("alice", "wrong"), "GET", GROUPS)
    with_app_password = api("alice", "GET", "/2.0/user")
    git = verify(api, ALICE)
    api.operate(lambda work: second_factors.remove(work, "alice", factor.id))

    assert before == again == [200] * 3
    assert [each.status_code for each in (*after, git)] == [401] * 4
    assert all("use an app password instead" in each.text for each in (*after, git))
    assert wrong.status_code == 401 and "app password" not in wrong.text
    assert with_app_password.json()["has_2fa_enabled"] is True
    assert api(ALICE, "GET", "/2.0/user").json()["has_2fa_enabled"] is False


def test_the_password_grant_takes_no_password_of_whoever_has_a_second_factor(
    cast_template: Path, tmp_path: Path
) -> None:
    with closing(Api(cast.copy(cast_template, tmp_path), oauth_password_grant=True)) as api:
        consumer = consuming.add(api)
        form = {"grant_type": "password", "username": "alice", "password": cast.password("alice")}
        before = consuming.post(api, consumer, **form)
        codes.set_up(api, "alice")
        after = consuming.post(api, consumer, **form)

    assert (before.status_code, after.status_code, after.json()["error"]) == (200, 400, "invalid_grant")


def test_others_are_not_told_who_has_a_second_factor(api: Api) -> None:
    codes.set_up(api, "alice")

    told = {who: api(who, "GET", "/2.0/users/alice").json().get("has_2fa_enabled") for who in ("alice", "root", "bob")}
    members, asked = "/2.0/workspaces/acme/members", "fields=%2Bvalues.user.has_2fa_enabled"

    def listed(who: str, query: str) -> dict[str, bool | None]:
        people = [each["user"] for each in api(who, "GET", f"{members}?{query}").json()["values"]]
        return {each["username"]: each.get("has_2fa_enabled") for each in people}

    assert told == {"alice": True, "root": True, "bob": None}
    # alice administers the workspace.
    assert listed("alice", asked) == {"alice": True, "bob": False, "dora": False}
    assert listed("alice", "") == listed("bob", asked) == dict.fromkeys(("alice", "bob", "dora"))
    one = api("alice", "GET", f"{members}/bob?fields=user.has_2fa_enabled").json()
    assert one == {"user": {"has_2fa_enabled": False}}


# -- the setting -----------------------------------------------------------------------------------


@pytest.fixture
def strict(api: Api) -> Iterator[Api]:
    """A server beside the other, on the same database, where everybody must have a second factor."""
    opened = Api(api.db, site_limits=replace(DEFAULT_LIMITS, second_factor="everybody"))
    yield opened
    opened.run(opened.client.aclose())
    opened._runner.close()
    opened.server.stop()


def test_whoever_must_have_one_is_led_to_it_before_anything_else(strict: Api) -> None:
    with Visitor(strict, "alice") as visitor:
        led = visitor.open("/me/tokens")
        token = led.form("/me/security/apps").values["form_token"]
        sent = visitor.ask("POST", "/me/tokens", data={"form_token": token, "label": "x", "scope": "account"})
        setting_up = visitor.send(led, "/me/security/apps", label="phone")
        id = setting_up.path.rpartition("/")[2]
        factor = strict.operate(done_by("alice", lambda work: second_factors.pending_app(work, id)))
        refused = strict(ALICE, "GET", GROUPS)
        visitor.send(setting_up, setting_up.path, code=code_of(factor, strict))
        opened = visitor.open("/me/tokens")
    roots = codes.set_up(strict, "root")
    with Visitor(strict) as root:
        root.send(root.sign_in("root"), "/sign-in/code", code=code_of(roots, strict))
        asked = root.open(f"/site/people/alice/factors/{factor.id}")

    assert "This server wants them to have one" in asked.text
    assert led.path == "/me/security" and "wants you to have a second factor" in led.text
    assert (sent.status_code, sent.headers["Location"]) == (303, "/me/security")
    assert refused.status_code == 401 and "use an app password" in refused.text
    assert opened.path == "/me/tokens"
    assert strict("alice", "GET", GROUPS).status_code == 200
