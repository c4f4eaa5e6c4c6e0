"""`/api/access/verify`: what proxies in front of git let through, and what they refuse, however it is spelled."""

import httpx
import pytest

import cast
from cast import Api
from gateway import READING, ROCKET, WRITING, set_stage
from onebucket.actions import project_privileges, projects, repositories
from onebucket.domain.projects import ProjectLevel

VERIFY = "/api/access/verify"
SHA1, SHA256 = "a1" * 20, "a1" * 32


@pytest.fixture
def staged(api: Api) -> Api:
    with api.db.writing() as tx:
        set_stage(cast.operator(tx))
    return api


def ask(
    api: Api, who: str | tuple[str, str] | None, address: str | None, method: str | None = "GET", **how: str
) -> httpx.Response:
    """Ask as nginx would; `how` are query parameters."""
    told = {"X-Original-URI": address, "X-Original-Method": method}
    headers = {name: value.encode("latin-1") for name, value in told.items() if value is not None}
    return api(who, "GET", VERIFY, headers=headers, params=how)


def needed(api: Api, method: str, address: str) -> str:
    """The level that a request to acme/rocket or the like needs, found out by asking as people who have each."""
    statuses = {who: ask(api, who, address, method).status_code for who in ("mallory", "bob", "dora", "alice")}
    assert set(statuses.values()) <= {200, 403}
    let = [who for who, status in statuses.items() if status == 200]
    return {
        "bob dora alice": "read",
        "dora alice": "write",
        "alice": "admin",
        "mallory bob dora alice": "nothing",
        "": "refused",
    }[" ".join(let)]


@pytest.mark.parametrize(
    ("method", "path", "level"),
    [
        ("GET", "/info/refs?service=git-upload-pack", "read"),
        ("HEAD", "/info/refs?service=git-upload-pack", "read"),
        ("POST", "/git-upload-pack", "read"),
        ("GET", "/info/refs?service=git-receive-pack", "write"),
        ("HEAD", "/info/refs?service=git-receive-pack", "write"),
        ("POST", "/git-receive-pack", "write"),
        # The dumb protocol: files, read by old clients.
        ("GET", "/info/refs", "read"),
        ("GET", "/HEAD", "read"),
        ("HEAD", "/HEAD", "read"),
        ("GET", "/objects/info/packs", "read"),
        ("GET", "/objects/info/alternates", "read"),
        ("GET", "/objects/info/http-alternates", "read"),
        ("GET", f"/objects/{SHA1[:2]}/{SHA1[2:]}", "read"),
        ("GET", f"/objects/{SHA256[:2]}/{SHA256[2:]}", "read"),
        ("GET", f"/objects/pack/pack-{SHA1}.pack", "read"),
        ("GET", f"/objects/pack/pack-{SHA256}.idx", "read"),
        # Not git's.
        ("GET", "", "refused"),
        ("GET", "/", "refused"),
        ("GET", "/config", "refused"),
        ("GET", "/info/refs/", "refused"),
        ("GET", "/info/lfs/objects/batch", "refused"),
        ("POST", "/git-upload-archive", "refused"),
        ("GET", "/objects/pack/../../config", "refused"),
        ("GET", "/objects/info/refs", "refused"),
        ("GET", "/objects/x/HEAD", "refused"),
        ("POST", "/objects/x/git-receive-pack", "refused"),
        ("GET", f"/objects/pack/pack-{SHA1}.keep", "refused"),
        ("GET", f"/objects/{SHA1[:2]}/{SHA1[2:]}00", "refused"),
        # Other methods than git uses there.
        ("POST", "/info/refs?service=git-upload-pack", "refused"),
        ("POST", "/info/refs?service=git-receive-pack", "refused"),
        ("POST", "/HEAD", "refused"),
        ("GET", "/git-upload-pack", "refused"),
        ("GET", "/git-receive-pack", "refused"),
        ("HEAD", "/git-receive-pack", "refused"),
        ("PUT", "/git-receive-pack", "refused"),
        ("PUT", "/info/refs?service=git-upload-pack", "refused"),
        ("DELETE", "/info/refs?service=git-upload-pack", "refused"),
        ("DELETE", "/git-upload-pack", "refused"),
        ("OPTIONS", "/info/refs", "refused"),
        ("get", "/info/refs", "refused"),
        ("", "/info/refs", "refused"),
        ("POST, GET", "/git-upload-pack", "refused"),
        # Queries that git, or a proxy, could read in another way.
        ("GET", "/info/refs?", "refused"),
        ("GET", "/info/refs?service=", "refused"),
        ("GET", "/info/refs?service=git-upload-pack&", "refused"),
        ("GET", "/info/refs?service=git-upload-pack&service=git-receive-pack", "refused"),
        ("GET", "/info/refs?service=git-receive-pack&service=git-upload-pack", "refused"),
        ("GET", "/info/refs?service=git-upload-pack;service=git-receive-pack", "refused"),
        ("GET", "/info/refs?service=git-upload-pack%26service=git-receive-pack", "refused"),
        ("GET", "/info/refs?service=git-upload-pack#&service=git-receive-pack", "refused"),
        ("GET", "/info/refs?x=1&service=git-receive-pack", "refused"),
        ("GET", "/info/refs?service=GIT-RECEIVE-PACK", "refused"),
        ("GET", "/info/refs?Service=git-receive-pack", "refused"),
        ("GET", "/info/refs?service=git%2Dreceive%2Dpack", "refused"),
        ("GET", "/info/refs?%73ervice=git-receive-pack", "refused"),
        ("GET", "/info/refs?service=git-receive-pack%00", "refused"),
        ("GET", "/info/refs?service=+git-receive-pack", "refused"),
        ("GET", "/info/refs?service=git-upload-archive", "refused"),
        ("GET", "/info/refs%3Fservice=git-receive-pack", "refused"),
        ("POST", "/git-upload-pack?service=git-receive-pack", "refused"),
        ("POST", "/git-receive-pack?service=git-upload-pack", "refused"),
    ],
)
def test_a_request_needs_its_level(staged: Api, method: str, path: str, level: str) -> None:
    before = staged.everything()

    assert needed(staged, method, ROCKET + path) == level

    assert staged.everything() == before


