"""A real organisation at another server comes in whole, is mirrored, and stays within the host's limits."""

import os
import random
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import commands
import mirrored
import sizes
from checkout import TOP
from commands import Command
from mirrored import Mirrored
from onebucket.testing import Double
from onebucket.transfer import document, peribolos

REAL = TOP.parent / "shared" / "data" / "kubernetes-org"
# 1,144 people and 202 repositories, or 58 and 13.
NAME = "kubernetes-sigs" if sizes.IS_LONG else "etcd-io"
# Both sides of this one are compared person by person after each of many changes.
MIRRORED = os.environ.get("ONEBUCKET_MIRRORED") or ""
SMALL = MIRRORED or "etcd-io"
# Rounds of changes to both sides, and how many there are here and there in each. One that is named has as many as the
# contract of mirrors asks for.
SETTLINGS, HERE_AT_ONCE, THERE_AT_ONCE = (10, 100, 10) if MIRRORED else (sizes.either(quick=1, long=5), 50, 5)
# How likely each request is the last one of a mirror: rarer where runs are long, so that some get through.
KILLS = 0.0002 if MIRRORED else 0.001
# What Bitbucket Cloud lets a person send in an hour.
LIMIT = 1000

pytestmark = [
    pytest.mark.subprocess,
    pytest.mark.skipif(not REAL.is_dir(), reason=f"the real organisations are not beside the checkout ({REAL})"),
]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs commands in an empty folder."""
    return commands.runner(tmp_path, monkeypatch, capsys)


def test_right_after_its_import_nothing_differs_and_a_change_arrives(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [organization] = peribolos.read([REAL / NAME])
    seed = tmp_path / "seed.yaml"
    seed.write_text(document.write(peribolos.to_document(organization), "yaml"))
    with Double(seed=[seed]) as bitbucket:
        [team] = bitbucket.state()["teams"]
        [administrators] = [group for group in team["groups"] if group.get("account_privilege") == "admin"]
        names = [user["username"] for user in bitbucket.state()["users"]]
        outsider = next(name for name in names if name not in administrators["members"])
        token = bitbucket.api_token(administrators["members"][0])
        monkeypatch.setenv("BITBUCKET_USERNAME", token.username)
        monkeypatch.setenv("BITBUCKET_TOKEN", token.password)
        (tmp_path / "onebucket.toml").write_text(
            f'[mirror.cloud]\naccount = "{NAME}"\nworkspace = "{NAME}"\napi = "{bitbucket.url}"\nmode = "apply"\n'
            f'username = "{token.username}"\ntoken_env = "BITBUCKET_TOKEN"\n'
        )

        imported = command("import", "bitbucket", NAME, "--api", bitbucket.url)
        asked = len(bitbucket.requests)
        bitbucket.advance("61m")
        compared = command("mirror", "diff")
        compared_with = len(bitbucket.requests) - asked
        bitbucket.advance("61m")
        slug = team["repositories"][0]["slug"]
        given = f"teams: [{{username: {NAME}, repositories: [{{slug: {slug}, users: {{{outsider}: admin}}}}]}}]"
        command("apply", "-", "--yes", given=f"onebucket: 1\n{given}\n")
        carried = command("mirror", "run")
        there = {each["slug"]: each.get("users", {}) for each in bitbucket.state()["teams"][0]["repositories"]}

    assert imported.code == 0, imported
    assert (compared.code, compared.out) == (0, "nothing differs\n")
    assert asked < LIMIT
    assert compared_with < LIMIT
    assert carried.code == 0, carried
    assert there[slug] == {outsider: "admin"}


def test_after_random_changes_on_both_sides_everybody_may_do_there_what_they_may_do_here(
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    """Also while the host fails, and the mirror is killed; the small sizes of this are beside the mirror's tests."""
    [organization] = peribolos.read([REAL / SMALL])
    path = tmp_path / "seed.yaml"
    path.write_text(document.write(peribolos.to_document(organization), "yaml"))
    with Double(seed=[path]) as bitbucket:
        [administrators] = [each for each in bitbucket.state()["teams"][0]["groups"] if each.get("account_privilege")]
        everybody = {"name": "everybody", "members": [each["username"] for each in bitbucket.state()["users"]]}
        bitbucket.apply({"teams": [{"username": SMALL, "groups": [everybody]}]})
        service, boss = administrators["members"][:2]
        token = bitbucket.api_token(boss)
        monkeypatch.setenv("BITBUCKET_USERNAME", token.username)
        monkeypatch.setenv("BITBUCKET_TOKEN", token.password)
        assert command("import", "bitbucket", SMALL, "--api", bitbucket.url).code == 0
        chance = random.Random(0)
        with (
            mirrored.database(f"sqlite:///{tmp_path / 'onebucket.db'}") as db,
            closing(Mirrored(db, bitbucket, SMALL, service=service, boss=boss, chance=chance)) as both,
        ):
            both.trouble(0.2)
            ended = 0
            for settling in range(SETTLINGS):
                for _ in range(HERE_AT_ONCE):
                    both.change_here()
                for _ in range(THERE_AT_ONCE):
                    both.change_there()
                ended += both.settle(kills=KILLS, revoked=settling % 3 == 0)
                assert both.there() == both.here(), f"after settling {settling}"
            record_property("pairs of people and repositories", len(both.here()))
            record_property("requests", both.requests)
            record_property("runs that were ended", ended)
            record_property("people taken out of groups there", both.taken_out)
