"""Real OAuth clients from PyPI against a real server: requests-oauthlib and Authlib's own; all of them list groups."""

import re
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urljoin

import httpx
import pytest

import cast
import consuming
from checkout import TOP
from live import Live

CALLBACK = "https://ci.example.com/done"
DOCS = TOP / "docs"

# Both say that they want TLS, which this server leaves to its operator.
pytestmark = [
    pytest.mark.subprocess,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::SyntaxWarning"),
]


class Program(NamedTuple):
    """A consumer as `onebucket consumer add` printed it."""

    key: str
    secret: str


@pytest.fixture(autouse=True)
def plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")


@pytest.fixture(scope="module")
def running(cast_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    from live import with_the_cast

    with with_the_cast(cast_template, tmp_path_factory.mktemp("oauth")) as server:
        yield server


@pytest.fixture(scope="module")
def program(running: Live) -> Program:
    """A consumer of bob's, as its programmer gets it."""
    return add(running, "bob", "--label", "Builds", "--callback", CALLBACK, "--scope", "account:write")


def add(running: Live, *arguments: str) -> Program:
    printed = running.run("consumer", "add", *arguments)
    assert printed.returncode == 0, printed.stderr
    words = dict(line.split() for line in printed.stdout.splitlines())
    return Program(words["key"], words.get("secret", ""))


class _Form(HTMLParser):
    def __init__(self, page: httpx.Response) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.page = page
        self.feed(page.text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag == "input" and given.get("name"):
            self.fields[given["name"] or ""] = given.get("value") or ""


def agree(running: Live, address: str, who: str = "bob") -> str:
    """What somebody does in her browser: she signs in, and says yes; where she is sent back to."""
    with httpx.Client(follow_redirects=True) as browser:
        page = browser.get(address)
        signing = _Form(page).fields | {"login": who, "password": cast.password(who)}
        page = browser.post(urljoin(str(page.url), "/sign-in"), data=signing)
        assert "act for you" in page.text, page.text
        asked = {"form_token": _Form(page).fields["form_token"]}
        sent = browser.post(str(page.url), data=asked, follow_redirects=False)
    assert sent.status_code == 303, sent.text
    return str(sent.headers["location"])


def slugs(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [group["slug"] for group in answer.json()]


BOBS = ["designers", "developers"]


# -- OAuth 2 ---------------------------------------------------------------------------------------


def test_requests_oauthlib_gets_a_token_of_its_own(running: Live, program: Program) -> None:
    from oauthlib.oauth2 import BackendApplicationClient
    from requests.auth import HTTPBasicAuth
    from requests_oauthlib import OAuth2Session

    session = OAuth2Session(client=BackendApplicationClient(program.key))
    token = session.fetch_token(running.base + consuming.TOKEN, auth=HTTPBasicAuth(*program))

    assert (token["token_type"], token["expires_in"], token["scopes"]) == ("bearer", 7200, "account:write")
    assert slugs(session.get(f"{running.base}/1.0/groups")) == BOBS


def test_requests_oauthlib_gets_a_code_and_refreshes_what_it_gave(running: Live, program: Program) -> None:
    from requests.auth import HTTPBasicAuth
    from requests_oauthlib import OAuth2Session

    auth = HTTPBasicAuth(*program)
    session = OAuth2Session(program.key, redirect_uri=CALLBACK, scope=["account"])
    address, _ = session.authorization_url(
        running.base + consuming.AUTHORIZE, code_challenge=consuming.CHALLENGE, code_challenge_method="S256"
    )
    back = agree(running, address)
    session.fetch_token(
        running.base + consuming.TOKEN, authorization_response=back, auth=auth, code_verifier=consuming.VERIFIER
    )
    first = slugs(session.get(f"{running.base}/1.0/groups"))
    session.refresh_token(running.base + consuming.TOKEN, auth=auth)

    assert first == slugs(session.get(f"{running.base}/1.0/groups")) == BOBS
    assert session.post(f"{running.base}/1.0/groups/bob", data={"name": "Crew"}).status_code == 403


@pytest.mark.parametrize("is_public", [False, True])
def test_authlibs_client_gets_a_code_with_pkce(running: Live, program: Program, is_public: bool) -> None:
    from authlib.integrations.requests_client import OAuth2Session

    if is_public:
        program = add(running, "acme", "--label", "Phone", "--callback", CALLBACK, "--public")
    told = httpx.get(f"{running.base}/.well-known/oauth-authorization-server").json()
    session = OAuth2Session(
        program.key,
        program.secret or None,
        redirect_uri=CALLBACK,
        scope="account",
        code_challenge_method="S256",
        token_endpoint_auth_method="none" if is_public else "client_secret_post",
        revocation_endpoint_auth_method="none" if is_public else "client_secret_post",
    )
    address, _ = session.create_authorization_url(told["authorization_endpoint"], code_verifier=consuming.VERIFIER)
    token = session.fetch_token(
        told["token_endpoint"],
        authorization_response=agree(running, address),
        code_verifier=consuming.VERIFIER,
    )

    assert slugs(session.get(f"{running.base}/1.0/groups")) == BOBS
    session.revoke_token(told["revocation_endpoint"], token["access_token"])
    assert session.get(f"{running.base}/1.0/groups").status_code == 401


def test_authlibs_client_gets_a_token_of_its_own(running: Live, program: Program) -> None:
    from authlib.integrations.httpx_client import OAuth2Client

    with OAuth2Client(program.key, program.secret) as session:
        session.fetch_token(running.base + consuming.TOKEN, grant_type="client_credentials")
        told = session.introspect_token(running.base + "/site/oauth2/introspect", session.token["access_token"]).json()

        assert slugs(session.get(f"{running.base}/1.0/groups")) == BOBS
    assert (told["active"], told["username"]) == (True, "bob")


# -- OAuth 1 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["auth_header", "query"])
@pytest.mark.parametrize("method", ["HMAC-SHA1", "HMAC-SHA256"])
def test_requests_oauthlib_signs_requests(running: Live, program: Program, method: str, place: str) -> None:
    import requests
    from requests_oauthlib import OAuth1

    auth = OAuth1(program.key, program.secret, signature_method=method, signature_type=place)
    answers = [requests.get(f"{running.base}/1.0/groups?exclude_members=1", auth=auth, timeout=30) for _ in range(3)]

    assert [slugs(answer) for answer in answers] == [BOBS] * 3
    made = requests.post(f"{running.base}/1.0/groups/bob", data={"name": f"Ünder {method}"}, auth=auth, timeout=30)
    assert (made.status_code, made.json().get("name")) == (200, f"Ünder {method}")
    gone = requests.delete(f"{running.base}/1.0/groups/bob/{made.json()['slug']}", auth=auth, timeout=30)
    assert gone.status_code == 204


def test_requests_oauthlib_dances(running: Live, program: Program) -> None:
    from requests_oauthlib import OAuth1Session

    base = f"{running.base}/api/1.0/oauth"
    session = OAuth1Session(program.key, program.secret, callback_uri=CALLBACK)
    session.fetch_request_token(f"{base}/request_token")
    session.parse_authorization_response(agree(running, session.authorization_url(f"{base}/authenticate"), "dora"))
    session.fetch_access_token(f"{base}/access_token")

    assert slugs(session.get(f"{running.base}/1.0/groups")) == ["developers"]


def test_authlibs_client_signs_and_dances(running: Live, program: Program) -> None:
    from authlib.integrations.requests_client import OAuth1Session

    base = f"{running.base}/!api/1.0/oauth"
    session = OAuth1Session(program.key, program.secret, redirect_uri=CALLBACK)
    session.fetch_request_token(f"{base}/request_token")
    back = agree(running, session.create_authorization_url(f"{base}/authenticate"), "alice")
    session.parse_authorization_response(back)
    session.fetch_access_token(f"{base}/access_token")

    assert slugs(session.get(f"{running.base}/1.0/groups")) == ["administrators", "designers", "developers"]


def test_plaintext_is_refused_without_tls(running: Live, program: Program) -> None:
    import requests
    from requests_oauthlib import OAuth1

    auth = OAuth1(program.key, program.secret, signature_method="PLAINTEXT")

    assert requests.get(f"{running.base}/1.0/groups", auth=auth, timeout=30).status_code == 401


# -- what the documentation says, and what is logged -----------------------------------------------


def test_the_command_lines_of_the_documentation_work(running: Live, program: Program) -> None:
    text = (DOCS / "oauth.md").read_text()
    [script] = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    code = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    said = {"http://127.0.0.1:8080": running.base, "$KEY": program.key, "$SECRET": program.secret}

    def pasted(words: str) -> str:
        for word, meant in said.items():
            words = words.replace(word, meant)
        return words

    done = subprocess.run(pasted(script), shell=True, capture_output=True, text=True, check=True, timeout=60)
    assert '"slug":"designers"' in done.stdout
    for each in code:
        exec(pasted(each), {})
    assert len(code) == 2


def test_no_secret_is_logged(running: Live, program: Program) -> None:
    log = running.log()

    assert "/site/oauth2/access_token" in log
    assert not re.search(r"ob[or]_|obk_|oauth_|client_secret|code=", log)
    assert program.secret not in log
