"""The first page of whoever has signed in: their accounts, what waits for them, recent changes."""

from datetime import timedelta

from browsing import Visitor, invite
from cast import Api


def test_an_administrator_sees_their_accounts_and_what_happened_there(api: Api) -> None:
    api("alice", "POST", "/groups/acme", data={"name": "Night Crew"})

    with Visitor(api, "alice") as alice:
        page = alice.open("/")

    assert "Acme" in page.text and "administrator" in page.text
    assert "/accounts/acme/people" in page.linked
    assert "acme: alice created the group night-crew" in " ".join(page.text.split())
    assert "Waiting for you" not in page.text


def test_what_ends_within_a_week_waits_for_administrators(api: Api) -> None:
    soon, later = (f"{api.clock() + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}" for days in (3, 30))
    api("alice", "PUT", f"/groups/acme/designers/members/dora?until={soon}")
    api("alice", "PUT", f"/groups/acme/developers/members/mallory?until={later}")
    api("alice", "PUT", f"/group-privileges/acme/website/acme/designers?until={soon}", content="write")
    api("alice", "PUT", f"/privileges/acme/rocket/dora?until={soon}", content="write")

    with Visitor(api, "alice") as alice, Visitor(api, "dora") as dora:
        page = " ".join(alice.open("/").text.split())
        of_dora = dora.open("/").text

    assert "dora leaves the group designers in acme" in page
    assert "designers loses what they have on website in acme" in page
    assert "dora loses what they have on rocket in acme" in page
    assert "mallory" not in page.partition("Your accounts")[0]
    assert "leaves the group" not in of_dora


def test_a_member_sees_their_groups_and_no_journal(api: Api) -> None:
    with Visitor(api, "bob") as bob:
        page = bob.open("/")
        statuses = {bob.open(link).status for link in page.linked if link.startswith("/accounts/acme")}

    assert "member of" in page.text and "Developers" in page.text
    assert "/accounts/acme/people" not in page.linked
    assert "/accounts/acme/projects" in page.linked
    assert "Recent changes" not in page.text
    assert statuses == {200}


def test_an_invitation_waits_for_whom_it_is_for(api: Api) -> None:
    invite(api, "mallory@example.com", "designers")

    with Visitor(api, "mallory") as mallory, Visitor(api, "bob") as bob:
        assert "An invitation to Acme" in " ".join(mallory.open("/").text.split())
        assert "An invitation to" not in bob.open("/").text


def test_whoever_has_not_signed_in_reads_what_this_server_is(api: Api) -> None:
    with Visitor(api) as nobody:
        assert "This is a onebucket server" in nobody.open("/").text
