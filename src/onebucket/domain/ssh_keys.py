"""SSH keys of people: which OpenSSH public keys are accepted, and what is stored of one."""

import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from onebucket.domain import time_range
from onebucket.domain.refusals import Invalid
from onebucket.domain.text import clean_text

# Keys that one person can have.
MOST_KEYS = 100

# The longest line that is read, in characters: an RSA key of 16,384 bits with a long comment.
LONGEST_LINE = 8192

RSA_BITS = range(2048, 16_384 + 1)

TYPES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)

# The first lines of private keys, as OpenSSH, OpenSSL, ssh.com and PuTTY write them; and the base64 form of the
# magic that OpenSSH's begin with, for those whose first line is missing.
_PRIVATE = re.compile(r"BEGIN [A-Z0-9 ]*PRIVATE KEY|PuTTY-User-Key-File-|b3BlbnNzaC1rZXktdjE")


class PrivateKeySent(Invalid):
    """A private key was sent instead of a public one; the sentence contains nothing of it."""

    def __init__(self) -> None:
        super().__init__(
            "that is a private key, and nothing of it was kept; it has left its machine, so make a new pair and give "
            "its public half: the file whose name ends in .pub"
        )


def has_private_key(text: str) -> bool:
    """Return True if a private key is in the text.

    >>> has_private_key("-----BEGIN OPENSSH PRIVATE KEY-----"), has_private_key("ssh-ed25519 AAAA")
    (True, False)
    """
    return _PRIVATE.search(text) is not None


def refuse_private_key(text: str) -> None:
    """Raise PrivateKeySent if a private key is in the text."""
    if has_private_key(text):
        raise PrivateKeySent


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An OpenSSH public key: its type, its numbers in base64, and the comment after them, which may be empty."""

    type: str
    encoded: str
    comment: str

    @property
    def text(self) -> str:
        """The key in one line, without its comment."""
        return f"{self.type} {self.encoded}"

    @property
    def fingerprint(self) -> str:
        """The fingerprint as `ssh-keygen -l` prints it."""
        digest = sha256(b64decode(self.encoded)).digest()
        return f"SHA256:{b64encode(digest).decode().rstrip('=')}"


@dataclass(frozen=True, slots=True)
class SshKey:
    """A person's SSH key. `key` is one line without the comment; it expires at `expires_at`."""

    account_id: str
    id: str
    key: str
    fingerprint: str
    comment: str
    label: str
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None

    @property
    def type(self) -> str:
        """The key's type, the first word of its line."""
        return self.key.partition(" ")[0]


def parse_line(text: str) -> PublicKey:
    """Split the line of a public key into its parts; what its numbers mean is not checked. Raises Invalid.

    >>> parse_line("ssh-ed25519 AAAAC3Nza alice@laptop").comment
    'alice@laptop'
    """
    refuse_private_key(text)
    line = text.strip()
    if not line:
        raise Invalid("the key is missing")
    if line.startswith("----"):
        raise Invalid("that is no key as OpenSSH writes it: give the one line of the file whose name ends in .pub")
    if len(line.splitlines()) > 1:
        raise Invalid("that is more than one line: a key is one line, and each is added by itself")
    if len(line) > LONGEST_LINE:
        raise Invalid(f"the key is longer than {LONGEST_LINE} characters")

    kind, encoded, comment = [*line.split(None, 2), "", ""][:3]
    _check_type(kind, line)
    if not encoded:
        raise Invalid("the key ends after its type: give the whole line")
    return PublicKey(kind, encoded, clean_text(comment, what="the key's comment", empty=True))


def _check_type(kind: str, line: str) -> None:
    if kind in TYPES:
        return
    if kind.endswith("-cert-v01@openssh.com"):
        raise Invalid("that is a certificate: give the public key that it was made of")
    if kind == "ssh-dss":
        raise Invalid("DSA keys are no longer safe: make a new pair, for example with ssh-keygen -t ed25519")
    if any(f"{each} AAAA" in line for each in TYPES):
        raise Invalid(f"something stands before the key: leave out options, and begin with {', '.join(TYPES[:-1])} …")
    raise Invalid(f"that is no OpenSSH public key: it has to begin with {', '.join(TYPES[:-1])} or {TYPES[-1]}")


def clean_label(label: str) -> str:
    """Clean a key's label: one line of at most 255 characters, which may be empty. Raises Invalid."""
    refuse_private_key(label)
    return clean_text(label, what="the label", empty=True)


def check_expiry(expires_at: datetime | None, *, now: datetime) -> datetime | None:
    """Check when a new key is to expire; None means never. Raises Invalid."""
    if expires_at is None:
        return None
    if expires_at <= now:
        raise Invalid("the key would have expired already")
    return time_range.checked(expires_at, what="the key's expiry")
