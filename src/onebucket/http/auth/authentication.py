"""Authenticate callers: Basic with a password or an app password, Bearer with an app password or OAuth 2 access token.

Verifying a password is slow (argon2id takes tens of milliseconds), so a verified credential is cached for a minute
under a keyed hash of login and secret. Permissions are never cached: each request checks, in its own transaction,
that the credential still exists and that its holder is still active.
"""

import asyncio
import os
import secrets
import sys
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import TypeVar

from onebucket import hashing
from onebucket.actions import second_factors
from onebucket.domain import accounts
from onebucket.domain.accounts import Actor
from onebucket.domain.oauth import TokenKind
from onebucket.domain.refusals import PasswordAlone, Refusal, TooManyRequests, Unauthenticated
from onebucket.domain.site_limits import DEFAULT_LIMITS, SiteLimits
from onebucket.http.auth.authorization_header import basic_credentials
from onebucket.http.auth.login_throttle import LoginThrottle
from onebucket.http.execution import read_runner
from onebucket.http.limits.client_network import network_of
from onebucket.lru_cache import LruCache
from onebucket.store import account_rows, app_password_rows, credential_holders, email_rows, oauth_token_rows
from onebucket.store.engine.database import Database
from onebucket.store.engine.errors import DatabaseUnavailable
from onebucket.store.engine.transaction import Transaction

_Result = TypeVar("_Result")

CACHE_SECONDS = 60
CACHE_SIZE = 10_000

# Each argon2id run takes 64 MiB and one core. This many run at once, this many more wait; others get a 429.
HASHING_THREADS = 2
HASHING_QUEUE = 32

# At most this many of them belong to one network, so that one client cannot block the others.
HASHING_OF_NETWORK = 2

# The password of an unknown user is compared with this hash, so that response times don't tell which users exist.
DUMMY_HASH = "$argon2id$v=19$m=65536,t=3,p=4$b25lYnVja2V0b25lYnVja2V0$wC0JuGdyMcC0KbC+IyvrGhVHZ1bRLTXJ7v0Q1Gv0c9s"


@dataclass(frozen=True, slots=True, eq=False)
class VerifiedCredential:
    """A verified credential: whose it is, the login it was sent with, and what must still hold for it to be valid.

    Instances compare by identity; two for the same credential have the same `key`.

    `credential` identifies the stored credential as the audit log does. It is None for a password, which is valid while
    the account's hash is `password_hash`. One that is `single_use` is valid for one request only.
    """

    account_id: str
    login: str | None
    credential: str | None
    password_hash: str | None
    bearer: bool
    single_use: bool = False

    @property
    def key(self) -> tuple[object, ...]:
        """Identify the credential and the login that it was sent with."""
        return self.account_id, self.credential, self.login, self.password_hash, self.bearer


