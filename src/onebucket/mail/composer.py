"""Renders outgoing mails as text and HTML messages; the operator's templates override the built-in ones."""

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
    """A mail can't be rendered; the message names the template and the error in it."""


class Composer:
    """Renders mails for the server at `base_url`.

    - `sender`: an address, optionally with a name; empty means `onebucket@` and the host of `base_url`.
    - `templates`: the operator's folder. Each file in it replaces the built-in one, without a restart.
    - `is_open`: anybody can sign up, so mails leave out display names and other text that a stranger may have chosen.

    Raises TemplateError if `sender` isn't a valid address.
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
        # Load Jinja with the first mail, to keep the start of the server short.
        from onebucket.mail import templates

        return templates.environment(self._folder)

    @property
    def sender(self) -> str:
        """The From address as text, with its name if it has one."""
        return str(self._sender)

    def compose(self, mail: OutgoingMail, at: datetime) -> EmailMessage:
        """Render the mail with `at` as its date; retries keep the same Message-ID. Raises TemplateError."""
        context = template_context.context_of(mail, self._base_url, is_open=self._is_open)
        subject, text, html = (self._render(f"{mail.letter.kind.value}/{part}", context) for part in PARTS)
        local, _, _ = mail.letter.email.rpartition("@")
        _, _, domain = email_key(mail.letter.email).rpartition("@")

        message = EmailMessage(policy=SMTP)
        message["From"] = self._sender
        message["To"] = Address(username=local, domain=domain)
        message["Subject"] = _line(subject)
        message["Date"] = format_datetime(at)
        message["Message-ID"] = f"<{mail.letter.id}@{self._sender.domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message["X-Auto-Response-Suppress"] = "All"
        message.set_content(text, cte="quoted-printable")
        message.add_alternative(html, subtype="html", cte="quoted-printable")
        return message

    def check(self, at: datetime) -> Iterator[str]:
        """Render every kind of mail with sample data; yield one sentence for each distinct error."""
        reported: set[str] = set()
        for sample in template_context.sample_contexts():
            try:
                self.compose(sample, at)
            except TemplateError as error:
                if str(error) not in reported:
                    yield str(error)
                reported.add(str(error))

    def _render(self, name: str, context: template_context.TemplateContext) -> str:
        try:
            rendered = self._templates.get_template(name).render(context)
        except UnicodeDecodeError:
            raise TemplateError(f"the template {name} is not written in UTF-8") from None
        except Exception as error:
            # The operator's template can raise anything.
            raise TemplateError(f"the template {name}{_line_number(error)}: {_line(str(error))[:200]}") from None
        if not rendered.strip():
            raise TemplateError(f"the template {name} is empty")
        return rendered


def _line_number(error: Exception) -> str:
    from jinja2 import TemplateSyntaxError

    return f" line {error.lineno}" if isinstance(error, TemplateSyntaxError) and hasattr(error, "lineno") else ""


def _sender(text: str, host: str) -> Address:
    name, address = parseaddr(text)
    local, _, domain = address.rpartition("@")
    if not local:
        # An IP address is not a valid mail domain.
        is_number = ":" in host or host.replace(".", "").isdigit()
        name, local, domain = "onebucket", "onebucket", "localhost" if is_number else host
    try:
        return Address(name, local, domain if domain.isascii() else domain.encode("idna").decode("ascii"))
    except (UnicodeError, MessageError, ValueError):
        raise TemplateError(f"mail_from can't be a sender of e-mails: {text}") from None


def _line(text: str) -> str:
    """Collapse white space to single blanks and drop control characters."""
    return "".join(character for character in " ".join(text.split()) if unicodedata.category(character) != "Cc")
