"""The secret key that links in mails are derived from: the setting, or a file in the data folder."""

import os
import secrets
from pathlib import Path

from onebucket.cli.common import CommandError
from onebucket.settings import Settings

FILE = "secret_key"

# Refuse a truncated key file: links made from a short key could be guessed.
_SHORTEST = 32


def throw_away() -> bytes:
    """Return a random key that isn't stored; its links die with the process."""
    return secrets.token_urlsafe(32).encode()


def secret_key(chosen: Settings) -> bytes:
    """Return the secret key; create the file and the data folder on first use. Raises CommandError."""
    if chosen.secret_key:
        return chosen.secret_key.encode()
    file = chosen.data / FILE
    try:
        chosen.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not file.exists():
            _make(file)
        key = file.read_bytes().strip()
    except OSError as error:
        raise CommandError(f"can't create or read {file}: {error.strerror}; you can set secret_key instead") from None
    if len(key) < _SHORTEST:
        raise CommandError(
            f"{file} is damaged: restore it. Without it, links in sent e-mails and secrets of OAuth apps stop working"
        )
    return key


def _make(file: Path) -> None:
    """Create the key file atomically: write a temporary file and hard-link it.

    Of several processes that do so at once the first wins, and all use its key.
    """
    temporary = file.with_name(f"{FILE}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_urlsafe(48) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        os.link(temporary, file)
    except FileExistsError:
        return
    finally:
        temporary.unlink()
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
