"""Where letters go: what every such place does, and the folder that is one of them."""

import os
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from pathlib import Path
from typing import Protocol


class DeliveryError(Exception):
    """A letter was not taken; the sentence says why.

    `for_good`: it is the letter or its address that is wrong, and trying again would change nothing. `everywhere`: the
    mail server can't be used at all, and the next letter would hear the same.
    """

    def __init__(self, trouble: str, *, for_good: bool = False, everywhere: bool = False) -> None:
        super().__init__(trouble)
        self.is_permanent = for_good
        self.affects_every_recipient = everywhere


class MailTransport(Protocol):
    """Somewhere that letters can be handed to, one after the other while it is open."""

    @property
    def description(self) -> str:
        """Where letters go, for people; no secret is in it."""

    def connect(self) -> "MailSession":
        """Begin. Nothing is reached before the first letter."""


class MailSession(Protocol):
    """Takes letters; after an Undelivered it takes the next one all the same."""

    def send(self, message: EmailMessage, *, id: str, at: datetime) -> None:
        """Hand over one letter. Raises DeliveryError."""

    def close(self) -> None:
        """End, without raising anything."""


class FolderTransport:
    """Writes each letter as a file, `<time>-<id>.eml`, that only the server's user may read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def description(self) -> str:
        """Where letters go, for people."""
        return str(self.folder)

    def connect(self) -> "FolderTransport":
        """It is always open."""
        return self

    def send(self, message: EmailMessage, *, id: str, at: datetime) -> None:
        """Write one letter: whole, or not at all. Raises DeliveryError."""
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
        """Nothing is left to do."""


def to_bytes(message: EmailMessage) -> bytes:
    """A letter as it goes over the wire."""
    spelled = all(each.addr_spec.isascii() for name in ("From", "To") for each in message[name].addresses)
    return message.as_bytes(policy=SMTP if spelled else SMTPUTF8)


def plain_text(text: str) -> str:
    """Somebody else's words on one line, cut, without anything that controls a terminal."""
    return "".join(each for each in " ".join(text.split()) if each.isprintable())[:300]
