"""The carrier: every letter goes out, once where that can be known, however the mail server and the database behave."""

import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest

import cast
import post_office
from cast import Api
from live import wait_until
from onebucket import bounds
from onebucket.actions import invitations, outbox
from onebucket.domain.letters import MailState
from onebucket.mail.composer import Composer
from onebucket.mail.outbox_worker import OutboxWorker
from onebucket.mail.smtp import SmtpTransport
from onebucket.mail.transport import FolderTransport, MailTransport
from onebucket.store.connect import connect
from onebucket.store.engine import errors
from onebucket.store.engine.database import Database
from post_office import OutOfOrder, PostOffice
from standing_clock import Clock

KEY = b"k" * 43


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with PostOffice() as open_office:
        yield open_office


def carrier(db: Database, clock: Clock, post: MailTransport | PostOffice, **desk: Path) -> OutboxWorker:
    where = SmtpTransport(post.url()) if isinstance(post, PostOffice) else post
    return OutboxWorker(
        db, post=where, desk=Composer(base_url="https://git.example", **desk), key=KEY, operate=clock.work, clock=clock
    )


def invite(api: Api, clock: Clock, *emails: str) -> None:
    """Invite to acme's designers, in alice's name; a letter for each."""
    with api.db.writing() as tx:
        for email in emails:
            invitations.set_groups(clock.work(tx), "acme", email, ["designers"], inviter="alice", letter=True)
    # Work counts microseconds of its own, so that what it makes keeps its order.
    clock.move(seconds=1)


def rounds(each: OutboxWorker) -> int:
    """Carry until nothing is due; how many rounds it took."""
    count = 0
    while each.run_once():
        count += 1
    return count


def states(api: Api) -> dict[str, MailState]:
    """What has become of the letter to each address."""
    with api.db.reading() as tx:
        return {letter.email: letter.state for _, letter in outbox.newest(cast.operator(tx))}


def link(letter: EmailMessage) -> str:
    return next(line for line in post_office.parts(letter)[0].splitlines() if line.startswith("https://git.example/"))


def test_what_waits_goes_out_and_its_link_works(api: Api, clock: Clock, office: PostOffice) -> None:
    invite(api, clock, *[f"person-{number}@example.net" for number in range(45)])

    mine = carrier(api.db, clock, office)

    assert rounds(mine) == 3
    assert (mine.sent, len(office.letters), office.connections) == (45, 45, 3)
    assert set(states(api).values()) == {MailState.SENT}
    assert len({link(letter) for letter in office.letters}) == 45


def test_nothing_is_written_while_nothing_is_due(api: Api, clock: Clock, office: PostOffice) -> None:
    mine = carrier(api.db, clock, office)
    mine.run_once()
    with closing(sqlite3.connect(api.db.name)) as other:
        before = other.execute("PRAGMA data_version").fetchone()
        for _ in range(100):
            clock.move(seconds=20)
            mine.run_once()

        assert other.execute("PRAGMA data_version").fetchone() == before
    assert office.connections == 0


def test_a_letter_that_is_refused_for_now_goes_out_later(api: Api, clock: Clock, office: PostOffice) -> None:
    answers: list[str | None] = ["450 come back later", None]
    office.rcpt = lambda address: answers.pop(0)
    invite(api, clock, "eve@example.net")
    mine = carrier(api.db, clock, office)

    assert (rounds(mine), states(api)["eve@example.net"]) == (1, MailState.FAILING)
    clock.move(seconds=59)
    assert rounds(mine) == 0
    clock.move(seconds=1)
    assert (rounds(mine), states(api)["eve@example.net"]) == (1, MailState.SENT)


def test_an_address_that_there_is_not_is_given_up_at_once(api: Api, clock: Clock, office: PostOffice) -> None:
    office.rcpt = lambda address: "550 5.1.1 no such mailbox" if address.startswith("eve") else None
    invite(api, clock, "eve@example.net", "dan@example.net")

    rounds(carrier(api.db, clock, office))

    assert states(api)["eve@example.net"] is MailState.UNDELIVERABLE
    assert states(api)["dan@example.net"] is MailState.SENT
    clock.move(days=2)
    assert rounds(carrier(api.db, clock, office)) == 0


def test_a_server_that_is_down_for_an_hour_loses_nothing(api: Api, clock: Clock, office: PostOffice) -> None:
    office.close()
    people = [f"person-{number}@example.net" for number in range(30)]
    invite(api, clock, *people)
    mine = carrier(api.db, clock, office)
    for _ in range(60):
        rounds(mine)
        clock.move(minutes=1)
    assert set(states(api).values()) == {MailState.FAILING}

    office.open()
    for _ in range(60):
        rounds(mine)
        clock.move(minutes=1)

    assert sorted(str(letter["To"]) for letter in office.letters) == sorted(people)


