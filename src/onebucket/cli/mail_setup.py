"""Build composer, transport and outbox worker from the settings; the checks of `doctor` about mail."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from onebucket.actions import outbox
from onebucket.cli import common
from onebucket.cli.common import CommandError
from onebucket.cli.finding import Finding
from onebucket.domain.letters import OutboxMail
from onebucket.mail import template_context
from onebucket.mail.composer import Composer, TemplateError
from onebucket.mail.outbox_worker import OutboxWorker
from onebucket.mail.smtp import SmtpTransport
from onebucket.mail.transport import DeliveryError, FolderTransport, MailTransport
from onebucket.settings import Settings
from onebucket.store.engine.database import Database

# Seconds that `doctor` waits for a mail server to connect, and for each reply.
_TIMEOUT_SECONDS = 5.0


def outbox_worker(opened: Database, post: MailTransport, desk: Composer, key: bytes) -> OutboxWorker:
    """Return the outbox worker of a server."""
    return OutboxWorker(opened, post=post, desk=desk, key=key, operate=common.work, clock=lambda: datetime.now(UTC))


def composer(chosen: Settings, base_url: str) -> Composer:
    """Return the composer, with the operator's templates if there are any. Raises CommandError."""
    templates = Path(chosen.letter_templates).expanduser() if chosen.letter_templates else None
    try:
        return Composer(
            base_url=base_url, sender=chosen.mail_from, templates=templates, is_open=chosen.sign_up == "open"
        )
    except TemplateError as error:
        raise CommandError(str(error)) from None


def transport(chosen: Settings, base_url: str, *, throw_away: Path | None = None) -> MailTransport:
    """Return the SMTP transport, or a folder if `smtp_url` isn't set.

    The mails of a demo always go into its folder `throw_away` and are never sent.
    """
    if chosen.smtp_url and throw_away is None:
        return SmtpTransport(chosen.smtp_url, named=template_context.host(base_url))
    return FolderTransport((throw_away or chosen.data) / "letters")


def line(post: MailTransport, desk: Composer) -> str:
    """Return the line that `serve` prints about mail."""
    if isinstance(post, FolderTransport):
        return f"E-mails are written to {post.description} (set smtp_url to send them)"
    return f"E-mails are sent through {post.description} as {desk.sender}"


def findings(chosen: Settings, opened: Database) -> Iterator[Finding]:
    """Check the mail settings, the templates, the mail server and the outbox."""
    base_url = chosen.base_url or "http://localhost"
    yield from _templates(chosen, base_url)
    yield from _mail_server(chosen, base_url)
    yield from _outbox(opened)


def _templates(chosen: Settings, base_url: str) -> Iterator[Finding]:
    folder = Path(chosen.letter_templates).expanduser() if chosen.letter_templates else None
    if folder is not None and not folder.is_dir():
        yield Finding(
            False, f"there is no folder {folder} with templates for e-mails", "Create it, or correct letter_templates."
        )
        return
    try:
        errors = list(composer(chosen, base_url).check(datetime.now(UTC)))
    except CommandError as error:
        yield Finding(False, str(error), "Correct mail_from.")
        return
    for error_text in errors:
        yield Finding(False, error_text, "Correct it: e-mails wait until then. docs/letters.md lists the variables.")
    if not errors:
        yield Finding(True, "every e-mail's template works")


def _mail_server(chosen: Settings, base_url: str) -> Iterator[Finding]:
    if not chosen.smtp_url:
        yield Finding(True, f"e-mails are written to {transport(chosen, base_url).description}, not sent")
        return
    host_name = template_context.host(base_url)
    server = SmtpTransport(
        chosen.smtp_url,
        named=host_name,
        to_connect=_TIMEOUT_SECONDS,
        to_answer=_TIMEOUT_SECONDS,
        to_finish=3 * _TIMEOUT_SECONDS,
    )
    if not chosen.base_url:
        yield Finding(
            False, "links in e-mails lead to the address that `serve` listens on",
            "Set base_url to the address that people use.",
        )  # fmt: skip
    try:
        server.check()
    except DeliveryError as error:
        yield Finding(
            False,
            f"e-mails can't be sent: {error}",
            "Correct smtp_url or fix the mail server: e-mails wait until then.",
        )
    else:
        yield Finding(True, f"{server.description} accepts e-mails" + (f" from {server.user}" if server.user else ""))


def _outbox(opened: Database) -> Iterator[Finding]:
    with opened.reading() as tx:
        work = common.work(tx)
        waiting, since = outbox.waiting(work)
        failed = outbox.list_failing(work)
    given_up = [letter for _, letter in failed if letter.due_at is None]
    failing = [letter for _, letter in failed if letter.due_at is not None]
    if failing:
        yield Finding(
            False, f"{len(failing)} {_letter(failing)} failed, and will be tried again; last: {failing[0].last_error}",
            "Fix that, or try one now: onebucket letter retry ID",
        )  # fmt: skip
    if given_up:
        yield Finding(
            False, f"{len(given_up)} {_letter(given_up)} could not be delivered; last, to {given_up[0].email}: "
            f"{given_up[0].last_error}",
            "Withdraw what they are about, or send them again: onebucket letter list",
        )  # fmt: skip
    if since is not None and not failing:
        is_late = (datetime.now(UTC) - since).total_seconds() > 900
        mend = "`onebucket serve` sends them: is it running?" if is_late else ""
        yield Finding(not is_late, f"{waiting} e-mails wait to be sent, since {since:%Y-%m-%d %H:%M} UTC", mend)
    elif not failed:
        yield Finding(True, "no e-mail is waiting")


def _letter(letters: list[OutboxMail]) -> str:
    return "e-mail" if len(letters) == 1 else "e-mails"
