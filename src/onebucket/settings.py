"""The settings: their defaults and checks, and loading them from command line, environment and file."""

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

# A password in a URL: before the host, or in the query.
_PASSWORD = re.compile(r"(?<=://)([^:/@]+:).*(?=@)|(password=)[^&]*")
PREFIX = "ONEBUCKET_"
FILE = "onebucket.toml"


class Misconfigured(Exception):
    """A setting has an invalid value; the error names the setting and its source."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The effective settings; `sources` has the source of each by name, `unknown` the names that are no settings."""

    data: Path
    database: str
    replicas: tuple[str, ...]
    base_url: str
    realm: str
    jsonp: str
    jsonp_origins: frozenset[str]
    amsterdam_times: str
    email_in_path: str
    users_address: str
    query_token: str
    sign_up: str
    invitation_days: int
    letters_per_account: int
    letters_per_address: int
    sign_ups_per_network: int
    sign_ups_per_hour: int
    confirmations_per_network: int
    confirmations_per_hour: int
    resets_per_network: int
    rate_limit: int
    failures_per_address: int
    trusted_proxies: frozenset[str]
    proxy_header: str
    smtp_url: str
    mail_from: str
    letter_templates: str
    secret_key: str
    oauth_password_grant: str
    oauth_callbacks: str
    answer_memory: int
    metrics_token: str
    log_format: str
    log_level: str
    sources: Mapping[str, str]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: `read` parses its text, and raises ValueError with a sentence that says what it must be."""

    name: str
    about: str
    default: str
    read: Callable[[str], Any]
    secret: bool = False


def _one_of(*words: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in words:
            raise ValueError(f"must be {', '.join(words[:-1])} or {words[-1]}")
        return value

    return read


_SWITCHES = {"on": "on", "true": "on", "yes": "on", "1": "on", "off": "off", "false": "off", "no": "off", "0": "off"}


def _switch(value: str) -> str:
    if value.lower() in _SWITCHES:
        return _SWITCHES[value.lower()]
    raise ValueError("must be on or off (also true, false, yes, no, 1 or 0)")


def _line(value: str) -> str:
    if not value.isprintable() or '"' in value or "\\" in value:
        raise ValueError("must be one line without quotes")
    return value


def _url(value: str) -> str:
    parts = urlsplit(value)
    if value and (parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment):
        raise ValueError("must be an http:// or https:// address")
    return value.rstrip("/")


def _number(least: int, most: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not (value.isascii() and value.isdigit() and least <= int(value) <= most):
            raise ValueError(f"must be a number from {least} to {most}")
        return int(value)

    return read


_an_hour = _number(0, 1_000_000)


def _smtp_url(value: str) -> str:
    parts = urlsplit(value)
    try:
        parts.port  # noqa: B018 - raises for an invalid port
    except ValueError:
        raise ValueError("must have a number for its port") from None
    if value and (parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path.strip("/")):
        raise ValueError("must be smtp://user:password@host:587, or smtps:// for TLS from the start")
    return value


def _sender(value: str) -> str:
    _, address = parseaddr(value)
    if value and (not value.isprintable() or "@" not in address):
        raise ValueError("must be an e-mail address, perhaps with a name: Acme <git@example.com>")
    return value


def _key(value: str) -> str:
    if value and len(value) < 32:
        raise ValueError("must have 32 characters or more")
    return value


def _origins(value: str) -> frozenset[str]:
    origins = frozenset(each.lower().rstrip("/") for each in value.replace(",", " ").split())
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path:
            raise ValueError("must be origins such as https://wiki.example.com, separated by blanks")
    return origins


def _networks(value: str) -> frozenset[str]:
    try:
        return frozenset(str(ip_network(each, strict=False)) for each in value.replace(",", " ").split())
    except ValueError:
        raise ValueError("must be addresses or networks such as 127.0.0.1 10.0.0.0/8, separated by blanks") from None


def _servers(value: str) -> tuple[str, ...]:
    urls = tuple(value.split())
    if not all(each.startswith(("postgresql://", "postgres://")) for each in urls):
        raise ValueError("must be addresses like postgresql://USER:PASSWORD@HOST/NAME, separated by blanks")
    return urls


SETTINGS = (
    Setting("data", "the folder for everything that is kept", "", lambda value: Path(value).expanduser()),
    Setting(
        "database", "`sqlite:///PATH`, or `postgresql://USER:PASSWORD@HOST/NAME`; empty: a file in the data folder", "",
        str,
    ),
    Setting("replicas", "standbys of the PostgreSQL in `database`, separated by blanks, to read on", "", _servers),
    Setting("base_url", "where people reach this server; empty: the address it listens on", "", _url),
    Setting("realm", "what a 401 answer asks a password for", "Bitbucket.org HTTP", _line),
    Setting("jsonp", "`guarded`: not for pages of other sites; `open`; `off`", "guarded",
            _one_of("guarded", "open", "off")),
    Setting("jsonp_origins", "sites whose pages may read JSONP although it is guarded", "", _origins),
    Setting(
        "amsterdam_times", "how times without `utc` in their name look: `plain`, or `iso` with a T and milliseconds",
        "plain", _one_of("plain", "iso"),
    ),
    Setting("email_in_path", "`reject`: the addresses from before 2019 that hold an e-mail address answer 400",
            "accept", _one_of("accept", "reject")),
    Setting("users_address", "what `GET /1.0/users/{account}` answers: the `profile`, or the `invitations` to groups",
            "profile", _one_of("profile", "invitations")),
    Setting("query_token", "`on`: a token may stand in the address, as `access_token`", "off", _switch),
    Setting("sign_up", "who may make an account: people who are `invited`, anybody (`open`), or nobody (`off`)",
            "invited", _one_of("invited", "open", "off")),
    Setting("invitation_days", "how long the link of an invitation is good for", "7", _number(1, 365)),
    Setting("letters_per_account", "letters of a kind a day in the name of one account", "2000", _number(1, 1_000_000)),
    Setting("letters_per_address", "letters of a kind a day to one address", "50", _number(1, 1_000_000)),
    Setting("sign_ups_per_network", "new accounts an hour where `sign_up` is `open`; 0: any number", "10", _an_hour),
    Setting("sign_ups_per_hour", "these from all networks; 0: any number", "100", _an_hour),
    Setting("confirmations_per_network", "letters an hour that confirm addresses; 0: any number", "30", _an_hour),
    Setting("confirmations_per_hour", "these from all networks; 0: any number", "300", _an_hour),
    Setting("resets_per_network", "forgotten passwords asked for in an hour; 0: any number", "20", _an_hour),
    Setting("rate_limit", "calls an hour for each user; 0: any number", "1000", _number(0, 1_000_000_000)),
    Setting("failures_per_address", "wrong passwords an hour from one address; 0: any number", "60", _an_hour),
    Setting("trusted_proxies", "proxies that are believed when they say where a request comes from", "", _networks),
    Setting("proxy_header", "in which header: `x-forwarded-for`, `forwarded` or, for none, `off`", "x-forwarded-for",
            _one_of("x-forwarded-for", "forwarded", "off")),
    Setting(
        "smtp_url", "the mail server, such as `smtp://user:password@host:587`; empty: letters are written as files", "",
        _smtp_url, secret=True,
    ),
    Setting("mail_from", "the sender of letters; empty: `onebucket@` and the host of `base_url`", "", _sender),
    Setting("letter_templates", "a folder with templates of your own for letters", "", str),
    Setting(
        "secret_key", "what links in letters and the secrets of consumers are made from; empty: made once, and kept in "
        "the data folder", "", _key, secret=True,
    ),
    Setting("oauth_password_grant", "`on`: OAuth consumers may ask for tokens with a person's own password", "off",
            _switch),
    Setting("oauth_callbacks", "where OAuth consumers may have people sent: to their callback as it stands (`exact`), "
            "or below it as well (`prefix`)", "exact", _one_of("exact", "prefix")),
    Setting("answer_memory", "MiB of answers that each process remembers; 0: none", "16", _number(0, 1_000_000)),
    Setting("metrics_token", "a Bearer token for `/metrics`; site administrators may always", "", _line, secret=True),
    Setting("log_format", "`console` for people, `json` for machines", "console", _one_of("console", "json")),
    Setting("log_level", "`debug` tells every request, `info` changes and refusals", "info",
            _one_of("debug", "info", "warning", "error")),
)  # fmt: skip
_NOT_SETTINGS = {"ADMIN_PASSWORD"}


def load(
    *, environment: Mapping[str, str] = os.environ, folder: Path | None = None, given: Mapping[str, str] | None = None
) -> Settings:
    """Load the settings; the first source wins: `given` (the command line), environment, `onebucket.toml`, default.

    The file is searched in `folder` (by default the working directory), then in the data folder. Raises Misconfigured.
    """
    given = {name: value for name, value in (given or {}).items() if value}
    named = {f"{PREFIX}{setting.name.upper()}": setting.name for setting in SETTINGS}
    from_environment = {named[name]: value for name, value in environment.items() if name in named}
    data = given.get("data") or from_environment.get("data") or str(_default_data())
    file, from_file = _file(folder or Path.cwd(), Path(data).expanduser())

    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for setting in SETTINGS:
        text, source = setting.default, "default"
        for origin, where in ((from_file, str(file)), (from_environment, "environment"), (given, "command line")):
            if setting.name in origin:
                text, source = origin[setting.name], where
        if setting.name == "data" and not text:
            text = data
        values[setting.name], sources[setting.name] = _read(setting, text, source), source
    values["database"] = values["database"] or f"sqlite:///{values['data'] / 'onebucket.db'}"

    known = set(named) | {PREFIX + name for name in _NOT_SETTINGS}
    unknown = [f"{name} in the environment" for name in environment if name.startswith(PREFIX) and name not in known]
    unknown += [f"{name} in {file}" for name in from_file if name not in named.values()]
    return Settings(**values, sources=sources, unknown=tuple(sorted(unknown)))


def shown(settings: Settings) -> list[tuple[str, str, str]]:
    """List name, value and source of every setting; secrets and passwords are masked."""
    rows = []
    for setting in SETTINGS:
        value = getattr(settings, setting.name)
        text = " ".join(sorted(value)) if isinstance(value, frozenset) else _without_passwords(value)
        rows.append((setting.name, "(set)" if setting.secret and text else text, settings.sources[setting.name]))
    return rows


def _without_passwords(value: object) -> str:
    words = value if isinstance(value, tuple) else (str(value),)
    return " ".join(_PASSWORD.sub(r"\1\2…", word) for word in words)


def _read(setting: Setting, text: str, source: str) -> Any:
    try:
        return setting.read(text)
    except ValueError as error:
        told = _without_passwords(tuple(text.split())) if "://" in text else text
        raise Misconfigured(f"{setting.name} {error} (it is {told!r}, from the {source})") from None


def _file(*folders: Path) -> tuple[Path, dict[str, str]]:
    for folder in folders:
        path = folder / FILE
        try:
            found = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise Misconfigured(f"can't read {path}: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise Misconfigured(f"can't read {path}: {error}") from None
        return path, {name: _as_text(name, value, path) for name, value in found.items()}
    return Path(FILE), {}


def _as_text(name: str, value: object, path: Path) -> str:
    if isinstance(value, list):
        return " ".join(str(each) for each in value)
    if isinstance(value, dict):
        raise Misconfigured(f"{path}: [{name}] is a table; settings stand at the top")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _default_data() -> Path:
    """`onebucket-data` in the checkout when run from one, otherwise the platform's folder for user data."""
    checkout = Path(__file__).parents[2]
    if (checkout / "pyproject.toml").exists() and (checkout / "dev").exists():
        return checkout / "onebucket-data"

    from platformdirs import user_data_path

    return user_data_path("onebucket", appauthor=False)
