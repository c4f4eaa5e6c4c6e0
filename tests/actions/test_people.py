"""All people are listed with two queries, and each is told as when one asks for them alone."""

from pathlib import Path

import cast
from onebucket.actions import accounts
from onebucket.store import email_rows


def test_all_people_are_read_with_two_queries_and_are_what_each_is_alone(cast_template: Path, tmp_path: Path) -> None:
    db = cast.copy(cast_template, tmp_path)
    with db.writing() as tx:
        work = cast.operator(tx)
        accounts.add_user(work, "zoe", email=None)
        accounts.add_user(work, "abe", email="z@example.com")
        email_rows.add(tx, accounts.profile(work, "abe").account.id, "a@example.com", is_primary=False, at=work.at)

    said: list[str] = []
    with db.reading() as tx:
        tx.connection.set_trace_callback(said.append)
        people = accounts.list_people(cast.operator(tx))
        tx.connection.set_trace_callback(None)
        alone = [accounts.profile(cast.operator(tx), person.account.username) for person in people]
    db.close()

    assert people == alone
    assert [person.account.username for person in people] == sorted({*cast.PEOPLE, "abe", "zoe"})
    assert [email.address for email in people[0].emails] == ["z@example.com", "a@example.com"]
    assert len(said) == 2
