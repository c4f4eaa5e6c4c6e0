"""In front of git: a real nginx lets through what onebucket allows, from one request to the next."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import cast
import gateway as gateways
from gateway import READING, ROCKET, WRITING, Gateway
from live import Live

pytestmark = pytest.mark.subprocess

if not gateways.can_be_had():
    pytest.skip(
        "nginx, fcgiwrap or git is not installed (Debian: apt-get install nginx-light fcgiwrap git)",
        allow_module_level=True,
    )


@pytest.fixture(scope="module")
def gateway(cast_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("live")
    db = cast.copy(cast_template, folder)
    with db.writing() as tx:
        gateways.set_stage(cast.operator(tx))
    db.close()
    with Live(folder, failures_per_address="1000") as live:
        made = Gateway(live, tmp_path_factory.mktemp("home"))
        try:
            made.start()
            yield made
        finally:
            made.stop()


def commit(gateway: Gateway, clone: Path, size: int = 0) -> str:
    """Another commit in a clone, with a file of so many bytes that can't be made smaller; its id."""
    (clone / "file").write_bytes(random.Random(size).randbytes(size))
    gateway.git("-C", str(clone), "add", "file")
    gateway.git("-C", str(clone), "commit", "--quiet", "--allow-empty", "-m", f"Another, {time.monotonic_ns()}")
    return gateway.git("-C", str(clone), "rev-parse", "HEAD").stdout.strip()


def test_a_reader_clones_and_fetches_what_a_writer_pushes(gateway: Gateway) -> None:
    readers, writers = gateway.clone("bob"), gateway.clone("dora")
    pushed = commit(gateway, writers)

    push = gateway.git("-C", str(writers), "push")
    fetch = gateway.git("-C", str(readers), "pull", "--quiet")

    assert (push.returncode, fetch.returncode) == (0, 0), (push.stderr, fetch.stderr)
    assert gateway.git("-C", str(readers), "rev-parse", "HEAD").stdout.strip() == pushed == gateway.head("acme/rocket")


def test_hooks_learn_who_pushes_and_no_password(gateway: Gateway) -> None:
    clone = gateway.clone("dora")
    pushed = commit(gateway, clone, size=3 << 20)

    push = gateway.git("-C", str(clone), "push")

    environment = (gateway.folder / "git" / "acme" / "rocket.git" / "environment").read_text()
    assert push.returncode == 0, push.stderr
    assert gateway.head("acme/rocket") == pushed
    assert "\nREMOTE_USER=dora\n" in f"\n{environment}"
    assert gateways.basic("dora").split()[1] not in environment


def test_hooks_have_no_proxy_that_the_caller_names(gateway: Gateway) -> None:
    clone = gateway.clone("dora")
    commit(gateway, clone)

    push = gateway.git("-C", str(clone), "-c", "http.extraHeader=Proxy: http://evil.example", "push")

    environment = (gateway.folder / "git" / "acme" / "rocket.git" / "environment").read_text()
    assert push.returncode == 0, push.stderr
    assert "evil.example" not in environment


def test_whoever_has_guessed_too_often_is_told_so_and_not_of_an_error(gateway: Gateway) -> None:
    wrong = f"Authorization: {cast.basic('guessed', 'wrong')}"

    answers = [gateway.send(f"GET {READING} HTTP/1.1", wrong, who=None) for _ in range(12)]
    lfs = gateway.send(f"POST {ROCKET}/info/lfs/objects/batch HTTP/1.1", "Content-Length: 0")

    assert {int(answer.split()[1]) for answer in answers} == {401, 429}
    assert {b"\r\nRetry-After: " in answer for answer in answers if answer.split()[1] == b"429"} == {True}
    assert lfs.startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize(
    ("who", "name"), [("bob", "acme/rocket"), ("bob", "acme/handbook"), ("mallory", "acme/handbook")]
)
def test_a_readers_push_is_refused(gateway: Gateway, who: str, name: str) -> None:
    clone, before = gateway.clone(who, name), gateway.head(name)
    commit(gateway, clone)

    push = gateway.git("-C", str(clone), "push")

    assert push.returncode != 0
    assert "error: 403" in push.stderr
    assert gateway.head(name) == before


def test_an_app_password_to_read_with_does_not_push(gateway: Gateway) -> None:
    clone = gateway.clone("dora", secret=cast.token("dora", "repository"))
    commit(gateway, clone)

    assert "error: 403" in gateway.git("-C", str(clone), "push").stderr


