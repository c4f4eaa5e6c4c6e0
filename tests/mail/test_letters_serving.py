"""Letters of a real server: where they go, who sees that they don't, and that none is lost when the server is."""

import email
import sqlite3
import stat
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from email.policy import default
from pathlib import Path

import pytest
import yaml

import cast
import live
from commands import Command
from live import Live, wait_until
from onebucket import hashing, settings
from onebucket.actions import groups
from onebucket.cli import keys
from onebucket.cli.common import CommandError
from post_office import LOGIN, PASSWORD, Certificate, PostOffice, parts

EVE = {"email": "eve@example.net", "permission": "write"}


def files(running: Live) -> list[Path]:
    return sorted((running.folder / "letters").glob("*.eml"))


def link(file: Path) -> str:
    text, _ = parts(email.message_from_bytes(file.read_bytes(), policy=default))  # type: ignore[arg-type]
    return next(line for line in text.splitlines() if "/invitations/" in line)


@pytest.mark.subprocess
def test_without_a_mail_server_letters_are_files_whose_links_work(cast_template: Path, tmp_path: Path) -> None:
    with live.with_the_cast(cast_template, tmp_path, metrics_token="figures") as running:
        running("alice", "POST", "/1.0/invitations/acme/rocket", data=EVE)
        wait_until(lambda: files(running))
        wait_until(lambda: running.rows("SELECT 1 FROM letters WHERE sent_at IS NOT NULL"))
        figures = running(None, "GET", "/metrics", headers={"Authorization": "Bearer figures"}).text

        [file] = files(running)
        secret = link(file).rpartition("/")[2]
        hashes = running.rows("SELECT secret_hash FROM invitations WHERE email = 'eve@example.net'")
        everything = "\n".join(path.read_bytes().decode("latin-1") for path in tmp_path.glob("onebucket.db*"))

        assert link(file) == f"{running.base}/invitations/{secret}"
        assert hashes == [(hashing.secret_hash(secret),)]
        assert "onebucket_letters_sent_total 1.0" in figures and "onebucket_letters_waiting 0.0" in figures
        assert "onebucket_letters_undeliverable 0.0" in figures and "onebucket_letters_failing 0.0" in figures
        assert "letter sent" in running.log() and "eve@example.net" in running.log()
        assert secret not in running.log() + running.output() + everything
        assert f"E-mails are written to {tmp_path / 'letters'} (set smtp_url to send them)" in running.output()
        assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600


@pytest.mark.subprocess
def test_a_server_that_starts_sends_the_letters_about_what_ends_tomorrow(cast_template: Path, tmp_path: Path) -> None:
    db = cast.copy(cast_template, tmp_path)
    tomorrow = datetime.combine(datetime.now(UTC).date() + timedelta(days=1), time_of_day(23), UTC)
    with db.writing() as tx:
        groups.add_member(cast.operator(tx), "acme", "designers", "dora", tomorrow)
    db.close()

    with Live(tmp_path) as running:
        wait_until(lambda: len(files(running)) == 2)
        letters = [email.message_from_bytes(file.read_bytes(), policy=default) for file in files(running)]

    assert sorted(letter["To"] for letter in letters) == ["alice@example.com", "dora@example.com"]
    for letter in letters:
        assert "member of the group designers, until 23:00 UTC" in parts(letter)[0]  # type: ignore[arg-type]


@pytest.mark.subprocess
def test_with_a_mail_server_they_are_sent_and_no_secret_is_logged(cast_template: Path, tmp_path: Path) -> None:
    certificate = Certificate(tmp_path)
    with PostOffice(starttls=certificate.context, signed_in=True) as office:
        how = {"smtp_url": office.url(LOGIN), "mail_from": "Acme <git@acme.example>", "log_level": "debug"}
        wrapped = ["env", f"SSL_CERT_FILE={certificate.authority}", *live.COMMAND]
        with live.with_the_cast(cast_template, tmp_path, wrapped=wrapped, **how) as running:
            running("alice", "POST", "/1.0/invitations/acme/rocket", data=EVE)
            wait_until(lambda: office.letters)
            wait_until(lambda: "letter sent" in running.log())
            told = running.output() + running.log()

    assert f"E-mails are sent through localhost:{office.port} as Acme <git@acme.example>" in told
    assert office.letters[0]["From"] == "Acme <git@acme.example>"
    assert office.in_tls == [True]
    secret = next(line for line in parts(office.letters[0])[0].splitlines() if "/invitations/" in line)[-32:]
    assert [each for each in (secret, PASSWORD, LOGIN) if each in told] == []
    assert not (tmp_path / "letters").exists()


