"""Writing letters: from a parcel and templates, the operator's before ours, to a message in text and HTML."""

import unicodedata
from collections.abc import Iterator
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from onebucket.actions.outbox import OutgoingMail
from onebucket.domain.accounts import email_key
from onebucket.mail import template_context

if TYPE_CHECKING:
    from jinja2 import Environment

PARTS = ("subject.txt", "body.txt", "body.html")


class TemplateError(Exception):
    """A letter can't be written; the sentence names the template and says what is wrong with it."""


class Composer:
    """Where letters are written, for a server at `base_url`.

    `sender` is an address, perhaps with a name; empty: `onebucket@` and the host of `base_url`. `templates` is a folder
    of the operator's: what it has takes the place of ours, file by file, as soon as it is there. `is_open`: anybody may
    make an account, so that letters say nothing that a stranger could have written.
    """

    def __init__(
        self, *, base_url: str, sender: str = "", templates: Path | None = None, is_open: bool = False
    ) -> None:
        self._base_url = base_url
        self._is_open = is_open
        self._sender = _sender(sender, template_context.host(base_url))
        self._folder = templates

    @cached_property
    def _templates(self) -> "Environment":
        # Jinja is loaded for the first letter: a server that starts has none to write yet.
        from onebucket.mail import templates

        return templates.environment(self._folder)

    @property
    def sender(self) -> str:
        """Who letters come from, as people read it."""
        return str(self._sender)

    def compose(self, parcel: OutgoingMail, at: datetime) -> EmailMessage:
        """The letter as it goes out at that moment, with the same Message-ID each time. Raises TemplateError."""
        given = template_context.context_of(parcel, self._base_url, is_open=self._is_open)
        subject, text, html = (self._render(f"{parcel.letter.kind.value}/{part}", given) for part in PARTS)
        local, _, _ = parcel.letter.email.rpartition("@")
        _, _, domain = email_key(parcel.letter.email).rpartition("@")

        message = EmailMessage(policy=SMTP)
        message["From"] = self._sender
        message["To"] = Address(username=local, domain=domain)
        message["Subject"] = _line(subject)
        message["Date"] = format_datetime(at)
        message["Message-ID"] = f"<{parcel.letter.id}@{self._sender.domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message["X-Auto-Response-Suppress"] = "All"
        message.set_content(text, cte="quoted-printable")
        message.add_alternative(html, subtype="html", cte="quoted-printable")
        return message

    def check(self, at: datetime) -> Iterator[str]:
        """What is wrong with templates, a sentence each: every letter is written once, with made-up words."""
        told: set[str] = set()
        for sample in template_context.sample_contexts():
            try:
                self.compose(sample, at)
            except TemplateError as error:
                if str(error) not in told:
                    yield str(error)
                told.add(str(error))

    def _render(self, name: str, given: template_context.TemplateContext) -> str:
        try:
            rendered = self._templates.get_template(name).render(given)
        except UnicodeDecodeError:
            raise TemplateError(f"the template {name} is not written in UTF-8") from None
        except Exception as error:
            # A template is a program of somebody else's: it may raise anything.
            raise TemplateError(f"the template {name}{_where(error)}: {_line(str(error))[:200]}") from None
        if not rendered.strip():
            raise TemplateError(f"the template {name} says nothing")
        return rendered


def _where(error: Exception) -> str:
    from jinja2 import TemplateSyntaxError

    return f" line {error.lineno}" if isinstance(error, TemplateSyntaxError) and hasattr(error, "lineno") else ""


def _sender(given: str, host: str) -> Address:
    name, address = parseaddr(given)
    local, _, domain = address.rpartition("@")
    if not local:
        # An address of numbers is no domain for mail.
        is_number = ":" in host or host.replace(".", "").isdigit()
        name, local, domain = "onebucket", "onebucket", "localhost" if is_number else host
    try:
        return Address(name, local, domain if domain.isascii() else domain.encode("idna").decode("ascii"))
    except (UnicodeError, MessageError, ValueError):
        raise TemplateError(f"mail_from can't be a sender of letters: {given}") from None


def _line(text: str) -> str:
    """Text on one line, without anything that controls."""
    return "".join(each for each in " ".join(text.split()) if unicodedata.category(each) != "Cc")
