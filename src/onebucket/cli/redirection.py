"""The commands `run` and `ca`: tools with Bitbucket's addresses built in reach a onebucket server unchanged."""

import os
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from onebucket.cli import common
from onebucket.cli.common import CommandError

if TYPE_CHECKING:
    from onebucket.redirect.server_certificate import ServerCertificate

_LOCAL_SERVER = "http://127.0.0.1:8080"
_FOLDER_VARIABLE = "ONEBUCKET_CA"
_DEMO_SECONDS = 30.0
_CHECK_SECONDS = 10.0

Others = Annotated[
    str,
    typer.Option(
        metavar="refuse|pass", help="Refuse Bitbucket's other addresses with 502, or pass them to the real site"
    ),
]


def run(
    command: Annotated[
        list[str], typer.Argument(metavar="-- COMMAND [ARGUMENT]…", help="What to run", show_default=False)
    ],
    server: Annotated[
        str,
        typer.Option(metavar="URL", envvar="ONEBUCKET_SERVER", help="The onebucket server", show_default=_LOCAL_SERVER),
    ] = "",
    demo: Annotated[bool, typer.Option("--demo", help="Use a temporary server with a made-up company.")] = False,
    others: Others = "refuse",
) -> None:
    """Run an unchanged command; its requests to api.bitbucket.org and bitbucket.org go to your server.

    The exit status is the command's own. Only the command is redirected: it gets a proxy and a certificate authority
    in its environment.
    """
    if others not in ("refuse", "pass"):
        raise typer.BadParameter("it is refuse or pass", param_hint="--others")
    if demo and server:
        raise CommandError("--demo and --server exclude each other")
    from onebucket.redirect import certificate_authority, session

    authority = certificate_authority.load_or_create(_authority_folder(), at=datetime.now(UTC))
    with _demo_server() if demo else _given_server(server or _LOCAL_SERVER) as url:
        outcome = session.run(command, server=url, authority=authority, passes_others=others == "pass")
    if outcome.advice:
        typer.echo(f"onebucket: {outcome.advice}", err=True)
    raise typer.Exit(outcome.status)


def ca(
    renew: Annotated[
        bool, typer.Option("--renew", help="Make a new one, which must be trusted instead of the old one.")
    ] = False,
    path: Annotated[bool, typer.Option("--path", help="Print only the path of the file.")] = False,
) -> None:
    """Print the certificate (PEM) to trust for `run` and `serve --as-bitbucket`, and how to trust it."""
    from onebucket.redirect import certificate_authority

    folder = _authority_folder()
    authority = certificate_authority.load_or_create(folder, at=datetime.now(UTC), renew=renew)
    file = folder / "ca.pem"
    if path:
        common.show(str(file))
        return
    common.show(authority.pem.decode().strip())
    ends = authority.certificate.not_valid_after_utc
    for line in (
        f"{file} is valid until {ends:%Y-%m-%d}, for api.bitbucket.org and bitbucket.org only. To trust it:",
        f"  Debian, Ubuntu   cp {file} /usr/local/share/ca-certificates/onebucket.crt && update-ca-certificates",
        f"  Fedora, RHEL     cp {file} /etc/pki/ca-trust/source/anchors/onebucket.pem && update-ca-trust",
        f"  Node             NODE_EXTRA_CA_CERTS={file}",
        "  Python requests  REQUESTS_CA_BUNDLE=… (the system's file, after the above)",
        f"  Java             keytool -importcert -cacerts -storepass changeit -noprompt -alias onebucket -file {file}",
    ):
        typer.echo(line, err=True)


def _authority_folder() -> Path:
    if given := os.environ.get(_FOLDER_VARIABLE):
        return Path(given).expanduser()
    from platformdirs import user_data_path

    return user_data_path("onebucket", appauthor=False) / "ca"


@contextmanager
def server_certificate() -> Iterator["ServerCertificate"]:
    """Yield what issues certificates for Bitbucket's names into a temporary folder.

    Prints how to trust them whenever their authority is new. Raises UntrustworthyFolder.
    """
    from onebucket.redirect import certificate_authority
    from onebucket.redirect.server_certificate import RENEWED_AFTER_DAYS, ServerCertificate

    folder = _authority_folder()

    def authority(at: datetime) -> certificate_authority.CertificateAuthority:
        found = certificate_authority.load_or_create(folder, at=at)
        if found.is_new:
            common.show(f"Tools must trust {folder / 'ca.pem'}; `{common.program()} ca` says how")
        return found

    hosts = " and ".join(certificate_authority.HOSTS)
    common.show(f"Answers as {hosts}, with a new certificate every {RENEWED_AFTER_DAYS} days")
    with TemporaryDirectory(prefix="onebucket-tls-") as temporary:
        yield ServerCertificate(Path(temporary), authority)


@contextmanager
def _given_server(url: str) -> Iterator[str]:
    """Check that a onebucket server answers at `url`. Raises CommandError."""
    if not url.startswith(("http://", "https://")):
        raise CommandError(f"--server {url} must be an http:// or https:// address")
    problem = _health_problem(url.rstrip("/"))
    if problem:
        raise CommandError(
            f"no onebucket answers at {url}: {problem}. Start one with `{common.program()} serve`, name another with "
            "--server, or use --demo"
        )
    yield url.rstrip("/")


@contextmanager
def _demo_server() -> Iterator[str]:
    """Serve the made-up company in a process of its own, until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    variables = {name: value for name, value in os.environ.items() if not name.startswith("ONEBUCKET_")}
    process = subprocess.Popen(  # noqa: S603 - this program
        [sys.executable, "-P", "-m", "onebucket", "serve", "--demo", "--port", str(port)],
        env={**variables, "ONEBUCKET_LOG_LEVEL": "error"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        # Ctrl-C is for the command; the server ends after it.
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + _DEMO_SECONDS
        while _health_problem(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise CommandError("the demo server did not start; `serve --demo` says why")
            time.sleep(0.02)
        yield url
    finally:
        process.terminate()
        process.wait()


def _health_problem(url: str) -> str:
    """Say what is wrong with the server at `url`; nothing if it is alive."""
    direct = urllib.request.build_opener(
        urllib.request.ProxyHandler({}) if url.startswith("http://127.") else urllib.request.ProxyHandler(),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
    )
    try:
        with direct.open(f"{url}/healthz", timeout=_CHECK_SECONDS) as response:
            return "" if response.read(2) == b"OK" else "something else answers there"
    except urllib.error.HTTPError as error:
        return f"it answers {error.code} at /healthz"
    except urllib.error.URLError as error:
        return str(getattr(error.reason, "strerror", None) or error.reason)
    except OSError as error:
        return str(error)