@pytest.mark.parametrize(
    ("who", "name"), [("mallory", "acme/rocket"), ("bob", "globex/vault"), ("gina", "acme/rocket")]
)
def test_an_outsiders_clone_is_refused(gateway: Gateway, who: str, name: str) -> None:
    done = gateway.git("clone", gateway.url(who, name), "refused")

    assert done.returncode != 0
    assert "error: 403" in done.stderr


@pytest.mark.parametrize("who", ["mallory", "gina", "bob"])
def test_a_public_repository_is_read_by_whoever_signs_in(gateway: Gateway, who: str) -> None:
    assert (gateway.clone(who, "acme/handbook") / ".git").is_dir()

    nobody = gateway.send(f"GET {READING.replace('rocket', 'handbook')} HTTP/1.1", who=None)
    assert nobody.startswith(b"HTTP/1.1 401 ")
    assert b'www-authenticate: basic realm="' in nobody.lower()


@pytest.mark.parametrize(("secret", "works"), [(cast.token("bob"), True), (cast.password("bob"), True),
                                               ("wrong", False)])  # fmt: skip
def test_git_asks_for_what_it_was_not_told(gateway: Gateway, tmp_path: Path, secret: str, works: bool) -> None:
    asked, askpass = tmp_path / "asked", tmp_path / "askpass"
    askpass.write_text(
        f'#!/bin/sh\necho "$1" >>{asked}\ncase $1 in Username*) echo bob ;; *) echo "{secret}" ;; esac\n'
    )
    askpass.chmod(0o755)

    done = gateway.git("ls-remote", gateway.url(), GIT_ASKPASS=str(askpass))

    assert [line.split()[0] for line in asked.read_text().splitlines()] == ["Username", "Password"]
    assert (done.returncode == 0) is works
    assert ("Authentication failed" in done.stderr) is not works


def test_taking_the_privilege_stops_the_very_next_fetch(gateway: Gateway) -> None:
    clone, privilege = gateway.clone("bob"), "/1.0/group-privileges/acme/rocket/acme/designers"
    before = gateway.git("-C", str(clone), "fetch")

    taken = gateway.live("alice", "DELETE", privilege)
    after = gateway.git("-C", str(clone), "fetch")
    given = gateway.live("alice", "PUT", privilege, content="read")
    again = gateway.git("-C", str(clone), "fetch")

    assert (taken.status_code, given.status_code) == (204, 200)
    assert [done.returncode == 0 for done in (before, after, again)] == [True, False, True]
    assert "error: 403" in after.stderr


def test_a_disabled_person_is_out_at_once(gateway: Gateway) -> None:
    clone = gateway.clone("bob")

    gateway.live.run("user", "disable", "bob")
    disabled = gateway.git("-C", str(clone), "fetch")
    gateway.live.run("user", "enable", "bob")
    enabled = gateway.git("-C", str(clone), "fetch")

    assert "Authentication failed" in disabled.stderr
    assert enabled.returncode == 0, enabled.stderr


