"""What the bench measures has its place in the documentation, and goes there and nowhere else."""

import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from bench import __main__ as command
from bench import figures, model, plot, privileges, report, running, sizes
from bench.relay import relaying
from bench.running import Measured

import cast
from checkout import TOP
from onebucket.actions import accounts
from onebucket.store.engine.database import Database
from onebucket.store.tables import metadata


def test_every_table_has_its_place_and_every_place_its_table() -> None:
    begun = {
        name for path in (TOP / "bench").glob("*.py") for name in re.findall(r'begin\("([^"]+)"', path.read_text())
    }
    places = [name for page in (TOP / "docs").glob("*.md")
              for name in re.findall(r"<!-- measured: (.+) -->", page.read_text())]  # fmt: skip

    assert sorted(places) == sorted(begun | {*command.PARTS})


def test_the_databases_of_sizes_can_be_filled(db: Database) -> None:
    with db.writing() as tx:
        sizes.fill(tx, 30)
        privileges._fill(tx, 1, privileges.Size("small", groups=4, members=2, repositories=3, privileges=2))

        # Two teams, and their people.
        assert len(accounts.list_owners(cast.operator(tx))) == 2 + 30 + 4


@pytest.fixture
def nothing_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "_parts", [])
    monkeypatch.setattr(report, "drawn", report.Drawn())
    monkeypatch.setattr(plot, "drawn", report.drawn)


@pytest.mark.usefixtures("nothing_measured")
def test_a_table_is_put_between_its_marks_and_the_rest_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- measured: one -->\nold\n<!-- end -->\n<!-- measured: two -->\n<!-- end -->\nafter\n")
    report.begin("two")
    report.row("a job", "12/s")
    report.note("And this.")

    report.write(tmp_path)

    before, _, after = page.read_text().partition("<!-- measured: two -->\n")
    assert before == "before\n<!-- measured: one -->\nold\n<!-- end -->\n"
    assert after.endswith("\n| a job | 12/s |  |\n\nAnd this.\n<!-- end -->\nafter\n")


@pytest.mark.usefixtures("nothing_measured")
def test_the_plot_shows_what_was_measured() -> None:
    report.drawn.bars["Read"] = {"onebucket": 0.5, "Kinto": 0.03}
    report.drawn.lines["`GET`"] = [(100, 0.5), (1000, 0.6)]

    picture = plot.svg()

    assert all(f">{word}</text>" in picture for word in ("Read", "onebucket", "Kinto", "0.03", "GET", "1,000"))


def test_ten_million_people_have_every_table_that_keeps_something_for_long() -> None:
    weighed = {rows.table for rows in model.ALL}

    assert {*metadata.tables} - weighed == {"site", "nonces", "oauth_requests", "wrong_codes", "used_challenges"}


def test_a_ratio_is_the_median_of_those_within_a_round() -> None:
    measured = Measured({"ours": [10, 30, 20], "other": [10, 10, 40]})

    assert measured.ratio("ours", "other") == 1


def test_what_could_not_be_measured_is_not_shown_as_taking_no_time() -> None:
    assert figures.took(None) == "not measured: its files aren't here"
    assert figures.took(0.04) == "0.0 s"


@pytest.mark.subprocess
def test_it_starts_from_the_checkout_as_it_is_run() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--help"], cwd=TOP, capture_output=True, text=True, check=False
    )

    assert (done.returncode, "./dev bench" in done.stdout) == (0, True), done.stderr


def test_a_relay_forwards_in_order_and_counts_the_round_trips(tmp_path: Path) -> None:
    path, at = str(tmp_path / "server"), running.port()

    def answer(listening: socket.socket) -> None:
        with listening.accept()[0] as connection:
            while part := connection.recv(100):
                connection.sendall(part)

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        server = threading.Thread(target=answer, args=(listening,))
        server.start()
        with relaying(path, 0.001, at) as relay, socket.create_connection(("127.0.0.1", at)) as client:
            for word in (b"one", b"two", b"three"):
                client.sendall(word)
                assert client.recv(100) == word
            assert relay.round_trips == 3
            client.close()
            server.join()
