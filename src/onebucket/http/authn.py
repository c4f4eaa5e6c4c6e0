"""Who is asking: Basic with a password or an app password, Bearer with an app password or an OAuth 2 token.

Proving a credential can be slow (argon2id takes tens of milliseconds), so that it was proved is remembered for a
minute, under a keyed hash of both. What the caller may do is never remembered: each request reads, in its own
transaction, whether the credential and its holder are still what they were.
"""

import asyncio
import binascii
import os
import secrets
import sys
import threading
from base64 import b64decode
from collections import Counter, OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import TypeVar

from onebucket import hashing
from onebucket.domain import accounts as domain
from onebucket.domain.accounts import Actor
from onebucket.domain.oauth import Kind
from onebucket.domain.refusals import Overloaded, Refusal, Unauthenticated
from onebucket.http import reading
from onebucket.http.guesses import Guesses, network
from onebucket.store import accounts, addresses, holders, issued, tokens
from onebucket.store.database import Database, Transaction, Unavailable

_Result = TypeVar("_Result")

REMEMBERED_SECONDS = 60
REMEMBERED_AT_MOST = 10_000

# Each argon2id takes 64 MiB and a core: so many at once, and so many more waiting, before callers are told to wait.
HASHING_AT_ONCE = 2
HASHING_WAITING = 32

# So many of these are one network's: whoever asks for more waits, and everybody else goes on.
HASHING_OF_NETWORK = 2

# What an unknown user's password is compared with, so that nobody can tell him from a known one by the time it takes.
_NOBODYS_HASH = "$argon2id$v=19$m=65536,t=3,p=4$b25lYnVja2V0b25lYnVja2V0$wC0JuGdyMcC0KbC+IyvrGhVHZ1bRLTXJ7v0Q1Gv0c9s"


@dataclass(frozen=True, slots=True, eq=False)
class Proof:
    """A credential that was proved: whose, under which name, and what must still be so for it to count.

    Each is equal only to itself; those of the same credential have the same `key`.

    `credential` names what is stored of it, as the journal does; it is None for a password, which counts as long as its
    hash is `password_hash`. `once`: it is good for one request and no other.
    """

    account_id: str
    login: str | None
    credential: str | None
    password_hash: str | None
    bearer: bool
    once: bool = False

    @property
    def key(self) -> tuple[object, ...]:
        """What the credential is, and who it says that its holder is."""
        return self.account_id, self.credential, self.login, self.password_hash, self.bearer


