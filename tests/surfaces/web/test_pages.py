"""The pages: the first administrator's one-time link, and what every page keeps to."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin
from xml.dom import minidom

import httpx
import pytest

import live
from browsing import Page
from live import Live, wait_until

pytestmark = pytest.mark.subprocess

FORM = {"username": "ada", "email": "ada@example.com", "password": "countess of l"}


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Live]:
    """A server where nobody lives yet."""
    with Live(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def unsettled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server where nobody lives yet, nor will when a test has been there."""
    with Live(tmp_path_factory.mktemp("unsettled")) as running:
        yield running


def link(running: Live) -> str:
    """The one-time link it printed, less the server's own address."""
    # It is printed a moment after the line that says where the server listens.
    wait_until(lambda: "/setup/" in running.output().rpartition("\n")[0])
    [found] = re.findall(rf"Create the first one: {running.base}(/setup/\S+)$", running.output(), re.MULTILINE)
    return str(found)


def fill_in(running: Live, address: str, **how: Any) -> httpx.Response:
    """Open the form at an address and send it, or something else, with its token."""
    with running.client(None) as client:
        shown = Page(client.get(address))
        token = shown.inputs["form_token"]["value"] if shown.status == 200 else ""
        if "data" in how:
            how["data"] = how["data"] | {"form_token": token}
        return client.post(address, **how)


# -- the first administrator ------------------------------------------------------------------------


def test_the_link_makes_the_site_administrator_once_however_many_send_the_form(empty: Live) -> None:
    assert "There is no site administrator yet" in empty(None, "GET", "/").text
    for _ in range(3):
        assert empty(None, "GET", link(empty)).status_code == 200, "opening it spends nothing"

    def send(number: int) -> httpx.Response:
        form = FORM | {"username": f"ada-{number}", "email": f"ada-{number}@example.com"}
        return fill_in(empty, link(empty), data=form)

    with ThreadPoolExecutor(6) as crowd:
        answers = sorted(crowd.map(send, range(6)), key=lambda answer: answer.status_code)
    opened = empty(None, "GET", link(empty))

    # Passwords of one network are hashed two at a time: the next one may be told to come again.
    assert [answer.status_code for answer in answers].count(200) == 1
    assert {answer.status_code for answer in answers[1:]} <= {404, 429}
    for spent in (*(answer for answer in answers[1:] if answer.status_code != 429), opened):
        assert spent.status_code == 404
        assert "restart the server" in spent.text
        assert "onebucket user password NAME" in spent.text
    [(name, site_admin)] = empty.rows("SELECT username, site_admin FROM accounts")
    assert (f"Welcome, {name}" in Page(answers[0]).text, site_admin) == (True, 1)
    for login in (name, name.upper(), f"{name}@example.com"):
        assert empty((login, FORM["password"]), "GET", "/1.0/groups").json() == []
    assert "There is no site administrator yet" not in empty(None, "GET", "/").text
    assert empty.rows("SELECT event, subject, actor FROM journal") == [("user.added", name, "operator")]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"password": "short"}, "The password must have 8 characters or more"),
        ({"username": ""}, "'' can't be a username"),
        ({"username": '"><script>alert(1)</script>'}, "can't be a username: 1 to 62 letters, digits"),
        ({"email": "not an address"}, "e-mail address"),
        ({"email": '"<b>"@example.com'}, "e-mail address"),
    ],
    ids=["password", "no name", "hostile name", "no address", "hostile address"],
)
def test_a_form_that_will_not_do_says_why_and_keeps_what_was_typed(
    unsettled: Live, wrong: dict[str, str], sentence: str
) -> None:
    refused = fill_in(unsettled, link(unsettled), data=FORM | wrong)

    page = Page(refused)
    assert refused.status_code == 400
    assert sentence in page.text
    assert page.inputs["username"].get("value", "") == (FORM | wrong)["username"]
    assert page.inputs["email"].get("value", "") == (FORM | wrong)["email"]
    assert "value" not in page.inputs["password"]
    assert (FORM | wrong)["password"] not in refused.text
    assert unsettled.rows("SELECT count(*) FROM accounts") == [(0,)]


def test_a_new_start_or_an_administrator_made_by_command_ends_a_link(empty: Live) -> None:
    old = link(empty)
    empty.stop()
    empty.start()

    assert link(empty) != old
    assert empty(None, "GET", old).status_code == 404
    assert fill_in(empty, old, data=FORM).status_code == 404
    assert empty(None, "GET", link(empty)).status_code == 200

    empty.run("user", "add", "bob", "--email", "bob@example.com")
    assert empty(None, "GET", link(empty)).status_code == 200

    empty.run("user", "admin", "bob")

    assert empty(None, "GET", link(empty)).status_code == 404
    assert fill_in(empty, link(empty), data=FORM).status_code == 404