def test_repositories_below_a_prefix(gateway: Gateway) -> None:
    clone = gateway.clone("dora", "git/acme/rocket", port=gateway.below)
    commit(gateway, clone)

    push = gateway.git("-C", str(clone), "push")
    outside = gateway.send(f"GET {READING} HTTP/1.1", who="dora", port=gateway.below)
    deeper = gateway.send(f"GET /git/git{READING} HTTP/1.1", who="dora", port=gateway.below)

    assert push.returncode == 0, push.stderr
    assert outside.startswith(b"HTTP/1.1 404 ") and deeper.startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize(
    "header",
    [
        f"X-Original-URI: {READING}",
        f"X-Forwarded-Uri: {READING}",
        "X-Original-Method: GET",
        "X-Forwarded-Method: GET",
        "X_Original_URI: /acme/handbook.git/info/refs",
        "X-Onebucket-User: dora",
        "Forwarded: for=192.0.2.1",
        "X-Forwarded-For: 192.0.2.1",
        "If-None-Match: *",
    ],
)
def test_what_callers_say_of_their_request_themselves_does_not_count(gateway: Gateway, header: str) -> None:
    read = gateway.send(f"GET {READING} HTTP/1.1", header)
    write = gateway.send(f"GET {WRITING} HTTP/1.1", header)
    push = gateway.send(f"POST {ROCKET}/git-receive-pack HTTP/1.1", header, "Content-Length: 0")
    elsewhere = gateway.send("GET /globex/vault.git/HEAD HTTP/1.1", header)

    statuses = [int(answer.split()[1]) for answer in (read, write, push, elsewhere)]
    assert statuses == [200, 403, 403, 403]


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (f"GET {READING} HTTP/1.0", 200),
        (f"HEAD {READING} HTTP/1.1", 200),
        (f"GET http://git.example.com{READING} HTTP/1.1", 200),
        ("GET http://git.example.com/acme/rocket.git/../../globex/vault.git/HEAD HTTP/1.1", 403),
        ("GET /acme/rocket.git/../../globex/vault.git/HEAD HTTP/1.1", 403),
        ("GET /acme/rocket.git/%2e%2e/%2e%2e/globex/vault.git/HEAD HTTP/1.1", 403),
        ("GET /acme/rocket.git/..%2f..%2fglobex/vault.git/HEAD HTTP/1.1", 403),
        ("GET /acme%2frocket.git/HEAD HTTP/1.1", 403),
        ("GET //acme/rocket.git/HEAD HTTP/1.1", 403),
        ("GET /acme/rocket.git/HEAD# HTTP/1.1", 403),
        ("GET /acme/rocket.git/HEAD? HTTP/1.1", 403),
        ("GET /acme/rocket.git/HEAD%00 HTTP/1.1", 400),
        (f"PUT {ROCKET}/info/refs HTTP/1.1", 403),
        ("OPTIONS * HTTP/1.1", 400),
        ("GET /.onebucket HTTP/1.1", 404),
        ("GET /x/../.onebucket HTTP/1.1", 404),
        ("GET / HTTP/1.1", 403),
    ],
)
def test_nginx_and_onebucket_read_the_same_address(gateway: Gateway, line: str, status: int) -> None:
    answer = gateway.send(line)

    assert int(answer.split()[1]) == status
    assert b"vault" not in answer


_WAYS_IN = ("", "/acme/rocket.git/../..", "/acme/rocket.git/info/refs/../../../..", "/acme/x/../..", "/x/..", "/.")
_QUERIES = ("service=git-upload-pack", "service=git-receive-pack", "x=1", "")


def _misspelled(choose: random.Random, path: str) -> str:
    """The same path as nginx reads it, or nearly: with more slashes and dots, and characters encoded."""
    path = "".join(choose.choice(("//", "/./", "/x/../")) if part == "/" and choose.random() < 0.1 else part
                   for part in path)  # fmt: skip
    return "".join(f"%{ord(part):02x}" if choose.random() < 0.05 else part for part in path)


def _spellings(seed: int, number: int) -> Iterator[str]:
    """Addresses in which one could see acme/rocket or globex/vault, reading or writing; git's own way is among them."""
    choose = random.Random(seed)
    for _ in range(number):
        repository = choose.choice(("/acme/rocket.git", "/globex/vault.git", "/globex/vault"))
        path = choose.choice(_WAYS_IN) + repository + choose.choice(("/info/refs", "/info/refs", "/HEAD"))
        query = choose.choice("&;").join(choose.choices(_QUERIES, k=choose.randrange(1, 4)))
        rest = choose.choice(("", "?", "#", ";", "%00", "%20")) if choose.random() < 0.2 else f"?{query}"
        yield (path if choose.random() < 0.3 else _misspelled(choose, path)) + rest


def test_no_spelling_leads_to_another_repository_or_level(gateway: Gateway) -> None:
    forbidden = (b"vault-branch", gateway.heads["globex/vault"].encode(), b"git-receive-pack-advertisement")
    reached, let_through = set(), set()
    for address in _spellings(seed=4, number=400):
        without = gateway.send(f"GET {address} HTTP/1.1", port=gateway.unguarded)
        if any(each in without for each in forbidden):
            reached.add(address)
        answer = gateway.send(f"GET {address} HTTP/1.1")
        if answer.split()[1] == b"200":
            let_through.add(address)

        assert [each for each in forbidden if each in answer] == [], address

    # Without the question many lead there; with it nothing is answered but what git itself would ask for.
    assert len(reached) > 100
    assert READING in let_through <= {f"{ROCKET}/HEAD", f"{ROCKET}/info/refs", READING}


def test_nobody_is_let_in_when_onebucket_does_not_answer(gateway: Gateway) -> None:
    done = gateway.git("ls-remote", gateway.url("alice", port=gateway.deserted))

    assert done.returncode != 0
    assert "error: 500" in done.stderr
