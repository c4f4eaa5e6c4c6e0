"""What OAuth consumers get, and for whom: consent, codes, access and refresh tokens, OAuth 1 tokens."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import oauth
from onebucket.domain.accounts import Account, Actor
from onebucket.domain.events import Event
from onebucket.domain.oauth import AuthorizationRequest, Consumer, OAuthToken, TokenKind
from onebucket.domain.policy import To
from onebucket.domain.refusals import Invalid, LinkExpired, OAuthError
from onebucket.store import account_rows, oauth_consumer_rows, oauth_token_rows
from onebucket.store.oauth_consumer_rows import OAuth1Request


@dataclass(frozen=True, slots=True)
class ConsentRequest:
    """What a consumer asks a person for, and where she is sent back to: empty if nowhere (OAuth 1)."""

    owner: Account
    consumer: Consumer
    redirect: str
    scopes: frozenset[str]


def consumer(work: UnitOfWork, key: str) -> Consumer | None:
    """The consumer of that public name; anybody may ask: its secret is what counts. None for a disabled owner's."""
    return oauth_consumer_rows.by_key(work.tx, key)


# -- consent ---------------------------------------------------------------------------------------


def check_consent_request(work: UnitOfWork, wish: AuthorizationRequest) -> ConsentRequest:
    """What somebody's browser was sent to the consent page for.

    Raises Invalid, and OAuthError for what is to be told to the consumer: `redirected` says where.
    """
    owner, consumer = _named(work, wish.key)
    redirect = _redirect(work, consumer, wish.redirect)
    oauth.check_request(consumer, wish)
    return ConsentRequest(owner, consumer, redirect, oauth.narrow_scopes(consumer.scopes, wish.scope))


def redirect_target(work: UnitOfWork, wish: AuthorizationRequest) -> str:
    """Where a browser is sent back to with whatever comes of its wish. Raises Invalid when that can't be trusted."""
    return _redirect(work, _named(work, wish.key)[1], wish.redirect)


def approve(work: UnitOfWork, wish: AuthorizationRequest, *, code_hash: str) -> ConsentRequest:
    """Let the consumer act for the person who asks; the code with that hash fetches the tokens. Raises as `asked`."""
    wanted = check_consent_request(work, wish)
    person = access.oneself(work, to=To.ACT_FOR)

    family_id = work.new_id()
    code = _new(work, person, wanted.consumer, TokenKind.CODE, family_id, wanted.scopes, oauth.CODE_LASTS,
                redirect=wish.redirect or None, challenge=wish.challenge or None)  # fmt: skip
    oauth_token_rows.add(work.tx, code, secret_hash=code_hash)

    _record_approval(work, person, wanted.consumer, family_id, wanted.scopes)
    return wanted


# -- OAuth 2 tokens --------------------------------------------------------------------------------


def authenticate_consumer(work: UnitOfWork, account_id: str) -> Account | None:
    """The person a consumer may act for; None when he is disabled."""
    person = account_rows.by_id(work.tx, account_id)
    return person if person and person.is_active else None


def find_token(work: UnitOfWork, consumer: Consumer, secret_hash: str, *kinds: TokenKind) -> OAuthToken | None:
    """What was issued to a consumer with that hash, if it is good still."""
    found = oauth_token_rows.by_hash(work.tx, secret_hash)
    if found is None or found.kind not in kinds or not found.belongs_to(consumer) or found.consumed_at is not None:
        return None
    return None if found.is_expired(work.at) else found


def present_token(work: UnitOfWork, consumer: Consumer, secret_hash: str, kind: TokenKind) -> OAuthToken | None:
    """What a consumer gives in exchange, if it is good still. If it was before, all that came of the same consent ends.

    For then two have it, and one of them has stolen it.
    """
    found = oauth_token_rows.by_hash(work.tx, secret_hash)
    if found and found.kind is kind and found.belongs_to(consumer) and found.consumed_at is not None:
        _revoke_family(work, consumer, found, f"the {kind.value} was used twice")
    return find_token(work, consumer, secret_hash, kind)


