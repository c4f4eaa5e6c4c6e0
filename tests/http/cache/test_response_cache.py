"""A remembered answer equals the one that would be worked out now, always."""

import math
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs
from sqlalchemy import bindparam, func, update

import cast
import sizes
from onebucket import hashing
from onebucket.actions import accounts, groups, privileges, repositories, teams, tokens
from onebucket.domain.privileges import Level
from onebucket.http import wiring
from onebucket.http.auth.authentication import VerifiedCredential
from onebucket.http.cache.response_cache import CachedResponse, FingerprintEntry
from onebucket.http.request import Request, RequestState
from onebucket.http.response import Response
from onebucket.lru_cache import LruCache
from onebucket.store.connect import connect
from onebucket.store.engine import database
from onebucket.store.engine.statement import Statement
from onebucket.store.tables import accounts as accounts_table
from onebucket.surfaces.core.router import Router

_READS = (
    "/groups",
    "/groups/acme",
    "/groups/globex",
    "/groups/acme/designers",
    "/groups/acme/designers?format=yaml",
    "/groups/acme/designers/members",
    "/groups/acme/designers/members/bob",
    "/groups?group=acme/designers",
    "/groups/acme?exclude_members=true",
    "/group-privileges/acme",
    "/group-privileges/acme/rocket",
    "/users/acme/invitations",
    "/api/access/acme/rocket?user=bob&level=write",
    "/api/access/acme/website?user=mallory&level=read",
    "/api/access/acme/rocket?user=bobby%40example.com&level=read",
    "/api/tokens",
    "/api/journal?account=acme",
    "POST /api/access",
)
_QUESTIONS = [{"user": name, "repository": "acme/rocket", "level": "write"} for name in ("alice", "bob", "dora", "eve")]
_CHANGES = (
    ("PUT", "/groups/acme/designers/members/dora"),
    ("DELETE", "/groups/acme/designers/members/dora"),
    ("PUT", "/groups/acme/administrators/members/bob"),
    ("DELETE", "/groups/acme/administrators/members/bob"),
    ("POST", "/groups/acme?name"),
    ("DELETE", "/groups/acme/night-crew"),
    ("PUT", "/group-privileges/acme/rocket/acme/developers?read"),
    ("DELETE", "/group-privileges/acme/rocket/acme/developers"),
)
# What another process does: to acme, to its people, to an account that has nothing to do with it, to who there is.
_ELSEWHERE = (
    lambda work, chance: accounts.change_user(work, "bob", display_name=f"Bob {chance}"),
    lambda work, chance: accounts.set_active(work, "dora", chance < 0.5),
    lambda work, chance: accounts.set_email(work, "bob", "bobby@example.com" if chance < 0.5 else "bob@example.com"),
    lambda work, chance: accounts.change_user(work, "mallory", site_admin=chance < 0.3),
    lambda work, chance: repositories.change(work, "acme", "rocket", is_private=chance < 0.5),
    lambda work, chance: privileges.grant_direct(
        work, "acme", "rocket", "mallory", Level.READ if chance < 0.5 else Level.ADMIN
    ),
    lambda work, chance: groups.create(work, "globex", name=f"Crew {chance}"),
    lambda work, chance: groups.create(work, "gina", name=f"Crew {chance}"),
    lambda work, chance: tokens.add(work, "gina", secret_hash=f"hash {chance}", scopes=frozenset()),
    lambda work, chance: teams.change(work, "acme", display_name=f"Acme {chance}"),
)


@dataclass(frozen=True)
class History:
    """How a state of the database is kept, and put back in the place of whatever came after it."""

    keep: Callable[[], None]
    turn_back: Callable[[], None]
    share: float = 0.03


