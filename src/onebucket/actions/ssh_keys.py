"""SSH keys of people: list, add, label and remove them."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from onebucket import ssh_public_keys
from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import ssh_keys
from onebucket.domain.accounts import Account, bare_uuid
from onebucket.domain.events import Event
from onebucket.domain.policy import To
from onebucket.domain.refusals import Invalid, NotFound
from onebucket.domain.ssh_keys import MOST_KEYS, SshKey
from onebucket.safe_text import quote_text
from onebucket.store import ssh_key_rows


def of_person(work: UnitOfWork, name: str) -> tuple[Account, list[SshKey]]:
    """Return a person and their keys, oldest first. Raises NotFound, also for a team; Forbidden."""
    person = access.account(work, name, to=To.HANDLE_SSH_KEYS)
    if person.is_team:
        raise NotFound(f"{person.username} is a team, and only people have SSH keys")
    return person, ssh_key_rows.of_person(work.tx, person.id)


def one(work: UnitOfWork, name: str, id: str) -> tuple[Account, SshKey]:
    """Return a person and one of their keys; `id` is its id, with braces or without, or its fingerprint.

    Raises NotFound, Forbidden.
    """
    person, keys = of_person(work, name)
    uuid = bare_uuid(id)
    for key in keys:
        if key.id == uuid or key.fingerprint == id:
            return person, key
    raise NotFound(f"{person.username} has no SSH key {quote_text(id)}")


def add(
    work: UnitOfWork, name: str, text: str, *, label: str = "", expires_at: datetime | None = None
) -> tuple[Account, SshKey]:
    """Add a public key, one line as OpenSSH writes it, to a person.

    Raises Invalid, also where somebody has the key already and for a private key; NotFound, Forbidden.
    """
    person, held = of_person(work, name)
    public = ssh_public_keys.parse(text)
    holder = ssh_key_rows.by_fingerprint(work.tx, public.fingerprint)
    if holder is not None and holder.account_id == person.id:
        raise Invalid(f"{person.username} has that key already")
    if holder is not None:
        raise Invalid("somebody else has that key already, and a key belongs to one person")
    if len(held) >= MOST_KEYS:
        raise Invalid(f"{person.username} has {MOST_KEYS} SSH keys already, and nobody can have more")
    key = SshKey(
        account_id=person.id,
        id=work.new_id(),
        key=public.text,
        fingerprint=public.fingerprint,
        comment=public.comment,
        label=ssh_keys.clean_label(label),
        created_at=work.at,
        expires_at=ssh_keys.check_expiry(expires_at, now=work.at),
    )

    ssh_key_rows.add(work.tx, key)

    work.record(Event.SSH_KEY_ADDED, person, person.username, after=_facts(key))
    return person, key


def change(
    work: UnitOfWork, name: str, id: str, *, label: str | None = None, text: str | None = None
) -> tuple[Account, SshKey]:
    """Give a key another label. Raises Invalid where `text` is another key, NotFound, Forbidden."""
    person, before = one(work, name, id)
    if text is not None and ssh_public_keys.parse(text).fingerprint != before.fingerprint:
        raise Invalid("a key can't become another one: add the other one, and remove this")
    if label is None or (after := replace(before, label=ssh_keys.clean_label(label))) == before:
        return person, before

    ssh_key_rows.set_label(work.tx, person.id, after.id, after.label)

    work.record(Event.SSH_KEY_CHANGED, person, person.username, before=_facts(before), after=_facts(after))
    return person, after


def remove(work: UnitOfWork, name: str, id: str) -> SshKey:
    """Take a key from a person. Raises NotFound, Forbidden."""
    person, key = one(work, name, id)

    ssh_key_rows.remove(work.tx, person.id, key.id)

    work.record(Event.SSH_KEY_REMOVED, person, person.username, before=_facts(key))
    return key


def remove_all(work: UnitOfWork, name: str) -> None:
    """Take every key from a person. Raises NotFound, Forbidden."""
    person, keys = of_person(work, name)
    for key in keys:
        remove(work, person.id, key.id)


def _facts(key: SshKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "label": key.label,
        "fingerprint": key.fingerprint,
        "comment": key.comment,
        "expires_at": key.expires_at.isoformat() if key.expires_at else None,
    }