def issue(
    work: UnitOfWork,
    consumer: Consumer,
    person: Account,
    scopes: frozenset[str],
    *,
    access_hash: str,
    refresh_hash: str | None = None,
    of: OAuthToken | None = None,
) -> OAuthToken:
    """Give a consumer an access token for a person and, with `refresh_hash`, what renews it.

    `of` is the code or the refresh token that it is exchanged for, which is used up. Raises OAuthError.
    """
    if of is not None and not oauth_token_rows.consume_once(work.tx, of, work.at):
        raise OAuthError("invalid_grant", "it was used already")

    with _for(work, person, consumer):
        access.oneself(work, to=To.ACT_FOR)
        family_id = of.family_id if of else work.new_id()
        token = _new(work, person, consumer, TokenKind.ACCESS, family_id, scopes, oauth.ACCESS_LASTS)
        oauth_token_rows.delete_expired(work.tx, before=work.at)
        was_told = oauth_token_rows.has_like(work.tx, token, since=work.at - oauth.TOLD_EVERY, of_family=of is not None)
        oauth_token_rows.add(work.tx, token, secret_hash=access_hash)
        if refresh_hash is not None:
            # What renews keeps all that was consented to, however little is wanted this time.
            everything = of.scopes if of else scopes
            renewing = _new(work, person, consumer, TokenKind.REFRESH, family_id, everything, oauth.REFRESH_LASTS)
            oauth_token_rows.add(work.tx, renewing, secret_hash=refresh_hash)

        # The journal keeps what it is told for good: a program that asks all the time is told of once in a while.
        if not was_told:
            after = {"id": token.id, "key": consumer.key, "scopes": sorted(scopes)}
            work.record(Event.ACCESS_TOKEN_ISSUED, person, consumer.label, after=after)
    return token


def revoke_token(work: UnitOfWork, consumer: Consumer, one: OAuthToken) -> None:
    """End a token at its consumer's wish; with what renews it ends all that came of the same consent."""
    if one.kind is TokenKind.REFRESH:
        _revoke_family(work, consumer, one, "the consumer gave it back")
        return
    person = account_rows.by_id(work.tx, one.account_id)
    if person is not None and oauth_token_rows.revoke(work.tx, one):
        with _for(work, person, consumer):
            access.oneself(work, to=To.ACT_FOR)
            _record_revocation(work, person, consumer, one.id, "the consumer gave the access token back")


# -- OAuth 1 ---------------------------------------------------------------------------------------


def request(work: UnitOfWork, consumer: Consumer, *, callback: str, token_hash: str) -> None:
    """Keep that a consumer wants to ask a person, with the token of that hash. Raises Invalid."""
    if callback != oauth.OUT_OF_BAND and (not callback or _redirect(work, consumer, callback) != callback):
        raise Invalid("oauth_callback is missing")
    oauth_consumer_rows.delete_expired(work.tx, before=work.at)
    expires = work.at + oauth.REQUEST_LASTS
    oauth_consumer_rows.add_request(
        work.tx, OAuth1Request(consumer.account_id, consumer.id, token_hash, callback, expires)
    )


def requested(work: UnitOfWork, token_hash: str) -> ConsentRequest:
    """What a consumer asks the person for whose browser it has sent. Raises LinkExpired."""
    pending = _pending(work, token_hash)
    if pending.person_id is not None:
        raise LinkExpired
    owner, consumer = oauth_consumer_rows.find_owned(work.tx, pending.account_id, pending.consumer_id)
    if not owner.is_active:
        raise LinkExpired
    redirect = "" if pending.callback == oauth.OUT_OF_BAND else pending.callback
    return ConsentRequest(owner, consumer, redirect, consumer.scopes)