@pytest.mark.subprocess
def test_letters_of_a_document_go_out_through_the_server_that_runs(cast_template: Path, tmp_path: Path) -> None:
    document = tmp_path / "more.yaml"
    invited = [{"email": f"{name}@example.net", "groups": ["designers"], "invited_by": "alice"} for name in "xy"]
    document.write_text(yaml.safe_dump({"onebucket": 1, "teams": [{"username": "acme", "invitations": invited}]}))
    with live.with_the_cast(cast_template, tmp_path) as running:
        applied = running.run("apply", document, "--send-letters", "--yes")
        wait_until(lambda: len(files(running)) == 2)

    assert applied.returncode == 0
    assert len({link(file) for file in files(running)}) == 2


@pytest.mark.subprocess
def test_a_server_that_is_killed_before_it_sends_loses_no_letter(cast_template: Path, tmp_path: Path) -> None:
    with live.with_the_cast(cast_template, tmp_path) as running:
        for round in range(3):
            address = {"email": f"eve{round}@example.net", "permission": "write"}
            assert running("alice", "POST", "/1.0/invitations/acme/rocket", data=address).status_code == 200
            running.kill()
            # As if ten minutes had passed for a letter that was taken already.
            with closing(sqlite3.connect(running.database)) as connection:
                connection.execute("UPDATE letters SET due_at = created_at WHERE due_at IS NOT NULL")
                connection.commit()
            running.start()
            wait_until(lambda at_least=round + 1: len(files(running)) >= at_least)
            wait_until(lambda: not running.rows("SELECT 1 FROM letters WHERE due_at IS NOT NULL"))

        assert len(files(running)) == 3
        assert len({link(file) for file in files(running)}) == 3


@pytest.mark.subprocess
def test_a_mail_server_that_hangs_keeps_nobody(cast_template: Path, tmp_path: Path) -> None:
    with PostOffice() as office:
        office.held.set()
        with live.with_the_cast(cast_template, tmp_path, smtp_url=office.url()) as running:
            running("alice", "POST", "/1.0/invitations/acme/rocket", data=EVE)
            wait_until(lambda: office.connections)
            begun = time.monotonic()
            for number in range(20):
                answer = running("alice", "POST", "/1.0/groups/acme", data={"name": f"Quick {number}"})
                assert answer.status_code == 200
            answered = time.monotonic() - begun
            assert running.stop() == 0
            stopped = time.monotonic() - begun - answered

    # A command that the mail server doesn't answer is waited for half a minute.
    assert answered < 10 and stopped < 10


@pytest.mark.subprocess
def test_the_demo_sends_nothing(tmp_path: Path) -> None:
    with PostOffice() as office, Live(tmp_path, "--demo", smtp_url=office.url()) as demo:
        demo(("alice", "wonderland"), "POST", "/1.0/invitations/acme/rocket", data=EVE)
        wait_until(lambda: "letter sent" in demo.log())

        assert "E-mails are written to " in demo.output()
        assert (office.letters, (tmp_path / "letters").exists(), (tmp_path / "secret_key").exists()) == (
            [],
            False,
            False,
        )


# -- doctor and the commands ------------------------------------------------------------------------


def wrong(command: Command) -> dict[str, str]:
    """What `doctor` says is wrong, and how to mend it."""
    return {each["what"]: each["mend"] for each in command("doctor", "--json").json["checks"] if not each["ok"]}


