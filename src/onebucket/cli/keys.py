"""The key that links in letters are made from: the setting, or one that is made once and kept in the data folder."""

import os
import secrets
from pathlib import Path

from onebucket.cli.common import CommandError
from onebucket.settings import Settings

FILE = "secret_key"

# A key that somebody cut short by mistake is worse than none: links could be guessed.
_SHORTEST = 32


def throw_away() -> bytes:
    """A key that is good until this process ends."""
    return secrets.token_urlsafe(32).encode()


def secret_key(chosen: Settings) -> bytes:
    """The key, whoever asks first makes it; the data folder too. Raises CommandError."""
    if chosen.secret_key:
        return chosen.secret_key.encode()
    file = chosen.data / FILE
    try:
        chosen.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not file.exists():
            _make(file)
        key = file.read_bytes().strip()
    except OSError as error:
        raise CommandError(f"can't make or read {file}: {error.strerror}; secret_key would take its place") from None
    if len(key) < _SHORTEST:
        raise CommandError(f"{file} is damaged: restore it, or remove it, and links in letters that were sent are dead")
    return key


def _make(file: Path) -> None:
    """Let there be a key: whole from the moment it has its name, and the same for all who make one at once."""
    unfinished = file.with_name(f"{FILE}.{secrets.token_hex(8)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as written:
            written.write(secrets.token_urlsafe(48) + "\n")
            written.flush()
            os.fsync(written.fileno())
        os.link(unfinished, file)
    except FileExistsError:
        return
    finally:
        unfinished.unlink()
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
