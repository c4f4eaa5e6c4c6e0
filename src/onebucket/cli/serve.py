"""The commands `serve`, `check`, `doctor` and `openapi`."""

import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from onebucket import settings
from onebucket.cli import common
from onebucket.cli.common import NO_REPLICAS, CommandError, DatabaseOption, DataOption, JsonOption
from onebucket.settings import Settings

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8080
HTTPS_PORT = 443

PortOption = Annotated[
    int | None,
    typer.Option(
        help="The port to listen on", min=1, max=65535, show_default=f"{DEFAULT_PORT}; 443 with --as-bitbucket"
    ),
]
AsBitbucketOption = Annotated[
    bool, typer.Option("--as-bitbucket", help="Answer over HTTPS for api.bitbucket.org and bitbucket.org.")
]


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on")] = DEFAULT_HOST,
    port: PortOption = None,
    workers: Annotated[int, typer.Option(help="Number of processes; PostgreSQL only", min=1)] = 1,
    demo: Annotated[bool, typer.Option("--demo", help="Serve a made-up company from a temporary database.")] = False,
    tls_cert: Annotated[Path | None, typer.Option(metavar="F", help="TLS certificate chain, PEM")] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="F", help="Its private key, PKCS #8 PEM")] = None,
    as_bitbucket: AsBitbucketOption = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Serve API and pages until SIGTERM or Ctrl-C; requests in progress are finished."""
    _check_tls_files(tls_cert, tls_key, as_bitbucket=as_bitbucket)
    port = port or (HTTPS_PORT if as_bitbucket else DEFAULT_PORT)

    from onebucket.cli import logs

    with ExitStack() as stack:
        database_file = None
        if demo:
            from onebucket.cli import demo as demo_data

            database_file = stack.enter_context(demo_data.throw_away())
            database = f"sqlite:///{database_file}"
        chosen = common.settings(database, data)
        _check_database(chosen, workers)
        logs.configure(chosen.log_format, chosen.log_level)

        # Imported only now: they take long to load, and `--help` needs none of them.
        from onebucket.cli import redirection, server_start
        from onebucket.http.process.listen_address import ListenAddress

        renewal = None
        if as_bitbucket:
            certificate = stack.enter_context(redirection.server_certificate())
            tls_cert, tls_key = certificate.issue()
            renewal = certificate.renew_if_due
        address = ListenAddress(host, port, tls_cert, tls_key, speaks_http2=as_bitbucket, renewal=renewal)
        base_url = chosen.base_url or _address(host, port, secure=tls_cert is not None)
        server_start.run(chosen, address, base_url=base_url, workers=workers, demo_file=database_file)


def _check_tls_files(certificate: Path | None, key: Path | None, *, as_bitbucket: bool) -> None:
    for file in (certificate, key):
        if file is not None and not file.is_file():
            raise CommandError(f"there is no file {file}")
    if (certificate is None) != (key is None):
        raise CommandError("--tls-cert and --tls-key go together")
    if as_bitbucket and certificate is not None:
        raise CommandError("--as-bitbucket makes its own certificate: leave out --tls-cert and --tls-key")


def _check_database(chosen: Settings, workers: int) -> None:
    if workers > 1 and chosen.database.startswith("sqlite:"):
        raise CommandError("SQLite needs a single process: leave out --workers, or use PostgreSQL")
    if chosen.replicas and chosen.database.startswith("sqlite:"):
        raise CommandError(NO_REPLICAS)


def _address(host: str, port: int, *, secure: bool) -> str:
    """Return the base URL for a listening address, without the scheme's default port.

    >>> _address("127.0.0.1", 443, secure=True), _address("::1", 8080, secure=False)
    ('https://127.0.0.1', 'http://[::1]:8080')
    """
    name = socket.getfqdn() if host in ("0.0.0.0", "::") else host  # noqa: S104 - a comparison
    bracketed = f"[{name}]" if ":" in name else name
    port_suffix = "" if port == (443 if secure else 80) else f":{port}"
    return f"{'https' if secure else 'http'}://{bracketed}{port_suffix}"


def check(
    user: Annotated[str, typer.Argument(metavar="USER", help="The user")],
    repository: Annotated[str, typer.Argument(metavar="ACCOUNT/REPO", help="The repository")],
    level: Annotated[str, typer.Argument(metavar="LEVEL", help="read, write or admin")],
    explain: Annotated[bool, typer.Option("--explain", help="Also say through what.")] = False,
    json: JsonOption = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Check whether a person has access to a repository. Exit code 0: yes, 1: no, 2: error."""
    from onebucket.actions import access_checks
    from onebucket.cli import formatting
    from onebucket.domain import privileges

    if level not in _LEVELS:
        raise typer.BadParameter(f"the level is {', '.join(_LEVELS[:-1])} or {_LEVELS[-1]}", param_hint="LEVEL")
    account, _, slug = repository.partition("/")
    with common.answering(), common.reading(database, data) as work:
        decision = access_checks.check(work, access_checks.AccessQuery(user, account, slug))
    asked = privileges.parse_level(level)
    allowed = decision.allows(asked)
    if json:
        import msgspec

        from onebucket.surfaces.core.shared_shapes import access_decision

        common.show_json(msgspec.to_builtins(access_decision(decision, asked)))
    else:
        common.show("yes" if allowed else "no")
        for line in formatting.decision_lines(decision) if explain else ():
            common.show(line)
    if not allowed:
        raise typer.Exit(1)


_LEVELS = ("read", "write", "admin")


def doctor(json: JsonOption = False, database: DatabaseOption = "", data: DataOption = "") -> None:
    """Check settings, database and accounts, and say how to fix what is wrong. Exit code 1 if anything is."""
    from onebucket.cli import doctor

    chosen: Settings = common.settings(database, data)
    findings = list(doctor.findings(chosen))
    if json:
        rows = settings.shown(chosen)
        common.show_json(
            {
                "settings": {name: {"value": value, "source": source} for name, value, source in rows},
                "checks": [{"ok": finding.ok, "what": finding.message, "mend": finding.fix} for finding in findings],
            }
        )
    else:
        common.show_table(["SETTING", "VALUE", "FROM"], settings.shown(chosen))
        common.show()
        for finding in findings:
            common.show(
                f"{'ok   ' if finding.ok else 'WRONG'}  {finding.message}"
                + (f"\n       {finding.fix}" if finding.fix else "")
            )
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def openapi() -> None:
    """Print the OpenAPI 3.1 document."""
    from onebucket.http import openapi, wiring

    base_url = common.settings("", "").base_url or _address(DEFAULT_HOST, DEFAULT_PORT, secure=False)
    common.show_json(openapi.document(wiring.SURFACES, base_url=base_url))
