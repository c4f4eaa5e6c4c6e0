"""The webhook worker: each entry of a journal is sent once, in order, however receivers and processes behave."""

import asyncio
import hmac
import os
import signal
import subprocess
import sys
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import pytest

import cast
from cast import Api
from live import wait_until
from onebucket import hashing, webhook_addresses
from onebucket.actions import groups, journal, outbox, teams, webhook_deliveries, webhooks
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.events import Event
from onebucket.domain.letters import MailKind
from onebucket.domain.refusals import Conflict
from onebucket.domain.site_limits import SiteLimits
from onebucket.domain.webhooks import MOST_ATTEMPTS, Delivery, DeliveryState, Webhook
from onebucket.webhooks.worker import WebhookWorker
from receiver import Receiver
from standing_clock import Clock

pytestmark = pytest.mark.runs_on("SQLite", "PostgreSQL")

_Result = TypeVar("_Result")

LIMITS = SiteLimits(webhook_allow=frozenset({"127.0.0.1"}))


@pytest.fixture
def clock() -> Clock:
    return Clock(LIMITS)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as started:
        yield started


class Desk:
    """The cast's database, with a worker that sends when a test says so."""

    def __init__(self, api: Api, clock: Clock) -> None:
        self.api, self.clock = api, clock
        self.worker = self.another_worker()

    def another_worker(self, **how: object) -> WebhookWorker:
        return WebhookWorker(
            self.api.db, key=cast.KEY, operate=self.clock.work, clock=self.clock,
            allowed=webhook_addresses.parse_allowed(LIMITS.webhook_allow), seconds=5, jitter=lambda: 0.0, **how,
        )  # fmt: skip

    def run(self, action: Callable[[UnitOfWork], _Result]) -> _Result:
        with self.api.db.writing() as tx:
            return action(self.clock.work(tx))

    def add(self, url: str, *events: str, account: str = "acme") -> Webhook:
        return self.run(lambda work: webhooks.add(work, account, url=url, events=events))[1]

    def do(self, *names: str) -> None:
        """Create groups, one after the other."""
        with self.api.db.writing() as tx:
            work = self.clock.work(tx)
            for name in names:
                groups.create(work, "acme", name=name)
        self.clock.move(seconds=1)

    def carry(self, worker: WebhookWorker | None = None) -> int:
        """Send until nothing is due; how many rounds it took."""
        count = 0
        while asyncio.run((worker or self.worker).run_once()):
            count += 1
        return count

    def sent(self, webhook: Webhook) -> list[Delivery]:
        """What a webhook has sent, or will, oldest first."""
        with self.api.db.reading() as tx:
            _, found = webhook_deliveries.page(self.clock.work(tx), "acme", webhook.id, at_most=1000)
        return found[::-1]

    def stored(self, webhook: Webhook) -> Webhook:
        with self.api.db.reading() as tx:
            return webhooks.find(self.clock.work(tx), "acme", webhook.id)[1]


@pytest.fixture
def desk(api: Api, clock: Clock) -> Desk:
    return Desk(api, clock)


def test_each_chosen_entry_is_sent_once_in_order_and_signed(desk: Desk, receiver: Receiver) -> None:
    webhook = desk.add(receiver.url, "group.added", "group.deleted")
    desk.do(*(f"Crew {number}" for number in range(5)))
    with desk.api.db.writing() as tx:
        groups.add_member(desk.clock.work(tx), "acme", "crew-0", "bob")
        groups.delete(desk.clock.work(tx), "acme", "crew-4")

    desk.carry()
    desk.carry(desk.another_worker())

    assert receiver.events == ["group.added"] * 5 + ["group.deleted"]
    assert [each.json["entry"]["subject"] for each in receiver.received] == [*(f"crew-{n}" for n in range(5)), "crew-4"]
    secret = hashing.webhook_secret(cast.KEY, webhook.secret_id)
    for each in receiver.received:
        expected = hmac.new(secret.encode(), each.body, sha256).hexdigest()
        assert each.headers["x-hub-signature"] == each.headers["x-hub-signature-256"] == f"sha256={expected}"
        assert each.headers["x-hook-uuid"] == webhook.id and each.headers["x-attempt-number"] == "1"
        assert each.headers["x-request-uuid"] == each.headers["webhook-id"] == each.json["id"]
        assert each.headers["content-type"] == "application/json"
    first = receiver.received[0].json
    assert first["event"] == "group.added" and first["account"]["username"] == "acme"
    assert first["text"] == "operator created the group crew-0" and first["actor"]["name"] == "operator"
    assert {each.state for each in desk.sent(webhook)} == {DeliveryState.DELIVERED}


def test_credentials_and_what_only_a_person_sees_are_never_sent(desk: Desk, receiver: Receiver) -> None:
    desk.add(receiver.url, "*", account="alice")
    desk.api("alice", "POST", "/api/tokens", json={"scopes": ["account"], "label": "hers"})
    desk.api("alice", "POST", "/groups/alice", content="name=Friends")
    desk.clock.move(days=1)

    desk.carry()

    assert receiver.events == ["group.added"]
    # The network address of the account's own owner is hidden, as in its journal's page.
    assert receiver.received[0].json["entry"]["address"] is None


