"""The commands `serve`, `check`, `doctor` and `openapi`."""

import gc
import os
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import onebucket
from onebucket import settings
from onebucket.cli import common
from onebucket.cli.common import NO_REPLICAS, CommandError, DatabaseOption, DataOption, JsonOption, Use
from onebucket.settings import Settings

if TYPE_CHECKING:
    from onebucket.store.engine.database import Database

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8080


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on")] = DEFAULT_HOST,
    port: Annotated[int, typer.Option(help="The port to listen on", min=1, max=65535)] = DEFAULT_PORT,
    workers: Annotated[int, typer.Option(help="Processes; on PostgreSQL only", min=1)] = 1,
    demo: Annotated[bool, typer.Option("--demo", help="Serve a made-up company from a throw-away database.")] = False,
    tls_cert: Annotated[Path | None, typer.Option(metavar="F", help="TLS certificate chain, PEM")] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="F", help="Its private key, PKCS #8 PEM")] = None,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Serve the API until SIGTERM or Ctrl-C, which finish what is under way."""
    for file in (tls_cert, tls_key):
        if file is not None and not file.is_file():
            raise CommandError(f"there is no file {file}")
    if (tls_cert is None) != (tls_key is None):
        raise CommandError("--tls-cert and --tls-key go together")

    from onebucket.cli import logs

    with ExitStack() as stack:
        if demo:
            from onebucket.cli import demo as demo_data

            database_file = stack.enter_context(demo_data.throw_away())
            database = f"sqlite:///{database_file}"
        chosen = common.settings(database, data)
        if workers > 1 and chosen.database.startswith("sqlite:"):
            raise CommandError("SQLite is served by one process: start it without --workers")
        if chosen.replicas and chosen.database.startswith("sqlite:"):
            raise CommandError(NO_REPLICAS)
        logs.configure(chosen.log_format, chosen.log_level)

        # Imported only now: they load structlog, and `logs` must load it first (without rich).
        from onebucket.cli import keys, mail_setup
        from onebucket.http import wiring
        from onebucket.http.limits import shared_counters
        from onebucket.http.monitoring import shared_metrics
        from onebucket.http.process.listen_address import ListenAddress
        from onebucket.http.response import ServerOptions

        base_url = chosen.base_url or _address(host, port, secure=tls_cert is not None)
        transport = mail_setup.transport(chosen, base_url, throw_away=database_file.parent if demo else None)
        composer = mail_setup.composer(chosen, base_url)
        opened = stack.enter_context(common.open_database(chosen, Use.SERVES))
        key = keys.throw_away() if demo else keys.secret_key(chosen)
        if demo:
            demo_data.fill(opened)
            startup_lines = demo_data.lines(base_url, opened.url)
        else:
            startup_lines = [f"Everything is kept in {opened.name}", *_first_administrator(opened, base_url)]
            startup_lines += [f"It is read on {opened.replicas_description}"] if opened.replicas else []
        address = ListenAddress(host, port, tls_cert, tls_key)
        options = ServerOptions(
            base_url,
            chosen.realm,
            chosen.jsonp,
            chosen.jsonp_origins,
            chosen.amsterdam_times,
            emails_in_paths=chosen.email_in_path == "accept",
            users_address=chosen.users_address,
            query_token=chosen.query_token == "on",  # noqa: S105 - a switch
            rate_limit=chosen.rate_limit,
            failures_per_address=chosen.failures_per_address,
            trusted_proxies=chosen.trusted_proxies,
            proxy_header=chosen.proxy_header,
        )
        # Rate limits and metrics are shared between the workers, in memory that the parent process allocates.
        counts = shared_counters.in_shared_memory() if workers > 1 else None
        worker_metrics = shared_metrics.SharedMetrics(workers) if workers > 1 else None

        def run_worker(ready: Callable[[], None], heard: int | None = None, number: int = 0) -> None:
            built = wiring.build(
                opened,
                options,
                terms=common.site_limits(chosen),
                metrics_token=chosen.metrics_token,
                demo_letters=database_file.parent / "letters" if demo else None,
                secret_key=key,
                password_grant=chosen.oauth_password_grant == "on",  # noqa: S105
                answer_memory=chosen.answer_memory,
                settings=settings.shown(chosen),
                counts=replace(counts, process_metrics=worker_metrics.for_process(number))
                if counts and worker_metrics
                else None,
            )
            outbox_worker = mail_setup.outbox_worker(opened, transport, composer, key)
            built.metrics.watch(
                "onebucket_letters_sent_total", "Letters sent since the start", lambda: outbox_worker.sent
            )

            def on_ready() -> None:
                ready()
                outbox_worker.start()
                built.metrics.start()
                # What exists now lives as long as the process: scanning it for garbage would cost 5 % of each write.
                gc.freeze()

            wiring.run(built, address, ready=on_ready, ended=outbox_worker.stop, heard=heard)

        def ready() -> None:
            common.show(f"onebucket {onebucket.__version__} answers at {base_url}  (API: {base_url}/docs)")
            warnings = (f"warning: {name} is not a setting" for name in chosen.unknown)
            if not chosen.base_url and not demo:
                startup_lines.append(
                    f"Answers and letters lead to {base_url}: set base_url where people use another address"
                )
            for line in (*startup_lines, _limit(chosen.rate_limit), mail_setup.line(transport, composer), *warnings):
                common.show(line)

        if workers == 1:
            run_worker(ready)
        else:
            # Loaded before the fork, once for all workers.
            from onebucket.http.process import listener  # noqa: F401
            from onebucket.http.process.workers import Workers

            # Each worker opens its own connections: an open one must not be shared across a fork.
            opened.close()
            address.check()
            Workers(workers, run_worker).run(ready)


def _limit(calls: int) -> str:
    """Return the line that `serve` prints about the rate limit, because tools that read everything reach it."""
    if not calls:
        return "Each user may make any number of calls (rate_limit is 0)"
    return f"Each user may make {calls:,} calls an hour (rate_limit), further ones are answered 429"


def _address(host: str, port: int, *, secure: bool) -> str:
    """Return the base URL for a listening address, without the scheme's default port.

    >>> _address("127.0.0.1", 443, secure=True), _address("::1", 8080, secure=False)
    ('https://127.0.0.1', 'http://[::1]:8080')
    """
    name = socket.getfqdn() if host in ("0.0.0.0", "::") else host  # noqa: S104 - a comparison
    bracketed = f"[{name}]" if ":" in name else name
    port_suffix = "" if port == (443 if secure else 80) else f":{port}"
    return f"{'https' if secure else 'http'}://{bracketed}{port_suffix}"


def _first_administrator(opened: "Database", base_url: str) -> list[str]:
    """Create the first site administrator or a one-time link to do so; return the lines to print.

    With ONEBUCKET_ADMIN_PASSWORD the account `admin` is created (contract/operations.md). Return nothing if the site
    has an administrator.
    """
    from onebucket import hashing
    from onebucket.actions import setup
    from onebucket.domain.accounts import check_password
    from onebucket.domain.refusals import Conflict

    with opened.writing() as tx:
        work = common.work(tx)
        if not setup.is_needed(work):
            return []
        password = os.environ.get("ONEBUCKET_ADMIN_PASSWORD")
        if password:
            check_password(password)
            try:
                setup.add_first_administrator(
                    work, username="admin", email=None, password_hash=hashing.password_hash(password)
                )
            except Conflict:
                mend = f"{common.program()} user admin admin"
                return [
                    f"warning: admin is no site administrator, and was there before ONEBUCKET_ADMIN_PASSWORD: {mend}"
                ]
            return ["Made the site administrator admin, with the password from ONEBUCKET_ADMIN_PASSWORD"]
        token = hashing.new_secret()
        setup.create_link(work, hashing.secret_hash(token))
    return [f"There is no site administrator yet. Make the first, once: {base_url}/setup/{token}"]


def check(
    user: Annotated[str, typer.Argument(metavar="USER", help="Whom the question is about")],
    repository: Annotated[str, typer.Argument(metavar="ACCOUNT/REPO", help="Where")],
    level: Annotated[str, typer.Argument(metavar="LEVEL", help="read, write or admin")],
    explain: Annotated[bool, typer.Option("--explain", help="Say through what.")] = False,
    json: JsonOption = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Ask whether a person may do something on a repository. Exit code 0: yes, 1: no, 2: neither."""
    from onebucket.actions import access_checks
    from onebucket.cli import formatting
    from onebucket.domain import privileges

    if level not in _LEVELS:
        raise typer.BadParameter(f"the level is {', '.join(_LEVELS[:-1])} or {_LEVELS[-1]}", param_hint="LEVEL")
    account, _, slug = repository.partition("/")
    with common.answering(), common.reading(database, data) as work:
        decision = access_checks.check(work, access_checks.AccessQuery(user, account, slug))
    allowed = decision.allows(privileges.parse_level(level))
    if json:
        common.show_json(formatting.decision_json(decision, allowed=allowed))
    else:
        common.show("yes" if allowed else "no")
        for line in formatting.decision_lines(decision) if explain else ():
            common.show(line)
    if not allowed:
        raise typer.Exit(1)


_LEVELS = ("read", "write", "admin")


def doctor(json: JsonOption = False, database: DatabaseOption = "", data: DataOption = "") -> None:
    """Say what is wrong with settings, database and accounts, and how to mend it. Exit code 1 if anything is."""
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
