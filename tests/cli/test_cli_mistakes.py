"""Commands that can't be done: one sentence, the right exit code, nothing changed, never a traceback."""

import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import live
from commands import Command, refused
from onebucket import bounds

NOBODY = "there is no user 'nobody'"
USERNAMES = "1 to 62 letters, digits, '_', '.' and '-', starting with a letter, a digit or '_'"
SCOPES = (
    "account, account:write, email, team, team:write, repository, repository:write, repository:delete, project, "
    "project:admin, repository:admin, pullrequest, pullrequest:write, issue, issue:write, wiki, webhook, snippet, "
    "snippet:write, pipeline, pipeline:write, pipeline:variable, runner, runner:write, app-password, "
    "app-password:write, journal, and those of API tokens, such as read:user:bitbucket"
)
DATES = "is neither a date like 2026-03-04 nor a time span like 90d or 12h"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("user add alice --email new@example.com", "there is an account 'alice' already"),
        ("user add ALICE --email new@example.com", "there is an account 'ALICE' already"),
        ("user add acme --email new@example.com", "there is an account 'acme' already"),
        (
            "user add new --email bob@example.com",
            "the e-mail address bob@example.com belongs to an account already",
        ),
        ("user add new/x --email new@example.com", f"'new/x' can't be a username: {USERNAMES}"),
        ("user add new --email new@example.com --password-stdin", "the password is empty"),
        ("user password bob", "there is no terminal to ask for a password: use --password-stdin"),
        ("user password bob --password-stdin", "the password is empty"),
        ("user disable nobody", NOBODY),
        ("user enable nobody", NOBODY),
        ("user disable acme", "acme is a team, not a person"),
        ("team add acme --admin alice", "there is an account 'acme' already"),
        ("team add new --admin nobody", NOBODY),
        ("team add new --admin acme", "acme is a team, not a person"),
        ("team add ../new --admin alice", f"'../new' can't be a username: {USERNAMES}"),
        ("team rename nobody new", "there is no account 'nobody'"),
        ("team rename acme globex", "there is an account 'globex' already"),
        ("team rename alice new", "alice is a person, not a team"),
        ("team delete nobody --yes", "there is no account 'nobody'"),
        ("team delete alice --yes", "alice is a person, not a team"),
        ("repo add rocket", "'rocket' is not TEAM/SLUG"),
        ("repo add acme/", "'acme/' is not TEAM/SLUG"),
        ("repo add nobody/rocket", "there is no account 'nobody'"),
        ("repo delete acme/engine --yes", "acme has no repository 'engine'"),
        ("repo list nobody", "there is no account 'nobody'"),
        ("token add nobody", NOBODY),
        ("token add alice --scope all", f"there is no scope 'all'; the scopes are {SCOPES}"),
        ("token add alice --expires soon", f"'soon' {DATES}"),
        ("token add alice --expires 2020-01-01", "that time has passed already"),
        ("token list nobody", NOBODY),
        ("token revoke zzz", "there is no app password 'zzz'"),
        ("journal --account nobody", "there is no account 'nobody'"),
        ("journal --since yesterday", f"'yesterday' {DATES}"),
        ("backup onebucket.db", "onebucket.db exists already"),
        ("backup none/backup.db", "can't write none/backup.db: No such file or directory"),
        ("restore none.db", "can't read none.db: No such file or directory"),
        ("restore .", "can't read .: Is a directory"),
        ("restore /dev/null", "/dev/null is empty, not a backup"),
        (f"restore {__file__}", f"can't open the database {__file__}: file is not a database"),
        ("export nobody", "there is no account 'nobody'"),
        ("apply none.yaml", "can't read none.yaml: No such file or directory"),
        ("import peribolos none", "none: there is no such file or folder"),
        (
            "user list --database mariadb://x/y",
            "'mariadb' databases are not supported: use sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME",
        ),
        (
            "user list --database file.db",
            "'file.db' databases are not supported: use sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME",
        ),
    ],
)
def test_a_mistake_gets_one_sentence_and_changes_nothing(
    command: Command, tmp_path: Path, line: str, sentence: str
) -> None:
    before = everything(tmp_path)

    assert command(*line.split()) == refused(sentence)
    assert everything(tmp_path) == before


