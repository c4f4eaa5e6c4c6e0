"""Groups over HTTP: making, changing, renaming and deleting them, told in every form of body (G3, G5, G6)."""

import re

import pytest

from cast import Api
from onebucket.actions import account_snapshot, invitations
from onebucket.domain.privileges import Level

pytestmark = pytest.mark.runs_on("SQLite", "both", "split", "streamed")

FORM = "application/x-www-form-urlencoded"
TOLD = ["name", "slug", "permission", "auto_add", "email_forwarding_disabled"]
NO_GROUP = "No Group matches the given query."


# --- G3 and G5: the bodies that say what a group is to be

MULTIPART = (
    b'--f\r\nContent-Disposition: form-data; name="name"\r\n\r\nNight Crew\r\n'
    b'--f\r\nContent-Disposition: form-data; name="permission"; filename="x"\r\n\r\nadmin\r\n'
    b'--f\r\nContent-Disposition: form-data; name="permission"\r\n\r\nwrite\r\n'
    b'--f\r\nContent-Disposition: form-data; name="auto_add"\r\n\r\ntrue\r\n--f--\r\n'
)
JSON = b'{"name": "Night Crew", "permission": "write", "auto_add": true}'
BODIES = [
    (b"name=Night+Crew&permission=write&auto_add=true", FORM),
    (b"name=Night%20Crew&permission=write&auto_add=on", FORM + "; charset=utf-8"),
    (b"name=Night Crew&permission=write&auto_add=1", None),
    (b"name=Night Crew&permission=write&auto_add=True", "text/plain"),
    (JSON, "application/json"),
    (JSON, "application/json; charset=utf-8; odata=verbose"),
    (JSON, FORM),
    (b" \r\n\t" + JSON, "text/plain"),
    (JSON, None),
    (JSON, "application/xml"),
    (MULTIPART, "multipart/form-data; boundary=f"),
]


@pytest.mark.parametrize(("body", "kind"), BODIES)
@pytest.mark.parametrize(("method", "path"), [("POST", "acme"), ("PUT", "acme/designers"), ("POST", "acme/designers")])
def test_a_group_can_be_told_in_every_form_of_body(
    api: Api, method: str, path: str, body: bytes, kind: str | None
) -> None:
    headers = {"Content-Type": kind} if kind else {}

    answer = api("alice", method, f"/groups/{path}", content=body, headers=headers)

    assert answer.status_code == 200, answer.text
    told = [answer.json()[key] for key in TOLD]
    assert told == ["Night Crew", "night-crew", "write", True, False]
    assert api("alice", "GET", "/groups/acme/night-crew").json() == answer.json()


@pytest.mark.parametrize("kind", [None, FORM, "text/plain", "application/json"])
@pytest.mark.parametrize("body", [b"", b"{}", b"*", b" \n"])
def test_an_empty_change_keeps_name_and_permission_and_lowers_the_flags(
    api: Api, body: bytes, kind: str | None
) -> None:
    flags = {"auto_add": "true", "email_forwarding_disabled": "true", "permission": "read"}
    assert api("alice", "PUT", "/groups/acme/designers", data=flags).json()["auto_add"] is True

    answer = api("alice", "PUT", "/groups/acme/designers", content=body, headers={"Content-Type": kind} if kind else {})

    assert answer.status_code == 200
    assert [answer.json()[key] for key in TOLD] == ["Designers", "designers", "read", False, False]


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b"{}", "read"),
        (b"name=Designers", "read"),
        (b'{"permission": "admin"}', "admin"),
        (b"permission=write", "write"),
        (b'{"permission": null}', None),
        (b'{"permission": ""}', None),
        (b'{"permission": "none"}', None),
        (b"permission=", None),
        (b"permission=none", None),
    ],
)
def test_a_permission_is_kept_when_omitted_and_cleared_when_empty(
    api: Api, method: str, body: bytes, kept: str | None
) -> None:
    api("alice", "PUT", "/groups/acme/designers", data={"permission": "read"})

    assert api("alice", method, "/groups/acme/designers", content=body).json()["permission"] == kept
    assert api("bob", "GET", "/groups/acme/designers").json()["permission"] == kept