def test_a_server_that_is_down_for_more_than_a_day_is_told_of(api: Api, clock: Clock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    invite(api, clock, "eve@example.net")
    mine = carrier(api.db, clock, SmtpTransport(f"smtp://127.0.0.1:{port}"))

    attempts = 0
    for _ in range(26 * 60):
        attempts += rounds(mine)
        clock.move(minutes=1)

    assert (attempts, states(api)["eve@example.net"]) == (10, MailState.UNDELIVERABLE)
    with api.db.reading() as tx:
        [(account, letter)] = outbox.list_failing(clock.work(tx))
    assert (account.username, letter.last_error) == ("acme", f"127.0.0.1:{port}: Connection refused")


def test_a_letter_that_breaks_the_connection_keeps_no_other(api: Api, clock: Clock, office: PostOffice) -> None:
    def break_down(letter: EmailMessage) -> None:
        if "eve" in str(letter["To"]):
            raise OutOfOrder

    office.data = break_down
    invite(api, clock, "eve@example.net", "dan@example.net")

    rounds(carrier(api.db, clock, office))

    assert [str(letter["To"]) for letter in office.letters] == ["dan@example.net"]
    assert states(api) == {"eve@example.net": MailState.FAILING, "dan@example.net": MailState.SENT}


def test_a_letter_that_the_server_never_answers_keeps_no_other(api: Api, clock: Clock, office: PostOffice) -> None:
    office.holds = "eve"
    office.held.set()
    invite(api, clock, "eve@example.net", "dan@example.net")

    rounds(carrier(api.db, clock, SmtpTransport(office.url(), to_answer=0.3)))

    assert [str(letter["To"]) for letter in office.letters] == ["dan@example.net"]
    assert states(api) == {"eve@example.net": MailState.FAILING, "dan@example.net": MailState.SENT}


def test_what_was_withdrawn_before_it_went_out_is_not_sent(api: Api, clock: Clock, office: PostOffice) -> None:
    invite(api, clock, "eve@example.net", "dan@example.net")
    api.operate(lambda work: invitations.withdraw_from_groups(work, "acme", "eve@example.net", None))

    rounds(carrier(api.db, clock, office))

    assert [str(letter["To"]) for letter in office.letters] == ["dan@example.net"]
    assert states(api)["eve@example.net"] is MailState.SUPERSEDED


def test_a_second_group_joins_and_both_letters_have_one_link(api: Api, clock: Clock, office: PostOffice) -> None:
    for group in ("designers", "developers"):
        api("alice", "PUT", f"/users/acme/invitations/eve@example.net/acme/{group}")
        clock.now = datetime.now(UTC)
        rounds(carrier(api.db, clock, office))

    first, second = office.letters
    assert link(first) == link(second)
    assert "Developers" in post_office.parts(second)[0] and "Developers" not in post_office.parts(first)[0]


def test_a_letter_that_went_out_before_a_crash_goes_out_the_same_again(
    api: Api, clock: Clock, office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Crash(BaseException):
        pass

    def crash(*what: object) -> None:
        raise Crash

    invite(api, clock, "eve@example.net")
    with monkeypatch.context() as broken, pytest.raises(Crash):
        broken.setattr(outbox, "mark_sent", crash)
        carrier(api.db, clock, office).run_once()
    survivor = carrier(api.db, clock, office)
    clock.move(minutes=9, seconds=59)
    assert rounds(survivor) == 0
    clock.move(seconds=1)
    rounds(survivor)
    clock.move(days=1)
    rounds(survivor)

    first, second = office.letters
    assert (first["Message-ID"], link(first)) == (second["Message-ID"], link(second))
    assert states(api)["eve@example.net"] is MailState.SENT


def test_what_went_out_is_kept_when_the_database_can_be_written_again(
    api: Api, clock: Clock, office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "BUSY_SECONDS", 0.05)
    db = connect(api.db.url)
    blocker = sqlite3.connect(api.db.name, isolation_level=None, check_same_thread=False)
    office.data = lambda letter: blocker.execute("BEGIN IMMEDIATE") and None
    invite(api, clock, "eve@example.net")
    mine = carrier(db, clock, office)

    with pytest.raises(errors.DatabaseUnavailable):
        mine.run_once()
    blocker.execute("COMMIT")
    blocker.close()
    clock.move(hours=1)
    rounds(mine)
    db.close()

    assert len(office.letters) == 1
    assert states(api)["eve@example.net"] is MailState.SENT


def test_two_that_carry_at_once_send_each_letter_once(api: Api, clock: Clock, office: PostOffice) -> None:
    people = [f"person-{number}@example.net" for number in range(100)]
    invite(api, clock, *people)
    databases = [connect(api.db.url) for _ in range(2)]
    threads = [threading.Thread(target=rounds, args=[carrier(each, clock, office)]) for each in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in databases:
        each.close()

    assert sorted(str(letter["To"]) for letter in office.letters) == sorted(people)


def test_letters_that_a_slow_server_leaves_no_time_for_are_put_back(api: Api, clock: Clock, office: PostOffice) -> None:
    def take_long(letter: EmailMessage) -> None:
        clock.move(minutes=4)

    office.data = take_long
    invite(api, clock, *[f"person-{number}@example.net" for number in range(5)])
    mine = carrier(api.db, clock, office)

    mine.run_once()
    assert sorted(states(api).values(), key=str) == [MailState.SENT] * 2 + [MailState.WAITING] * 3
    rounds(mine)
    assert len(office.letters) == 5


def test_it_stops_at_once_also_while_the_server_hangs(api: Api, clock: Clock, office: PostOffice) -> None:
    office.held.set()
    invite(api, clock, "eve@example.net", "dan@example.net")
    mine = carrier(api.db, clock, office)
    mine.start()
    wait_until(lambda: office.connections == 1)
    begun = time.monotonic()

    mine.stop(0.2)
    took = time.monotonic() - begun
    office.held.clear()
    wait_until(lambda: not any(thread.name == "carrier" for thread in threading.enumerate()))

    assert took < 1
    assert set(states(api).values()) == {MailState.WAITING}


def test_what_is_left_when_it_stops_can_be_sent_by_the_next(api: Api, clock: Clock, office: PostOffice) -> None:
    invite(api, clock, *[f"person-{number}@example.net" for number in range(10)])
    mine = carrier(api.db, clock, office)
    office.data = lambda letter: mine._stopping.set()
    mine.run_once()
    assert len(office.letters) == 1

    rounds(carrier(api.db, clock, FolderTransport(Path(api.db.name).parent / "letters")))

    assert set(states(api).values()) == {MailState.SENT}
    assert len(list((Path(api.db.name).parent / "letters").glob("*.eml"))) == 9


def test_a_broken_template_is_told_of_and_nothing_is_lost(
    api: Api, clock: Clock, office: PostOffice, tmp_path: Path
) -> None:
    template = tmp_path / "invitation" / "body.txt"
    template.parent.mkdir()
    template.write_text("{{ whom }}")
    invite(api, clock, "eve@example.net")
    mine = carrier(api.db, clock, office, templates=tmp_path)

    rounds(mine)
    with api.db.reading() as tx:
        [(_, letter)] = outbox.list_failing(clock.work(tx))
    template.write_text("Come to {{ link }}")
    clock.move(minutes=1)
    rounds(mine)

    assert letter.last_error == "the template invitation/body.txt: 'whom' is undefined"
    assert post_office.parts(office.letters[0])[0].startswith("Come to https://git.example/invitations/")


def test_a_server_that_repeats_the_link_does_not_bring_it_into_the_database(
    api: Api, clock: Clock, office: PostOffice
) -> None:
    office.data = lambda letter: f"554 5.7.1 we don't like {link(letter)}"
    invite(api, clock, "eve@example.net")

    rounds(carrier(api.db, clock, office))

    with api.db.reading() as tx:
        [(_, letter)] = outbox.list_failing(clock.work(tx))
    assert letter.last_error == "554 5.7.1 we don't like https://git.example/invitations/…"


def test_a_letter_that_was_given_up_is_no_trouble_when_its_invitation_is_over(
    api: Api, clock: Clock, office: PostOffice
) -> None:
    office.rcpt = lambda address: "550 5.1.1 no such mailbox"
    invite(api, clock, "eve@example.net")
    mine = carrier(api.db, clock, office)
    rounds(mine)
    with api.db.reading() as tx:
        before = outbox.counts(clock.work(tx)).undeliverable
    api.operate(lambda work: invitations.withdraw_from_groups(work, "acme", "eve@example.net", None))
    clock.move(hours=1)
    mine.run_once()

    with api.db.reading() as tx:
        after = outbox.counts(clock.work(tx))
    assert (before, after.undeliverable) == (1, 0)
    assert states(api)["eve@example.net"] is MailState.SUPERSEDED
