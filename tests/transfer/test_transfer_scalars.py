"""What has no value in YAML is read in one way, however it is spelled and wherever it stands."""

from pathlib import Path
from textwrap import indent

import pytest

from onebucket.transfer import document, peribolos
from onebucket.transfer.source_tree import UnreadableDocument

NOTHING = ("null", "Null", "NULL", "~", "")

DOCUMENTS = {
    "a username": "users:\n- username: {}",
    "an address": "users:\n- username: alice\n  email: {}",
    "a display name": "users:\n- username: alice\n  display_name: {}",
    "a flag": "users:\n- username: alice\n  is_active: {}",
    "a list": "users: {}",
    "one of a list": "users:\n- {}",
    "a scope": "users:\n- username: alice\n  tokens:\n  - secret: a\n    scopes:\n    - {}",
    "a group's name": "teams:\n- username: acme\n  groups:\n  - name: {}",
    "an earlier name": "teams:\n- username: acme\n  groups:\n  - name: a\n    previously:\n    - {}",
    "a permission": "teams:\n- username: acme\n  groups:\n  - name: a\n    permission: {}",
    "an account privilege": "teams:\n- username: acme\n  groups:\n  - name: a\n    account_privilege: {}",
    "members": "teams:\n- username: acme\n  groups:\n  - name: a\n    members: {}",
    "a member": "teams:\n- username: acme\n  groups:\n  - name: a\n    members:\n    - {}",
    "a repository": "teams:\n- username: acme\n  repositories:\n  - slug: {}",
    "a level": "teams:\n- username: acme\n  repositories:\n  - slug: a\n    users:\n      bob: {}",
    "whose level": "teams:\n- username: acme\n  repositories:\n  - slug: a\n    users:\n      {}: read",
    "an inviter": "teams:\n- username: acme\n  invitations:\n  - email: a@example.com\n    groups: [a]\n"
    "    invited_by: {}",
}
ORGANISATIONS = {
    "a name": "admins: [alice]\nname: {}",
    "a default": "admins: [alice]\ndefault_repository_permission: {}",
    "admins": "members: [bob]\nadmins: {}",
    "an admin": "admins:\n- {}",
    "a member": "admins: [alice]\nmembers:\n- {}",
    "teams": "admins: [alice]\nteams: {}",
    "a team": "admins: [alice]\nteams:\n  crew: {}",
    "which team": "admins: [alice]\nteams:\n  {}: [bob]",
    "a maintainer": "teams:\n  crew:\n    maintainers:\n    - {}",
    "an earlier name": "teams:\n  crew:\n    previously:\n    - {}",
    "a level": "teams:\n  crew:\n    repos:\n      rocket: {}",
    "a description": "admins: [alice]\nrepos:\n  rocket:\n    description: {}",
    "privacy": "admins: [alice]\nrepos:\n  rocket:\n    private: {}",
    "an organisation": "orgs:\n  acme: {}",
    "which organisation": "orgs:\n  {}: [bob]",
}


def spellings(where: str) -> tuple[str, ...]:
    """How nothing can be written there: a key must be something."""
    return NOTHING[:4] if where.startswith(("which", "whose")) else NOTHING


def of_document(text: str, folder: Path) -> object:
    try:
        return document.read("onebucket: 1\n" + text, source="a")
    except UnreadableDocument as unreadable:
        return unreadable.sentence


def of_organisation(text: str, folder: Path) -> object:
    (folder / "org.yaml").write_text(text)
    try:
        return peribolos.read([folder])
    except UnreadableDocument as unreadable:
        return unreadable.sentence


@pytest.mark.parametrize("where", DOCUMENTS)
def test_every_spelling_of_nothing_means_the_same_in_a_document(tmp_path: Path, where: str) -> None:
    read = [of_document(DOCUMENTS[where].replace("{}", word), tmp_path) for word in spellings(where)]

    assert [each for each in read if each != read[0]] == []
    assert "null" not in str(read[0]).lower()


@pytest.mark.parametrize("where", ORGANISATIONS)
def test_every_spelling_of_nothing_means_the_same_in_an_organisation(tmp_path: Path, where: str) -> None:
    read = [of_organisation(ORGANISATIONS[where].replace("{}", word), tmp_path) for word in spellings(where)]

    assert [each for each in read if each != read[0]] == []
    assert "null" not in str(read[0]).lower()


@pytest.mark.parametrize("word", NOTHING[:4])
@pytest.mark.parametrize("where", ["a member", "a username"])
def test_nothing_is_nobody_and_is_refused_with_its_line(tmp_path: Path, word: str, where: str) -> None:
    text = DOCUMENTS[where].replace("{}", word)

    sentence = of_document(text, tmp_path)

    assert isinstance(sentence, str) and sentence.startswith(f"a:{len(text.splitlines()) + 1}: ")
    assert "has no value: remove it, or put the word in quotes" in sentence


@pytest.mark.parametrize("quote", "'\"")
def test_in_quotes_it_is_a_name_like_any_other(tmp_path: Path, quote: str) -> None:
    text = DOCUMENTS["a member"].replace("{}", f"{quote}null{quote}")
    assert document.read(f"onebucket: 1\n{text}", source="a").teams[0].groups[0].members == ["null"]  # type: ignore[union-attr, index]

    (tmp_path / "org.yaml").write_text(f"admins:\n{indent(f'- {quote}null{quote}', '  ')}")
    assert peribolos.read([tmp_path])[0].admins == ("null",)
