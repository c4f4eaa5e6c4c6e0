"""Organisations kept as Peribolos YAML: every team a group, every membership there, and nothing else.

Eight real ones lie beside the checkout where they are kept; they are read there and compared with what PyYAML makes of
the same files.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml

import cast
from checkout import TOP
from onebucket.actions import account_snapshot, accounts
from onebucket.actions.account_snapshot import AccountSnapshot
from onebucket.domain.groups import AccountPrivilege
from onebucket.domain.journal_entry import Entry
from onebucket.domain.privileges import Level
from onebucket.store.engine.database import Database
from onebucket.transfer import apply, peribolos

REAL = TOP.parent / "shared" / "data" / "kubernetes-org"

ORG = """\
name: Acme Rockets
billing_email: money@example.com
default_repository_permission: read
admins: [Alice]
members:
- bob
- 249043822
- Dora
teams:
  k8s.io-admins:
    description: passed over
    privacy: closed
    previously: [old]
    members: [bob, ilse]
    maintainers: [alice, BOB]
    repos: {k8s.io: maintain, Rocket: triage}
    teams:
      acme/sig-apps:
        members: [dora]
        repos: {rocket: admin}
        teams: {deepest: {members: null, repos: null, teams: null}}
"""
MORE = """\
teams:
  Members:
    maintainers: [no, Ilse]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An organisation of 249043822, alice, bob and dora, and of ilse and no who are in teams only."""
    return written(tmp_path / "Acme Rockets", {"org.yaml": ORG, "sig-a/deep/teams.yaml": MORE, "sig-b/teams.yaml": ""})


def written(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(dedent(text).encode() if isinstance(text, str) else text)
    return folder


def read(folder: Path) -> peribolos.PeribolosOrganization:
    """The one organisation of a folder."""
    (organisation,) = peribolos.read([folder])
    return organisation


def imported(db: Database, folder: Path) -> list[Entry]:
    """Import an organisation's folder; what the journal was told."""
    with db.writing() as tx:
        work = cast.operator(tx)
        apply.apply(work, [peribolos.to_document(read(folder))], prune=False)
        return work.entries


def team(db: Database, name: str) -> AccountSnapshot:
    with db.reading() as tx:
        return account_snapshot.snapshot_of(cast.operator(tx), name)


def rosters(found: AccountSnapshot) -> dict[str, list[str]]:
    return {roster.group.slug: [member.username for member in roster.members or ()] for roster in found.rosters}


# -- what becomes of an organisation ---------------------------------------------------------------


def test_every_team_becomes_a_group_and_everyone_is_in_one_and_the_admins_in_another(
    db: Database, folder: Path
) -> None:
    imported(db, folder)

    acme = team(db, "acme-rockets")
    assert acme.account.display_name == "Acme Rockets"
    assert rosters(acme) == {
        "acmesig-apps": ["Dora"],
        "administrators": ["Alice"],
        "deepest": [],
        "k8sio-admins": ["bob", "ilse", "Alice"],
        "members": ["no", "ilse"],
        "organization-members": ["Alice", "bob", "249043822", "Dora"],
    }
    assert {roster.group.name for roster in acme.rosters} >= {"k8s.io-admins", "acme/sig-apps", "Members"}


def test_the_two_groups_of_the_organisation_have_its_rights_and_no_other_has(db: Database, folder: Path) -> None:
    imported(db, folder)

    rights = {
        roster.group.slug: (roster.group.permission, roster.group.account_privilege)
        for roster in team(db, "acme-rockets").rosters
    }
    assert rights.pop("administrators") == (Level.ADMIN, AccountPrivilege.ADMIN)
    assert rights.pop("organization-members") == (Level.READ, None)
    assert set(rights.values()) == {(None, None)}


def test_repositories_are_private_and_levels_become_ours(db: Database, folder: Path) -> None:
    imported(db, folder)

    acme = team(db, "acme-rockets")
    assert [(repository.slug, repository.is_private) for repository in acme.repositories] == [
        ("Rocket", True),
        ("k8s.io", True),
    ]
    assert acme.grants["k8s.io"].groups == {"k8sio-admins": Level.WRITE}
    assert acme.grants["Rocket"].groups == {"acmesig-apps": Level.ADMIN, "k8sio-admins": Level.READ}


