"""Fields of forms: when access ends, and beside which of them an error is shown."""

from collections.abc import Callable

from onebucket.domain import ends
from onebucket.domain.ends import EndWish
from onebucket.domain.refusals import Invalid, Refusal
from onebucket.surfaces.web.core.page_request import FormErrors, PageRequest


def parsed_end(request: PageRequest, field: str = "until") -> EndWish:
    """Return what a field of a form says about an end; None where it is empty. Raises FormErrors."""
    try:
        return ends.parse(request.line(field)) if request.line(field) else None
    except Invalid as refusal:
        raise FormErrors(**{field: refusal.sentence}) from None


def error_beside(refusal: Refusal, otherwise: str = "", **names: str) -> FormErrors:
    """Put a refusal beside the field that it is about: `names` are the form's, by the parameters that they fill.

    A refusal of another parameter, or of none, goes beside the field `otherwise`; by default it is the whole form's.
    """
    return FormErrors(**{names.get(refusal.field, otherwise): refusal.sentence})


def checked(**fields: tuple[Callable[[str], str], str]) -> dict[str, str]:
    """Return the text of each field as its check returns it. Raises FormErrors for all that won't do."""
    texts: dict[str, str] = {}
    errors: dict[str, str] = {}
    for field, (check, text) in fields.items():
        try:
            texts[field] = check(text)
        except Invalid as refusal:
            errors[field] = refusal.sentence
    if errors:
        raise FormErrors(**errors)
    return texts