def disagreements(
    api: cast.Api, fresh: cast.Api, elsewhere: database.Database, steps: int, history: History | None = None
) -> Iterator[str]:
    """Read and change at random, through the server and behind its back; what was asked when memory was wrong.

    Where there is a `history`, what has just been changed and read is undone now and then, and something else done.
    """
    choose = random.Random(steps)

    def change(by_server: float) -> None:
        if choose.random() < by_server:
            method, path = choose.choice(_CHANGES)
            path, _, word = path.partition("?")
            api("alice", method, path, **({"content": word} if method == "PUT" else {"data": {"name": "Night Crew"}}))
            return
        with elsewhere.writing() as tx:
            choose.choice(_ELSEWHERE)(cast.operator(tx), choose.random())

    def turn_back(history: History) -> None:
        history.keep()
        for _ in range(choose.randint(1, 3)):
            change(by_server=0.7)
            for path in _READS:
                _read(api, "alice", path)
        history.turn_back()
        for _ in range(choose.randint(0, 3)):
            change(by_server=0.7)

    for _ in range(steps):
        if choose.random() < 0.2:
            change(by_server=0.5)
        if history is not None and choose.random() < history.share:
            turn_back(history)
            for path in _READS:
                if (wrong := _differs(api, fresh, "alice", path)) is not None:
                    yield wrong
        who, path = choose.choice(("alice", "bob", "dora", "mallory")), choose.choice(_READS)
        if (wrong := _differs(api, fresh, who, path)) is not None:
            yield wrong


def _differs(api: cast.Api, fresh: cast.Api, who: str, path: str) -> str | None:
    remembered, true = _read(api, who, path), _read(fresh, who, path)
    same = (remembered.status_code, remembered.content) == (true.status_code, true.content)
    return None if same else f"{who} {path}"


def _read(api: cast.Api, who: str, path: str):
    if path.startswith("POST"):
        return api(who, *path.split(), json=_QUESTIONS)
    return api(who, "GET", path)


def _always(version):
    async def now(self):
        return version

    return now


@pytest.fixture
def fresh(api, tmp_path):
    """A second server on the same database, which remembers nothing."""
    server = cast.Api(connect(api.db.url), answer_memory=0)
    yield server
    server.close()


@pytest.fixture
def elsewhere(api):
    """The same database as another process would open it."""
    opened = connect(api.db.url)
    yield opened
    opened.close()


@pytest.fixture
def history(elsewhere, tmp_path: Path) -> History:
    """`backup` and `restore`."""
    backup = tmp_path / "kept.db"

    def turn_back() -> None:
        source = connect(f"sqlite:///{backup}")
        elsewhere.restore_from(source, lambda done, of: None)
        source.close()

    return History(lambda: elsewhere.copy_to(backup, lambda done, of: None), turn_back)


@pytest.mark.long
def test_a_remembered_answer_equals_the_one_worked_out_now_whatever_is_restored(api, fresh, elsewhere, history):
    assert [*disagreements(api, fresh, elsewhere, 1000, history)] == []

    memory = api.server.cache
    assert memory.hits > memory.revalidated > 10
    assert fresh.server.cache.hits == 0


@pytest.mark.long
def test_it_is_as_current_where_sqlite_is_asked_whether_anybody_has_committed(api, fresh, elsewhere, history):
    served = cast.Api(connect(api.db.url, sqlite_wal_index=False))
    try:
        assert [*disagreements(served, fresh, elsewhere, 500, history)] == []

        memory = served.server.cache
        assert memory.hits > memory.revalidated > 5
        assert isinstance(served.run(served.server.cache.data_version.current()), int)
    finally:
        served.close()


# Each forgets one of the things that are looked at before an answer is given again.
BROKEN = {
    "that anybody has committed": ("onebucket.http.cache.data_version.DataVersion.current", _always(7)),
    "what an answer rests on": ("onebucket.store.revisions.unchanged", lambda tx, foundation: True),
    "which accounts were read": ("onebucket.store.engine.dependencies.ReadSet.add", lambda self, grounds, values: None),
    "that an account has changed": ("onebucket.store.account_rows.bump_revision", lambda tx, account_id, at: None),
    "who people are": ("onebucket.store.revisions.bump_revision", lambda tx: None),
    # A stamp that only grows is a counter: it goes back with a restore, and then names another state.
    "that history may have been turned back": (
        "onebucket.store.account_rows._REVISE",
        Statement(
            update(accounts_table)
            .where(accounts_table.c.id == bindparam("account_id"))
            .values(stamp=func.coalesce(accounts_table.c.stamp, "") + "+", revision=accounts_table.c.revision + 1),
            keeps_cache=True,
        ),
    ),
}


