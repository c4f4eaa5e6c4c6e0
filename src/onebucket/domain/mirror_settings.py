"""The settings of a mirror that `onebucket.toml` or a page may give: what it carries over, and how far it may go."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from onebucket.domain.refusals import NotFound
from onebucket.domain.removal_limits import parse_limit
from onebucket.safe_text import quote_text

# A word, or patterns.
SettingValue = str | tuple[str, ...]

REPORT, APPLY = "report", "apply"
_MOST_PATTERNS, _LONGEST_PATTERN = 100, 200


@dataclass(frozen=True, slots=True)
class MirrorSetting:
    """One setting: `read` makes its value of what a file or a form has, and raises ValueError that says what it is."""

    default: SettingValue
    read: Callable[[object], SettingValue]


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


SETTINGS: Mapping[str, MirrorSetting] = {
    "mode": MirrorSetting(REPORT, _mode),
    "repositories": MirrorSetting(("*",), _patterns),
    "never_touch": MirrorSetting((), _patterns),
    "max_removals": MirrorSetting("10%", _limit),
    "take_over": MirrorSetting("off", _switch),
    "groups": MirrorSetting("off", _switch),
    "invite": MirrorSetting("off", _switch),
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


def find(mirrors: Sequence[MirrorDefinition], name: str) -> MirrorDefinition:
    """Return the mirror of that name. Raises NotFound."""
    for each in mirrors:
        if each.name == name:
            return each
    raise NotFound(f"the account has no mirror {quote_text(name)}")
