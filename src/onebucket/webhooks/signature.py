"""How deliveries are signed: in the headers of Bitbucket Cloud and GitHub, and in those of Standard Webhooks."""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from onebucket import hashing
from onebucket.domain.webhooks import Delivery


def headers(delivery: Delivery, secrets: Sequence[str], at: datetime) -> dict[str, str]:
    """Return the headers of one attempt; of the `secrets` that sign, the current one is first.

    `X-Hub-Signature` can hold one signature, that of the current secret. `webhook-signature` has one for each.
    """
    body = delivery.body.encode()
    signature = f"sha256={hmac.new(secrets[0].encode(), body, sha256).hexdigest()}"
    timestamp = str(int(at.timestamp()))
    signed = f"{delivery.id}.{timestamp}.".encode() + body
    return {
        "Content-Type": "application/json",
        "X-Event-Key": delivery.event,
        "X-Hook-UUID": delivery.webhook_id,
        "X-Request-UUID": delivery.id,
        "X-Attempt-Number": str(delivery.attempts),
        "X-Hub-Signature": signature,
        "X-Hub-Signature-256": signature,
        "webhook-id": delivery.id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{_standard(secret, signed)}" for secret in secrets),
    }


def _standard(secret: str, signed: bytes) -> str:
    key = b64decode(secret.removeprefix(hashing.WEBHOOK_PREFIX))
    return b64encode(hmac.new(key, signed, sha256).digest()).decode()
