"""The server as a process: how it starts, what it tells those who watch it, how it stops."""

import re
import shutil
import socket
import sqlite3
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

import cast
import live
import onebucket
from commands import Command, refused
from live import Live, basic
from onebucket.store import schema
from onebucket.store.connect import connect

# -- starting ---------------------------------------------------------------------------------------


def test_it_says_where_it_answers_and_where_everything_is_kept(served: Live) -> None:
    assert served.output().splitlines() == [
        f"onebucket {onebucket.__version__} answers at {served.base}  (API: {served.base}/docs)",
        f"Data is kept in {served.database}",
        f"Links in responses and e-mails lead to {served.base}: set base_url if people use another address",
        "Users may make any number of calls (rate_limit is 0)",
        f"E-mails are written to {served.folder / 'letters'} (set smtp_url to send them)",
    ]
    assert served(None, "GET", "/docs").status_code == 200


@pytest.mark.subprocess
def test_it_goes_by_its_base_address_and_warns_of_settings_that_are_none(cast_template: Path, tmp_path: Path) -> None:
    given = {"base_url": "https://git.example/onebucket/", "jsonpp": "off", "rate_limit": "1000"}
    with live.with_the_cast(cast_template, tmp_path, **given) as behind_a_proxy:
        group = behind_a_proxy("alice", "GET", "/1.0/groups/acme/designers").json()

        assert group["owner"]["avatar"] == "https://git.example/onebucket/avatars/acme/32"
        assert "Each user may make 1,000 calls an hour (rate_limit)" in behind_a_proxy.output()
        assert "answers at https://git.example/onebucket  " in behind_a_proxy.output()
        assert "warning: ONEBUCKET_JSONPP in the environment is not a setting" in behind_a_proxy.output()


def test_a_port_in_use_is_told_in_one_sentence(served: Live, tmp_path: Path) -> None:
    second = live.run("serve", "--port", served.port, "--data", "other", folder=tmp_path)

    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr == f"onebucket: can't listen on 127.0.0.1 port {served.port}: Address already in use\n"


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--workers", "2"], 1, "onebucket: SQLite needs a single process: leave out --workers, or use PostgreSQL\n"),
        (["--host", "192.0.2.1"], 1, "onebucket: can't listen on 192.0.2.1 port 8080: Cannot assign requested address"),
        (["--host", "no.such.host.invalid"], 1, "onebucket: can't listen on no.such.host.invalid port 8080: "),
        (["--tls-cert", "none.pem", "--tls-key", "none.pem"], 1, "onebucket: there is no file none.pem\n"),
        (["--tls-cert", __file__], 1, "onebucket: --tls-cert and --tls-key go together\n"),
        (["--port", "0"], 2, ""),
        (["--port", "http"], 2, ""),
        (
            ["--database", "mysql://here/there"],
            1,
            "onebucket: 'mysql' databases are not supported: use sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME\n",
        ),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_what_it_can_not_do_is_told_in_one_sentence(
    command: Command, arguments: list[str], code: int, sentence: str
) -> None:
    told = command("serve", *arguments)

    assert (told.code, told.out) == (code, "")
    assert told.err.startswith(sentence)
    assert code == 2 or told.err.count("\n") == 1


@pytest.mark.skipif(not socket.has_ipv6, reason="this Python has no IPv6")
@pytest.mark.subprocess
def test_it_answers_over_ipv6(cast_template: Path, tmp_path: Path) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")

    with live.with_the_cast(cast_template, tmp_path, "--host", "::1") as running:
        assert f"answers at http://[::1]:{running.port}  " in running.output()
        assert httpx.get(f"http://[::1]:{running.port}/healthz").text == "OK"


def test_its_log_is_a_line_for_each_request_that_changes_something_or_is_refused(served: Live) -> None:
    before = len(served.log().splitlines())
    served("alice", "GET", "/1.0/groups/acme")
    served("alice", "PUT", "/1.0/groups/acme/designers", data={"name": "Designers"})
    served("bob", "DELETE", "/1.0/groups/acme/designers")

    lines = served.log().splitlines()[before:]

    assert len(lines) == 2
    assert all("[info     ] request" in line and "path=/1.0/groups/acme/designers" in line for line in lines)
    assert ["status=200" in lines[0], "status=403" in lines[1], "actor=bob" in lines[1]] == [True] * 3


# -- TLS --------------------------------------------------------------------------------------------

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


def certificate(folder: Path, name: str) -> tuple[str, str]:
    """A certificate for 127.0.0.1 and its key, signed by itself."""
    files = str(folder / f"{name}.crt"), str(folder / f"{name}.key")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    told = ["-out", files[0], "-keyout", files[1], "-subj", "/CN=onebucket", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, *told], check=True, capture_output=True)
    return files


