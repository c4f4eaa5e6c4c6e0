"""The outbox in the database: letters to send, and those that were sent or given up."""

from datetime import datetime

from sqlalchemy import and_, bindparam, case, delete, func, insert, or_, select, update

from onebucket.domain.accounts import email_key
from onebucket.domain.letters import MailKind, OutboxMail
from onebucket.store.engine import timestamps
from onebucket.store.engine.database import Transaction
from onebucket.store.engine.statement import Row, Statement
from onebucket.store.tables import letters

COLUMNS = (
    letters.c.account_id,
    letters.c.id,
    letters.c.kind,
    letters.c.about,
    letters.c.link_id,
    letters.c.email,
    letters.c.created_at,
    letters.c.due_at,
    letters.c.attempts,
    letters.c.sent_at,
    letters.c.trouble,
)

_one = (letters.c.account_id == bindparam("account_id"), letters.c.id == bindparam("letter_id"))
_ADD = Statement(insert(letters))
_DUE = Statement(
    select(*COLUMNS).where(letters.c.due_at <= bindparam("at")).order_by(letters.c.due_at).limit(bindparam("most"))
)
_ONE = Statement(select(*COLUMNS).where(*_one))
_SETTLE = Statement(
    update(letters)
    .where(*_one)
    .values(
        due_at=bindparam("new_due_at"),
        attempts=bindparam("new_attempts"),
        sent_at=bindparam("new_sent_at"),
        trouble=bindparam("new_trouble"),
    )
)
_TROUBLED = Statement(
    select(*COLUMNS)
    .where(letters.c.sent_at.is_(None), letters.c.trouble.is_not(None))
    .order_by(letters.c.created_at.desc())
)
_WAITING = Statement(select(func.count(), func.min(letters.c.created_at)).where(letters.c.due_at.is_not(None)))
_NEXT = Statement(select(func.min(letters.c.due_at)).where(letters.c.due_at.is_not(None)))
_COUNTS = Statement(
    select(
        func.count(letters.c.due_at),
        func.count(case((letters.c.trouble.is_not(None), letters.c.due_at))),
        func.count().filter(letters.c.due_at.is_(None)),
    ).where(or_(letters.c.due_at.is_not(None), and_(letters.c.sent_at.is_(None), letters.c.trouble.is_not(None))))
)
_NEWEST = Statement(select(*COLUMNS).order_by(letters.c.created_at.desc()).limit(bindparam("most")))
_recent = letters.c.created_at > bindparam("since")
_of_kind = (letters.c.kind == bindparam("its_kind"), _recent)
_in_account = letters.c.account_id == bindparam("account_id")
_to_address = letters.c.email_key == bindparam("key")
_count_and_first = select(func.count(), func.min(letters.c.created_at))
_IN_ACCOUNT = Statement(_count_and_first.where(_in_account, *_of_kind))
_TO_ADDRESS = Statement(_count_and_first.where(_to_address, *_of_kind))
_IN_ACCOUNT_TO_ADDRESS = Statement(_count_and_first.where(_in_account, _to_address, *_of_kind))
_FORGET = Statement(delete(letters).where(letters.c.due_at.is_(None), letters.c.created_at < bindparam("before")))
_FORGET_ACCOUNT = Statement(delete(letters).where(letters.c.account_id == bindparam("account_id")))


def letter(row: Row) -> OutboxMail:
    """Return the letter in the first eleven columns of a row."""
    return OutboxMail(
        account_id=row[0],
        id=row[1],
        kind=MailKind(row[2]),
        about=row[3],
        link_id=row[4],
        email=row[5],
        created_at=timestamps.from_number(row[6]),
        due_at=timestamps.from_number(row[7]) if row[7] is not None else None,
        attempts=row[8],
        sent_at=timestamps.from_number(row[9]) if row[9] is not None else None,
        last_error=row[10],
    )


