"""Templates, and how times, code and names look in them."""

import re
from datetime import datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from onebucket.domain import journal_text, scopes


def environment() -> Environment:
    """The templates of the pages."""
    made = Environment(
        loader=PackageLoader("onebucket.surfaces.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["marked"] = highlight
    made.filters["moment"] = moment
    made.filters["browser"] = browser
    made.filters["why"] = journal_text.describe_way
    made.filters["told"] = describe_since
    made.filters["lets"] = scopes.lets
    made.filters["described"] = scopes.described
    return made


def highlight(text: str) -> Markup:
    """Text whose `words` in backquotes are code."""
    return Markup(re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped just now


def moment(at: datetime) -> Markup:
    """A moment, in UTC.

    >>> str(moment(datetime(2026, 3, 4, 5, 6)))
    '<time datetime="2026-03-04T05:06Z">2026-03-04 05:06 UTC</time>'
    """
    return Markup('<time datetime="{}Z">{} UTC</time>').format(f"{at:%Y-%m-%dT%H:%M}", f"{at:%Y-%m-%d %H:%M}")


def describe_since(entry: Any) -> str:
    """What a journal entry tells, in words that follow the actor's name."""
    return journal_text.describe_entry(entry.event, entry.account, entry.subject, entry.before, entry.after)


# In this order: most browsers say that they are others, too.
_BROWSERS = {"Edg": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "FxiOS": "Firefox", "Chrome/": "Chrome",
             "CriOS": "Chrome", "Safari/": "Safari"}  # fmt: skip
_SYSTEMS = {"Android": "Android", "iPhone": "an iPhone", "iPad": "an iPad", "Windows": "Windows", "Mac OS": "a Mac",
            "Linux": "Linux"}  # fmt: skip


def browser(agent: str) -> str:
    """What a browser that says that it is `agent` is, for people.

    >>> browser("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
    'Firefox on Linux'
    """
    name = next((name for sign, name in _BROWSERS.items() if sign in agent), "A browser")
    system = next((name for sign, name in _SYSTEMS.items() if sign in agent), "")
    return f"{name} on {system}" if system else name
