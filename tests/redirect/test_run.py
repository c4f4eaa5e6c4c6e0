"""`onebucket run`: tools with Bitbucket's addresses built in, on this server; what is refused, and what is told."""

import json
import os
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme

import cast
import live
from live import Live

pytestmark = pytest.mark.subprocess

ADDRESS = "https://api.bitbucket.org/1.0/groups/acme"
BASIC = cast.basic("alice", cast.token("alice"))

PYTHON = {
    "urllib": f"""
import urllib.request
asked = urllib.request.Request("{ADDRESS}", headers={{"Authorization": "{BASIC}"}})
print(urllib.request.urlopen(asked).status)""",
    "requests": f"""
import requests
print(requests.get("{ADDRESS}", headers={{"Authorization": "{BASIC}"}}).status_code)""",
    "httpx": f"""
import httpx
print(httpx.get("{ADDRESS}", headers={{"Authorization": "{BASIC}"}}).status_code)""",
    "aiohttp": f"""
import asyncio, aiohttp
async def ask():
    async with aiohttp.ClientSession(trust_env=True) as session:
        async with session.get("{ADDRESS}", headers={{"Authorization": "{BASIC}"}}) as response:
            print(response.status)
asyncio.run(ask())""",
}
NODE = {
    "fetch": f"""
const answer = await fetch('{ADDRESS}', {{headers: {{authorization: '{BASIC}'}}}});
console.log(answer.status);""",
    "https": f"""
import https from 'node:https';
https.get('{ADDRESS}', {{headers: {{authorization: '{BASIC}'}}}}, (answer) => {{
  console.log(answer.statusCode); answer.resume();
}});""",
    "http2": f"""
import http2 from 'node:http2';
const client = http2.connect('https://api.bitbucket.org');
const asked = client.request({{':path': '/1.0/groups/acme', authorization: '{BASIC}'}});
asked.on('response', (headers) => {{ console.log(headers[':status']); asked.resume(); client.close(); }});""",
}
JAVA = f"""
import java.net.*;
import java.net.http.*;
public class Ask {{
  public static void main(String[] arguments) throws Exception {{
    HttpURLConnection old = (HttpURLConnection) new URL("{ADDRESS}").openConnection();
    old.setRequestProperty("Authorization", "{BASIC}");
    HttpRequest asked = HttpRequest.newBuilder(URI.create("{ADDRESS}")).header("Authorization", "{BASIC}").build();
    int today = HttpClient.newHttpClient().send(asked, HttpResponse.BodyHandlers.ofString()).statusCode();
    System.out.println(old.getResponseCode() + " " + today);
  }}
}}"""
GO = f"""
package main
import ("fmt"; "net/http")
func main() {{
  asked, _ := http.NewRequest("GET", "{ADDRESS}", nil)
  asked.Header.Set("Authorization", "{BASIC}")
  answer, problem := http.DefaultClient.Do(asked)
  if problem != nil {{ panic(problem) }}
  fmt.Println(answer.StatusCode)
}}"""
PHP = f"""<?php
$asked = curl_init("{ADDRESS}");
curl_setopt_array($asked, [CURLOPT_HTTPHEADER => ["Authorization: {BASIC}"], CURLOPT_RETURNTRANSFER => true]);
curl_exec($asked);
echo curl_getinfo($asked, CURLINFO_HTTP_CODE);"""


@contextmanager
def asking(
    folder: Path, *command: object, server: str = "", options: tuple[str, ...] = (), **variables: str
) -> Iterator["subprocess.Popen[str]"]:
    """Start a command through `onebucket run` in `folder`."""
    chosen = ("--server", server) if server else ()
    with subprocess.Popen(
        [*live.COMMAND, "run", *chosen, *options, "--", *map(str, command)],
        cwd=folder,
        env=live.environment(ca=str(folder / "ca")) | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process


def run(
    folder: Path, *command: object, server: str = "", options: tuple[str, ...] = (), **variables: str
) -> "subprocess.CompletedProcess[str]":
    with asking(folder, *command, server=server, options=options, **variables) as process:
        out, errors = process.communicate(timeout=120)
    return subprocess.CompletedProcess(command, process.returncode, out, errors)


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"needs {program}")


def _has_php_curl() -> bool:
    if shutil.which("php") is None:
        return False
    return "curl" in subprocess.run(["php", "-m"], capture_output=True, text=True, check=True).stdout.split()


