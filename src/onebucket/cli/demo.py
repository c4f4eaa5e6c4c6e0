"""The sample data of `serve --demo`: a temporary database, its users and commands to paste."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from onebucket.cli import common
from onebucket.store import schema
from onebucket.store.engine.database import Database
from onebucket.transfer import apply, document

PASSWORDS = {"alice": "wonderland", "bob": "bobthebuilder", "dave": "reddwarf", "mallory": "malicious"}


@contextmanager
def throw_away() -> Iterator[Path]:
    """Yield a path for the database; delete its folder afterwards."""
    with tempfile.TemporaryDirectory(prefix="onebucket-demo-") as folder:
        yield Path(folder) / "demo.db"


def fill(opened: Database) -> None:
    """Create the schema and apply `demo.yaml`."""
    schema.bring_up_to_date(opened)
    with opened.writing() as tx:
        apply.apply(common.work(tx), [document.read(document_text(), source="demo.yaml")], prune=False)


def document_text() -> bytes:
    """Return the account document of the made-up company."""
    return files("onebucket.cli").joinpath("demo.yaml").read_bytes()


def lines(base_url: str, database: str) -> list[str]:
    """Return the lines that `serve --demo` prints at the start."""
    return [
        "A made-up company, deleted when the server stops:",
        *(f"  {name:<8} password {password:<13} {_ABOUT[name]}" for name, password in PASSWORDS.items()),
        f"Its e-mails can be read at {base_url}/demo/letters",
        "Paste any of these:",
        *(f"  {line}" for line in commands(base_url)),
        f"  {common.program()} check bob acme/rocket write --explain --database {database}",
    ]


def commands(base_url: str) -> list[str]:
    """Return curl commands that work on the demo without editing."""
    return [
        f"curl -u alice:wonderland '{base_url}/1.0/groups/acme?format=yaml'",
        f"curl -u alice:wonderland -X POST -d name='Night Crew' {base_url}/1.0/groups/acme/",
        f"curl -u alice:wonderland -X PUT {base_url}/1.0/groups/acme/night-crew/members/bob",
        f"curl -u alice:wonderland -X PUT -d write {base_url}/1.0/group-privileges/acme/rocket/acme/developers",
        f"curl -u alice:wonderland '{base_url}/api/access/acme/rocket?user=bob&level=write'",
        f"curl -u bob:bobthebuilder '{base_url}/1.0/groups?exclude_members=true'",
    ]


_ABOUT = {
    "alice": "administers acme",
    "bob": "is a designer and a developer",
    "dave": "is a developer",
    "mallory": "is in no group",
}