def approve_request(work: UnitOfWork, token_hash: str, *, verifier_hash: str) -> ConsentRequest:
    """Let the consumer act for the person who asks, once it has shown the verifier. Raises LinkExpired."""
    wanted = requested(work, token_hash)
    person = access.oneself(work, to=To.ACT_FOR)

    if not oauth_consumer_rows.approve_request(
        work.tx, _pending(work, token_hash), person_id=person.id, verifier_hash=verifier_hash
    ):
        raise LinkExpired

    return wanted


def exchange(work: UnitOfWork, consumer: Consumer, *, token_hash: str, verifier_hash: str, new_hash: str) -> None:
    """Give a consumer the OAuth 1 token of that hash for its request, once a person has agreed. Raises OAuthError."""
    pending = _pending(work, token_hash)
    person = authenticate_consumer(work, pending.person_id or "")
    if person is None or pending.consumer_id != consumer.id or pending.verifier_hash != verifier_hash:
        raise OAuthError("invalid_grant", "the verifier is not the one that was shown")
    if not oauth_consumer_rows.consume_request(work.tx, pending):
        raise OAuthError("invalid_grant", "it was used already")

    with _for(work, person, consumer):
        access.oneself(work, to=To.ACT_FOR)
        token = _new(work, person, consumer, TokenKind.SIGNING, work.new_id(), consumer.scopes, None)
        oauth_token_rows.add(work.tx, token, secret_hash=new_hash)
        _record_approval(work, person, consumer, token.family_id, consumer.scopes)


# -- parts -----------------------------------------------------------------------------------------


def _named(work: UnitOfWork, key: str) -> tuple[Account, Consumer]:
    found = oauth_consumer_rows.by_key(work.tx, key)
    owner = account_rows.by_id(work.tx, found.account_id) if found else None
    if found is None or owner is None:
        raise Invalid("there is no such consumer: its client_id is wrong, or it was revoked")
    return owner, found


def _redirect(work: UnitOfWork, consumer: Consumer, given: str) -> str:
    return oauth.choose_redirect(consumer, given, may_extend=work.site_limits.callbacks_extend)


def _pending(work: UnitOfWork, token_hash: str) -> OAuth1Request:
    found = oauth_consumer_rows.find_request(work.tx, token_hash)
    if found is None or found.expires_at <= work.at:
        raise LinkExpired
    return found


@contextmanager
def _for(work: UnitOfWork, person: Account, consumer: Consumer) -> Iterator[None]:
    with work.on_behalf(Actor(person, consumer.credential, consumer.scopes)):
        yield


def _new(
    work: UnitOfWork,
    person: Account,
    consumer: Consumer,
    kind: TokenKind,
    family_id: str,
    scopes: frozenset[str],
    lasts: timedelta | None,
    *,
    redirect: str | None = None,
    challenge: str | None = None,
) -> OAuthToken:
    return OAuthToken(
        account_id=person.id,
        id=work.new_id(),
        kind=kind,
        family_id=family_id,
        consumer_account_id=consumer.account_id,
        consumer_id=consumer.id,
        scopes=scopes,
        created_at=work.at,
        expires_at=work.at + lasts if lasts else None,
        redirect=redirect,
        challenge=challenge,
    )


def _revoke_family(work: UnitOfWork, consumer: Consumer, one: OAuthToken, reason: str) -> None:
    person = account_rows.by_id(work.tx, one.account_id)
    if person is not None and oauth_token_rows.revoke_family(work.tx, one):
        with _for(work, person, consumer):
            access.oneself(work, to=To.ACT_FOR)
            _record_revocation(work, person, consumer, one.family_id, reason)


def _record_approval(work: UnitOfWork, person: Account, consumer: Consumer, id: str, scopes: frozenset[str]) -> None:
    after = {"id": id, "key": consumer.key, "scopes": sorted(scopes)}
    work.record(Event.AUTHORIZATION_GIVEN, person, consumer.label, after=after)


def _record_revocation(work: UnitOfWork, person: Account, consumer: Consumer, id: str, reason: str) -> None:
    work.record(Event.AUTHORIZATION_REVOKED, person, consumer.label, before={"id": id, "key": consumer.key,
                                                                         "reason": reason})  # fmt: skip
