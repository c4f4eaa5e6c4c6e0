"""A small OpenID provider on this machine, that a test can make lie; made with the JOSE library that checks tokens."""

import hmac
import json
import threading
import time
import warnings
from base64 import b64decode, urlsafe_b64encode
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from onebucket.domain.sign_in_providers import SignInProvider

CLIENT_ID, SECRET = "onebucket here", "what only the two know"
_LOGOUT = "http://schemas.openid.net/event/backchannel-logout"

RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "ec"})
ED = OKPKey.generate_key("Ed25519", {"kid": "ed"})


class OpenIdProvider:
    """Signs in `person`, the claims of somebody, without asking; what else is public here changes how it behaves.

    `lie` are claims that replace true ones in the next tokens (None leaves one out), `algorithm` and `key` sign them.
    They logged in at `logged_in_at`, and do so anew when asked to, unless it `remembers` them.
    """

    def __init__(self) -> None:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider._answer(self, "")

            def do_POST(self) -> None:
                provider._answer(self, self.rfile.read(int(self.headers["Content-Length"])).decode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"
        self.person: dict[str, Any] = {}
        self.lie: dict[str, Any] = {}
        self.algorithm, self.key = "RS256", RSA
        self.published = [RSA, EC, ED]
        self.is_down = False
        self.logged_in_at, self.remembers = int(time.time()), False
        self.userinfo: dict[str, Any] = {}
        self.asked: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def settings(self, **changed: Any) -> SignInProvider:
        """What a server has to know of it."""
        given = {
            "name": "corp",
            "issuer": self.issuer,
            "client_id": CLIENT_ID,
            "client_secret": SECRET,
            "label": "Corp",
            "scopes": ("openid", "email"),
            "groups_claim": "",
            "domains": frozenset({"example.com"}),
            "links_by_address": True,
        }
        return SignInProvider(**(given | changed))

    def logout_token(self, **claims: Any) -> str:
        """A token that says that somebody has signed out here."""
        now = int(time.time())
        true = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 120, "events": {_LOGOUT: {}}}
        return self._signed(true | claims)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler, body: str) -> None:
        url = urlsplit(request.path)
        self.asked.append(url.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        form = {name: values[0] for name, values in parse_qs(body).items()}
        if self.is_down:
            request.send_error(503)
        elif url.path == "/authorize":
            request.send_response(302)
            request.send_header("Location", self._authorize(query))
            request.end_headers()
        else:
            status, document = self._document(url.path, form, request.headers["Authorization"] or "")
            request.send_response(status)
            request.send_header("Content-Type", "application/json")
            request.end_headers()
            request.wfile.write(json.dumps(document).encode())

    def _authorize(self, query: dict[str, str]) -> str:
        code = f"code-{len(self._codes)}"
        self._codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state'], 'iss': self.issuer})}"

    def _document(self, path: str, form: dict[str, str], authorization: str) -> tuple[int, Any]:
        if path == "/.well-known/openid-configuration":
            return 200, {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "userinfo_endpoint": f"{self.issuer}/userinfo",
            }
        if path == "/keys":
            return 200, KeySet(self.published).as_dict(private=False)
        if path == "/userinfo":
            return 200, self.userinfo
        return self._redeem(form, authorization)

    def _redeem(self, form: dict[str, str], authorization: str) -> tuple[int, Any]:
        asked = self._codes.pop(form.get("code", ""), None)
        challenge = urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        # As some do: a plus is no space for them.
        login = unquote(b64decode(authorization.removeprefix("Basic ")).decode())
        if asked is None or challenge != asked["code_challenge"] or login != f"{CLIENT_ID}:{SECRET}":
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        if asked.get("prompt") == "login" and "max_age" in asked and not self.remembers:
            self.logged_in_at = now
        claims["auth_time"] = self.logged_in_at
        return 200, {
            "id_token": self._signed(claims | self.person),
            "access_token": "of userinfo",
            "token_type": "Bearer",
        }

    def _signed(self, claims: dict[str, Any]) -> str:
        told = {name: value for name, value in (claims | self.lie).items() if value is not None}
        if self.algorithm == "none":
            return f"{_encoded({'alg': 'none'})}.{_encoded(told)}."
        header = {"alg": self.algorithm, "kid": self.key.kid}
        if self.algorithm == "HS256":
            return _with_public_key_as_secret(told)
        with warnings.catch_warnings(action="ignore"):
            return jwt.encode(header, told, self.key, algorithms=[self.algorithm])


def _with_public_key_as_secret(claims: dict[str, Any]) -> str:
    """Sign with the public RSA key as if it were a shared secret; a server that believes a token's `alg` takes that."""
    signed = f"{_encoded({'alg': 'HS256', 'kid': 'rsa'})}.{_encoded(claims)}"
    signature = hmac.digest(RSA.as_pem(private=False), signed.encode(), "sha256")
    return f"{signed}.{urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _encoded(part: dict[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
