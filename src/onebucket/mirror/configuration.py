"""The tables `[mirror.NAME]` of `onebucket.toml`: what is mirrored where, and how far a mirror may go."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from onebucket.domain import mirror_settings
from onebucket.domain.mirror_settings import MirrorDefinition, SettingValue
from onebucket.domain.removal_limits import RemovalLimit, parse_limit
from onebucket.remote.bitbucket_url import DEFAULT_API
from onebucket.settings import Misconfigured

DEFAULT_REQUESTS_PER_HOUR = 900
# About as many as go out in an hour.
DEFAULT_MAX_SPLIT = 1000

_TEXTS = {"account": "", "workspace": "", "api": DEFAULT_API, "username": "", "token_file": "", "token_env": "",
          "start": "on"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class MirrorConfiguration:
    """One mirror. `repositories` and `never_touch` are patterns; the latter match repositories, people and groups.

    `definition` is what the file has, without the credential; the page of the mirror may set the settings in it.
    `can_change` is whether it changes anything there (mode `apply`). With `takes_over`, it also removes permissions
    that it did not set. With `has_groups`, groups there are given what those of the same slugs have here,
    and one that `invites` also invites people. A group is split into at most `max_split` permissions of its people.
    `requests_per_hour` is at most what the host allows.
    `starts_with_server` is whether `serve` follows it.
    """

    definition: MirrorDefinition
    username: str
    token_file: Path | None
    token_env: str
    repositories: tuple[str, ...]
    never_touch: tuple[str, ...]
    can_change: bool
    takes_over: bool
    has_groups: bool
    invites: bool
    max_removals: RemovalLimit
    max_split: int
    requests_per_hour: int
    starts_with_server: bool

    @property
    def name(self) -> str:
        """Its name in the file."""
        return self.definition.name

    @property
    def account(self) -> str:
        """The account here."""
        return self.definition.account

    @property
    def workspace(self) -> str:
        """The workspace at the host."""
        return self.definition.workspace

    @property
    def api(self) -> str:
        """The URL of the host's API."""
        return self.definition.api

    def with_settings(self, by_page: Mapping[str, SettingValue]) -> "MirrorConfiguration":
        """Return the configuration with what was set on the mirror's page in place of what the file has."""
        return replace(self, **_fields(self.definition.effective(by_page)))

    def includes(self, repository: str) -> bool:
        """Whether a repository is mirrored."""
        return mirror_settings.matches(self.repositories, repository) and not self.spares(repository)

    def spares(self, *names: str) -> bool:
        """Whether a repository, a person or a group of these names is never touched."""
        return mirror_settings.matches(self.never_touch, *names)

    def token(self, environment: Mapping[str, str] = os.environ) -> str:
        """Return the API token. Raises Misconfigured."""
        if self.token_file is None:
            token, source = environment.get(self.token_env, ""), f"the environment variable {self.token_env}"
        else:
            source = str(self.token_file)
            try:
                token = self.token_file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                reason = getattr(error, "strerror", None) or error
                raise Misconfigured(f"[mirror.{self.name}]: can't read {source}: {reason}") from None
        if not token.strip():
            raise Misconfigured(f"[mirror.{self.name}]: there is no API token in {source}")
        return token.strip()


def read_all(tables: Mapping[str, object], *, source: str) -> list[MirrorConfiguration]:
    """Read the table `mirror`. Raises Misconfigured, also for two mirrors of one workspace."""
    found: dict[tuple[str, str], MirrorConfiguration] = {}
    for name, table in tables.items():
        if not isinstance(table, Mapping):
            raise Misconfigured(f"{source}: mirrors are tables with a name, such as [mirror.cloud]")
        mirror = _read(name, table, source)
        other = found.setdefault((mirror.api.lower(), mirror.workspace.lower()), mirror)
        if other is not mirror:
            raise Misconfigured(
                f"{source}: [mirror.{other.name}] and [mirror.{name}] both mirror to {mirror.workspace}, "
                "and would undo each other's changes"
            )
    return list(found.values())


def _read(name: str, table: Mapping[str, object], source: str) -> MirrorConfiguration:
    where = f"{source}: [mirror.{name}]"
    unknown = table.keys() - {*_TEXTS, *mirror_settings.SETTINGS, "max_split", "requests_per_hour"}
    if unknown:
        raise Misconfigured(f"{where} has no setting {', '.join(sorted(unknown))}")
    texts = {key: _text(table.get(key, default), f"{where} {key}") for key, default in _TEXTS.items()}
    for key in ("account", "workspace", "username"):
        if not texts[key]:
            raise Misconfigured(f"{where} needs {key}")
    if bool(texts["token_file"]) is bool(texts["token_env"]):
        raise Misconfigured(f"{where} needs token_file or token_env: the credential itself is never in this file")
    api = texts["api"].rstrip("/")
    if urlsplit(api).scheme not in ("http", "https") or not urlsplit(api).hostname:
        raise Misconfigured(f"{where} api is not a URL such as {DEFAULT_API}")
    if texts["start"] not in ("on", "off"):
        raise Misconfigured(f"{where} start is on or off")
    try:
        given = {key: mirror_settings.read(key, table[key]) for key in mirror_settings.SETTINGS if key in table}
    except ValueError as error:
        raise Misconfigured(f"{where} {error}") from None
    definition = MirrorDefinition(name, texts["account"], texts["workspace"], api, given)
    return MirrorConfiguration(
        definition=definition,
        username=texts["username"],
        token_file=Path(texts["token_file"]) if texts["token_file"] else None,
        token_env=texts["token_env"],
        max_split=_number(table.get("max_split", DEFAULT_MAX_SPLIT), 0, f"{where} max_split"),
        requests_per_hour=_number(
            table.get("requests_per_hour", DEFAULT_REQUESTS_PER_HOUR), 1, f"{where} requests_per_hour"
        ),
        starts_with_server=texts["start"] == "on",
        **_fields(definition.effective({})),
    )


def _fields(values: Mapping[str, SettingValue]) -> dict[str, Any]:
    """Return the fields of `MirrorConfiguration` that the settings decide."""
    return {
        "repositories": values["repositories"],
        "never_touch": values["never_touch"],
        "can_change": values["mode"] == mirror_settings.APPLY,
        "takes_over": values["take_over"] == "on",
        "has_groups": values["groups"] == "on",
        "invites": values["invite"] == "on",
        "max_removals": parse_limit(str(values["max_removals"])),
    }


def _text(value: object, what: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Misconfigured(f"{what} must be a string")
    return str(value).strip()


def _number(value: object, least: int, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise Misconfigured(f"{what} is a number from {least}")
    return value
