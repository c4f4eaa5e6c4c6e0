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
from onebucket.domain import accounts
from onebucket.domain.accounts import Actor
from onebucket.domain.oauth import TokenKind
from onebucket.domain.refusals import Refusal, TooManyRequests, Unauthenticated
from onebucket.http.auth.login_throttle import LoginThrottle, network_of
from onebucket.http.execution import read_runner
from onebucket.store import account_rows, app_password_rows, credential_holders, email_rows, oauth_token_rows
from onebucket.store.engine.database import Database, DatabaseUnavailable, Transaction

_Result = TypeVar("_Result")

CACHE_SECONDS = 60
CACHE_SIZE = 10_000

# Each argon2id takes 64 MiB and a core: so many at once, and so many more waiting, before callers are told to wait.
HASHING_THREADS = 2
HASHING_QUEUE = 32

# So many of these are one network's: whoever asks for more waits, and everybody else goes on.
HASHING_OF_NETWORK = 2

# What an unknown user's password is compared with, so that nobody can tell him from a known one by the time it takes.
_DUMMY_HASH = "$argon2id$v=19$m=65536,t=3,p=4$b25lYnVja2V0b25lYnVja2V0$wC0JuGdyMcC0KbC+IyvrGhVHZ1bRLTXJ7v0Q1Gv0c9s"


@dataclass(frozen=True, slots=True, eq=False)
class VerifiedCredential:
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
    single_use: bool = False

    @property
    def key(self) -> tuple[object, ...]:
        """What the credential is, and who it says that its holder is."""
        return self.account_id, self.credential, self.login, self.password_hash, self.bearer


