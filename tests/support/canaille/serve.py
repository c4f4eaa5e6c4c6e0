"""Serves Canaille, an OpenID provider, with some people in it; runs in an environment of its own, beside the tests.

Arguments: the client's id, its secret and its redirect URI. Prints its address when it answers.
"""

import logging
import secrets
import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from canaille.app import models
from canaille.backends import Backend
from joserfc.jwk import RSAKey

from canaille import create_app

# Who there is, and what is said of their address: the password of each is their name, three times.
PEOPLE = {"alice": "verified", "bob": "", "nora": "verified"}


class _Threads(ThreadingMixIn, WSGIServer):
    # Browsers keep connections open on which they ask for nothing yet.
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def _main(client_id: str, secret: str, redirect_uri: str) -> None:
    server = make_server("127.0.0.1", 0, lambda *_: [], server_class=_Threads, handler_class=_Quiet)
    address = f"127.0.0.1:{server.server_port}"
    key = RSAKey.generate_key(2048)
    key.ensure_kid()
    app = create_app(
        config={
            "SECRET_KEY": secrets.token_urlsafe(),
            "SERVER_NAME": address,
            "PREFERRED_URL_SCHEME": "http",
            "CANAILLE": {"DATABASE": "memory", "JAVASCRIPT": False, "LOGGING": {"version": 1}, "SMTP": None},
            "CANAILLE_OIDC": {"ACTIVE_JWKS": [key.as_dict(private=True)]},
        }
    )
    # Canaille has no such claim; a mapping is how others add it.
    app.config["CANAILLE_OIDC"]["USERINFO_MAPPING"]["EMAIL_VERIFIED"] = "{{ 'true' if user.department }}"
    server.set_app(app)
    with app.app_context():
        _fill(client_id, secret, redirect_uri)
    logging.disable()
    print(f"http://{address}", flush=True)
    server.serve_forever()


def _fill(client_id: str, secret: str, redirect_uri: str) -> None:
    save = Backend.instance.save
    people = {
        name: models.User(
            user_name=name,
            formatted_name=name.title(),
            family_name=name.title(),
            emails=[f"{name}@example.com"],
            password=name * 3,
            department=said,
        )
        for name, said in PEOPLE.items()
    }
    for person in people.values():
        save(person)
    save(models.Group(display_name="designers", members=[people["alice"]]))
    client = models.Client(
        client_id=client_id,
        client_name="onebucket",
        client_uri="http://127.0.0.1",
        client_secret=secret,
        redirect_uris=[redirect_uri],
        scope=["openid", "email", "profile", "groups"],
        grant_types=["authorization_code"],
        response_types=["code"],
        id_token_signed_response_alg="RS256",
        token_endpoint_auth_method="client_secret_basic",
    )
    save(client)
    # Tokens name it: its own pages do that for a new client.
    client.audience = [client]
    save(client)


if __name__ == "__main__":
    _main(*sys.argv[1:])
