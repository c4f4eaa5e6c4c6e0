"""SSH keys of people: a key is one person's, everything is told in the journal, and a private key is kept nowhere."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

import ssh_keygen
from browsing import done_by
from cast import Api
from onebucket.actions import groups, journal, ssh_keys
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.groups import AccountPrivilege
from onebucket.domain.journal_entry import Entry
from onebucket.domain.journal_text import describe_entry, describe_subject
from onebucket.domain.refusals import Forbidden, Invalid, NotFound
from onebucket.domain.ssh_keys import MOST_KEYS, PrivateKeySent
from onebucket.store import ssh_key_rows

pytestmark = pytest.mark.runs_on("SQLite", "PostgreSQL")

KEY = ssh_keygen.public()


def labels(api: Api, name: str = "alice") -> list[str]:
    return api.operate(lambda work: [key.label for key in ssh_keys.of_person(work, name)[1]])


def told(api: Api) -> list[Entry]:
    """What alice's journal has about SSH keys, oldest first."""
    entries = api.operate(lambda work: [*journal.entries(work, "alice")])
    return [entry for entry in entries if entry.event.value.startswith("ssh-key.")]


def add(text: str = KEY, **more: Any) -> Callable[[UnitOfWork], Any]:
    return lambda work: ssh_keys.add(work, "alice", text, **more)


@pytest.mark.parametrize("who", ["alice", "root"])
def test_a_person_and_whoever_runs_the_site_add_label_and_remove_a_key(api: Api, who: str) -> None:
    person, key = api.operate(done_by(who, add(f"{KEY} alice@laptop\n", label=" laptop ")))
    _, found = api.operate(done_by(who, lambda work: ssh_keys.one(work, "alice@example.com", f"{{{key.id.upper()}}}")))
    _, by_fingerprint = api.operate(done_by(who, lambda work: ssh_keys.one(work, "alice", key.fingerprint)))
    _, changed = api.operate(done_by(who, lambda work: ssh_keys.change(work, "alice", key.id, label="desk")))
    api.operate(done_by(who, lambda work: ssh_keys.remove(work, "alice", key.id)))

    assert (person.username, key.key, key.comment, key.label) == ("alice", KEY, "alice@laptop", "laptop")
    assert found == by_fingerprint == key
    assert changed.label == "desk" and labels(api) == []
    assert [(entry.actor, describe_entry(entry)) for entry in told(api)] == [
        (who, "added the SSH key laptop"),
        (who, "changed the SSH key laptop: label: laptop → desk"),
        (who, "removed the SSH key desk"),
    ]
    assert describe_subject(told(api)[0]) == ("SSH key 'laptop' of alice", key.fingerprint)
    assert told(api)[0].after == {
        "id": key.id,
        "label": "laptop",
        "fingerprint": key.fingerprint,
        "comment": "alice@laptop",
        "expires_at": None,
    }


def test_a_key_without_a_label_is_named_by_its_fingerprint(api: Api) -> None:
    _, key = api.operate(add())

    [entry] = told(api)
    assert describe_entry(entry) == f"added the SSH key {key.fingerprint}"
    assert describe_subject(entry) == ("SSH key of alice", key.fingerprint)


@pytest.mark.parametrize("who", ["bob", "mallory"])
def test_nobody_else_sees_or_changes_them(api: Api, who: str) -> None:
    _, key = api.operate(add())
    before = api.everything()

    for act in (
        lambda work: ssh_keys.of_person(work, "alice"),
        lambda work: ssh_keys.one(work, "alice", key.id),
        add(ssh_keygen.public(name="other")),
        lambda work: ssh_keys.change(work, "alice", key.id, label="x"),
        lambda work: ssh_keys.remove(work, "alice", key.id),
        lambda work: ssh_keys.remove_all(work, "alice"),
    ):
        with pytest.raises(Forbidden, match="you may not manage this person's SSH keys"):
            api.operate(done_by(who, act))

    assert api.everything() == before


def test_a_key_of_one_person_is_not_found_at_another(api: Api) -> None:
    _, key = api.operate(add())

    for name in ("bob", "root"):
        with pytest.raises(NotFound):
            api.operate(lambda work, name=name: ssh_keys.remove(work, name, key.id))

    assert len(labels(api)) == 1


def test_a_key_belongs_to_one_person(api: Api) -> None:
    api.operate(add(f"{KEY} a comment"))

    with pytest.raises(Invalid, match="alice has that key already"):
        api.operate(add(f"{KEY} another comment"))
    with pytest.raises(Invalid, match="somebody else has that key already") as refused:
        api.operate(done_by("bob", lambda work: ssh_keys.add(work, "bob", KEY)))

    assert "alice" not in refused.value.sentence
    assert (len(labels(api)), labels(api, "bob")) == (1, [])