def add(tx: Transaction, letter: OutboxMail) -> None:
    """Put a letter into the outbox."""
    tx.run(
        _ADD,
        account_id=letter.account_id,
        id=letter.id,
        kind=letter.kind.value,
        about=letter.about,
        link_id=letter.link_id,
        email=letter.email,
        email_key=email_key(letter.email),
        created_at=timestamps.to_number(letter.created_at),
        due_at=timestamps.to_number(letter.due_at) if letter.due_at else None,
        attempts=0,
        sent_at=None,
        trouble=None,
    )


def due(tx: Transaction, at: datetime, *, most: int) -> list[OutboxMail]:
    """Return at most `most` letters of all accounts that are due, the longest waiting first."""
    return [letter(row) for row in tx.rows(_DUE, at=timestamps.to_number(at), most=most)]


def next_due(tx: Transaction) -> datetime | None:
    """Return when the next letter of any account is due; None if none waits."""
    row = tx.row(_NEXT)
    return timestamps.from_number(row[0]) if row and row[0] is not None else None


def one(tx: Transaction, account_id: str, id: str) -> OutboxMail | None:
    """Return the letter with that id."""
    row = tx.row(_ONE, account_id=account_id, letter_id=id)
    return letter(row) if row else None


def record_outcome(tx: Transaction, letter: OutboxMail) -> None:
    """Store the outcome of an attempt to send a letter."""
    tx.run(
        _SETTLE,
        account_id=letter.account_id,
        letter_id=letter.id,
        new_due_at=timestamps.to_number(letter.due_at) if letter.due_at else None,
        new_attempts=letter.attempts,
        new_sent_at=timestamps.to_number(letter.sent_at) if letter.sent_at else None,
        new_trouble=letter.last_error,
    )


def list_failing(tx: Transaction) -> list[OutboxMail]:
    """Return letters of all accounts that failed and haven't been sent since, newest first."""
    return [letter(row) for row in tx.rows(_TROUBLED)]


def newest(tx: Transaction, *, most: int) -> list[OutboxMail]:
    """Return the latest letters of all accounts, newest first."""
    return [letter(row) for row in tx.rows(_NEWEST, most=most)]


def waiting(tx: Transaction) -> tuple[int, datetime | None]:
    """Return how many letters of all accounts wait to be sent, and since when the oldest one waits."""
    return _count_and_time(tx.row(_WAITING))


def counts(tx: Transaction) -> tuple[int, int, int]:
    """Return how many letters of all accounts wait to be sent, how many of them failed, and how many were given up."""
    waiting, failing, given_up = tx.row(_COUNTS) or (0, 0, 0)
    return waiting, failing, given_up


def count_of_account(
    tx: Transaction, kind: MailKind, *, since: datetime, account_id: str | None = None, address: str | None = None
) -> tuple[int, datetime | None]:
    """Return how many letters of a kind were queued after `since`, and when the first one was.

    Counts those of one account, to one address, or both; at least one of the two is required.
    """
    values = {"its_kind": kind.value, "since": timestamps.to_number(since)}
    if address is None:
        return _count_and_time(tx.row(_IN_ACCOUNT, account_id=account_id, **values))
    if account_id is None:
        return _count_and_time(tx.row(_TO_ADDRESS, key=email_key(address), **values))
    return _count_and_time(tx.row(_IN_ACCOUNT_TO_ADDRESS, account_id=account_id, key=email_key(address), **values))


def delete_old(tx: Transaction, *, before: datetime) -> int:
    """Delete finished letters older than that time; return how many."""
    return tx.run(_FORGET, before=timestamps.to_number(before))


def delete_of_account(tx: Transaction, account_id: str) -> None:
    """Delete all letters of an account that is being deleted."""
    tx.run(_FORGET_ACCOUNT, account_id=account_id)


def _count_and_time(row: Row | None) -> tuple[int, datetime | None]:
    count, first = row or (0, None)
    return count, timestamps.from_number(first) if first is not None else None