class Authentication:
    """Proves credentials against one database. `now` is in seconds, from a clock that never goes back.

    `passwords_checked` counts how often a password was compared with a hash, which is what costs.
    """

    def __init__(self, database: Database, now: Callable[[], float], guesses: Guesses | None = None) -> None:
        self._database = database
        self._now = now
        self._guesses = guesses
        self._key = secrets.token_bytes(32)
        self._proved: OrderedDict[bytes, tuple[float, Proof]] = OrderedDict()
        self._under_way: dict[bytes, asyncio.Future[Proof]] = {}
        self._hashing = ThreadPoolExecutor(HASHING_AT_ONCE, "argon2", initializer=_step_back)
        self._hashing_asked = 0
        self._hashing_of: Counter[str] = Counter()
        self.passwords_checked = 0

    async def prove(
        self, authorization: bytes | None, *, address: str | None = None, refused: Proof | None = None
    ) -> tuple[Proof, bool]:
        """Prove the credential of an Authorization header; and whether it was done now, not remembered.

        `address` is where it comes from, `refused` an earlier proof of it that does not count any more.
        Raises Unauthenticated, Overloaded.
        """
        if authorization is None:
            raise Unauthenticated
        mac = self._mac(authorization)
        remembered = self._proved.get(mac)
        if remembered and remembered[1] is not refused and self._now() < remembered[0]:
            return remembered[1], False

        # One client's many connections send the same credential: it is proved once, and they all wait for that.
        under_way = self._under_way.get(mac)
        if under_way is None:
            under_way = self._under_way[mac] = asyncio.ensure_future(self._prove(authorization, address))
            under_way.add_done_callback(lambda _: self._under_way.pop(mac, None))
        proof = await asyncio.shield(under_way)

        self._remember(mac, proof)
        return proof, True

    def until(self, authorization: bytes, proof: Proof) -> float:
        """Until when it is remembered that this header proves that; a moment that is past where it isn't."""
        remembered = self._proved.get(self._mac(authorization))
        return remembered[0] if remembered and remembered[1] is proof else 0.0

    async def prove_password(self, login: str, password: str, address: str | None) -> Proof:
        """Prove a person's own password, which was typed at that address; app passwords are none here.

        Raises Unauthenticated, Overloaded.
        """
        attempt = self._guesses.begin(login, address) if self._guesses is not None else None
        try:
            account_id, hash = await reading.read(self._database, lambda: self._held_by(login))
            proof = await self._compared(login, password, account_id, hash, address)
        except (Overloaded, Unavailable):
            if self._guesses is not None and attempt is not None:
                self._guesses.was_not_checked(attempt)
            raise
        if self._guesses is not None and attempt is not None:
            self._guesses.was_right(attempt)
        return proof

    def count_wrong_secret(self, address: str | None) -> None:
        """Count an OAuth consumer that is none, or whose secret is wrong. Raises Overloaded."""
        if self._guesses is not None:
            self._guesses.wrong_token(address)

    async def password_hash(self, password: str, address: str | None) -> str:
        """Hash a new password that was typed there, in turn with those that are checked. Raises Overloaded."""
        return await self._in_turn(address, hashing.password_hash, password)

    def actor(self, tx: Transaction, proof: Proof, at: datetime) -> Actor:
        """Who that is now, in the request's own transaction: nobody, if anything that counts has changed.

        Raises Unauthenticated.
        """
        if proof.credential is None:
            held = accounts.holder_of_password(tx, proof.account_id)
            actor = Actor(held[0], "password") if held and held[1] == proof.password_hash else None
        else:
            actor = holders.actor(tx, proof.account_id, proof.credential)

        if actor is None or not _counts(tx, actor, proof.login, at):
            raise Unauthenticated(bearer=proof.bearer)
        return actor

    def close(self) -> None:
        """Stop hashing."""
        self._hashing.shutdown(wait=False, cancel_futures=True)

    def _mac(self, authorization: bytes) -> bytes:
        """The keyed hash of what a header says, however it is spelled. Raises Unauthenticated."""
        login, secret = credentials(authorization)
        said = ("" if login is None else f"{len(login)} {login.lower()}") + f":{secret}"
        return blake2b(said.encode(), key=self._key, digest_size=16).digest()

    def _remember(self, mac: bytes, proof: Proof) -> None:
        self._proved[mac] = (self._now() + REMEMBERED_SECONDS, proof)
        self._proved.move_to_end(mac)
        while len(self._proved) > REMEMBERED_AT_MOST:
            self._proved.popitem(last=False)

    async def _prove(self, authorization: bytes, address: str | None) -> Proof:
        login, secret = credentials(authorization)

        found = await reading.read(self._database, lambda: self._found(login, secret))
        if found is not None:
            return found
        if login is None:
            if self._guesses is not None:
                self._guesses.wrong_token(address)
            raise Unauthenticated(bearer=True)
        return await self.prove_password(login, secret, address)

    def _found(self, login: str | None, secret: str) -> Proof | None:
        """The proof of a random secret: an app password, or an access token of an OAuth consumer."""
        hash = hashing.secret_hash(secret)
        with self._database.reading() as tx:
            if login is None and secret.startswith(hashing.ACCESS_PREFIX):
                one = issued.by_hash(tx, hash)
                if one is None or one.kind is not Kind.ACCESS:
                    return None
                return Proof(one.account_id, None, one.credential, None, bearer=True)
            token = tokens.by_hash(tx, hash)
            return Proof(token.account_id, login, token.credential, None, bearer=login is None) if token else None

    def _held_by(self, login: str) -> tuple[str | None, str | None]:
        """The id of the account with that username or address, and the hash of its password."""
        with self._database.reading() as tx:
            account = accounts.by_email(tx, login) if "@" in login else accounts.by_username(tx, login)
            return (account.id, accounts.password_hash(tx, account.id)) if account else (None, None)

    async def _compared(
        self, login: str, password: str, account_id: str | None, hash: str | None, address: str | None
    ) -> Proof:
        matches = await self._matches(hash or _NOBODYS_HASH, password, address)
        if account_id is None or hash is None or not matches:
            raise Unauthenticated
        return Proof(account_id, login, None, hash, bearer=False)

    async def _matches(self, hash: str, password: str, address: str | None) -> bool:
        matches = await self._in_turn(address, hashing.matches, hash, password)
        self.passwords_checked += 1
        return matches

    async def _in_turn(self, address: str | None, slow: Callable[..., _Result], *given: str) -> _Result:
        # Places are counted, not kept in order: as no network has more than two, nobody waits behind a crowd.
        place = network(address)
        if self._hashing_asked >= HASHING_AT_ONCE + HASHING_WAITING or self._hashing_of[place] >= HASHING_OF_NETWORK:
            raise Overloaded("too many passwords are being checked", retry_after=1)

        self._hashing_asked += 1
        self._hashing_of[place] += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._hashing, slow, *given)
        finally:
            self._hashing_asked -= 1
            self._hashing_of[place] -= 1
            if not self._hashing_of[place]:
                del self._hashing_of[place]


def _step_back() -> None:
    """Let whoever is served go before whoever is being checked: what hashes yields the processor to the rest."""
    if sys.platform == "linux":
        # Only there a thread has a priority of its own; those that argon2 starts have that of the one that hashes.
        thread = threading.get_native_id()
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread, min(os.getpriority(os.PRIO_PROCESS, thread) + 10, 19))


def credentials(authorization: bytes) -> tuple[str | None, str]:
    """The name and the secret of a header; no name where the secret alone says who it is. Raises Unauthenticated."""
    scheme, _, value = authorization.strip().partition(b" ")

    if scheme.lower() == b"bearer":
        try:
            return None, value.strip().decode("ascii")
        except UnicodeDecodeError:
            raise Unauthenticated(bearer=True) from None
    if scheme.lower() != b"basic":
        raise Unauthenticated

    try:
        # One widely copied client sends a stray quote after the base64 (spec 1.11).
        decoded = b64decode(value.strip().rstrip(b'"'), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise Unauthenticated from None
    login, colon, secret = decoded.partition(":")
    if not colon or not login or not secret:
        raise Unauthenticated
    return (None if domain.username_key(login) in domain.TOKEN_NAMES else login), secret


def _counts(tx: Transaction, actor: Actor, login: str | None, at: datetime) -> bool:
    """Whether the credential has not expired, and its holder is active and goes by the name that was given."""
    account = actor.account
    assert account is not None
    if not account.is_active or (actor.expires_at is not None and actor.expires_at <= at):
        return False
    if login is None:
        return True
    if "@" not in login:
        return domain.username_key(login) == domain.username_key(account.username)
    try:
        return addresses.has(tx, account.id, domain.email_key(login))
    except Refusal:
        return False
