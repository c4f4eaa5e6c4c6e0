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


def read_form(request: PageRequest, *, email_needed: bool) -> SignUpForm:
    """Read a sign-up form and check what can be checked without the database. Raises FormErrors."""
    form = SignUpForm(
        request.line("username"), request.line("display_name"), request.line("email"), request.text("password")
    )
    checks: dict[str, Callable[[], object]] = {
        "username": lambda: accounts.check_username(form.username),
        "display_name": lambda: form.display_name and accounts.display_name(form.display_name),
        "email": lambda: (form.email or email_needed) and accounts.new_email_key(form.email),
        "password": lambda: accounts.check_password(form.password),
    }

    errors = {}
    for name, check in checks.items():
        try:
            check()
        except Invalid as refusal:
            errors[name] = refusal.sentence
    if errors:
        raise FormErrors(**errors)
    return form
