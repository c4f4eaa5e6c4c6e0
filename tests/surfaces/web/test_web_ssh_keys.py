"""SSH keys on pages: seen, added, named and removed; what is no public key is not shown again."""

from collections.abc import Iterator

import pytest

import cast
import ssh_keygen
from browsing import Page, Visitor
from cast import Api
from onebucket.actions import ssh_keys
from onebucket.domain.ssh_keys import SshKey
from tests.surfaces.web.test_web_reauthentication import let_it_be_a_while

pytestmark = pytest.mark.runs_on("SQLite", "PostgreSQL")

KEYS = "/me/ssh-keys"
SECRET = ssh_keygen.private().splitlines()[2]


@pytest.fixture
def alice(api: Api) -> Iterator[Visitor]:
    """The browser in which alice has signed in."""
    with Visitor(api, "alice") as opened:
        yield opened


def held(api: Api, name: str = "alice") -> list[SshKey]:
    return api.operate(lambda work: ssh_keys.of_person(work, name)[1])


def added(alice: Visitor, **typed: str) -> Page:
    """What comes when she sends the form for a key."""
    return alice.send(alice.open(KEYS), KEYS, **({"label": "laptop", "key": ssh_keygen.public()} | typed))


def test_a_key_is_added_named_and_removed(api: Api, alice: Visitor) -> None:
    page = added(alice, key=f"{ssh_keygen.public()} alice@laptop\n", lasts="90")
    [key] = held(api)
    own = alice.open(f"{KEYS}/{key.id}")
    named = alice.send(own, f"{KEYS}/{key.id}", label="desk")
    removed = alice.send(named, f"{KEYS}/{key.id}/remove")

    assert "Key added" in page.text and key.fingerprint in page.text and "laptop" in page.text
    assert (key.expires_at or key.created_at) > key.created_at
    assert ssh_keygen.public() in own.text and own.form(f"{KEYS}/{key.id}").values["label"] == "laptop"
    assert "Key renamed" in named.text and "desk" in named.text
    assert "Key removed" in removed.text and held(api) == []
    assert [event for _, event, *_ in api.journal() if event.startswith("ssh-key")] == [
        "ssh-key.added",
        "ssh-key.changed",
        "ssh-key.removed",
    ]


def test_my_page_leads_there(alice: Visitor) -> None:
    assert KEYS in alice.open("/me").linked


@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        ({"key": "ssh-ed25519 AAAA"}, "key", "the key is damaged or cut off"),
        ({"key": ""}, "key", "the key is missing"),
        ({"label": "a\u202eb"}, "label", "the label contains a control character"),
        ({"lasts": "9999999999"}, "lasts", "choose when it expires"),
    ],
)
def test_a_mistake_is_told_beside_its_field_and_nothing_is_added(
    api: Api, alice: Visitor, typed: dict[str, str], field: str, said: str
) -> None:
    page = added(alice, **typed)

    assert (page.status, f"{field}-error" in page.ids) == (400, True)
    assert said in page.text.lower()
    assert held(api) == []


def test_what_is_no_public_key_is_not_shown_again(alice: Visitor) -> None:
    page = added(alice, key=f"ssh-rsa {SECRET}")

    assert page.status == 400 and SECRET not in page.answer.text
    assert page.form(KEYS).values["label"] == "laptop"


@pytest.mark.parametrize("field", ["key", "label"])
def test_a_private_key_is_refused_stored_nowhere_and_shown_nowhere(api: Api, alice: Visitor, field: str) -> None:
    form = alice.open(KEYS)
    before = api.everything()

    page = alice.send(form, KEYS, **({"key": ssh_keygen.public()} | {field: ssh_keygen.private()}))

    assert page.status == 400 and "that is a private key" in page.text
    assert SECRET not in page.answer.text
    assert api.everything() == before and held(api) == []
    assert SECRET not in str(api.attempts())


def test_a_private_key_is_refused_before_the_password_is_asked_for_again(api: Api, alice: Visitor) -> None:
    form = alice.open(KEYS)
    let_it_be_a_while(api)

    page = alice.send(form, KEYS, key=ssh_keygen.private())

    assert page.status == 400 and "that is a private key" in page.text
    assert SECRET not in page.answer.text


def test_a_private_key_is_refused_on_every_other_page_too(alice: Visitor) -> None:
    page = alice.send(alice.open("/me"), "/me/emails", email=ssh_keygen.private())

    assert page.status == 400 and "that is a private key" in page.text
    assert SECRET not in page.answer.text


def test_a_public_key_is_kept_while_the_password_is_asked_for_again(api: Api, alice: Visitor) -> None:
    form = alice.open(KEYS)
    let_it_be_a_while(api)

    asked = alice.send(form, KEYS, key=ssh_keygen.public(), label="laptop")
    back = alice.send(asked, KEYS, again_password=cast.password("alice"))
    alice.send(back, KEYS)

    assert asked.status == 403
    assert [key.label for key in held(api)] == ["laptop"]


def test_a_key_of_somebody_else_is_told_without_a_name(api: Api, alice: Visitor) -> None:
    api.operate(lambda work: ssh_keys.add(work, "bob", ssh_keygen.public()))

    page = added(alice)

    assert page.status == 400 and "Somebody else has that key already" in page.text and "bob" not in page.text


def test_an_expired_key_is_marked(api: Api, alice: Visitor) -> None:
    added(alice)
    fresh = alice.open(KEYS).text
    api.operate(lambda work: work.tx.connection.execute("UPDATE ssh_keys SET expires_at = 1"))

    stale = alice.open(KEYS).text

    assert "expired" not in fresh and "expired" in stale
