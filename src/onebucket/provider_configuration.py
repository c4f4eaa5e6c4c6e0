"""The tables `[oidc.NAME]` of `onebucket.toml`: the providers that people sign in with."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from onebucket.domain import sign_in_providers
from onebucket.domain.accounts import email_key
from onebucket.domain.refusals import Invalid
from onebucket.domain.sign_in_providers import SignInProvider
from onebucket.remote.loopback import is_loopback
from onebucket.settings import Misconfigured, Settings

_SECRETS = ("client_secret", "client_secret_file", "client_secret_env")
_TEXTS = {"issuer": "", "client_id": "", **dict.fromkeys(_SECRETS, ""), "label": "", "groups_claim": "",
          "link": "address", "confirm": "login"}  # fmt: skip
_LISTS = {"scopes": ["openid", "email", "profile"], "domains": []}


def read_providers(chosen: Settings, environment: Mapping[str, str] = os.environ) -> tuple[SignInProvider, ...]:
    """Read all providers with their secrets. Raises Misconfigured, also for two with one issuer and client."""
    found: dict[tuple[str, str], SignInProvider] = {}
    for name, table in _tables(chosen):
        where = f"{chosen.file}: [oidc.{name}]"
        provider = _read(name, table, where, chosen.file.parent, environment)
        other = found.setdefault((provider.issuer, provider.client_id), provider)
        if other is not provider:
            raise Misconfigured(f"{where} has the issuer and the client_id of [oidc.{other.name}]")
    return tuple(found.values())


def names_with_groups(chosen: Settings) -> list[str]:
    """Return the names of the providers that name groups, without reading secrets. Raises Misconfigured."""
    return [name for name, table in _tables(chosen) if table.get("groups_claim")]


def _tables(chosen: Settings) -> Iterator[tuple[str, Mapping[str, object]]]:
    for name, table in chosen.oidc.items():
        if not isinstance(table, Mapping):
            raise Misconfigured(f"{chosen.file}: providers are tables with a name, such as [oidc.okta]")
        yield name, table


def _read(
    name: str, table: Mapping[str, object], where: str, folder: Path, environment: Mapping[str, str]
) -> SignInProvider:
    try:
        sign_in_providers.check_name(name)
    except Invalid as refusal:
        raise Misconfigured(f"{where}: {refusal.sentence}") from None
    if unknown := table.keys() - {*_TEXTS, *_LISTS}:
        raise Misconfigured(f"{where} has no setting {', '.join(sorted(unknown))}")
    texts = {key: _text(table.get(key, default), f"{where} {key}") for key, default in _TEXTS.items()}
    lists = {key: _texts(table.get(key, default), f"{where} {key}") for key, default in _LISTS.items()}
    if not texts["client_id"]:
        raise Misconfigured(f"{where} needs client_id")
    if texts["link"] not in ("address", "ask"):
        raise Misconfigured(f"{where} link is address or ask")
    if texts["confirm"] not in ("login", "sign-in"):
        raise Misconfigured(f"{where} confirm is login or sign-in")
    if "openid" not in lists["scopes"]:
        raise Misconfigured(f"{where} scopes must have openid among them")
    return SignInProvider(
        name=name,
        issuer=_issuer(texts["issuer"], where),
        client_id=texts["client_id"],
        client_secret=_secret(texts, where, folder, environment),
        label=texts["label"] or name,
        scopes=lists["scopes"],
        groups_claim=texts["groups_claim"],
        domains=frozenset(_domain(each, where) for each in lists["domains"]),
        links_by_address=texts["link"] == "address",
        logs_in_again=texts["confirm"] == "login",
    )


def _issuer(issuer: str, where: str) -> str:
    parts = urlsplit(issuer)
    if not parts.hostname or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise Misconfigured(
            f"{where} issuer is an address such as https://login.example.com, as the provider spells it"
        )
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise Misconfigured(f"{where} issuer must be https://, except on this machine itself")
    return issuer


def _secret(texts: Mapping[str, str], where: str, folder: Path, environment: Mapping[str, str]) -> str:
    if len(given := [key for key in _SECRETS if texts[key]]) != 1:
        raise Misconfigured(f"{where} needs one of client_secret_file, client_secret_env and client_secret")
    if given == ["client_secret"]:
        return texts["client_secret"]
    if given == ["client_secret_env"]:
        source, secret = (
            f"the environment variable {texts['client_secret_env']}",
            environment.get(texts["client_secret_env"], ""),
        )
    else:
        path = folder / Path(texts["client_secret_file"]).expanduser()
        source = str(path)
        try:
            secret = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Misconfigured(f"{where}: can't read {source}: {getattr(error, 'strerror', None) or error}") from None
    if not secret.strip():
        raise Misconfigured(f"{where}: there is no secret in {source}")
    return secret.strip()


def _domain(domain: str, where: str) -> str:
    try:
        return email_key(f"x@{domain}").partition("@")[2]
    except Invalid:
        raise Misconfigured(f"{where} domains: {domain!r} is not a domain such as example.com") from None


def _text(value: object, what: str) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise Misconfigured(f"{what} must be a string of one line")
    return value.strip()


def _texts(value: object, what: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) and each.strip() for each in value):
        raise Misconfigured(f"{what} must be a list of strings")
    return tuple(each.strip() for each in value)
