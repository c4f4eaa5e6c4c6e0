"""The settings: their defaults and checks, and loading them from command line, environment and file."""

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from email.utils import parseaddr
from ipaddress import ip_network
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from onebucket import webhook_addresses

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_Options = TypeVar("_Options", bound="DataclassInstance")

# A password in a URL: before the host, or in the query.
_PASSWORD = re.compile(r"(?<=://)([^:/@]+:).*(?=@)|(password=)[^&]*")
PREFIX = "ONEBUCKET_"
FILE = "onebucket.toml"


class Misconfigured(Exception):
    """A setting has an invalid value; the error names the setting and its source."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The effective settings. `sources` maps each name to its source; `unknown` lists names that are no settings.

    `mirror` and `oidc` are the tables of these names in `file`, unchecked.
    """

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
    cross_workspace_lists: str
    clone_url: tuple[str, ...]
    query_token: bool
    sign_up: str
    second_factor: str
    passwords: str
    invitation_days: int
    letters_per_account: int
    letters_per_address: int
    sign_ups_per_network: int
    sign_ups_per_hour: int
    confirmations_per_network: int
    confirmations_per_hour: int
    resets_per_network: int
    provider_sign_ins_per_network: int
    rate_limit: int
    failures_per_address: int
    trusted_proxies: frozenset[str]
    proxy_header: str
    smtp_url: str
    mail_from: str
    letter_templates: str
    secret_key: str
    oauth_password_grant: bool
    oauth_callbacks: str
    webhook_allow: frozenset[str]
    webhook_timeout: int
    answer_memory: int
    sqlite_wal_index: bool
    metrics_token: str
    log_format: str
    log_level: str
    sources: Mapping[str, str]
    unknown: tuple[str, ...]
    file: Path
    mirror: Mapping[str, Any]
    oidc: Mapping[str, Any]


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


_SWITCHES = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}


def _switch(value: str) -> bool:
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


def _clone_urls(value: str) -> tuple[str, ...]:
    for template in value.split():
        names = {name for _, name, _, _ in Formatter().parse(template) if name is not None}
        if names != {"workspace", "repository"} or not re.match(r"(https?|ssh)://|[\w.-]+@[\w.-]+:", template):
            raise ValueError(
                "must be addresses such as https://git.example.com/{workspace}/{repository}.git or "
                "ssh://git@git.example.com/{workspace}/{repository}.git"
            )
    return tuple(value.split())


def _smtp_url(value: str) -> str:
    parts = urlsplit(value)
    try:
        parts.port  # noqa: B018 - raises for an invalid port
    except ValueError:
        raise ValueError("must have a valid port number") from None
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
            raise ValueError("must be origins such as https://wiki.example.com, separated by spaces")
    return origins


def _networks(value: str) -> frozenset[str]:
    try:
        return frozenset(str(ip_network(each, strict=False)) for each in value.replace(",", " ").split())
    except ValueError:
        raise ValueError("must be addresses or networks such as 127.0.0.1 10.0.0.0/8, separated by spaces") from None


def _places(value: str) -> frozenset[str]:
    words = frozenset(value.replace(",", " ").split())
    try:
        webhook_addresses.parse_allowed(words)
    except ValueError:
        raise ValueError("must be networks and hosts such as 10.0.0.0/8 ci.internal, separated by spaces") from None
    return words


def _servers(value: str) -> tuple[str, ...]:
    urls = tuple(value.split())
    if not all(each.startswith(("postgresql://", "postgres://")) for each in urls):
        raise ValueError("must be addresses like postgresql://USER:PASSWORD@HOST/NAME, separated by spaces")
    return urls


