"""OpenTofu and a Bitbucket provider: both built once from Go modules, and run through `onebucket run`.

The provider is `tofu_provider/`, which makes the calls of DrFaust92/bitbucket. To run that one in its place, name its
binary in the environment variable of `PROVIDER_VARIABLE`.
"""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import cache_folder
import live
import sizes

PROVIDER_VARIABLE = "ONEBUCKET_BITBUCKET_PROVIDER"
NEEDED = pytest.mark.skipif(shutil.which("go") is None, reason="needs Go, to build OpenTofu")

_MODULE, _SUM = "github.com/opentofu/opentofu@v1.12.6", "h1:0VT4P8pMmGcCUnQ9JDrJ+Qg2d35Vzm4FFd/9+H7oF98="
_PINNED = "opentofu", f"{_MODULE} {_SUM}".encode()
_PROVIDER = Path(__file__).parent / "tofu_provider"
_BUILDING_SECONDS = 3600
_ADDRESS = "registry.opentofu.org/drfaust92/bitbucket"


@dataclass(frozen=True)
class Tofu:
    """A folder with a configuration, a server to lead the provider to, and who it signs in as."""

    folder: Path
    server: str
    username: str
    password: str

    def configure(self, name: str, content: Any) -> None:
        """Write a file of the configuration, in JSON."""
        (self.folder / f"{name}.tf.json").write_text(json.dumps(content))

    def __call__(self, *arguments: str, fine: tuple[int, ...] = (0,)) -> "subprocess.CompletedProcess[str]":
        """Run a command of OpenTofu; `fine` are the exit codes that aren't a failure."""
        config = installation(self.folder)
        signed_in = {"BITBUCKET_USERNAME": self.username, "BITBUCKET_PASSWORD": self.password}
        done = subprocess.run(
            [*live.COMMAND, "run", "--server", self.server, "--", str(binary()), *arguments, "-no-color"],
            cwd=self.folder,
            env=live.environment(ca=str(self.folder / "ca"))
            | signed_in
            | {"TF_CLI_CONFIG_FILE": str(config), "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode in fine, done.stdout + done.stderr
        return done

    def ids(self) -> dict[str, str]:
        """Return the id of each resource in the state by its address."""
        root = json.loads(self("show", "-json").stdout)["values"]["root_module"]
        return {each["address"]: each["values"]["id"] for each in root["resources"] if each["mode"] == "managed"}

    def changes(self) -> dict[str, list[str]]:
        """Plan, and return what would be done with each resource that isn't as it should be."""
        self("plan", "-out=plan", "-input=false")
        plan = json.loads(self("show", "-json", "plan").stdout)
        return {
            change["address"]: change["change"]["actions"]
            for change in plan["resource_changes"]
            if change["change"]["actions"] != ["no-op"]
        }


def _go(*arguments: str, folder: Path) -> str:
    # The newest Go that a module asks for isn't downloaded: then the test is skipped.
    environment = os.environ | {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
    return subprocess.run(
        ["go", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_BUILDING_SECONDS,
        check=True,
    ).stdout


def _build(package: str, source: Path, target: Path) -> None:
    _go("build", "-trimpath", "-ldflags=-s -w", "-o", str(target), package, folder=source)


def skip_unless_built(asked_for: str) -> None:
    """Skip where OpenTofu isn't built yet, unless all is tried or the run's `-k` (`asked_for`) names it."""
    if not (sizes.IS_LONG or "tofu" in asked_for or cache_folder.is_filled(*_PINNED)):
        pytest.skip("OpenTofu is built once, which takes ten minutes: ./dev test -k tofu")


@cache
def binary() -> Path:
    """Build OpenTofu as its module is, with the versions of its own go.sum."""

    def build(folder: Path) -> None:
        downloaded = json.loads(_go("mod", "download", "-json", _MODULE, folder=folder))
        assert downloaded["Sum"] == _SUM
        _build("./cmd/tofu", Path(downloaded["Dir"]), folder / "tofu")

    return cache_folder.filled(*_PINNED, build) / "tofu"


@cache
def _provider() -> Path:
    if given := os.environ.get(PROVIDER_VARIABLE):
        return Path(given).resolve()
    sources = sorted(each for each in _PROVIDER.iterdir() if each.suffix in (".go", ".mod", ".sum"))
    content = b"".join(each.read_bytes() for each in sources)
    name = "terraform-provider-bitbucket"
    return cache_folder.filled("provider", content, lambda folder: _build(".", _PROVIDER, folder / name)) / name


def installation(folder: Path) -> Path:
    """Return a configuration of OpenTofu that installs the provider from `folder`, and make what it names."""
    platform = "_".join(_go("env", "GOOS", "GOARCH", folder=folder).split())
    mirror = folder / "mirror"
    kept = mirror / _ADDRESS / "2.0.0" / platform
    if not kept.is_dir():
        kept.mkdir(parents=True)
        (kept / "terraform-provider-bitbucket_v2.0.0").symlink_to(_provider())
    config = folder / "tofu.rc"
    config.write_text(f'provider_installation {{ filesystem_mirror {{ path = "{mirror}" }} }}\n')
    return config
