"""Switches for how the original is, or was on a day, each with its source."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from onebucket.hashing import ACCESS_PREFIX, PREFIX


@dataclass(frozen=True, slots=True)
class Switch:
    """One switch: its values (none for a number), its default, and where the original's behaviour is written down."""

    values: tuple[str, ...]
    default: str | int
    about: str
    source: str


SWITCHES: Mapping[str, Switch] = {
    "managed_workspace": Switch(
        ("off", "on"),
        "off",
        "writes to /1.0/groups, /1.0/group-privileges and invitations get 405; reads still work",
        "Atlassian moves workspaces to its own user management since September 2025",
    ),
    "account_passwords": Switch(
        ("on", "gone"),
        "on",
        "account passwords get 401; app passwords and tokens work",
        "https://community.atlassian.com/t5/x/x/ba-p/1948231: ended for the API and git on 1 March 2022",
    ),
    "app_passwords": Switch(
        ("on", "gone"),
        "on",
        "app passwords get 401, and 410 for git (at /api/access/verify); API tokens work",
        "https://community.atlassian.com/forums/Bitbucket-articles/x/ba-p/3237429: ended on 28 July 2026; "
        "https://github.com/isomorphic-git/isomorphic-git/issues/2364 for git",
    ),
    "api_token_users": Switch(
        ("any", "email"),
        "any",
        "the name that goes with an API token in HTTP Basic. `email`: only the e-mail address, anything else gets 401; "
        "for git also the username and the two static names. `any`: all of these everywhere, and Bearer",
        "https://support.atlassian.com/bitbucket-cloud/docs/using-api-tokens/",
    ),
    "cross_workspace_lists": Switch(
        ("on", "gone"),
        "on",
        "/2.0/workspaces, /2.0/repositories and /2.0/user/permissions/… get 410",
        "https://developer.atlassian.com/cloud/bitbucket/changelog/#CHANGE-2770: removed on 14 April 2026",
    ),
    "email_in_path": Switch(
        ("accept", "reject"),
        "accept",
        "paths that contain an e-mail address get 400",
        "changes for GDPR, 29 April 2019",
    ),
    "query_token": Switch(
        ("on", "off"), "on", "tokens in the query are accepted", "Atlassian refuses them since May 2026"
    ),
    "rate_limit": Switch((), 1000, "calls per hour for each user; 0: no limit", "Bitbucket Cloud's documentation"),
}

_CHANGES: Sequence[tuple[str, Mapping[str, str | int]]] = (
    ("2019-04-29", {"email_in_path": "reject"}),
    ("2022-03-01", {"account_passwords": "gone"}),
    ("2025-09-09", {"api_token_users": "email"}),
    ("2025-09-19", {"managed_workspace": "on"}),
    ("2026-04-14", {"cross_workspace_lists": "gone"}),
    ("2026-07-28", {"app_passwords": "gone", "query_token": "off"}),
)

# Days on which the original changed, and how it was then: each with the changes before it.
DATES: Mapping[str, Mapping[str, str | int]] = {
    day: {name: value for _, changes in _CHANGES[: number + 1] for name, value in changes.items()}
    for number, (day, _) in enumerate(_CHANGES)
}

_WRITES = re.compile(r"(?:/!?api)?/1\.0/(?:groups|group-privileges|invitations|users/[^/]+/invitations)(?:/|$)")
_LISTS = re.compile(r"(?:/!?api)?/2\.0/(?:workspaces|repositories|user/permissions/(?:workspaces|repositories))/?$")


_GIT_GATE = "/api/access/verify"
_TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential as it was sent: `login` is None for Bearer; `is_api_token` is False for app passwords."""

    login: str | None
    secret: str
    is_api_token: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer in the original's place: status, content type and body."""

    status: int
    content_type: str
    body: str


