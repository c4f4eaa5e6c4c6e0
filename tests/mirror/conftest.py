"""A host that another server plays, and commands in a folder whose database has the host's workspace."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import commands
import mirroring
from commands import Command
from mirroring import Configure
from onebucket.testing import Double


@pytest.fixture(scope="module")
def bitbucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Double]:
    """The host, with one permission that was set there."""
    seed = tmp_path_factory.mktemp("seed") / "acme.json"
    seed.write_text(json.dumps(mirroring.workspace(probe={"dave": "read"})))
    with Double(seed=[seed]) as double:
        yield double


@pytest.fixture
def configure(bitbucket: Double, tmp_path: Path) -> Configure:
    """Writes the mirror's table into onebucket.toml."""

    def write(**settings: object) -> None:
        (tmp_path / "onebucket.toml").write_text(mirroring.configuration(bitbucket, **settings))

    write()
    return write


@pytest.fixture
def command(
    bitbucket: Double,
    configure: Configure,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Command:
    """Runs commands in a folder whose database has the host's workspace."""
    bitbucket.reset()
    run = commands.runner(tmp_path, monkeypatch, capsys)
    token = bitbucket.api_token("service")
    monkeypatch.setenv("BITBUCKET_TOKEN", token.password)
    monkeypatch.setenv("BITBUCKET_USERNAME", token.username)
    assert run("import", "bitbucket", "acme", "--api", bitbucket.url).code == 0
    return run
