"""Directories and their keys: add, change and remove them, for site administrators; list them, for administrators."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from onebucket.actions import access, journal
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import directories
from onebucket.domain.accounts import Account
from onebucket.domain.directories import Directory, DirectoryKey
from onebucket.domain.events import Event
from onebucket.domain.journal_entry import Entry, Facts
from onebucket.domain.policy import To
from onebucket.domain.refusals import Conflict, Invalid
from onebucket.store import directory_group_rows, directory_leaver_rows, directory_people_rows, directory_rows

_DEFAULT_LABEL = "scim"
_ERRORS_SHOWN = 10
_BETWEEN_LETTERS = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Overview:
    """A directory of a team, with its keys, the oldest first, and how many people and groups it has brought."""

    team: Account
    directory: Directory
    keys: Sequence[DirectoryKey]
    people: int
    groups: int

    @property
    def last_contact(self) -> datetime | None:
        """When one of its keys was last used; up to a minute old."""
        return max((key.last_used_at for key in self.keys if key.last_used_at), default=None)


def add(
    work: UnitOfWork,
    account_name: str,
    *,
    secret_hash: str,
    label: str | None = None,
    domains: Sequence[str] = (),
    adopts_groups: bool = False,
    expires_at: datetime | None = None,
) -> Overview:
    """Add a directory to a team, with its first key; only the hash of the key's secret is stored.

    Raises Invalid for a person, Conflict for a label that is taken, Forbidden.
    """
    access.site(work)
    team = access.account(work, account_name, to=To.SEE_DIRECTORIES)
    if not team.is_team:
        raise Invalid(f"{team.username} is a person: only a team has a directory")
    directory = Directory(
        account_id=team.id,
        id=work.new_id(),
        label=directories.check_label(label or _DEFAULT_LABEL),
        domains=directories.check_domains(domains),
        adopts_groups=adopts_groups,
        created_at=work.at,
    )
    key = _new_key(work, directory, secret_hash, expires_at)

    directory_rows.add(work.tx, directory)
    directory_rows.add_key(work.tx, key)

    facts = directories.facts(directory) | {"id": directory.id, "key": key.id}
    work.record(Event.DIRECTORY_ADDED, team, directory.label, after=facts)
    return Overview(team, directory, (key,), 0, 0)


def everywhere(work: UnitOfWork) -> list[Overview]:
    """List the directories of all teams, for site administrators."""
    access.site(work)
    return [_overview(work, team, directory) for team, directory in directory_rows.everywhere(work.tx)]


def of_account(work: UnitOfWork, account_name: str) -> list[Overview]:
    """List the directories of a team, by label. Raises NotFound, Forbidden."""
    team = access.account(work, account_name, to=To.SEE_DIRECTORIES)
    keys = directory_rows.keys_of_account(work.tx, team.id)
    return [
        Overview(team, directory, [key for key in keys if key.directory_id == directory.id], people, groups)
        for directory, people, groups in directory_rows.with_counts(work.tx, team.id)
    ]


def read(work: UnitOfWork, account_name: str, name: str) -> Overview:
    """Return one directory of a team, by its label or id. Raises NotFound, Forbidden."""
    return _overview(work, *access.directory(work, account_name, name, to=To.SEE_DIRECTORIES))


def last_errors(work: UnitOfWork, account_name: str, name: str) -> list[Entry]:
    """Return the last changes that a directory was refused, newest first. Raises NotFound, Forbidden."""
    team, directory = access.directory(work, account_name, name, to=To.SEE_DIRECTORIES)
    wanted = journal.JournalFilter(event=Event.CHANGE_REFUSED, actor=directory.actor_name)
    return journal.page(work, team.id, wanted=wanted, at_most=_ERRORS_SHOWN).entries


def tell_of_refusal(work: UnitOfWork, reason: str) -> None:
    """Tell site administrators why the calling directory may not take a team's last administrator: once a day.

    Raises Forbidden.
    """
    assert work.actor.directory is not None
    team, directory = access.calling_directory(work, work.actor.directory.id, to=To.KEEP_PEOPLE)
    if directory_rows.take_letter(work.tx, directory, at=work.at, before=work.at - _BETWEEN_LETTERS):
        work.record_attempt(Event.DIRECTORY_STUCK, team, directory.label, after={"reason": reason})
        work.notify_site_administrators(team)


def change(
    work: UnitOfWork,
    account_name: str,
    name: str,
    *,
    label: str | None = None,
    domains: Sequence[str] | None = None,
    adopts_groups: bool | None = None,
) -> Overview:
    """Change the given settings of a directory; `domains` are those that the team has proved to own.

    Raises Invalid, Conflict, NotFound, Forbidden.
    """
    team, before = _for_site(work, account_name, name)
    after = before
    if label is not None:
        after = replace(after, label=directories.check_label(label))
    if domains is not None:
        after = replace(after, domains=directories.check_domains(domains))
    if adopts_groups is not None:
        after = replace(after, adopts_groups=adopts_groups)

    if after != before:
        directory_rows.change(work.tx, after)
        work.record(
            Event.DIRECTORY_CHANGED,
            team,
            before.label,
            before=directories.facts(before),
            after=directories.facts(after),
        )
    return _overview(work, team, after)


def rotate(
    work: UnitOfWork, account_name: str, name: str, *, secret_hash: str, expires_at: datetime | None = None
) -> DirectoryKey:
    """Make another key for a directory; the one that it has stays valid until `revoke_old_key`.

    Raises Conflict when two are valid already, NotFound, Forbidden.
    """
    team, directory = _for_site(work, account_name, name)
    keys = directory_rows.keys(work.tx, directory)
    valid = [key for key in keys if key.expires_at is None or key.expires_at > work.at]
    directories.check_number_of_keys(len(valid))
    key = _new_key(work, directory, secret_hash, expires_at)

    for ended in keys:
        if ended not in valid:
            _revoke(work, team, directory, ended)
    directory_rows.add_key(work.tx, key)

    work.record(Event.DIRECTORY_KEY_ADDED, team, directory.label, after=_key_facts(key))
    return key


def revoke_old_key(work: UnitOfWork, account_name: str, name: str) -> DirectoryKey:
    """Revoke the older of a directory's two keys. Raises Conflict when it has only one, NotFound, Forbidden."""
    team, directory = _for_site(work, account_name, name)
    keys = directory_rows.keys(work.tx, directory)
    if len(keys) < directories.MOST_KEYS:
        raise Conflict("the directory has one key only: make the next one first")

    _revoke(work, team, directory, keys[0])
    return keys[0]