def test_people_get_an_address_where_no_letter_arrives(db: Database, folder: Path) -> None:
    imported(db, folder)

    assert [email.address for email in team(db, "249043822").emails] == ["249043822@users.noreply.invalid"]


def test_spellings_that_differ_in_case_are_one_person_and_are_counted(folder: Path) -> None:
    organisation = read(folder)

    assert organisation.respelled == {"alice", "BOB", "dora", "Ilse"}
    assert organisation.summary() == (
        "Acme Rockets as acme-rockets: 4 teams, 6 memberships, 3 grants, 6 people (4 of them in two spellings)"
    )


def test_importing_again_changes_nothing_and_keeps_the_addresses_people_have_by_then(
    db: Database, folder: Path
) -> None:
    imported(db, folder)
    with db.writing() as tx:
        accounts.set_email(cast.operator(tx), "bob", "bob@example.com")

    assert imported(db, folder) == []
    assert [email.address for email in team(db, "bob").emails] == ["bob@example.com"]


def test_a_person_known_already_keeps_the_spelling_they_have(db: Database, folder: Path) -> None:
    with db.writing() as tx:
        accounts.add_user(cast.operator(tx), "ALICE", email="alice@example.com")

    imported(db, folder)

    assert rosters(team(db, "acme-rockets"))["administrators"] == ["ALICE"]
    assert [email.address for email in team(db, "alice").emails] == ["alice@example.com"]


def test_an_organisation_of_admins_only_is_imported(db: Database, tmp_path: Path) -> None:
    imported(db, written(tmp_path / "retired", {"org.yaml": "admins: [alice]"}))

    assert rosters(team(db, "retired")) == {"administrators": ["alice"], "members": ["alice"]}
    assert {roster.group.permission for roster in team(db, "retired").rosters} == {Level.ADMIN, None}


def test_what_is_said_of_repositories_themselves_is_kept(db: Database, tmp_path: Path) -> None:
    text = """\
        repos:
          Lander: {private: false, description: Soft landings}
          probe: null
        teams: {crew: {repos: {lander: write}}}
        """

    imported(db, written(tmp_path / "acme", {"org.yaml": text}))

    acme = team(db, "acme")
    assert [(each.slug, each.is_private, each.description) for each in acme.repositories] == [
        ("Lander", False, "Soft landings"),
        ("probe", True, ""),
    ]
    assert acme.grants["Lander"].groups == {"crew": Level.WRITE}


