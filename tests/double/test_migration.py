"""`docs/migrate.md`, line by line: from a frozen workspace, played by the double, to a script that works again."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import live
from checkout import TOP
from live import Live
from onebucket.testing import Double

pytestmark = pytest.mark.subprocess

PAGE = (TOP / "docs" / "migrate.md").read_text()


def lines_of_step(number: int) -> list[str]:
    """Return the commands of a step, without comments."""
    [step] = re.findall(rf"^## {number}\. .*?(?=^## )", PAGE, re.DOTALL | re.MULTILINE)
    [block] = re.findall(r"```sh\n(.*?)```", step, re.DOTALL)
    return [re.sub(r" +#.*$", "", line) for line in block.splitlines()]


def shell(folder: Path, lines: list[str], replaced: dict[str, str], **variables: str) -> str:
    """Run lines of the page in a shell in which `onebucket` and `python` are those under test; return the output."""
    script = "\n".join(lines)
    for said, meant in replaced.items():
        assert said in script
        script = script.replace(said, meant)
    python = shlex.quote(sys.executable)
    functions = f'onebucket() {{ {shlex.join(live.COMMAND)} "$@"; }}\npython() {{ {python} "$@"; }}\n'
    # `onebucket run` starts programs, not functions of the shell.
    script = script.replace("-- python ", f"-- {python} ")
    done = subprocess.run(
        ["bash", "-euc", functions + script],
        cwd=folder,
        env=live.environment() | {"ONEBUCKET_CA": str(folder / "ca")} | variables,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_each_step_has_commands(number: int) -> None:
    assert lines_of_step(number)


def test_the_steps_lead_from_a_frozen_workspace_to_a_script_that_works(tmp_path: Path) -> None:
    (tmp_path / "onboard.py").write_text((TOP / "examples" / "onboard.py").read_text())
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ONEBUCKET_")}

    with Double(demo=True) as bitbucket, Live(tmp_path) as server:
        token = bitbucket.api_token("alice")
        bitbucket.behave(as_of="2025-09-19")
        where = {"ONEBUCKET_DATABASE": server.url, "ONEBUCKET_DATA": str(tmp_path)}
        there = {"import bitbucket acme": f"import bitbucket acme --api {bitbucket.url}"}
        [credential, *_] = lines_of_step(1)
        with bitbucket.unchanged():
            planned = shell(tmp_path, lines_of_step(1), there | {"…": token.password}, **environment | where)
            for _ in range(2):
                again = shell(
                    tmp_path, [credential, *lines_of_step(2)], there | {"…": token.password}, **environment | where
                )
        asked = {each.method for each in bitbucket.requests}
        members = {group["name"]: group["members"] for group in bitbucket.state()["teams"][0]["groups"]}

        told = shell(tmp_path, lines_of_step(3), {}, **where)
        [secret] = re.findall(r"obk_\S+", told)
        worked = shell(tmp_path, lines_of_step(4), {"…": secret, "http://127.0.0.1:8080": server.base, "bob": "dave"})
        at = f'mode = "report"\napi = "{bitbucket.url}"'
        differing = shell(tmp_path, lines_of_step(5), {"…": token.password, 'mode = "report"': at}, **where)
        exported = json.loads(server.run("export", "acme", "--format", "json").stdout)

    assert asked == {"GET"}
    assert "+ group acme/designers" in planned
    assert again.endswith("nothing to change\n")
    assert worked == "added dave to designers\n"
    # Dave may write there as a developer already.
    assert differing == "nothing differs\n"
    here = {group["name"]: group["members"] for group in exported["teams"][0]["groups"]}
    assert here == members | {"Designers": ["bob", "dave"]}
    privileges = {each["slug"]: each.get("privileges") for each in exported["teams"][0]["repositories"]}
    assert privileges == {
        "rocket": {"administrators": "admin", "designers": "write", "developers": "write"},
        "website": {"administrators": "admin", "developers": "read"},
    }
