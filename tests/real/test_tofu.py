"""OpenTofu with a Bitbucket provider, through `onebucket run`, on a part of a real organisation."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

import opentofu
import sizes
import ssh_keygen
from checkout import TOP
from live import Live
from opentofu import Tofu
from tests.real.test_real_organisations import REAL

pytestmark = [
    pytest.mark.subprocess,
    pytest.mark.long,
    opentofu.NEEDED,
    pytest.mark.usefixtures("tofu"),
    pytest.mark.skipif(not REAL.is_dir(), reason=f"the real organisations are not beside the checkout ({REAL})"),
]

# Both at the long size.
DATABASES = ["SQLite", *([pytest.param("PostgreSQL", marks=pytest.mark.postgresql)] if sizes.IS_LONG else [])]
WORKSPACE = "kubernetes-sigs"
PAGE = (TOP / "docs" / "terraform.md").read_text()
FOLDERS = ("sig-auth", "sig-autoscaling", "sig-cli")
# The repository whose project doesn't say how its branches are called.
OWN_BRANCHING_MODEL = "karpenter"
PASSWORD = "of all of them"
# What the organisation's files call a permission, and what it is here.
WORDS = {"read": "read", "triage": "read", "write": "write", "maintain": "write", "admin": "admin"}
Resources = dict[str, dict[str, dict[str, Any]]]


def teams() -> dict[str, dict[str, Any]]:
    """The teams of some folders by name; each knows its folder, and its people in lower case."""
    found = {}
    for folder in FOLDERS:
        loaded = yaml.load((REAL / WORKSPACE / folder / "teams.yaml").read_text(), yaml.CSafeLoader)["teams"]
        for name, team in loaded.items():
            people = {str(each).strip().lower() for each in [*team.get("members", ()), *team.get("maintainers", ())]}
            found[name] = {"folder": folder, "people": sorted(people), "repos": team.get("repos") or {}}
    return found


def identifier(*names: str) -> str:
    return "_".join(re.sub(r"[^a-z0-9_-]", "_", name.lower()) for name in names)


def of(kind: str, name: str, attribute: str) -> str:
    return f"${{bitbucket_{kind}.{identifier(name)}.{attribute}}}"


def resources(uuids: Mapping[str, str]) -> Resources:
    """The configuration: `uuids` has everybody's UUID by username."""
    made: Resources = {}

    def add(kind: str, *names: str, **attributes: Any) -> None:
        owner = "user" if kind == "ssh_key" else "owner" if kind in ("project", "repository") else "workspace"
        whose = uuids["alice"] if kind == "ssh_key" else WORKSPACE
        made.setdefault(f"bitbucket_{kind}", {})[identifier(*names)] = {owner: whose, **attributes}

    for folder in FOLDERS:
        add("project", folder, key=folder.upper().replace("-", "_"), name=folder, description=f"Of {folder}")
    for name, team in teams().items():
        add("group", name, name=name, permission="read")
        group, project = of("group", name, "slug"), of("project", team["folder"], "key")
        for person in team["people"]:
            add("group_membership", name, person, group_slug=group, uuid=uuids[person])
        for repository, word in team["repos"].items():
            inherited = {"inherit_branching_model": repository != OWN_BRANCHING_MODEL}
            about = {"project_key": project, "description": f"Of {team['folder']}", **inherited}
            add("repository", repository, name=repository, **about)
            slug = of("repository", repository, "slug")
            there = {"repo_slug": slug, "group_slug": group, "permission": WORDS[word]}
            add("repository_group_permission", repository, name, **there)
            user = {"repo_slug": slug, "user_id": uuids[team["people"][0]], "permission": "write"}
            add("repository_user_permission", repository, **user)
        add("project_group_permission", team["folder"], project_key=project, group_slug=group, permission="write")
        user = {"project_key": project, "user_id": uuids[team["people"][0]], "permission": "create-repo"}
        add("project_user_permission", team["folder"], **user)
    # The provider doesn't read the key back, so that an import would replace it.
    add("ssh_key", "laptop", key=ssh_keygen.public(), label="laptop", lifecycle={"ignore_changes": ["key"]})
    return made


