"""The variables that `onebucket run` sets, and the files that they name."""

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from onebucket.redirect import certificate_authority, command_environment, trust

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.fixture
def authority(tmp_path: Path) -> bytes:
    return certificate_authority.load_or_create(tmp_path / "ca", at=NOW).pem


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "files"
    made.mkdir()
    return made


def variables(folder: Path, authority: bytes, **given: str) -> dict[str, str]:
    return command_environment.variables(folder, authority=authority, proxy_port=1234, tls_port=4321, environment=given)


def test_every_bundle_has_the_systems_certificates_and_ours(folder: Path, authority: bytes) -> None:
    made = variables(folder, authority)

    for name in trust.BUNDLE_VARIABLES:
        content = Path(made[name]).read_bytes()
        assert authority in content, name
        assert trust.system_roots().strip() in content, name


def test_a_bundle_keeps_what_the_variable_named_before(folder: Path, authority: bytes, tmp_path: Path) -> None:
    (tmp_path / "company.pem").write_bytes(b"the company's certificate")

    made = variables(folder, authority, REQUESTS_CA_BUNDLE=str(tmp_path / "company.pem"))

    assert Path(made["REQUESTS_CA_BUNDLE"]).read_bytes() == b"the company's certificate\n" + authority
    assert b"company" not in Path(made["CURL_CA_BUNDLE"]).read_bytes()


def test_options_that_the_caller_has_set_are_kept(folder: Path, authority: bytes) -> None:
    made = variables(folder, authority, NODE_OPTIONS="--no-warnings", JAVA_TOOL_OPTIONS="-Xmx1g", PHP_INI_SCAN_DIR="/p")

    assert made["NODE_OPTIONS"].startswith("--no-warnings --require ")
    assert made["JAVA_TOOL_OPTIONS"].startswith("-Xmx1g -Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=1234 ")
    assert made["PHP_INI_SCAN_DIR"].startswith("/p:")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("", ""),
        ("localhost, .example.com", "localhost,.example.com"),
        ("*", ""),
        ("localhost,.bitbucket.org,api.bitbucket.org:443,org", "localhost"),
    ],
)
def test_exceptions_from_proxies_are_kept_unless_they_cover_our_names(
    folder: Path, authority: bytes, given: str, kept: str
) -> None:
    made = variables(folder, authority, NO_PROXY=given)

    assert (made["NO_PROXY"], made["no_proxy"]) == (kept, kept)


@pytest.mark.skipif(shutil.which("keytool") is None, reason="needs Java")
@pytest.mark.subprocess
def test_javas_trust_store_has_as_many_certificates_as_the_bundle(folder: Path, authority: bytes) -> None:
    variables(folder, authority)

    listed = subprocess.run(
        ["keytool", "-list", "-keystore", folder / "trust.p12", "-storepass", trust.JAVA_PASSWORD],
        capture_output=True,
        text=True,
        check=True,
    )

    count = (folder / "bundle.pem").read_text().count("BEGIN CERTIFICATE")
    assert f"contains {count} entries" in listed.stdout
