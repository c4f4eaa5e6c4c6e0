"""Files that make a command trust our certificate authority beside the ones it trusts anyway."""

import os
import ssl
import warnings
from collections.abc import Mapping
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12Certificate, serialize_java_truststore

# The variables that name a file with *all* trusted certificates, and who reads each.
BUNDLE_VARIABLES = (
    "SSL_CERT_FILE",  # OpenSSL and with it Python, Ruby, PHP streams; Go; httpx
    "REQUESTS_CA_BUNDLE",  # Python's requests, pip
    "CURL_CA_BUNDLE",  # curl
    "GIT_SSL_CAINFO",  # git
)
JAVA_PASSWORD = "changeit"  # noqa: S105 - the password that every Java installation has
_SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # macOS, BSD
)


def system_roots() -> bytes:
    """Return the certificates that this system trusts, as PEM; nothing if it has none."""
    openssl = ssl.get_default_verify_paths()
    for path in (openssl.cafile, openssl.openssl_cafile, *_SYSTEM_BUNDLES):
        if path and Path(path).is_file():
            return Path(path).read_bytes()
    try:
        import certifi
    except ImportError:
        return b""
    return Path(certifi.where()).read_bytes()


def bundles(folder: Path, authority: bytes, environment: Mapping[str, str]) -> dict[str, str]:
    """Write a bundle for each of `BUNDLE_VARIABLES` into `folder`; return the variables' values.

    A bundle holds what the variable named before, or else the system's certificates, and ours: never less than before.
    """
    system = system_roots()
    values, written = {}, dict[bytes, str]()
    for variable in BUNDLE_VARIABLES:
        before = _content(environment.get(variable)) or system
        if before not in written:
            path = folder / f"bundle{len(written) or ''}.pem"
            path.write_bytes(before.rstrip(b"\n") + b"\n" + authority)
            written[before] = str(path)
        values[variable] = written[before]
    return values


def node_certificates(folder: Path, authority: bytes, environment: Mapping[str, str]) -> str:
    """Write the file for NODE_EXTRA_CA_CERTS, which Node adds to its own certificates; return its path."""
    path = folder / "node.pem"
    path.write_bytes(_content(environment.get("NODE_EXTRA_CA_CERTS")) + b"\n" + authority)
    return str(path)


def java_trust_store(folder: Path, bundle: Path) -> str:
    """Write the certificates of a bundle as a PKCS #12 trust store with Java's usual password; return its path."""
    certificates: list[PKCS12Certificate] = []
    # Some roots that systems ship break today's rules for certificates; cryptography warns of each.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for block in bundle.read_bytes().split(b"-----BEGIN CERTIFICATE-----")[1:]:
            try:
                certificate = x509.load_pem_x509_certificate(b"-----BEGIN CERTIFICATE-----" + block)
            except ValueError:
                # Java could not use it either.
                continue
            certificates.append(PKCS12Certificate(certificate, f"ca{len(certificates)}".encode()))
    path = folder / "trust.p12"
    path.write_bytes(serialize_java_truststore(certificates, BestAvailableEncryption(JAVA_PASSWORD.encode())))
    return str(path)


def _content(path: str | None) -> bytes:
    """Return what the file holds; nothing if no file is named or it can't be read, as the tools do."""
    try:
        return Path(path).read_bytes() if path and os.path.isfile(path) else b""  # noqa: PTH113 - `path` may be odd
    except OSError:
        return b""