@dataclass(slots=True)
class Behaviour:
    """The switches in force."""

    values: dict[str, str | int] = field(
        default_factory=lambda: {name: switch.default for name, switch in SWITCHES.items()}
    )

    @property
    def is_changed(self) -> bool:
        """Whether a switch has another value than its default."""
        return self.values != {name: switch.default for name, switch in SWITCHES.items()}

    def reset(self) -> None:
        """Set every switch to its default."""
        self.values = {name: switch.default for name, switch in SWITCHES.items()}

    def change(self, order: object) -> None:
        """Set switches by name, or all of them `as_of` a day. Raises ValueError; then nothing has changed."""
        if not isinstance(order, Mapping):
            raise ValueError('behaviour is an object of switches, or {"as_of": "2026-07-28"}')
        values = dict(self.values)
        if "as_of" in order:
            if order["as_of"] not in DATES:
                raise ValueError(f"{order['as_of']!r} is not a known date; these are: {', '.join(DATES)}")
            values = {name: switch.default for name, switch in SWITCHES.items()} | dict(DATES[order["as_of"]])
        for name, value in order.items():
            if name != "as_of":
                values[name] = _checked(name, value)
        self.values = values

    def refusal(self, method: str, path: str, credential: Callable[[], Credential | None]) -> Refusal | None:
        """Return the response of a switch that replaces the server's, if there is one.

        `credential` returns None where there is none in the Authorization header.
        """
        if self._limits_credentials and (sent := credential()) is not None:
            refused = self._refusal_of_credential(sent, is_git=path == _GIT_GATE)
            if refused is not None:
                return refused
        if (
            self.values["managed_workspace"] == "on"
            and method not in ("GET", "HEAD", "OPTIONS")
            and _WRITES.match(path)
        ):
            return Refusal(405, _TEXT, "Method Not Allowed: this workspace is managed by Atlassian")
        if self.values["cross_workspace_lists"] == "gone" and _LISTS.fullmatch(path):
            return Refusal(
                410,
                "application/json",
                '{"type":"error","error":{"message":"CHANGE-2770 - Functionality has been deprecated",'
                '"detail":"Please read the changelog entry for more details.",'
                '"data":{"announcement_url":"https://developer.atlassian.com/cloud/bitbucket/changelog#CHANGE-2770"}}}',
            )
        return None

    @property
    def _limits_credentials(self) -> bool:
        named = ("account_passwords", "app_passwords", "api_token_users")
        return any(self.values[name] != SWITCHES[name].default for name in named)

    def _refusal_of_credential(self, sent: Credential, *, is_git: bool) -> Refusal | None:
        if sent.is_api_token:
            name = sent.login or ""
            if self.values["api_token_users"] == "any" or "@" in name or (is_git and name):  # noqa: S105 - a switch
                return None
            return Refusal(
                401,
                "application/json",
                '{"type":"error","error":{"message":"Token is invalid, expired, or not supported for this endpoint."}}',
            )
        if sent.secret.startswith(PREFIX):
            if self.values["app_passwords"] == "on":
                return None
            return Refusal(410 if is_git else 401, _TEXT, "App passwords have ended: use an API token")
        is_password = sent.login is not None and not sent.secret.startswith(ACCESS_PREFIX)
        if is_password and self.values["account_passwords"] == "gone":
            return Refusal(401, _TEXT, "Account passwords have ended for the API and git: use an API token")
        return None

    def as_json(self) -> dict[str, Any]:
        """Return every switch with its value, what it does, its source, and the day on which the original changed."""
        since = {name: day for day, changes in _CHANGES for name in changes}
        return {
            name: {
                "value": self.values[name],
                "values": list(switch.values),
                "about": switch.about,
                "source": switch.source,
                "since": since.get(name),
            }
            for name, switch in SWITCHES.items()
        }


def _checked(name: str, value: object) -> str | int:
    switch = SWITCHES.get(name)
    if switch is None:
        raise ValueError(f"there is no switch {name!r}; there are {', '.join(SWITCHES)}")
    if switch.values:
        if value is True or value is False:
            value = "on" if value else "off"
        if value not in switch.values:
            raise ValueError(f"{name} is {' or '.join(switch.values)}")
        return str(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 10**9:
        raise ValueError(f"{name} must be a whole number, 0 or more")
    return value
