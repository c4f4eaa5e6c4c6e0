"""What can go wrong with a host elsewhere. Each message is a sentence for the person who set it up."""


class RemoteError(Exception):
    """The host did not do what was asked."""


class Unreachable(RemoteError):
    """The host can't be reached, or keeps failing although the request was repeated."""


class CredentialRefused(RemoteError):
    """401: the host doesn't accept the credential."""


class NotPermitted(RemoteError):
    """403: the credential isn't allowed this; `missing` are the scopes that the host names."""

    def __init__(self, message: str, *, missing: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.missing = missing


class PlanLimit(RemoteError):
    """402: the plan at the host doesn't include it."""


class NotThere(RemoteError):
    """404 or 410: there is no such thing, or the credential can't see it."""


class Rejected(RemoteError):
    """The host refuses the request with another status; `status` is that."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class UnexpectedResponse(RemoteError):
    """The response isn't what the host's API answers, such as a page of HTML."""
