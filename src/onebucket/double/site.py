"""The double's data: the database and its snapshots, the people's passwords, letters, and the server over them."""

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from typing import Any, TypeVar

from argon2 import PasswordHasher
from msgspec import UNSET, structs

from onebucket import hashing, settings
from onebucket.actions import (
    account_snapshot,
    accounts,
    emails,
    end_letters,
    groups,
    invitation_acceptance,
    invitations,
    tokens,
)
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import OPERATOR, Actor, check_password, username_key
from onebucket.domain.refusals import Invalid, NotFound
from onebucket.domain.site_limits import SiteLimits
from onebucket.double.behaviour import Behaviour, Credential, Refusal
from onebucket.double.clock import SteerableClock
from onebucket.http import wiring
from onebucket.http.limits import counters
from onebucket.http.options import ServerOptions
from onebucket.http.wiring import Server
from onebucket.mail.composer import Composer
from onebucket.mail.outbox_worker import OutboxWorker
from onebucket.store.engine.transaction import Transaction
from onebucket.store.sqlite.database import SqliteDatabase
from onebucket.store.sqlite.snapshot import MemorySnapshots
from onebucket.transfer import apply, document, export
from onebucket.transfer.model import User

_Result = TypeVar("_Result")

# The snapshots that every double has: of what it was started with, and of an empty database.
SEED, EMPTY = "seed", "empty"
_BEFORE = "before a replacement"

