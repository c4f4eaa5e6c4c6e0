"""JSON shape of a deletion: what goes with a person."""

from msgspec import Struct

from onebucket.actions.deletion import Deletion
from onebucket.surfaces.core.offboarding_shape import (
    CredentialCounts,
    HoldingsShape,
    OffboardingShape,
    offboarding_shape,
)


class ContentsShape(Struct, frozen=True):
    """What the person's own account owns: members by the group's slug, and names of everything else."""

    groups: dict[str, list[str]]
    projects: list[str]
    repositories: list[str]
    invitations: list[str]
    consumers: list[str]
    webhooks: list[str]


class ForOthers(Struct, frozen=True):
    """What goes in the account of somebody else: an invitation that the person has sent, or an OAuth app that is them.

    `name` is the address that was invited, or the app's key.
    """

    account: str
    name: str


class DeletionShape(Struct, frozen=True):
    """What goes, or is gone: what off-boarding ends, and what the person owns.

    `directories` know the person, and may bring somebody new in their place. `struck_out` is the number of journal
    entries out of which their names were struck; null if they stay, or nothing is deleted yet.
    """

    user: str
    uuid: str
    dry_run: bool
    accounts: list[HoldingsShape]
    credentials: CredentialCounts | None
    contents: ContentsShape
    sent_invitations: list[ForOthers]
    apps: list[ForOthers]
    directories: list[ForOthers]
    struck_out: int | None


def deletion_shape(deletion: Deletion, *, dry_run: bool) -> DeletionShape:
    """Return the JSON shape; with `dry_run` nothing is deleted yet."""
    ending: OffboardingShape = offboarding_shape(deletion.offboarding, dry_run=dry_run)
    return DeletionShape(
        user=ending.user,
        uuid=f"{{{deletion.person.id}}}",
        dry_run=dry_run,
        accounts=ending.accounts,
        credentials=ending.credentials,
        contents=ContentsShape(**deletion.contents.facts),
        sent_invitations=[ForOthers(owner.username, each.email) for owner, each in deletion.invitations],
        apps=[ForOthers(owner.username, each.key) for owner, each in deletion.apps],
        directories=[ForOthers(team.username, directory.label) for team, directory, _ in deletion.links],
        struck_out=deletion.struck_out,
    )
