"""The protocol of mail transports, and the one that writes mails into a folder."""

import os
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from pathlib import Path
from typing import Protocol


class DeliveryError(Exception):
    """A mail was not accepted; the message says why.

    `is_permanent` (`for_good`): the mail or its address is wrong, so a retry is pointless. `affects_every_recipient`
    (`everywhere`): the mail server can't be used at all, so the next mail would fail too.
    """

    def __init__(self, trouble: str, *, for_good: bool = False, everywhere: bool = False) -> None:
        super().__init__(trouble)
        self.is_permanent = for_good
        self.affects_every_recipient = everywhere


class MailTransport(Protocol):
    """A way to send mails."""

    @property
    def description(self) -> str:
        """The destination as text for logs and messages, without secrets."""

    def connect(self) -> "MailSession":
        """Open a session. It connects with the first mail, not before."""


class MailSession(Protocol):
    """Sends mails one after the other; it stays usable after a DeliveryError."""

    def send(self, message: EmailMessage, *, id: str, at: datetime) -> None:
        """Send one mail. Raises DeliveryError."""

    def close(self) -> None:
        """Close the session; never raises."""


class FolderTransport:
    """Writes each mail to a file, `<time>-<id>.eml`, that only the server's user can read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def description(self) -> str:
        """The path of the folder."""
        return str(self.folder)

    def connect(self) -> "FolderTransport":
        """Return itself: a folder needs no connection."""
        return self

    def send(self, message: EmailMessage, *, id: str, at: datetime) -> None:
        """Write one mail atomically (temporary file, fsync, rename). Raises DeliveryError."""
        file = self.folder / f"{at:%Y%m%dT%H%M%SZ}-{id}.eml"
        unfinished = file.with_suffix(".unfinished")
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            unfinished.unlink(missing_ok=True)
            with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as written:
                written.write(to_bytes(message))
                written.flush()
                os.fsync(written.fileno())
            unfinished.replace(file)
        except OSError as error:
            raise DeliveryError(f"can't write into {self.folder}: {error.strerror}", everywhere=True) from None

    def close(self) -> None:
        """Do nothing: there is no connection to close."""


def to_bytes(message: EmailMessage) -> bytes:
    """Serialize a message with CRLF line ends; as SMTPUTF8 only if an address isn't ASCII."""
    is_ascii = all(address.addr_spec.isascii() for name in ("From", "To") for address in message[name].addresses)
    return message.as_bytes(policy=SMTP if is_ascii else SMTPUTF8)


def plain_text(text: str) -> str:
    """Make foreign text safe to log: one line, printable characters only, at most 300."""
    return "".join(character for character in " ".join(text.split()) if character.isprintable())[:300]
