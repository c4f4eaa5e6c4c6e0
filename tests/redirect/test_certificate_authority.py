"""The certificate authority of a user: what it is good for, who can use it, and when it is replaced."""

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from onebucket.redirect import certificate_authority
from onebucket.redirect.certificate_authority import CertificateAuthority, UntrustworthyFolder

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.fixture
def authority(tmp_path: Path) -> CertificateAuthority:
    return certificate_authority.load_or_create(tmp_path / "ca", at=NOW)


def verifies(authority: CertificateAuthority, chain: Path, name: str, at: datetime) -> bool:
    """Say whether a client that trusts the authority accepts the chain for `name`."""
    certificates = x509.load_pem_x509_certificates(chain.read_bytes())
    verifier = PolicyBuilder().store(Store([authority.certificate])).time(at).build_server_verifier(x509.DNSName(name))
    try:
        verifier.verify(certificates[0], certificates[1:])
    except VerificationError:
        return False
    return True


def test_a_certificate_is_good_for_the_two_names_and_thirty_days(
    authority: CertificateAuthority, tmp_path: Path
) -> None:
    chain, _ = authority.issue(tmp_path, at=NOW)

    accepted = {name: verifies(authority, chain, name, NOW) for name in (*certificate_authority.HOSTS, "example.com")}

    assert accepted == {"api.bitbucket.org": True, "bitbucket.org": True, "example.com": False}
    assert verifies(authority, chain, "bitbucket.org", NOW + timedelta(days=29))
    assert not verifies(authority, chain, "bitbucket.org", NOW + timedelta(days=31))


def test_the_authority_itself_is_limited_to_the_two_names(authority: CertificateAuthority) -> None:
    constraints = authority.certificate.extensions.get_extension_for_class(x509.NameConstraints)

    assert constraints.critical
    assert constraints.value.permitted_subtrees == [x509.DNSName("api.bitbucket.org"), x509.DNSName("bitbucket.org")]


def test_only_its_user_can_read_the_keys(authority: CertificateAuthority, tmp_path: Path) -> None:
    _, key = authority.issue(tmp_path, at=NOW)

    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "ca", tmp_path / "ca" / "ca-key.pem", key)]

    assert modes == [0o700, 0o600, 0o600]


def test_the_authority_is_made_once_even_by_several_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: certificate_authority.load_or_create(tmp_path / "ca", at=NOW), range(16)))

    assert len({each.pem for each in made}) == 1
    assert sum(each.is_new for each in made) == 1


@pytest.mark.parametrize(("days", "same"), [(1000, True), (3 * 365 - 30, False), (5000, False)])
def test_it_is_replaced_before_its_certificates_outlive_it(
    authority: CertificateAuthority, tmp_path: Path, days: int, same: bool
) -> None:
    later = certificate_authority.load_or_create(tmp_path / "ca", at=NOW + timedelta(days=days))

    assert (later.pem == authority.pem) is same
    assert later.is_new is not same


def test_it_is_replaced_when_asked_to(authority: CertificateAuthority, tmp_path: Path) -> None:
    renewed = certificate_authority.load_or_create(tmp_path / "ca", at=NOW, renew=True)

    assert renewed.pem != authority.pem


@pytest.mark.usefixtures("authority")
@pytest.mark.parametrize(
    ("path", "mode", "sentence"),
    [
        ("ca", 0o777, "other users can use .*/ca: run `chmod 0700 "),
        ("ca", 0o750, "other users can use"),
        ("ca/ca-key.pem", 0o640, "other users can use .*ca-key.pem: run `chmod 0600 "),
    ],
)
def test_a_key_that_others_can_use_is_refused(tmp_path: Path, path: str, mode: int, sentence: str) -> None:
    (tmp_path / path).chmod(mode)

    with pytest.raises(UntrustworthyFolder, match=sentence):
        certificate_authority.load_or_create(tmp_path / "ca", at=NOW)


@pytest.mark.usefixtures("authority")
@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [("ca.pem", b"nonsense", "are not a certificate and key"), ("ca-key.pem", b"", "are not a certificate and key")],
)
def test_files_that_are_no_certificate_are_named(tmp_path: Path, file: str, content: bytes, sentence: str) -> None:
    (tmp_path / "ca" / file).write_bytes(content)

    with pytest.raises(UntrustworthyFolder, match=sentence):
        certificate_authority.load_or_create(tmp_path / "ca", at=NOW)


def test_a_key_of_another_certificate_is_named(authority: CertificateAuthority, tmp_path: Path) -> None:
    certificate_authority.load_or_create(tmp_path / "other", at=NOW)
    (tmp_path / "other" / "ca-key.pem").rename(tmp_path / "ca" / "ca-key.pem")

    with pytest.raises(UntrustworthyFolder, match="don't belong together"):
        certificate_authority.load_or_create(tmp_path / "ca", at=NOW)