@pytest.mark.parametrize(
    ("repository", "level"),
    [
        ("/acme/rocket.git", "read"),
        ("/acme/rocket", "read"),
        ("/ACME/rocket.git", "read"),
        ("/acme/dots.and-dashes.git", "read"),
        ("/acme/dots.and-dashes", "read"),
        ("/{acme}/rocket.git", "read"),
        ("/%7Bacme%7D/rocket.git", "read"),
        ("/%7bacme%7d/rocket.git", "read"),
        ("/acme/handbook.git", "nothing"),
        # No such repository, or nobody of these may know of it.
        ("/acme/Rocket.git", "refused"),
        ("/acme/rocket.git.git", "refused"),
        ("/acme/rocket.GIT", "refused"),
        ("/acme/.git", "refused"),
        ("/acme/dots.and-dashes.git.git", "refused"),
        ("/acme/none.git", "refused"),
        ("/none/rocket.git", "refused"),
        ("/globex/vault.git", "refused"),
        # Spelled so that somebody could find another repository in it.
        ("/acme%2Frocket.git", "refused"),
        ("/acme%2frocket", "refused"),
        ("/acme%252Frocket.git", "refused"),
        ("/acme%5Crocket.git", "refused"),
        ("/acme\\rocket.git", "refused"),
        ("/acme/rocket%2egit", "refused"),
        ("/acme/%72ocket.git", "refused"),
        ("/%61cme/rocket.git", "refused"),
        ("/acme/rocket.git%00", "refused"),
        ("/acme/rocket.git\x00", "refused"),
        ("/acme/rocket.git%0a", "refused"),
        ("/acme/rocket.git%20", "refused"),
        ("/acme/rocket.git ", "refused"),
        ("/acme/rocket.git;x", "refused"),
        ("/acme;x/rocket.git", "refused"),
        ("/acme/rocket.git#", "refused"),
        ("/acme/rocket.git?", "refused"),
        ("/acme/rocket.git%3F", "refused"),
        ("/acme/rocket.git%", "refused"),
        ("/acme/rocket.git%zz", "refused"),
        ("/acme/rocket.git%u002f", "refused"),
        ("/acme/r\u00f6cket.git", "refused"),
        ("/acme/r%C3%B6cket.git", "refused"),
        ("/acme/rocket.git%c0%af", "refused"),
        ("/acme/~rocket.git", "refused"),
        ("/acme/*", "refused"),
        ("//acme/rocket.git", "refused"),
        ("/acme//rocket.git", "refused"),
        ("/acme/rocket.git/", "refused"),
        ("/./acme/rocket.git", "refused"),
        ("/acme/./rocket.git", "refused"),
        ("/acme/rocket.git/.", "refused"),
        ("/../acme/rocket.git", "refused"),
        ("/acme/../acme/rocket.git", "refused"),
        ("/acme/rocket.git/../rocket.git", "refused"),
        ("/globex/vault.git/../../acme/rocket.git", "refused"),
        ("/acme/rocket.git/../../globex/vault.git", "refused"),
        ("/acme/rocket.git/%2e%2e/%2e%2e/globex/vault.git", "refused"),
        ("/acme/rocket.git/.%2e/..%2fglobex/vault.git", "refused"),
        ("/acme/rocket.git/..\\..\\globex\\vault.git", "refused"),
        ("/acme/..", "refused"),
        ("/../rocket.git", "refused"),
        ("/acme/..git", "refused"),
        ("/acme/.", "refused"),
        ("/acme", "refused"),
        ("", "refused"),
        ("acme/rocket.git", "refused"),
        ("/x/acme/rocket.git", "refused"),
        ("/acme/rocket.git/globex/vault.git", "refused"),
        ("http://git.example.com/acme/rocket.git", "refused"),
        ("https:///acme/rocket.git", "refused"),
        ("//git.example.com/acme/rocket.git", "refused"),
        (f"{READING}, /globex/vault.git", "refused"),
    ],
)
@pytest.mark.parametrize("service", ["upload", "receive"])
def test_a_repository_is_named_in_one_way(staged: Api, repository: str, level: str, service: str) -> None:
    account = staged("alice", "GET", "/group-privileges/acme/rocket").json()[0]["repository"]["owner"]
    address = repository.replace("{acme}", account["uuid"]).replace("%7Bacme%7D", f"%7B{account['uuid'][1:-1]}%7D")
    address = address.replace("%7bacme%7d", f"%7b{account['uuid'][1:-1]}%7d")
    expected = level if service == "upload" else {"read": "write", "nothing": "admin"}.get(level, level)

    assert needed(staged, "GET", f"{address}/info/refs?service=git-{service}-pack") == expected