class Authentication:
    """Verify credentials against one database. `now` is a monotonic clock in seconds.

    `second_factor` is the setting of that name: who must have one.

    `passwords_checked` counts the comparisons with a password hash, which are the expensive part.
    """

    def __init__(
        self,
        database: Database,
        now: Callable[[], float],
        login_throttle: LoginThrottle | None = None,
        *,
        site_limits: SiteLimits = DEFAULT_LIMITS,
    ) -> None:
        self._site_limits = site_limits
        self._database = database
        self._now = now
        self._login_throttle = login_throttle
        self._key = secrets.token_bytes(32)
        self.verified: LruCache[bytes, tuple[float, VerifiedCredential]] = LruCache(CACHE_SIZE)
        self._in_progress: dict[bytes, asyncio.Future[VerifiedCredential]] = {}
        self._hashing = ThreadPoolExecutor(HASHING_THREADS, "argon2", initializer=_lower_thread_priority)
        self._hashing_asked = 0
        self._hashing_of: Counter[str] = Counter()
        self.passwords_checked = 0

    async def authenticate(
        self, authorization: bytes | None, *, address: str | None = None, refused: VerifiedCredential | None = None
    ) -> tuple[VerifiedCredential, bool]:
        """Verify the credential of an Authorization header; return it, and whether it was verified now (not cached).

        `address` is the client's; `refused` is a cached result for this header that is no longer valid.
        Raises Unauthenticated, TooManyRequests.
        """
        if authorization is None:
            raise Unauthenticated
        mac = self._mac(authorization)
        cached = self.verified.get(mac)
        if cached and cached[1] is not refused and self._now() < cached[0]:
            return cached[1], False

        # A client's parallel connections send the same credential: verify it once, and let all of them wait for it.
        in_progress = self._in_progress.get(mac)
        if in_progress is None:
            in_progress = self._in_progress[mac] = asyncio.ensure_future(self._verify(authorization, address))
            in_progress.add_done_callback(lambda _: self._in_progress.pop(mac, None))
        verified = await asyncio.shield(in_progress)

        self.verified[mac] = (self._now() + CACHE_SECONDS, verified)
        return verified, True

    def verified_until(self, authorization: bytes, verified: VerifiedCredential) -> float:
        """When the cached result for this header expires (by `now`); 0.0 when `verified` is not the cached one."""
        cached = self.verified.get(self._mac(authorization))
        return cached[0] if cached and cached[1] is verified else 0.0

    async def verify_password(self, login: str, password: str, address: str | None) -> VerifiedCredential:
        """Verify an account password sent from `address`; app passwords are not accepted.

        Raises Unauthenticated, TooManyRequests.
        """
        attempt = self._login_throttle.begin(login, address) if self._login_throttle is not None else None
        try:
            account_id, hash = await read_runner.read(self._database, lambda: self._holder_of(login))
            verified = await self._compare_hash(login, password, account_id, hash, address)
        except (TooManyRequests, DatabaseUnavailable):
            if self._login_throttle is not None and attempt is not None:
                self._login_throttle.cancel(attempt)
            raise
        if self._login_throttle is not None and attempt is not None:
            self._login_throttle.record_success(attempt)
        return verified

    def count_wrong_secret(self, address: str | None) -> None:
        """Count an unknown OAuth consumer or a wrong consumer secret. Raises TooManyRequests."""
        if self._login_throttle is not None:
            self._login_throttle.record_invalid_token(address)

    async def password_hash(self, password: str, address: str | None) -> str:
        """Hash a new password, under the same limits as password checks. Raises TooManyRequests."""
        return await self._run_hashing(address, hashing.password_hash, password)

    def actor(self, tx: Transaction, verified: VerifiedCredential, at: datetime) -> Actor:
        """The actor of a verified credential, read in the request's own transaction.

        Raises Unauthenticated when the credential or its holder is no longer valid, and PasswordAlone for the password
        of a person who has a second factor, or must have one.
        """
        if verified.credential is None:
            actor = self.actor_of_password(tx, verified, at)
            assert actor.account is not None
            required = second_factors.is_missing(tx, actor.account, setting=self._site_limits.second_factor)
            if actor.account.has_second_factor or required:
                raise PasswordAlone
            return actor

        found = credential_holders.actor(tx, verified.account_id, verified.credential)
        if found is None or not _is_valid(tx, found, verified.login, at):
            raise Unauthenticated(bearer=verified.bearer)
        return found

    def actor_of_password(self, tx: Transaction, verified: VerifiedCredential, at: datetime) -> Actor:
        """The actor of a verified password, for pages, which ask for the second factor themselves.

        Raises Unauthenticated.
        """
        account, password_hash = account_rows.find_with_password(tx, verified.account_id) or (None, None)
        actor = Actor(account, "password") if account and password_hash == verified.password_hash else None
        # A verified password is remembered for a minute, in which its holder may cease to be a site administrator.
        if account and not self._site_limits.takes_password(of_site_admin=account.site_admin):
            raise Unauthenticated
        if actor is None or not _is_valid(tx, actor, verified.login, at):
            raise Unauthenticated
        return actor

    def close(self) -> None:
        """Stop the hashing threads."""
        self._hashing.shutdown(wait=False, cancel_futures=True)

    def _mac(self, authorization: bytes) -> bytes:
        """The cache key of a header: a keyed hash of its login (in lower case) and secret. Raises Unauthenticated."""
        login, secret = basic_credentials(authorization)
        text = ("" if login is None else f"{len(login)} {login.lower()}") + f":{secret}"
        return blake2b(text.encode(), key=self._key, digest_size=16).digest()

    async def _verify(self, authorization: bytes, address: str | None) -> VerifiedCredential:
        login, secret = basic_credentials(authorization)

        verified = await read_runner.read(self._database, lambda: self._look_up(login, secret))
        if verified is not None:
            return verified
        if login is None:
            if self._login_throttle is not None:
                self._login_throttle.record_invalid_token(address)
            raise Unauthenticated(bearer=True)
        return await self.verify_password(login, secret, address)

    def _look_up(self, login: str | None, secret: str) -> VerifiedCredential | None:
        """Look up a random secret by its hash: an app password, an OAuth 2 access token, or a directory's key."""
        hash = hashing.secret_hash(secret)
        with self._database.reading() as tx:
            if login is None and secret.startswith(hashing.ACCESS_PREFIX):
                token = oauth_token_rows.by_hash(tx, hash)
                if token is None or token.kind is not TokenKind.ACCESS:
                    return None
                return VerifiedCredential(token.account_id, None, token.credential, None, bearer=True)
            row = app_password_rows.by_hash(tx, hash) or credential_holders.directory_key(tx, hash, login)
            if row is None:
                return None
            return VerifiedCredential(row.account_id, login, row.credential, None, bearer=login is None)

    def _holder_of(self, login: str) -> tuple[str | None, str | None]:
        """The account id and password hash for a username or e-mail address; (None, None) when there is none.

        Nor is there one for whom the setting `passwords` lets nobody sign in with it.
        """
        with self._database.reading() as tx:
            account = account_rows.by_email(tx, login) if "@" in login else account_rows.by_username(tx, login)
            if account is None or not self._site_limits.takes_password(of_site_admin=account.site_admin):
                return None, None
            return account.id, account_rows.password_hash(tx, account.id)

    async def _compare_hash(
        self, login: str, password: str, account_id: str | None, hash: str | None, address: str | None
    ) -> VerifiedCredential:
        matches = await self._matches(hash or DUMMY_HASH, password, address)
        if account_id is None or hash is None or not matches:
            raise Unauthenticated
        return VerifiedCredential(account_id, login, None, hash, bearer=False)

    async def _matches(self, hash: str, password: str, address: str | None) -> bool:
        matches = await self._run_hashing(address, hashing.matches, hash, password)
        self.passwords_checked += 1
        return matches

    async def _run_hashing(self, address: str | None, function: Callable[..., _Result], *arguments: str) -> _Result:
        # Counters suffice, without a fair queue: a network has at most two jobs, so none waits long behind another.
        network = network_of(address)
        if self._hashing_asked >= HASHING_THREADS + HASHING_QUEUE or self._hashing_of[network] >= HASHING_OF_NETWORK:
            raise TooManyRequests("too many passwords are being checked", retry_after=1)

        self._hashing_asked += 1
        self._hashing_of[network] += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._hashing, function, *arguments)
        finally:
            self._hashing_asked -= 1
            self._hashing_of[network] -= 1
            if not self._hashing_of[network]:
                del self._hashing_of[network]


def _lower_thread_priority() -> None:
    """Lower the priority of a hashing thread, so that requests being served get the processor first."""
    if sys.platform == "linux":
        # Only Linux has a priority per thread. The threads that argon2 starts inherit it.
        thread = threading.get_native_id()
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread, min(os.getpriority(os.PRIO_PROCESS, thread) + 10, 19))


def _is_valid(tx: Transaction, actor: Actor, login: str | None, at: datetime) -> bool:
    """Whether the credential has not expired, its holder is active, and `login` is still the holder's name."""
    account = actor.account
    if actor.expires_at is not None and actor.expires_at <= at:
        return False
    if account is None or not account.is_active:
        return actor.directory is not None
    if login is None:
        return True
    if "@" not in login:
        return accounts.username_key(login) == accounts.username_key(account.username)
    try:
        return email_rows.has(tx, account.id, accounts.email_key(login))
    except Refusal:
        return False
