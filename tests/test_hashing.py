"""Secrets are fit for where people put them."""

import secrets

import pytest

from onebucket import hashing


def test_a_secret_never_begins_like_an_option_of_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    made = iter(["-abc", "--x", "a-bc"])
    monkeypatch.setattr(secrets, "token_urlsafe", lambda size: next(made))

    assert hashing.new_secret(prefix="") == "a-bc"


def test_a_prefix_stays_in_front(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "token_urlsafe", lambda size: "-abc")

    assert hashing.new_secret(prefix="obk_") == "obk_-abc"
