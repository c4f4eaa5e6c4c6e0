"""A real nginx in front of `git http-backend`, configured as in `docs/enforce.md`, with a real onebucket."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

import cast
from checkout import TOP
from live import Live, free_port
from onebucket import hashing
from onebucket.actions import groups, privileges, repositories, tokens
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.privileges import Level

PAGE = TOP / "docs" / "enforce.md"
ROCKET = "/acme/rocket.git"
READING = f"{ROCKET}/info/refs?service=git-upload-pack"
WRITING = f"{ROCKET}/info/refs?service=git-receive-pack"


def set_stage(work: UnitOfWork) -> None:
    """Create the data for the gateway's tests.

    - acme/rocket and acme/dots.and-dashes: bob reads (designers), dora writes (pushers), alice administers.
    - acme/handbook is public; globex/vault is gina's; alice has alice/notes; mallory has nothing.
    - dora has app passwords that are named after their only scope.
    """
    # Replace the cast's repositories by ones with a real git repository.
    for slug in ("rocket", "website"):
        repositories.delete(work, "acme", slug)
    groups.create(work, "acme", name="Pushers")
    groups.add_member(work, "acme", "pushers", "dora")
    for slug in ("rocket", "dots.and-dashes"):
        repositories.add(work, "acme", slug)
        privileges.set_for_group(work, "acme", slug, "designers", Level.READ)
        privileges.set_for_group(work, "acme", slug, "pushers", Level.WRITE)
    repositories.add(work, "acme", "handbook", is_private=False)
    for slug in ("rocket", "dots.and-dashes", "handbook"):
        privileges.set_for_group(work, "acme", slug, "developers", Level.NONE)
    repositories.add(work, "globex", "vault")
    repositories.add(work, "alice", "notes")
    newer = (f"{verb}:repository:bitbucket" for verb in ("read", "write", "admin"))
    classic = ("repository", "repository:write", "repository:delete", "repository:admin", "account:write", "team:write")
    for scopes in (*classic, *newer):
        hash = hashing.secret_hash(cast.token("dora", scopes))
        tokens.add(work, "dora", secret_hash=hash, scopes=frozenset({scopes}), label=scopes)


# Debian installs nginx and fcgiwrap in folders that are only on root's PATH.
_PATHS = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
NGINX, FCGIWRAP, GIT = (shutil.which(name, path=_PATHS) or "" for name in ("nginx", "fcgiwrap", "git"))
BACKEND = Path(subprocess.check_output([GIT, "--exec-path"], text=True).strip() if GIT else "") / "git-http-backend"

# Servers must not run as root; other users can't change their user id.
NOBODY: dict[str, Any] = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}

_AROUND = """
daemon off;
master_process off;
pid nginx.pid;
error_log nginx.log;
events {{ }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    {servers}
}}
"""


def can_be_had() -> bool:
    """True if all the programs it needs are installed."""
    return bool(NGINX and FCGIWRAP and GIT and BACKEND.exists())


class Gateway:
    """nginx as in `docs/enforce.md`, with fcgiwrap and repositories behind it, authorizing with the server `live`.

    Ports: `port` is the gateway; `unguarded` has no auth_request; `below` has the prefix `/git`; `deserted` has no
    onebucket to ask.
    """

    def __init__(self, live: Live, home: Path) -> None:
        self.live = live
        self.home = home
        self.folder = Path(tempfile.mkdtemp(prefix="onebucket-enforce-"))
        if NOBODY:
            os.chown(self.folder, NOBODY["user"], NOBODY["group"])
        self._processes: list[subprocess.Popen[bytes]] = []
        self.fastcgi = f"unix:{self.folder}/fcgiwrap.socket"

    def start(self) -> None:
        """Create the repositories, start fcgiwrap and nginx, and wait until both answer."""
        self.heads = {name: self._make(name) for name in ("acme/rocket", "acme/handbook", "globex/vault")}
        self._spawn(FCGIWRAP, "-s", self.fastcgi)
        for _ in range(3):
            self.port, self.unguarded, self.below, self.deserted = (free_port() for _ in range(4))
            (self.folder / "nginx.conf").write_text(_AROUND.format(servers="\n".join(self.servers())))
            nginx = self._spawn(NGINX, "-p", f"{self.folder}/", "-c", f"{self.folder}/nginx.conf", "-e", "nginx.log")
            if self._answers(nginx):
                return
        raise AssertionError(f"nginx does not answer; it said:\n{(self.folder / 'nginx.log').read_text()}")

    def _answers(self, nginx: "subprocess.Popen[bytes]") -> bool:
        deadline = time.monotonic() + 10
        # nginx exits if another process has taken one of the ports.
        while nginx.poll() is None and time.monotonic() < deadline:
            try:
                return httpx.get(f"http://127.0.0.1:{self.port}{READING}").status_code == 401
            except httpx.TransportError:
                time.sleep(0.01)
        return False

    def servers(self) -> Iterator[str]:
        """Yield the configurations of the documentation, adapted to this machine."""
        whole, prefixed = re.findall(r"```nginx\n(.*?)```", PAGE.read_text(), re.DOTALL)
        whole = re.sub(r" +ssl_certificate(_key)? .*\n", "", whole)
        for said, meant in (
            ("unix:/run/fcgiwrap.socket", self.fastcgi),
            ("/usr/lib/git-core/git-http-backend", str(BACKEND)),
            ("/srv/git", f"{self.folder}/git"),
            ("http://127.0.0.1:8080", self.live.base),
        ):
            assert said in whole
            whole = whole.replace(said, meant)

        def at(port: int) -> str:
            assert "listen 443 ssl;" in whole
            return whole.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")

        yield at(self.port)
        unguarded = re.sub(r" +auth_request.*\n", "", at(self.unguarded))
        yield (
            unguarded.replace("$onebucket_user", "whoever")
            .replace("$onebucket_status", "$status")
            .replace("$onebucket_wait", "")
        )
        yield at(self.deserted).replace(self.live.base, f"http://127.0.0.1:{free_port()}")
        location, path, address = re.findall(r"location ~ .*|fastcgi_param PATH_INFO.*|proxy_pass .*", prefixed)
        below = at(self.below).replace("location / {", location)
        below = re.sub(r"fastcgi_param PATH_INFO .*", path, below)
        yield re.sub(r"proxy_pass http.*", address.replace("http://127.0.0.1:8080", self.live.base), below)

    def _make(self, name: str) -> str:
        """Create a repository with one commit on the branch `NAME-branch`; return the commit's id."""
        bare, work = self.folder / "git" / f"{name}.git", self.folder / "work" / name
        branch = f"{name.rpartition('/')[2]}-branch"
        self._git_there("init", "--bare", "--quiet", f"--initial-branch={branch}", str(bare))
        self._git_there("init", "--quiet", f"--initial-branch={branch}", str(work))
        self._git_there("-C", str(work), "commit", "--quiet", "--allow-empty", "-m", f"The first of {name}")
        self._git_there("-C", str(work), "push", "--quiet", str(bare), branch)
        hook = bare / "hooks" / "post-receive"
        hook.write_text('#!/bin/sh\nenv >"$PWD/environment"\n')
        hook.chmod(0o755)
        if NOBODY:
            os.chown(hook, NOBODY["user"], NOBODY["group"])
        return self._git_there("-C", str(bare), "rev-parse", branch)

    def _git_there(self, *arguments: str) -> str:
        settings = self._settings(self.folder)
        told = subprocess.check_output([GIT, *arguments], env=settings, cwd=self.folder, timeout=30, **NOBODY)
        return str(told, "ascii").strip()

    def _spawn(self, *command: str) -> "subprocess.Popen[bytes]":
        null = subprocess.DEVNULL
        process = subprocess.Popen(
            command, cwd=self.folder, env={"PATH": _PATHS}, stdin=null, stdout=null, stderr=null, **NOBODY
        )
        self._processes.append(process)
        return process

    @staticmethod
    def _settings(home: Path) -> dict[str, str]:
        """Return an environment without any user's git configuration."""
        named = {f"GIT_{who}_{what}": "t@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        own = {"HOME": str(home), "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "PATH": _PATHS}
        return named | own | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}

    def git(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run git as a user does."""
        return subprocess.run([GIT, *arguments], cwd=self.home, env=self._settings(self.home) | environment,
                              capture_output=True, text=True, check=False, timeout=60)  # fmt: skip

    def url(self, who: str = "", name: str = "acme/rocket", secret: str = "", port: int = 0) -> str:
        """Return the URL of a repository with a user's credentials."""
        credentials = f"{who}:{secret or cast.token(who)}@" if who else ""
        return f"http://{credentials}127.0.0.1:{port or self.port}/{name}.git"

    def clone(self, who: str, name: str = "acme/rocket", **how: Any) -> Path:
        """Clone a repository as `who` into a fresh folder."""
        folder = Path(tempfile.mkdtemp(dir=self.home)) / "clone"
        done = self.git("clone", "--quiet", self.url(who, name, **how), str(folder))
        assert done.returncode == 0, done.stderr
        return folder

    def head(self, name: str) -> str:
        """Return the commit that a repository's branch points to on disk."""
        bare = self.folder / "git" / f"{name}.git"
        return self._git_there("-C", str(bare), "rev-parse", f"{name.rpartition('/')[2]}-branch")

    def send(self, line: str, *headers: str, who: str | None = "bob", port: int = 0) -> bytes:
        """Send a request with exactly this first line; return the whole response."""
        named = [*headers] + ([f"Authorization: {basic(who)}"] if who else [])
        request = "\r\n".join([line, "Host: git.example.com", "Connection: close", *named, "", ""])
        with socket.create_connection(("127.0.0.1", port or self.port), timeout=30) as connection:
            connection.sendall(request.encode("latin-1"))
            return b"".join(iter(lambda: connection.recv(1 << 16), b""))

    def stop(self) -> None:
        """Stop all processes and remove the folder."""
        for process in self._processes:
            process.terminate()
            process.wait(10)
        shutil.rmtree(self.folder)


def basic(who: str) -> str:
    """Return the Authorization header of a member of the cast."""
    return "Basic " + b64encode(f"{who}:{cast.token(who)}".encode()).decode()
