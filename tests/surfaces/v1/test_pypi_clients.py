"""Two clients from PyPI, as they are there, against a real server: libsaas 0.4 and pybitbucket 0.12.0."""

import json
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import cast
from live import Live

# Both were written for Python 2: compiling and importing them warns, on a fresh environment only.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::SyntaxWarning")


# -- libsaas: everything that it offers of groups and privileges -----------------------------------


@pytest.fixture
def alice(served: Live) -> Iterator[Any]:
    """libsaas's Bitbucket service as alice, redirected by its `apiroot`, with acme as its user."""
    from libsaas.executors import base, requests_executor
    from libsaas.services import bitbucket

    # Its other executor, urllib2, can't send fields under Python 3.
    before = base.current_executor()
    requests_executor.use()
    service = bitbucket.BitBucket("alice", cast.password("alice"))
    service.apiroot = f"{served.base}/1.0"
    yield service.user("acme")
    base.use_executor(before)


@pytest.fixture
def crew(alice: Any) -> Iterator[Any]:
    """A new group, gone afterwards."""
    alice.groups().create({"name": "Night Crew"})
    yield alice.group("night-crew")
    if any(group["slug"] == "night-crew" for group in alice.groups().get()):
        alice.group("night-crew").delete()


def code(error: "pytest.ExceptionInfo[Any]") -> tuple[int, bytes]:
    return error.value.code, error.value.body


def test_libsaas_lists_groups(alice: Any) -> None:
    groups = alice.groups().get()

    assert [group["slug"] for group in groups] == ["administrators", "designers", "developers"]
    assert [member["username"] for member in groups[2]["members"]] == ["alice", "bob", "dora"]


def test_libsaas_creates_reads_and_deletes_a_group(alice: Any) -> None:
    made = alice.groups().create({"name": "Day Crew", "permission": "write"})

    assert (made["slug"], made["permission"], made["members"]) == ("day-crew", "write", [])
    assert alice.group("day-crew").get() == made

    assert alice.group("day-crew").delete() is None
    assert "day-crew" not in [group["slug"] for group in alice.groups().get()]


@pytest.mark.parametrize("body", ["name=Raw Crew", json.dumps({"name": "Raw Crew"})], ids=["form", "json"])
def test_libsaas_creates_a_group_from_a_body_written_by_hand(alice: Any, body: str) -> None:
    made = alice.groups().create(body)
    alice.group(made["slug"]).delete()

    assert made["name"] == "Raw Crew"


def test_libsaas_updates_a_group_with_what_it_read_of_it(alice: Any, crew: Any) -> None:
    read = crew.get()
    read["permission"] = "admin"
    read["auto_add"] = True

    updated = crew.update(read)

    # Members and owner go along as the text of Python values: unknown fields are ignored, never applied.
    assert updated == read == crew.get()


def test_libsaas_renames_a_group(alice: Any, crew: Any) -> None:
    from libsaas.http import HTTPError

    renamed = crew.update({"name": "Early Birds"})
    with pytest.raises(HTTPError) as missing:
        crew.get()
    alice.group("early-birds").update({"name": "Night Crew"})

    assert (renamed["name"], renamed["slug"]) == ("Early Birds", "early-birds")
    assert code(missing) == (404, b"No Group matches the given query.")


def test_libsaas_adds_lists_and_removes_members(crew: Any) -> None:
    added = [crew.members().create(name) for name in ("dora", "bob", "mallory")]
    assert [member["username"] for member in added] == ["dora", "bob", "mallory"]
    assert crew.members().get() == added

    assert crew.member("bob").get() == added[1]
    assert crew.member("bob").delete() is None
    assert crew.members().get() == [added[0], added[2]]