@needs("curl")
@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_curl(served: Live, tmp_path: Path, version: str) -> None:
    done = run(
        tmp_path, "curl", "-sS", version, "-H", f"Authorization: {BASIC}", "-w", "%{http_code} %{http_version}",
        "-o", "answer", ADDRESS, server=served.base,
    )  # fmt: skip

    assert (done.stdout, done.stderr, done.returncode) == (f"200 {version.removeprefix('--http')}", "", 0)
    assert json.loads((tmp_path / "answer").read_text())[0]["slug"] == "administrators"


@pytest.mark.parametrize("library", PYTHON)
def test_python(served: Live, tmp_path: Path, library: str) -> None:
    done = run(tmp_path, sys.executable, "-c", PYTHON[library], server=served.base)

    assert (done.stdout, done.stderr, done.returncode) == ("200\n", "", 0)


@needs("node")
@pytest.mark.parametrize("library", NODE)
def test_node(served: Live, tmp_path: Path, library: str) -> None:
    (tmp_path / "ask.mjs").write_text(NODE[library])

    done = run(tmp_path, "node", "ask.mjs", server=served.base)

    assert (done.stdout, done.stderr, done.returncode) == ("200\n", "", 0)


@needs("java")
def test_java(served: Live, tmp_path: Path) -> None:
    (tmp_path / "Ask.java").write_text(JAVA)

    done = run(tmp_path, "java", "Ask.java", server=served.base)

    assert (done.stdout, done.returncode) == ("200 200\n", 0), done.stderr


@needs("go")
def test_go(served: Live, tmp_path: Path) -> None:
    (tmp_path / "ask.go").write_text(GO)

    done = run(tmp_path, "go", "run", "ask.go", server=served.base, GOFLAGS="-mod=mod")

    assert (done.stdout, done.returncode) == ("200\n", 0), done.stderr


@needs("php")
def test_php(served: Live, tmp_path: Path) -> None:
    if not _has_php_curl():
        pytest.skip("needs php-curl")
    (tmp_path / "ask.php").write_text(PHP)

    done = run(tmp_path, "php", "ask.php", server=served.base)

    assert (done.stdout, done.returncode) == ("200", 0), done.stderr


@needs("git")
def test_git_is_told_in_a_sentence_that_repositories_are_not_here(served: Live, tmp_path: Path) -> None:
    done = run(tmp_path, "git", "ls-remote", "https://bitbucket.org/acme/rocket.git", server=served.base)

    assert (done.returncode, "502" in done.stderr) == (128, True), done.stderr


def test_without_a_network_every_client_reaches_the_demo(tmp_path: Path) -> None:
    """In a network namespace that has loopback alone: whatever asked the real hosts would fail."""
    isolated = ["unshare", "--net", "--map-root-user"]
    if shutil.which("ip") is None or subprocess.run([*isolated, "true"], check=False, capture_output=True).returncode:
        pytest.skip("needs ip, and the right to make a network namespace")
    sources = {"Ask.java": JAVA, "ask.go": GO, "ask.php": PHP}
    sources |= {f"{library}.mjs": source for library, source in NODE.items()}
    sources |= {f"ask_{library}.py": source for library, source in PYTHON.items()}
    for name, source in sources.items():
        (tmp_path / name).write_text(source.replace(BASIC, cast.basic("alice", "wonderland")))
    curl = f"curl -sS -u alice:wonderland -o answer -w '%{{http_code}}\\n' {ADDRESS}"
    lines = {
        "curl": [f"{curl} --http1.1", f"{curl} --http2"],
        sys.executable: [f"{shlex.quote(sys.executable)} ask_{library}.py" for library in PYTHON],
        "node": [f"node {library}.mjs" for library in NODE],
        "java": ["java Ask.java"],
        "go": ["go run ask.go"],
        "php": ["php ask.php"],
        "git": ["git ls-remote https://bitbucket.org/acme/rocket.git 2>&1 | grep -o 502"],
    }
    if not _has_php_curl():
        del lines["php"]
    script = [line for program, some in lines.items() if shutil.which(program) for line in some]

    done = subprocess.run(
        [*isolated, "sh", "-c", 'ip link set lo up && exec "$@"', "sh",
         *live.COMMAND, "run", "--demo", "--", "sh", "-ec", "\n".join(f"{line}; echo" for line in script)],
        cwd=tmp_path, env=live.environment(ca=str(tmp_path / "ca")) | {"GOFLAGS": "-mod=mod"}, capture_output=True,
        text=True, check=False, timeout=240,
    )  # fmt: skip

    said = [line for line in done.stdout.split("\n") if line]
    expected = {"java": "200 200", "git": "502"}
    assert said == [expected.get(line.split()[0], "200") for line in script], done.stderr
    assert {group["slug"] for group in json.loads((tmp_path / "answer").read_text())} >= {"administrators", "designers"}