def test_a_key_that_was_removed_may_be_somebody_elses(api: Api) -> None:
    _, key = api.operate(add())
    api.operate(lambda work: ssh_keys.remove(work, "alice", key.id))

    api.operate(lambda work: ssh_keys.add(work, "bob", KEY, label="now mine"))

    assert labels(api, "bob") == ["now mine"]


def test_a_person_has_a_hundred_keys_at_most(api: Api) -> None:
    def almost(work: UnitOfWork) -> None:
        _, first = ssh_keys.add(work, "alice", KEY)
        for number in range(1, MOST_KEYS):
            values = {field: getattr(first, field) for field in first.__slots__}
            more = type(first)(**values | {"id": work.new_id(), "fingerprint": f"SHA256:{number}"})
            ssh_key_rows.add(work.tx, more)

    api.operate(almost)

    with pytest.raises(Invalid, match="alice has 100 SSH keys already"):
        api.operate(add(ssh_keygen.public(name="one more")))
    assert len(labels(api)) == MOST_KEYS


def test_a_key_may_expire_and_then_expires_ahead(api: Api) -> None:
    _, key = api.operate(lambda work: ssh_keys.add(work, "alice", KEY, expires_at=work.at + timedelta(days=90)))

    assert key.expires_at == key.created_at + timedelta(days=90)
    assert told(api)[0].after["expires_at"] == key.expires_at.isoformat()  # type: ignore[index]
    with pytest.raises(Invalid, match="expired already"):
        api.operate(lambda work: ssh_keys.add(work, "alice", ssh_keygen.public(name="b"), expires_at=work.at))


def test_a_team_has_no_keys(api: Api) -> None:
    with pytest.raises(NotFound, match="acme is a team, and only people have SSH keys"):
        api.operate(lambda work: ssh_keys.add(work, "acme", KEY))


@pytest.mark.parametrize("where", ["key", "label"])
def test_a_private_key_is_kept_nowhere(api: Api, where: str) -> None:
    private = ssh_keygen.private()
    before = api.everything()

    with pytest.raises(PrivateKeySent) as refused:
        api.operate(add(private) if where == "key" else add(label=private))

    assert api.everything() == before
    assert not [line for line in private.splitlines() if line in refused.value.sentence]


@pytest.mark.parametrize(("label", "sentence"), [("x" * 256, "longer than 255"), ("a\u202eb", "control character")])
def test_a_label_is_one_short_line(api: Api, label: str, sentence: str) -> None:
    _, key = api.operate(add(label="x" * 255))

    for act in (add(ssh_keygen.public(name="b"), label=label),
                lambda work: ssh_keys.change(work, "alice", key.id, label=label)):  # fmt: skip
        with pytest.raises(Invalid, match=sentence):
            api.operate(act)

    assert labels(api) == ["x" * 255]


def test_a_change_that_changes_nothing_is_not_told_and_a_key_stays_what_it_is(api: Api) -> None:
    _, key = api.operate(add(label="desk"))

    for more in ({}, {"label": "desk"}, {"text": f"{KEY} another comment"}):
        _, same = api.operate(lambda work, more=more: ssh_keys.change(work, "alice", key.id, **more))
        assert same == key
    with pytest.raises(Invalid, match="a key can't become another one"):
        api.operate(lambda work: ssh_keys.change(work, "alice", key.id, text=ssh_keygen.public(name="b"), label="x"))

    assert [entry.event.value for entry in told(api)] == ["ssh-key.added"] and labels(api) == ["desk"]


def test_whoever_administers_a_personal_account_neither_changes_its_keys_nor_reads_of_them(api: Api) -> None:
    def with_a_helper(work: UnitOfWork) -> None:
        groups.create(work, "alice", name="Helpers")
        groups.set_account_privilege(work, "alice", "helpers", AccountPrivilege.ADMIN)
        groups.add_member(work, "alice", "helpers", "bob")
        ssh_keys.add(work, "alice", KEY)

    api.operate(with_a_helper)

    def seen(work: UnitOfWork) -> set[str]:
        return {entry.event.value for entry in journal.page(work, "alice", at_most=100).entries}

    with pytest.raises(Forbidden):
        api.operate(done_by("bob", lambda work: ssh_keys.of_person(work, "alice")))
    helper, own = (api.operate(done_by(who, seen)) for who in ("bob", "alice"))
    assert ("group.added" in helper, "ssh-key.added" in helper, "ssh-key.added" in own) == (True, False, True)
