"""The certificate authority of one user, whose certificates are valid only for Bitbucket's two host names."""

import fcntl
import os
import stat
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOSTS = ("api.bitbucket.org", "bitbucket.org")

CERTIFICATE_DAYS = 30
_AUTHORITY_DAYS = 3 * 365
# The authority is replaced while it still outlives the certificates that it issues.
_REPLACED_BEFORE = timedelta(days=CERTIFICATE_DAYS + 1)
# The clocks of two machines differ by minutes.
_BACKDATED = timedelta(hours=1)


class UntrustworthyFolder(Exception):
    """Other users can read or replace the authority's key, or its files can't be used; the message says the fix."""


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """A certificate and its key; `is_new` if it was made just now, so nothing trusts it yet."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    is_new: bool = False

    @property
    def pem(self) -> bytes:
        """The certificate as PEM."""
        return self.certificate.public_bytes(Encoding.PEM)

    def issue(self, folder: Path, *, at: datetime) -> tuple[Path, Path]:
        """Write a certificate chain for the two hosts and its key into `folder`; return both paths.

        The certificate is valid for `CERTIFICATE_DAYS` from `at`. Only the user can read the key.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(f"{HOSTS[0]}, by onebucket", key, at, CERTIFICATE_DAYS)
            .issuer_name(self.certificate.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(_key_usage(digital_signature=True), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()),
                critical=False,
            )
            .sign(self.key, hashes.SHA256())
        )
        chain_path, key_path = folder / "certificate.pem", folder / "key.pem"
        chain_path.write_bytes(certificate.public_bytes(Encoding.PEM) + self.pem)
        _write_private(key_path, _key_pem(key))
        return chain_path, key_path


def load_or_create(folder: Path, *, at: datetime, renew: bool = False) -> CertificateAuthority:
    """Return the authority kept in `folder`; make one if there is none, if it ends soon, or to `renew` it.

    Raises UntrustworthyFolder.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _check_private(folder, "0700")
    certificate_path, key_path = folder / "ca.pem", folder / "ca-key.pem"
    # Two commands at once make one authority.
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not renew and key_path.exists() and certificate_path.exists():
            _check_private(key_path, "0600")
            authority = _load(certificate_path, key_path)
            if at < authority.certificate.not_valid_after_utc - _REPLACED_BEFORE:
                return authority
        authority = _create(at)
        _write_private(key_path, _key_pem(authority.key))
        certificate_path.write_bytes(authority.pem)
        return authority


def _load(certificate_path: Path, key_path: Path) -> CertificateAuthority:
    try:
        certificate = x509.load_pem_x509_certificate(certificate_path.read_bytes())
        key = load_pem_private_key(key_path.read_bytes(), password=None)
    except (ValueError, TypeError):
        raise UntrustworthyFolder(
            f"{certificate_path} and {key_path.name} are not a certificate and key: delete both to get new ones"
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise UntrustworthyFolder(
            f"{certificate_path} and {key_path.name} don't belong together: delete both to get new ones"
        )
    return CertificateAuthority(certificate, key)


def _create(at: datetime) -> CertificateAuthority:
    key = ec.generate_private_key(ec.SECP256R1())
    name = f"onebucket CA of {os.environ.get('USER', '')[:20] or 'one user'}, for Bitbucket's names"
    certificate = (
        _builder(name, key, at, _AUTHORITY_DAYS)
        .issuer_name(_name(name))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.NameConstraints(permitted_subtrees=[x509.DNSName(host) for host in HOSTS], excluded_subtrees=None),
            critical=True,
        )
        .add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return CertificateAuthority(certificate, key, is_new=True)


def _builder(name: str, key: ec.EllipticCurvePrivateKey, at: datetime, days: int) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - _BACKDATED)
        .not_valid_after(at + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _key_usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write_private(path: Path, content: bytes) -> None:
    """Replace the file at once, readable by its owner alone from the first byte on."""
    partial = path.with_name(f"{path.name}.new")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    partial.replace(path)


def _check_private(path: Path, mode: str) -> None:
    status = path.stat()
    if status.st_uid != os.getuid():
        raise UntrustworthyFolder(f"{path} belongs to another user: choose your own folder with ONEBUCKET_CA")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise UntrustworthyFolder(f"other users can use {path}: run `chmod {mode} {path}`")
