"""Bad input to API 2.0, through the whole server: each is refused in the envelope, and changes nothing."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

import httpx
import pytest

import ssh_keygen
from cast import Api, basic, operator, token
from onebucket.actions import projects, repositories, ssh_keys
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.refusals import Conflict
from onebucket.store.connect import connect
from onebucket.surfaces.core.surface import Route
from onebucket.surfaces.v2.routes import V2

pytestmark = pytest.mark.runs_on("SQLite", "PostgreSQL")

ACME = "/2.0/repositories/acme"
PROJECTS = "/2.0/workspaces/acme/projects"
NAMES = {
    "workspace": "acme",
    "repo_slug": "website",
    "project_key": "PROJ",
    "group_slug": "designers",
    "selected_user": "alice",
    "selected_user_id": "dora",
    "member": "alice",
    "email": "alice@example.com",
    "key_id": "nothing",
}
# Where lists can be asked for by condition and order too, and what they can be asked by.
CONDITIONS = {
    f"{ACME}": "slug",
    PROJECTS: "key",
    "/2.0/workspaces": "slug",
    "/2.0/user/workspaces": "workspace.slug",
    "/2.0/user/permissions/workspaces": "workspace.slug",
    "/2.0/workspaces/acme/members": "user.nickname",
    "/2.0/workspaces/acme/permissions": "user.nickname",
    "/2.0/workspaces/acme/permissions/repositories": "user.nickname",
    "/2.0/workspaces/acme/permissions/repositories/website": "user.nickname",
    "/2.0/user/workspaces/acme/permissions/repositories": "repository.name",
    "/2.0/user/permissions/repositories": "repository.name",
    "/2.0/repositories": "name",
}


def lists() -> list[str]:
    """The address of every list of API 2.0."""

    def is_list(route: Route) -> bool:
        return route.method == "GET" and any(parameter.name == "pagelen" for parameter in route.query)

    return ["/2.0" + route.path.format_map(NAMES) for route in V2.routes if is_list(route)]


def refused(api: Api, who: str, method: str, address: str, **how: Any) -> tuple[int, str]:
    """The status and the message of a refusal, having made sure that it changed nothing."""
    before = api.everything()

    answer = api(who, method, address, **how)

    assert api.everything() == before
    document = answer.json()
    assert (document["type"], set(document)) == ("error", {"type", "error"})
    return answer.status_code, document["error"]["message"]


# -- lists -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", lists())
def test_a_page_that_is_no_page_is_refused_by_every_list(api: Api, address: str) -> None:
    asked = {
        "pagelen": ("0", "101", "x", "-1", "1e1"),
        "page": ("0", "99999999999", "x", "-1", "1.5"),
    }

    for name, values in asked.items():
        for value in values:
            assert refused(api, "alice", "GET", f"{address}?{name}={value}") == (400, f"Invalid {name}"), value
    beyond = api("alice", "GET", f"{address}?page=1000000000&pagelen=100")
    assert (beyond.status_code, beyond.json()["values"]) == (200, [])
    assert "next" not in beyond.json()


def test_every_list_with_conditions_is_tried(api: Api) -> None:
    with_conditions = {
        "/2.0" + route.path.format_map(NAMES) for route in V2.routes if any(each.name == "q" for each in route.query)
    }

    assert with_conditions <= CONDITIONS.keys()


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ('((({field} = "x"', "')' is needed here"),
        ('{field} = "x")', "AND, OR or the end is needed here"),
        ("()", "the name of a field is needed here"),
        ('secret = "x"', "there is no field 'secret' in this list"),
        ('password_hash ~ "$argon2id"', "there is no field 'password_hash'"),
        ('{field} = "x" OR 1=1', "the name of a field is needed here"),
        ("{field} = 'x' OR 'a'='a'", "a text stands between double quotes"),
        ('{field} = "x"; DROP TABLE accounts', "';' is not understood here"),
        ('{field} = "x" -- comment', "'-' is not understood here"),
        ('{field} = "x" UNION SELECT 1', "AND, OR or the end is needed here"),
        ('{field} = "' + "x" * 10_000 + '"', "8,000 characters long at most"),
        ("(" * 5_000, "20 levels deep at most"),
        ('{field} = "x"' + ' OR {field} = "x"' * 100, "100 comparisons at most"),
        ('{field} = "\x00"', "a text stands between double quotes"),
    ],
)
def test_a_condition_that_is_none_is_refused_with_its_place(api: Api, condition: str, sentence: str) -> None:
    for address, field in CONDITIONS.items():
        asked = quote(condition.replace("{field}", field))

        status, message = refused(api, "alice", "GET", f"{address}?q={asked}")

        assert status == 400 and sentence in message, (address, message)


@pytest.mark.parametrize("text", ["' OR '1'='1", 'x\\" OR 1=1 --', "%' OR '%'='", "_%", "\\\\", "😀", "é" * 255])
def test_a_text_to_compare_with_is_a_text_whatever_it_is(api: Api, text: str) -> None:
    for address, field in CONDITIONS.items():
        for comparison in ("=", "~"):
            asked = quote(f'{field} {comparison} "{text}"')

            answer = api("alice", "GET", f"{address}?q={asked}")

            assert (answer.status_code, answer.json()["values"]) == (200, []), (address, comparison)


def test_90_addresses_are_looked_for_at_once(api: Api) -> None:
    addresses = ", ".join(f'"person{number}@example.com"' for number in range(89))
    asked = quote(f'user.email IN ({addresses}, "bob@example.com")')

    found = api("alice", "GET", f"/2.0/workspaces/acme/members?q={asked}")

    assert [each["user"]["nickname"] for each in found.json()["values"]] == ["bob"]


@pytest.mark.parametrize("sort", ["secret", "--slug", "slug,name", "slug; DROP TABLE accounts", "x" * 10_000])
def test_an_order_that_is_none_is_refused(api: Api, sort: str) -> None:
    for address in CONDITIONS:
        status, message = refused(api, "alice", "GET", f"{address}?sort={quote(sort)}")

        assert status == 400 and message.startswith("This list can't be sorted by"), address


@pytest.mark.parametrize(
    "fields",
    [".".join(["links"] * 1000), ".".join(["links"] * 11), "-" + ".".join(["a"] * 1000), "a..b", "a,,b", "x" * 2001],
)
def test_fields_too_deep_too_long_or_without_a_name_are_refused_everywhere(api: Api, fields: str) -> None:
    for route in V2.routes:
        if route.method == "GET" and any(each.name == "fields" for each in route.query):
            status, message = refused(api, "alice", "GET", f"/2.0{route.path.format_map(NAMES)}?fields={fields}")

            assert status in (400, 404), route.path
            assert status == 404 or "fields" in message.lower()


# -- names of other workspaces ---------------------------------------------------------------------


def of_others(api: Api) -> dict[str, str]:
    """What alice may not name as if it were acme's: UUIDs, slugs and keys of globex and of gina."""
    satellite = api("gina", "GET", "/2.0/repositories/globex/satellite").json()
    project = api("gina", "GET", "/2.0/workspaces/globex/projects/PROJ").json()
    api.operate(lambda work: projects.create(work, "globex", "ORBIT", name="Orbit"))
    return {
        "repository": satellite["uuid"],
        "slug": "satellite",
        "project": project["uuid"],
        "key": "ORBIT",
        "workspace": satellite["workspace"]["uuid"],
    }