def remove(work: UnitOfWork, account_name: str, name: str) -> Overview:
    """Remove a directory with its keys. Its groups stay, and are the team's own again; its people stay as they are.

    Raises NotFound, Forbidden.
    """
    team, directory = _for_site(work, account_name, name)
    removed = _overview(work, team, directory)

    directory_group_rows.release(work.tx, directory)
    directory_people_rows.remove_of_directory(work.tx, directory)
    directory_leaver_rows.remove_of_directory(work.tx, directory)
    directory_rows.remove(work.tx, directory)

    lost = directories.facts(directory) | {"id": directory.id, "people": removed.people, "groups": removed.groups}
    work.record(Event.DIRECTORY_REMOVED, team, directory.label, before=lost)
    return removed


def _for_site(work: UnitOfWork, account_name: str, name: str) -> tuple[Account, Directory]:
    access.site(work)
    return access.directory(work, account_name, name, to=To.SEE_DIRECTORIES)


def _overview(work: UnitOfWork, team: Account, directory: Directory) -> Overview:
    return Overview(
        team,
        directory,
        directory_rows.keys(work.tx, directory),
        directory_people_rows.count(work.tx, directory),
        directory_group_rows.count(work.tx, directory),
    )


def _new_key(work: UnitOfWork, directory: Directory, secret_hash: str, expires_at: datetime | None) -> DirectoryKey:
    if expires_at is not None and expires_at <= work.at:
        raise Invalid("that time has passed already")
    at = work.next_timestamp()
    return DirectoryKey(directory.account_id, directory.id, work.new_id(), secret_hash, at, expires_at)


def _revoke(work: UnitOfWork, team: Account, directory: Directory, key: DirectoryKey) -> None:
    directory_rows.revoke_key(work.tx, key)
    work.record(Event.DIRECTORY_KEY_REVOKED, team, directory.label, before=_key_facts(key))


def _key_facts(key: DirectoryKey) -> Facts:
    return {"id": key.id, "expires_at": key.expires_at.isoformat() if key.expires_at else None}