@pytest.mark.parametrize("word", ["read", "write", "admin"])
def test_a_group_can_be_made_with_everything_it_may_have(api: Api, word: str) -> None:
    wanted = {"name": "Crew", "permission": word, "auto_add": "on", "email_forwarding_disabled": "1"}

    made = api("alice", "POST", "/groups/acme", data=wanted).json()

    assert [made[key] for key in TOLD] == ["Crew", "crew", word, True, True]


APPLIED_NEVER = {
    "owner": "globex", "uuid": "{00000000-0000-4000-8000-000000000000}", "id": "1", "is_staff": True,
    "site_admin": True, "members": ["mallory"], "account_privilege": "admin", "account_id": "x", "slug": "chosen",
}  # fmt: skip


@pytest.mark.parametrize(("method", "path"), [("POST", "acme"), ("PUT", "acme/designers"), ("POST", "acme/designers")])
@pytest.mark.parametrize("as_json", [True, False])
def test_unknown_fields_are_ignored_and_never_applied(api: Api, method: str, path: str, as_json: bool) -> None:
    body = {"name": "Crew", **APPLIED_NEVER}
    people_before = api.operate(account_snapshot.everyone)
    globex_before = api.operate(lambda work: account_snapshot.snapshot_of(work, "globex"))

    how = {"json": body} if as_json else {"data": {name: str(value) for name, value in body.items()}}
    changed = api("alice", method, f"/groups/{path}", **how).json()

    assert (changed["slug"], changed["owner"]["username"]) == ("crew", "acme")
    assert "mallory" not in api.members("crew")
    roster = next(
        each
        for each in api.operate(lambda work: account_snapshot.snapshot_of(work, "acme")).rosters
        if each.group.slug == "crew"
    )
    assert roster.group.account_privilege is None
    assert api.operate(account_snapshot.everyone) == people_before
    assert api.operate(lambda work: account_snapshot.snapshot_of(work, "globex")) == globex_before


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "name is missing"),
        ({"name": ""}, "name is missing"),
        ({"name": " \t"}, "name is missing"),
        ({"name": "designers"}, "the account has a group with the slug 'designers' already"),
        ({"name": "¡DESIGNERS!"}, "the account has a group with the slug 'designers' already"),
        ({"name": "?!"}, "name has no letter or digit to make a slug from"),
        ({"name": "x", "permission": "owner"}, "the permission must be read, write, admin or none"),
        ({"name": "x", "permission": "Read"}, "the permission must be read, write, admin or none"),
        ({"name": "x", "auto_add": "maybe"}, "auto_add must be true or false"),
    ],
)
@pytest.mark.runs_on("SQLite", "streamed")
def test_a_group_that_cannot_be_meant_is_not_made(api: Api, body: dict[str, str], sentence: str) -> None:
    before = api.everything()

    answer = api("alice", "POST", "/groups/acme", data=body)

    assert (answer.status_code, answer.text) == (400, f"Bad Request: {sentence}.")
    assert api.everything() == before


# --- G5: renaming


def test_renaming_changes_the_slug_and_the_old_one_stops_resolving(api: Api) -> None:
    renamed = api("alice", "PUT", "/groups/acme/designers", json={"name": "Équipe 7 (été)"}).json()

    assert (renamed["name"], renamed["slug"]) == ("Équipe 7 (été)", "equipe-7-ete")
    assert [user["username"] for user in renamed["members"]] == ["bob"]
    assert api("alice", "GET", "/groups/acme/designers").text == NO_GROUP
    assert api("bob", "GET", "/groups/acme/equipe-7-ete").json() == renamed
    assert api("alice", "POST", "/groups/acme", data={"name": "Designers"}).status_code == 200