@pytest.mark.parametrize("forgotten", BROKEN)
@pytest.mark.long
def test_the_comparison_notices_a_memory_that_forgets_to_look(api, fresh, elsewhere, monkeypatch, history, forgotten):
    monkeypatch.setattr(*BROKEN[forgotten])

    assert any(disagreements(api, fresh, elsewhere, 2000, history))


def test_what_was_remembered_before_a_restore_is_not_confirmed_after_it(api, elsewhere, history):
    history.keep()
    api("alice", "PUT", "/groups/acme/designers/members/dora")
    before = api("alice", "GET", "/groups/acme/designers/members")
    history.turn_back()
    # As many changes as before it, and none asks in between.
    api("alice", "PUT", "/groups/acme/administrators/members/bob")

    after = api("alice", "GET", "/groups/acme/designers/members")

    assert [user["username"] for user in before.json()] == ["bob", "dora"]
    assert [user["username"] for user in after.json()] == ["bob"]


def test_a_revision_does_not_come_again_after_a_restore(api, history):
    asked = "/api/access/acme/rocket?user=bob"
    history.keep()
    told = [api("bob", "GET", asked).json()["revision"]]
    for path in ("designers/members/dora", "administrators/members/bob"):
        api("alice", "PUT", f"/groups/acme/{path}")
        told.append(api("bob", "GET", asked).json()["revision"])
    history.turn_back()
    for path in ("administrators/members/dora", "designers/members/alice"):
        api("alice", "PUT", f"/groups/acme/{path}")
        told.append(api("bob", "GET", asked).json()["revision"])

    assert told == sorted(set(told))


def test_what_others_do_to_other_accounts_leaves_an_answer_remembered(api, elsewhere):
    read = ("alice", "GET", "/groups/acme")
    first = api(*read)
    with elsewhere.writing() as tx:
        groups.create(cast.operator(tx), "globex", name="Crew")

    again = api(*read)

    memory = api.server.cache
    assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
    assert (memory.misses, memory.revalidated, memory.hits) == (1, 1, 1)


@pytest.mark.parametrize("path", ["/api/tokens", "/users/acme/invitations", "/api/journal?account=acme", "/groups"])
def test_what_rests_on_more_than_groups_and_people_is_worked_out_after_any_change(api, elsewhere, path):
    api("alice", "GET", path)
    with elsewhere.writing() as tx:
        groups.create(cast.operator(tx), "globex", name="Crew")

    api("alice", "GET", path)

    memory = api.server.cache
    assert (memory.misses, memory.revalidated, memory.hits) == (2, 0, 0)


def _bound(api: cast.Api, size: int) -> None:
    """Let the cache of a new server hold fewer bytes than the smallest setting."""
    api.server.cache.entries = LruCache(size, lambda entry: entry.size)


def test_memory_is_bounded(api):
    _bound(api, 20_000)

    for number in range(100):
        api("alice", "GET", f"/groups/acme?limit={number}")

    memory = api.server.cache
    assert 0 < memory.size <= 20_000
    assert memory.size == sum(entry.size for entry in memory.entries.values())
    assert all(entry.size > len(entry.response.body) for entry in memory.entries.values())


def test_a_token_that_ends_by_itself_ends_in_memory_too(api, elsewhere):
    with elsewhere.writing() as tx:
        work = cast.operator(tx)
        tokens.add(
            work,
            "bob",
            secret_hash=hashing.secret_hash("short-lived"),
            scopes=frozenset({"account"}),
            expires_at=work.at + timedelta(hours=1),
        )
    now = api.clock
    statuses = [api(("bob", "short-lived"), "GET", "/groups/acme").status_code for _ in range(4)]

    api.clock = lambda: now() + timedelta(hours=2)
    statuses.append(api(("bob", "short-lived"), "GET", "/groups/acme").status_code)

    assert statuses == [200, 200, 200, 200, 401]


