"""`/invitations` and `/users/{a}/invitations`: what the contract says of them (spec 5, 6)."""

from contextlib import closing
from datetime import datetime, timedelta
from urllib.parse import quote

import pytest
import yaml

from cast import BASE, Api

pytestmark = pytest.mark.runs_on("SQLite", "both")

TO_ROCKET = "/invitations/acme/rocket"
TO_GROUPS = "/users/acme/invitations"
EVE = "eve@example.net"


def invited(api: Api) -> dict[str, list[str]]:
    """Who is invited to which groups of acme, the newest first."""
    return {each["email"]: each["groups"] for each in api("alice", "GET", TO_GROUPS).json()}


def letters(api: Api) -> list[str]:
    """The addresses of the letters that wait."""
    with api.db.reading() as tx:
        rows = tx.connection.execute(
            "SELECT email FROM letters WHERE due_at IS NOT NULL ORDER BY created_at"
        ).fetchall()
    return [email for (email,) in rows]


# --- to a repository


@pytest.mark.parametrize(
    ("path", "how"),
    [
        (TO_ROCKET, {"data": {"email": EVE, "permission": "write"}}),
        (TO_ROCKET, {"json": {"email": EVE, "permission": "write"}}),
        (TO_ROCKET, {"content": f"email={EVE}&permission=write"}),
        (f"{TO_ROCKET}/", {"content": f' {{"email":"{EVE}","permission":"write"}}'}),
        (f"{TO_ROCKET}/{EVE}", {"data": {"permission": "write"}}),
        (f"{TO_ROCKET}/{quote(EVE)}/", {"json": {"permission": "write"}}),
    ],
)
@pytest.mark.runs_on("SQLite")
def test_an_address_is_invited_to_a_repository_in_every_form(api, path, how):
    answer = api("alice", "POST", path, **how)

    assert answer.status_code == 200
    assert (answer.json()["email"], answer.json()["permission"]) == (EVE, "write")
    assert api("alice", "GET", TO_ROCKET).json() == [answer.json()]
    assert letters(api) == [EVE]
    assert api.journal() == [("alice", "invitation.added", "acme", EVE)]


def test_a_repository_invitation_looks_as_documented(api):
    got = api("alice", "POST", TO_ROCKET, json={"email": EVE, "permission": "read"}).json()

    assert list(got) == ["sent_on", "utc_sent_on", "permission", "email", "invited_by", "repository"]
    assert (got["invited_by"]["username"], got["invited_by"]["resource_uri"]) == ("alice", "/1.0/users/alice")
    repository = got["repository"]
    assert list(repository) == [
        "owner", "slug", "name", "description", "website", "language", "is_private", "read_only", "deleted",
        "has_wiki", "has_issues", "no_public_forks", "is_fork", "fork_of", "is_mq", "mq_of", "email_writers",
        "email_mailinglist", "size", "created_on", "utc_created_on", "last_updated", "utc_last_updated", "resource_uri",
    ]  # fmt: skip
    assert (repository["owner"], repository["slug"], repository["is_private"]) == ("acme", "rocket", True)
    assert repository["resource_uri"] == "/1.0/repositories/acme/rocket"


