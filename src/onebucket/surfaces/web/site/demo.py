"""The demo's letters, which are written to files and shown on a page."""

import re
from email import policy
from email.parser import BytesParser
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup, escape
from starlette.responses import Response

from onebucket.surfaces.web.core.page_request import Page, PageRequest

_LINK = re.compile(r"https?://[^\s<>\"']*[^\s<>\"'.,;:!?)]")


class DemoLetter(NamedTuple):
    """A letter read from a file; `text` has its links marked up."""

    to: str
    subject: str
    date: str
    text: Markup


async def show(request: PageRequest) -> Response:
    """Show the letters, newest first."""
    folder = request.site.demo_letters
    files = sorted(folder.glob("*.eml"), key=lambda file: (file.stat().st_mtime_ns, file.name)) if folder else []
    return request.page("letters/demo.html", letters=[_read(file) for file in reversed(files)], folder=folder)


def _read(file: Path) -> DemoLetter:
    message = BytesParser(policy=policy.default).parsebytes(file.read_bytes())
    body = message.get_body(("plain",))
    text = body.get_content() if body else ""
    to, subject, date = (str(message[name] or "") for name in ("To", "Subject", "Date"))
    return DemoLetter(to, subject, date, _with_links(text))


def _with_links(text: str) -> Markup:
    parts = []
    end = 0
    for match in _LINK.finditer(text):
        parts.append(escape(text[end : match.start()]))
        parts.append(Markup('<a href="{0}">{0}</a>').format(match.group()))
        end = match.end()
    return Markup("").join((*parts, escape(text[end:])))


PAGES = (Page("/demo/letters", show),)
