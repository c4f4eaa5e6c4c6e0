"""docs/terraform.md, followed by hand from an empty folder: its configuration and its command lines, as they are."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import live
import opentofu
from checkout import TOP
from live import Live

pytestmark = [pytest.mark.subprocess, pytest.mark.long, opentofu.NEEDED, pytest.mark.usefixtures("tofu")]

PAGE = (TOP / "docs" / "terraform.md").read_text()


def programs(folder: Path) -> Path:
    """A folder with the two programs that the page names."""
    made = folder / "bin"
    made.mkdir()
    (made / "onebucket").write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m onebucket "$@"\n')
    (made / "onebucket").chmod(0o755)
    (made / "tofu").symlink_to(opentofu.binary())
    return made


def test_the_page_can_be_followed_from_an_empty_folder(tmp_path: Path) -> None:
    [configuration] = re.findall(r"```hcl\n(.*?)```", PAGE, re.DOTALL)
    [commands] = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    folder = tmp_path / "empty"
    folder.mkdir()
    (folder / "main.tf").write_text(configuration)

    with Live(tmp_path, "--demo") as demo:
        # With an app password of the scopes that the page names.
        [command] = re.findall(r"^onebucket token add .*$", PAGE, re.MULTILINE)
        wanted = {"scopes": re.findall(r"--scope (\S+)", command)}
        added = demo(("alice", "wonderland"), "POST", "/api/tokens", json=wanted)
        password = added.json()["secret"]
        assert commands.count("wonderland") == 1
        environment = live.environment(ca=str(tmp_path / "ca"), server=demo.base) | {
            "TF_CLI_CONFIG_FILE": str(opentofu.installation(tmp_path)),
            "TF_CLI_ARGS": "-no-color",
            # It would ask whether to go on.
            "TF_CLI_ARGS_apply": "-auto-approve",
        }
        environment["PATH"] = f"{programs(tmp_path)}:{environment['PATH']}"
        done = subprocess.run(
            ["sh", "-e", "-c", commands.replace("wonderland", password)],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        made = demo(("alice", "wonderland"), "GET", "/2.0/repositories/acme/lander/permissions-config/groups/designers")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Apply complete! Resources: 3 added, 0 changed, 0 destroyed." in done.stdout
    assert "No changes." in done.stdout.split("Apply complete!")[1]
    assert made.json()["permission"] == "write"
