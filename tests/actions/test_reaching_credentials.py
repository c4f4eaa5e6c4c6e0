"""App passwords and OAuth apps that reach an account: which are listed for its administrators, and who revokes them."""

from datetime import datetime, timedelta

import pytest

from office import Office
from onebucket import hashing
from onebucket.actions import accounts, consumers, groups, reaching_credentials, tokens
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import oauth
from onebucket.domain.events import Event
from onebucket.domain.letters import MailKind
from onebucket.domain.oauth import OAuthToken
from onebucket.domain.refusals import Forbidden, NotFound
from onebucket.domain.tokens import AppPassword
from onebucket.store import oauth_token_rows, outbox_rows


def made(work: UnitOfWork, name: str, label: str, *scopes: str, expires_at: datetime | None = None) -> AppPassword:
    hash = hashing.secret_hash(label)
    return tokens.add(work, name, secret_hash=hash, scopes=frozenset(scopes), label=label, expires_at=expires_at)


def authorized(work: UnitOfWork, name: str, label: str, *scopes: str) -> OAuthToken:
    """Let an OAuth app of globex act for a person."""
    _, app = consumers.add(work, "globex", key=f"key-of-{label}", label=label, scopes=frozenset(scopes))
    person = accounts.profile(work, name).account
    ids = (work.new_id(), oauth.TokenKind.SIGNING, work.new_id(), app.account_id, app.id)
    token = OAuthToken(person.id, *ids, frozenset(scopes), work.at, None)
    oauth_token_rows.add(work.tx, token, secret_hash=hashing.secret_hash(label))
    return token


def labels(work: UnitOfWork) -> list[tuple[str, str]]:
    usual = ("all", "read", "expired")
    found = reaching_credentials.listed(work, "acme")
    return [(each.person.username, each.label) for each in found if each.label not in usual]


def test_valid_credentials_of_people_with_access_are_listed_if_their_scopes_reach_it(office: Office) -> None:
    work = office.operator
    made(work, "dora", "deploy", "repository:write")
    made(work, "dora", "only-mail", "email")
    made(work, "mallory", "stranger", "repository:admin")
    made(work, "bob", "past", "repository", expires_at=work.at + timedelta(seconds=1))
    work.at += timedelta(seconds=5)
    authorized(work, "bob", "Builds", "repository")

    found = reaching_credentials.listed(office.as_("alice"), "acme")

    assert labels(work) == [("bob", "Builds"), ("dora", "deploy")]
    app = next(each for each in found if each.label == "Builds")
    assert app.app_owner is not None and app.app_owner.username == "globex"
    groups.remove_member(work, "acme", "developers", "bob")
    groups.remove_member(work, "acme", "designers", "bob")
    assert labels(work) == [("dora", "deploy")]


def test_only_administrators_of_the_account_see_them(office: Office) -> None:
    for name in ("bob", "mallory", "gina"):
        with pytest.raises(Forbidden):
            reaching_credentials.listed(office.as_(name), "acme")


def test_the_owner_and_site_administrators_revoke_one_and_no_administrator_of_an_account(office: Office) -> None:
    work, root = office.operator, office.as_("root")
    deploy, own = (made(work, "dora", label, "repository") for label in ("deploy", "own"))
    consent = authorized(work, "dora", "Builds", "repository")

    with pytest.raises(Forbidden):
        reaching_credentials.revoke_app_password(office.as_("alice"), "dora", deploy.id)
    with pytest.raises(Forbidden):
        reaching_credentials.revoke_app(office.as_("alice"), "dora", consent.family_id)
    assert len(labels(work)) == 3
    reaching_credentials.revoke_app_password(root, "dora", deploy.id)
    reaching_credentials.revoke_app(root, "dora", consent.family_id)
    reaching_credentials.revoke_app_password(office.as_("dora"), "dora", own.id)

    assert labels(work) == []
    assert [entry.event for entry in root.entries] == [Event.TOKEN_REVOKED, Event.AUTHORIZATION_REVOKED]
    with pytest.raises(NotFound):
        reaching_credentials.revoke_app_password(root, "dora", deploy.id)
    with pytest.raises(NotFound):
        reaching_credentials.revoke_app(root, "dora", consent.family_id)
    # Whoever didn't do it themselves gets a letter for each.
    letters = [each for _, each in outbox_rows.newest(work.tx, most=100) if each.kind.value.endswith("revoked")]
    assert {(each.kind, each.email) for each in letters} == {
        (MailKind.APP_PASSWORD_REVOKED, "dora@example.com"),
        (MailKind.PROGRAM_REVOKED, "dora@example.com"),
    }
    assert len(letters) == 2