def test_a_failure_is_tried_again_later_before_what_follows(desk: Desk, receiver: Receiver) -> None:
    webhook = desk.add(receiver.url, "group.added")
    receiver.answer = lambda received: (503, "down")
    desk.do("One", "Two")

    desk.carry()
    first, second = desk.sent(webhook)
    assert (first.state, second.state) == (DeliveryState.FAILING, DeliveryState.WAITING)
    assert first.answer is not None and (first.answer.status, first.answer.text) == (503, "down")
    assert first.due_at == desk.clock.now + timedelta(seconds=10)
    assert desk.stored(webhook).trouble == "it answers 503"

    receiver.answer = lambda received: (200, "up")
    desk.carry()
    assert len(receiver.received) == 1
    desk.clock.move(seconds=11)
    desk.carry()

    assert [each.json["entry"]["subject"] for each in receiver.received] == ["one", "one", "two"]
    assert [each.headers["x-attempt-number"] for each in receiver.received] == ["1", "2", "1"]
    assert desk.stored(webhook).trouble is None


def test_what_always_fails_is_given_up_after_a_day_and_the_next_one_follows(desk: Desk, receiver: Receiver) -> None:
    webhook = desk.add(receiver.url, "group.added")
    receiver.answer = lambda received: (400 if received.json["entry"]["subject"] == "poison" else 200, "")
    desk.do("Poison", "Fine")
    began = desk.clock.now

    desk.carry()
    while (due := desk.sent(webhook)[0].due_at) is not None:
        desk.clock.now = max(due, desk.clock.now)
        desk.carry()

    assert timedelta(hours=20) < desk.clock.now - began < timedelta(hours=30)
    assert [each.state for each in desk.sent(webhook)] == [DeliveryState.GIVEN_UP, DeliveryState.DELIVERED]
    assert len(receiver.received) == MOST_ATTEMPTS + 1 and desk.stored(webhook).is_active


def test_what_fails_for_days_is_switched_off_and_administrators_get_a_letter(desk: Desk, receiver: Receiver) -> None:
    webhook = desk.add(receiver.url, "group.added")
    receiver.answer = lambda received: (302, "")
    desk.do(*(f"Crew {number}" for number in range(9)))

    for _ in range(40):
        desk.carry()
        desk.clock.move(hours=2)
    off = desk.stored(webhook)

    assert not off.is_active and "for 3 days" in (off.trouble or "") and "redirects are not followed" in off.trouble
    with desk.api.db.reading() as tx:
        work = desk.clock.work(tx)
        [entry] = [each for each in journal.entries(work, "acme") if each.event is Event.WEBHOOK_SWITCHED_OFF]
        [(_, letter)] = [each for each in outbox.newest(work) if each[1].kind is MailKind.WEBHOOK_SWITCHED_OFF]
    assert entry.after is not None and entry.after["url"] == receiver.url and letter.email == "alice@example.com"

    count, receiver.answer = len(receiver.received), lambda received: (200, "")
    desk.do("While it is off")
    desk.carry()
    assert len(receiver.received) == count
    desk.run(lambda work: webhooks.change(work, "acme", webhook.id, is_active=True))
    desk.do("After")
    desk.carry()
    subjects = [each.json["entry"]["subject"] for each in receiver.received[count:]]
    assert "while-it-is-off" not in subjects and subjects[-1] == "after" and len(subjects) > 1


def test_a_receiver_that_is_gone_is_not_asked_again(desk: Desk, receiver: Receiver) -> None:
    webhook = desk.add(receiver.url, "group.added")
    receiver.answer = lambda received: (410, "")
    desk.do("One")

    desk.carry()

    assert not desk.stored(webhook).is_active
    with pytest.raises(Conflict):
        desk.run(lambda work: webhook_deliveries.ping(work, "acme", webhook.id))


def test_a_slow_receiver_holds_up_no_other(desk: Desk, receiver: Receiver) -> None:
    over = threading.Event()
    with Receiver() as slow:
        slow.answer = lambda received: (200, str(over.wait(30)))
        desk.add(slow.url, "group.added")
        desk.add(receiver.url, "group.added")
        desk.do("One", "Two", "Three")
        desk.worker.start()

        wait_until(lambda: len(receiver.received) == 3 and len(slow.received) == 1)
        over.set()
        desk.worker.stop()


def test_after_a_rotation_both_secrets_sign_for_a_day(desk: Desk, receiver: Receiver) -> None:
    before = desk.add(receiver.url, "group.added")
    _, after = desk.run(lambda work: webhooks.rotate(work, "acme", before.id))
    old, new = (hashing.webhook_secret(cast.KEY, each.secret_id) for each in (before, after))
    desk.do("One")
    desk.carry()
    desk.clock.move(hours=24)
    desk.do("Two")
    desk.carry()

    during, later = receiver.received
    assert during.headers["x-hub-signature"] == f"sha256={hmac.new(new.encode(), during.body, sha256).hexdigest()}"
    signed = f"{during.headers['webhook-id']}.{during.headers['webhook-timestamp']}.".encode() + during.body
    assert during.headers["webhook-signature"].split() == [
        f"v1,{b64encode(hmac.new(b64decode(each[6:]), signed, sha256).digest()).decode()}" for each in (new, old)
    ]
    assert len(later.headers["webhook-signature"].split()) == 1


