"""What is said where something was lost or is in the way, without a change to what the contract fixes."""

import pytest

from cast import Api

HINT = "x-onebucket-hint"
ROCKET = "/invitations/acme/rocket"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("body", "name", "hint"),
    [
        (b"name=R&D", "R", "%26"),
        (b"name=C++ devs", "C   devs", "%2B"),
        (b"name=C++", "C", "%2B"),
        (b"name=R%26D", "R&D", None),
        (b"name=C%2B%2B+devs", "C++ devs", None),
        (b"name=Night+Crew&permission=", "Night Crew", None),
        (b"name=Night Crew", "Night Crew", None),
        (b'{"name": "R&D ++"}', "R&D ++", None),
    ],
)
@pytest.mark.parametrize("headers", [FORM, {}])
def test_a_form_that_was_not_encoded_does_what_it_says_and_a_hint_tells_what_may_be_lost(
    api: Api, body: bytes, name: str, hint: str | None, headers: dict[str, str]
) -> None:
    answer = api("alice", "POST", "/groups/acme", content=body, headers=headers)

    assert (answer.status_code, answer.json()["name"]) == (200, name)
    assert (HINT in answer.headers) == (hint is not None)
    assert hint is None or hint in answer.headers[HINT]


@pytest.mark.parametrize(
    ("method", "address", "fields"),
    [("POST", ROCKET, "&permission=write"), ("PUT", "/users/acme/invitations", "&group_slug=designers"),
     ("DELETE", ROCKET, ""), ("DELETE", "/users/acme/invitations", "")],
)  # fmt: skip
def test_an_address_that_has_lost_its_plus_says_how_to_send_one(
    api: Api, method: str, address: str, fields: str
) -> None:
    before = api.everything()

    in_form = api("alice", method, address, content=f"email=a+b@example.net{fields}".encode(), headers=FORM)
    in_query = api("alice", "DELETE", f"{address}?email=a+b@example.net")

    said = "Bad Request: that is not an e-mail address: + in a form or query means a space, so send %2B."
    assert (in_form.status_code, in_form.text) == (in_query.status_code, in_query.text) == (400, said)
    assert api.everything() == before


def test_a_second_invitation_says_what_to_do_about_the_first(api: Api) -> None:
    def invite(email: str, permission: str) -> tuple[int, str, str]:
        answer = api("alice", "POST", ROCKET, data={"email": email, "permission": permission})
        return answer.status_code, answer.text if answer.status_code == 409 else "", answer.headers.get(HINT, "")

    first, again, known = invite("eve@x.org", "read"), invite("eve@x.org", "write"), invite("bob@example.com", "read")
    withdrawn = api("alice", "DELETE", ROCKET, data={"email": "eve@x.org"}).status_code
    raised = invite("eve@x.org", "write")

    assert (first, withdrawn, raised) == ((200, "", ""), 204, (200, "", ""))
    assert again[:2] == known[:2] == (409, "Conflict/Duplicate")
    assert "withdraw it first" in again[2] and "has that access already" in known[2]


@pytest.mark.parametrize("query", ["pagelen=1", "page=7", "pagelen=1&page=7", "limit=1&start=2"])
def test_lists_have_no_pages_whatever_is_asked_for(api: Api, query: str) -> None:
    assert api("alice", "GET", f"/groups/acme?{query}").json() == api("alice", "GET", "/groups/acme").json()


@pytest.mark.parametrize("path", ["/groups/acme/nothing", "/groups/globex", "/users/nobody"])
def test_refusals_are_text_whatever_is_accepted(api: Api, path: str) -> None:
    plain, json = (api("alice", "GET", path, headers={"Accept": kind}) for kind in ("*/*", "application/json"))

    assert json.headers["content-type"] == "text/plain; charset=utf-8"
    assert (json.status_code, json.text) == (plain.status_code, plain.text)