@pytest.mark.parametrize(
    "name", ["alice", "ALICE", "alice@example.com", "alice%40example.com", "uuid", "aaid", "aaid%"]
)
def test_a_personal_account_is_named_as_the_api_names_it(staged: Api, name: str) -> None:
    alice = next(user for user in staged("root", "GET", "/groups/acme/administrators/members").json())
    names = {
        "uuid": alice["uuid"][1:-1],
        "aaid": alice["account_id"],
        "aaid%": alice["account_id"].replace(":", "%3A"),
    }

    address = f"/{names.get(name, name)}/notes.git/info/refs?service=git-receive-pack"

    assert [ask(staged, who, address).status_code for who in ("alice", "bob", "root")] == [200, 403, 200]


def test_the_answer_says_who_it_is_and_may_not_be_kept(staged: Api) -> None:
    answer = ask(staged, "bob", READING)

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["x-onebucket-user"] == "bob"
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["vary"] == "Authorization"


@pytest.mark.parametrize("condition", ["*", '"x", *', "the real one"])
def test_the_answer_is_never_304(staged: Api, condition: str) -> None:
    named = ask(staged, "bob", READING).headers.get("etag", '"cae66941d9efbd404e4d88758ea67670"')
    condition = named if condition == "the real one" else condition
    headers = {"X-Original-URI": READING, "X-Original-Method": "GET", "If-None-Match": condition}

    answers = [staged("bob", "GET", VERIFY, headers=headers) for _ in range(2)]

    assert [(answer.status_code, answer.headers["x-onebucket-user"]) for answer in answers] == [(200, "bob")] * 2