def everything(folder: Path) -> str:
    with closing(sqlite3.connect(folder / "onebucket.db")) as connection:
        return "\n".join(connection.iterdump())


@pytest.mark.parametrize(
    "line",
    [
        "frobnicate",
        "user",
        "user add",
        "user add new",
        "user list --jsonn",
        "team add new",
        "token add",
        "journal --since",
        "backup",
        "export --format xml",
        "apply",
        "import",
        "import gitlab .",
        "serve --port 99999",
        "--frobnicate",
    ],
)
def test_wrong_usage_ends_with_2(command: Command, line: str) -> None:
    assert command(*line.split()).code == 2


def test_help_and_version_end_with_0(command: Command) -> None:
    for line in ("--help", "-h", "--version", "user --help", "token add --help", "import peribolos -h"):
        assert (command(*line.split()).code, command(*line.split()).err) == (0, "")


# -- databases that are none ------------------------------------------------------------------------

COMMANDS = (
    "user list",
    "user add new --email new@example.com",
    "journal",
    "export",
    "backup b.db",
    "serve --port 8080",
)


@pytest.fixture(params=COMMANDS)
def line(request: pytest.FixtureRequest) -> list[str]:
    """Each of some commands that need the database."""
    return str(request.param).split()


def test_a_file_that_is_no_database(command: Command, tmp_path: Path, line: list[str]) -> None:
    (tmp_path / "onebucket.db").write_text("This is a letter.\n" * 100)

    assert command(*line) == refused(f"can't open the database {tmp_path}/onebucket.db: file is not a database")
    assert (tmp_path / "onebucket.db").read_text().startswith("This is a letter.")


def test_somebody_elses_database(command: Command, tmp_path: Path, line: list[str]) -> None:
    (tmp_path / "onebucket.db").unlink()
    with closing(sqlite3.connect(tmp_path / "onebucket.db")) as connection:
        connection.execute("CREATE TABLE bookmarks (url)")

    assert command(*line) == refused(f"{tmp_path}/onebucket.db is a database, but not onebucket's")


