"""OAuth apps at a server in this process: creation, consent, tokens, and requests signed with OAuth 1."""

import base64
import hashlib
import hmac
import secrets
import time
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from oauthlib.oauth1 import Client
from oauthlib.oauth1.rfc5849 import signature

import cast
from browsing import Visitor
from cast import Api
from onebucket import hashing
from onebucket.actions import consumers

CALLBACK = "https://ci.example.com/done?job=7"
TOKEN = "/site/oauth2/access_token"
AUTHORIZE = "/site/oauth2/authorize"
VERIFIER = "a-verifier-that-nobody-else-knows-0123456789-~."
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


class Consumer(NamedTuple):
    """A consumer's credentials, as its program knows them."""

    key: str
    secret: str


def add(api: Api, account: str = "alice", **how: Any) -> Consumer:
    """Add a consumer to an account, by default with the scopes `account` and `account:write`."""
    key = hashing.new_consumer_key()
    chosen = {"label": "Builds", "scopes": frozenset({"account", "account:write"}), "callback": CALLBACK} | how
    api.operate(lambda work: consumers.add(work, account, key=key, **chosen))
    return Consumer(key, hashing.derived_secret(cast.KEY, "consumer", key))


def post(api: Api, who: tuple[str, str] | None, path: str = TOKEN, **form: str) -> httpx.Response:
    """Post a form as a consumer."""
    return api(who, "POST", path, data=form)


def bearer(api: Api, token: str, path: str = "/groups", method: str = "GET", **how: Any) -> httpx.Response:
    """Send a request with an access token."""
    return api(None, method, path, headers={"Authorization": f"Bearer {token}"}, **how)


def wish(consumer: Consumer, **words: str) -> str:
    """Return the URL of the consent page with a program's parameters; empty ones are left out."""
    said = {"response_type": "code", "client_id": consumer.key, "state": "xyz"} | words
    return f"{AUTHORIZE}?{urlencode({name: value for name, value in said.items() if value})}"


def consent(api: Api, consumer: Consumer, who: str = "alice", **words: str) -> dict[str, str]:
    """Let a user consent in a browser; return the parameters of the redirect to the callback."""
    with Visitor(api, who) as visitor:
        page = visitor.open(wish(consumer, **words))
        sent = visitor.send(page, AUTHORIZE, follow=False)
    return answer_of(sent.answer)


def answer_of(answer: httpx.Response) -> dict[str, str]:
    """Return the parameters of a redirect to the callback."""
    assert answer.status_code == 303, answer.text
    there = answer.headers["location"]
    assert there.startswith(CALLBACK), there
    return {name: value for name, [value] in parse_qs(urlsplit(there).query).items()}


def code(api: Api, consumer: Consumer, who: str = "alice", **words: str) -> str:
    """Return an authorization code that a user has consented to."""
    return consent(api, consumer, who, **words)["code"]


def tokens(api: Api, consumer: Consumer, who: str = "alice", **words: str) -> dict[str, Any]:
    """Return tokens that a user has consented to."""
    answer = post(api, consumer, grant_type="authorization_code", code=code(api, consumer, who, **words))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


# -- OAuth 1 ---------------------------------------------------------------------------------------


def _sha256(base_string: str, client: Client) -> str:
    key = f"{signature.utils.escape(client.client_secret)}&{signature.utils.escape(client.resource_owner_secret or '')}"
    return base64.b64encode(hmac.digest(key.encode(), base_string.encode(), "sha256")).decode()


# Later versions of oauthlib have this built in.
Client.register_signature_method("HMAC-SHA256", _sha256)


def sign(
    consumer: Consumer,
    address: str,
    method: str = "GET",
    *,
    base: str = cast.BASE,
    body: str | None = None,
    token: tuple[str, str] = ("", ""),
    seconds: float = 0,
    nonce: str = "",
    **how: Any,
) -> tuple[str, dict[str, str], str | None]:
    """Sign a request as oauthlib does; return its path, headers and body.

    `seconds` is how far the client's clock is ahead.
    """
    client = Client(
        consumer.key,
        consumer.secret,
        token[0] or None,
        token[1] or None,
        timestamp=str(int(time.time() + seconds)),
        nonce=nonce or secrets.token_hex(8),
        **how,
    )
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if body is not None else {}
    signed, named, written = client.sign(base + address, method, body, headers)
    return signed.removeprefix(base), named, written


def ask(api: Api, consumer: Consumer, address: str = "/1.0/groups", method: str = "GET", **how: Any) -> httpx.Response:
    """Send one signed request."""
    signed, headers, body = sign(consumer, address, method, **how)
    return api(None, method, signed, headers=headers, content=body)


def dance(
    api: Api, consumer: Consumer, who: str = "alice", callback: str = CALLBACK, base: str = "/api/1.0/oauth"
) -> tuple[str, str]:
    """Go through the three steps of OAuth 1; return a token and its secret."""
    request = fields(ask(api, consumer, f"{base}/request_token", "POST", callback_uri=callback))
    page = f"{base}/authenticate"
    with Visitor(api, who) as visitor:
        asked = visitor.open(f"{page}?oauth_token={request['oauth_token']}")
        back = answer_of(visitor.send(asked, page, follow=False).answer)
    given = ask(
        api,
        consumer,
        f"{base}/access_token",
        "POST",
        token=(request["oauth_token"], request["oauth_token_secret"]),
        verifier=back["oauth_verifier"],
    )
    token = fields(given)
    return token["oauth_token"], token["oauth_token_secret"]


def fields(answer: httpx.Response) -> dict[str, str]:
    """Parse a form-encoded response."""
    assert answer.status_code == 200, answer.text
    return {name: value for name, [value] in parse_qs(answer.text).items()}