def test_doctor_tells_whether_the_mail_server_takes_letters(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setenv("ONEBUCKET_BASE_URL", "https://git.example")
    with PostOffice() as office:
        monkeypatch.setenv("ONEBUCKET_SMTP_URL", office.url())
        healthy = command("doctor")
        monkeypatch.delenv("ONEBUCKET_BASE_URL")
        unnamed = wrong(command)
    monkeypatch.setenv("ONEBUCKET_SMTP_URL", office.url("user:hush-hush"))
    down = wrong(command)

    assert healthy.code == 0 and f"ok     127.0.0.1:{office.port} accepts e-mails" in healthy.out
    assert office.letters == []
    assert unnamed == {
        "links in e-mails lead to the address that `serve` listens on": ("Set base_url to the address that people use.")
    }
    assert f"e-mails can't be sent: 127.0.0.1:{office.port}: Connection refused" in down
    assert "hush-hush" not in str(down)


def test_doctor_tells_of_templates(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setenv("ONEBUCKET_LETTER_TEMPLATES", str(tmp_path / "templates"))
    missing = wrong(command)
    (tmp_path / "templates" / "reset-password").mkdir(parents=True)
    (tmp_path / "templates" / "reset-password" / "subject.txt").write_text("{{ group }}")
    broken = wrong(command)

    assert list(missing) == [f"there is no folder {tmp_path / 'templates'} with templates for e-mails"]
    assert list(broken) == ["the template reset-password/subject.txt: 'group' is undefined"]


def test_letters_that_wait_fail_or_were_given_up_are_told_of(command: Command, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    document = tmp_path / "more.yaml"
    invited = [{"email": f"{name}@example.net", "groups": ["designers"], "invited_by": "alice"} for name in "xy"]
    document.write_text(yaml.safe_dump({"onebucket": 1, "teams": [{"username": "acme", "invitations": invited}]}))
    command("apply", document, "--send-letters", "--yes")

    def meanwhile(change: str) -> None:
        with closing(sqlite3.connect(tmp_path / "onebucket.db")) as connection:
            connection.execute(f"UPDATE letters SET {change}")
            connection.commit()

    fresh = command("doctor")
    meanwhile("created_at = created_at - 3600000000")
    late = wrong(command)
    meanwhile("trouble = '450 later' WHERE email = 'x@example.net'")
    meanwhile("trouble = '550 nobody', due_at = NULL WHERE email = 'y@example.net'")
    troubled = wrong(command)
    listed = {each["email"]: each for each in command("letter", "list", "--json").json}
    again = command("letter", "retry", listed["y@example.net"]["id"])
    after = {each["email"]: each["state"] for each in command("letter", "list", "--json").json}

    assert fresh.code == 0 and "2 e-mails wait to be sent, since " in fresh.out
    assert list(late.values()) == ["`onebucket serve` sends them: is it running?"]
    assert list(troubled) == [
        "1 e-mail failed, and will be tried again; last: 450 later",
        "1 e-mail could not be delivered; last, to y@example.net: 550 nobody",
    ]
    assert {name: each["state"] for name, each in listed.items()} == {
        "x@example.net": "failing",
        "y@example.net": "undeliverable",
    }
    assert again.out == "queued the e-mail to y@example.net again\n"
    assert after == {"x@example.net": "failing", "y@example.net": "failing"}
    assert "550 nobody" in command("letter", "list").out
    assert command("letter", "retry", "nothing").err == (
        "onebucket: there is no failed e-mail 'nothing' that can be sent again\n"
    )


# -- the key ----------------------------------------------------------------------------------------


def chosen(folder: Path, **given: str) -> settings.Settings:
    return settings.load(environment={}, folder=folder, given={"data": str(folder / "data"), **given})


def test_the_key_is_made_once_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    made = keys.secret_key(chosen(tmp_path))

    file = tmp_path / "data" / "secret_key"
    assert len(made) >= 43
    assert keys.secret_key(chosen(tmp_path)) == made == file.read_bytes().strip()
    assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(file.parent.stat().st_mode)) == (0o600, 0o700)
    assert [each.name for each in file.parent.iterdir()] == ["secret_key"]


def test_all_who_make_the_key_at_once_have_the_same(tmp_path: Path) -> None:
    made: list[bytes] = []
    start = threading.Barrier(16)

    def make() -> None:
        start.wait()
        made.append(keys.secret_key(chosen(tmp_path)))

    threads = [threading.Thread(target=make) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(made), len(set(made))) == (16, 1)
    assert [each.name for each in (tmp_path / "data").iterdir()] == ["secret_key"]


def test_a_key_that_is_given_is_taken_and_none_is_kept(tmp_path: Path) -> None:
    assert keys.secret_key(chosen(tmp_path, secret_key="x" * 40)) == b"x" * 40
    assert not (tmp_path / "data").exists()
    assert keys.throw_away() != keys.throw_away()


def test_a_damaged_key_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "secret_key").write_text("short\n")

    with pytest.raises(CommandError, match=r"secret_key is damaged: restore it"):
        keys.secret_key(chosen(tmp_path))