SETTINGS = (
    Setting("data", "the data folder", "", lambda value: Path(value).expanduser()),
    Setting(
        "database", "`sqlite:///PATH`, or `postgresql://USER:PASSWORD@HOST/NAME`; empty: a file in the data folder", "",
        str,
    ),
    Setting("replicas", "PostgreSQL standbys of `database` to read from, separated by spaces", "", _servers),
    Setting("base_url", "the address at which people reach this server; empty: the one it listens on", "", _url),
    Setting("realm", "the realm of Basic authentication in a 401 response", "Bitbucket.org HTTP", _line),
    Setting("jsonp", "`guarded`: JSONP, but not for pages of other sites; `open`: for all pages; `off`: no JSONP",
            "guarded",
            _one_of("guarded", "open", "off")),
    Setting("jsonp_origins", "sites whose pages may read JSONP even if it is `guarded`", "", _origins),
    Setting(
        "amsterdam_times",
        "the format of times without `utc` in their name: `plain`, or `iso` with a T and milliseconds",
        "plain", _one_of("plain", "iso"),
    ),
    Setting("email_in_path", "`reject`: paths from before 2019 that contain an e-mail address get status 400",
            "accept", _one_of("accept", "reject")),
    Setting("users_address", "what `GET /1.0/users/{account}` returns: the `profile`, or the `invitations` to groups",
            "profile", _one_of("profile", "invitations")),
    Setting("cross_workspace_lists", "`gone`: lists of API 2.0 over all workspaces answer 410, as the original's since "
            "April 2026", "on", _one_of("on", "gone")),
    Setting("clone_url", "where repositories are cloned from, as API 2.0 shows it: addresses with `{workspace}` and "
            "`{repository}`, separated by blanks", "", _clone_urls),
    Setting("query_token", "`on`: accept a token in the query, as `access_token`", "off", _switch),
    Setting("sign_up", "who may create an account: people who are `invited`, anybody (`open`), or nobody (`off`)",
            "invited", _one_of("invited", "open", "off")),
    Setting("second_factor", "who must have a second factor: nobody (`optional`), site administrators and whoever "
            "administers a team (`administrators`), or `everybody`", "optional",
            _one_of("optional", "administrators", "everybody")),
    Setting("passwords", "who signs in with a password: everybody (`on`), only `site-admins`, or nobody (`off`): then "
            "people sign in with a provider, and programs with app passwords and tokens", "on",
            _one_of("on", "site-admins", "off")),
    Setting("invitation_days", "days until the link of an invitation expires", "7", _number(1, 365)),
    Setting("letters_per_account", "e-mails of one kind per day for one account", "2000", _number(1, 1_000_000)),
    Setting("letters_per_address", "e-mails of one kind per day to one address", "50", _number(1, 1_000_000)),
    Setting("sign_ups_per_network", "new accounts per hour from one network if `sign_up` is `open`; 0: no limit", "10",
            _an_hour),
    Setting("sign_ups_per_hour", "the same from all networks together; 0: no limit", "100", _an_hour),
    Setting("confirmations_per_network", "e-mails per hour that confirm addresses, from one network; 0: no limit",
            "30", _an_hour),
    Setting("confirmations_per_hour", "the same from all networks together; 0: no limit", "300", _an_hour),
    Setting("resets_per_network", "password resets per hour from one network; 0: no limit", "20", _an_hour),
    Setting("provider_sign_ins_per_network", "sign-ins with a provider per hour from one network; 0: no limit", "1000",
            _an_hour),
    Setting("rate_limit", "calls per hour for each user; 0: no limit", "0", _number(0, 1_000_000_000)),
    Setting("failures_per_address", "wrong passwords and tokens per hour from one address; 0: no limit", "60",
            _an_hour),
    Setting("trusted_proxies", "proxies whose word counts about where a request comes from", "", _networks),
    Setting("proxy_header", "the header in which they say so: `x-forwarded-for`, `forwarded`, or none (`off`)",
            "x-forwarded-for",
            _one_of("x-forwarded-for", "forwarded", "off")),
    Setting(
        "smtp_url", "the mail server, such as `smtp://user:password@host:587`; empty: e-mails are written to files", "",
        _smtp_url, secret=True,
    ),
    Setting("mail_from", "the sender of e-mails; empty: `onebucket@` and the host of `base_url`", "", _sender),
    Setting("letter_templates", "a folder with your own templates for e-mails", "", str),
    Setting(
        "secret_key", "the key for links in e-mails and secrets of OAuth and authenticator apps; empty: created "
        "once, and kept in the data folder", "", _key, secret=True,
    ),
    Setting("oauth_password_grant", "`on`: OAuth apps may get tokens with a person's password", "off",
            _switch),
    Setting("oauth_callbacks",
            "where OAuth apps may send people back to: their callback (`exact`), or also addresses below it "
            "(`prefix`)", "exact", _one_of("exact", "prefix")),
    Setting("webhook_allow", "networks and hosts that webhooks may be sent to although they aren't public, such as "
            "`10.0.0.0/8 ci.internal`", "", _places),
    Setting("webhook_timeout", "seconds in which the receiver of a webhook must have answered", "10", _number(1, 60)),
    Setting("answer_memory", "the size in MiB of each process's response cache; 0: no cache", "16",
            _number(0, 1_000_000)),
    Setting("sqlite_wal_index",
            "`off`: ask SQLite whether anybody has committed, instead of reading its shared memory", "on",
            _switch),
    Setting("metrics_token", "a Bearer token for `/metrics`; site administrators may always read it", "", _line,
            secret=True),
    Setting("log_format", "`console` for people, `json` for machines", "console", _one_of("console", "json")),
    Setting("log_level", "`debug` logs every request, `info` changes and refusals", "info",
            _one_of("debug", "info", "warning", "error")),
)  # fmt: skip
# Variables that commands read themselves; ONEBUCKET_RUN_PORT is set by `onebucket run`.
_NOT_SETTINGS = {"ADMIN_PASSWORD", "SERVER", "CA", "RUN_PORT"}