@pytest.mark.parametrize(("style", "form"), [("plain", "%Y-%m-%d %H:%M:%S"), ("iso", "%Y-%m-%dT%H:%M:%S.%f")])
@pytest.mark.runs_on("SQLite")
def test_the_twins_of_a_time_are_one_instant(api, style, form):
    with closing(Api(api.db, amsterdam_times=style)) as served:
        got = served("alice", "POST", TO_ROCKET, json={"email": EVE, "permission": "read"}).json()

    for amsterdam, utc in (
        (got["sent_on"], got["utc_sent_on"]),
        (got["repository"]["created_on"], got["repository"]["utc_created_on"]),
        (got["repository"]["last_updated"], got["repository"]["utc_last_updated"]),
    ):
        assert utc.endswith("+00:00") and len(utc) == 25
        there = datetime.strptime(amsterdam, form).replace(microsecond=0)
        assert there - datetime.fromisoformat(utc).replace(tzinfo=None) in (timedelta(hours=1), timedelta(hours=2))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"permission": "read"}, "email is missing"),
        ({"email": "", "permission": "read"}, "email is missing"),
        ({"email": EVE}, "permission is missing"),
        ({"email": EVE, "permission": "owner"}, "the permission must be read, write or admin"),
        ({"email": EVE, "permission": "none"}, "the permission must be read, write or admin"),
        ({"email": "eve", "permission": "read"}, "that is not an e-mail address"),
        ({"email": "eve @example.net", "permission": "read"}, "that is not an e-mail address"),
        ({"email": f"{EVE}\r\nBcc: all@example.net", "permission": "read"}, "that is not an e-mail address"),
        ({"email": f"{'e' * 300}@example.net", "permission": "read"}, "the e-mail address is longer than 254"
         " characters"),
        ({"email": [EVE], "permission": "read"}, "email must be a single string"),
        ({"email": {"a": EVE}, "permission": "read"}, "email must be a single string"),
    ],
)  # fmt: skip
@pytest.mark.runs_on("SQLite")
def test_what_cannot_be_meant_is_refused_and_nothing_is_changed(api, fields, sentence):
    before = api.everything()

    answer = api("alice", "POST", TO_ROCKET, json=fields)

    assert (answer.status_code, answer.text) == (400, f"Bad Request: {sentence}.")
    assert api.everything() == before


@pytest.mark.runs_on("SQLite")
def test_addresses_given_twice_are_refused_in_forms_too(api):
    answer = api("alice", "POST", TO_ROCKET, content=f"email={EVE}&email=mallory@example.net&permission=read")

    assert (answer.status_code, answer.text) == (400, "Bad Request: email is given more than once.")
    assert letters(api) == []


def test_nobody_is_invited_to_read_what_everybody_reads(api):
    refused = api("alice", "POST", "/invitations/acme/website", json={"email": EVE, "permission": "read"})
    granted = api("alice", "POST", "/invitations/acme/website", json={"email": EVE, "permission": "write"})

    assert refused.text == "Bad Request: everybody may read a public repository; invite to write or admin."
    assert (refused.status_code, granted.status_code) == (400, 200)


@pytest.mark.parametrize(
    ("email", "permission", "status"),
    [
        (EVE, "write", 409),  # invited already
        ("EVE@example.net", "read", 409),
        ("bob@example.com", "read", 409),  # has write, through designers
        ("bob@example.com", "write", 409),
        ("bob@example.com", "admin", 200),
        ("alice@example.com", "admin", 409),  # administers the account
        ("mallory@example.com", "read", 200),
    ],
)
def test_whoever_is_invited_or_has_that_much_is_a_duplicate(api, email, permission, status):
    api("alice", "POST", TO_ROCKET, json={"email": EVE, "permission": "read"})

    answer = api("alice", "POST", TO_ROCKET, json={"email": email, "permission": permission})

    assert answer.status_code == status
    if status == 409:
        assert (answer.text, answer.headers["content-type"]) == ("Conflict/Duplicate", "text/plain; charset=utf-8")


@pytest.mark.runs_on("SQLite")
def test_an_invitation_whose_link_is_not_good_any_more_is_sent_again(api):
    first = api("alice", "POST", TO_ROCKET, json={"email": EVE, "permission": "read"}).json()
    with api.db.writing() as tx:
        tx.connection.execute("UPDATE invitations SET expires_at = 1 WHERE email = ?", [EVE])

    again = api("alice", "POST", TO_ROCKET, json={"email": EVE, "permission": "write"})

    assert (again.status_code, again.json()["permission"]) == (200, "write")
    assert again.json()["utc_sent_on"] >= first["utc_sent_on"]
    assert api("alice", "GET", TO_ROCKET).json() == [again.json()]
    assert letters(api) == [EVE, EVE]