# -- refusals --------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[str | bytes, str]] = {
    "a word for a list": ("members: alice", "{}:1: 'members' must be a list (of names)"),
    "a list of lists": ("members:\n- [alice]", "{}:2: a name in 'members' must be a string"),
    "a name that can't be one": (
        "members:\n- dependabot[bot]",
        "{}:2: 'dependabot[bot]' can't be a username: 1 to 62 letters, digits, '_', '.' and '-', starting with a "
        "letter, a digit or '_'",
    ),
    "a list of teams": ("teams:\n- crew", "{}:2: 'teams' must be a mapping (name: value)"),
    "a team that is a list": ("teams:\n  crew: [bob]", "{}:2: the team 'crew' must be a mapping (name: value)"),
    "a team without a slug": (
        "teams:\n  '!': {privacy: closed}",
        "{}:2: the team '!': name has no letter or digit to make a slug from",
    ),
    "an unknown level": (
        "teams:\n  crew:\n    repos:\n      rocket: owner",
        "{}:4: the permission on 'rocket' must be one of none, read, triage, write, maintain, admin",
    ),
    "an unknown default": (
        "default_repository_permission: triage",
        "{}:1: 'default_repository_permission' must be one of none, read, write, admin",
    ),
    "a repository that can't be one": (
        "teams: {crew: {repos: {a/b: read}}}",
        "{}:1: 'a/b' can't be a repository slug: 1 to 100 letters, digits, '_', '.' and '-'",
    ),
    "two teams with one slug": (
        "teams:\n  K8s.io: {privacy: closed}\n  k8sio: {privacy: closed}",
        "{}:3: the team 'k8sio' and the team 'K8s.io' ({}:2) would both be the group 'k8sio'",
    ),
    "a team twice": (
        "teams:\n  crew: {}\n  crew: {}",
        "{}:3: the key 'crew' is here twice; the first is on line 2",
    ),
    "a list": ("- alice", "{}:1: the file must be a mapping (name: value)"),
    "no YAML": ("members: [", "{}:1: this is not YAML: did not find expected node content"),
    "no UTF-8": (b"members: [\xff]", "{}:1: this is not UTF-8"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_wrong_shapes_are_refused_with_their_file_and_line(tmp_path: Path, what: str) -> None:
    text, sentence = REFUSED[what]
    folder = written(tmp_path / "acme", {"org.yaml": text})

    with pytest.raises(peribolos.UnreadableDocument) as refused:
        read(folder)

    assert refused.value.sentence == sentence.replace("{}", str(folder / "org.yaml"))


def test_two_teams_with_one_slug_in_two_files_are_both_named(folder: Path) -> None:
    written(folder, {"sig-b/teams.yaml": "teams:\n  memb-ers: {privacy: closed}\n  mem.bers: {privacy: closed}"})

    with pytest.raises(peribolos.UnreadableDocument) as refused:
        read(folder)

    assert refused.value.sentence == (
        f"{folder}/sig-b/teams.yaml:3: the team 'mem.bers' and the team 'Members' ({folder}/sig-a/deep/teams.yaml:3) "
        "would both be the group 'members'"
    )


def test_teams_that_leave_no_name_for_everyone_are_refused(tmp_path: Path) -> None:
    text = "teams: {members: {privacy: closed}, Organization Members: {privacy: closed}}"
    organisation = read(written(tmp_path / "acme", {"org.yaml": text}))

    with pytest.raises(peribolos.UnreadableDocument) as refused:
        peribolos.to_document(organisation)

    assert refused.value.sentence == (
        f"{tmp_path}/acme/org.yaml:1: the team 'Organization Members' has the name that the group of its members would "
        "get"
    )


def test_a_folder_that_holds_no_organisation_is_refused(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "other").mkdir()

    for place, sentence in (
        (tmp_path / "none", f"{tmp_path}/none: there is no such file or folder"),
        (
            tmp_path / "other",
            f"{tmp_path}/other: there is no org.yaml in this folder, so it is no Peribolos organisation",
        ),
        (
            tmp_path,
            f"{tmp_path}: there is no org.yaml in this folder, but in these below it: Acme Rockets; use those",
        ),
    ):
        with pytest.raises(peribolos.UnreadableDocument) as refused:
            read(place)
        assert refused.value.sentence == sentence


def test_a_file_that_cannot_be_read_is_refused(folder: Path) -> None:
    (folder / "sig-c" / "teams.yaml").mkdir(parents=True)

    with pytest.raises(peribolos.UnreadableDocument) as refused:
        read(folder)

    assert refused.value.sentence == f"{folder}/sig-c/teams.yaml: the file can't be read: Is a directory"


# -- eight real organisations ----------------------------------------------------------------------

# Teams, memberships, grants, people, and people spelled in two ways, as counted once by hand.
FIGURES = {
    "etcd-io": (15, 78, 30, 58, 0),
    "kubernetes": (284, 1690, 156, 1276, 9),
    "kubernetes-client": (14, 35, 14, 51, 0),
    "kubernetes-csi": (45, 258, 46, 94, 1),
    "kubernetes-incubator": (0, 0, 0, 10, 0),
    "kubernetes-nightly": (3, 23, 0, 23, 0),
    "kubernetes-retired": (0, 0, 0, 10, 0),
    "kubernetes-sigs": (405, 1531, 385, 1144, 9),
}
# Where a real team is called as the group of everyone would be.
TAKEN = {"etcd-io": {"members"}}

needs_the_real_ones = pytest.mark.skipif(
    not REAL.is_dir(), reason=f"the eight real organisations are not beside the checkout ({REAL})"
)


def _teams(found: Mapping[str, Any] | None) -> Iterator[tuple[str, set[str], dict[str, str]]]:
    """Name, members in lower case and grants of every team, nested ones too, as PyYAML reads them."""
    for name, each in (found or {}).items():
        people = (each.get("members") or []) + (each.get("maintainers") or [])
        yield name, {person.lower() for person in people}, each.get("repos") or {}
        yield from _teams(each.get("teams"))


def _as_pyyaml_reads(folder: Path) -> tuple[dict[str, Any], list[tuple[str, set[str], dict[str, str]]]]:
    files = [folder / "org.yaml", *folder.rglob("teams.yaml")]
    read = [yaml.load(file.read_text(), yaml.CSafeLoader) for file in files]
    return read[0], [each for found in read for each in _teams(found.get("teams"))]


@needs_the_real_ones
@pytest.mark.parametrize("name", FIGURES)
def test_a_real_organisation_has_the_figures_it_has(name: str) -> None:
    organisation = read(REAL / name)

    assert (
        len(organisation.crews),
        sum(len(crew.members) for crew in organisation.crews.values()),
        sum(len(crew.privileges) for crew in organisation.crews.values()),
        len(organisation.people),
        len(organisation.respelled),
    ) == FIGURES[name]


@pytest.fixture(scope="module")
def all_of_them(
    empty_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Database, Mapping[str, int]]]:
    """All eight in one database, and how many accounts each brought."""
    db = cast.copy(empty_template, tmp_path_factory.mktemp("real"))
    brought = {name: sum(entry.event.value == "user.added" for entry in imported(db, REAL / name)) for name in FIGURES}
    yield db, brought
    db.close()


