"""Letters about access that ends: 7 days and 1 day before, each once, to whoever has it and whoever gave it."""

import threading
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from uuid import uuid4

import pytest

import post_office
from cast import Api
from onebucket.actions import access, end_letters, groups, member_ends, outbox, privileges, project_privileges
from onebucket.actions.outbox import OutgoingMail
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import OPERATOR, Actor
from onebucket.domain.ends import EndWish
from onebucket.domain.letters import MOST_NOTICES
from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectLevel
from onebucket.http.process.end_worker import EndWorker
from onebucket.mail.composer import Composer
from onebucket.store.engine.database import Database
from onebucket.store.engine.transaction import Transaction

NOON = datetime.combine(datetime.now(UTC).date(), time(12), UTC)
BOTH = pytest.mark.runs_on("SQLite", "PostgreSQL")
ONE = pytest.mark.runs_on("SQLite")


def day(number: int) -> datetime:
    """Return the end of the day that is so many days from now."""
    return NOON + timedelta(days=number, hours=11)


class Office:
    """The days as the server counts them: `open` is a round of the end worker, `sent` the letters that go out then."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.at = NOON
        api.clock = lambda: self.at

    def work(self, tx: Transaction, who: str | None = None) -> UnitOfWork:
        work = UnitOfWork(OPERATOR, tx, self.at, "test", lambda: str(uuid4()))
        return (
            work
            if who is None
            else UnitOfWork(Actor(access.person(work, who), "test"), tx, self.at, "test", work.new_id)
        )

    def worker(self, db: Database | None = None) -> EndWorker:
        return EndWorker(db or self.api.db, operate=self.work, clock=lambda: self.at)

    def open(self, number: int) -> None:
        self.at = NOON + timedelta(days=number)
        self.worker().run_once()

    def sent(self) -> list[OutgoingMail]:
        with self.api.db.writing() as tx:
            mails = outbox.claim(self.work(tx), lambda link: "secret", most=1000)
            for mail in mails:
                outbox.mark_sent(self.work(tx), mail.letter)
        return [mail for mail in mails if mail.ending]

    def readers(self, number: int) -> list[str]:
        self.open(number)
        return sorted(mail.letter.email.partition("@")[0] for mail in self.sent())

    def member(
        self, end: datetime | None, *, name: str = "dora", group: str = "designers", by: str | None = "alice"
    ) -> None:
        with self.api.db.writing() as tx:
            groups.add_member(self.work(tx, by), "acme", group, name, end)

    def move(self, until: EndWish) -> None:
        with self.api.db.writing() as tx:
            member_ends.set_end(self.work(tx, "alice"), "acme", "designers", "dora", until)


@pytest.fixture
def office(api: Api) -> Office:
    office = Office(api)
    office.open(0)
    return office


@BOTH
def test_a_letter_goes_out_seven_days_and_one_day_before_to_whoever_has_it_and_whoever_gave_it(office: Office) -> None:
    office.member(day(10))

    told = {number: office.readers(number) for number in range(1, 10)}
    again = office.readers(9)

    assert {number: readers for number, readers in told.items() if readers} == {
        3: ["alice", "dora"],
        9: ["alice", "dora"],
    }
    assert again == []


@ONE
def test_what_is_given_for_three_days_is_announced_one_day_before(office: Office) -> None:
    office.member(day(3))

    assert [office.readers(number) for number in (0, 1, 2, 3)] == [[], [], ["alice", "dora"], []]


@ONE
def test_an_end_that_is_moved_is_announced_when_it_comes(office: Office) -> None:
    office.member(day(10))
    assert office.readers(3)

    office.move(day(20))

    assert [number for number in range(4, 20) if office.readers(number)] == [13, 19]


@BOTH
@pytest.mark.parametrize("until", [None, 20])
def test_nothing_is_sent_about_an_end_that_was_moved_or_taken_away_while_the_letter_waited(
    office: Office, until: int | None
) -> None:
    office.member(day(10))
    office.open(3)

    if until:
        office.move(day(until))
    else:
        with office.api.db.writing() as tx:
            groups.remove_member(office.work(tx), "acme", "designers", "dora")

    assert office.sent() == []
    assert office.readers(9) == []


@BOTH
def test_what_ends_on_one_day_is_in_one_letter(office: Office) -> None:
    office.member(day(10))
    with office.api.db.writing() as tx:
        alice = office.work(tx, "alice")
        privileges.grant_direct(alice, "acme", "rocket", "dora", Level.READ, day(10) - timedelta(hours=3))
        privileges.set_for_group(alice, "acme", "website", "designers", Level.WRITE, day(10))
        project_privileges.set_for_person(alice, "acme", "PROJ", "gina", ProjectLevel.ADMIN, day(10))

    office.open(3)
    texts = {mail.letter.email: _text(mail) for mail in office.sent()}

    assert sorted(texts) == [f"{name}@example.com" for name in ("alice", "dora", "gina")]
    of_dora, of_alice = texts["dora@example.com"], texts["alice@example.com"]
    assert "* read on the repository rocket, until 20:00 UTC" in of_dora
    assert "* member of the group designers, until 23:00 UTC" in of_dora
    assert "website" not in of_dora
    assert "ask alice." in of_dora
    for line in (
        "* dora: read on the repository rocket, until 20:00 UTC",
        "* dora: member of the group designers, until 23:00 UTC",
        "* the group designers: write on the repository website, until 23:00 UTC",
        "* gina: admin on the project PROJ, until 23:00 UTC",
    ):
        assert line in of_alice
    assert "ask " not in of_alice
    assert "https://git.example/accounts/acme/ends" in of_alice


def _text(mail: OutgoingMail) -> str:
    return post_office.parts(Composer(base_url="https://git.example").compose(mail, NOON))[0]


@ONE
@pytest.mark.parametrize("by", [None, "bob"])
def test_administrators_get_the_letter_where_nobody_who_gave_it_may_extend_it(office: Office, by: str | None) -> None:
    with office.api.db.writing() as tx:
        groups.add_member(office.work(tx), "acme", "administrators", "bob")
    office.member(day(3), by=by)
    with office.api.db.writing() as tx:
        groups.remove_member(office.work(tx), "acme", "administrators", "bob")

    assert office.readers(2) == ["alice", "dora"]


@ONE
def test_disabled_people_get_none(office: Office) -> None:
    office.member(day(3), name="ghost")

    assert office.readers(2) == ["alice"]


@ONE
def test_days_without_a_server_are_made_up_for_once(office: Office) -> None:
    for number, name in ((9, "dora"), (12, "gina"), (4, "mallory")):
        office.member(day(number), name=name)

    # The letters of the days 1 to 6, on the sixth; what ended on the fourth is no news any more.
    assert Counter(office.readers(6)) == {"alice": 2, "dora": 1, "gina": 1}
    assert office.readers(6) == []


@ONE
def test_a_clock_that_is_put_back_sends_nothing_twice(office: Office) -> None:
    office.member(day(10))
    assert office.readers(3)

    assert [office.readers(number) for number in (2, 3)] == [[], []]


@BOTH
def test_two_workers_queue_each_letter_once(office: Office) -> None:
    office.member(day(3))
    office.at = NOON + timedelta(days=2)
    workers = [threading.Thread(target=office.worker().run_once) for _ in range(2)]

    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sorted(mail.letter.email for mail in office.sent()) == ["alice@example.com", "dora@example.com"]


@BOTH
def test_a_worker_that_dies_half_way_leaves_nothing_done(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.member(day(3))
    queue, queued = UnitOfWork.queue_end_letter, []

    def dies(work: UnitOfWork, *what: object) -> None:
        queue(work, *what)  # type: ignore[arg-type]
        queued.append(what)
        raise MemoryError

    monkeypatch.setattr(UnitOfWork, "queue_end_letter", dies)
    with pytest.raises(MemoryError):
        office.open(2)
    monkeypatch.undo()

    assert queued
    assert office.sent() == []
    assert office.readers(2) == ["alice", "dora"]


@ONE
def test_an_address_gets_no_more_of_them_a_day_than_of_other_notices(office: Office) -> None:
    with office.api.db.writing() as tx:
        work = office.work(tx)
        person = access.person(work, "dora")
        for number in range(MOST_NOTICES + 5):
            work.queue_end_letter(person, person.id, date.fromordinal(number + 1))
        found = [letter for _, letter in outbox.newest(work) if letter.email == "dora@example.com"]

    assert len(found) == MOST_NOTICES


@ONE
def test_a_day_is_done_once(office: Office) -> None:
    def queue() -> bool:
        with office.api.db.writing() as tx:
            return end_letters.queue_due(office.work(tx))

    today = queue()
    office.at += timedelta(days=1)

    assert (today, queue(), queue()) == (False, True, False)
    assert office.sent() == []
