"""What OAuth consumers get, and for whom: consent, codes, access and refresh tokens, OAuth 1 tokens."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from onebucket.actions import access
from onebucket.actions.work import Work
from onebucket.domain import oauth
from onebucket.domain.accounts import Account, Actor
from onebucket.domain.events import Event
from onebucket.domain.oauth import Consumer, Issued, Kind, Wish
from onebucket.domain.policy import To
from onebucket.domain.refusals import Invalid, LinkIsDead, NotGranted
from onebucket.store import accounts, consumers, issued
from onebucket.store.consumers import Pending


@dataclass(frozen=True, slots=True)
class Asked:
    """What a consumer asks a person for, and where she is sent back to: empty if nowhere (OAuth 1)."""

    owner: Account
    consumer: Consumer
    redirect: str
    scopes: frozenset[str]


def consumer(work: Work, key: str) -> Consumer | None:
    """The consumer of that public name; anybody may ask: its secret is what counts. None for a disabled owner's."""
    return consumers.by_key(work.tx, key)


# -- consent ---------------------------------------------------------------------------------------


def asked(work: Work, wish: Wish) -> Asked:
    """What somebody's browser was sent to the consent page for.

    Raises Invalid, and NotGranted for what is to be told to the consumer: `redirected` says where.
    """
    owner, consumer = _named(work, wish.key)
    redirect = _redirect(work, consumer, wish.redirect)
    oauth.check(consumer, wish)
    return Asked(owner, consumer, redirect, oauth.narrowed(consumer.scopes, wish.scope))


def redirected(work: Work, wish: Wish) -> str:
    """Where a browser is sent back to with whatever comes of its wish. Raises Invalid when that can't be trusted."""
    return _redirect(work, _named(work, wish.key)[1], wish.redirect)


def agree(work: Work, wish: Wish, *, code_hash: str) -> Asked:
    """Let the consumer act for the person who asks; the code with that hash fetches the tokens. Raises as `asked`."""
    wanted = asked(work, wish)
    person = access.oneself(work, to=To.ACT_FOR)

    family_id = work.new_id()
    code = _new(work, person, wanted.consumer, Kind.CODE, family_id, wanted.scopes, oauth.CODE_LASTS,
                redirect=wish.redirect or None, challenge=wish.challenge or None)  # fmt: skip
    issued.add(work.tx, code, secret_hash=code_hash)

    _tell_agreed(work, person, wanted.consumer, family_id, wanted.scopes)
    return wanted


# -- OAuth 2 tokens --------------------------------------------------------------------------------


def holder(work: Work, account_id: str) -> Account | None:
    """The person a consumer may act for; None when he is disabled."""
    person = accounts.by_id(work.tx, account_id)
    return person if person and person.is_active else None


def shown(work: Work, consumer: Consumer, secret_hash: str, *kinds: Kind) -> Issued | None:
    """What was issued to a consumer with that hash, if it is good still."""
    found = issued.by_hash(work.tx, secret_hash)
    if found is None or found.kind not in kinds or not found.is_of(consumer) or found.spent_at is not None:
        return None
    return None if found.is_over(work.at) else found


def presented(work: Work, consumer: Consumer, secret_hash: str, kind: Kind) -> Issued | None:
    """What a consumer gives in exchange, if it is good still. If it was before, all that came of the same consent ends.

    For then two have it, and one of them has stolen it.
    """
    found = issued.by_hash(work.tx, secret_hash)
    if found and found.kind is kind and found.is_of(consumer) and found.spent_at is not None:
        _end_family(work, consumer, found, f"the {kind.value} was used twice")
    return shown(work, consumer, secret_hash, kind)


def issue(
    work: Work,
    consumer: Consumer,
    person: Account,
    scopes: frozenset[str],
    *,
    access_hash: str,
    refresh_hash: str | None = None,
    of: Issued | None = None,
) -> Issued:
    """Give a consumer an access token for a person and, with `refresh_hash`, what renews it.

    `of` is the code or the refresh token that it is exchanged for, which is used up. Raises NotGranted.
    """
    if of is not None and not issued.spend(work.tx, of, work.at):
        raise NotGranted("invalid_grant", "it was used already")

    with _for(work, person, consumer):
        access.oneself(work, to=To.ACT_FOR)
        family_id = of.family_id if of else work.new_id()
        token = _new(work, person, consumer, Kind.ACCESS, family_id, scopes, oauth.ACCESS_LASTS)
        issued.forget(work.tx, before=work.at)
        was_told = issued.has_like(work.tx, token, since=work.at - oauth.TOLD_EVERY, of_family=of is not None)
        issued.add(work.tx, token, secret_hash=access_hash)
        if refresh_hash is not None:
            # What renews keeps all that was consented to, however little is wanted this time.
            everything = of.scopes if of else scopes
            renewing = _new(work, person, consumer, Kind.REFRESH, family_id, everything, oauth.REFRESH_LASTS)
            issued.add(work.tx, renewing, secret_hash=refresh_hash)

        # The journal keeps what it is told for good: a program that asks all the time is told of once in a while.
        if not was_told:
            after = {"id": token.id, "key": consumer.key, "scopes": sorted(scopes)}
            work.tell(Event.ACCESS_TOKEN_ISSUED, person, consumer.label, after=after)
    return token


