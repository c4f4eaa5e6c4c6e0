"""Notices: what could hand an account to somebody else is told by letter, and no other letter is in its way."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

import browsing
import cast
import consuming
import ssh_keygen
from browsing import Visitor, done_by
from cast import Api
from onebucket import hashing, ssh_public_keys
from onebucket.actions import accounts, consumers, emails, oauth_authorizations, outbox, passwords, ssh_keys, tokens
from onebucket.actions.outbox import OutgoingMail
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import NOBODY
from onebucket.domain.letters import MOST_NOTICES, MailKind
from onebucket.domain.site_limits import SiteLimits
from onebucket.mail import template_context

pytestmark = pytest.mark.runs_on("SQLite", "PostgreSQL")

SECOND = "second@example.org"


def notices(api: Api) -> list[tuple[str, str]]:
    """The kind and the address of every notice that was written, oldest first."""
    found = [each for _, each in api.operate(lambda work: outbox.newest(work, most=1000)) if each.is_notice]
    return [(each.kind.value, each.email) for each in reversed(found)]


def carried(api: Api) -> list[OutgoingMail]:
    """The notices that wait, as they are carried."""
    parcels = api.operate(lambda work: outbox.claim(work, partial(hashing.link_secret, browsing.KEY), most=1000))
    return [each for each in parcels if each.letter.is_notice]


def with_second(api: Api) -> None:
    """Alice gets a second address."""
    api.operate(done_by("alice", lambda work: emails.ask_for(work, "alice", SECOND)))
    hash = hashing.secret_hash(browsing.deliver(api)[SECOND].rpartition("/")[2])
    api.operate(done_by("alice", lambda work: emails.confirm(work, hash)))


def token(work: UnitOfWork, label: str = "backup") -> None:
    hash = hashing.secret_hash(f"{label}{work.new_id()}")
    tokens.add(work, "alice", secret_hash=hash, scopes=frozenset({"account"}), label=label)


def ssh_key(work: UnitOfWork) -> None:
    ssh_keys.add(work, "alice", f"{ssh_keygen.public()} alice@laptop", label="laptop")


def consumer(work: UnitOfWork, account: str, acts_as: str | None = None) -> None:
    key = hashing.new_consumer_key()
    consumers.add(work, account, key=key, label="Builder", scopes=frozenset({"account"}), acts_as=acts_as)


def primary(work: UnitOfWork) -> None:
    emails.make_primary(work, "alice", SECOND)


ALICE = "alice@example.com"
DEEDS: dict[str, tuple[Callable[[UnitOfWork], object], list[tuple[str, str]]]] = {
    "another primary address": (primary, [("address-primary", SECOND), ("address-primary", ALICE)]),
    "an address removed": (
        lambda work: emails.end(work, "alice", SECOND),
        [("address-removed", ALICE), ("address-removed", SECOND)],
    ),
    "an app password": (token, [("app-password-made", ALICE)]),
    "an SSH key": (ssh_key, [("ssh-key-added", ALICE)]),
    "a program": (lambda work: consumer(work, "alice"), [("program-made", ALICE)]),
    "a program of a team": (lambda work: consumer(work, "acme"), [("program-made", ALICE)]),
    "a password": (
        lambda work: passwords.change(work, "alice", cast.cheap_hash("another one")),
        [("password-set", ALICE)],
    ),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_whoever_it_is_about_is_told_and_so_is_an_address_that_is_given_up(api: Api, deed: str) -> None:
    act, told = DEEDS[deed]
    with_second(api)
    before = notices(api)

    api.operate(done_by("alice", act))

    assert before == [("address-added", ALICE)]
    assert sorted(notices(api)) == sorted(before + told)
    assert {(each.entry is None, each.secret) for each in carried(api)} == {(False, "")}


def test_the_notice_of_an_ssh_key_has_its_name_and_fingerprint_and_where_it_came_from(api: Api) -> None:
    def from_afar(work: UnitOfWork) -> None:
        ssh_key(replace(work, address="192.0.2.7"))

    api.operate(done_by("alice", from_afar))

    [notice] = carried(api)
    fingerprint = ssh_public_keys.parse(ssh_keygen.public()).fingerprint
    told = template_context.context_of(notice, "https://git.example")
    assert (told["what"], told["by"], told["network"]) == (f"laptop ({fingerprint})", "alice", "192.0.2.7")
    assert told["link"] == "https://git.example/me/ssh-keys"


def test_who_lets_a_program_act_is_told(api: Api) -> None:
    consuming.consent(api, consuming.add(api))

    assert ("program-allowed", ALICE) in notices(api)


def test_whom_a_program_acts_for_is_told_whoever_makes_it(api: Api) -> None:
    api.operate(done_by("root", lambda work: consumer(work, "acme", acts_as="alice")))

    assert ("program-made", ALICE) in notices(api)


def test_somebody_elses_change_is_told_to_the_old_address(api: Api) -> None:
    api.operate(done_by("root", lambda work: accounts.set_email(work, "alice", "thief@example.org")))

    assert notices(api) == [("address-removed", ALICE)]


def test_what_is_done_at_the_command_line_is_told_to_nobody(api: Api) -> None:
    for act, _ in list(DEEDS.values())[2:]:
        api.operate(act if act is not DEEDS["a program of a team"][0] else token)

    assert notices(api) == []


def test_no_notice_is_refused_for_keeps_another_kind_waiting_or_uses_up_letters(api: Api) -> None:
    def many(work: UnitOfWork) -> None:
        for number in range(MOST_NOTICES + 5):
            token(work, f"number {number}")
        passwords.change(work, "alice", cast.cheap_hash("another one"))

    def forgotten(work: UnitOfWork) -> None:
        terms = SiteLimits(letters_per_account=1, letters_per_address=1)
        passwords.request_reset(replace(work, actor=NOBODY, site_limits=terms), "alice")

    api.operate(done_by("alice", many))
    api.operate(forgotten)

    made = api.operate(lambda work: tokens.of_person(work, "alice"))
    assert len([each for each in made if each.label.startswith("number")]) == MOST_NOTICES + 5
    assert [kind for kind, _ in notices(api)] == ["app-password-made"] * MOST_NOTICES + ["password-set"]
    newest = api.operate(lambda work: outbox.newest(work, most=1000))
    assert [each.kind for _, each in newest].count(MailKind.RESET_PASSWORD) == 1


@pytest.mark.parametrize("ticked", [True, False])
def test_a_reset_ends_app_passwords_and_programs_where_that_is_ticked(api: Api, ticked: bool) -> None:
    api.operate(done_by("alice", token))
    api.operate(done_by("alice", ssh_key))
    api.operate(done_by("alice", lambda work: consumer(work, "alice")))
    consuming.consent(api, consuming.add(api, "acme"))
    api.operate(lambda work: passwords.request_reset(work, "alice"))
    path = browsing.deliver(api)[ALICE]

    def held(work: UnitOfWork) -> list[int]:
        own = [each for _, each, acts_for in consumers.list_consumers(work, "alice") if acts_for]
        keys = ssh_keys.of_person(work, "alice")[1]
        return [
            len(tokens.of_person(work, "alice")),
            len(keys),
            len(oauth_authorizations.list_authorizations(work)),
            len(own),
        ]

    before = api.operate(done_by("alice", held))
    with Visitor(api) as visitor:
        form = visitor.open(path)
        assert form.inputs["programs"].get("checked", "no") == "no"
        visitor.send(form, path, password="quite another", **({"programs": "on"} if ticked else {}))
    after = api.operate(done_by("alice", held))

    assert all(before)
    assert after == ([0, 0, 0, 0] if ticked else before)
