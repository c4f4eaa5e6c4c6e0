"""What takes as long whoever or whatever there is: told by what is done, as no clock is exact enough."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

import cast
from browsing import Visitor
from cast import Api
from onebucket.actions import access, access_checks
from onebucket.actions.access_checks import AccessQuery
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Actor
from onebucket.domain.policy import To
from onebucket.domain.refusals import NotFound


@pytest.fixture
def committed(api: Api) -> Iterator[Callable[[Callable[[], object]], bool]]:
    """Whether doing something had anything committed, at once or afterwards: what others wait for."""
    with closing(sqlite3.connect(api.db.name)) as outside:

        def version() -> int:
            api.attempts()
            return int(outside.execute("PRAGMA data_version").fetchone()[0])

        def look(deed: Callable[[], object]) -> bool:
            before = version()
            deed()
            return version() != before

        yield look


# Somebody, somebody else, people who aren't there, a team, and somebody who may not sign in.
LOGINS = ("alice", "bob@example.com", "nobody", "nobody@example.com", "acme", "ghost", "\0", "")


@pytest.mark.parametrize("login", LOGINS)
def test_a_wrong_password_is_a_commit_whoever_it_is_for(
    api: Api, committed: Callable[[Callable[[], object]], bool], login: str
) -> None:
    assert committed(lambda: api((login, "wrong"), "GET", "/groups"))


def test_a_wrong_password_is_a_commit_also_when_the_journal_is_told_no_more(
    api: Api, committed: Callable[[Callable[[], object]], bool]
) -> None:
    for _ in range(101):
        api(("alice", "wrong"), "GET", "/groups")

    assert len(api.attempts()) == 100
    assert committed(lambda: api(("alice", "wrong"), "GET", "/groups"))


@pytest.mark.parametrize("login", [each for each in LOGINS if each.strip("\0")])
@pytest.mark.parametrize("form", ["/sign-in", "/passwords/forgotten"])
def test_a_form_that_asks_who_somebody_is_makes_a_commit_whoever_it_is(
    api: Api, committed: Callable[[Callable[[], object]], bool], form: str, login: str
) -> None:
    with Visitor(api) as visitor:
        page = visitor.open(form)
        typed = {"login": login} | ({"password": "wrong one"} if form == "/sign-in" else {})

        assert committed(lambda: visitor.send(page, form, **typed))


def _asked(work: UnitOfWork, slug: str) -> None:
    access.repository(work, "acme", slug, to=To.GRANT_PRIVILEGE)


def _asked_for_several(work: UnitOfWork, slug: str) -> None:
    assert work.actor.account is not None
    wanted = [(each, work.actor.account) for each in (slug, "none", "nor-this")]
    _, [found, *_], _ = access.each_repository(work, "acme", wanted, to=To.ASK_ABOUT_PERSON)
    assert isinstance(found, Exception)
    raise found


def _asked_about(work: UnitOfWork, slug: str) -> None:
    access_checks.check(work, AccessQuery("mallory", "acme", slug))


def _statements(api: Api, ask: Callable[[UnitOfWork, str], None], slug: str) -> list[str]:
    """The statements that a question of mallory's takes, without the values in them."""
    told: list[str] = []
    with api.db.reading() as tx:
        work = cast.operator(tx)
        work.actor = Actor(access.person(work, "mallory"), "password")
        tx.connection.set_trace_callback(told.append)
        with pytest.raises(NotFound):
            ask(work, slug)
        tx.connection.set_trace_callback(None)
    return [re.sub(r"'[^']*'|\b\d+\b", "?", each) for each in told]


@pytest.mark.parametrize("ask", [_asked, _asked_for_several, _asked_about])
def test_a_repository_that_may_not_be_seen_takes_what_one_takes_that_is_not_there(
    api: Api, ask: Callable[[UnitOfWork, str], None]
) -> None:
    assert _statements(api, ask, "rocket") == _statements(api, ask, "not-there")
