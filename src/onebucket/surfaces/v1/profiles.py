"""`/user` and `/users/{a}`: the profile of a person or a team, as the original had it before 2019 (contract/api-1.0.md#u0)."""

from msgspec import Struct

from onebucket.actions import profiles
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.surfaces.routing import ApiRequest, StreamedList
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


def of_oneself(work: UnitOfWork, ask: ApiRequest) -> StreamedList:
    """U0, of the caller."""
    return _profile(work, ask, None)


def of_account(work: UnitOfWork, ask: ApiRequest) -> StreamedList | list[invitation_shapes.GroupInvitation]:
    """U0, or U1 where the setting says so."""
    if ask.users_address == "invitations":
        return invitations.list_to_groups(work, ask)
    return _profile(work, ask, ask.path_parameters["accountname"])


def _profile(work: UnitOfWork, ask: ApiRequest, name: str | None) -> StreamedList:
    owner, found = profiles.profile_of(work, name)
    plain = shapes.user(owner, ask.base_url)
    user = ProfileUser(**{field: getattr(plain, field) for field in ProfileUser.__struct_fields__})
    shaped = (invitation_shapes.repository(owner, each, since, ask.times) for each, since in found)
    return StreamedList(Profile(user, lazy_list(shaped)))
