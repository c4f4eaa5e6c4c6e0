"""The shapes in which organisations are kept as Peribolos YAML: each is taken, and what isn't one is refused."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import pytest

import cast
from commands import Command, runner
from onebucket.actions import account_snapshot
from onebucket.store.engine.database import Database
from onebucket.transfer import apply, peribolos

CREW = "teams: {crew: {members: [bob], repos: {rocket: write}}}"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    (tmp_path / "data").mkdir()
    return runner(tmp_path / "data", monkeypatch, capsys)


def written(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(dedent(text))
    return folder


def groups(db: Database, *paths: Path, name: str | None = None) -> dict[str, dict[str, list[str]]]:
    """The members of every group of each team that these files became."""
    organisations = peribolos.read(paths, name=name)
    with db.writing() as tx:
        work = cast.operator(tx)
        apply.apply(work, list(map(peribolos.to_document, organisations)), prune=False)
        return {
            each.username: {
                roster.group.slug: [member.username for member in roster.members or ()]
                for roster in account_snapshot.snapshot_of(work, each.username).rosters
            }
            for each in organisations
        }


def refusal(*paths: Path) -> str:
    with pytest.raises(peribolos.UnreadableDocument) as refused:
        peribolos.read(paths)
    return refused.value.sentence


# -- what is taken ---------------------------------------------------------------------------------

ACME = {"administrators": ["alice"], "crew": ["bob"], "members": ["alice", "dora"]}


@pytest.mark.parametrize("named", ["file", "folder"])
def test_an_organisation_below_orgs_is_taken(db: Database, tmp_path: Path, named: str) -> None:
    text = f"orgs:\n  acme:\n    admins: [alice]\n    members: [dora]\n    {CREW}\n"
    written(tmp_path / "org", {"org.yaml": text})

    assert groups(db, tmp_path / "org" / "org.yaml" if named == "file" else tmp_path / "org") == {"acme": ACME}


def test_several_organisations_in_one_file_are_all_taken(db: Database, tmp_path: Path) -> None:
    text = "orgs:\n  acme: {admins: [alice]}\n  other: {admins: [bob]}\n"

    assert groups(db, written(tmp_path, {"config.yaml": text}) / "config.yaml") == {
        "acme": {"administrators": ["alice"], "members": ["alice"]},
        "other": {"administrators": ["bob"], "members": ["bob"]},
    }


def test_a_folder_of_such_files_is_taken_and_so_are_several_files(db: Database, tmp_path: Path) -> None:
    written(
        tmp_path,
        {
            "a.yaml": "orgs: {acme: {admins: [alice]}}",
            "b.yml": "orgs: {other: {admins: [bob]}}",
            "no.yaml": "[",
            "OWNERS.yaml": "aliases: {}",
        },
    )

    assert list(groups(db, tmp_path)) == ["acme", "other"]
    assert list(groups(db, tmp_path / "a.yaml", tmp_path / "b.yml")) == ["acme", "other"]


def test_one_organisation_in_several_files_is_one(db: Database, tmp_path: Path) -> None:
    written(tmp_path, {"a.yaml": "orgs: {acme: {admins: [alice]}}", "b.yaml": f"orgs: {{acme: {{{CREW}}}}}"})
    written(tmp_path, {"acme.yaml": "members: [dora]"})

    assert groups(db, *(tmp_path / name for name in ("a.yaml", "b.yaml", "acme.yaml"))) == {"acme": ACME}


def test_an_organisation_split_into_a_file_for_each_of_its_parts_is_taken(db: Database, tmp_path: Path) -> None:
    parts = {
        "admins.yaml": "admins: [alice]",
        "members.yaml": "members: [dora]",
        "repos.yaml": "repos: {rocket: {description: To the moon, has_wiki: false}}",
        "teams.yaml": CREW,
        "emeritus.yaml": "emeritus: [zoe]",
    }
    folder = written(tmp_path / "acme", parts)

    assert groups(db, folder) == {"acme": ACME}
    assert groups(db, *(folder / name for name in list(parts)[:4])) == {"acme": ACME}
    assert groups(db, folder, name="Rockets") == {"rockets": ACME}
    (organisation,) = peribolos.read([folder])
    assert organisation.repositories["rocket"].description == "To the moon"


def test_teams_below_a_folder_whose_organisation_is_named_below_orgs_are_taken(db: Database, tmp_path: Path) -> None:
    files = {"org.yaml": "orgs: {acme: {admins: [alice], members: [dora]}}", "sig/teams.yaml": CREW}

    assert groups(db, written(tmp_path / "folder", files)) == {"acme": ACME}


def test_a_team_with_no_permission_on_a_repository_has_none(db: Database, tmp_path: Path) -> None:
    text = "admins: [alice]\nteams: {crew: {members: [bob], repos: {rocket: %s}}}"
    with db.writing() as tx:
        for level in ("write", "none"):
            folder = written(tmp_path / "acme", {"org.yaml": text % level})
            apply.apply(cast.operator(tx), list(map(peribolos.to_document, peribolos.read([folder]))), prune=False)
        levels = account_snapshot.snapshot_of(cast.operator(tx), "acme").grants["rocket"].groups

    assert not any(levels.values())


def test_a_team_that_was_renamed_stays_the_same_group(db: Database, tmp_path: Path) -> None:
    before = written(tmp_path / "acme", {"org.yaml": "admins: [alice]\nteams: {crew: {members: [bob]}}"})
    groups(db, before)
    with db.reading() as tx:
        ids = {
            roster.group.slug: roster.group.id
            for roster in account_snapshot.snapshot_of(cast.operator(tx), "acme").rosters
        }

    text = "admins: [alice]\nteams: {Night Crew: {previously: [older, crew], members: [dora]}}"
    after = written(tmp_path / "acme", {"org.yaml": text})
    for _ in "twice":
        assert groups(db, after)["acme"]["night-crew"] == ["bob", "dora"]

    with db.reading() as tx:
        now = {
            roster.group.slug: roster.group.id
            for roster in account_snapshot.snapshot_of(cast.operator(tx), "acme").rosters
        }
    assert now == {("night-crew" if slug == "crew" else slug): id for slug, id in ids.items()}


def test_an_old_name_that_another_team_has_by_now_is_left_to_that_one(db: Database, tmp_path: Path) -> None:
    groups(db, written(tmp_path / "acme", {"org.yaml": "admins: [alice]\nteams: {crew: {members: [bob]}}"}))
    text = "admins: [alice]\nteams: {new: {previously: [crew]}, crew: {members: [bob]}}"

    found = groups(db, written(tmp_path / "acme", {"org.yaml": text}))["acme"]

    assert (found["crew"], found["new"]) == (["bob"], [])


# -- what isn't ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "has admins, members, teams, repos; nothing was imported"),
        ("name: Acme", "has admins, members, teams, repos; nothing was imported"),
        ("organisations: {acme: {admins: [alice]}}", "repos, and this has organisations; nothing was imported"),
        ("acme: {admins: [alice]}", "repos, and this has acme; nothing was imported"),
        ("member: [alice]\nteam: {}", "repos, and this has member, team; nothing was imported"),
        ("orgs: {acme: null}", "has admins, members, teams, repos; nothing was imported"),
        ("orgs: {}", "there is no organisation below 'orgs'"),
        ("orgs: {acme: {admins: [alice]}}\nadmins: [bob]", "beside 'orgs' this has admins: they belong below"),
    ],
)
def test_an_import_that_understood_nothing_is_refused(run: Command, tmp_path: Path, text: str, why: str) -> None:
    folder = written(tmp_path / "acme", {"org.yaml": text})

    done = run("import", "peribolos", folder)

    assert (done.code, done.out) == (1, "")
    assert why in done.err
    assert not (tmp_path / "data/onebucket.db").exists()


def test_one_empty_organisation_among_several_refuses_them_all(tmp_path: Path) -> None:
    written(tmp_path, {"a.yaml": "orgs: {acme: {admins: [alice]}, other: {}}"})

    assert "this describes no organisation" in refusal(tmp_path / "a.yaml")


def test_teams_that_could_be_of_two_organisations_are_refused(tmp_path: Path) -> None:
    files = {"org.yaml": "orgs: {acme: {admins: [alice]}, other: {admins: [bob]}}", "sig/teams.yaml": CREW}

    sentence = refusal(written(tmp_path, files))

    assert sentence == f"{tmp_path}/sig/teams.yaml: this doesn't say whose teams they are: acme or other"


def test_a_name_is_for_one_organisation(run: Command, tmp_path: Path) -> None:
    written(tmp_path, {"a.yaml": "orgs: {acme: {admins: [alice]}, other: {admins: [bob]}}"})

    done = run("import", "peribolos", tmp_path / "a.yaml", "--name", "rockets")

    assert done.err == "onebucket: there are 2 organisations here, and --name can rename only one, to 'rockets'\n"


def test_what_was_passed_over_is_told(run: Command, tmp_path: Path) -> None:
    text = """\
        admins: [alice]
        billing_email: money@example.com
        teams: {crew: {member: [bob], privacy: closed}}
        repos: {rocket: {has_wiki: false}}
        """

    done = run("import", "peribolos", written(tmp_path / "acme", {"org.yaml": text}))

    assert "ignored, because they mean nothing here: billing_email, has_wiki, member, privacy\n" in done.out


def test_a_dry_run_of_an_import_tells_what_would_change_and_changes_nothing(run: Command, tmp_path: Path) -> None:
    folder = written(tmp_path / "acme", {"org.yaml": "admins: [alice]"})

    would = run("import", "peribolos", folder, "--dry-run", "--exit-code")
    assert (would.code, (tmp_path / "data/onebucket.db").exists()) == (2, False)
    assert "+ team acme\n" in would.out

    assert run("import", "peribolos", folder).code == 0
    assert run("import", "peribolos", folder, "--dry-run", "--exit-code").code == 0


def test_an_import_that_would_take_much_away_changes_nothing(run: Command, tmp_path: Path) -> None:
    text = "admins: [alice]\nteams: {crew: {repos: {a: %s, b: %s, c: %s, d: %s}}}"
    folder = written(tmp_path / "acme", {"org.yaml": text % (("write",) * 4)})
    assert run("import", "peribolos", folder).code == 0
    before = run("export").out
    written(tmp_path / "acme", {"org.yaml": text % (("none",) * 4)})

    done = run("import", "peribolos", folder)

    assert (done.code, done.out) == (1, "")
    assert "4 of the 9 things of acme" in done.err and "--max-removals 4\n" in done.err
    assert run("export").out == before
    assert run("import", "peribolos", folder, "--max-removals", 4).code == 0