def test_a_resend_has_the_same_id_and_body_and_two_at_once_are_one(desk: Desk, receiver: Receiver) -> None:
    webhook = desk.add(receiver.url, "group.added")
    desk.do("One")
    desk.carry()
    [delivery] = desk.sent(webhook)

    for _ in range(2):
        desk.run(lambda work: webhook_deliveries.resend(work, "acme", webhook.id, delivery.id))
    desk.carry()

    first, again = receiver.received
    assert (again.body, again.headers["webhook-id"]) == (first.body, first.headers["webhook-id"])


def test_what_a_killed_worker_had_is_sent_when_its_lease_ends_and_its_late_word_is_not_heard(
    desk: Desk, receiver: Receiver
) -> None:
    webhook = desk.add(receiver.url, "group.added")
    desk.do("One", "Two")
    desk.run(webhook_deliveries.make)
    [had] = desk.run(lambda work: webhook_deliveries.claim(work, most=9, lease=timedelta(seconds=15)))

    desk.carry()
    assert receiver.received == []
    with pytest.raises(Conflict, match="being sent right now"):
        desk.run(lambda work: webhook_deliveries.resend(work, "acme", webhook.id, had.delivery.id))
    desk.clock.move(seconds=16)
    desk.carry()
    failed = webhook_deliveries.AttemptOutcome(None, "", "late", 1)
    desk.run(lambda work: webhook_deliveries.record(work, had, failed, jitter=0.0))

    assert [each.json["entry"]["subject"] for each in receiver.received] == ["one", "two"]
    assert {each.state for each in desk.sent(webhook)} == {DeliveryState.DELIVERED}


def test_deleting_a_webhook_or_its_team_deletes_what_waits(desk: Desk, receiver: Receiver) -> None:
    webhook = desk.add(receiver.url, "*")
    desk.do("One")
    desk.run(webhook_deliveries.make)

    desk.run(lambda work: webhooks.remove(work, "acme", webhook.id))
    desk.add(receiver.url, "*")
    desk.do("Two")
    desk.run(webhook_deliveries.make)
    desk.run(lambda work: teams.delete(work, "acme"))
    desk.carry()

    assert receiver.received == []


def test_old_deliveries_are_forgotten(desk: Desk, receiver: Receiver) -> None:
    webhook = desk.add(receiver.url, "group.added")
    desk.do("One")
    desk.carry()

    desk.clock.move(days=15)
    desk.carry()

    assert desk.sent(webhook) == []


# Sends what is due in the database of its first argument.
WORKER = """
import sys, uuid, time
from datetime import UTC, datetime
from onebucket import webhook_addresses
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import OPERATOR
from onebucket.store.connect import connect
from onebucket.webhooks.worker import WebhookWorker
worker = WebhookWorker(
    connect(sys.argv[1]), key=b"k" * 40, clock=lambda: datetime.now(UTC), seconds=0.5,
    operate=lambda tx: UnitOfWork(OPERATOR, tx, datetime.now(UTC), "test", lambda: str(uuid.uuid4())),
    allowed=webhook_addresses.parse_allowed(["127.0.0.1"]),
)
worker.start()
time.sleep(600)
"""


@pytest.mark.subprocess
def test_a_worker_that_is_killed_in_the_middle_loses_nothing(
    cast_template: Path, tmp_path: Path, receiver: Receiver
) -> None:
    db = cast.copy(cast_template, tmp_path)
    clock, url = Clock(LIMITS), f"sqlite:///{tmp_path}/onebucket.db"
    with db.writing() as tx:
        webhooks.add(clock.work(tx), "acme", url=receiver.url, events=["group.added"])
        for number in range(6):
            groups.create(clock.work(tx), "acme", name=f"Crew {number}")
    arrived, over = threading.Event(), threading.Event()

    def answer_no_more(received: object) -> tuple[int, str]:
        if len(receiver.received) == 3:
            arrived.set()
            over.wait(30)
        return 200, ""

    receiver.answer = answer_no_more
    workers = [subprocess.Popen([sys.executable, "-c", WORKER, url])]
    try:
        assert arrived.wait(60)
        os.kill(workers[0].pid, signal.SIGKILL)
        workers[0].wait()
        over.set()
        workers.append(subprocess.Popen([sys.executable, "-c", WORKER, url]))
        wait_until(lambda: len({each.json["id"] for each in receiver.received}) == 6)
    finally:
        over.set()
        for worker in workers:
            worker.kill()
            worker.wait()
        db.close()

    subjects = [each.json["entry"]["subject"] for each in receiver.received]
    assert [*dict.fromkeys(subjects)] == [f"crew-{number}" for number in range(6)]
    # Only what was under way when it was killed came again.
    assert len(subjects) <= 7
