"""Handlers of `/invitations` and `/users/{a}/invitations` (contract/api-1.0.md#5, #6)."""

from onebucket.actions import invitations
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import privileges
from onebucket.domain.refusals import EmailInPath, Invalid
from onebucket.surfaces.routing import ApiRequest, PlainText
from onebucket.surfaces.v1 import invitation_shapes


def list_to_repository(work: UnitOfWork, ask: ApiRequest) -> list[invitation_shapes.RepositoryInvitation]:
    """I3."""
    owner, found = invitations.to_repository(work, *_repository(ask))
    return [invitation_shapes.to_repository(owner, each, ask.base_url, ask.times) for each in found]


def invite_to_repository(work: UnitOfWork, ask: ApiRequest) -> invitation_shapes.RepositoryInvitation:
    """I1."""
    return _invited_to_repository(work, ask, _email(ask))


def invite_to_repository_by_path(work: UnitOfWork, ask: ApiRequest) -> invitation_shapes.RepositoryInvitation:
    """I2, the form from before 2019."""
    return _invited_to_repository(work, ask, _email_in_path(ask))


def withdraw_from_repository(work: UnitOfWork, ask: ApiRequest) -> None:
    """I4."""
    invitations.withdraw_from_repository(work, *_repository(ask), _email(ask, also_in_query=True))


def withdraw_from_repository_by_path(work: UnitOfWork, ask: ApiRequest) -> None:
    """I4, the form from before 2019."""
    invitations.withdraw_from_repository(work, *_repository(ask), _email_in_path(ask))


def list_to_groups(work: UnitOfWork, ask: ApiRequest) -> list[invitation_shapes.GroupInvitation]:
    """U1."""
    owner, found = invitations.to_groups(work, ask.path_parameters["accountname"])
    return [invitation_shapes.to_groups(owner, each, ask.base_url) for each in found]


def read_to_groups(work: UnitOfWork, ask: ApiRequest) -> invitation_shapes.GroupInvitation:
    """U2."""
    found = invitations.to_groups_of(work, ask.path_parameters["accountname"], _email_in_path(ask))
    return invitation_shapes.to_groups(*found, ask.base_url)


def check_invited(work: UnitOfWork, ask: ApiRequest) -> PlainText:
    """U3."""
    words = ask.path_parameters
    email = _email_in_path(ask)
    invitations.check_invited(work, words["accountname"], email, words["group_owner"], words["group_slug"])
    return PlainText("OK")


def invite_to_group(work: UnitOfWork, ask: ApiRequest) -> invitation_shapes.GroupInvitation:
    """U4."""
    email, (group_owner, slug) = _email(ask), _group(_field(ask, "group_slug"))
    found = invitations.invite_to_group(work, ask.path_parameters["accountname"], email, group_owner, slug)
    return invitation_shapes.to_groups(*found, ask.base_url)


def invite_to_group_by_path(work: UnitOfWork, ask: ApiRequest) -> PlainText:
    """U5, the form from before 2019."""
    words = ask.path_parameters
    email = _email_in_path(ask)
    invitations.invite_to_group(work, words["accountname"], email, words["group_owner"], words["group_slug"])
    return PlainText("OK")


def withdraw_from_groups(work: UnitOfWork, ask: ApiRequest) -> None:
    """U6."""
    email, slug = _email(ask, also_in_query=True), _value(ask, "group_slug", also_in_query=True)
    invitations.withdraw_from_groups(work, ask.path_parameters["accountname"], email, _group(slug) if slug else None)


def withdraw_from_groups_by_path(work: UnitOfWork, ask: ApiRequest) -> None:
    """U7, the form from before 2019."""
    invitations.withdraw_from_groups(work, ask.path_parameters["accountname"], _email_in_path(ask), None)


def withdraw_from_group_by_path(work: UnitOfWork, ask: ApiRequest) -> None:
    """U8, the form from before 2019."""
    words = ask.path_parameters
    group = words["group_owner"], words["group_slug"]
    invitations.withdraw_from_groups(work, words["accountname"], _email_in_path(ask), group)


def _invited_to_repository(work: UnitOfWork, ask: ApiRequest, email: str) -> invitation_shapes.RepositoryInvitation:
    permission = privileges.parse_level(_field(ask, "permission"))
    found = invitations.invite_to_repository(work, *_repository(ask), email, permission)
    return invitation_shapes.to_repository(*found, ask.base_url, ask.times)


def _repository(ask: ApiRequest) -> tuple[str, str]:
    return ask.path_parameters["accountname"], ask.path_parameters["repo_slug"]


def _email_in_path(ask: ApiRequest) -> str:
    if not ask.emails_in_paths:
        raise EmailInPath
    return ask.path_parameters["email"]


def _group(named: str) -> tuple[str | None, str]:
    """The owner, where it is given, and the slug of a group: `slug` or `owner/slug` (contract/api-1.0.md#6)."""
    owner, slash, slug = named.partition("/")
    return (owner, slug) if slash else (None, owner)


def _email(ask: ApiRequest, *, also_in_query: bool = False) -> str:
    """The address that is meant. Raises Invalid where a + in it has become a blank on the way."""
    email = _field(ask, "email", also_in_query=also_in_query)
    if " " in email.strip() and (b"+" in ask.body or not ask.body):
        raise Invalid("that is not an e-mail address: + in a form or a query is a blank, send %2B for it")
    return email


def _field(ask: ApiRequest, name: str, *, also_in_query: bool = False) -> str:
    value = _value(ask, name, also_in_query=also_in_query)
    if not value:
        raise Invalid(f"{name} is missing")
    return value


def _value(ask: ApiRequest, name: str, *, also_in_query: bool) -> str | None:
    """A field of the body; a DELETE may say it in its query as well, but not something else."""
    given = {ask.fields().text(name), *(ask.query.get(name, ()) if also_in_query else ())} - {None, ""}
    if len(given) > 1:
        raise Invalid(f"{name} is given more than once")
    return given.pop() if given else None
