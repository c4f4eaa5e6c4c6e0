"""The pages of a team's directories: what each brought, what it was refused, and its keys."""

import re

import pytest

from browsing import Visitor
from directory import Provider


@pytest.fixture
def okta(api):
    """A directory of acme with a person, a group, and a change that it was refused."""
    provider = Provider(api)
    alice = provider.add_user("alice@example.com")
    provider.add_group("Crew", alice["id"])
    provider.patch(f"/Users/{alice['id']}", {"op": "replace", "value": {"active": False}})
    return provider


def test_an_administrator_sees_what_it_brought_and_what_it_was_refused(api, okta):
    page = Visitor(api, "alice").open("/accounts/acme/directories/okta")

    [entry] = api.attempts()
    assert f"/scim/directory/{okta.directory.id}" in page.text
    assert "can't disable alice: the team would be left without an administrator" in page.text.replace("’", "'")
    assert entry["request_id"] in page.text
    assert "Make another key" not in page.text
    assert "People: 1. Groups: 1." in Visitor(api, "alice").open("/accounts/acme/directories").text


def test_a_site_administrator_makes_and_revokes_keys(api, okta):
    root, address = Visitor(api, "root"), "/accounts/acme/directories/okta"

    made = root.send(root.open(address), f"{address}/rotate")

    [key] = re.findall(r"obd_[\w-]+", made.text)
    new = {"Authorization": f"Bearer {key}"}
    assert [okta("GET", "/Users").status_code, okta("GET", "/Users", headers=new).status_code] == [200, 200]
    assert key not in root.open(address).text

    root.send(root.open(address), f"{address}/end-old-key")

    assert [okta("GET", "/Users").status_code, okta("GET", "/Users", headers=new).status_code] == [401, 200]