@needs("curl")
def test_a_change_and_a_body_of_a_megabyte_arrive(served: Live, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"name=" + b"x" * 1_000_000)
    ask = ["curl", "-sS", "-H", f"Authorization: {BASIC}", "-w", "%{http_code}", "-o", os.devnull]

    made = run(tmp_path, *ask, "-d", "name=Night", ADDRESS + "/", server=served.base)
    gone = run(tmp_path, *ask, "-X", "DELETE", ADDRESS + "/night", server=served.base)
    refused = run(tmp_path, *ask, "--data-binary", "@large", ADDRESS, server=served.base)

    assert (made.stdout, gone.stdout, refused.stdout) == ("200", "204", "400")


@needs("curl")
def test_what_is_not_served_here_answers_502_and_a_sentence(served: Live, tmp_path: Path) -> None:
    done = run(tmp_path, "curl", "-sS", "https://bitbucket.org/acme/rocket/src?at=1", server=served.base)

    message = json.loads(done.stdout)["error"]["message"]
    assert message == (
        "onebucket run: bitbucket.org/acme/rocket/src is not served here; `--others pass` asks the real bitbucket.org"
    )


class _Echo(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.headers["Host"].encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def other(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """Another HTTPS server on localhost: its port, and the certificate to trust."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "other.pem")
    with ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port, tmp_path / "other.pem"
        server.shutdown()


@needs("curl")
def test_other_hosts_are_tunnelled_untouched(served: Live, tmp_path: Path, other: tuple[int, Path]) -> None:
    port, trusted = other

    done = run(tmp_path, "curl", "-sS", f"https://localhost:{port}/", server=served.base, CURL_CA_BUNDLE=str(trusted))

    assert done.stdout == f"localhost:{port}"


@needs("curl")
def test_other_hosts_are_reached_through_the_callers_own_proxy(
    served: Live, tmp_path: Path, other: tuple[int, Path]
) -> None:
    port, trusted = other
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        asked: list[bytes] = []

        def refuse() -> None:
            connection, _ = proxy.accept()
            with connection:
                asked.append(connection.recv(1000))
                connection.sendall(b"HTTP/1.1 403 Not today\r\n\r\n")

        threading.Thread(target=refuse, daemon=True).start()
        done = run(
            tmp_path, "curl", "-sS", f"https://localhost:{port}/", server=served.base,
            CURL_CA_BUNDLE=str(trusted), HTTPS_PROXY=f"http://127.0.0.1:{proxy.getsockname()[1]}",
        )  # fmt: skip

    assert asked[0].startswith(f"CONNECT localhost:{port} HTTP/1.1\r\n".encode())
    assert (done.returncode, done.stdout) == (56, "")


@pytest.mark.parametrize(
    ("command", "status"), [(["true"], 0), (["sh", "-c", "exit 7"], 7), (["sh", "-c", "kill -9 $$"], 137)]
)
def test_the_exit_status_is_the_commands(served: Live, tmp_path: Path, command: list[str], status: int) -> None:
    assert run(tmp_path, *command, server=served.base).returncode == status


def test_a_command_that_is_not_there_or_not_executable_is_named(served: Live, tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("not a program")

    missing = run(tmp_path, "no-such-command", server=served.base)
    text = run(tmp_path, tmp_path / "notes", server=served.base)

    assert (missing.returncode, missing.stderr) == (127, "onebucket: there is no command no-such-command\n")
    assert (text.returncode, text.stderr) == (126, f"onebucket: {tmp_path}/notes can't be executed\n")


@needs("curl")
def test_a_command_that_ignores_the_proxy_is_told_of(served: Live, tmp_path: Path) -> None:
    done = run(tmp_path, "true", server=served.base)

    assert done.stderr.startswith("onebucket: the command never asked the proxy for api.bitbucket.org or bitbucket.org")


@needs("curl")
def test_a_command_that_trusts_only_certificates_of_its_own_is_told_of(
    served: Live, tmp_path: Path, other: tuple[int, Path]
) -> None:
    done = run(tmp_path, "curl", "-s", "--cacert", other[1], ADDRESS, server=served.base)

    assert (done.returncode, "it trusts its own certificates only" in done.stderr) == (60, True), done.stderr


def test_a_signal_reaches_the_command(served: Live, tmp_path: Path) -> None:
    waiting = "trap 'echo ended; exit 3' TERM; echo ready; while :; do sleep 0.1; done"

    with asking(tmp_path, "sh", "-c", waiting, server=served.base) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)

    assert (out, process.returncode) == ("ended\n", 3)


def test_two_run_side_by_side(served: Live, tmp_path: Path) -> None:
    command = (sys.executable, "-c", PYTHON["urllib"])
    with (
        asking(tmp_path, *command, server=served.base) as one,
        asking(tmp_path, *command, server=served.base) as other_one,
    ):
        answers = [each.communicate(timeout=120) for each in (one, other_one)]

    assert answers == [("200\n", "")] * 2


def test_a_server_that_is_not_there_is_named_before_the_command_starts(tmp_path: Path) -> None:
    port = live.free_port()

    done = run(tmp_path, "touch", "started", server=f"http://127.0.0.1:{port}")

    assert done.returncode == 1
    assert done.stderr.startswith(f"onebucket: no onebucket answers at http://127.0.0.1:{port}: Connection refused.")
    assert not (tmp_path / "started").exists()


def test_a_server_that_stops_meanwhile_answers_502_and_a_sentence(cast_template: Path, tmp_path: Path) -> None:
    script = f"""
import os, sys, time, urllib.request, urllib.error
asked = urllib.request.Request("{ADDRESS}", headers={{"Authorization": "{BASIC}"}})
print(urllib.request.urlopen(asked).status, flush=True)
while not os.path.exists("stopped"):
    time.sleep(0.05)
try:
    urllib.request.urlopen(asked)
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())"""
    folder = tmp_path / "server"
    folder.mkdir()
    with live.with_the_cast(cast_template, folder) as running:
        url = running.base
        with asking(tmp_path, sys.executable, "-c", script, server=url) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "200\n"
            running.stop()
            (tmp_path / "stopped").touch()
            out, _ = process.communicate(timeout=120)

    assert out.startswith(f'502 {{"type": "error", "error": {{"message": "onebucket run: {url} doesn\'t answer: ')


def test_a_signature_of_oauth_1_covers_bitbuckets_name(served: Live, tmp_path: Path) -> None:
    made = served.run("consumer", "add", "alice", "--label", "Signer", "--scope", "account", "--json")
    consumer = json.loads(made.stdout)
    script = f"""
from requests_oauthlib import OAuth1Session
session = OAuth1Session({consumer["key"]!r}, {consumer["secret"]!r})
for address in ("https://api.bitbucket.org/1.0/groups", "https://bitbucket.org/api/1.0/groups"):
    print(session.get(address).status_code)"""

    done = run(tmp_path, sys.executable, "-W", "ignore", "-c", script, server=served.base)
    served.run("consumer", "revoke", consumer["key"])

    assert (done.stdout, done.returncode) == ("200\n200\n", 0), done.stderr


def test_nothing_is_left_behind(served: Live, tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()

    run(tmp_path, "true", server=served.base, TMPDIR=str(tmp_path / "tmp"))

    assert list((tmp_path / "tmp").iterdir()) == []


@needs("curl")
@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_a_server_answers_as_bitbucket(cast_template: Path, tmp_path: Path, version: str) -> None:
    shutil.copyfile(cast_template, tmp_path / "onebucket.db")
    port = live.free_port()
    command = [*live.COMMAND, "serve", "--as-bitbucket", "--port", str(port), "--data", str(tmp_path)]
    variables = live.environment(ca=str(tmp_path / "ca"), database=f"sqlite:///{tmp_path}/onebucket.db")
    with subprocess.Popen(command, env=variables, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        lines = [server.stdout.readline()]
        while "answers at" not in lines[-1]:
            lines.append(server.stdout.readline())
        ask = [
            "curl", "-sS", version, "--cacert", tmp_path / "ca" / "ca.pem", "-H", f"Authorization: {BASIC}",
            "--connect-to", f"::127.0.0.1:{port}", "-o", os.devnull, "-w", "%{http_code} %{http_version}",
        ]  # fmt: skip
        answers = [
            subprocess.run([*ask, address], capture_output=True, text=True, check=False).stdout
            for address in (ADDRESS, "https://bitbucket.org/api/1.0/groups/acme", "https://example.com/1.0/groups/acme")
        ]
        server.terminate()
        server.communicate(timeout=60)

    number = version.removeprefix("--http")
    assert answers == [f"200 {number}", f"200 {number}", "000 0"]
    assert lines[0] == "Answers as api.bitbucket.org and bitbucket.org, with a new certificate every 20 days\n"
    assert lines[1].startswith(f"Tools must trust {tmp_path}/ca/ca.pem; ")


def test_a_certificate_of_ones_own_and_as_bitbucket_exclude_each_other(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).touch()

    done = live.run("serve", "--as-bitbucket", "--tls-cert", "a", "--tls-key", "b", folder=tmp_path)

    assert (done.returncode, "makes its own certificate" in done.stderr) == (1, True)