# Cheap on purpose: the passwords of a double guard nothing, and tests don't wait for them.
_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter that was sent; `link` is the link that it asks to follow, or empty."""

    to: str
    subject: str
    text: str
    link: str

    def as_json(self) -> dict[str, str]:
        """Return it for `/double/letters`."""
        return {"to": self.to, "subject": self.subject, "text": self.text, "link": self.link}


class Mailbox:
    """A mail transport that keeps what it is given."""

    description = "the double's mailbox"

    def __init__(self) -> None:
        self.letters: list[Letter] = []

    def connect(self) -> "Mailbox":
        """Return itself."""
        return self

    def send(self, message: EmailMessage, *, id: str, at: datetime) -> None:
        """Keep one letter."""
        body = message.get_body(("plain",))
        text = body.get_content() if body is not None else ""
        links = [word for word in text.split() if word.startswith(("http://", "https://"))]
        self.letters.append(Letter(str(message["To"]), str(message["Subject"]), text, links[0] if links else ""))

    def close(self) -> None:
        """Do nothing."""


class Site:
    """A onebucket server with its database, clock and mailbox, which can be put back to what it was."""

    def __init__(
        self, database: SqliteDatabase, base_url: str, chosen: settings.Settings, clock: SteerableClock
    ) -> None:
        self._database = database
        self._base_url = base_url
        self._settings = chosen
        self._key = hashlib.sha256(b"the double's own key").hexdigest().encode()
        self.clock = clock
        self.behaviour = Behaviour()
        self.mailbox = Mailbox()
        self._outbox_worker = OutboxWorker(
            database,
            post=self.mailbox,
            desk=Composer(base_url=base_url, sender="", templates=None, is_open=False),
            key=self._key,
            operate=self._operator,
            clock=clock.now,
        )
        self._snapshots = MemorySnapshots(database)
        self._letters: dict[str, list[Letter]] = {}
        self._api_tokens: set[str] = set()
        self._counts = counters.in_memory()
        self.server = self._build()

    # -- data

    def take_snapshot(self, name: str) -> None:
        """Keep everything under a name; a snapshot of that name is replaced."""
        self._snapshots.take(name)
        self._letters[name] = list(self.mailbox.letters)

    def restore(self, name: str) -> None:
        """Restore a snapshot and reset the rate limits. Raises NotFound."""
        if name not in self._snapshots:
            raise NotFound(f"there is no snapshot {name!r}")
        self._snapshots.restore(name)
        self.mailbox.letters[:] = self._letters[name]
        counters.clear(self._counts)

    def reset(self) -> None:
        """Put data, clock and switches back to the seed."""
        is_steered = self.clock.is_steered or self.behaviour.is_changed
        self.clock.reset()
        self.behaviour.reset()
        self.restore(SEED)
        if is_steered:
            # A server that has seen a later time would keep what it knows for too long.
            self.rebuild()

    def apply(self, text: bytes, *, prune: bool = False) -> None:
        """Apply an account document. Raises Refusal, UnreadableDocument."""
        read = document.read(text, source="the document")
        cheap = structs.replace(read, users=[_with_cheap_hash(user) for user in read.users])
        self.write(lambda work: apply.apply(work, [cheap], prune=prune))

    def replace(self, text: bytes) -> None:
        """Begin with nothing, and apply an account document; it changes nothing if it is refused.

        Raises Refusal, UnreadableDocument.
        """
        self._snapshots.take(_BEFORE)
        self._snapshots.restore(EMPTY)
        try:
            self.apply(text)
        except Exception:
            self._snapshots.restore(_BEFORE)
            raise
        finally:
            self._snapshots.drop(_BEFORE)

    def export(self) -> str:
        """Return everything as an account document, as JSON."""
        return self.read(lambda work: document.write(export.export(work, None, with_secrets=False), "json"))

    def add_token(self, user: str, scopes: Sequence[str], *, is_api_token: bool) -> dict[str, str]:
        """Make an app password, or an API token, which is the same but for the switches. Raises NotFound, Invalid."""
        secret = hashing.new_secret()
        hash = hashing.secret_hash(secret)

        def add(work: UnitOfWork) -> dict[str, str]:
            login = user
            if is_api_token:
                addresses = emails.of_person(work, user).confirmed
                if not addresses:
                    raise Invalid(f"{user} has no e-mail address, with which an API token goes")
                login = addresses[0].address
            made = tokens.add(work, user, secret_hash=hash, scopes=frozenset(scopes), label="made by a test")
            return {"user": user, "login": login, "id": made.id, "secret": secret}

        made = self.write(add)
        if is_api_token:
            self._api_tokens.add(hash)
        return made

    def revoke_token(self, id: str) -> None:
        """Revoke an app password or API token. Raises NotFound."""
        self.write(lambda work: tokens.revoke(work, id))

    def members(self, account: str, slug: str) -> list[str]:
        """Return the usernames in a group, in order. Raises NotFound."""
        return self.read(lambda work: sorted(each.username for each in groups.members(work, account, slug)))

    def pending_invitations(self, email: str | None) -> list[dict[str, str]]:
        """Return the pending invitations, newest first, of one address or all."""
        found = self.read(lambda work: invitations.found(work, email=email))
        return [{"id": each.id, "account": owner.username, "email": each.email} for owner, each in found]

    def accept_invitation(self, id: str, user: str) -> None:
        """Accept a pending invitation as a person, who is made with the invited address if nobody has that name.

        Raises NotFound, LinkExpired, WrongRecipient.
        """

        def accept(work: UnitOfWork) -> None:
            people = {username_key(account.username): account for account in account_snapshot.everyone(work)}
            person = people.get(username_key(user))
            if person is None:
                _, invitation = next(
                    ((owner, each) for owner, each in invitations.found(work) if each.id == id), (None, None)
                )
                if invitation is None:
                    raise NotFound(f"there is no invitation {id!r}")
                person = accounts.add_user(work, user, email=invitation.email)
            invitation_acceptance.accept_mine(self._work(work.tx, Actor(person, "double")), id)

        self.write(accept)

    def letters(self) -> list[dict[str, str]]:
        """Queue what is due about access that ends, send what waits, and return all letters, oldest first."""
        self.write(end_letters.queue_due)
        while self._outbox_worker.run_once():
            pass
        return [letter.as_json() for letter in self.mailbox.letters]

    def claimed_user(self, login: str | None, secret: str) -> str:
        """Return the username that a credential claims, even if the credential is wrong; empty if nobody has it."""
        return self.read(lambda work: tokens.claimed_user(work, login or "", hashing.secret_hash(secret)))

    def refusal(self, method: str, path: str, sent: Callable[[], tuple[str | None, str] | None]) -> Refusal | None:
        """Return the response of a switch that replaces the server's, if there is one; `sent` is login and secret."""

        def credential() -> Credential | None:
            if (given := sent()) is None:
                return None
            return Credential(*given, is_api_token=hashing.secret_hash(given[1]) in self._api_tokens)

        return self.behaviour.refusal(method, path, credential)

    def read(self, question: Callable[[UnitOfWork], _Result]) -> _Result:
        """Run a function in a read transaction, as the operator."""
        with self._database.reading() as tx:
            return question(self._operator(tx))

    def write(self, change: Callable[[UnitOfWork], _Result]) -> _Result:
        """Run a function in a write transaction, as the operator."""
        with self._database.writing() as tx:
            return change(self._operator(tx))

    # -- the server

    def rebuild(self) -> None:
        """Build the server again with the current switches."""
        previous, self.server = self.server, self._build()
        # Requests under way are still answered by the previous one, which may have changes in its queue.
        threading.Thread(target=previous.stop, name="stop", daemon=True).start()

    def close(self) -> None:
        """Close everything."""
        self._outbox_worker.stop()
        self._snapshots.close()
        self.server.close()

    def _build(self) -> Server:
        values: dict[str, Any] = {
            "email_in_path": self.behaviour.values["email_in_path"],
            "query_token": self.behaviour.values["query_token"] == "on",  # noqa: S105 - a switch
            "rate_limit": self.behaviour.values["rate_limit"],
        }
        options = settings.select(ServerOptions, self._settings, base_url=self._base_url, **values)
        return wiring.build(
            self._database,
            options,
            site_limits=SiteLimits(),
            secret_key=self._key,
            counts=self._counts,
            clock=self.clock.now,
            now=self.clock.monotonic,
        )

    def _operator(self, tx: Transaction) -> UnitOfWork:
        return self._work(tx, OPERATOR)

    def _work(self, tx: Transaction, actor: Actor) -> UnitOfWork:
        return UnitOfWork(actor, tx, self.clock.now(), "double", wiring.new_id)


def _with_cheap_hash(user: User) -> User:
    """Hash a plain-text password from an account document. Raises Invalid."""
    if not user.password:
        return user
    check_password(user.password)
    return structs.replace(user, password=UNSET, password_hash=_HASHER.hash(user.password))