def test_a_restored_backup_is_seen_at_once(api, elsewhere, tmp_path: Path):
    elsewhere.copy_to(tmp_path / "backup.db", lambda done, of: None)
    with elsewhere.writing() as tx:
        groups.delete(cast.operator(tx), "acme", "designers")
    deleted = api("alice", "GET", "/groups/acme/designers").status_code
    shutil.copyfile(tmp_path / "backup.db", tmp_path / "copy.db")

    backup = connect(f"sqlite:///{tmp_path / 'copy.db'}")
    elsewhere.restore_from(backup, lambda done, of: None)
    backup.close()

    assert (deleted, api("alice", "GET", "/groups/acme/designers").status_code) == (404, 200)


# -- the very same words again ---------------------------------------------------------------------


def _repeats(api: cast.Api) -> int:
    cache = api.server.cache
    return sum(known.key in cache.entries for known in cache.fingerprints.values())


def test_the_same_words_again_get_the_same_bytes_with_an_id_of_their_own(api):
    answers = [api("alice", "GET", "/groups/acme") for _ in range(5)]

    ids = {answer.headers.pop("x-request-id") for answer in answers}

    assert _repeats(api) == 1
    assert len(ids) == 5
    assert len({(answer.status_code, answer.content, str(answer.headers)) for answer in answers}) == 1


def test_another_word_anywhere_is_another_request(api):
    for _ in range(3):
        api("alice", "GET", "/groups/acme")
    etag = api("alice", "GET", "/groups/acme").headers["etag"]

    came = [
        api("alice", "GET", "/groups/acme", headers={"If-None-Match": etag}).status_code,
        api("mallory", "GET", "/groups/acme").status_code,
        api("alice", "GET", "/groups/acme?format=nothing").status_code,
        api("alice", "DELETE", "/groups/acme").status_code,
        api("alice", "HEAD", "/groups/acme").content,
    ]

    assert came == [304, 403, 400, 405, b""]


def test_whoever_repeats_is_counted_and_refused_like_everybody_else(api):
    with closing(cast.Api(connect(api.db.url), rate_limit=10)) as limited:
        came = [limited("alice", "GET", "/groups/acme") for _ in range(12)]

    assert [answer.status_code for answer in came] == [200] * 10 + [429] * 2
    assert [("x-ratelimit-nearlimit" in answer.headers) for answer in came[:10]] == [False] * 8 + [True] * 2


def test_a_credential_is_proved_again_after_a_minute_however_often_it_came(api):
    for _ in range(5):
        api("alice", "GET", "/groups/acme")
    later = api.now() + 61
    proved = api.server.services.authentication.verified

    api.now = lambda: later
    before = [until for until, _ in proved.values()]
    api("alice", "GET", "/groups/acme")

    assert max(until for until, _ in proved.values()) > max(before)


@pytest.mark.parametrize("ending", ["disabled", "revoked", "another address"])
def test_what_ends_a_credential_ends_what_it_repeats(api, elsewhere, ending):
    who = ("dora@example.com" if ending == "another address" else "dora", cast.token("dora"))
    for _ in range(5):
        assert api(who, "GET", "/groups/acme").status_code == 200

    with elsewhere.writing() as tx:
        work = cast.operator(tx)
        if ending == "disabled":
            accounts.set_active(work, "dora", False)
        elif ending == "revoked":
            tokens.revoke(work, tokens.of_person(work, "dora")[0].id)
        else:
            accounts.set_email(work, "dora", "theodora@example.com")

    assert api(who, "GET", "/groups/acme").status_code == 401


def test_no_credential_can_be_read_from_what_repeats_and_there_is_a_bound(api):
    api.server.cache.fingerprints = LruCache(5)
    for number in range(20):
        for _ in range(3):
            api("alice", "GET", f"/groups/acme?limit={number}")

    assert 0 < _repeats(api) <= 5
    assert cast.token("alice", "all") not in repr(api.server.cache.fingerprints)


