"""The pages of webhooks: made and shown with their secret once, tested, changed, sent again and deleted."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from browsing import Visitor
from cast import Api
from onebucket.actions import webhook_deliveries
from onebucket.domain.webhooks import AttemptOutcome

ALL = "/accounts/acme/webhooks"
URL = "https://hooks.example.com/x"


@pytest.fixture
def alice(api: Api) -> Iterator[Visitor]:
    with Visitor(api, "alice") as opened:
        yield opened


def made(alice: Visitor, **typed: str | list[str]) -> tuple[str, str]:
    """The address and the secret of a webhook that she makes."""
    chosen: dict[str, str | list[str]] = {"url": URL, "event": ["member.added"], "label": "Builds & <b>more</b>"}
    page = alice.send(alice.open(ALL), ALL, **(chosen | typed))
    [secret], [address] = (
        re.findall(r"whsec_[\w+/=]+", page.text),
        {*re.findall(rf"{ALL}/[0-9a-f-]{{36}}", page.answer.text)},
    )
    return address, secret


def test_a_webhook_is_made_and_its_secret_shown_once(alice: Visitor) -> None:
    address, secret = made(alice)

    page, listed = alice.open(address), alice.open(ALL)

    assert secret not in page.text + listed.text
    assert "Builds &amp; &lt;b&gt;more&lt;/b&gt;" in page.answer.text and URL in listed.text
    assert alice.send(page, f"{address}/rotate").text.count("whsec_") == 1
    assert "The previous secret signs too until" in alice.open(address).text


def test_a_test_is_sent_shown_with_its_answer_and_sent_again(api: Api, alice: Visitor) -> None:
    address, _ = made(alice)
    alice.send(alice.open(address), f"{address}/ping")

    def fail(work: object) -> None:
        [claimed] = webhook_deliveries.claim(work, most=9, lease=timedelta(seconds=9))  # type: ignore[arg-type]
        answer = AttemptOutcome(500, "<script>alert(1)</script>", None, 12)
        webhook_deliveries.record(work, claimed, answer, jitter=0.0)  # type: ignore[arg-type]

    api.operate(fail)
    page = alice.open(address)
    [delivery] = {*re.findall(rf"{address}/deliveries/[0-9a-f-]{{36}}", page.answer.text)}
    shown = alice.open(delivery)
    again = alice.send(shown, delivery)

    assert "it answers 500" in page.text and "attempt 2 at" in page.text
    assert '"event": "ping"' in shown.text
    assert "<script>alert(1)</script>" in shown.text and "<script>alert" not in shown.answer.text
    assert "It waits to be sent again" in again.text


def test_it_is_changed_switched_off_and_deleted(alice: Visitor) -> None:
    address, _ = made(alice)

    saved = alice.send(alice.open(address), address, url=URL, label="Other", event=["*"], active=[])
    gone = alice.send(alice.open(f"{address}/delete"), f"{address}/delete")

    assert "You changed the webhook" in " ".join(saved.text.split()) and "Send a test" not in saved.text
    assert "Webhook deleted" in gone.text and "No webhooks yet." in gone.text


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"url": "http://127.0.0.1/"}, "url", "no public address"),
        ({"url": "http://event.label.localhost/"}, "url", "no public address"),
        ({"url": ""}, "url", "Enter a URL"),
        ({"event": []}, "event", "Choose at least one event"),
        ({"label": "a\u202eb"}, "label", "control character"),
    ],
)
def test_a_form_with_bad_input_is_shown_again_with_what_was_typed(
    alice: Visitor, typed: dict[str, str | list[str]], field: str, sentence: str
) -> None:
    page = alice.send(alice.open(ALL), ALL, **({"url": URL, "event": ["member.added"], "label": "Builds"} | typed))

    assert page.status == 400 and sentence in page.text
    assert f"{field}-error" in page.ids
    assert ("event" in typed) or re.search(r'value="member.added" checked', page.answer.text)