def test_what_belongs_to_another_workspace_is_not_found_in_ones_own(api: Api) -> None:
    others = of_others(api)
    wrong = [
        (method, address, body)
        for method, body in (("GET", None), ("PUT", {"permission": "read"}), ("DELETE", None))
        for address in (
            f"{ACME}/{quote(others['repository'])}",
            f"{ACME}/{others['slug']}",
            f"{PROJECTS}/{others['key']}",
            f"{PROJECTS}/{quote(others['project'])}",
            f"{PROJECTS}/{others['key']}/permissions-config/groups/developers",
            f"{ACME}/{others['slug']}/permissions-config/groups/developers",
            f"{ACME}/website/permissions-config/groups/orbit-crew",
            f"{PROJECTS}/PROJ/permissions-config/groups/orbit-crew",
        )
        # A repository that is missing is created by PUT.
        if not (method == "PUT" and address.startswith(ACME) and "permissions-config" not in address)
    ]

    for method, address, body in wrong:
        status, _ = refused(api, "alice", method, address, json=body)

        assert status == 404, (method, address)


def test_a_repository_does_not_go_into_the_project_of_another_workspace(api: Api) -> None:
    others = of_others(api)

    for key in (others["key"], others["project"]):
        for method, slug in (("POST", "new"), ("PUT", "website"), ("PUT", "missing")):
            status, message = refused(api, "alice", method, f"{ACME}/{slug}", json={"project": {"key": key}})

            assert status == 404 and message.startswith("Acme has no project"), (method, key)


def test_a_workspace_by_uuid_shows_no_more_than_by_name(api: Api) -> None:
    others = of_others(api)

    for rest in ("/members", "/permissions", "/projects/ORBIT", "/projects/PROJ/permissions-config/groups"):
        by_name = api("alice", "GET", f"/2.0/workspaces/globex{rest}")
        by_uuid = api("alice", "GET", f"/2.0/workspaces/{quote(others['workspace'])}{rest}")

        assert by_name.status_code in (403, 404)
        assert (by_uuid.status_code, by_uuid.json()) == (by_name.status_code, by_name.json())


def test_an_ssh_key_of_somebody_else_is_not_found_as_ones_own(api: Api) -> None:
    _, doras = api.operate(lambda work: ssh_keys.add(work, "dora", ssh_keygen.public()))

    for method in ("GET", "PUT", "DELETE"):
        status, _ = refused(api, "alice", method, f"/2.0/users/alice/ssh-keys/{doras.id}", json={"label": "mine"})

        assert status == 404