def test_what_is_forgotten_is_not_repeated(api):
    _bound(api, 5000)
    for _ in range(3):
        api("alice", "GET", "/groups/acme")
    memory = api.server.cache
    [known] = memory.entries.values()
    repeated = _repeats(api)

    for number in range(20):
        api("alice", "GET", f"/groups/acme/designers?limit={number}")

    assert (repeated, _repeats(api)) == (1, 0)
    assert known not in memory.entries.values()


@pytest.mark.parametrize("trusted", [frozenset(), frozenset({"127.0.0.1"})])
def test_what_brings_an_id_is_not_kept_as_a_repeat(cast_template, tmp_path, trusted):
    api = cast.Api(cast.copy(cast_template, tmp_path), trusted_proxies=trusted)
    came = [api("alice", "GET", "/groups/acme", headers={"X-Request-Id": "mine-mine"}) for _ in range(4)]

    named = {answer.headers["x-request-id"] for answer in came}
    kept = _repeats(api)
    api.close()
    assert (named == {"mine-mine"}, kept) == (bool(trusted), 0)


_OPS = st.lists(
    st.tuples(
        st.sampled_from(("answer", "answer", "keep", "keep", "forget")),
        st.integers(0, 5),  # whose words
        st.integers(0, 3),  # which answer
    ),
    max_size=40,
)


@settings(max_examples=sizes.examples(200), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ops=_OPS)
def test_what_repeats_is_what_a_plain_model_says_whatever_is_kept_and_forgotten(api, ops):
    memory = api.server.cache
    memory.fingerprints = LruCache(4)
    api("alice", "GET", "/groups/acme")
    actor = next(iter(memory.entries.values())).actor
    scope = {"path": "/1.0/groups", "method": "GET", "headers": [], "client": None}
    request = Request(scope, "id", "GET", ["groups"], {}, api.clock(), RequestState())
    request.state.route = Router(wiring.SURFACES).find(("1.0",), ["groups"]).methods["GET"]
    proofs = [VerifiedCredential(str(number), "alice", None, str(number), bearer=False) for number in range(4)]
    lookups = [api.run(memory.find(request, proof)) for proof in proofs]
    # Which answers are remembered, and which of them is repeated for which words, the oldest first.
    kept: dict[int, bytes] = {}
    model: dict[bytes, int] = {}

    def repeated(words: bytes) -> bytes | None:
        found = api.run(memory.find_repeat(words, api.clock()))
        return found[1].response.body if found is not None else None

    for turn, (op, number, which) in enumerate(ops):
        words = b"words %d" % number
        request = structs.replace(request, fingerprint=words)
        if op == "keep":
            if which not in kept:
                kept[which] = b"%d of turn %d" % (which, turn)
                answer = Response(200, kept[which], ())
                line = api.server.recorders.access_log.line(request, answer)
                entry = CachedResponse(answer, actor, lookups[which].version, None, line)
                memory.store(request, lookups[which], entry)
            memory.add_fingerprint(request, FingerprintEntry(lookups[which].key, None, None, math.inf))
            model.pop(words, None)
            model[words] = which
            if len(model) > 4:
                del model[next(iter(model))]
        elif op == "forget" and kept.pop(which, None):
            memory.entries.delete(lookups[which].key)
        assert repeated(words) == kept.get(model.get(words, -1))
        # To be looked up is to be used.
        model |= {words: model.pop(words)} if words in model else {}
    for which in kept:
        memory.entries.delete(lookups[which].key)


def test_a_password_that_is_hashed_anew_disturbs_nobody_who_repeats(api, elsewhere):
    _bound(api, 5000)
    api.server.cache.fingerprints = LruCache(5)
    who = ("alice", cast.password("alice"))
    for _ in range(3):
        api(who, "GET", "/groups/acme")
    with elsewhere.writing() as tx:
        accounts.set_password(cast.operator(tx), "alice", cast.cheap_hash.__wrapped__(cast.password("alice")))
    statuses = {api(who, "GET", "/groups/acme").status_code for _ in range(3)}

    for number in range(20):
        statuses |= {api(who, "GET", f"/groups/acme?limit={number}").status_code for _ in range(3)}
    statuses |= {api(who, "GET", f"/groups/acme?limit={number}").status_code for number in range(20, 40)}

    assert statuses == {200}
