"""What the tests of actions share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import cast
from office import Office
from onebucket.actions import projects, repositories


@pytest.fixture
def office(cast_template: Path, tmp_path: Path) -> Iterator[Office]:
    """The cast, with a project OPS of acme that holds the repository engine."""
    db = cast.copy(cast_template, tmp_path)
    with db.writing() as tx:
        office = Office(tx)
        projects.create(office.operator, "acme", "OPS", name="Operations")
        repositories.add(office.operator, "acme", "engine", project="OPS")
        yield office
    db.close()
