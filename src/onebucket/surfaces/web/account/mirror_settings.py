"""The form with the settings of a mirror: a preview of what it would carry over, then the change."""

from typing import Any

from starlette.responses import Response

from onebucket.actions import mirror_overview, mirror_settings
from onebucket.actions.mirror_overview import MirrorDetails, MirrorOverview
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.mirror_settings import APPLY, FILE, SETTINGS, MirrorDefinition, SettingValue, matches, read
from onebucket.domain.mirrors import Drift, DriftKind
from onebucket.domain.refusals import NotFound
from onebucket.surfaces.web.account.mirrors import MIRROR, address, grouped, lines
from onebucket.surfaces.web.core import access_changes
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest


async def show(request: PageRequest) -> Response:
    """Show the form, with where each value comes from."""
    details = await request.read(lambda work: _details(request, work))
    return request.page(
        "mirrors/settings.html",
        summary=details.summary,
        mirror=details.mirror,
        settings=SETTINGS,
        choices={name: [(word, word) for word in setting.choices] for name, setting in SETTINGS.items()},
        text=text,
    )


def text(value: SettingValue) -> str:
    """Return a value as the form has it: patterns have a line each."""
    return value if isinstance(value, str) else "\n".join(value)


async def send(request: PageRequest) -> Response:
    """Preview what would change, and what the mirror would carry over; when that is confirmed, save it."""
    if request.line("confirmed") != "yes":
        return await _preview(request)
    await request.write(lambda work: _change(request, work))
    return request.redirect(f"{address(request)}?done=configured")


def _change(request: PageRequest, work: UnitOfWork) -> list[str]:
    mirror = _details(request, work).mirror
    values = _values(request, mirror)
    return mirror_settings.change(work, request.path_parameter("name"), _definition(mirror), values)


async def forget(request: PageRequest) -> Response:
    """Go back to the settings of the file."""

    def change(work: UnitOfWork) -> list[str]:
        mirror = _details(request, work).mirror
        return mirror_settings.forget(work, request.path_parameter("name"), _definition(mirror))

    await request.write(change)
    return request.redirect(f"{address(request)}?done=configured")


def _details(request: PageRequest, work: UnitOfWork) -> MirrorDetails:
    """Return the mirror, which the file must have. Raises NotFound, Forbidden."""
    name, mirror = request.path_parameter("name"), request.path_parameter("mirror")
    details = mirror_overview.one(work, name, mirror, request.site.mirrors)
    _definition(details.mirror)
    return details


def _definition(mirror: MirrorOverview) -> MirrorDefinition:
    if mirror.definition is None:
        raise NotFound(f"{FILE} has no mirror of this name for the account")
    return mirror.definition


def _values(request: PageRequest, mirror: MirrorOverview) -> dict[str, SettingValue]:
    """Return the values that the form has for the settings that a page may change. Raises FormErrors."""
    values: dict[str, SettingValue] = {}
    errors: dict[str, str] = {}
    for name, setting in mirror.settings.items():
        if setting.is_locked or not request.has(name):
            continue
        typed = request.text(name)
        try:
            values[name] = read(name, typed.split() if isinstance(setting.value, tuple) else typed.strip())
        except ValueError as error:
            errors[name] = str(error)
    if errors:
        raise FormErrors(**errors)
    return values


async def _preview(request: PageRequest) -> Response:
    def load(work: UnitOfWork) -> dict[str, Any]:
        details = _details(request, work)
        values = _values(request, details.mirror)
        changes = [
            (setting, values[name])
            for name, setting in details.mirror.settings.items()
            if name in values and values[name] != setting.value
        ]
        after = {name: setting.value for name, setting in details.mirror.settings.items()} | values
        effects = access_changes.effects_of(lines(each for each in details.drift if _is_carried(each, after)))
        return {
            "summary": details.summary,
            "mirror": details.mirror,
            "changes": changes,
            "values": values,
            "carries": after["mode"] == APPLY,
            "effects": effects,
            "lines": grouped(effects),
        }

    return request.page("mirrors/preview.html", text=text, **await request.read(load))


def _is_carried(each: Drift, values: dict[str, SettingValue]) -> bool:
    """Whether a mirror with these settings would put a difference right."""
    if values["mode"] != APPLY or each.kind in (DriftKind.INHERITED, DriftKind.STRANGER):
        return False
    is_spared = matches(_patterns(values["never_touch"]), each.repository, each.name)
    if is_spared or not matches(_patterns(values["repositories"]), each.repository):
        return False
    return each.kind is DriftKind.DIFFERENCE or values["take_over"] == "on"


def _patterns(value: SettingValue) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else (value,)


PAGES = (
    Page(f"{MIRROR}/settings", show, send, is_private=True, is_costly=True),
    Page(f"{MIRROR}/settings/forget", show, forget, is_private=True),
)
