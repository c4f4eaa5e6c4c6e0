"""JSONP: who may read with it, who may not, and that nothing remembers for one what another may not see."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import cast
from cast import Api

GROUP = "/groups/acme/designers"
WIKI = "https://wiki.example.com"
NAMES = "callback must be JavaScript names joined by dots"


@pytest.fixture
def made(cast_template: Path, tmp_path: Path) -> Iterator[Callable[..., Api]]:
    """Makes servers with other settings."""
    servers = []

    def make(**ways: Any) -> Api:
        folder = tmp_path / str(len(servers))
        folder.mkdir()
        servers.append(Api(cast.copy(cast_template, folder), **ways))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_callback_gets_the_json_as_its_argument(api: Api, method: str) -> None:
    said = api("alice", "GET", GROUP).text

    answer = api("alice", method, f"{GROUP}?callback=show")

    assert answer.status_code == 200
    assert answer.text == (f"/**/show({said});" if method == "GET" else "")
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "etag" not in answer.headers


@pytest.mark.parametrize(
    "callback",
    ["f", "_", "$", "jQuery172_1", "a.b.c", "a[0].b[12]", "window.x", "x" * 128, "undefined", "f&callback=g"],
)
def test_a_callback_is_names_joined_by_dots(api: Api, callback: str) -> None:
    answer = api("alice", "GET", f"{GROUP}?callback={callback}&format=json")

    last = callback.rpartition("=")[2]
    assert (answer.status_code, answer.text[: len(last) + 5]) == (200, f"/**/{last}(")
    assert json.loads(answer.text[len(last) + 5 : -2])["slug"] == "designers"


@pytest.mark.parametrize(
    "callback",
    ["", "1a", "a.", ".a", "a..b", "a-b", "a b", "alert(1)", "a[x]", "a[]", "a[1][2]", "a[-1]", "f;g", "é", "f%00",
     "f%0A", "%E2%80%A8f", "x" * 129, "this", "a.class", "delete", "new", "null", "true[0]", "%3Cscript%3E", "f/**/",
     "f&callback="],
)  # fmt: skip
def test_any_other_callback_is_refused_with_a_sentence(api: Api, callback: str) -> None:
    answer = api("alice", "GET", f"{GROUP}?callback={callback}")

    assert (answer.status_code, answer.headers["content-type"]) == (400, "text/plain; charset=utf-8")
    assert answer.text.startswith(f"Bad Request: {NAMES}")


@pytest.mark.parametrize("callback", ["f", "1a"])
@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", f"{GROUP}?format=xml&", "text/xml; charset=utf-8"),
        ("GET", f"{GROUP}?format=yaml&", "application/x-yaml; charset=utf-8"),
        ("PUT", f"{GROUP}?", "application/json; charset=utf-8"),
        ("POST", "/groups/acme?name=x&", "application/json; charset=utf-8"),
        ("DELETE", f"{GROUP}?", "text/plain"),
    ],
)
@pytest.mark.parametrize("site", ["none", "cross-site"])
def test_a_callback_counts_for_json_that_is_read_and_nothing_else(
    api: Api, method: str, path: str, kind: str, callback: str, site: str
) -> None:
    answer = api("alice", method, f"{path}callback={callback}", content=b"name=x", headers={"Sec-Fetch-Site": site})

    assert answer.status_code == (204 if method == "DELETE" else 200)
    assert answer.headers["content-type"] == kind


# --- pages of other sites


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_of_another_site_gets_no_script(api: Api, site: str) -> None:
    answer = api("alice", "GET", f"{GROUP}?callback=f", headers={"Sec-Fetch-Site": site})

    assert (answer.status_code, answer.headers["content-type"]) == (403, "text/plain; charset=utf-8")
    assert answer.text == "Forbidden: a page of another site may not read this with your credentials."


@pytest.mark.parametrize("site", ["same-origin", "none", None])
def test_our_own_pages_people_and_programs_get_it(api: Api, site: str | None) -> None:
    answer = api("alice", "GET", f"{GROUP}?callback=f", headers={"Sec-Fetch-Site": site} if site else {})

    assert answer.status_code == 200
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_a_page_of_another_site_learns_nothing_by_what_is_refused_first(api: Api) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site"}

    paths = [GROUP, "/groups/acme/nothing", "/groups/nobody", "/groups/globex"]
    answers = [api("alice", "GET", f"{path}?callback=f", headers=foreign) for path in paths]

    assert len({(answer.status_code, answer.text) for answer in answers}) == 1


@pytest.mark.parametrize("name", ["callback", "%63allback", "callb%61ck", "call%62ack"])
def test_what_was_answered_to_me_is_not_remembered_for_a_page_of_another_site(api: Api, name: str) -> None:
    address = f"{GROUP}?{name}=f"
    assert [api("alice", "GET", address).status_code for _ in range(2)] == [200, 200]

    answer = api("alice", "GET", address, headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403


def test_what_was_answered_to_an_allowed_page_is_not_remembered_for_another(made: Callable[..., Api]) -> None:
    api = made(jsonp_origins=frozenset({WIKI}))
    foreign = {"Sec-Fetch-Site": "cross-site"}
    first = api("alice", "GET", f"{GROUP}?%63allback=f", headers={**foreign, "Referer": f"{WIKI}/page"})

    others = [api("alice", "GET", f"{GROUP}?%63allback=f", headers=headers) for headers in (foreign, {})]

    assert (first.status_code, first.headers["cross-origin-resource-policy"]) == (200, "cross-origin")
    assert [answer.status_code for answer in others] == [403, 200]
    assert others[1].headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    "page",
    [{"Origin": WIKI}, {"Referer": f"{WIKI}/"}, {"Referer": f"{WIKI}/a/b?c=d"}, {"Origin": "HTTPS://Wiki.Example.com"},
     {"Origin": WIKI, "Referer": "https://evil.example/"}],
)  # fmt: skip
def test_pages_of_an_allowed_origin_get_it(made: Callable[..., Api], page: dict[str, str]) -> None:
    api = made(jsonp_origins=frozenset({WIKI}))

    answer = api("alice", "GET", f"{GROUP}?callback=f", headers={"Sec-Fetch-Site": "cross-site", **page})

    assert (answer.status_code, answer.headers["cross-origin-resource-policy"]) == (200, "cross-origin")


@pytest.mark.parametrize(
    "page",
    [{}, {"Origin": "null"}, {"Origin": f"{WIKI}.evil.example"}, {"Origin": "http://wiki.example.com"},
     {"Origin": f"{WIKI}:8443"}, {"Referer": f"https://evil.example/{WIKI}/"}, {"Referer": f"{WIKI}@evil.example/"},
     {"Origin": "https://evil.example", "Referer": f"{WIKI}/"}, {"Origin": "https://evil.wiki.example.com"}],
)  # fmt: skip
def test_pages_of_any_other_origin_do_not(made: Callable[..., Api], page: dict[str, str]) -> None:
    api = made(jsonp_origins=frozenset({WIKI}))

    answer = api("alice", "GET", f"{GROUP}?callback=f", headers={"Sec-Fetch-Site": "cross-site", **page})

    assert answer.status_code == 403


# --- the setting


@pytest.mark.parametrize("site", ["cross-site", "same-site", "same-origin"])
def test_when_it_is_open_every_page_gets_it(made: Callable[..., Api], site: str) -> None:
    api = made(jsonp="open")

    answer = api("alice", "GET", f"{GROUP}?callback=f", headers={"Sec-Fetch-Site": site})

    assert (answer.status_code, answer.text[:6]) == (200, "/**/f(")
    assert "cross-origin-resource-policy" not in answer.headers
    assert api("alice", "GET", f"{GROUP}?callback=1").status_code == 400


@pytest.mark.parametrize("callback", ["f", "1", ""])
@pytest.mark.parametrize("site", ["cross-site", "none"])
def test_when_it_is_off_a_callback_is_ignored(made: Callable[..., Api], callback: str, site: str) -> None:
    api = made(jsonp="off")
    plain = api("alice", "GET", GROUP)

    answer = api("alice", "GET", f"{GROUP}?callback={callback}", headers={"Sec-Fetch-Site": site})

    assert (answer.status_code, answer.json()) == (200, plain.json())
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["etag"] == plain.headers["etag"]


def test_every_guarded_answer_is_for_its_own_origin(api: Api) -> None:
    answers = [
        api("alice", "GET", GROUP),
        api("alice", "GET", f"{GROUP}?format=yaml"),
        api("alice", "PUT", GROUP),
        api("mallory", "GET", GROUP),
        api(None, "GET", GROUP),
        api("alice", "DELETE", GROUP),
        api("alice", "GET", "/user/repositories"),
    ]

    assert [answer.headers["cross-origin-resource-policy"] for answer in answers] == ["same-origin"] * len(answers)