@pytest.mark.parametrize(
    ("path", "how"),
    [
        (f"{TO_ROCKET}/{EVE}", {}),
        (TO_ROCKET, {"json": {"email": EVE}}),
        (TO_ROCKET, {"content": f"email={EVE}"}),
        (f"{TO_ROCKET}?email={EVE}", {}),
        (f"{TO_ROCKET}/?email={EVE}", {"json": {"email": EVE}}),
    ],
)
def test_an_invitation_to_a_repository_is_withdrawn_in_every_form(api, path, how):
    api("alice", "POST", TO_ROCKET, json={"email": EVE, "permission": "read"})

    gone = api("alice", "DELETE", path, **how)
    again = api("alice", "DELETE", path, **how)

    assert (gone.status_code, gone.content) == (204, b"")
    assert (again.status_code, again.text) == (404, "Not Found")
    assert api("alice", "GET", TO_ROCKET).json() == []


def test_a_delete_that_names_two_addresses_is_refused(api):
    answer = api("alice", "DELETE", f"{TO_ROCKET}?email={EVE}", json={"email": "mallory@example.net"})

    assert (answer.status_code, answer.text) == (400, "Bad Request: email is given more than once.")


# --- to groups


@pytest.mark.parametrize("path", [TO_GROUPS, f"{TO_GROUPS}/"])
def test_the_list_of_group_invitations_has_an_address_with_and_without_a_slash(api, path):
    api("alice", "PUT", TO_GROUPS, json={"email": EVE, "group_slug": "developers"})

    answer = api("alice", "GET", path)

    assert [(each["email"], each["groups"]) for each in answer.json()] == [
        (EVE, ["acme/developers"]),
        ("carol@example.net", ["acme/designers"]),
    ]
    assert list(answer.json()[0]) == ["groups", "invited_by", "utc_sent_on", "email"]


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize(
    "how",
    [
        {"json": {"email": EVE, "group_slug": "developers"}},
        {"json": {"email": EVE, "group_slug": "acme/developers"}},
        {"data": {"email": EVE, "group_slug": "developers"}},
        {"content": f"email={EVE}&group_slug=acme/developers"},
    ],
)
@pytest.mark.runs_on("SQLite")
def test_an_address_is_invited_to_a_group_in_every_form(api, method, how):
    answer = api("alice", method, TO_GROUPS, **how)

    assert (answer.status_code, answer.json()["groups"]) == (200, ["acme/developers"])
    assert letters(api) == [EVE]
    assert api.journal() == [("alice", "invitation.added", "acme", EVE)]


@pytest.mark.parametrize("format", ["json", "xml", "yaml"])
def test_the_old_forms_answer_in_two_words(api, format):
    path = f"{TO_GROUPS}/{EVE}/acme/developers?format={format}"

    answers = [api("alice", method, path) for method in ("GET", "PUT", "GET", "DELETE", "GET")]

    assert [(answer.status_code, answer.text) for answer in answers] == [
        (404, "Not Found"), (200, "OK"), (200, "OK"), (204, ""), (404, "Not Found"),
    ]  # fmt: skip
    assert {answer.headers["content-type"] for answer in answers[:3]} == {"text/plain; charset=utf-8"}


def test_one_address_is_shown_as_an_object_or_not_found(api):
    answers = [api("alice", "GET", f"{TO_GROUPS}/{email}") for email in ("carol@example.net", EVE)]
    in_yaml = api("alice", "GET", f"{TO_GROUPS}/carol@example.net?format=yaml")

    assert answers[0].json()["groups"] == ["acme/designers"]
    assert (answers[1].status_code, answers[1].text) == (404, "Not Found")
    assert yaml.safe_load(in_yaml.text) == answers[0].json()


@pytest.mark.runs_on("SQLite")
def test_a_second_group_joins_the_invitation(api):
    for slug in ("developers", "designers"):
        api("alice", "PUT", TO_GROUPS, json={"email": "Carol@Example.NET", "group_slug": slug})

    assert invited(api) == {"carol@example.net": ["acme/designers", "acme/developers"]}
    # As the address was spelled when it was invited first: that is whose mailbox it is.
    assert letters(api) == ["carol@example.net", "carol@example.net"]


@pytest.mark.runs_on("SQLite")
def test_inviting_again_sends_again(api):
    with api.db.writing() as tx:
        tx.connection.execute("UPDATE invitations SET sent_at = 1000000")

    answer = api("alice", "PUT", TO_GROUPS, json={"email": "carol@example.net", "group_slug": "designers"})

    assert answer.json()["utc_sent_on"] > "2026"
    assert letters(api) == ["carol@example.net"]
    assert api.journal() == [("alice", "invitation.sent", "acme", "carol@example.net")]


