"""Three public clients against the double, as their users call them: libsaas, pybitbucket, a Terraform provider."""

import subprocess
import sys
from typing import Any

import pytest
import requests

from onebucket.testing import Credential, Double


@pytest.fixture
def acme(bitbucket: Double) -> Double:
    bitbucket.team("acme", groups={"administrators": ["alice"], "developers": ["carol"]}, repositories=["rocket"])
    bitbucket.user("bob")
    return bitbucket


def run(program: str) -> str:
    """Run a program in a process of its own; it inherits the way to the double."""
    command = [sys.executable, "-W", "ignore", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_libsaas_makes_a_group_and_adds_somebody(acme: Double) -> None:
    pytest.importorskip("libsaas")
    user, password = acme.token("alice")

    with acme.unchanged():
        told = run(f"""
from libsaas.executors import requests_executor
from libsaas.services import bitbucket
requests_executor.use()
acme = bitbucket.BitBucket({user!r}, {password!r}).user("acme")
print(acme.groups().create({{"name": "Night Crew"}})["slug"])
acme.group("night-crew").members().create("bob")
""")

    assert told == "night-crew"
    assert acme.members("acme/night-crew") == ["bob"]
    assert [each.status for each in acme.requests.matching(user="alice")] == [200, 200]


def test_pybitbucket_reads_groups_with_what_it_may_do(acme: Double) -> None:
    pytest.importorskip("pybitbucket")
    user, password = acme.token("carol", "account")

    with acme.unchanged():
        told = run(f"""
from pybitbucket import bitbucket
from pybitbucket.auth import BasicAuthenticator
bitbucket.BitbucketSpecialAction = frozenset()  # as it was before Python 3.8
client = bitbucket.Client(BasicAuthenticator({user!r}, {password!r}, "carol@example.com"))
print([group["slug"] for group in bitbucket.Bitbucket(client=client).groupsForOwner(owner="acme")])
""")

    assert told == "['developers']"


class Provider:
    """What a Terraform provider sends for a group: JSON, one request for each step, and no second attempt."""

    def __init__(self, acme: Double, credential: Credential) -> None:
        self._groups = f"{acme.url}/1.0/groups/acme"
        self._auth = credential

    def create(self, name: str) -> str:
        made: dict[str, Any] = self._send("POST", self._groups, json={"name": name, "permission": "read"})
        return str(made["slug"])

    def read(self, slug: str) -> dict[str, Any]:
        found: dict[str, Any] = self._send("GET", f"{self._groups}/{slug}")
        return found

    def update(self, slug: str, **fields: object) -> None:
        self._send("PUT", f"{self._groups}/{slug}", json=fields)

    def delete(self, slug: str) -> None:
        self._send("DELETE", f"{self._groups}/{slug}")

    def _send(self, method: str, url: str, **how: Any) -> Any:
        answer = requests.request(method, url, auth=self._auth, timeout=30, **how)
        answer.raise_for_status()
        return answer.json() if answer.content else None


def test_a_terraform_provider_loses_a_group_when_an_error_comes_after_the_change(acme: Double) -> None:
    provider = Provider(acme, acme.token("alice"))
    slug = provider.create("Pilots")
    provider.update(slug, name="Pilots", permission="write")
    assert provider.read(slug)["permission"] == "write"
    provider.delete(slug)

    acme.fail("POST", "/1.0/groups/acme*", after_commit=500, times=1)
    with pytest.raises(requests.HTTPError, match="500"):
        provider.create("Pilots")

    # The group is there, and Terraform's state knows nothing of it: the next apply is refused.
    with pytest.raises(requests.HTTPError, match="400"):
        provider.create("Pilots")
    assert provider.read("pilots")["name"] == "Pilots"
