"""Handlers of `/invitations` (contract/api-1.0.md#5) and `/users/{a}/invitations` (contract/api-1.0.md#6)."""

from onebucket.actions import invitations
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import privileges
from onebucket.domain.refusals import EmailInPath, Invalid
from onebucket.surfaces.core.surface import ApiRequest, PlainText
from onebucket.surfaces.v1 import invitation_shapes


def list_to_repository(work: UnitOfWork, request: ApiRequest) -> list[invitation_shapes.RepositoryInvitation]:
    """List the pending invitations to a repository (contract/api-1.0.md#i3)."""
    owner, pending = invitations.to_repository(work, *_repository(request))
    return [invitation_shapes.to_repository(owner, invitation, request) for invitation in pending]


def invite_to_repository(work: UnitOfWork, request: ApiRequest) -> invitation_shapes.RepositoryInvitation:
    """Invite an e-mail address to a repository; a letter is queued (contract/api-1.0.md#i1)."""
    return _invite_to_repository(work, request, _email(request))


def invite_to_repository_by_path(work: UnitOfWork, request: ApiRequest) -> invitation_shapes.RepositoryInvitation:
    """Invite the e-mail address in the path to a repository, as before 2019 (contract/api-1.0.md#i2)."""
    return _invite_to_repository(work, request, _email_in_path(request))


def withdraw_from_repository(work: UnitOfWork, request: ApiRequest) -> None:
    """Withdraw an address's invitation to a repository (contract/api-1.0.md#i4)."""
    invitations.withdraw_from_repository(work, *_repository(request), _email(request, also_in_query=True))


def withdraw_from_repository_by_path(work: UnitOfWork, request: ApiRequest) -> None:
    """Withdraw the repository invitation of the address in the path (contract/api-1.0.md#i4)."""
    invitations.withdraw_from_repository(work, *_repository(request), _email_in_path(request))


def list_to_groups(work: UnitOfWork, request: ApiRequest) -> list[invitation_shapes.GroupInvitation]:
    """List an account's pending group invitations, one per address (contract/api-1.0.md#u1)."""
    owner, pending = invitations.to_groups(work, request.path_parameters["accountname"])
    return [invitation_shapes.to_groups(owner, invitation, request) for invitation in pending]


def read_to_groups(work: UnitOfWork, request: ApiRequest) -> invitation_shapes.GroupInvitation:
    """Return the pending group invitation of the address in the path (contract/api-1.0.md#u2)."""
    owner, invitation = invitations.to_groups_of(work, request.path_parameters["accountname"], _email_in_path(request))
    return invitation_shapes.to_groups(owner, invitation, request)


def check_invited(work: UnitOfWork, request: ApiRequest) -> PlainText:
    """Return `OK` if the address in the path is invited to the group (contract/api-1.0.md#u3)."""
    parameters = request.path_parameters
    email = _email_in_path(request)
    invitations.check_invited(
        work, parameters["accountname"], email, parameters["group_owner"], parameters["group_slug"]
    )
    return PlainText("OK")


def invite_to_group(work: UnitOfWork, request: ApiRequest) -> invitation_shapes.GroupInvitation:
    """Invite an address to a group, or send the invitation again (contract/api-1.0.md#u4)."""
    email, (group_owner, slug) = _email(request), _parse_group(_field(request, "group_slug"))
    owner, invitation = invitations.invite_to_group(
        work, request.path_parameters["accountname"], email, group_owner, slug, request.until()
    )
    return invitation_shapes.to_groups(owner, invitation, request)


def invite_to_group_by_path(work: UnitOfWork, request: ApiRequest) -> PlainText:
    """Invite the address in the path to a group, as before 2019; returns `OK` (contract/api-1.0.md#u5)."""
    parameters = request.path_parameters
    email = _email_in_path(request)
    account, group = parameters["accountname"], (parameters["group_owner"], parameters["group_slug"])
    invitations.invite_to_group(work, account, email, *group, request.until())
    return PlainText("OK")


def withdraw_from_groups(work: UnitOfWork, request: ApiRequest) -> None:
    """Withdraw an address's invitation to all groups, or to `group_slug` only (contract/api-1.0.md#u6)."""
    email, slug = _email(request, also_in_query=True), _value(request, "group_slug", also_in_query=True)
    invitations.withdraw_from_groups(
        work, request.path_parameters["accountname"], email, _parse_group(slug) if slug else None
    )


def withdraw_from_groups_by_path(work: UnitOfWork, request: ApiRequest) -> None:
    """Withdraw the invitation of the address in the path to all groups (contract/api-1.0.md#u7)."""
    invitations.withdraw_from_groups(work, request.path_parameters["accountname"], _email_in_path(request), None)


def withdraw_from_group_by_path(work: UnitOfWork, request: ApiRequest) -> None:
    """Withdraw the invitation of the address in the path to one group (contract/api-1.0.md#u8)."""
    parameters = request.path_parameters
    group = parameters["group_owner"], parameters["group_slug"]
    invitations.withdraw_from_groups(work, parameters["accountname"], _email_in_path(request), group)


def _invite_to_repository(work: UnitOfWork, request: ApiRequest, email: str) -> invitation_shapes.RepositoryInvitation:
    permission = privileges.parse_level(_field(request, "permission"))
    owner, invitation = invitations.invite_to_repository(
        work, *_repository(request), email, permission, request.until()
    )
    return invitation_shapes.to_repository(owner, invitation, request)


def _repository(request: ApiRequest) -> tuple[str, str]:
    return request.path_parameters["accountname"], request.path_parameters["repo_slug"]


def _email_in_path(request: ApiRequest) -> str:
    if not request.emails_in_paths:
        raise EmailInPath
    return request.path_parameters["email"]


def _parse_group(name: str) -> tuple[str | None, str]:
    """Split `slug` or `owner/slug` into an owner (or None) and a slug (contract/api-1.0.md#6)."""
    owner, slash, slug = name.partition("/")
    return (owner, slug) if slash else (None, owner)


def _email(request: ApiRequest, *, also_in_query: bool = False) -> str:
    """Return the invited address.

    Raises Invalid if a `+` in it arrived as a space: the client forgot to send `%2B`.
    """
    email = _field(request, "email", also_in_query=also_in_query)
    if " " in email.strip() and (b"+" in request.body or not request.body):
        raise Invalid("that is not an e-mail address: + in a form or query means a space, so send %2B")
    return email


def _field(request: ApiRequest, name: str, *, also_in_query: bool = False) -> str:
    value = _value(request, name, also_in_query=also_in_query)
    if not value:
        raise Invalid(f"{name} is missing")
    return value


def _value(request: ApiRequest, name: str, *, also_in_query: bool) -> str | None:
    """Return a field of the body or, for a DELETE, of the query; None if empty.

    Raises Invalid if the two disagree.
    """
    values = {request.fields().text(name), *(request.query.get(name, ()) if also_in_query else ())} - {None, ""}
    if len(values) > 1:
        raise Invalid(f"{name} is given more than once")
    return values.pop() if values else None
