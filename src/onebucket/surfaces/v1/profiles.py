"""Handlers of `/user` and `/users/{a}`: the profile as it was before 2019 (contract/api-1.0.md#u0)."""

from msgspec import Struct

from onebucket.actions import profiles
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.surfaces.core.surface import ApiRequest, StreamedList
from onebucket.surfaces.v1 import invitation_shapes, invitations, shapes
from onebucket.wire.lazy_list import lazy_list


class ProfileUser(Struct, frozen=True):
    """A person or a team, as a profile shows them."""

    username: str
    first_name: str
    last_name: str
    display_name: str
    avatar: str
    is_team: bool
    resource_uri: str


class Profile(Struct, frozen=True):
    """Who somebody is, and which repositories of theirs the caller can see, by slug."""

    user: ProfileUser
    repositories: list[invitation_shapes.RepositoryInvited]


def of_oneself(work: UnitOfWork, request: ApiRequest) -> StreamedList:
    """Return the caller's profile (contract/api-1.0.md#u0)."""
    return _profile(work, request, None)


def of_account(work: UnitOfWork, request: ApiRequest) -> StreamedList | list[invitation_shapes.GroupInvitation]:
    """Return an account's profile (contract/api-1.0.md#u0).

    With the setting `users_address = invitations`, return its pending group invitations (contract/api-1.0.md#u1).
    """
    if request.users_address == "invitations":
        return invitations.list_to_groups(work, request)
    return _profile(work, request, request.path_parameters["accountname"])


def _profile(work: UnitOfWork, request: ApiRequest, name: str | None) -> StreamedList:
    owner, rows = profiles.profile_of(work, name)
    plain = shapes.user(owner, request.base_url)
    user = ProfileUser(**{field: getattr(plain, field) for field in ProfileUser.__struct_fields__})
    shaped = (invitation_shapes.repository(owner, repository, times, request.times) for repository, times in rows)
    return StreamedList(Profile(user, lazy_list(shaped)))
