"""`/user` and `/users/{a}`: the profile of a person or a team, as the original had it before 2019 (spec U0)."""

from msgspec import Struct

from onebucket.actions import profiles
from onebucket.actions.work import Work
from onebucket.surfaces.routing import Ask, Stream
from onebucket.surfaces.v1 import invitations, invited, shapes
from onebucket.wire.documents import many


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
    repositories: list[invited.RepositoryInvited]


def of_oneself(work: Work, ask: Ask) -> Stream:
    """U0, of the caller."""
    return _profile(work, ask, None)


def of_account(work: Work, ask: Ask) -> Stream | list[invited.GroupInvitation]:
    """U0, or U1 where the setting says so."""
    if ask.users_address == "invitations":
        return invitations.list_to_groups(work, ask)
    return _profile(work, ask, ask.words["accountname"])


def _profile(work: Work, ask: Ask, name: str | None) -> Stream:
    owner, found = profiles.of(work, name)
    plain = shapes.user(owner, ask.base_url)
    user = ProfileUser(**{field: getattr(plain, field) for field in ProfileUser.__struct_fields__})
    shaped = (invited.repository(owner, each, since, ask.times) for each, since in found)
    return Stream(Profile(user, many(shaped)))