def end(work: Work, consumer: Consumer, one: Issued) -> None:
    """End a token at its consumer's wish; with what renews it ends all that came of the same consent."""
    if one.kind is Kind.REFRESH:
        _end_family(work, consumer, one, "the consumer gave it back")
        return
    person = accounts.by_id(work.tx, one.account_id)
    if person is not None and issued.end(work.tx, one):
        with _for(work, person, consumer):
            access.oneself(work, to=To.ACT_FOR)
            _tell_ended(work, person, consumer, one.id, "the consumer gave the access token back")


# -- OAuth 1 ---------------------------------------------------------------------------------------


def request(work: Work, consumer: Consumer, *, callback: str, token_hash: str) -> None:
    """Keep that a consumer wants to ask a person, with the token of that hash. Raises Invalid."""
    if callback != oauth.OUT_OF_BAND and (not callback or _redirect(work, consumer, callback) != callback):
        raise Invalid("oauth_callback is missing")
    consumers.forget(work.tx, before=work.at)
    expires = work.at + oauth.REQUEST_LASTS
    consumers.ask(work.tx, Pending(consumer.account_id, consumer.id, token_hash, callback, expires))


def requested(work: Work, token_hash: str) -> Asked:
    """What a consumer asks the person for whose browser it has sent. Raises LinkIsDead."""
    pending = _pending(work, token_hash)
    if pending.person_id is not None:
        raise LinkIsDead
    owner, consumer = consumers.owned(work.tx, pending.account_id, pending.consumer_id)
    if not owner.is_active:
        raise LinkIsDead
    redirect = "" if pending.callback == oauth.OUT_OF_BAND else pending.callback
    return Asked(owner, consumer, redirect, consumer.scopes)


def agree_to_request(work: Work, token_hash: str, *, verifier_hash: str) -> Asked:
    """Let the consumer act for the person who asks, once it has shown the verifier. Raises LinkIsDead."""
    wanted = requested(work, token_hash)
    person = access.oneself(work, to=To.ACT_FOR)

    if not consumers.agree(work.tx, _pending(work, token_hash), person_id=person.id, verifier_hash=verifier_hash):
        raise LinkIsDead

    return wanted


def exchange(work: Work, consumer: Consumer, *, token_hash: str, verifier_hash: str, new_hash: str) -> None:
    """Give a consumer the OAuth 1 token of that hash for its request, once a person has agreed. Raises NotGranted."""
    pending = _pending(work, token_hash)
    person = holder(work, pending.person_id or "")
    if person is None or pending.consumer_id != consumer.id or pending.verifier_hash != verifier_hash:
        raise NotGranted("invalid_grant", "the verifier is not the one that was shown")
    if not consumers.take(work.tx, pending):
        raise NotGranted("invalid_grant", "it was used already")

    with _for(work, person, consumer):
        access.oneself(work, to=To.ACT_FOR)
        token = _new(work, person, consumer, Kind.SIGNING, work.new_id(), consumer.scopes, None)
        issued.add(work.tx, token, secret_hash=new_hash)
        _tell_agreed(work, person, consumer, token.family_id, consumer.scopes)


# -- parts -----------------------------------------------------------------------------------------


def _named(work: Work, key: str) -> tuple[Account, Consumer]:
    found = consumers.by_key(work.tx, key)
    owner = accounts.by_id(work.tx, found.account_id) if found else None
    if found is None or owner is None:
        raise Invalid("there is no such consumer: its client_id is wrong, or it was revoked")
    return owner, found


def _redirect(work: Work, consumer: Consumer, given: str) -> str:
    return oauth.redirect(consumer, given, may_extend=work.terms.callbacks_extend)


def _pending(work: Work, token_hash: str) -> Pending:
    found = consumers.asked(work.tx, token_hash)
    if found is None or found.expires_at <= work.at:
        raise LinkIsDead
    return found


@contextmanager
def _for(work: Work, person: Account, consumer: Consumer) -> Iterator[None]:
    with work.on_behalf(Actor(person, consumer.credential, consumer.scopes)):
        yield


def _new(
    work: Work,
    person: Account,
    consumer: Consumer,
    kind: Kind,
    family_id: str,
    scopes: frozenset[str],
    lasts: timedelta | None,
    *,
    redirect: str | None = None,
    challenge: str | None = None,
) -> Issued:
    return Issued(
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


def _end_family(work: Work, consumer: Consumer, one: Issued, reason: str) -> None:
    person = accounts.by_id(work.tx, one.account_id)
    if person is not None and issued.end_family(work.tx, one):
        with _for(work, person, consumer):
            access.oneself(work, to=To.ACT_FOR)
            _tell_ended(work, person, consumer, one.family_id, reason)


def _tell_agreed(work: Work, person: Account, consumer: Consumer, id: str, scopes: frozenset[str]) -> None:
    after = {"id": id, "key": consumer.key, "scopes": sorted(scopes)}
    work.tell(Event.AUTHORIZATION_GIVEN, person, consumer.label, after=after)


def _tell_ended(work: Work, person: Account, consumer: Consumer, id: str, reason: str) -> None:
    work.tell(Event.AUTHORIZATION_REVOKED, person, consumer.label, before={"id": id, "key": consumer.key,
                                                                         "reason": reason})  # fmt: skip
