"""The errors that the rules raise; each carries a sentence that may be shown to the caller."""

from collections.abc import Iterable, Mapping

from onebucket.domain.suggestions import Sought


class Refusal(Exception):
    """Base of all refusals. `sentence` is lower case, without a full stop, and contains no secret.

    `field` names the parameter that is wrong, where a form shows the sentence beside it; empty for no single one.
    """

    def __init__(self, sentence: str, *, field: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.field = field

    @property
    def reason(self) -> str:
        """The sentence as the journal stores it."""
        return self.sentence


class Unauthenticated(Refusal):
    """There is no valid credential."""

    def __init__(self, sentence: str = "no valid credentials", *, bearer: bool = False) -> None:
        super().__init__(sentence)
        self.bearer = bearer


class PasswordAlone(Unauthenticated):
    """The password is right, and not enough: the person has a second factor, or must have one."""

    def __init__(self) -> None:
        super().__init__(
            "your account needs a second factor, so a password isn't accepted here: use an app password instead"
        )


class TooManyRequests(Refusal):
    """A limit is reached; the request may be repeated after `retry_after` seconds.

    `setting` names the setting with which the operator can change the limit, if there is one.
    """

    def __init__(self, sentence: str, *, retry_after: int, setting: str = "") -> None:
        super().__init__(sentence)
        self.retry_after = retry_after
        self.setting = setting


class Forbidden(Refusal):
    """The caller is authenticated but may not do this."""


class WrongRecipient(Forbidden):
    """The invitation is for an address that is none of the person's."""

    def __init__(self) -> None:
        super().__init__("the invitation is for an address that is not one of yours")


class InsufficientScope(Forbidden):
    """The credential lacks a required scope (contract/formats.md#e3)."""

    def __init__(self, *, required: Iterable[str], granted: Iterable[str]) -> None:
        super().__init__("the credentials lack a required scope")
        self.required = sorted(required)
        self.granted = sorted(granted)


class NotFound(Refusal):
    """It doesn't exist, or the caller may not know that it does.

    `sought` is what was looked for by its name, `suggestion` a name that may have been meant.
    """

    def __init__(self, sentence: str, sought: Sought | None = None) -> None:
        super().__init__(sentence)
        self.sought = sought
        self.suggestion: str | None = None


class NoSuchGroup(NotFound):
    """The account has no group with that slug (contract/api-1.0.md#g4)."""

    def __init__(self, sought: Sought | None = None) -> None:
        super().__init__("the account has no such group: it may have been deleted or renamed", sought)


class NotInvited(NotFound):
    """The address has no pending invitation there (contract/api-1.0.md#6)."""

    def __init__(self) -> None:
        super().__init__("that address has no pending invitation there")


class LinkExpired(NotFound):
    """The link is used, withdrawn, replaced, altered or expired; the error doesn't reveal which."""

    def __init__(self) -> None:
        super().__init__("this link no longer works: it was used, withdrawn or replaced, or has expired")


class Gone(Refusal):
    """It existed and is permanently gone."""


class Invalid(Refusal):
    """The input is invalid."""


class UnknownEmail(Invalid):
    """No person has that e-mail address (contract/api-1.0.md#g9)."""

    def __init__(self) -> None:
        super().__init__("nobody here has that e-mail address", field="person")


class EmailInPath(Invalid):
    """E-mail addresses in paths are turned off by a setting (contract/api-1.0.md#i2)."""

    def __init__(self) -> None:
        super().__init__("this server doesn't take e-mail addresses in paths")


class InvalidPrivilege(Invalid):
    """The body is no privilege; the sentence is the whole response body (contract/api-1.0.md#p5)."""

    @property
    def reason(self) -> str:
        """A fixed text: the sentence repeats the request body, which could contain anything."""
        return "the body is not a valid privilege"


class OAuthError(Invalid):
    """An OAuth request is refused; `error` is the protocol's error code (RFC 6749, 4.1.2.1 and 5.2)."""

    def __init__(self, error: str, sentence: str) -> None:
        super().__init__(sentence)
        self.error = error


class LastAdministrator(Invalid):
    """A team would be left without an administrator (contract/api-1.0.md#1.12)."""


class Conflict(Refusal):
    """It exists already, or somebody else changed it first."""


class AlreadyMember(Conflict):
    """The person is a member of the group already (contract/api-1.0.md#g9)."""

    def __init__(self, who: str = "the person") -> None:
        super().__init__(f"{who} is a member of that group already")


class AlreadyInvited(Conflict):
    """The address is invited already (`is_open`), or its owner has the access already (contract/api-1.0.md#i1, #6)."""

    def __init__(self, *, is_open: bool = False) -> None:
        super().__init__("that address is invited already, or has that access")
        self.is_open = is_open


class AlreadyAnswered(Conflict):
    """The request for access is answered already, or has ended; `who` has done that, if anybody has."""

    def __init__(self, state: str, who: str | None = None) -> None:
        by = f" by {who}" if who else ""
        super().__init__(f"the request is {state}{by} already: nothing was changed")


class GroupExists(Conflict):
    """The account has another group with that slug (contract/api-1.0.md#1.4)."""


class CellsOutdated(Conflict):
    """Privileges were changed since the page was loaded; `cells` are the current ones, by group and repository slug."""

    def __init__(self, cells: Mapping[tuple[str, str], object]) -> None:
        cell_list = ", ".join(f"{group} on {repository}" for group, repository in list(cells)[:5])
        super().__init__(f"somebody else has changed this in the meantime: {cell_list}; check it and choose again")
        self.cells = cells


class PlanOutdated(Conflict):
    """The account was changed since the preview, so the list of people who gain or lose access may be wrong."""

    def __init__(self) -> None:
        super().__init__("the account has changed in the meantime: check again who gains and who loses access")
