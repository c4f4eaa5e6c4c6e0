"""Addresses that stand for another mailbox: refused wherever one comes in, and found where they were before."""

from pathlib import Path
from typing import Any

import pytest

import cast
from cast import Api
from onebucket.actions import accounts, emails
from onebucket.domain.refusals import Invalid

FIONA = "ﬁona@corp.example"


@pytest.mark.parametrize(
    ("method", "path", "how"),
    [
        ("PUT", f"/users/acme/invitations/{FIONA}/acme/designers", {}),
        ("POST", "/invitations/acme/rocket", {"data": {"email": FIONA, "permission": "read"}}),
    ],
)
def test_nobody_is_invited_by_an_address_that_stands_for_another(
    api: Api, method: str, path: str, how: dict[str, Any]
) -> None:
    before = api.everything()

    answer = api("alice", method, path, **how)

    assert answer.status_code == 400
    assert api.everything() == before


def test_no_person_gets_an_address_that_stands_for_another(cast_template: Path, tmp_path: Path) -> None:
    db = cast.copy(cast_template, tmp_path)
    for give in (
        lambda work: accounts.add_user(work, "fiona", email=FIONA),
        lambda work: accounts.set_email(work, "bob", FIONA),
        lambda work: emails.ask_for(work, "bob", FIONA),
    ):
        with pytest.raises(Invalid, match="looks like another"), db.writing() as tx:
            give(cast.operator(tx))
    db.close()
