"""POSTs to addresses that users choose: they go where a check has said, once, and no answer holds them up."""

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from onebucket import webhook_addresses
from onebucket.remote.callback_client import CallbackClient, CallbackResponse
from receiver import Receiver

LOOPBACK = webhook_addresses.parse_allowed(["127.0.0.1"])


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as started:
        yield started


class Names:
    """A resolver that answers in turn, the last one again and again."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = [*answers]
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def post(
    url: str, *, allowed: webhook_addresses.AllowedPlaces = LOOPBACK, seconds: float = 10, **how: Names
) -> CallbackResponse:
    client = CallbackClient(allowed, seconds=seconds, most_bytes=1000, **how)
    return asyncio.run(client.post(url, b"{}", {"X-Event-Key": "ping"}))


def test_a_name_is_resolved_once_and_its_checked_address_is_connected_to(receiver: Receiver) -> None:
    # The second answer is what an attacker's name server gives once the check is over.
    names = Names(["127.0.0.1"], ["10.0.0.1"])

    answer = post(f"http://hooks.example.com:{receiver.port}/a?b=c", resolve=names)

    assert (answer.status, answer.text, answer.error) == (200, "thanks", None)
    assert names.asked == ["hooks.example.com"]
    [received] = receiver.received
    assert (received.path, received.headers["host"]) == ("/a?b=c", f"hooks.example.com:{receiver.port}")
    assert received.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::ffff:127.0.0.1"], ["fe80::1%eth0"]])
def test_a_name_with_any_address_that_is_not_public_is_not_connected_to(
    receiver: Receiver, addresses: list[str]
) -> None:
    nowhere = webhook_addresses.AllowedPlaces()

    answer = post(f"http://hooks.example.com:{receiver.port}/", allowed=nowhere, resolve=Names(addresses))

    assert answer.status is None and "no public address" in (answer.error or "")
    assert receiver.received == []


def test_another_address_is_tried_when_one_refuses(receiver: Receiver) -> None:
    allowed = webhook_addresses.parse_allowed(["127.0.0.0/8"])
    # Nobody listens there: the receiver listens at 127.0.0.1 alone.
    names = Names(["127.0.0.2", "127.0.0.1"])

    assert post(f"http://h.example:{receiver.port}/", allowed=allowed, resolve=names).status == 200


def test_a_redirect_is_an_answer_and_is_not_followed(receiver: Receiver) -> None:
    receiver.headers = {"Location": receiver.url}
    receiver.answer = lambda received: (307, "")

    assert post(receiver.url).status == 307
    assert len(receiver.received) == 1


def test_an_answer_that_does_not_come_is_given_up(receiver: Receiver) -> None:
    over = threading.Event()
    receiver.answer = lambda received: (200, str(over.wait(30)))
    began = time.monotonic()

    answer = post(receiver.url, seconds=0.3)
    took = time.monotonic() - began
    over.set()

    assert (answer.status, answer.error) == (None, "it has not answered within 0.3 seconds")
    assert took < 10


def test_a_long_answer_is_cut_and_one_that_ends_early_still_has_its_status(receiver: Receiver) -> None:
    receiver.answer = lambda received: (200, "é\0" * 100_000)
    long = post(receiver.url)
    receiver.headers, receiver.answer = {"Content-Length": "500"}, lambda received: (202, "short")
    broken = post(receiver.url, seconds=1)

    assert (long.status, len(long.text.encode()) <= 1010, "\0" in long.text) == (200, True, False)
    assert (broken.status, broken.text, broken.error) == (202, "short", None)


def test_nobody_listening_is_a_sentence(receiver: Receiver) -> None:
    port = receiver.port
    receiver.__exit__()

    answer = post(f"http://127.0.0.1:{port}/")

    assert answer.status is None and (answer.error or "").startswith("it can't be reached: ")
    receiver.__init__()  # type: ignore[misc]
    receiver.__enter__()
