"""Handler of `/api/access/{account}/changes`: who gained and who lost access."""

from msgspec import Struct

from onebucket.actions import access_history
from onebucket.actions.access_history import ChangeQuery
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import level_changes, scope_rules, time_range
from onebucket.surfaces.core import change_shapes
from onebucket.surfaces.core.change_shapes import LevelChangeShape
from onebucket.surfaces.core.surface import TIME_SCHEMA, ApiRequest, Parameter, Route
from onebucket.surfaces.extensions import journal


class ChangesPage(Struct, frozen=True):
    """A page of access changes. `next` is what to give as `before` for the page after this one; null on the last.

    The journal says too little about what was before `not_known_before`, and `because` says what; null if it says
    enough.
    """

    changes: list[LevelChangeShape]
    next: str | None
    not_known_before: str | None
    because: str | None


def list_changes(work: UnitOfWork, request: ApiRequest) -> ChangesPage:
    """List who gained and who lost access in an account, newest change first."""
    values = {name: journal.last_value(request, name) for name in _NAMES}
    since, until = (
        time_range.parse(text, what=name) if (text := values[name]) is not None else None for name in ("since", "until")
    )
    query, before = ChangeQuery.parse(since, until, values), values["before"]
    after = level_changes.parse_cursor(before) if before is not None else None

    account, size = request.path_parameters["accountname"], journal.page_size(values["limit"])
    page = access_history.page(work, account, query, after=after, at_most=size)

    return ChangesPage(
        [change_shapes.change_shape(page.owner, each) for each in page.changes],
        level_changes.to_cursor(page.next_position) if page.next_position else None,
        page.not_known_before.isoformat().replace("+00:00", "Z") if page.not_known_before else None,
        page.because or None,
    )


_QUERY = (
    Parameter("since", "only changes since this time; UTC unless it has an offset", TIME_SCHEMA),
    Parameter("until", "only changes before this time; UTC unless it has an offset", TIME_SCHEMA),
    Parameter("person", "only changes of this person, named in any of the ways an account can be"),
    Parameter("repository", "only changes on this repository, by its slug now or then"),
    Parameter("level", "only where this level was gained or lost, or a higher one with it",
              {"type": "string", "enum": ["read", "write", "admin"]}),
    Parameter("change", "only what was gained, or what was lost", {"type": "string", "enum": ["gained", "lost"]}),
    Parameter("before", "the `next` of the previous page", {"type": "string",
              "pattern": f"^{level_changes.CURSOR_PATTERN}$"}),
    Parameter("limit", "the most changes of a page",
              {"type": "integer", "minimum": 1, "maximum": journal.MOST, "default": journal.USUAL}),
)  # fmt: skip
_NAMES = [parameter.name for parameter in _QUERY]

ROUTES = (
    Route("GET", "/access/{accountname}/changes", list_changes, scope_rules.READ_JOURNAL, "listAccessChanges",
          "Who gained and who lost access in an account, newest change first", ChangesPage, query=_QUERY,
          errors=(400, 403, 404)),
)  # fmt: skip
