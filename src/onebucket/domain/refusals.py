"""Every way of saying no: each names a fact and carries a sentence that may be shown to whoever asked."""

from collections.abc import Iterable, Mapping


class Refusal(Exception):
    """Something asked for is not done. `sentence` is lower case, without a full stop, and holds no secret."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence

    @property
    def reason(self) -> str:
        """The sentence as it may be kept."""
        return self.sentence


class Unauthenticated(Refusal):
    """Nobody proved who is asking."""

    def __init__(self, sentence: str = "no valid credentials", *, bearer: bool = False) -> None:
        super().__init__(sentence)
        self.bearer = bearer


class TooManyRequests(Refusal):
    """Too much of this at once; the same may be asked again after `retry_after` seconds.

    `setting` names what whoever runs the site can change, where that is what limits it.
    """

    def __init__(self, sentence: str, *, retry_after: int, setting: str = "") -> None:
        super().__init__(sentence)
        self.retry_after = retry_after
        self.setting = setting


class Forbidden(Refusal):
    """The asker is known, and this is not his to do."""


class WrongRecipient(Forbidden):
    """An invitation to another address than any of the person's (security.md)."""

    def __init__(self) -> None:
        super().__init__("the invitation is for an address that is not one of yours")


class InsufficientScope(Forbidden):
    """The credential in use was made for less than this (contract/formats.md#e3)."""

    def __init__(self, *, required: Iterable[str], granted: Iterable[str]) -> None:
        super().__init__("the credentials lack a required scope")
        self.required = sorted(required)
        self.granted = sorted(granted)


class NotFound(Refusal):
    """There is no such thing, or none that the asker may know of."""


class NoSuchGroup(NotFound):
    """The account has no group of that slug (contract/api-1.0.md#g4)."""

    def __init__(self) -> None:
        super().__init__("No Group matches the given query.")


class NotInvited(NotFound):
    """That address has no pending invitation there (contract/api-1.0.md#6)."""

    def __init__(self) -> None:
        super().__init__("that address has no pending invitation there")


class LinkExpired(NotFound):
    """A link that was used, withdrawn, renewed or altered, or whose time is over: whoever has it learns no more."""

    def __init__(self) -> None:
        super().__init__("this link is not good any more: it was used, withdrawn or replaced, or its time is over")


class Gone(Refusal):
    """There was such a thing, and it will not come back."""


class Invalid(Refusal):
    """What was asked for cannot be meant that way."""


class UnknownEmail(Invalid):
    """No person has that e-mail address (contract/api-1.0.md#g9)."""

    def __init__(self) -> None:
        super().__init__("No user with validated email address")


class EmailInPath(Invalid):
    """The operator has settled that e-mail addresses may not stand in paths (contract/api-1.0.md#i2)."""

    def __init__(self) -> None:
        super().__init__("Email cannot be in path")


class InvalidPrivilege(Invalid):
    """The word is none with which a privilege could be granted (contract/api-1.0.md#p5); the sentence is the whole answer."""

    @property
    def reason(self) -> str:
        """Without the word: it was the whole body, and may be anything."""
        return "the body is not a valid privilege"


class OAuthError(Invalid):
    """An OAuth request that is not granted; `error` is what the protocol calls the reason (RFC 6749, 4.1.2.1, 5.2)."""

    def __init__(self, error: str, sentence: str) -> None:
        super().__init__(sentence)
        self.error = error


class LastAdministrator(Invalid):
    """A team would be left with nobody to administer it (contract/api-1.0.md#1.12)."""


class Conflict(Refusal):
    """It is already there, or somebody was quicker."""


class AlreadyMember(Conflict):
    """The person is in that group already (contract/api-1.0.md#g9)."""

    def __init__(self, who: str = "the person") -> None:
        super().__init__(f"{who} is a member of that group already")


class AlreadyInvited(Conflict):
    """The address is invited already (`is_open`), or its owner has that right (contract/api-1.0.md#i1, #6)."""

    def __init__(self, *, is_open: bool = False) -> None:
        super().__init__("that address is invited already, or has that right")
        self.is_open = is_open


class GroupExists(Conflict):
    """Another group of the account has that slug (contract/api-1.0.md#1.4)."""


class CellsOutdated(Conflict):
    """Somebody else has changed it since one looked; `cells` are what is so now, by slugs of group and repository."""

    def __init__(self, cells: Mapping[tuple[str, str], object]) -> None:
        named = ", ".join(f"{group} on {repository}" for group, repository in list(cells)[:5])
        super().__init__(f"somebody else has changed this meanwhile: {named}; look at it and choose again")
        self.cells = cells


class PlanOutdated(Conflict):
    """Something else in the account has changed since one looked, so that other people may gain or lose by it."""

    def __init__(self) -> None:
        super().__init__("something else in the account has changed meanwhile: look again who gains and who loses")