@pytest.mark.parametrize(
    ("fields", "status", "text"),
    [
        ({"group_slug": "designers"}, 400, "Bad Request: email is missing."),
        ({"email": EVE}, 400, "Bad Request: group_slug is missing."),
        ({"email": "eve", "group_slug": "designers"}, 400, "Bad Request: that is not an e-mail address."),
        ({"email": [EVE], "group_slug": "designers"}, 400, "Bad Request: email must be a single string."),
        ({"email": EVE, "group_slug": "nothing"}, 404, "No Group matches the given query."),
        ({"email": EVE, "group_slug": "Designers"}, 404, "No Group matches the given query."),
        ({"email": EVE, "group_slug": "globex/developers"}, 404, "Not Found: the group is not one of acme."),
        ({"email": "bob@example.com", "group_slug": "designers"}, 409, "Conflict/Duplicate"),
    ],
)
@pytest.mark.runs_on("SQLite")
def test_what_cannot_be_meant_for_a_group_is_refused_and_nothing_is_changed(api, fields, status, text):
    before = api.everything()

    answer = api("alice", "PUT", TO_GROUPS, json=fields)

    assert (answer.status_code, answer.text) == (status, text)
    assert api.everything() == before


@pytest.mark.parametrize(
    ("path", "how", "left"),
    [
        (TO_GROUPS, {"json": {"email": EVE}}, None),
        (TO_GROUPS, {"content": f"email={EVE}"}, None),
        (f"{TO_GROUPS}?email={EVE}", {}, None),
        (f"{TO_GROUPS}/{EVE}", {}, None),
        (TO_GROUPS, {"json": {"email": EVE, "group_slug": "designers"}}, ["acme/developers"]),
        (TO_GROUPS, {"content": f"email={EVE}&group_slug=acme/designers"}, ["acme/developers"]),
        (f"{TO_GROUPS}?email={EVE}&group_slug=designers", {}, ["acme/developers"]),
        (f"{TO_GROUPS}/{EVE}/acme/designers", {}, ["acme/developers"]),
    ],
)
def test_an_invitation_to_groups_is_withdrawn_in_every_form(api, path, how, left):
    for slug in ("designers", "developers"):
        api("alice", "PUT", TO_GROUPS, json={"email": EVE, "group_slug": slug})

    gone = api("alice", "DELETE", path, **how)
    again = api("alice", "DELETE", path, **how)

    assert (gone.status_code, gone.content) == (204, b"")
    assert (again.status_code, again.text) == (404, "Not Found")
    assert invited(api).get(EVE) == left


def test_with_its_last_group_an_invitation_goes(api):
    api("alice", "DELETE", f"{TO_GROUPS}/carol@example.net/acme/designers")

    assert invited(api) == {}
    assert api.journal() == [("alice", "invitation.withdrawn", "acme", "carol@example.net")]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"{TO_ROCKET}/{EVE}"),
        ("DELETE", f"{TO_ROCKET}/{EVE}"),
        ("GET", f"{TO_GROUPS}/{EVE}"),
        ("DELETE", f"{TO_GROUPS}/{EVE}"),
        ("GET", f"{TO_GROUPS}/{EVE}/acme/designers"),
        ("PUT", f"{TO_GROUPS}/{EVE}/acme/designers"),
        ("DELETE", f"{TO_GROUPS}/{EVE}/acme/designers"),
    ],
)
@pytest.mark.runs_on("SQLite")
def test_addresses_in_paths_can_be_refused(api, method, path):
    with closing(Api(api.db, email_in_path="reject")) as served:
        answer = served("alice", method, path, data={"permission": "read"} if method == "POST" else None)

    assert (answer.status_code, answer.text) == (400, "Email cannot be in path")


# --- pending people beside members