# -- permissions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("of", ["groups/designers", "users/dora"])
@pytest.mark.parametrize(
    ("on", "words"),
    [
        # `create-repo` is a project's, `none` is told and not set, the others are of other nouns or none.
        (f"{ACME}/website", ("create-repo", "none", "owner", "member", "collaborator", "Write", "", None, 7, ["read"])),
        (f"{PROJECTS}/PROJ", ("create-project", "none", "owner", "member", "contributor", "ADMIN", "", None, 7, {})),
    ],
)
def test_a_permission_with_a_word_of_another_noun_is_refused(
    api: Api, on: str, words: tuple[object, ...], of: str
) -> None:
    for word in words:
        status, message = refused(api, "alice", "PUT", f"{on}/permissions-config/{of}", json={"permission": word})

        assert status == 400 and "permission" in message, word


# -- projects and renames --------------------------------------------------------------------------


def test_a_project_that_has_repositories_is_kept(api: Api) -> None:
    kept = refused(api, "alice", "DELETE", f"{PROJECTS}/proj")

    assert kept == (400, "The project PROJ has repositories: move or delete them first (2).")


def test_nothing_takes_the_name_of_another(api: Api) -> None:
    api.operate(lambda work: projects.create(work, "acme", "OPS", name="Operations"))

    taken = [
        refused(api, "alice", "PUT", f"{ACME}/rocket", json={"slug": "website"}),
        refused(api, "alice", "PUT", f"{ACME}/rocket", json={"name": "Website"}),
        refused(api, "alice", "POST", f"{ACME}/website", json={}),
        refused(api, "alice", "PUT", f"{PROJECTS}/OPS", json={"key": "PROJ"}),
        refused(api, "alice", "PUT", f"{PROJECTS}/OPS", json={"key": "proj"}),
        refused(api, "alice", "POST", PROJECTS, json={"key": "OPS", "name": "Again"}),
    ]

    assert [status for status, _ in taken] == [409, 409, 409, 409, 400, 409]


# -- at once ---------------------------------------------------------------------------------------


def at_once(api: Api, asks: Sequence[tuple[str, str, dict[str, Any]]]) -> list[int]:
    """Send requests of alice's concurrently; return the statuses, in order of their size."""

    async def all_of_them() -> list[httpx.Response]:
        header = {"Authorization": basic("alice", token("alice"))}
        under_way = (api.client.request(method, address, headers=header, json=body) for method, address, body in asks)
        return list(await asyncio.gather(*under_way))

    return sorted(answer.status_code for answer in api.run(all_of_them()))


@pytest.mark.parametrize(
    ("asks", "statuses"),
    [
        ([("POST", PROJECTS, {"key": "RACE", "name": f"Number {number}"}) for number in range(6)], [201] + [409] * 5),
        ([("POST", f"{ACME}/race", {"description": str(number)}) for number in range(6)], [200] + [409] * 5),
        ([("PUT", f"{ACME}/race", {"description": str(number)}) for number in range(6)], [200] * 5 + [201]),
        ([("PUT", f"{ACME}/{slug}", {"slug": "race"}) for slug in ("rocket", "website")], [201, 409]),
        ([("DELETE", f"{ACME}/rocket", {})] * 3, [204, 404, 404]),
    ],
)
def test_of_several_at_once_one_wins(
    api: Api, asks: list[tuple[str, str, dict[str, Any]]], statuses: list[int]
) -> None:
    assert at_once(api, asks) == statuses


CREATIONS: dict[str, Callable[[UnitOfWork], object]] = {
    "a project": lambda work: projects.create(work, "acme", "RACE", name="Race"),
    "a repository": lambda work: repositories.add(work, "acme", "race"),
    "the first project": lambda work: repositories.add(work, "gina", work.new_id()[:8]),
}


@pytest.mark.parametrize("what", CREATIONS)
def test_of_several_processes_that_create_the_same_one_wins(api: Api, what: str) -> None:
    ready, results = threading.Barrier(4), list[str]()

    def create() -> None:
        db = connect(api.db.url)
        ready.wait()
        try:
            with db.writing() as tx:
                CREATIONS[what](operator(tx))
            results.append("created")
        except Conflict:
            results.append("refused")
        db.close()

    threads = [threading.Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    if what == "the first project":
        assert results == ["created"] * 4
        listed = api("gina", "GET", "/2.0/workspaces/gina/projects").json()["values"]
        assert [each["key"] for each in listed] == ["PROJ"]
    else:
        assert sorted(results) == ["created", "refused", "refused", "refused"]


# -- a private key, posted by mistake --------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_private_key_is_refused_and_kept_nowhere(api: Api, capfd: pytest.CaptureFixture[str], method: str) -> None:
    _, key = api.operate(lambda work: ssh_keys.add(work, "alice", ssh_keygen.public()))
    address = "/2.0/users/alice/ssh-keys" + (f"/{key.id}" if method == "PUT" else "")
    private = ssh_keygen.private()
    secret = private.splitlines()[1]

    for body in ({"key": private}, {"key": key.key, "label": private}, {"key": private.replace("\n", " ")}):
        status, message = refused(api, "alice", method, address, json=body)

        assert status == 400 and message.startswith("That is a private key, and nothing of it was kept")
    told = str(api.attempts()) + "".join(capfd.readouterr())
    assert len(api.attempts()) == 3 and secret not in told
