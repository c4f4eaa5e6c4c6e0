"""What a directory may do with the people and groups of a team, and what its ownership means everywhere else."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

import cast
from cast import Api
from directory import Provider
from onebucket.actions import accounts, directories, groups, outbox
from onebucket.domain.groups import AccountPrivilege
from onebucket.domain.letters import MailKind
from onebucket.domain.refusals import Forbidden
from onebucket.transfer import apply, document


def disable(okta: Provider, person: dict[str, Any], *, active: bool = False) -> Any:
    return okta.patch(f"/Users/{person['id']}", {"op": "replace", "value": {"active": active}})


# -- people ----------------------------------------------------------------------------------------


@pytest.mark.runs_on("SQLite", "PostgreSQL")
def test_whom_the_directory_disables_is_out_at_once_and_comes_back_with_everything(okta: Provider, api: Api) -> None:
    bob = okta.add_user("bob@example.com")
    assert api("bob", "GET", "/groups/acme").status_code == 200
    before = api.members("designers")

    disabled = disable(okta, bob)

    assert (disabled.status_code, disabled.json()["active"]) == (200, False)
    assert api("bob", "GET", "/groups/acme").status_code == 401
    assert api(("bob", cast.password("bob")), "GET", "/groups/acme").status_code == 401
    assert okta("GET", f"/Users/{bob['id']}").json()["active"] is False
    assert disable(okta, bob, active=True).json()["active"] is True
    assert api("bob", "GET", "/groups/acme").status_code == 200
    assert api.members("designers") == before
    told = [(actor, event) for actor, event, account, _ in api.journal() if account == "bob"]
    assert told == [("directory okta", "user.disabled"), ("directory okta", "user.enabled")]


@pytest.mark.parametrize("user_name", ["bob", "BOB", "bob@example.com", "Bob@Example.com"])
def test_somebody_with_an_address_in_a_proved_domain_is_linked(okta: Provider, api: Api, user_name: str) -> None:
    linked = okta.add_user(user_name, displayName="Robert")

    assert linked["userName"] == user_name
    assert api("root", "GET", "/users/bob").json()["user"]["display_name"] == "Bob Example"
    assert ("directory okta", "directory-person.linked", "acme", "okta") in api.journal()
    again = okta("POST", "/Users", {"userName": user_name.swapcase()})
    assert (again.status_code, again.json()["scimType"]) == (409, "uniqueness")


@pytest.mark.parametrize(
    "attributes",
    [
        {"userName": "bob"},
        {"userName": "bob@example.com"},
        {"userName": "somebody", "emails": [{"value": "BOB@example.com"}]},
        {"userName": "acme"},
    ],
)
def test_nobody_is_linked_without_a_proof(api: Api, attributes: dict[str, Any]) -> None:
    unproved = Provider(api, domains=["other.example"])
    before = api.everything()

    answer = unproved("POST", "/Users", attributes)

    assert (answer.status_code, answer.json()["scimType"]) == (409, "uniqueness")
    assert api.everything() == before


def test_an_address_that_looks_like_somebodys_links_nobody(okta: Provider, api: Api) -> None:
    api.operate(lambda work: accounts.add_user(work, "fiona", email="fiona@example.com"))

    answer = okta("POST", "/Users", {"userName": "f1", "emails": [{"value": "ﬁona@example.com"}]})

    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")


def test_a_new_person_gets_a_free_username_and_only_addresses_of_proved_domains(okta: Provider, api: Api) -> None:
    okta.add_user("alice@corp.example", emails=[{"value": "a@example.com"}, {"value": "victim@other.example"}])

    person = api.operate(lambda work: accounts.profile(work, "alice-2"))

    assert [email.address for email in person.emails] == ["a@example.com"]
    assert not person.has_password


def test_an_address_follows_the_directory_for_those_it_brought_but_not_for_those_it_linked(
    okta: Provider, api: Api
) -> None:
    brought, linked = okta.add_user("new@example.com"), okta.add_user("bob@example.com")

    for person, address in ((brought, "newer@example.com"), (linked, "bobby@example.com")):
        okta.patch(
            f"/Users/{person['id']}", {"op": "replace", "value": {"userName": address, "displayName": "Another"}}
        )

    told = {name: api.operate(lambda work, name=name: accounts.profile(work, name)) for name in ("new", "bob")}
    assert [email.address for email in told["new"].emails if email.is_primary] == ["newer@example.com"]
    assert [email.address for email in told["bob"].emails] == ["bob@example.com"]
    assert [each.account.display_name for each in told.values()] == ["Another", "Bob Example"]


def test_a_site_administrator_is_never_disabled(okta: Provider, api: Api) -> None:
    root = okta.add_user("root@example.com")
    before = api.everything()

    for answer in (disable(okta, root), okta("DELETE", f"/Users/{root['id']}")):
        assert (answer.status_code, answer.json()["status"]) == (403, "403")
        assert "site administrator" in answer.json()["detail"]
    assert api.everything() == before


def test_the_last_administrator_cannot_be_taken(okta: Provider, api: Api) -> None:
    alice = okta.add_user("alice@example.com")
    # Site administrators are told of the first time.
    disable(okta, alice)
    api.attempts()
    before = api.everything()

    for answer in (
        disable(okta, alice),
        okta.patch(f"/Users/{alice['id']}", {"op": "replace", "value": {"title": "X", "active": False}}),
        okta("DELETE", f"/Users/{alice['id']}"),
    ):
        assert answer.status_code == 409
        assert answer.json()["detail"] == ("Can't disable alice: the team would be left without an administrator.")
    assert api.everything() == before
    assert [each["actor"] for each in api.attempts()] == ["directory okta"] * 4


@pytest.mark.runs_on("SQLite", "PostgreSQL")
def test_site_administrators_are_told_once_a_day_of_a_last_administrator_who_cannot_be_taken(
    okta: Provider, api: Api
) -> None:
    api.operate(lambda work: accounts.add_user(work, "gone", email="gone@example.com", site_admin=True))
    api.operate(lambda work: accounts.set_active(work, "gone", False))
    alice = okta.add_user("alice@example.com")
    now = datetime.now(UTC)
    told = []

    for hours in (0, 1, 23, 25, 26):
        api.clock = partial(now.__add__, timedelta(hours=hours))
        disable(okta, alice)
        api.attempts()
        letters = api.operate(outbox.newest)
        told.append([mail.email for _, mail in letters if mail.kind is MailKind.DIRECTORY_STUCK])

    assert told == [["root@example.com"]] * 3 + [["root@example.com"] * 2] * 2
    stuck = [each for each in api.journal() if each[1] == "directory.stuck"]
    assert stuck == [("directory okta", "directory.stuck", "acme", "okta")] * 2


def test_whom_a_site_administrator_disabled_the_directory_cannot_enable(okta: Provider, api: Api) -> None:
    bob = okta.add_user("bob@example.com")
    disable(okta, bob)
    api.operate(lambda work: accounts.set_active(work, "bob", False))

    assert disable(okta, bob, active=True).json()["active"] is False
    assert api("bob", "GET", "/groups/acme").status_code == 401


def test_of_two_directories_each_has_to_let_somebody_in(okta: Provider, api: Api) -> None:
    entra = Provider(api, "globex", "entra", key="obd_key-of-entra")
    of_okta, of_entra = okta.add_user("bob@example.com"), entra.add_user("bob@example.com")
    disable(okta, of_okta)

    assert disable(entra, of_entra, active=True).json()["active"] is False
    assert disable(okta, of_okta, active=True).json()["active"] is True


def test_a_deleted_person_is_disabled_and_unlinked_but_not_erased(okta: Provider, api: Api) -> None:
    bob = okta.add_user("bob@example.com")
    crew = okta.add_group("Crew", bob["id"])

    assert okta("DELETE", f"/Users/{bob['id']}").status_code == 204

    assert okta("GET", f"/Users/{bob['id']}").status_code == 404
    assert okta.members(crew) == api.members("crew") == []
    assert "bob" in api.members("designers")
    assert api("bob", "GET", "/groups").status_code == 401
    assert okta("DELETE", f"/Users/{bob['id']}").status_code == 404


# What was done, what the directory posts then, the status, and whether the person is active.
COMES_BACK: dict[str, tuple[str, dict[str, Any], int, bool]] = {
    "linked": ("link bob, delete", {"userName": "bob@example.com"}, 201, True),
    "without a word about active": ("link bob, delete", {"userName": "bob", "active": None}, 201, True),
    "to stay disabled": ("link bob, delete", {"userName": "bob", "active": "False"}, 201, False),
    "by an address": ("link bob, delete", {"userName": "x", "emails": [{"value": "bob@example.com"}]}, 201, True),
    "by a userName in capitals": ("bring ada, delete", {"userName": "ADA"}, 201, True),
    "by a userName that isn't the username": ("bring bob@x.example, delete", {"userName": "bob@x.example"}, 201, True),
    "disabled before": ("link bob, disable, delete", {"userName": "bob"}, 201, True),
    "disabled by a site administrator before": ("link bob, root disables, delete", {"userName": "bob"}, 201, False),
    "disabled by a site administrator since": ("link bob, delete, root disables", {"userName": "bob"}, 201, False),
    "enabled by a site administrator since": ("bring ada, delete, root enables", {"userName": "ada"}, 409, True),
    "of a domain that is no longer proved": ("link bob, delete, unproved", {"userName": "bob"}, 409, False),
    "disabled by another directory too": ("link bob, entra disables, delete", {"userName": "bob"}, 201, False),
    "through another directory": ("link bob, delete, as entra", {"userName": "bob"}, 201, False),
}  # fmt: skip


@pytest.mark.parametrize("who", COMES_BACK)
def test_a_leaver_comes_back_through_the_directory_that_had_deleted_them(okta: Provider, api: Api, who: str) -> None:
    deeds, body, *expected = COMES_BACK[who]
    entra = Provider(api, "globex", "entra", key="obd_key-of-entra")
    caller, person = okta, {"id": ""}
    for deed in deeds.split(", "):
        match deed.split():
            case ["link" | "bring", name]:
                person = okta.add_user(name)
            case ["delete"]:
                assert okta("DELETE", f"/Users/{person['id']}").status_code == 204
            case ["disable"]:
                disable(okta, person)
            case ["root", how]:
                api.operate(partial(accounts.set_active, name=person["id"], active=how == "enables"))
            case ["entra", "disables"]:
                disable(entra, entra.add_user("bob"))
            case ["unproved"]:
                api.operate(lambda work: directories.change(work, "acme", "okta", domains=[]))
            case ["as", "entra"]:
                caller = entra

    answer = caller("POST", "/Users", body)

    is_active = api.operate(lambda work: accounts.profile(work, person["id"])).account.is_active
    assert [answer.status_code, is_active] == expected, answer.text
    if answer.is_success:
        assert (answer.json()["id"], answer.json()["active"]) == (person["id"], is_active)
    enabled = [each[:2] for each in api.journal()].count((caller.directory.actor_name, "user.enabled"))
    assert enabled == (expected == [201, True])


@pytest.mark.runs_on("SQLite", "PostgreSQL")
def test_somebody_brought_who_comes_back_has_what_they_had_and_what_the_directory_says_now(
    okta: Provider, api: Api
) -> None:
    before = okta.add_user("new@example.com", displayName="New")
    api("alice", "PUT", f"/groups/acme/developers/members/{before['id']}")
    okta("DELETE", f"/Users/{before['id']}")

    after = okta.add_user("New@example.com", displayName="Newer", emails=[{"value": "newer@example.com"}])

    person = api.operate(lambda work: accounts.profile(work, "new"))
    assert (after["id"], after["active"], person.account.display_name) == (before["id"], True, "Newer")
    assert [email.address for email in person.emails] == ["new@example.com", "newer@example.com"]
    assert "new" in api.members("developers")
    okta("DELETE", f"/Users/{before['id']}")
    api.operate(lambda work: directories.remove(work, "acme", "okta"))
    assert not api.operate(lambda work: accounts.profile(work, "new")).account.is_active


def test_what_says_nothing_of_active_disables_nobody_whom_another_directory_has_disabled(
    okta: Provider, api: Api
) -> None:
    entra = Provider(api, "globex", "entra", key="obd_key-of-entra")
    bob = okta.add_user("bob")
    entra.add_user("bob")
    disable(okta, bob)
    address = f"/Users/{bob['id']}"

    entra.patch(address, {"op": "replace", "path": "title", "value": "X"})
    entra("PUT", address, {"userName": "bob"})
    assert disable(okta, bob, active=True).json()["active"] is True
    disable(okta, bob)
    disable(entra, bob)

    assert disable(okta, bob, active=True).json()["active"] is False
    assert disable(entra, bob, active=True).json()["active"] is True


def test_put_replaces_a_person_and_keeps_whether_they_are_active(okta: Provider) -> None:
    person = okta.add_user("new@example.com", title="Doctor", externalId="x")
    disable(okta, person)

    answer = okta("PUT", f"/Users/{person['id']}", {"userName": "new@example.com", "nickName": "N"})

    assert answer.status_code == 200
    assert {name: answer.json().get(name) for name in ("title", "externalId", "nickName", "active")} == {
        "title": None, "externalId": None, "nickName": "N", "active": False,
    }  # fmt: skip


# -- groups ----------------------------------------------------------------------------------------


@pytest.mark.runs_on("SQLite", "PostgreSQL")
def test_a_group_of_the_directory_is_read_only_elsewhere_but_for_its_privileges(okta: Provider, api: Api) -> None:
    carol = okta.add_user("carol-in-okta@example.com")
    okta.add_group("Crew", carol["id"])
    sentence = "Forbidden: the group crew is kept by the directory okta: change its name and its members there."
    before = api.everything()

    for method, path, how in (
        ("PUT", "/groups/acme/crew/members/bob", {}),
        ("DELETE", "/groups/acme/crew/members/carol-in-okta", {}),
        ("PUT", "/groups/acme/crew", {"data": {"name": "Other"}}),
        ("DELETE", "/groups/acme/crew", {}),
        ("POST", "/users/acme/invitations", {"data": {"email": "new@example.net", "group_slug": "crew"}}),
    ):
        answer = api("alice", method, path, **how)
        assert (answer.status_code, answer.text) == (403, sentence), path
    assert api.everything() == before

    assert api("alice", "PUT", "/groups/acme/crew", data={"permission": "read"}).status_code == 200
    assert api("alice", "PUT", "/group-privileges/acme/rocket/acme/crew", content="write").status_code == 200
    told = api("alice", "GET", "/api/access/acme/rocket?user=carol-in-okta&level=write").json()
    assert [(way["group"], way["directory"]) for way in told["because"]] == [("acme/crew", "okta")]


def test_apply_is_refused_what_the_directory_keeps(okta: Provider, api: Api) -> None:
    okta.add_group("Crew")
    crew = "onebucket: 1\nteams:\n  - {username: acme, groups: [{name: Crew, members: [bob]}]}\n"
    before = api.everything()

    with pytest.raises(Forbidden, match="the group crew is kept by the directory okta"):
        api.operate(lambda work: apply.apply(work, [document.read(crew, source="crew.yaml")], prune=False))

    assert api.everything() == before


def test_a_group_that_is_there_is_taken_over_only_by_a_directory_that_adopts(okta: Provider, api: Api) -> None:
    bob = okta.add_user("bob@example.com")
    body = {"displayName": "Developers", "members": [{"value": bob["id"]}]}
    refused = okta("POST", "/Groups", body)
    assert (refused.status_code, refused.json()["scimType"]) == (409, "uniqueness")
    api.operate(lambda work: directories.change(work, "acme", "okta", adopts_groups=True))

    dora = api.operate(lambda work: accounts.profile(work, "dora")).account.id
    stranger = okta("POST", "/Groups", body | {"members": [{"value": dora}]})
    assert (stranger.status_code, api.members("developers")) == (400, ["alice", "bob", "dora"])

    adopted = okta("POST", "/Groups", body)

    assert adopted.status_code == 201
    assert api.members("developers") == ["bob"]
    assert okta("POST", "/Groups", body).status_code == 409


def test_pending_invitations_lose_a_group_that_is_taken_over(api: Api) -> None:
    okta = Provider(api, adopts_groups=True)

    okta.add_group("Designers")

    assert api("alice", "GET", "/users/acme/invitations").json() == []


def test_the_last_administrators_cannot_be_taken_out_of_their_group(okta: Provider, api: Api) -> None:
    alice, bob = okta.add_user("alice@example.com"), okta.add_user("bob@example.com")
    chiefs = okta.add_group("Chiefs", alice["id"])
    api.operate(lambda work: groups.set_account_privilege(work, "acme", "chiefs", AccountPrivilege.ADMIN))
    api.operate(lambda work: groups.remove_member(work, "acme", "administrators", "alice"))
    okta("DELETE", f"/Groups/{chiefs['id']}")
    api.attempts()
    before = api.everything()

    for answer in (
        okta.patch(f"/Groups/{chiefs['id']}", {"op": "replace", "path": "members", "value": []}),
        okta("DELETE", f"/Groups/{chiefs['id']}"),
    ):
        assert answer.status_code == 409
        assert "without an administrator" in answer.json()["detail"]
    assert api.everything() == before
    swap = okta.patch(f"/Groups/{chiefs['id']}", {"op": "replace", "path": "members", "value": [{"value": bob["id"]}]})
    assert swap.status_code == 200


def test_put_of_a_group_with_its_own_name_is_no_conflict_and_a_taken_name_is_one(okta: Provider) -> None:
    crew, _ = okta.add_group("Crew"), okta.add_group("Other")

    again = okta("PUT", f"/Groups/{crew['id']}", {"displayName": "Crew", "externalId": "g"})
    taken = okta("PUT", f"/Groups/{crew['id']}", {"displayName": "other"})
    renamed = okta("PUT", f"/Groups/{crew['id']}", {"displayName": "Night Crew"})

    assert [each.status_code for each in (again, taken, renamed)] == [200, 409, 200]
    assert okta.api("alice", "GET", "/groups/acme/night-crew").json()["name"] == "Night Crew"


def test_a_removed_directory_leaves_ordinary_groups_and_people(okta: Provider, api: Api) -> None:
    bob = okta.add_user("bob@example.com")
    okta.add_group("Crew", bob["id"])

    api.operate(lambda work: directories.remove(work, "acme", "okta"))

    assert okta("GET", "/Users").status_code == 401
    assert api("alice", "PUT", "/groups/acme/crew/members/dora").status_code == 200
    assert api("bob", "GET", "/groups/acme").status_code == 200


# -- keys ------------------------------------------------------------------------------------------


def test_both_keys_are_good_until_the_older_one_is_revoked(okta: Provider, api: Api) -> None:
    from onebucket import hashing

    new = hashing.secret_hash("obd_second")
    api.operate(lambda work: directories.rotate(work, "acme", "okta", secret_hash=new))
    second = {"Authorization": "Bearer obd_second"}
    assert [okta("GET", "/Users").status_code, okta("GET", "/Users", headers=second).status_code] == [200, 200]

    api.operate(lambda work: directories.revoke_old_key(work, "acme", "okta"), elsewhere=True)

    refused = okta("GET", "/Users")
    assert (refused.status_code, refused.headers["content-type"]) == (401, "application/scim+json")
    assert okta("GET", "/Users", headers=second).status_code == 200
    assert okta("GET", "/Users", headers={"Authorization": cast.basic("alice", okta.key)}).status_code == 401


def test_a_directory_has_no_say_in_another_one(okta: Provider, api: Api) -> None:
    entra = Provider(api, "globex", "entra", key="obd_key-of-entra")
    person = okta.add_user("new@example.com")

    answers = [
        okta("GET", "/Users", headers={"Authorization": f"Bearer {entra.key}"}),
        entra("GET", f"/Users/{person['id']}"),
        entra("DELETE", f"/Users/{person['id']}"),
    ]

    assert [answer.status_code for answer in answers] == [403, 404, 404]
    assert api(None, "GET", "/groups", headers={"Authorization": f"Bearer {okta.key}"}).status_code == 403


def test_off_boarding_leaves_a_group_that_the_directory_keeps_and_ends_the_rest(okta: Provider, api: Api) -> None:
    okta.add_group("Crew", okta.add_user("dora@example.com")["id"])

    ended = api("alice", "POST", "/api/people/dora/offboard", json={"account": "acme"}).json()
    again = api("alice", "POST", "/api/people/dora/offboard", json={"account": "acme"}).json()

    [held], [left] = ended["accounts"], again["accounts"]
    assert (held["groups"], held["groups_kept_by_directory"]) == (["developers"], ["crew"])
    assert (left["groups"], left["groups_kept_by_directory"], left["losses"]) == ([], ["crew"], [])
