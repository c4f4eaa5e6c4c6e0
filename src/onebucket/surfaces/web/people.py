"""The fields of a form with which somebody makes an account."""

from collections.abc import Callable
from typing import NamedTuple

from onebucket.domain import accounts
from onebucket.domain.refusals import Invalid
from onebucket.surfaces.web.visit import Visit, Wrong


class New(NamedTuple):
    """What somebody has typed who makes an account; `email` and `display_name` may be empty."""

    username: str
    display_name: str
    email: str
    password: str


def typed(visit: Visit, *, email_needed: bool) -> New:
    """What was typed, everything checked that can be told without looking. Raises Wrong."""
    new = New(visit.line("username"), visit.line("display_name"), visit.line("email"), visit.text("password"))
    checks: dict[str, Callable[[], object]] = {
        "username": lambda: accounts.checked_username(new.username),
        "display_name": lambda: new.display_name and accounts.display_name(new.display_name),
        "email": lambda: (new.email or email_needed) and accounts.new_email_key(new.email),
        "password": lambda: accounts.check_password(new.password),
    }

    wrong = {}
    for name, check in checks.items():
        try:
            check()
        except Invalid as refusal:
            wrong[name] = refusal.sentence
    if wrong:
        raise Wrong(**wrong)
    return new