@pytest.mark.parametrize("who", [None, ("bob", "wrong"), ("nobody", "at all"), ("ghost", cast.token("ghost")),
                                 ("bob", cast.token("bob", "expired")), ("dora", cast.token("bob"))])  # fmt: skip
@pytest.mark.parametrize("address", [READING, WRITING, "/acme/../x", None])
def test_whoever_does_not_prove_who_they_are_is_asked_to(
    staged: Api, who: tuple[str, str] | None, address: str | None
) -> None:
    answer = ask(staged, who, address)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith('Basic realm="')
    assert "x-onebucket-user" not in answer.headers


@pytest.mark.parametrize(("scope", "lacking_to_read", "lacking_to_write"), [
    ("repository", None, "repository:write"),
    ("repository:write", None, None),
    ("repository:admin", None, None),
    ("repository:delete", "repository", "repository:write"),
    ("account:write", "repository", "repository:write"),
    ("team:write", "repository", "repository:write"),
    ("read:repository:bitbucket", None, "write:repository:bitbucket"),
    ("write:repository:bitbucket", "read:repository:bitbucket", None),
    ("admin:repository:bitbucket", "read:repository:bitbucket", "write:repository:bitbucket"),
])  # fmt: skip
def test_an_app_password_needs_the_scope(
    staged: Api, scope: str, lacking_to_read: str | None, lacking_to_write: str | None
) -> None:
    dora = ("dora", cast.token("dora", scope))

    for address, lacking in ((READING, lacking_to_read), (WRITING, lacking_to_write)):
        answer = ask(staged, dora, address)
        assert answer.status_code == (403 if lacking else 200)
        if lacking:
            assert answer.json()["error"]["detail"] == {"required": [lacking], "granted": [scope]}


def test_a_password_and_a_bearer_token_are_as_good(staged: Api) -> None:
    headers = {"X-Original-URI": WRITING, "X-Original-Method": "GET", "Authorization": f"Bearer {cast.token('dora')}"}

    assert staged(None, "GET", VERIFY, headers=headers).headers["x-onebucket-user"] == "dora"
    assert ask(staged, ("dora@example.com", cast.password("dora")), WRITING).headers["x-onebucket-user"] == "dora"


@pytest.mark.parametrize("address", ["/globex/vault.git", "/globex/nothing.git"])
def test_a_private_repository_is_as_if_it_were_not_there(staged: Api, address: str) -> None:
    answer = ask(staged, "bob", f"{address}/info/refs?service=git-upload-pack")

    slug = address.split("/")[2].removesuffix(".git")
    assert (answer.status_code, answer.text) == (403, f"Forbidden: globex has no repository '{slug}'.")


@pytest.mark.parametrize(
    ("headers", "status", "says"),
    [
        ({"X-Original-URI": READING, "X-Original-Method": "GET"}, 200, ""),
        ({"X-Forwarded-Uri": READING, "X-Forwarded-Method": "GET"}, 200, ""),
        ({"X-Original-URI": READING, "X-Forwarded-Method": "GET"}, 200, ""),
        ({"X-Original-URI": READING, "X-Original-Method": "GET", "X-Forwarded-Uri": READING}, 200, ""),
        ({"X-Forwarded-Uri": WRITING, "X-Forwarded-Method": "GET"}, 403, "you may not write acme/rocket"),
        ({}, 403, "the proxy sends no X-Original-URI or X-Forwarded-Uri"),
        ({"X-Original-Method": "GET"}, 403, "the proxy sends no X-Original-URI or X-Forwarded-Uri"),
        ({"X-Original-URI": READING}, 403, "the proxy sends no X-Original-Method or X-Forwarded-Method"),
        ({"X-Original-URI": "", "X-Original-Method": "GET"}, 403, "the original address does not begin with /"),
        ({"X-Original-URI": READING, "X-Original-Method": ""}, 403, "is not a git request"),
        (
            {"X-Original-URI": f"{ROCKET}/info/lfs/objects/batch", "X-Original-Method": "POST"},
            403,
            "Git LFS is not supported yet",
        ),
        (
            {"X-Original-URI": READING, "X-Original-Method": "GET", "X-Forwarded-Uri": WRITING},
            403,
            "X-Original-URI and X-Forwarded-Uri contradict each other",
        ),
        (
            {"X-Original-URI": READING, "X-Forwarded-Uri": "", "X-Original-Method": "GET"},
            403,
            "X-Original-URI and X-Forwarded-Uri contradict each other",
        ),
        (
            {"X-Original-URI": f"{ROCKET}/git-upload-pack", "X-Original-Method": "POST", "X-Forwarded-Method": "GET"},
            403,
            "X-Original-Method and X-Forwarded-Method contradict each other",
        ),
    ],
)
def test_the_proxy_must_say_one_thing(staged: Api, headers: dict[str, str], status: int, says: str) -> None:
    before = staged.everything()

    answer = staged("bob", "GET", VERIFY, headers=headers)

    assert answer.status_code == status
    assert says in answer.text
    assert staged.everything() == before