@pytest.mark.parametrize("path", ["/groups", "/groups?group=acme/designers", "/groups/acme", "/groups/acme/designers"])
def test_administrators_see_who_is_invited_to_a_group_when_they_ask(api, path):
    plain = api("alice", "GET", path).text
    got = api("alice", "GET", f"{path}{'&' if '?' in path else '?'}include=pending").json()
    designers = next(each for each in (got if isinstance(got, list) else [got]) if each["slug"] == "designers")

    assert "pending" not in plain
    assert [each["email"] for each in designers["pending"]] == ["carol@example.net"]
    assert list(designers["pending"][0]) == ["email", "invited_by", "utc_sent_on"]


def test_members_do_not_see_who_is_invited(api):
    answers = [api("bob", "GET", f"/groups{path}?include=pending") for path in ("", "/acme", "/acme/designers")]

    assert {answer.status_code for answer in answers} == {200}
    assert [answer.text for answer in answers if "carol" in answer.text or "pending" in answer.text] == []


# --- as first-class things


@pytest.mark.runs_on("SQLite")
def test_a_pending_invitation_tells_all_that_is_known_of_it(api):
    api("alice", "POST", TO_ROCKET, json={"email": EVE, "permission": "write"})

    eves, carols = api("alice", "GET", "/api/invitations?account=acme").json()

    assert list(eves) == [
        "id", "account", "email", "groups", "repository", "permission", "invited_by", "sent_on", "expires_on",
        "letter", "trouble", "opened_on",
    ]  # fmt: skip
    assert (eves["repository"], eves["permission"], eves["letter"]) == ("acme/rocket", "write", "waiting")
    assert (carols["groups"], carols["letter"], carols["opened_on"]) == (["acme/designers"], "not-sent", None)
    assert datetime.fromisoformat(eves["expires_on"]) - datetime.fromisoformat(eves["sent_on"]) == timedelta(days=7)


def test_one_address_is_found_in_all_accounts_by_whoever_runs_the_site(api):
    api("gina", "PUT", "/users/globex/invitations", json={"email": "carol@example.net", "group_slug": "developers"})

    found = api("root", "GET", "/api/invitations?email=CAROL@example.net").json()

    assert [each["account"] for each in found] == ["globex", "acme"]
    assert api("alice", "GET", "/api/invitations?email=carol@example.net").status_code == 403
    assert len(api("alice", "GET", "/api/invitations?email=carol@example.net&account=acme").json()) == 1


@pytest.mark.runs_on("SQLite")
def test_resending_makes_another_letter_and_counts_from_now(api):
    [carols] = api("alice", "GET", "/api/invitations?account=acme").json()
    with api.db.writing() as tx:
        tx.connection.execute("UPDATE invitations SET expires_at = 1")

    answer = api("alice", "POST", f"/api/invitations/{carols['id']}/resend")

    assert (answer.status_code, answer.json()["letter"]) == (200, "waiting")
    assert answer.json()["expires_on"] > carols["sent_on"]
    assert letters(api) == ["carol@example.net"]


@pytest.mark.runs_on("SQLite")
def test_so_many_letters_a_day_and_then_not(api):
    with api.db.writing() as tx:
        for number in range(50):
            tx.connection.execute(
                "INSERT INTO letters SELECT account_id, ?, 'invitation', id, id, email, email_key, ?, NULL, 1, 1, NULL "
                "FROM invitations",
                [f"letter-{number}", int((datetime.now().timestamp() - 3600) * 1e6)],
            )

    answer = api("alice", "PUT", TO_GROUPS, json={"email": "carol@example.net", "group_slug": "designers"})
    other = api("alice", "PUT", TO_GROUPS, json={"email": EVE, "group_slug": "designers"})

    assert (answer.status_code, answer.text) == (429, "Rate limit for this resource has been exceeded")
    assert 80_000 < int(answer.headers["retry-after"]) <= 82_800
    assert other.status_code == 200


@pytest.mark.parametrize("format", ["xml", "yaml"])
def test_invitations_come_in_every_format(api, format):
    api("alice", "POST", TO_ROCKET, json={"email": EVE, "permission": "write"})

    answers = [api("alice", "GET", f"{path}?format={format}") for path in (TO_ROCKET, TO_GROUPS)]

    assert {answer.status_code for answer in answers} == {200}
    if format == "yaml":
        assert yaml.safe_load(answers[0].text) == api("alice", "GET", TO_ROCKET).json()
    assert BASE in answers[0].text