def test_what_is_no_form_is_refused(unsettled: Live) -> None:
    address = link(unsettled)

    for sent in ({"data": FORM | {"more": "x" * 100_000}}, {"content": b"\xff"}, {"json": [FORM]}, {}):
        answer = fill_in(unsettled, address, **sent)
        assert answer.status_code == (400 if sent else 403)
        assert Page(answer).inputs.keys() == FORM.keys() | {"form_token"}


def test_a_password_in_the_environment_makes_admin(tmp_path: Path) -> None:
    with Live(tmp_path, admin_password="from the environment") as running:
        assert (
            "Created the site administrator admin, with the password from ONEBUCKET_ADMIN_PASSWORD" in running.output()
        )
        assert "/setup/" not in running.output()
        assert running(("admin", "from the environment"), "GET", "/1.0/groups").status_code == 200
        assert running.rows("SELECT username, site_admin FROM accounts") == [("admin", 1)]

        running.stop()
        running.start()

        assert "Created the site administrator" not in running.output()
        assert "from the environment" not in running.output() + running.log()


@pytest.mark.parametrize("password", ["x", "letters"])
def test_a_password_in_the_environment_that_is_too_short_ends_the_start_with_one_sentence_and_makes_nobody(
    tmp_path: Path, password: str
) -> None:
    told = live.run("serve", "--port", live.free_port(), folder=tmp_path, data=str(tmp_path), admin_password=password)

    refusal = "onebucket: the password must have 8 characters or more\n"
    assert (told.returncode, told.stdout, told.stderr) == (1, "", refusal)
    with Live(tmp_path) as running:
        assert running.rows("SELECT username FROM accounts") == []
        assert running(None, "GET", link(running)).status_code == 200, "the link is there still"


# -- every page -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/docs",
        "/docs/listGroups",
        "/docs/none",
        "/setup/no-such-token",
        "the link",
        "/sign-in",
        "/passwords/forgotten",
        "/invitations/none",
    ],
)
def test_every_page_forbids_all_that_is_not_its_own_and_needs_nothing_else(unsettled: Live, path: str) -> None:
    address = link(unsettled) if path == "the link" else path

    answer = unsettled(None, "GET", address)

    page = Page(answer)
    policy = answer.headers["content-security-policy"]
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert policy.startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "script-src 'self'; " in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert ("set-cookie" in answer.headers) == bool(page.forms), "only who is shown a form is given a cookie"
    assert (
        answer.text.count("<script") == answer.text.count('<script type="module" src="/static/page.js"></script>') == 1
    )
    assert not page.tags & {"iframe", "object", "embed", "base", "style"}
    assert not {name for name in page.attributes if name == "style" or name.startswith("on")}
    for loaded in page.loaded:
        assert urljoin(unsettled.base + address, loaded).startswith(f"{unsettled.base}/"), (
            "nothing is loaded from elsewhere"
        )
        kind = unsettled(None, "GET", loaded).headers["content-type"].partition(";")[0]
        assert kind in ("text/css", "image/svg+xml", "text/javascript")
    for linked in set(page.linked):
        if linked.startswith("#"):
            assert f'id="{linked[1:]}"' in answer.text
        else:
            assert unsettled(None, "GET", linked).status_code in (200, 303)
    for form in page.forms:
        assert form.action.startswith(f"{unsettled.base}/")


def test_the_style_sheet_loads_nothing_and_the_scripts_one_another(served: Live) -> None:
    assert not re.search(r"@import|url\(", served(None, "GET", "/static/style.css").text)

    todo, seen = {"page.js"}, set[str]()
    while todo:
        answer = served(None, "GET", f"/static/{todo.pop()}")
        assert (answer.status_code, answer.headers["x-content-type-options"]) == (200, "nosniff")
        assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\beval\b|https?://", answer.text)
        seen.add(answer.url.path.removeprefix("/static/"))
        todo |= set(re.findall(r'from "\./([a-z]+\.js)"', answer.text)) - seen
    listed = {"page", "times", "finder", "matrix", "menu", "passkeys", "picker", "copy"}
    assert seen == {f"{name}.js" for name in listed}


