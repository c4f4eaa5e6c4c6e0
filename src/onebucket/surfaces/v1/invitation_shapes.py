"""JSON shapes of invitations in API 1.0, with fields in the documented order (contract/api-1.0.md#2)."""

from datetime import datetime

from msgspec import UNSET, Struct, UnsetType

from onebucket.domain.accounts import Account
from onebucket.domain.invitations import Invitation
from onebucket.domain.repositories import Repository
from onebucket.surfaces.core.surface import ApiRequest
from onebucket.surfaces.v1 import shapes
from onebucket.wire import times


class RepositoryInvited(Struct, frozen=True):
    """The repository of an invitation, as 1.0 showed repositories; much of it is always the same here."""

    owner: str
    slug: str
    name: str
    description: str
    website: str
    language: str
    is_private: bool
    read_only: bool
    deleted: bool
    has_wiki: bool
    has_issues: bool
    no_public_forks: bool
    is_fork: bool
    fork_of: None
    is_mq: bool
    mq_of: None
    email_writers: bool
    email_mailinglist: str
    size: int
    created_on: str
    utc_created_on: str
    last_updated: str
    utc_last_updated: str
    resource_uri: str


class RepositoryInvitation(Struct, frozen=True):
    """A pending invitation of an address to a repository. With `include=until`, when what accepting gives ends."""

    sent_on: str
    utc_sent_on: str
    permission: str
    email: str
    invited_by: shapes.User
    repository: RepositoryInvited
    until: str | UnsetType = UNSET


class GroupInvitation(Struct, frozen=True):
    """A pending invitation of an address to groups, each as `account/slug`. With `include=until`, as above."""

    groups: list[str]
    invited_by: shapes.User
    utc_sent_on: str
    email: str
    until: str | UnsetType = UNSET


def to_groups(owner: Account, invitation: Invitation, request: ApiRequest) -> GroupInvitation:
    """Shape a pending invitation to groups."""
    return GroupInvitation(
        groups=[f"{owner.username}/{slug}" for slug in invitation.groups],
        invited_by=shapes.user(invitation.invited_by, request.base_url),
        utc_sent_on=times.utc(invitation.sent_at),
        email=invitation.email,
        until=request.shown_end(invitation.until),
    )


def to_repository(owner: Account, invitation: Invitation, request: ApiRequest) -> RepositoryInvitation:
    """Shape a pending invitation to a repository."""
    assert invitation.repository and invitation.permission and invitation.repository_times
    return RepositoryInvitation(
        sent_on=times.amsterdam(invitation.sent_at, request.times),
        utc_sent_on=times.utc(invitation.sent_at),
        permission=invitation.permission.word,
        email=invitation.email,
        invited_by=shapes.user(invitation.invited_by, request.base_url),
        repository=repository(owner, invitation.repository, invitation.repository_times, request.times),
        until=request.shown_end(invitation.until),
    )


def repository(
    owner: Account, repository: Repository, since: tuple[datetime, datetime], style: str
) -> RepositoryInvited:
    """Shape a repository as API 1.0 did.

    `since` is when it was created and when it was last updated.
    """
    created, updated = since
    return RepositoryInvited(
        owner=owner.username,
        slug=repository.slug,
        name=repository.name,
        description=repository.description,
        website="",
        language="",
        is_private=repository.is_private,
        read_only=False,
        deleted=False,
        has_wiki=False,
        has_issues=False,
        no_public_forks=False,
        is_fork=False,
        fork_of=None,
        is_mq=False,
        mq_of=None,
        email_writers=True,
        email_mailinglist="",
        size=0,
        created_on=times.amsterdam(created, style),
        utc_created_on=times.utc(created),
        last_updated=times.amsterdam(updated, style),
        utc_last_updated=times.utc(updated),
        resource_uri=f"/1.0/repositories/{owner.username}/{repository.slug}",
    )