class Authentication:
    """Proves credentials against one database. `now` is in seconds, from a clock that never goes back.

    `passwords_checked` counts how often a password was compared with a hash, which is what costs.
    """

    def __init__(self, database: Database, now: Callable[[], float], guesses: LoginThrottle | None = None) -> None:
        self._database = database
        self._now = now
        self._login_throttle = guesses
        self._key = secrets.token_bytes(32)
        self._verified: OrderedDict[bytes, tuple[float, VerifiedCredential]] = OrderedDict()
        self._in_progress: dict[bytes, asyncio.Future[VerifiedCredential]] = {}
        self._hashing = ThreadPoolExecutor(HASHING_THREADS, "argon2", initializer=_lower_thread_priority)
        self._hashing_asked = 0
        self._hashing_of: Counter[str] = Counter()
        self.passwords_checked = 0

    async def authenticate(
        self, authorization: bytes | None, *, address: str | None = None, refused: VerifiedCredential | None = None
    ) -> tuple[VerifiedCredential, bool]:
        """Prove the credential of an Authorization header; and whether it was done now, not remembered.

        `address` is where it comes from, `refused` an earlier proof of it that does not count any more.
        Raises Unauthenticated, TooManyRequests.
        """
        if authorization is None:
            raise Unauthenticated
        mac = self._mac(authorization)
        remembered = self._verified.get(mac)
        if remembered and remembered[1] is not refused and self._now() < remembered[0]:
            return remembered[1], False

        # One client's many connections send the same credential: it is proved once, and they all wait for that.
        under_way = self._in_progress.get(mac)
        if under_way is None:
            under_way = self._in_progress[mac] = asyncio.ensure_future(self._verify(authorization, address))
            under_way.add_done_callback(lambda _: self._in_progress.pop(mac, None))
        proof = await asyncio.shield(under_way)

        self._cache_verified(mac, proof)
        return proof, True

    def verified_until(self, authorization: bytes, proof: VerifiedCredential) -> float:
        """Until when it is remembered that this header proves that; a moment that is past where it isn't."""
        remembered = self._verified.get(self._mac(authorization))
        return remembered[0] if remembered and remembered[1] is proof else 0.0

    async def verify_password(self, login: str, password: str, address: str | None) -> VerifiedCredential:
        """Prove a person's own password, which was typed at that address; app passwords are none here.

        Raises Unauthenticated, TooManyRequests.
        """
        attempt = self._login_throttle.begin(login, address) if self._login_throttle is not None else None
        try:
            account_id, hash = await read_runner.read(self._database, lambda: self._holder_of(login))
            proof = await self._compare_hash(login, password, account_id, hash, address)
        except (TooManyRequests, DatabaseUnavailable):
            if self._login_throttle is not None and attempt is not None:
                self._login_throttle.cancel(attempt)
            raise
        if self._login_throttle is not None and attempt is not None:
            self._login_throttle.record_success(attempt)
        return proof

    def count_wrong_secret(self, address: str | None) -> None:
        """Count an OAuth consumer that is none, or whose secret is wrong. Raises TooManyRequests."""
        if self._login_throttle is not None:
            self._login_throttle.record_invalid_token(address)

    async def password_hash(self, password: str, address: str | None) -> str:
        """Hash a new password that was typed there, in turn with those that are checked. Raises TooManyRequests."""
        return await self._run_hashing(address, hashing.password_hash, password)

    def actor(self, tx: Transaction, proof: VerifiedCredential, at: datetime) -> Actor:
        """Who that is now, in the request's own transaction: nobody, if anything that counts has changed.

        Raises Unauthenticated.
        """
        if proof.credential is None:
            held = account_rows.find_with_password(tx, proof.account_id)
            actor = Actor(held[0], "password") if held and held[1] == proof.password_hash else None
        else:
            actor = credential_holders.actor(tx, proof.account_id, proof.credential)

        if actor is None or not _is_guess(tx, actor, proof.login, at):
            raise Unauthenticated(bearer=proof.bearer)
        return actor

    def close(self) -> None:
        """Stop hashing."""
        self._hashing.shutdown(wait=False, cancel_futures=True)

    def _mac(self, authorization: bytes) -> bytes:
        """The keyed hash of what a header says, however it is spelled. Raises Unauthenticated."""
        login, secret = basic_credentials(authorization)
        said = ("" if login is None else f"{len(login)} {login.lower()}") + f":{secret}"
        return blake2b(said.encode(), key=self._key, digest_size=16).digest()

    def _cache_verified(self, mac: bytes, proof: VerifiedCredential) -> None:
        self._verified[mac] = (self._now() + CACHE_SECONDS, proof)
        self._verified.move_to_end(mac)
        while len(self._verified) > CACHE_SIZE:
            self._verified.popitem(last=False)

    async def _verify(self, authorization: bytes, address: str | None) -> VerifiedCredential:
        login, secret = basic_credentials(authorization)

        found = await read_runner.read(self._database, lambda: self._look_up(login, secret))
        if found is not None:
            return found
        if login is None:
            if self._login_throttle is not None:
                self._login_throttle.record_invalid_token(address)
            raise Unauthenticated(bearer=True)
        return await self.verify_password(login, secret, address)

    def _look_up(self, login: str | None, secret: str) -> VerifiedCredential | None:
        """The proof of a random secret: an app password, or an access token of an OAuth consumer."""
        hash = hashing.secret_hash(secret)
        with self._database.reading() as tx:
            if login is None and secret.startswith(hashing.ACCESS_PREFIX):
                one = oauth_token_rows.by_hash(tx, hash)
                if one is None or one.kind is not TokenKind.ACCESS:
                    return None
                return VerifiedCredential(one.account_id, None, one.credential, None, bearer=True)
            token = app_password_rows.by_hash(tx, hash)
            return (
                VerifiedCredential(token.account_id, login, token.credential, None, bearer=login is None)
                if token
                else None
            )

    def _holder_of(self, login: str) -> tuple[str | None, str | None]:
        """The id of the account with that username or address, and the hash of its password."""
        with self._database.reading() as tx:
            account = account_rows.by_email(tx, login) if "@" in login else account_rows.by_username(tx, login)
            return (account.id, account_rows.password_hash(tx, account.id)) if account else (None, None)

    async def _compare_hash(
        self, login: str, password: str, account_id: str | None, hash: str | None, address: str | None
    ) -> VerifiedCredential:
        matches = await self._matches(hash or _DUMMY_HASH, password, address)
        if account_id is None or hash is None or not matches:
            raise Unauthenticated
        return VerifiedCredential(account_id, login, None, hash, bearer=False)

    async def _matches(self, hash: str, password: str, address: str | None) -> bool:
        matches = await self._run_hashing(address, hashing.matches, hash, password)
        self.passwords_checked += 1
        return matches

    async def _run_hashing(self, address: str | None, slow: Callable[..., _Result], *given: str) -> _Result:
        # Places are counted, not kept in order: as no network has more than two, nobody waits behind a crowd.
        place = network_of(address)
        if self._hashing_asked >= HASHING_THREADS + HASHING_QUEUE or self._hashing_of[place] >= HASHING_OF_NETWORK:
            raise TooManyRequests("too many passwords are being checked", retry_after=1)

        self._hashing_asked += 1
        self._hashing_of[place] += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._hashing, slow, *given)
        finally:
            self._hashing_asked -= 1
            self._hashing_of[place] -= 1
            if not self._hashing_of[place]:
                del self._hashing_of[place]


def _lower_thread_priority() -> None:
    """Let whoever is served go before whoever is being checked: what hashes yields the processor to the rest."""
    if sys.platform == "linux":
        # Only there a thread has a priority of its own; those that argon2 starts have that of the one that hashes.
        thread = threading.get_native_id()
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread, min(os.getpriority(os.PRIO_PROCESS, thread) + 10, 19))


def basic_credentials(authorization: bytes) -> tuple[str | None, str]:
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
        # One widely copied client sends a stray quote after the base64 (contract/api-1.0.md#1.11).
        decoded = b64decode(value.strip().rstrip(b'"'), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise Unauthenticated from None
    login, colon, secret = decoded.partition(":")
    if not colon or not login or not secret:
        raise Unauthenticated
    return (None if accounts.username_key(login) in accounts.TOKEN_NAMES else login), secret


def _is_guess(tx: Transaction, actor: Actor, login: str | None, at: datetime) -> bool:
    """Whether the credential has not expired, and its holder is active and goes by the name that was given."""
    account = actor.account
    assert account is not None
    if not account.is_active or (actor.expires_at is not None and actor.expires_at <= at):
        return False
    if login is None:
        return True
    if "@" not in login:
        return accounts.username_key(login) == accounts.username_key(account.username)
    try:
        return email_rows.has(tx, account.id, accounts.email_key(login))
    except Refusal:
        return False
