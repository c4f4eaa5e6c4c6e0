"""The template environment and its filters for times, code and names."""

import re
from datetime import datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from onebucket.domain import journal_text, scopes


def environment() -> Environment:
    """Return the Jinja environment of the pages."""
    templates = Environment(
        loader=PackageLoader("onebucket.surfaces.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["marked"] = highlight
    templates.filters["moment"] = moment
    templates.filters["browser"] = browser
    templates.filters["why"] = journal_text.describe_way
    templates.filters["told"] = describe_since
    templates.filters["lets"] = scopes.lets
    templates.filters["described"] = scopes.described
    return templates


def highlight(text: str) -> Markup:
    """Turn text in backquotes into `<code>`."""
    return Markup(re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped just now


def moment(at: datetime) -> Markup:
    """Format a time in UTC as a `<time>` element.

    >>> str(moment(datetime(2026, 3, 4, 5, 6)))
    '<time datetime="2026-03-04T05:06Z">2026-03-04 05:06 UTC</time>'
    """
    return Markup('<time datetime="{}Z">{} UTC</time>').format(f"{at:%Y-%m-%dT%H:%M}", f"{at:%Y-%m-%d %H:%M}")


def describe_since(entry: Any) -> str:
    """Describe a journal entry in words that follow the actor's name."""
    return journal_text.describe_entry(entry.event, entry.account, entry.subject, entry.before, entry.after)


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