def configuration(made: Resources, uuids: Mapping[str, str]) -> dict[str, Any]:
    members = [f"bitbucket_group_membership.{name}" for name in made["bitbucket_group_membership"]]
    return {
        "terraform": {"required_providers": {"bitbucket": {"source": "drfaust92/bitbucket"}}},
        "provider": {"bitbucket": {}},
        "resource": made,
        "data": {
            "bitbucket_current_user": {"me": {}},
            "bitbucket_user": {"alice": {"uuid": uuids["alice"]}},
            "bitbucket_workspace": {"here": {"workspace": WORKSPACE}},
            "bitbucket_workspace_members": {"all": {"workspace": WORKSPACE, "depends_on": members}},
        },
        "output": {
            "me": {"value": "${one(data.bitbucket_current_user.me.email)} is ${data.bitbucket_user.alice.username}"},
            "workspace": {"value": "${data.bitbucket_workspace.here.slug}"},
            "members": {"value": "${length(data.bitbucket_workspace_members.all.members)}"},
        },
    }


@pytest.fixture(params=DATABASES)
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Live]:
    """A server with the people of the teams, and a workspace that alice administers."""
    people = {person for team in teams().values() for person in team["people"]}
    database = {}
    if request.param == "PostgreSQL":
        postgres = request.getfixturevalue("postgres")
        database["url"] = postgres.url(postgres.create())
    clone_url = "ssh://git@git.example.com/{workspace}/{repository}.git"
    with Live(tmp_path, log_level="debug", clone_url=clone_url, **database) as running:
        for command in (
            ("user", "add", "alice", "--email", "alice@example.com", "--password-stdin"),
            ("team", "add", WORKSPACE, "--admin", "alice"),
        ):
            assert running.run(*command, given=PASSWORD).returncode == 0
        users = [{"username": name, "email": f"{name}@example.net"} for name in sorted(people)]
        document = yaml.safe_dump({"onebucket": 1, "users": users})
        assert running.run("apply", "-", given=document).returncode == 0
        yield running


def ask(served: Live, method: str, path: str, **how: Any) -> Any:
    answer = served(("alice", PASSWORD), method, path, **how)
    assert answer.status_code < 300, answer.text
    return answer.json() if answer.content else None


def calls(served: Live) -> int:
    """How many calls alice has made since the server started."""
    return len(re.findall(r"actor=alice .*path=/[12]\.0/", served.log()))


@dataclass(frozen=True)
class Applied:
    """An applied configuration: its resources, and how many calls it took."""

    tofu: Tofu
    served: Live
    resources: Resources
    calls: int

    def counted(self) -> dict[str, int]:
        """How many there are of each kind, by its name without `bitbucket_`."""
        return {kind.removeprefix("bitbucket_"): len(made) for kind, made in self.resources.items()}


def apply(served: Live, folder: Path) -> Applied:
    """Apply the configuration, with an API token of the newer scopes that the documentation names."""
    [scopes] = re.findall(r"The newer scopes for all of this are(.*?)\.\n", PAGE, re.DOTALL)
    given = [word for scope in re.findall(r"`(.+?)`", scopes) for word in ("--scope", scope)]
    added = served.run("token", "add", "alice", *given)
    assert added.returncode == 0, added.stderr
    folder.mkdir()
    tofu = Tofu(folder, served.base, "alice@example.com", added.stdout.strip())
    people = {"alice", *(person for team in teams().values() for person in team["people"])}
    uuids = {name: ask(served, "GET", f"/2.0/users/{name}")["uuid"] for name in people}
    made = resources(uuids)
    tofu.configure("main", configuration(made, uuids))

    tofu("init", "-input=false")
    before = calls(served)
    tofu("apply", "-auto-approve", "-input=false", "-parallelism=10")
    return Applied(tofu, served, made, calls(served) - before)


def calls_of(applied: Applied, *, otherwise: int, **each: int) -> int:
    """How many calls it takes to go once over all resources, with so many for some kinds."""
    return sum(number * each.get(kind, otherwise) for kind, number in applied.counted().items())