def load(
    *, environment: Mapping[str, str] = os.environ, folder: Path | None = None, given: Mapping[str, str] | None = None
) -> Settings:
    """Load the settings; the first source wins: `given` (the command line), environment, `onebucket.toml`, default.

    The file is searched in `folder` (by default the working directory), then in the data folder. Raises Misconfigured.
    """
    given = {name: value for name, value in (given or {}).items() if value}
    setting_of = {f"{PREFIX}{setting.name.upper()}": setting.name for setting in SETTINGS}
    from_environment = {setting_of[name]: value for name, value in environment.items() if name in setting_of}
    data = given.get("data") or from_environment.get("data") or str(_default_data())
    file, from_file, tables = _file(folder or Path.cwd(), Path(data).expanduser())

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

    known = set(setting_of) | {PREFIX + name for name in _NOT_SETTINGS}
    unknown = [f"{name} in the environment" for name in environment if name.startswith(PREFIX) and name not in known]
    unknown += [f"{name} in {file}" for name in from_file if name not in setting_of.values()]
    return Settings(
        **values,
        sources=sources,
        unknown=tuple(sorted(unknown)),
        file=file,
        mirror=tables["mirror"],
        oidc=tables["oidc"],
    )


def select(kind: type[_Options], settings: Settings, **others: Any) -> _Options:
    """Make a `kind`, a dataclass: fields that are named like a setting get its value, the rest come from `others`.

    So a new setting reaches the dataclass when that has a field of its name, and nothing lists them a second time.
    """
    names = {setting.name for setting in SETTINGS}
    values = {field.name: getattr(settings, field.name) for field in fields(kind) if field.name in names}
    return kind(**values | others)


def shown(settings: Settings) -> list[tuple[str, str, str]]:
    """List name, value and source of every setting; secrets and passwords are masked."""
    rows = []
    for setting in SETTINGS:
        value = getattr(settings, setting.name)
        text = _as_words(value)
        rows.append((setting.name, "(set)" if setting.secret and text else text, settings.sources[setting.name]))
    return rows


def _as_words(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return " ".join(sorted(value)) if isinstance(value, frozenset) else _without_passwords(value)


def _without_passwords(value: object) -> str:
    words = value if isinstance(value, tuple) else (str(value),)
    return " ".join(_PASSWORD.sub(r"\1\2…", word) for word in words)


def _read(setting: Setting, text: str, source: str) -> Any:
    try:
        return setting.read(text)
    except ValueError as error:
        displayed = _without_passwords(tuple(text.split())) if "://" in text else text
        raise Misconfigured(f"{setting.name} {error} (it is {displayed!r}, from the {source})") from None


# Tables of the file, by what each may be called in it.
_TABLES = {"mirror": "mirrors are tables with a name, such as [mirror.cloud]",
           "oidc": "providers are tables with a name, such as [oidc.okta]"}  # fmt: skip


def _file(*folders: Path) -> tuple[Path, dict[str, str], dict[str, Mapping[str, Any]]]:
    for folder in folders:
        path = folder / FILE
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise Misconfigured(f"can't read {path}: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise Misconfigured(f"can't read {path}: {error}") from None
        tables = {name: table.pop(name, {}) for name in _TABLES}
        for name, sentence in _TABLES.items():
            if not isinstance(tables[name], dict):
                raise Misconfigured(f"{path}: {sentence}")
        return path, {name: _as_text(name, value, path) for name, value in table.items()}, tables
    return Path(FILE), {}, {name: {} for name in _TABLES}


def _as_text(name: str, value: object, path: Path) -> str:
    if isinstance(value, list):
        return " ".join(str(each) for each in value)
    if isinstance(value, dict):
        raise Misconfigured(f"{path}: [{name}] is a table; settings belong at the top level")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _default_data() -> Path:
    """`onebucket-data` in the checkout when run from one, otherwise the platform's folder for user data."""
    checkout = Path(__file__).parents[2]
    if (checkout / "pyproject.toml").exists() and (checkout / "dev").exists():
        return checkout / "onebucket-data"

    from platformdirs import user_data_path

    return user_data_path("onebucket", appauthor=False)