def test_a_header_that_comes_twice_is_refused(staged: Api) -> None:
    told = [("X-Original-Method", "GET"), ("X-Original-URI", READING), ("X-Original-URI", READING)]

    assert staged("bob", "GET", VERIFY, headers=told).status_code == 403


@pytest.mark.parametrize(
    ("prefix", "address", "status"),
    [
        ("/git", f"/git{READING}", 200),
        ("git", f"/git{READING}", 200),
        ("/git/", f"/git{READING}", 200),
        ("/scm/git", f"/scm/git{READING}", 200),
        ("", READING, 200),
        ("/", READING, 200),
        ("/git", READING, 403),
        ("/git", f"/gitx{READING}", 403),
        ("/git", f"/git/git{READING}", 403),
        ("/git", f"/git/{READING}", 403),
        ("/git", f"/x/git{READING}", 403),
        ("/git", f"/%67it{READING}", 403),
        ("/git", f"/GIT{READING}", 403),
        ("/git", "/git", 403),
        ("/git", f"/git/..{READING}", 403),
        ("/acme", "/acme/rocket.git/info/refs", 403),
    ],
)
def test_a_prefix_is_taken_away(staged: Api, prefix: str, address: str, status: int) -> None:
    assert ask(staged, "bob", address, prefix=prefix).status_code == status


def test_every_header_that_matters_tells_remembered_answers_apart(staged: Api) -> None:
    for _ in range(2):
        asked = [ask(staged, "bob", READING), ask(staged, "bob", WRITING), ask(staged, "bob", READING, "POST")]
        forwarded = {"X-Forwarded-Uri": WRITING, "X-Forwarded-Method": "GET"}
        told = {"X-Original-URI": READING, "X-Original-Method": "GET"}
        asked += [staged("bob", "GET", VERIFY, headers=headers) for headers in (forwarded, told, told | forwarded)]

        assert [answer.status_code for answer in asked] == [200, 403, 403, 403, 200, 403]
    assert staged.server.cache.hits > 0


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_the_question_is_a_get(staged: Api, method: str) -> None:
    answer = staged("bob", method, VERIFY, headers={"X-Original-URI": READING, "X-Original-Method": "GET"})

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize("slug", ["rocket.git", "rocket.GIT", ".git"])
def test_no_slug_ends_as_git_repositories_do(staged: Api, slug: str) -> None:
    with pytest.raises(Exception, match=r"git treats it the same"), staged.db.writing() as tx:
        repositories.add(cast.operator(tx), "acme", slug)


def test_what_a_project_gives_opens_its_repositories_until_they_move(staged: Api) -> None:
    def statuses() -> tuple[int, int]:
        fetched, pushed = (
            ask(staged, "mallory", f"{ROCKET}/{service}", "POST").status_code
            for service in ("git-upload-pack", "git-receive-pack")
        )
        return fetched, pushed

    def give(level: ProjectLevel) -> None:
        staged.operate(lambda work: project_privileges.set_for_person(work, "acme", "PROJ", "mallory", level))

    found = [statuses()]
    for level in (ProjectLevel.READ, ProjectLevel.CREATE_REPO):
        give(level)
        found.append(statuses())
    staged.operate(lambda work: projects.create(work, "acme", "OPS", name="Operations"))
    staged.operate(lambda work: repositories.change(work, "acme", "rocket", project="OPS"))
    found.append(statuses())

    assert found == [(403, 403), (200, 403), (200, 200), (403, 403)]
