"""Public clients through `onebucket run`, unchanged, with the real addresses: libraries of PyPI and npm, Terraform."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import cast
import live
import npm_clients
from checkout import TOP
from live import Live

pytestmark = pytest.mark.subprocess

# What `test_pypi_clients` settles for newer Pythons is settled here too; no address is touched.
LIBSAAS = f"""
from libsaas.executors import requests_executor
from libsaas.services import bitbucket
requests_executor.use()
acme = bitbucket.BitBucket("alice", {cast.password("alice")!r}).user("acme")
made = acme.groups().create({{"name": "Unchanged Crew"}})
print(made["slug"], [each["slug"] for each in acme.groups().get()])
acme.group("unchanged-crew").delete()
"""
PYBITBUCKET = f"""
from pybitbucket import bitbucket
from pybitbucket.auth import BasicAuthenticator
bitbucket.BitbucketSpecialAction = frozenset()
client = bitbucket.Client(BasicAuthenticator("bob", {cast.password("bob")!r}, "bob@example.com"))
print([group["slug"] for group in bitbucket.Bitbucket(client=client).groupsForOwner(owner="acme")])
"""
PYBITBUCKET_V2 = f"""
from pybitbucket import bitbucket, repository, user
from pybitbucket.auth import BasicAuthenticator
bitbucket.BitbucketSpecialAction = frozenset()
client = bitbucket.Client(BasicAuthenticator("alice", {cast.token("alice")!r}, "alice@example.com"))
policy = repository.RepositoryForkPolicy.NO_FORKS
payload = repository.RepositoryPayload({{"name": "made", "is_private": True, "fork_policy": policy}})
made = repository.Repository.create(payload, repository_name="made", owner="acme", client=client)
of_acme = repository.Repository.find_repositories_by_owner_and_role(owner="acme", role="admin", client=client)
print(user.User.find_current_user(client=client).username, sorted(each.full_name for each in of_acme))
made.delete()
"""
ATLASSIAN = f"""
from atlassian.bitbucket import Cloud
acme = Cloud(username="alice", password={cast.token("alice")!r}).workspaces.get("acme")
print(acme.name, [each.slug for each in acme.repositories.each(sort="slug")])
"""
NPM = {
    "bitbucket": """
const { Bitbucket } = require("bitbucket")
const api = new Bitbucket({ auth: { username: "alice", password: PASSWORD }, notice: false })
api.repositories.list({ workspace: "acme", sort: "slug" }).then(({ data }) => show(data))
""",
    "coderabbit": """
import("@coderabbitai/bitbucket/cloud").then(async ({ createBitbucketCloudClient }) => {
	const headers = { Authorization: `Basic ${btoa(`alice:${PASSWORD}`)}` }
	const api = createBitbucketCloudClient({ baseUrl: "https://api.bitbucket.org/2.0", headers })
	const asked = { params: { path: { workspace: "acme" }, query: { sort: "slug" } } }
	show((await api.GET("/repositories/{workspace}", asked)).data)
})
""",
}
# Terraform's own client, which is Go's as in its providers.
BACKEND = """
terraform {
  backend "http" {
    address  = "https://api.bitbucket.org/1.0/groups/acme/no-such-group"
    username = "alice"
    password = "PASSWORD"
  }
}
"""
# What Terraform starts, as it starts its providers.
STARTED = """
resource "terraform_data" "groups" {
  provisioner "local-exec" {
    command = "curl -sSf -u alice:PASSWORD https://api.bitbucket.org/1.0/groups/acme -o groups.json"
  }
}
"""
needs_terraform = pytest.mark.skipif(shutil.which("terraform") is None, reason="needs terraform")


def run(
    folder: Path, server: str, *command: str, ca: Path | None = None, seconds: float = 120
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*live.COMMAND, "run", "--server", server, "--", *command],
        cwd=folder,
        env=live.environment(ca=str(ca or folder / "ca")),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def library(name: str, folder: Path, server: str, program: str) -> str:
    pytest.importorskip(name, reason=f"{name} can't be had from PyPI")
    done = run(folder, server, sys.executable, "-W", "ignore", "-c", program)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::SyntaxWarning")
def test_libsaas(served: Live, tmp_path: Path) -> None:
    told = library("libsaas", tmp_path, served.base, LIBSAAS)

    assert told == "unchanged-crew ['administrators', 'designers', 'developers', 'unchanged-crew']\n"


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::SyntaxWarning", "ignore::UserWarning")
def test_pybitbucket(served: Live, tmp_path: Path) -> None:
    assert library("pybitbucket", tmp_path, served.base, PYBITBUCKET) == "['designers', 'developers']\n"


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::SyntaxWarning", "ignore::UserWarning")
def test_pybitbucket_on_api_2(served: Live, tmp_path: Path) -> None:
    told = library("pybitbucket", tmp_path, served.base, PYBITBUCKET_V2)

    assert told == "alice ['acme/made', 'acme/rocket', 'acme/website']\n"


def test_atlassian_python_api(served: Live, tmp_path: Path) -> None:
    assert library("atlassian", tmp_path, served.base, ATLASSIAN) == "Acme ['rocket', 'website']\n"


@npm_clients.NEEDED
@pytest.mark.parametrize("client", NPM)
def test_clients_from_npm(served: Live, tmp_path: Path, client: str) -> None:
    shown = "const show = ({ values }) => console.log(values.map(({ slug }) => slug).join())\n"
    program = f"const PASSWORD = {cast.token('alice')!r}\n{shown}{NPM[client]}"

    done = run(npm_clients.folder(), served.base, "node", "-e", program, ca=tmp_path / "ca")

    assert (done.stdout, done.stderr) == ("rocket,website\n", "")


def test_the_example_in_the_demos_company(tmp_path: Path) -> None:
    done = subprocess.run(
        [*live.COMMAND, "run", "--demo", "--", sys.executable, TOP / "examples" / "onboard.py"],
        cwd=tmp_path,
        env=live.environment(ca=str(tmp_path / "ca")),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert (done.stdout, done.stderr) == ("added dave to designers\n", "")


@needs_terraform
def test_terraforms_own_client(served: Live, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(BACKEND.replace("PASSWORD", cast.token("alice")))
    before = served.log().count("/1.0/groups/acme/no-such-group")

    done = run(tmp_path, served.base, "terraform", "init", "-no-color", "-input=false")

    # To this backend 404 means that there is no state yet.
    assert done.returncode == 0, done.stderr
    assert served.log().count("/1.0/groups/acme/no-such-group") > before


@needs_terraform
def test_what_terraform_starts(served: Live, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(STARTED.replace("PASSWORD", cast.token("alice")))

    for command in (("init",), ("apply", "-auto-approve")):
        done = run(tmp_path, served.base, "terraform", *command, "-no-color", "-input=false")
        assert done.returncode == 0, done.stderr

    assert '"slug":"administrators"' in (tmp_path / "groups.json").read_text()