@pytest.mark.parametrize("name", ["Designers", "DESIGNERS", "  Designers "])
def test_renaming_a_group_to_its_own_name_is_no_collision(api: Api, name: str) -> None:
    answer = api("alice", "PUT", "/groups/acme/designers", data={"name": name})

    assert (answer.status_code, answer.json()["name"], answer.json()["slug"]) == (200, name.strip(), "designers")


@pytest.mark.runs_on("SQLite", "streamed")
def test_renaming_a_group_to_the_name_of_another_is_refused(api: Api) -> None:
    before = api.everything()

    answer = api("alice", "PUT", "/groups/acme/designers", data={"name": "developers"})

    assert answer.status_code == 400
    assert answer.text == "Bad Request: the account has a group with the slug 'developers' already."
    assert api.everything() == before


# --- G6: deleting


def test_a_deleted_group_takes_its_members_and_privileges_with_it(api: Api) -> None:
    assert (
        api.operate(lambda work: account_snapshot.snapshot_of(work, "acme")).grants["rocket"].groups["designers"]
        is Level.WRITE
    )

    answer = api("alice", "DELETE", "/groups/acme/designers")

    assert (answer.status_code, answer.content) == (204, b"")
    assert api("alice", "GET", "/groups/acme/designers").text == NO_GROUP
    assert api("alice", "DELETE", "/groups/acme/designers").text == NO_GROUP
    assert api("alice", "POST", "/groups/acme", data={"name": "Designers"}).json()["members"] == []
    acme = api.operate(lambda work: account_snapshot.snapshot_of(work, "acme"))
    assert "designers" not in acme.grants["rocket"].groups


def test_invitations_lose_a_deleted_group_and_vanish_with_the_last(api: Api) -> None:
    both = ["designers", "developers"]
    api.operate(lambda work: invitations.set_groups(work, "acme", "dan@example.net", both, inviter="alice"))

    api("alice", "DELETE", "/groups/acme/designers")

    pending = api.operate(lambda work: account_snapshot.snapshot_of(work, "acme")).invitations
    assert [(each.email, each.groups) for each in pending] == [("dan@example.net", ("developers",))]


@pytest.mark.runs_on("SQLite", "streamed")
def test_the_group_of_the_last_administrator_stays(api: Api) -> None:
    before = api.everything()

    answer = api("alice", "DELETE", "/groups/acme/administrators")

    assert answer.status_code == 400
    assert answer.text == ("Bad Request: can't delete administrators: the team would be left without an administrator.")
    assert api.everything() == before


# -- slugs of names in other scripts ---------------------------------------------------------------


def test_a_group_whose_name_has_nothing_latin_can_exist_and_takes_no_others_slug(api: Api) -> None:
    made = [api("alice", "POST", "/groups/acme/", data={"name": name}) for name in ("Ops", "Ελλάδα ops", "运维", "🚀")]
    same = api("alice", "POST", "/groups/acme/", data={"name": "Ellada Ops"})

    assert [answer.json()["slug"] for answer in made[:3]] == ["ops", "ellada-ops", "yunwei"]
    assert re.fullmatch("group-[0-9a-f]{6}", made[3].json()["slug"])
    assert same.status_code == 400


@pytest.mark.runs_on("SQLite", "streamed")
def test_a_group_from_before_keeps_its_slug_as_long_as_its_name_stays(api: Api) -> None:
    api("alice", "POST", "/groups/acme/", data={"name": "Ελλάδα ops"})
    api.operate(lambda work: work.tx.connection.execute("UPDATE groups SET slug = 'ops' WHERE slug = 'ellada-ops'"))

    kept = api("alice", "PUT", "/groups/acme/ops", json={"name": "Ελλάδα ops", "permission": "read"})
    renamed = api("alice", "PUT", "/groups/acme/ops", json={"name": "Ελλάδα"})

    assert (kept.json()["slug"], kept.json()["permission"]) == ("ops", "read")
    assert renamed.json()["slug"] == "ellada"
