"""A verified password that the browser keeps, signed, until its person has entered a code."""

import json
from datetime import datetime, timedelta

from onebucket import hashing
from onebucket.domain.refusals import Unauthenticated
from onebucket.http.auth.authentication import VerifiedCredential
from onebucket.store import account_rows
from onebucket.store.engine.transaction import Transaction

VALID = timedelta(minutes=10)
_PURPOSE = "verified password"


def seal(key: bytes, verified: VerifiedCredential, *, at: datetime) -> str:
    """Sign a verified password; the text contains nothing of its hash that could be guessed from."""
    hash_of_hash = hashing.secret_hash(verified.password_hash or "")
    facts = [verified.account_id, verified.login, hash_of_hash, (at + VALID).isoformat()]
    return hashing.seal(key, _PURPOSE, json.dumps(facts))


def unseal(tx: Transaction, key: bytes, sealed: str, *, at: datetime) -> VerifiedCredential:
    """Return the verified password, if it is still the account's and was sealed within `VALID`.

    Raises Unauthenticated.
    """
    facts = hashing.unseal(key, _PURPOSE, sealed)
    if facts is None:
        raise Unauthenticated
    account_id, login, hash_of_hash, until = json.loads(facts)
    hash = account_rows.password_hash(tx, account_id)
    if hash is None or hashing.secret_hash(hash) != hash_of_hash or datetime.fromisoformat(until) <= at:
        raise Unauthenticated
    return VerifiedCredential(account_id, login, None, hash, bearer=False)