@needs_the_real_ones
@pytest.mark.parametrize("name", FIGURES)
def test_every_team_of_a_real_organisation_is_a_group_with_its_members(
    all_of_them: tuple[Database, Mapping[str, int]], name: str
) -> None:
    db, _ = all_of_them
    org, teams = _as_pyyaml_reads(REAL / name)
    found = team(db, name)

    groups = {roster.group.name: {each.username.lower() for each in roster.members or ()} for roster in found.rosters}
    admins = {person.lower() for person in org["admins"]}
    everyone = admins | {person.lower() for person in org.get("members") or []}
    own = "organization-members" if "members" in TAKEN.get(name, ()) else "members"
    assert groups == {title: people for title, people, _ in teams} | {"administrators": admins, own: everyone}
    assert found.account.display_name == org["name"]


@needs_the_real_ones
@pytest.mark.parametrize("name", FIGURES)
def test_every_grant_of_a_real_organisation_is_there_and_no_other(
    all_of_them: tuple[Database, Mapping[str, int]], name: str
) -> None:
    db, _ = all_of_them
    _, teams = _as_pyyaml_reads(REAL / name)
    found = team(db, name)

    names = {roster.group.slug: roster.group.name for roster in found.rosters}
    granted = {
        (names[slug], repository.lower(), level.word)
        for repository, grants in found.grants.items()
        for slug, level in grants.groups.items()
    }
    ours = {"triage": "read", "maintain": "write"}
    assert granted == {
        (title, repository.lower(), ours.get(level, level))
        for title, _, repositories in teams
        for repository, level in repositories.items()
    }
    assert not any(grants.people for grants in found.grants.values())


@needs_the_real_ones
def test_a_person_in_several_real_organisations_has_one_account(
    all_of_them: tuple[Database, Mapping[str, int]],
) -> None:
    db, brought = all_of_them
    organizations = peribolos.read([REAL / folder for folder in FIGURES])
    spelled = {name for organization in organizations for name in organization.people}

    with db.reading() as tx:
        known = account_snapshot.everyone(cast.operator(tx))
    assert sum(brought.values()) == len(spelled) == sum(not account.is_team for account in known)
    assert "249043822" in {account.username for account in known}


@needs_the_real_ones
def test_importing_a_real_organisation_again_changes_nothing(
    all_of_them: tuple[Database, Mapping[str, int]],
) -> None:
    db, _ = all_of_them

    assert imported(db, REAL / "kubernetes") == []