@needs_openssl
@pytest.mark.subprocess
def test_it_speaks_tls(cast_template: Path, tmp_path: Path) -> None:
    crt, key = certificate(tmp_path, "own")

    with live.with_the_cast(cast_template, tmp_path, "--tls-cert", crt, "--tls-key", key, secure=True) as running:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            trusting = ssl.create_default_context(cafile=crt)
            trusting.minimum_version = trusting.maximum_version = version
            answer = running("alice", "GET", "/1.0/groups/acme/designers", verify=trusting)
            assert answer.json()["owner"]["avatar"] == f"{running.base}/avatars/acme/32"

        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            running(None, "GET", "/healthz")


@needs_openssl
@pytest.mark.subprocess
def test_a_certificate_without_its_key_is_told_in_one_sentence(command: Command, tmp_path: Path) -> None:
    crt, _ = certificate(tmp_path, "own")
    _, other = certificate(tmp_path, "other")

    for wrong in (other, crt):
        told = command("serve", "--port", str(live.free_port()), "--tls-cert", crt, "--tls-key", wrong)
        assert told == refused(f"{crt} and {wrong} must be PEM, belong together and need no passphrase")


# -- watching ---------------------------------------------------------------------------------------


def test_health_and_readiness_need_no_credentials(served: Live) -> None:
    for path in ("/healthz", "/readyz"):
        answer = served(None, "GET", path)
        assert (answer.status_code, answer.text) == (200, "OK")
        assert answer.headers["cache-control"] == "no-store"


def test_it_is_not_ready_before_the_schema_is_there(tmp_path: Path) -> None:
    with closing(cast.Api(connect(f"sqlite:///{tmp_path}/new.db"))) as unready:
        answer = unready(None, "GET", "/readyz")
        alive = unready(None, "GET", "/healthz")

    assert (answer.status_code, answer.text) == (
        503,
        f"Service Unavailable: the database is at schema None, not {schema.HEAD}.",
    )
    assert alive.status_code == 200


def test_it_is_not_ready_with_a_newer_schema(api: cast.Api) -> None:
    with sqlite3.connect(api.db.name) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")

    answer = api(None, "GET", "/readyz")

    assert (answer.status_code, answer.text) == (
        503,
        f"Service Unavailable: the database is at schema 9999, not {schema.HEAD}.",
    )


@pytest.fixture(scope="module")
def measured(cast_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server that gives its figures to whoever has the token, and logs everything as JSON."""
    folder = tmp_path_factory.mktemp("measured")
    settings = {"metrics_token": "figures of mine", "log_format": "json", "log_level": "debug"}
    with live.with_the_cast(cast_template, folder, **settings) as running:
        yield running


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "Bearer figures of mine"}, 200),
        ({"Authorization": cast.basic("root", cast.password("root"))}, 200),
        ({"Authorization": cast.basic("root@example.com", cast.password("root"))}, 200),
        ({"Authorization": cast.basic("root", "wrong")}, 401),
        (basic("root"), 401),  # an app password, whatever its holder may, is for the API
        ({"Authorization": cast.basic("alice", cast.password("alice"))}, 401),
        ({"Authorization": "Bearer figures of others"}, 401),
        ({"Authorization": "Bearer"}, 401),
        ({"Authorization": "Basic figures of mine"}, 401),
        ({}, 401),
    ],
)
@pytest.mark.subprocess
def test_figures_are_for_the_token_and_for_site_administrators(
    measured: Live, headers: dict[str, str], status: int
) -> None:
    answer = measured(None, "GET", "/metrics", headers=headers)

    assert answer.status_code == status
    assert ("onebucket_requests_total" in answer.text) == (status == 200)
    assert ("www-authenticate" in answer.headers) == (status == 401)


def test_without_a_token_nobody_has_it(served: Live) -> None:
    for header in ("Bearer", "Bearer None", "Basic Og=="):
        assert served(None, "GET", "/metrics", headers={"Authorization": header}).status_code == 401


@pytest.mark.subprocess
def test_figures_count_by_route_and_never_by_name(measured: Live) -> None:
    def figures() -> dict[str, float]:
        page = measured(None, "GET", "/metrics", headers={"Authorization": "Bearer figures of mine"}).text
        return {name: float(value) for name, value in re.findall(r"^(onebucket_\S+(?: \S+=\S+)*) (\S+)$", page, re.M)}

    def counted(route: str, method: str, status: int) -> str:
        return f'onebucket_requests_total{{method="{method}",route="{route}",status="{status}"}}'

    before = figures()
    for _ in range(3):
        measured("alice", "GET", "/1.0/groups/acme/designers")
    measured("alice", "PUT", "/1.0/groups/acme/designers/members/dora")
    measured("alice", "DELETE", "/1.0/groups/acme/designers/members/dora")
    measured("alice", "GET", "/1.0/groups/secret-name")
    measured("alice", "BREW", "/1.0/groups/acme")
    after = figures()

    def risen(name: str) -> float:
        return after.get(name, 0) - before.get(name, 0)

    assert risen(counted("readGroup", "GET", 200)) == 3
    assert risen(counted("addMember", "PUT", 200)) == 1
    assert risen(counted("listGroups", "GET", 404)) == 1
    assert risen(counted("", "other", 405)) == 1
    assert risen("onebucket_changes") == 2
    assert not [name for name in after if "acme" in name or "secret" in name or "BREW" in name]
