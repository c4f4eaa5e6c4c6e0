"""Which SSH keys are taken: checked against what `ssh-keygen` makes and prints."""

import shutil
import struct
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

import ssh_keygen
from onebucket import ssh_public_keys
from onebucket.domain import ssh_keys
from onebucket.domain.refusals import Invalid
from onebucket.domain.ssh_keys import TYPES, PrivateKeySent

needs_openssh = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="there is no ssh-keygen here")
NOW = datetime(2030, 1, 31, tzinfo=UTC)


def string(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def line(kind: str, *fields: bytes) -> str:
    """The line of a public key with these fields, whatever they are."""
    blob = b"".join(string(each) for each in (kind.encode(), *fields))
    return f"{kind} {b64encode(blob).decode()}"


def rsa_line(bits: int) -> str:
    """An RSA key of that size; nobody knows its factors."""
    modulus = ((1 << (bits - 1)) | 0x1235).to_bytes(bits // 8 + 1, "big")
    return line("ssh-rsa", b"\1\0\1", modulus)


ED25519 = ssh_keygen.public("ed25519")
POINT = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(
    Encoding.X962, PublicFormat.UncompressedPoint
)  # fmt: skip
GOOD = {
    "ssh-ed25519": ED25519,
    "ecdsa-sha2-nistp256": ssh_keygen.public("p256"),
    "ecdsa-sha2-nistp384": ssh_keygen.public("p384"),
    "ecdsa-sha2-nistp521": ssh_keygen.public("p521"),
    "ssh-rsa": ssh_keygen.public("rsa"),
    "sk-ssh-ed25519@openssh.com": line("sk-ssh-ed25519@openssh.com", b"\1" * 32, b"ssh:"),
    "sk-ecdsa-sha2-nistp256@openssh.com": line("sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", POINT, b"ssh:"),
}


def test_every_type_is_tried() -> None:
    assert set(GOOD) == set(TYPES)


@pytest.mark.parametrize("kind", TYPES)
def test_a_key_is_read_with_its_comment_and_without(kind: str) -> None:
    bare = ssh_public_keys.parse(GOOD[kind])
    named = ssh_public_keys.parse(f"  {GOOD[kind]}\tAlice's  laptop \r\n")

    assert (bare.type, bare.text, bare.comment) == (kind, GOOD[kind], "")
    assert (named.text, named.comment, named.fingerprint) == (bare.text, "Alice's  laptop", bare.fingerprint)


@needs_openssh
@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.subprocess
def test_the_fingerprint_is_the_one_that_ssh_keygen_prints(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "key.pub"
    file.write_text(f"{GOOD[kind]} alice@laptop\n")

    told = subprocess.run(["ssh-keygen", "-lf", file], capture_output=True, text=True, check=True).stdout

    assert ssh_public_keys.parse(file.read_text()).fingerprint == told.split()[1]


@needs_openssh
@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
@pytest.mark.subprocess
def test_what_ssh_keygen_makes_is_taken_and_its_other_half_is_not(kind: str, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-qt", kind, "-N", "", "-C", "me", "-f", tmp_path / "id"], check=True)

    key = ssh_public_keys.parse((tmp_path / "id.pub").read_text())

    assert key.comment == "me"
    with pytest.raises(PrivateKeySent):
        ssh_public_keys.parse((tmp_path / "id").read_text())


BAD = {
    "nothing": ("  \n", "the key is missing"),
    "a word": ("x", "that is no OpenSSH public key"),
    "a type alone": ("ssh-ed25519", "the key ends after its type"),
    "no base64": ("ssh-ed25519 !!!", "damaged"),
    "cut off": (ED25519[:-4], "damaged"),
    "something inside": (f"{ED25519[:40]}*{ED25519[40:]}", "damaged"),
    "without padding": (GOOD["ecdsa-sha2-nistp256"].rstrip("="), "damaged"),
    "another type outside": (f"ssh-rsa {ED25519.split()[1]}", "damaged"),
    "more inside": (line("ssh-ed25519", b"\1" * 32, b"x"), "damaged"),
    "a short Ed25519 key": (line("ssh-ed25519", b"\1" * 31), "damaged"),
    "a point that is on no curve": (line("ecdsa-sha2-nistp256", b"nistp256", b"\4" + b"\1" * 64), "damaged"),
    "a compressed point": (line("ecdsa-sha2-nistp256", b"nistp256", b"\2" + POINT[1:33]), "damaged"),
    "another curve": (line("ecdsa-sha2-nistp256", b"nistp384", POINT), "damaged"),
    "an RSA key with a zero in front": (line("ssh-rsa", b"\0\1\0\1", b"\0" + b"\x81" * 256), "damaged"),
    "a negative RSA key": (line("ssh-rsa", b"\1\0\1", b"\x81" * 256), "damaged"),
    "RSA of 1024 bits": (rsa_line(1024), "the RSA key has 1024 bits: it needs 2048 to 16384"),
    "RSA of 2040 bits": (rsa_line(2040), "has 2040 bits"),
    "RSA of 16392 bits": (rsa_line(16_392), "has 16392 bits"),
    "DSA": (line("ssh-dss", b"\1", b"\1", b"\1", b"\1"), "DSA keys are no longer safe"),
    "a certificate": (line("ssh-ed25519-cert-v01@openssh.com", b"x"), "that is a certificate"),
    "two keys": (f"{ED25519}\n{GOOD['ssh-rsa']}", "more than one line"),
    "two keys, old Mac": (f"{ED25519}\r{GOOD['ssh-rsa']}", "more than one line"),
    "an option": (f'command="rm -rf /" {ED25519}', "something stands before the key"),
    "another option": (f"no-pty,restrict {ED25519}", "something stands before the key"),
    "SSH2's own form": ("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----", "as OpenSSH writes it"),
    "a PEM public key": ("-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----", "as OpenSSH writes it"),
    "a NUL": (f"{ED25519} a\0b", "the key's comment contains a control character"),
    "an override": (f"{ED25519} a\u202eb", "the key's comment contains a control character"),
    "a long comment": (f"{ED25519} {'x' * 256}", "the key's comment is longer than 255 characters"),
    "a long line": (f"{ED25519} {'x' * 9000}", "the key is longer than 8192 characters"),
    "letters of another script": ("ssh-ed25519 ÄÄÄÄ", "damaged"),
    "a lone surrogate": ("ssh-ed25519 AAAA\ud800", "damaged"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_good_key_is_refused_in_a_sentence(what: str) -> None:
    text, sentence = BAD[what]

    with pytest.raises(Invalid) as refused:
        ssh_public_keys.parse(text)

    assert sentence in refused.value.sentence
    assert not isinstance(refused.value, PrivateKeySent)


@pytest.mark.parametrize("bits", [2048, 16_384])
def test_rsa_keys_at_both_ends_of_the_range_are_taken(bits: int) -> None:
    assert ssh_public_keys.parse(rsa_line(bits)).type == "ssh-rsa"


@cache
def private_keys() -> dict[str, str]:
    """Private keys as programs write them."""
    key, big = ed25519.Ed25519PrivateKey.generate(), rsa.generate_private_key(65537, 2048)
    openssh = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    body = "".join(openssh.splitlines()[1:-1])
    return {
        "OpenSSH": openssh,
        "OpenSSH in one line": openssh.replace("\n", " "),
        "OpenSSH without its first line": body,
        "PKCS 8": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "PKCS 1": big.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode(),
        "EC": "-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----",
        "encrypted": "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----",
        "ssh.com": "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nP2/5\n---- END SSH2 ENCRYPTED PRIVATE KEY ----",
        "PuTTY": "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nPrivate-Lines: 1\nAAAA",
        "after a public key": f"{ED25519}\n{openssh}",
        "in a comment": f"{ED25519} {body}",
    }


@pytest.mark.parametrize("reads", [ssh_public_keys.parse, ssh_keys.clean_label, ssh_keys.refuse_private_key])
@pytest.mark.parametrize("form", list(private_keys()))
def test_a_private_key_is_known_in_every_form_and_the_sentence_has_nothing_of_it(
    form: str, reads: Callable[[str], object]
) -> None:
    text = private_keys()[form]

    with pytest.raises(PrivateKeySent) as refused:
        reads(text)

    sentence = refused.value.sentence
    assert sentence.startswith("that is a private key")
    assert not [word for word in text.split() if len(word) > 12 and word in sentence]


def test_words_about_private_keys_are_no_private_key() -> None:
    for text in ("Private key holders", "my private key is elsewhere", ED25519, "BEGIN"):
        ssh_keys.refuse_private_key(text)

    assert ssh_keys.clean_label(" Private key of Ünïcode ") == "Private key of Ünïcode"


def test_an_expiry_lies_ahead_and_within_the_calendar() -> None:
    assert ssh_keys.check_expiry(None, now=NOW) is None
    assert ssh_keys.check_expiry(NOW + timedelta(1), now=NOW) == NOW + timedelta(1)
    for at, sentence in ((NOW, "expired already"), (datetime(9999, 12, 31, tzinfo=UTC), "between the years")):
        with pytest.raises(Invalid, match=sentence):
            ssh_keys.check_expiry(at, now=NOW)


def test_a_fingerprint_is_that_of_the_decoded_key() -> None:
    key = ssh_public_keys.parse(ED25519)

    assert key.fingerprint.startswith("SHA256:") and len(key.fingerprint) == 50
    assert b64decode(key.encoded)[4:15] == b"ssh-ed25519"
