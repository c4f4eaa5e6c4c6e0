"""The template environment, its filters for times, code and names, and what a form that is shown again keeps."""

import re
from datetime import datetime
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from onebucket.domain import ends, journal_text, scope_rules, scopes
from onebucket.domain.ends import Never
from onebucket.surfaces.web.core.page_request import PageRequest


@cache
def environment() -> Environment:
    """Return the Jinja environment of the pages: one a process, because compiling the templates takes a second."""
    templates = Environment(
        loader=PackageLoader("onebucket.surfaces.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals["kept_checked"] = kept_checked
    templates.filters["marked"] = highlight
    templates.filters["moment"] = moment
    templates.filters["end"] = end
    templates.filters["browser"] = browser
    templates.filters["why"] = journal_text.describe_way
    templates.filters["told"] = journal_text.describe_entry
    templates.filters["lets"] = scope_rules.lets
    templates.tests["newer"] = scopes.is_newer
    templates.filters["described"] = scope_rules.described
    return templates


def kept_checked(request: PageRequest, name: str, otherwise: bool, value: str) -> bool:
    """Return True if the checkbox was ticked, for a form that is shown again; `otherwise` if another form was sent.

    Browsers leave out what isn't ticked, so each form names its single checkboxes in `boxes`.
    """
    was_shown = any(request.typed) and (value != "on" or name in request.texts("boxes"))
    return value in request.texts(name) if was_shown else otherwise


def highlight(text: str) -> Markup:
    """Turn text in backquotes into `<code>`."""
    return Markup(re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped just now


def end(wish: datetime | Never) -> str:
    """Write an end as a form sends it."""
    return ends.text(wish) if isinstance(wish, datetime) else wish.value


def moment(at: datetime) -> Markup:
    """Format a time in UTC as a `<time>` element.

    >>> str(moment(datetime(2026, 3, 4, 5, 6)))
    '<time datetime="2026-03-04T05:06Z">2026-03-04 05:06 UTC</time>'
    """
    return Markup('<time datetime="{}Z">{} UTC</time>').format(f"{at:%Y-%m-%dT%H:%M}", f"{at:%Y-%m-%d %H:%M}")


# Order matters: most browsers' `User-Agent` also names other browsers.
_BROWSERS = {"Edg": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "FxiOS": "Firefox", "Chrome/": "Chrome",
             "CriOS": "Chrome", "Safari/": "Safari"}  # fmt: skip
_SYSTEMS = {"Android": "Android", "iPhone": "an iPhone", "iPad": "an iPad", "Windows": "Windows", "Mac OS": "a Mac",
            "Linux": "Linux"}  # fmt: skip


def browser(agent: str) -> str:
    """Name the browser and system of a `User-Agent` header.

    >>> browser("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
    'Firefox on Linux'
    """
    name = next((name for marker, name in _BROWSERS.items() if marker in agent), "A browser")
    system = next((name for marker, name in _SYSTEMS.items() if marker in agent), "")
    return f"{name} on {system}" if system else name
