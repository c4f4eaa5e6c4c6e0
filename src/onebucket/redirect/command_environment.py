"""The environment variables that send a command's requests for Bitbucket's names through the proxy."""

import os
from collections.abc import Mapping
from pathlib import Path

from onebucket.redirect import trust
from onebucket.redirect.certificate_authority import HOSTS

_NODE_HOOK = Path(__file__).with_name("node_hook.cjs")


def variables(
    folder: Path, *, authority: bytes, proxy_port: int, tls_port: int, environment: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return the variables to set for the command, and write the files that they name into `folder`.

    `proxy_port` is the CONNECT proxy's, `tls_port` the one that answers as Bitbucket; `environment` is the caller's.
    """
    bundles = trust.bundles(folder, authority, environment)
    store = trust.java_trust_store(folder, Path(bundles["SSL_CERT_FILE"]))
    java = (
        f"-Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort={proxy_port} "
        f"-Djavax.net.ssl.trustStore={store} -Djavax.net.ssl.trustStorePassword={trust.JAVA_PASSWORD} "
        "-Djavax.net.ssl.trustStoreType=PKCS12"
    )
    php = _php_folder(folder, bundles["SSL_CERT_FILE"])
    proxy = f"http://127.0.0.1:{proxy_port}"
    direct = _no_proxy(environment)
    return {
        "HTTPS_PROXY": proxy,
        "https_proxy": proxy,
        "NO_PROXY": direct,
        "no_proxy": direct,
        **bundles,
        # Node's own clients know no proxies: a hook takes their connections for the two names to `tls_port`.
        "NODE_EXTRA_CA_CERTS": trust.node_certificates(folder, authority, environment),
        "NODE_OPTIONS": _appended(environment, "NODE_OPTIONS", f'--require "{_NODE_HOOK}"'),
        "ONEBUCKET_RUN_PORT": str(tls_port),
        "JAVA_TOOL_OPTIONS": _appended(environment, "JAVA_TOOL_OPTIONS", java),
        # An empty entry means the folders that PHP was built with.
        "PHP_INI_SCAN_DIR": f"{environment.get('PHP_INI_SCAN_DIR', '')}:{php}",
    }


def _no_proxy(environment: Mapping[str, str]) -> str:
    """Return the caller's exceptions from proxies, without those that would cover Bitbucket's names."""
    given = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    entries = [entry.strip() for entry in given.split(",")]
    return ",".join(entry for entry in entries if entry and not any(_covers(entry, host) for host in HOSTS))


def _covers(entry: str, host: str) -> bool:
    """Say whether an entry of NO_PROXY matches a host.

    >>> [_covers(entry, "api.bitbucket.org") for entry in ("*", ".org", "bitbucket.org:443", "example.com")]
    [True, True, True, False]
    """
    name = entry.partition(":")[0].lstrip("*").lstrip(".").lower()
    return entry == "*" or host == name or (bool(name) and host.endswith(f".{name}"))


def _appended(environment: Mapping[str, str], name: str, value: str) -> str:
    return f"{environment.get(name, '')} {value}".strip()


def _php_folder(folder: Path, bundle: str) -> Path:
    scanned = folder / "php"
    scanned.mkdir(exist_ok=True)
    (scanned / "onebucket.ini").write_text(f'curl.cainfo="{bundle}"\nopenssl.cafile="{bundle}"\n')
    return scanned
