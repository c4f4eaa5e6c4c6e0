"""Projects in account documents: what they hold and give becomes so, comes back in an export, and is pruned."""

import pytest

from onebucket.domain.refusals import Invalid, NotFound
from onebucket.store.engine.database import Database
from onebucket.transfer import document
from onebucket.transfer.document import UnreadableDocument
from tests.transfer.test_transfer_apply import applied, exported, read, tell

COMPANY = """\
users:
  - {username: alice, email: alice@example.com}
  - {username: bob, email: bob@example.com}
teams:
  - username: acme
    groups:
      - {name: Administrators, account_privilege: admin, permission: admin, members: [alice]}
      - {name: Designers, members: [bob]}
    projects:
      - {key: OPS, name: Operations, repositories: [engine], privileges: {designers: create-repo}, users: {bob: read}}
      - {key: WEB, is_private: false, description: Pages}
    repositories:
      - {slug: engine, fork_policy: no_forks, language: python, has_issues: true, mainbranch: trunk}
      - {slug: rocket}
"""


def of_acme(projects: str) -> str:
    return f"teams: [{{username: acme, projects: {projects}}}]"


@pytest.fixture
def company(db: Database) -> Database:
    tell(db, COMPANY)
    return db


def test_projects_are_made_with_what_they_hold_and_give(db: Database) -> None:
    difference = applied(db, COMPANY)

    assert [line for line in difference if "project" in line or "repository" in line] == [
        "+ project acme/OPS (private)",
        "+ project acme/WEB (public)",
        "+ repository acme/engine (private)",
        "+ repository acme/rocket (private)",
        "+ group acme/designers on project acme/OPS (create-repo)",
        "+ bob on project acme/OPS (read)",
    ]


def test_an_export_says_the_same_again_and_applying_it_changes_nothing(company: Database) -> None:
    whole = exported(company, "acme")
    [acme] = document.read(whole, source="export").teams

    assert acme.projects and acme.repositories
    ops, web = acme.projects
    # rocket, which no project names, went into the oldest.
    assert (ops.key, ops.name, ops.is_private, ops.repositories) == ("OPS", "Operations", True, ["engine", "rocket"])
    assert (web.key, web.name, web.is_private, web.description) == ("WEB", "WEB", False, "Pages")
    assert "designers: create-repo" in whole
    assert "fork_policy: no_forks" in whole and "mainbranch: trunk" in whole
    assert tell(company, document.read(whole, source="export"), prune=True) == []
    assert tell(company, COMPANY, prune=True) == []


def test_a_repository_moves_to_the_project_that_lists_it(company: Database) -> None:
    assert applied(company, of_acme("[{key: WEB, repositories: [engine]}]")) == [
        "~ repository acme/engine: project OPS → WEB"
    ]


def test_a_project_keeps_what_its_document_does_not_name(company: Database) -> None:
    assert applied(company, of_acme("[{key: OPS, name: Works, privileges: {designers: admin}}]")) == [
        "~ project acme/OPS: name Operations → Works",
        "~ group acme/designers on project acme/OPS: privilege create-repo → admin",
    ]


def test_pruning_takes_what_is_set_and_projects_that_hold_nothing(company: Database) -> None:
    assert applied(company, of_acme("[{key: OPS, privileges: {}}]"), prune=True) == [
        "- group acme/designers on project acme/OPS (create-repo)",
        "- project acme/WEB (public)",
    ]
    assert applied(company, of_acme("[]"), prune=True) == ["- bob on project acme/OPS (read)"]
    assert "key: OPS" in exported(company, "acme")


def test_a_group_that_is_pruned_takes_what_it_has_on_a_project_along(company: Database) -> None:
    document_without = (
        "teams: [{username: acme, groups: [{name: Administrators}], projects: [{key: OPS, privileges: {}}]}]"
    )

    difference = applied(company, document_without, prune=True)

    assert difference[0].startswith("- group acme/designers")
    assert not [line for line in difference if "on project" in line]


@pytest.mark.parametrize(
    ("projects", "sentence"),
    [
        ("[{key: A, repositories: [engine]}, {key: B, repositories: [engine]}]", "is also in the project A"),
        ("[{key: A, repositories: [none]}]", "acme has no repository 'none'"),
    ],
)
def test_what_no_project_can_hold_is_refused(company: Database, projects: str, sentence: str) -> None:
    with pytest.raises((Invalid, NotFound), match=sentence):
        tell(company, of_acme(projects))


@pytest.mark.parametrize(
    ("projects", "sentence"),
    [
        ("[{key: ops}]", "can't be a project key"),
        ("[{key: A, privileges: {designers: none}}]", "must be read, write, create-repo or admin"),
        ("[{key: A, users: {bob: owner}}]", "must be read, write, create-repo or admin"),
        ("[{name: A}]", "needs the key 'key'"),
        ("[{key: A}, {key: A}]", "is the same project as"),
    ],
)
def test_what_cannot_be_meant_is_refused(projects: str, sentence: str) -> None:
    with pytest.raises(UnreadableDocument, match=sentence):
        read(of_acme(projects))