def told(privileges: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Group privileges in short: repository, group, level."""
    return [(each["repo"], each["group"]["slug"], each["privilege"]) for each in privileges]


def test_libsaas_lists_group_privileges(alice: Any) -> None:
    privileges = alice.group_privileges()

    everything = [
        ("acme/rocket", "administrators", "admin"),
        ("acme/rocket", "designers", "write"),
        ("acme/website", "administrators", "admin"),
        ("acme/website", "developers", "write"),
    ]
    assert told(privileges.get()) == everything
    assert told(privileges.get(filter="admin")) == everything[::2]
    assert told(privileges.get(private=True)) == everything[:2]
    assert told(privileges.get(filter="admin", private=True)) == everything[:1]


def test_libsaas_grants_and_revokes_a_group_privilege(alice: Any, crew: Any) -> None:
    def of_crew() -> list[tuple[str, str, str]]:
        return [each for each in told(alice.group_privileges().get()) if each[1] == "night-crew"]

    seen = []
    for level in ("read", "admin", "write"):
        assert alice.group_privileges().grant("night-crew", "rocket", level) is None
        seen += of_crew()
    assert alice.group_privileges().revoke("night-crew", "rocket") is None

    assert seen == [("acme/rocket", "night-crew", level) for level in ("read", "admin", "write")]
    assert of_crew() == []


def test_libsaas_gives_and_takes_a_privilege_of_one_person(alice: Any) -> None:
    everybodys, bobs = (alice.parent.repo("acme", "rocket").privileges(name) for name in (None, "bob"))

    assert bobs.grant("write") is None
    given = bobs.get()
    assert [(each["repo"], each["user"]["username"], each["privilege"]) for each in given] == [
        ("acme/rocket", "bob", "write")
    ]
    assert everybodys.get() == given == everybodys.get(filter="read")
    assert everybodys.get(filter="admin") == []

    assert bobs.revoke() is None
    assert everybodys.get() == []


def test_libsaas_hears_why_not(alice: Any, crew: Any) -> None:
    from libsaas.http import HTTPError

    crew.members().create("bob")
    with pytest.raises(HTTPError) as again:
        crew.members().create("bob")
    with pytest.raises(HTTPError) as duplicate:
        alice.groups().create({"name": "night crew"})
    with pytest.raises(HTTPError) as absent:
        crew.member("dora").delete()
    with pytest.raises(HTTPError) as removed:
        alice.followers()
    with pytest.raises(HTTPError) as no_level:
        alice.group_privileges().grant("night-crew", "rocket", "owner")
    with pytest.raises(HTTPError) as nothing_there:
        alice.group_privileges().revoke("night-crew", "rocket")

    assert code(again) == (409, b"Conflict/Duplicate")
    assert code(duplicate)[0] == 400
    assert code(absent)[0] == 404
    assert code(removed)[0] == 410
    assert code(no_level) == (400, b"owner is not a valid privilege")
    assert code(nothing_there)[0] == 404


# -- pybitbucket: its root resource knows the addresses of groups and privileges; its base class posts ----


@pytest.fixture
def library(served: Live, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """pybitbucket with its addresses redirected, and with its one quarrel with newer Pythons settled."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pybitbucket import bitbucket

    # Its addresses are absolute, in one text; `server_base_uri` reaches only some of them.
    moved = bitbucket.entrypoints_json.replace("https://api.bitbucket.org", served.base)
    monkeypatch.setattr(bitbucket, "entrypoints_json", moved)
    # PATCH FOR PYTHON 3.8 TO 3.11: it asks `"self" in BitbucketSpecialAction`. An enum answered that with False for
    # any text up to 3.7, and raises TypeError since; an empty set answers as the enum did.
    monkeypatch.setattr(bitbucket, "BitbucketSpecialAction", frozenset())
    return bitbucket


def client(library: ModuleType, served: Live, name: str) -> Any:
    from pybitbucket.auth import BasicAuthenticator

    signed_in = BasicAuthenticator(name, cast.password(name), f"{name}@example.com", server_base_uri=served.base)
    return library.Client(signed_in)


def test_pybitbucket_lists_an_accounts_groups(library: ModuleType, served: Live) -> None:
    root = library.Bitbucket(client=client(library, served, "bob"))

    assert [group["slug"] for group in root.groupsForOwner(owner="acme")] == ["designers", "developers"]


def test_pybitbucket_lists_groups_by_filter(library: ModuleType, served: Live) -> None:
    root = library.Bitbucket(client=client(library, served, "alice"))

    # Its template explodes `filter`, so that the API's `group` parameters are keys of it.
    found = list(root.groupsForFilter(filter={"group": "acme/designers"}))
    everywhere = list(root.groupsForFilter())

    assert [group["slug"] for group in found] == ["designers"]
    assert [group["slug"] for group in everywhere] == ["administrators", "designers", "developers"]


def test_pybitbucket_reads_a_group_and_its_members(library: ModuleType, served: Live) -> None:
    root = library.Bitbucket(client=client(library, served, "alice"))

    group = next(root.groupForOwnerAndGroupId(owner="acme", group_id="developers"))
    members = list(root.groupMembers(owner="acme", group_id="developers"))

    assert (group["name"], group["permission"]) == ("Developers", "write")
    assert members == group["members"]
    assert [member["username"] for member in members] == ["alice", "bob", "dora"]


@pytest.mark.parametrize(
    ("entry", "words", "shown"),
    [
        ("groupPrivilegesForRepositoryOwner", {}, ["administrators", "designers", "administrators", "developers"]),
        ("groupPrivilegesForRepository", {"repository_id": "rocket"}, ["administrators", "designers"]),
        (
            "groupPrivilegesForRepositoryPrivilegesGroup",
            {"group_owner": "acme", "group_id": "designers"},
            ["designers"],
        ),
        (
            "groupForRepositoryAndGroup",
            {"repository_id": "rocket", "group_owner": "acme", "group_id": "designers"},
            ["designers"],
        ),
    ],
)
def test_pybitbucket_reads_group_privileges(
    library: ModuleType, served: Live, entry: str, words: dict[str, str], shown: list[str]
) -> None:
    root = library.Bitbucket(client=client(library, served, "alice"))

    found = list(getattr(root, entry)(repository_owner="acme", **words))

    assert [each["group"]["slug"] for each in found] == shown
    assert {each["repo"] for each in found} <= {"acme/rocket", "acme/website"}


def test_pybitbucket_reads_what_groups_may_do_with_an_account(library: ModuleType, served: Live) -> None:
    from pybitbucket.user import UserV1

    acme = UserV1({"user": {"username": "acme"}}, client=client(library, served, "alice"))

    # One of the relationships of its 1.0 users; unlike the root's addresses these follow `server_base_uri`.
    assert list(acme.privileges()) == [{"acme/administrators": "admin"}]


@pytest.mark.parametrize("how", ["json", "data"])
def test_pybitbucket_posts_a_group(library: ModuleType, served: Live, how: str) -> None:
    signed_in = client(library, served, "alice")

    made = library.BitbucketBase.post(
        f"{served.base}/1.0/groups/acme", **{how: {"name": f"By {how}"}}, client=signed_in
    )
    served("alice", "DELETE", f"/1.0/groups/acme/by-{how}")

    assert (made["name"], made["slug"], made["members"]) == (f"By {how}", f"by-{how}", [])


def test_pybitbucket_tells_a_bad_request_in_the_servers_words(library: ModuleType, served: Live) -> None:
    with pytest.raises(library.BadRequestError) as bad:
        library.BitbucketBase.post(
            f"{served.base}/1.0/groups/acme", data={"name": "Designers"}, client=client(library, served, "alice")
        )

    assert bad.value.code == 400
    assert bad.value.text == "Bad Request: the account has a group with the slug 'designers' already."


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("privilegesForOwner", {"owner": "acme"}),
        ("privilegesForRepository", {"owner": "acme", "repository_name": "website"}),
        ("privilegesForRepositoryAndUsername", {"owner": "acme", "repository_name": "website", "username": "dora"}),
    ],
)
def test_pybitbucket_reads_what_was_given_to_people(
    library: ModuleType, served: Live, entry: str, words: dict[str, str]
) -> None:
    root = library.Bitbucket(client=client(library, served, "alice"))

    found = [(each["repo"], each["privilege"], each["user"]["username"]) for each in getattr(root, entry)(**words)]

    assert found == [("acme/website", "admin", "dora")]
