"""The fields of a sign-up form."""

from collections.abc import Callable
from typing import NamedTuple

from onebucket.domain import accounts
from onebucket.domain.refusals import Invalid
from onebucket.surfaces.web.core.page_request import FormErrors, PageRequest


class SignUpForm(NamedTuple):
    """What was typed into a sign-up form; `email` and `display_name` may be empty."""

    username: str
    display_name: str
    email: str
    password: str


def read_form(visit: PageRequest, *, email_needed: bool) -> SignUpForm:
    """Read a sign-up form and check what can be checked without the database. Raises FormErrors."""
    new = SignUpForm(visit.line("username"), visit.line("display_name"), visit.line("email"), visit.text("password"))
    checks: dict[str, Callable[[], object]] = {
        "username": lambda: accounts.check_username(new.username),
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
        raise FormErrors(**wrong)
    return new
