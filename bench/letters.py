"""What a hanging mail server costs other users: p99 of a change."""

import http.client
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import running
from bench.report import row
from bench.running import ALICE, QUICK, ROUNDS, SECRET, Missing
from onebucket import hashing
from onebucket.actions import accounts, groups, teams, tokens
from onebucket.cli import common
from onebucket.store import schema
from onebucket.store.connect import connect

CHANGES = 500 if QUICK else 1500
LETTERS = 100 if QUICK else 400


@contextmanager
def hanging() -> Iterator[int]:
    """Run a mail server that accepts connections and never replies; yield its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield int(listening.getsockname()[1])


@contextmanager
def greedy() -> Iterator[int]:
    """Run a mail server that accepts every mail as fast as it can; yield its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:

        def answer() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection, connection.makefile("rb") as said:
                    connection.sendall(b"220 here\r\n")
                    in_letter = False
                    for line in said:
                        if in_letter and line != b".\r\n":
                            continue
                        in_letter = line == b"DATA\r\n"
                        connection.sendall(b"354 go on\r\n" if in_letter else b"250 good\r\n")

        threading.Thread(target=answer, daemon=True).start()
        yield int(listening.getsockname()[1])
        listening.shutdown(socket.SHUT_RDWR)


def make(folder: Path) -> str:
    """Create a database with a team and a person to add to its group; return its path."""
    path = folder / "letters.db"
    opened = connect(f"sqlite:///{path}")
    schema.bring_up_to_date(opened)
    with opened.writing() as tx:
        work = common.work(tx)
        accounts.add_user(work, "alice", email="alice@example.com")
        tokens.add(work, "alice", secret_hash=hashing.secret_hash(SECRET), scopes=frozenset({"account:write"}))
        accounts.add_user(work, "newcomer", email="newcomer@example.com")
        teams.add(work, "acme", administrator="alice")
        groups.create(work, "acme", name="Ten")
    opened.close()
    return str(path)


def changes(at: int) -> list[float]:
    """Send many changes one after the other on one connection; return the milliseconds of each."""
    connection = http.client.HTTPConnection("127.0.0.1", at, timeout=60)
    taken = []
    for number in range(CHANGES):
        begun = time.perf_counter()
        connection.request(("PUT", "DELETE")[number % 2], "/1.0/groups/acme/ten/members/newcomer", headers=ALICE)
        answer = connection.getresponse()
        answer.read()
        if answer.status >= 300:
            raise Missing(f"a change was answered {answer.status}")
        taken.append((time.perf_counter() - begun) * 1000)
    connection.close()
    return taken


def slowest(taken: list[float]) -> float:
    """Return the 99th percentile."""
    return statistics.quantiles(taken, n=100)[98]


def one(path: str, folder: Path, smtp: int | None) -> tuple[float, float]:
    """Return p99 of changes and mails per second, with mails queued for the mail server at `smtp`, or none queued."""
    letters = connect(f"sqlite:///{path}")
    with letters.writing() as tx:
        tx.connection.execute("DELETE FROM letters")
        tx.connection.execute("DELETE FROM invitation_groups")
        tx.connection.execute("DELETE FROM invitations")
    letters.close()
    settings = {"ONEBUCKET_DATA": str(folder), "ONEBUCKET_LOG_LEVEL": "error"}
    if smtp is not None:
        settings["ONEBUCKET_SMTP_URL"] = f"smtp://127.0.0.1:{smtp}"
        document = folder / "letters.yaml"
        document.write_text(
            "onebucket: 1\nteams:\n- username: acme\n  invitations:\n"
            + "".join(f"  - {{email: p{n}@example.net, groups: [ten], invited_by: alice}}\n" for n in range(LETTERS))
        )
        command = [sys.executable, "-m", "onebucket", "apply", str(document), "--send-letters", "--yes"]
        subprocess.run(
            [*command, "--database", f"sqlite:///{path}"], check=True, capture_output=True, env=os.environ | settings
        )
    at = running.port()
    before = dict(os.environ)
    os.environ.update(settings)
    try:
        with running.started("onebucket", "serve", "--port", str(at), "--database", f"sqlite:///{path}", at=at):
            time.sleep(1)
            begun = time.perf_counter()
            taken = changes(at)
            seconds = time.perf_counter() - begun
            opened = connect(f"sqlite:///{path}")
            with opened.reading() as tx:
                sent = tx.connection.execute("SELECT count(*) FROM letters WHERE sent_at IS NOT NULL").fetchone()[0]
            opened.close()
    finally:
        for name in settings:
            os.environ.pop(name)
        os.environ.update(before)
    return slowest(taken), sent / (seconds + 1)


def measure(folder: Path) -> None:
    """Compare changes without mails, with a hanging mail server, and with one that accepts mails, in turn."""
    path = make(folder)
    alone, beside, busy = [], [], []
    with hanging() as silent, greedy() as eager:
        for _ in range(ROUNDS):
            alone.append(one(path, folder, None)[0])
            beside.append(one(path, folder, silent)[0])
            busy.append(one(path, folder, eager))
    before, after = statistics.median(alone), statistics.median(beside)
    row(f"p99 of a change: {before:.1f} ms, while a mail server hangs {after:.1f} ms", f"{after / before:.2f}", "≤ 2")
    during = statistics.median(each for each, _ in busy)
    row(f"p99 of a change while {LETTERS} letters are sent: {during:.1f} ms", f"{during / before:.2f}", "")


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory(prefix="onebucket-bench-") as made:
        measure(Path(made))