def test_documentation_tells_of_every_address(served: Live) -> None:
    page = Page(served(None, "GET", "/docs"))

    for path, item in served(None, "GET", "/openapi.json").json()["paths"].items():
        for method in item.keys() - {"parameters"}:
            link = f"/docs/{item[method]['operationId']}"
            assert f"{method.upper()} {path}" in page.text and link in page.linked
            one = Page(served(None, "GET", link))
            assert f"{method.upper()} {path}" in one.text and item[method]["summary"] in one.text
            assert {each[1:] for each in one.linked if each.startswith("#") and each != "#main"} <= set(one.ids)


@pytest.mark.parametrize(
    "path", ["/nowhere", "/static/../pyproject.toml", "/static/%2e%2e/pages.py", "/setup", "/setup/", "/static/"]
)
def test_elsewhere_there_is_nothing(served: Live, path: str) -> None:
    with closing(HTTPConnection("127.0.0.1", served.port, timeout=30)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()

        assert (answer.status, answer.read()) == (404, b"Not Found")


BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.mark.parametrize("path", ["/nowhere", "/accounts/acme/nothing/here", "/static/none.css", "/nowhere/?a=<b>"])
def test_a_browser_gets_a_page_where_there_is_nothing(served: Live, path: str) -> None:
    with httpx.Client(base_url=served.base, headers=BROWSER) as browser:
        answer = browser.get(path)

    page = Page(answer)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "There is no page at this address." in page.text and "/sign-in" in page.linked
    assert answer.headers["cache-control"] == "no-store" and answer.headers["x-request-id"]
    assert "<b>" not in page.text and "frame-ancestors 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(("method", "accept"), [("GET", "*/*"), ("GET", "application/json"), ("POST", "text/html")])
def test_a_program_gets_a_text_where_there_is_nothing(served: Live, method: str, accept: str) -> None:
    answer = httpx.request(method, f"{served.base}/nowhere", headers={"Accept": accept})

    assert (answer.status_code, answer.text) == (404, "Not Found")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("raw", [b"/invitations/%FF%ED%A0%80", b"/emails/%00", b"/passwords/%ED%A0%80", b"/setup/%C3"])
def test_a_link_that_is_no_text_is_a_dead_link(served: Live, raw: bytes) -> None:
    answer = httpx.get(httpx.URL(served.base).copy_with(raw_path=raw))

    assert (answer.status_code, Page(answer).title) == (404, "Link no longer works · onebucket")


# -- faces ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["x", "<script>alert(1)", "\"'&<>", "\x00\x07", "🦊", "א", "𝔄", "a" * 5000, "\u202e", "\ufffe", "ß"],
    ids=ascii,
)
def test_a_face_is_an_image_whatever_the_name(served: Live, name: str) -> None:
    answer = httpx.get(httpx.URL(served.base).copy_with(raw_path=f"/avatars/{quote(name, safe='')}/32".encode()))

    image = minidom.parseString(answer.content).documentElement
    assert image is not None
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["content-security-policy"] == "default-src 'none'"
    assert (image.tagName, image.getAttribute("width"), image.getAttribute("height")) == ("svg", "32", "32")
    assert [child.tagName for child in image.childNodes] == ["rect", "text"]


@pytest.mark.parametrize("raw", [b"/avatars/%FF%ED%A0%80/32", b"/avatars/%/32", b"/avatars/%zz/32"])
def test_a_face_survives_names_that_are_no_text(served: Live, raw: bytes) -> None:
    answer = httpx.get(httpx.URL(served.base).copy_with(raw_path=raw))

    assert answer.status_code == 200
    minidom.parseString(answer.content)


@pytest.mark.parametrize(
    ("size", "width"),
    [("0", "8"), ("16", "16"), ("99999", "512"), ("9" * 5000, ""), ("-1", ""), ("3.5", ""), ("big", ""), ("٣", "")],
    ids=lambda each: each[:8],
)
def test_a_face_has_a_sensible_size_or_is_not_there(served: Live, size: str, width: str) -> None:
    answer = served(None, "GET", f"/avatars/mina/{size}")

    if not width:
        assert answer.status_code == 404
        return
    image = minidom.parseString(answer.content).documentElement
    assert image is not None
    assert image.getAttribute("width") == width


def test_the_faces_of_accounts_and_of_nobody_are_alike(served: Live) -> None:
    assert served(None, "GET", "/avatars/alice/32").text == served(None, "GET", "/avatars/ALICE/32").text
    assert served(None, "GET", "/avatars/nobody/32").status_code == 200
