"""How the tool is tested against the double: `pip install onebucket[testing] requests`, then `pytest`."""

import pytest
from onboard import Frozen, onboard

from onebucket.testing import Double, DoubleError


@pytest.fixture
def acme(bitbucket: Double) -> Double:
    bitbucket.team("acme", groups={"administrators": ["alice"], "developers": ["carol"]}, repositories=["rocket"])
    bitbucket.user("bob")
    return bitbucket


def run(acme: Double, who: str) -> str:
    return onboard(who, "developers", base_url=f"{acme.url}/1.0", auth=acme.token("alice"))


def test_somebody_is_let_in(acme: Double) -> None:
    assert run(acme, "bob") == "added bob to developers"
    assert acme.members("acme/developers") == ["bob", "carol"]
    assert acme.requests.matching("PUT", "/1.0/groups/acme/developers/members/*").count == 1


def test_a_limit_is_waited_for(acme: Double) -> None:
    acme.fail("PUT", "/1.0/groups/*", status=429, headers={"Retry-After": "0"}, times=2)

    assert run(acme, "bob") == "added bob to developers"
    assert [each.status for each in acme.requests.matching("PUT")] == [429, 429, 200]


def test_an_error_after_the_change_was_made_does_no_harm(acme: Double) -> None:
    acme.fail("PUT", "/1.0/groups/*", after_commit=500, times=1)

    assert run(acme, "bob") == "bob was in developers already"
    assert acme.members("acme/developers") == ["bob", "carol"]


def test_an_invitation_expires(acme: Double) -> None:
    assert run(acme, "dora@example.com") == "invited dora@example.com to developers"
    assert acme.letters[0].to == "dora@example.com"

    acme.advance("8 days")

    with pytest.raises(DoubleError, match="has expired"):
        acme.accept_invitation("dora@example.com", user="dora")
    assert acme.members("acme/developers") == ["carol"]


def test_a_frozen_workspace_is_told_of(acme: Double) -> None:
    acme.behave(as_of="2025-09-19")

    with pytest.raises(Frozen):
        run(acme, "bob")


def test_the_real_address_without_a_change(acme: Double) -> None:
    with acme.unchanged():
        assert onboard("bob", "developers", auth=acme.token("alice")) == "added bob to developers"