def test_a_newer_schema(command: Command, tmp_path: Path, line: list[str]) -> None:
    with closing(sqlite3.connect(tmp_path / "onebucket.db", isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")

    newer = f"{tmp_path}/onebucket.db was created by a newer onebucket (schema 9999): update this one"
    assert command(*line) == refused(newer)
    assert "update this one" in command("doctor").out


def damage(file: Path) -> None:
    """Overwrite the pages that hold accounts."""
    with closing(sqlite3.connect(file)) as connection:
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        pages = connection.execute("SELECT rootpage FROM sqlite_master WHERE tbl_name = 'accounts'").fetchall()
    with file.open("rb+") as content:
        for (page,) in pages:
            content.seek((page - 1) * size)
            content.write(b"\xff\x00" * (size // 2))


def test_a_damaged_database(command: Command, tmp_path: Path, line: list[str]) -> None:
    damage(tmp_path / "onebucket.db")

    told = command(*line)

    if line[0] == "journal":
        return  # it reads other pages, and may succeed
    assert (told.code, told.out, told.err.count("\n")) == (1, "", 1)
    assert f"{tmp_path}/onebucket.db is damaged: " in told.err
    assert not (tmp_path / "b.db").exists()


def test_doctor_tells_of_damage_and_a_backup_puts_it_right(command: Command, tmp_path: Path) -> None:
    command("backup", "good.db")
    damage(tmp_path / "onebucket.db")
    shutil.copyfile(tmp_path / "onebucket.db", tmp_path / "bad.db")

    sick = command("doctor")
    worse = command("restore", "bad.db")
    mended = command("restore", "good.db")

    assert (sick.code, "restore a backup" in sick.out) == (1, True)
    assert (worse.code, worse.out) == (1, "")
    assert worse.err.startswith("onebucket: bad.db is damaged: ")
    assert (mended.code, mended.out.splitlines()[-1]) == (0, "restored good.db")
    assert "alice" in command("user", "list").out


def test_a_folder_that_can_not_be_made_or_written(command: Command, tmp_path: Path, line: list[str]) -> None:
    (tmp_path / "file").touch()
    if line[0] not in ("serve", "user") or line[1] == "list":
        # One that only reads makes nothing.
        for folder in ("file/below", "/proc/onebucket"):
            assert f"there is no database at {folder}/onebucket.db; " in command(*line, "--data", folder).err
        return
    assert command(*line, "--data", "file/below") == refused("can't create the folder file/below: Not a directory")
    assert command(*line, "--data", "/proc/onebucket") == refused(
        "can't create the folder /proc/onebucket: No such file or directory"
    )

    if os.geteuid() == 0:
        return  # root may write everywhere
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    assert command(*line, "--data", locked) == refused(
        f"can't open the database {locked}/onebucket.db: unable to open database file"
    )


def test_a_database_that_somebody_else_holds(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "BUSY_SECONDS", 0.1)
    with closing(sqlite3.connect(tmp_path / "onebucket.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        assert command("user", "disable", "bob") == refused("the database can't take changes now (database is locked)")
        assert command("user", "list").code == 0


# -- a disk that is full ----------------------------------------------------------------------------


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB, which holds a small database."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]
    if shutil.which("mount") is None or subprocess.run(mounting, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root, and a kernel that lets it")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path, leave: int = 0) -> None:
    """Leave only so many bytes free."""
    with (folder / "filler").open("wb", buffering=0) as file:
        free = os.statvfs(folder)
        file.write(bytes(max(0, free.f_bavail * free.f_frsize - leave)))


@pytest.mark.subprocess
def test_a_full_disk(command: Command, tiny: Path) -> None:
    full = ("--data", tiny / "data")
    assert command("user", "add", "a0", "--email", "a0@example.com", "--admin", *full).code == 0
    fill(tiny, leave=8192)

    told = [command("user", "add", f"a{n}", "--email", f"a{n}@example.com", *full) for n in range(1, 9)]
    (tiny / "filler").unlink()
    after = [person["username"] for person in command("user", "list", "--json", *full).json]

    assert 1 in {each.code for each in told} <= {0, 1}
    assert all(re.fullmatch(r"onebucket: .*(disk is full|disk I/O error).*\n", each.err) for each in told if each.code)
    assert after == sorted(["a0", *(f"a{n + 1}" for n, each in enumerate(told) if each.code == 0)])
    assert command("doctor", *full).code == 0


@pytest.mark.parametrize("leave", [0, 4096, 65536, 131072])
@pytest.mark.subprocess
def test_a_disk_too_full_to_begin(command: Command, tiny: Path, leave: int) -> None:
    fill(tiny, leave=leave)

    told = command("user", "add", "new", "--email", "new@example.com", "--data", tiny / "data")
    (tiny / "filler").unlink()

    assert (told.code, told.out, told.err.count("\n")) == (1, "", 1)
    assert "full" in told.err
    assert command("user", "add", "new", "--email", "new@example.com", "--data", tiny / "data").code == 0


@pytest.mark.subprocess
def test_a_backup_that_does_not_fit_leaves_nothing(command: Command, tiny: Path) -> None:
    fill(tiny, leave=65536)

    assert command("backup", tiny / "b.db") == refused(f"can't write {tiny}/b.db: database or disk is full")
    assert [file.name for file in tiny.iterdir()] == ["filler"]


@pytest.mark.subprocess
def test_changes_while_the_disk_is_full_are_refused_and_made_when_it_is_not(cast_template: Path, tiny: Path) -> None:
    with live.with_the_cast(cast_template, tiny) as running:
        fill(tiny)
        answers = [running("alice", "POST", "/1.0/groups/acme", data={"name": f"Full {n}"}) for n in range(5)]
        read = running("alice", "GET", "/1.0/groups/acme")
        (tiny / "filler").unlink()
        again = running("alice", "POST", "/1.0/groups/acme", data={"name": "Fits again"})
        whole = running.rows("PRAGMA quick_check")

    assert 503 in {answer.status_code for answer in answers} <= {200, 503}
    assert answers[-1].headers["retry-after"] == "5"
    assert read.status_code == 200
    assert again.status_code == 200
    assert whole == [("ok",)]


def test_a_password_of_seven_letters_is_refused_from_the_command_line_too(command: Command) -> None:
    for line in ("user add new --email new@example.com --password-stdin", "user password bob --password-stdin"):
        done = command(*line.split(), given="letters\n")

        assert (done.code, "the password must have 8 characters or more" in done.err) == (1, True)
