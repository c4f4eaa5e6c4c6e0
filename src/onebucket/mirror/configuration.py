"""The tables `[mirror.NAME]` of `onebucket.toml`: what is mirrored where, and how far a mirror may go."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import urlsplit

from onebucket.domain.removal_limits import RemovalLimit, parse_limit
from onebucket.remote.bitbucket_url import DEFAULT_API
from onebucket.settings import Misconfigured

DEFAULT_REQUESTS_PER_HOUR = 900

_TEXTS = {"account": "", "workspace": "", "api": DEFAULT_API, "username": "", "token_file": "", "token_env": "",
          "mode": "report", "max_removals": "10%"}  # fmt: skip
_LISTS = ("repositories", "never_touch")
_MODES = ("report", "apply")


@dataclass(frozen=True, slots=True)
class MirrorConfiguration:
    """One mirror. `repositories` and `never_touch` are patterns; the latter match repositories and people.

    `can_change` is whether it changes anything there (mode `apply`). With `takes_over`, it also removes permissions
    that it did not set. `requests_per_hour` is at most what the host allows.
    """

    name: str
    account: str
    workspace: str
    api: str
    username: str
    token_file: Path | None
    token_env: str
    repositories: tuple[str, ...]
    never_touch: tuple[str, ...]
    can_change: bool
    takes_over: bool
    max_removals: RemovalLimit
    requests_per_hour: int

    def includes(self, repository: str) -> bool:
        """Whether a repository is mirrored."""
        return any(fnmatchcase(repository, each) for each in self.repositories) and not self.spares(repository)

    def spares(self, *names: str) -> bool:
        """Whether a repository or a person of these names is never touched."""
        return any(fnmatchcase(name, pattern) for name in names for pattern in self.never_touch)

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
        other = found.setdefault((mirror.api, mirror.workspace.lower()), mirror)
        if other is not mirror:
            raise Misconfigured(
                f"{source}: [mirror.{other.name}] and [mirror.{name}] both mirror to {mirror.workspace}, "
                "and would undo each other's changes"
            )
    return list(found.values())


def _read(name: str, table: Mapping[str, object], source: str) -> MirrorConfiguration:
    where = f"{source}: [mirror.{name}]"
    unknown = table.keys() - {*_TEXTS, *_LISTS, "take_over", "requests_per_hour"}
    if unknown:
        raise Misconfigured(f"{where} has no setting {', '.join(sorted(unknown))}")
    texts = {key: _text(table.get(key, default), f"{where} {key}") for key, default in _TEXTS.items()}
    for key in ("account", "workspace", "username"):
        if not texts[key]:
            raise Misconfigured(f"{where} needs {key}")
    if bool(texts["token_file"]) is bool(texts["token_env"]):
        raise Misconfigured(f"{where} needs token_file or token_env: the credential itself is never in this file")
    if texts["mode"] not in _MODES:
        raise Misconfigured(f"{where} mode is report or apply")
    api = texts["api"].rstrip("/")
    if urlsplit(api).scheme not in ("http", "https") or not urlsplit(api).hostname:
        raise Misconfigured(f"{where} api is not a URL such as {DEFAULT_API}")
    try:
        limit = parse_limit(texts["max_removals"])
    except ValueError as error:
        raise Misconfigured(f"{where} max_removals: {error}") from None
    requests = table.get("requests_per_hour", DEFAULT_REQUESTS_PER_HOUR)
    if not isinstance(requests, int) or isinstance(requests, bool) or requests < 1:
        raise Misconfigured(f"{where} requests_per_hour is a number from 1")
    return MirrorConfiguration(
        name=name,
        account=texts["account"],
        workspace=texts["workspace"],
        api=api,
        username=texts["username"],
        token_file=Path(texts["token_file"]) if texts["token_file"] else None,
        token_env=texts["token_env"],
        repositories=_texts(table.get("repositories", ["*"]), f"{where} repositories"),
        never_touch=_texts(table.get("never_touch", []), f"{where} never_touch"),
        can_change=texts["mode"] == "apply",
        takes_over=_switch(table.get("take_over", False), f"{where} take_over"),
        max_removals=limit,
        requests_per_hour=requests,
    )


def _text(value: object, what: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Misconfigured(f"{what} must be a string")
    return str(value).strip()


def _texts(value: object, what: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise Misconfigured(f"{what} must be a list of strings")
    return tuple(value)


def _switch(value: object, what: str) -> bool:
    if value in (True, False):
        return bool(value)
    if value in ("on", "off"):
        return value == "on"
    raise Misconfigured(f"{what} is on or off")
