"""The settings of a mirror that `onebucket.toml` or a page may give: what it carries over, and how far it may go."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import NamedTuple

from onebucket.domain.accounts import Account, username_key
from onebucket.domain.removal_limits import parse_limit
from onebucket.safe_text import quote_text

# A word, or patterns.
SettingValue = str | tuple[str, ...]

FILE = "onebucket.toml"
REPORT, APPLY = "report", "apply"
_MOST_PATTERNS, _LONGEST_PATTERN = 100, 200


@dataclass(frozen=True, slots=True)
class MirrorSetting:
    """One setting: `read` makes its value of what a file or a form has, and raises ValueError that says what it is.

    `about` says what it decides; `choices` are its values, if there are few.
    """

    about: str
    default: SettingValue
    read: Callable[[object], SettingValue]
    choices: tuple[str, ...] = ()


def matches(patterns: Sequence[str], *names: str) -> bool:
    """Whether one of these names matches one of the patterns.

    >>> matches(("site-*", "rocket"), "probe", "site-1")
    True
    """
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


def _mode(value: object) -> str:
    if value not in (REPORT, APPLY):
        raise ValueError("is report or apply")
    return str(value)


def _switch(value: object) -> str:
    if value in ("on", "off"):
        return str(value)
    if isinstance(value, bool):
        return "on" if value else "off"
    raise ValueError("is on or off")


def _limit(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("must be a string")
    try:
        return str(parse_limit(str(value).strip()))
    except ValueError as error:
        raise ValueError(f": {error}") from None


def _patterns(value: object) -> tuple[str, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not all(isinstance(each, str) for each in value):
        raise ValueError("must be a list of strings")
    if len(value) > _MOST_PATTERNS:
        raise ValueError(f"has {len(value)} patterns; {_MOST_PATTERNS} are the most")
    for each in value:
        if not each or len(each) > _LONGEST_PATTERN or not each.isprintable():
            raise ValueError(f"has the pattern {quote_text(each)}, which is empty, too long or not printable")
    return tuple(dict.fromkeys(value))


def _either(about: str) -> MirrorSetting:
    return MirrorSetting(about, "off", _switch, ("off", "on"))


SETTINGS: Mapping[str, MirrorSetting] = {
    "mode": MirrorSetting(
        "report changes nothing there, apply carries differences over", REPORT, _mode, (REPORT, APPLY)
    ),
    "repositories": MirrorSetting(
        "Repositories that are mirrored: slugs or patterns such as site-*", ("*",), _patterns
    ),
    "never_touch": MirrorSetting(
        "Repositories, people and groups that are left alone: slugs, usernames or patterns", (), _patterns
    ),
    "max_removals": MirrorSetting(
        "The most permissions to lower or remove in one run: a number, or a percentage of those there", "10%", _limit
    ),
    "take_over": _either("on also removes permissions that the mirror did not set"),
    "groups": _either("on also gives groups there what those of the same slugs have here"),
    "invite": _either("on also invites people who are no members there"),
}

# Where `onebucket.toml` gives one of these, no page changes it: it is the operator's protection against mistakes.
OPERATORS = frozenset({"max_removals"})


def read(name: str, value: object) -> SettingValue:
    """Read the value of the setting `name`. Raises ValueError with a sentence that begins with the name.

    >>> read("repositories", ["*", "site-*"]), read("take_over", True)
    (('*', 'site-*'), 'on')
    """
    try:
        return SETTINGS[name].read(value)
    except ValueError as error:
        sentence = str(error)
        raise ValueError(f"{name}{sentence}" if sentence.startswith(":") else f"{name} {sentence}") from None


@dataclass(frozen=True, slots=True)
class MirrorDefinition:
    """A mirror as `onebucket.toml` has it: which account here, and which workspace at which API.

    `given` are the values of `SETTINGS` that the file has.
    """

    name: str
    account: str
    workspace: str
    api: str
    given: Mapping[str, SettingValue] = field(default_factory=dict)

    def is_of(self, owner: Account) -> bool:
        """Whether it is a mirror of that account, which the file may name by its username or its UUID."""
        return username_key(self.account) == username_key(owner.username) or self.account.strip("{}") == owner.id

    def is_locked(self, setting: str) -> bool:
        """Whether no page may change the setting, because the file has it."""
        return setting in OPERATORS and setting in self.given

    def value(self, setting: str) -> SettingValue:
        """Return the file's value, or the default."""
        return self.given.get(setting, SETTINGS[setting].default)

    def effective(self, by_page: Mapping[str, SettingValue]) -> dict[str, SettingValue]:
        """Return the value of every setting: a page's before the file's, and the default without both."""
        return {
            name: self.value(name) if self.is_locked(name) else by_page.get(name, self.value(name)) for name in SETTINGS
        }


class StoredSetting(NamedTuple):
    """A setting that was set on the page of a mirror, by whom, and when."""

    name: str
    value: SettingValue
    set_by: str
    set_at: datetime


@dataclass(frozen=True, slots=True)
class EffectiveSetting:
    """A setting as it holds; `set_by` and `set_at` say who set it on the mirror's page, and when.

    `otherwise` is what holds without the page, `is_given` whether the file has it. No page changes it if it
    `is_locked`.
    """

    name: str
    value: SettingValue
    otherwise: SettingValue
    is_given: bool
    is_locked: bool
    set_by: str = ""
    set_at: datetime | None = None

    @property
    def source(self) -> str:
        """Where the value comes from, in words."""
        if self.set_by:
            return f"set on its page by {self.set_by}"
        return f"from {FILE}" if self.is_given else "default"


def combine(mirror: MirrorDefinition, stored: Iterable[StoredSetting]) -> Iterator[EffectiveSetting]:
    """Yield every setting of a mirror as it holds with what is stored for it."""
    by_page = {each.name: each for each in stored if not mirror.is_locked(each.name)}
    for name, value in mirror.effective({each.name: each.value for each in by_page.values()}).items():
        is_given, is_locked = name in mirror.given, mirror.is_locked(name)
        set_by, set_at = (by_page[name].set_by, by_page[name].set_at) if name in by_page else ("", None)
        yield EffectiveSetting(name, value, mirror.value(name), is_given, is_locked, set_by, set_at)
