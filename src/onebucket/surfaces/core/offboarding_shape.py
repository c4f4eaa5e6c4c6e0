"""JSON shape of an off-boarding: what ends for a person, by account."""

from msgspec import Struct

from onebucket.actions.offboarding import Credentials, Holdings, Offboarding


class HeldLevel(Struct, frozen=True):
    """A level that was set for the person themselves; `name` is the slug of a repository or the key of a project."""

    name: str
    permission: str


class LostAccess(Struct, frozen=True):
    """A repository on which the person would have less, or nothing: then `after` is null."""

    repository: str
    before: str
    after: str | None


class HoldingsShape(Struct, frozen=True):
    """What a person has in an account: slugs of groups, levels, addresses that were invited, and what they lose.

    They stay in `groups_kept_by_directory`: only a directory changes who is in these. `requests` are the repositories
    that they ask for access to.
    """

    account: str
    groups: list[str]
    repositories: list[HeldLevel]
    projects: list[HeldLevel]
    invitations: list[str]
    groups_kept_by_directory: list[str]
    losses: list[LostAccess]
    requests: list[str]


class CredentialCounts(Struct, frozen=True):
    """How many credentials of each kind end; `active` is false for someone who was disabled before."""

    active: bool
    app_passwords: int
    oauth_apps: int
    ssh_keys: int
    sessions: int


class OffboardingShape(Struct, frozen=True):
    """What ends, or has ended. `credentials` is null when the person stays on this server."""

    user: str
    dry_run: bool
    accounts: list[HoldingsShape]
    credentials: CredentialCounts | None


def offboarding_shape(offboarding: Offboarding, *, dry_run: bool) -> OffboardingShape:
    """Return the JSON shape; with `dry_run` nothing has ended yet."""
    counts = offboarding.credentials
    return OffboardingShape(
        user=offboarding.person.username,
        dry_run=dry_run,
        accounts=[_holdings(each) for each in offboarding.accounts],
        credentials=_counts(counts) if counts else None,
    )


def _holdings(held: Holdings) -> HoldingsShape:
    return HoldingsShape(
        account=held.owner.username,
        groups=[group.slug for group in held.groups],
        repositories=[HeldLevel(repository.slug, level.word) for repository, level in held.repositories],
        projects=[HeldLevel(key, level.word) for key, level in held.projects.items()],
        invitations=[invitation.email for invitation in held.invitations],
        groups_kept_by_directory=[group.slug for group in held.kept_groups],
        losses=[
            LostAccess(repository.slug, loss.before.word, loss.after.word if loss.after else None)
            for loss in held.losses
            for repository in loss.repositories
        ],
        requests=[request.slug for request in held.requests],
    )


def _counts(counts: Credentials) -> CredentialCounts:
    return CredentialCounts(counts.is_active, counts.app_passwords, counts.oauth_apps, counts.ssh_keys, counts.sessions)