def check_calls(applied: Applied) -> None:
    """A plan reads every resource once and changes nothing; to apply takes these calls and those that make them."""
    members = ask(applied.served, "GET", f"/2.0/workspaces/{WORKSPACE}/members")["size"]
    of_data = 4 + -(-members // 10)
    reading = calls_of(applied, otherwise=1, repository=3) + of_data
    making = calls_of(applied, otherwise=1, repository=3, group=2)
    before = calls(applied.served)

    assert applied.tofu.changes() == {}

    assert (calls(applied.served) - before, applied.calls) == (reading, reading + making)
    outputs = json.loads(applied.tofu("output", "-json").stdout)
    assert {name: output["value"] for name, output in outputs.items()} == {
        "me": "alice@example.com is alice",
        "workspace": WORKSPACE,
        "members": members,
    }


def check_import(applied: Applied) -> None:
    """One of each kind is forgotten, and taken over again as it is."""
    tofu, ids = applied.tofu, applied.tofu.ids()
    taken = [next(address for address in ids if address.startswith(f"{kind}.")) for kind in applied.resources]
    tofu("state", "rm", *taken)
    tofu.configure("import", {"import": [{"to": address, "id": ids[address]} for address in taken]})

    assert tofu.changes() == {}
    assert " 9 imported, 0 added, 0 changed, 0 destroyed" in tofu("apply", "-auto-approve", "-input=false").stdout
    assert tofu.ids() == ids
    tofu.configure("import", {})


def check_drift(applied: Applied) -> None:
    """What somebody changes beside it is shown as it is, and nothing else; another apply takes it back."""
    served, ids = applied.served, applied.tofu.ids()
    of_kind = {kind: [each for each in ids if each.startswith(f"bitbucket_{kind}.")] for kind in applied.counted()}
    group, gone = (ids[address].split("/")[1] for address in of_kind["group"][:2])
    repository = ids[of_kind["repository"][0]]
    permission = of_kind["repository_group_permission"][0]
    slug, of_group = ids[permission].split(":")[1:]
    word = applied.resources["bitbucket_repository_group_permission"][permission.split(".")[1]]["permission"]
    other = "read" if word != "read" else "write"
    user = of_kind["repository_user_permission"][0]
    project = ids[of_kind["project"][0]].split("/")[1]
    there = f"/2.0/repositories/{WORKSPACE}"

    ask(served, "PUT", f"/1.0/groups/{WORKSPACE}/{group}", json={"permission": "write"})
    ask(served, "PUT", f"/2.0/repositories/{repository}", json={"description": "another", "has_wiki": True})
    ask(served, "PUT", f"/2.0/workspaces/{WORKSPACE}/projects/{project}", json={"name": "another"})
    ask(served, "PUT", f"{there}/{slug}/permissions-config/groups/{of_group}", json={"permission": other})
    ask(served, "DELETE", "{}/{}/permissions-config/users/{}".format(there, *ids[user].split(":")[1:]))
    ask(served, "DELETE", f"/1.0/groups/{WORKSPACE}/{gone}")

    changed = {of_kind["group"][0], of_kind["repository"][0], of_kind["project"][0], permission, user}
    lost = {each for each in ids if re.search(rf"[:/]{gone}(?:[:/]|$)", ids[each])}
    expected = {address: ["create"] if address in lost else ["update"] for address in changed | lost}
    assert {address: actions for address, actions in applied.tofu.changes().items() if address in ids} == expected
    applied.tofu("apply", "-auto-approve", "-input=false", "-parallelism=10")
    assert applied.tofu.changes() == {}


def everything(served: Live) -> str:
    """Return all accounts with their groups, projects, repositories and permissions, and alice's SSH keys."""
    exported = served.run("export")
    assert exported.returncode == 0, exported.stderr
    return exported.stdout + json.dumps(ask(served, "GET", "/2.0/users/alice/ssh-keys"))


def test_apply_plan_import_drift_destroy(served: Live, tmp_path: Path) -> None:
    before = everything(served)
    applied = apply(served, tmp_path / "terraform")

    check_calls(applied)
    check_import(applied)
    check_drift(applied)
    applied.tofu("destroy", "-auto-approve", "-input=false", "-parallelism=10")

    assert everything(served) == before
    assert served.run("journal", "--verify").returncode == 0
