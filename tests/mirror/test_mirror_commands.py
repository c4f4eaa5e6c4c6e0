"""`onebucket mirror`: what is decided here arrives at another server, which plays Bitbucket Cloud."""

import json
import os
import random
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

import live
import sizes
from commands import Command, Done
from mirroring import PEOPLE, REPOSITORIES, Configure, database_of, here, stored, there, until
from onebucket.actions import mirror_settings
from onebucket.cli import common
from onebucket.domain.mirror_settings import MirrorDefinition, SettingValue
from onebucket.domain.mirrors import DriftKind, MirrorState
from onebucket.store.connect import connect
from onebucket.testing import Double

pytestmark = pytest.mark.subprocess

LEVELS = ("none", "read", "write", "admin")


def test_right_after_an_import_nothing_differs(command: Command) -> None:
    # What dave has there is what he has here, whoever set it.
    assert command("mirror", "diff") == Done(0, "nothing differs\n", "")


def test_diff_tells_who_would_gain_and_lose_and_changes_nothing(command: Command, bitbucket: Double) -> None:
    here(command, "rocket", bob="write", carol="read")
    here(command, "probe", dave="none")

    with bitbucket.unchanged():
        told = command("mirror", "diff")
        as_json = command("mirror", "diff", "cloud", "--json")

    assert told.code == as_json.code == 2
    assert told.out.splitlines() == [
        "+ bob on rocket: none there, write here",
        "+ carol on rocket: none there, read here",
        "? dave on probe: read there, not set by the mirror",
        "2 to give, 0 to take away, 1 not set by the mirror",
    ]
    assert [each["user"] for each in as_json.json["differences"]] == ["bob", "carol"]


def test_run_carries_over_and_writes_the_journal_and_a_second_run_does_nothing(
    command: Command, bitbucket: Double
) -> None:
    here(command, "rocket", bob="write")

    first, second = command("mirror", "run"), command("mirror", "run")
    here(command, "rocket", bob="read")
    third = command("mirror", "run")
    here(command, "rocket", bob="none")
    fourth = command("mirror", "run")

    assert [each.code for each in (first, second, third, fourth)] == [0, 0, 0, 0]
    assert first.out == "+ bob on rocket: none there, write here\n1 carried over, 0 refused\n"
    assert second.out == "0 carried over, 0 refused\n"
    assert there(bitbucket)["rocket"] == {}
    journal = [json.loads(line) for line in command("journal", "--account", "acme", "--json").out.splitlines()]
    mirrored = [each for each in journal if each["event"].startswith("mirror.")]
    assert [(each["event"], (each["before"] or {})["permission"]) for each in mirrored] == [
        ("mirror.set", "none"),
        ("mirror.set", "write"),
        ("mirror.removed", "read"),
    ]
    changes = [
        f"{each['event']} by operator (entry {each['number']})" for each in journal if "privilege" in each["event"]
    ]
    assert mirrored[1]["after"] == {
        "mirror": "cloud", "user": "bob", "account_id": mirrored[1]["after"]["account_id"], "permission": "read",
        "because": changes[-2],
    }  # fmt: skip
    assert mirrored[2]["before"]["because"] == changes[-1]


def test_who_is_deleted_here_loses_what_the_mirror_had_set(command: Command, bitbucket: Double) -> None:
    here(command, "rocket", bob="write")
    command("mirror", "run")

    command("user", "delete", "bob", "--yes")
    told = command("mirror", "run")

    assert (told.code, told.out.splitlines()[-1]) == (0, "1 carried over, 0 refused")
    assert there(bitbucket)["rocket"] == {}


def test_groups_and_projects_here_become_permissions_of_people_there(command: Command, bitbucket: Double) -> None:
    document = {
        "onebucket": 1,
        "teams": [
            {
                "username": "acme",
                "groups": [{"name": "Developers", "members": ["bob", "erin"]}],
                "projects": [{"key": "OPS", "repositories": ["site"], "privileges": {"developers": "create-repo"}}],
                "repositories": [{"slug": "rocket", "privileges": {"developers": "read"}, "users": {"erin": "admin"}}],
            }
        ],
    }
    command("apply", "-", "--yes", given=json.dumps(document))

    assert command("mirror", "run").code == 0

    assert there(bitbucket) == {
        "probe": {"dave": "read"},
        "rocket": {"bob": "read", "erin": "admin"},
        "site": {"bob": "write", "erin": "write"},
    }


def test_a_run_stores_what_still_differs(command: Command, bitbucket: Double, tmp_path: Path) -> None:
    here(command, "rocket", bob="write", carol="read")
    here(command, "probe", dave="none")
    bitbucket.fail("PUT", "/2.0/repositories/acme/rocket/*", status=404, times=1)

    command("mirror", "run")
    status, drift = stored(database_of(tmp_path))
    command("mirror", "run")
    later, later_drift = stored(database_of(tmp_path))

    assert [(each.kind.value, each.name, each.repository) for each in drift] == [
        ("difference", "bob", "rocket"),
        ("foreign", "dave", "probe"),
    ]
    assert "answers 404" in drift[0].refused
    assert (status.counts.differences, status.counts.foreign, status.carried) == (1, 1, 1)
    assert status.requests > 10
    assert [each.name for each in later_drift] == ["dave"]
    assert (later.counts.differences, later.carried, later.state) == (0, 2, MirrorState.RUNNING)


def test_take_over_removes_what_the_mirror_did_not_set(
    command: Command, bitbucket: Double, configure: Configure
) -> None:
    here(command, "probe", dave="none")

    left = command("mirror", "run")
    kept = there(bitbucket)["probe"]
    configure(take_over="on")
    taken = command("mirror", "run")

    assert (left.code, kept) == (2, {"dave": "read"})
    assert (taken.code, there(bitbucket)["probe"]) == (0, {})


def test_more_removals_than_allowed_change_nothing(command: Command, bitbucket: Double, configure: Configure) -> None:
    here(command, "rocket", **dict.fromkeys(PEOPLE, "write"))
    command("mirror", "run")
    here(command, "rocket", **dict.fromkeys(PEOPLE, "none"))
    configure(max_removals="10%")

    with bitbucket.unchanged():
        done = command("mirror", "run")

    assert done.code == 1
    assert (
        "4 of 5 permissions there would be lowered or removed, and max_removals is 10%: nothing was changed" in done.err
    )


def test_what_is_never_touched_stays(command: Command, bitbucket: Double, configure: Configure) -> None:
    configure(never_touch=["erin", "si*"], repositories=["r*", "s*"], take_over=True)
    for slug in REPOSITORIES:
        here(command, slug, bob="write", erin="write")

    assert command("mirror", "run").code == 0

    assert there(bitbucket) == {"probe": {"dave": "read"}, "rocket": {"bob": "write"}, "site": {}}


def test_owners_there_are_left_alone_the_mirror_among_them(
    command: Command, bitbucket: Double, configure: Configure
) -> None:
    here(command, "rocket", alice="read", service="read")

    assert command("mirror", "diff") == Done(0, "nothing differs\n", "")

    # Even if they administer the account no more, and everything there is taken over.
    configure(take_over="on", groups="on")
    given = {"slug": "rocket", "users": {"alice": "admin", "service": "admin", "bob": "admin"}}
    bitbucket.apply({"onebucket": 1, "teams": [{"username": "acme", "repositories": [given]}]})
    document = command("export", "acme", "--format", "json").json
    [administrators] = [each for each in document["teams"][0]["groups"] if each.get("account_privilege") == "admin"]
    administrators["members"] = ["erin"]
    done = command("apply", "-", "--yes", "--prune", "--max-removals", "100%", given=json.dumps(document))
    assert (done.code, command("mirror", "run").code) == (0, 0), done
    assert there(bitbucket)["rocket"] == {"alice": "admin", "service": "admin", "erin": "admin"}


def test_a_repository_that_is_not_here_is_left_alone(command: Command, bitbucket: Double, configure: Configure) -> None:
    configure(take_over=True)
    new = {"slug": "new", "users": {"bob": "write"}}
    bitbucket.apply({"onebucket": 1, "teams": [{"username": "acme", "repositories": [new]}]})

    assert command("mirror", "run").code == 0

    assert there(bitbucket)["new"] == {"bob": "write"}


def test_people_who_are_no_members_there_are_named(command: Command, tmp_path: Path) -> None:
    document = {"onebucket": 1, "users": [{"username": "zoe"}]}
    command("apply", "-", "--yes", given=json.dumps(document))
    here(command, "rocket", zoe="read")

    assert "! zoe is not a member there" in command("mirror", "diff").out
    command("mirror", "run")
    _, drift = stored(database_of(tmp_path))
    assert [each.name for each in drift if each.kind is DriftKind.STRANGER] == ["zoe"]


def test_one_that_the_host_refuses_does_not_keep_the_others(command: Command, bitbucket: Double) -> None:
    here(command, "probe", bob="write")
    here(command, "rocket", bob="write")
    bitbucket.fail("PUT", "/2.0/repositories/acme/probe/*", status=404)

    done = command("mirror", "run")

    assert done.code == 2
    assert done.err.startswith("refused: bob on probe: PUT /2.0/repositories/acme/probe/")
    assert there(bitbucket)["rocket"] == {"bob": "write"}


def test_a_refused_credential_stops_it_with_a_sentence(command: Command, bitbucket: Double) -> None:
    here(command, "rocket", bob="write")
    bitbucket.fail("PUT", "/2.0/*", status=401)

    done = command("mirror", "run")

    assert (done.code, done.err.startswith("onebucket: the credential is refused")) == (1, True)


def test_what_was_set_before_a_stop_is_still_the_mirrors_own(command: Command, bitbucket: Double) -> None:
    here(command, "rocket", bob="write")
    # The host sets it, and its response is lost: as if the mirror had been killed then.
    bitbucket.fail("PUT", "/2.0/*", after_commit=401)
    assert command("mirror", "run").code == 1
    bitbucket.heal()
    assert there(bitbucket)["rocket"] == {"bob": "write"}
    here(command, "rocket", bob="none")

    assert command("mirror", "run").code == 0

    assert there(bitbucket)["rocket"] == {}


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"account": None}, "[mirror.cloud] needs account"),
        ({"workspace": ""}, "[mirror.cloud] needs workspace"),
        ({"token_env": None}, "needs token_file or token_env: the credential itself is never in this file"),
        ({"token_file": "x"}, "needs token_file or token_env"),
        ({"token_file": "none", "token_env": None}, "can't read none: No such file or directory"),
        ({"token_env": "NOWHERE"}, "there is no API token in the environment variable NOWHERE"),
        ({"mode": "write"}, "mode is report or apply"),
        ({"api": "nonsense"}, "api is not a URL"),
        ({"max_removals": "many"}, "'many' is neither a number nor a percentage"),
        ({"repositories": "rocket"}, "repositories must be a list of strings"),
        ({"take_over": "yes"}, "take_over is on or off"),
        ({"requests_per_hour": 0}, "requests_per_hour is a number from 1"),
        ({"max_split": -1}, "max_split is a number from 0"),
        ({"tokn": "x"}, "[mirror.cloud] has no setting tokn"),
        ({"account": "nowhere"}, "nowhere"),
        ({"workspace": "nowhere"}, "answers 404"),
        ({"username": "mallory"}, "the credential is refused"),
    ],
)
def test_wrong_settings_are_told_in_a_sentence(
    command: Command, configure: Configure, settings: dict[str, object], sentence: str
) -> None:
    configure(**settings)

    done = command("mirror", "diff")

    assert (done.code, sentence in done.err) == (1, True), done
    assert len(done.err.splitlines()) == 1


def test_two_mirrors_of_one_workspace_are_refused(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "onebucket.toml"
    text = path.read_text().replace("127.0.0.1", "localhost")
    other = text.replace("mirror.cloud", "mirror.other").replace("localhost", "LocalHost")
    path.write_text(text + other.replace('"acme"', '"ACME"'))

    assert "both mirror to ACME, and would undo each other's changes" in command("mirror", "list").err


def test_mirrors_are_listed_and_a_report_changes_nothing(
    command: Command, bitbucket: Double, configure: Configure
) -> None:
    configure(mode="report")
    here(command, "rocket", bob="write")

    listed = command("mirror", "list").out.splitlines()
    with bitbucket.unchanged():
        done = command("mirror", "run")

    assert listed[1].split() == ["cloud", "acme", "acme", "at", bitbucket.url, "report,", "from", "onebucket.toml"]
    assert (done.code, "has the mode report, and changes nothing" in done.err) == (1, True)


def test_what_its_page_sets_comes_before_the_file(
    command: Command, bitbucket: Double, configure: Configure, tmp_path: Path
) -> None:
    configure(mode="report")
    definition = MirrorDefinition("cloud", "acme", "acme", bitbucket.url, {"mode": "report"})
    with closing(connect(database_of(tmp_path))) as database, database.writing() as tx:
        on_page: dict[str, SettingValue] = {"mode": "apply", "never_touch": ("carol",)}
        mirror_settings.change(common.work(tx), "acme", definition, on_page)
    here(command, "rocket", bob="write", carol="write")

    done = command("mirror", "run")

    assert (done.code, there(bitbucket)["rocket"]) == (0, {"bob": "write"})
    assert "apply, set on its page by operator" in command("mirror", "list").out
    told = command("mirror", "status").out.splitlines()
    assert "  mode is apply, set on its page by operator" in told
    assert "  max_removals is 100%, from onebucket.toml" in told
    [as_json] = command("mirror", "status", "--json").json
    assert as_json["settings"]["never_touch"] == {"value": ["carol"], "source": "set on its page by operator"}


def test_a_mirror_that_is_no_longer_in_the_file_is_named_until_it_is_forgotten(
    command: Command, bitbucket: Double, tmp_path: Path
) -> None:
    here(command, "rocket", bob="write")
    command("mirror", "run")
    refused = command("mirror", "forget", "cloud")
    table = (tmp_path / "onebucket.toml").read_text()
    (tmp_path / "onebucket.toml").write_text("")

    listed, checked = command("mirror", "list", "--json").json, command("doctor").out
    with bitbucket.unchanged():
        done = command("mirror", "forget", "cloud")
    again = command("mirror", "forget", "cloud")
    journal = command("journal", "--account", "acme", "--json").out.splitlines()
    (tmp_path / "onebucket.toml").write_text(table)
    here(command, "rocket", bob="none")

    assert refused.err.endswith("onebucket.toml: take its table out of it first\n")
    assert [(each["name"], each["account"], each["configured"]) for each in listed] == [("cloud", "acme", False)]
    assert "WRONG  the mirror cloud of acme is no longer in onebucket.toml" in checked
    assert done.out == "forgot cloud of acme; what it has set at the host stays there\n"
    assert "there is no mirror 'cloud' that is to be forgotten" in again.err
    assert "no longer in onebucket.toml" not in command("doctor").out
    assert json.loads(journal[-1])["before"] == {"workspace": "acme", "api": bitbucket.url, "set_there": 1}
    # What it had set is somebody else's now.
    assert "? bob on rocket: write there, not set by the mirror" in command("mirror", "diff").out


def test_without_a_mirror_the_file_is_named(command: Command, tmp_path: Path) -> None:
    (tmp_path / "onebucket.toml").unlink()

    assert "has no table such as [mirror.cloud]" in command("mirror", "diff").err


@pytest.mark.parametrize("seed", range(sizes.examples(10)))
def test_after_random_changes_on_both_sides_they_agree_again(
    command: Command, bitbucket: Double, configure: Configure, seed: int
) -> None:
    """Also while the host is busy, fails, and does what it doesn't answer. A mirror that forgets removals wouldn't."""
    configure(take_over=True)
    chance = random.Random(seed)
    bitbucket.fail("PUT", "/2.0/*", after_commit=500, probability=0.2)
    bitbucket.fail("", "/2.0/*", status=429, headers={"Retry-After": "0"}, probability=0.1)
    for _ in range(4):
        wanted = {slug: {name: chance.choice(LEVELS) for name in PEOPLE} for slug in REPOSITORIES}
        for slug, people in wanted.items():
            here(command, slug, **people)
        name, slug = chance.choice(PEOPLE), chance.choice(REPOSITORIES)
        drift = {"slug": slug, "users": {name: chance.choice(LEVELS[1:])}}
        bitbucket.apply({"onebucket": 1, "teams": [{"username": "acme", "repositories": [drift]}]})

        assert command("mirror", "run").code == 0

        assert there(bitbucket) == {
            slug: {name: level for name, level in people.items() if level != "none"} for slug, people in wanted.items()
        }
        assert command("mirror", "diff") == Done(0, "nothing differs\n", "")


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_follow_carries_changes_over_until_it_is_stopped(
    command: Command, bitbucket: Double, tmp_path: Path, stop: signal.Signals
) -> None:
    environment = {**os.environ, "ONEBUCKET_DATA": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    line = [*live.COMMAND, "mirror", "follow"]
    with subprocess.Popen(line, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None
        started = follower.stdout.readline()
        here(command, "rocket", bob="write")
        given = follower.stdout.readline()
        here(command, "rocket", bob="none")
        taken = follower.stdout.readline()
        follower.send_signal(stop)
        try:
            code = follower.wait(30)
        finally:
            follower.kill()

    assert started == "compared 1 permissions there; nothing differs\n"
    assert given == "+ bob on rocket: none there, write here\n"
    assert taken == "- bob on rocket: write there, none here\n"
    assert (code, there(bitbucket)["rocket"]) == (0, {})
    # The host's lists were read once.
    assert len([each for each in bitbucket.requests if each.path == "/2.0/workspaces/acme/permissions"]) == 2


@pytest.fixture
def follower(command: Command, tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts `mirror follow`."""
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        environment = {**os.environ, "ONEBUCKET_DATA": str(tmp_path), "PYTHONUNBUFFERED": "1"}
        line = [*live.COMMAND, "mirror", "follow"]
        started.append(subprocess.Popen(line, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.communicate()


def test_follow_stops_when_the_credential_is_revoked_and_goes_on_when_it_is_resumed(
    command: Command,
    bitbucket: Double,
    tmp_path: Path,
    follower: Callable[[], subprocess.Popen[str]],
) -> None:
    here(command, "rocket", bob="write")
    bitbucket.fail("PUT", "/2.0/*", status=401)
    follower()
    until(database_of(tmp_path), lambda status: status.state is MirrorState.STOPPED)
    told = command("mirror", "status")
    asked = len(bitbucket.requests)
    bitbucket.heal()
    here(command, "rocket", carol="read")
    resumed = command("mirror", "resume")
    until(database_of(tmp_path), lambda status: status.carried == 2)

    assert told.code == 2
    assert told.out.startswith(f"cloud: stopped; acme to acme at {bitbucket.url}\n  the credential is refused")
    assert "  followed by mirror follow on " in told.out
    assert (resumed.code, "goes on with it" in resumed.out) == (0, True)
    assert there(bitbucket)["rocket"] == {"bob": "write", "carol": "read"}
    assert asked < len(bitbucket.requests)
    stops = [line for line in command("journal", "--account", "acme").out.splitlines() if "mirror.stopped" in line]
    assert len(stops) == 1


def test_two_processes_never_run_one_mirror_and_a_killed_one_blocks_it_only_for_a_while(
    command: Command,
    bitbucket: Double,
    tmp_path: Path,
    follower: Callable[[], subprocess.Popen[str]],
) -> None:
    first = follower()
    until(database_of(tmp_path), lambda status: status.last_compared_at is not None)
    second = follower()
    assert second.stderr is not None
    told = second.stderr.readline()
    refused = command("mirror", "run")
    first.kill()
    # As if the time had passed in which the first one would have been heard of.
    with closing(sqlite3.connect(tmp_path / "onebucket.db")) as database, database:
        database.execute("UPDATE mirrors SET held_until = 1")
    here(command, "rocket", bob="write")
    after = until(database_of(tmp_path), lambda status: status.carried == 1)

    assert told.startswith("waiting: it is followed by mirror follow on ")
    assert (refused.code, "cloud is followed by mirror follow on " in refused.err) == (1, True)
    assert f"process {second.pid}," in after.holder


def test_a_paused_mirror_carries_nothing(command: Command, bitbucket: Double) -> None:
    here(command, "rocket", bob="write")

    paused = command("mirror", "pause")
    with bitbucket.unchanged():
        refused = command("mirror", "run")
    status = command("mirror", "status", "--json")
    resumed = command("mirror", "resume")
    done = command("mirror", "run")

    assert paused.out == "cloud is paused; `mirror resume` lets it go on\n"
    assert (refused.code, refused.err) == (
        1, "onebucket: cloud was paused by operator; `mirror resume` ends that\n",
    )  # fmt: skip
    assert (status.code, status.json[0]["state"], status.json[0]["paused_by"]) == (0, "paused", "operator")
    assert "no process follows it now" in resumed.out
    assert done.out.endswith("1 carried over, 0 refused\n")


def test_more_removals_than_allowed_ask_and_are_allowed_once(
    command: Command, bitbucket: Double, configure: Configure
) -> None:
    here(command, "rocket", **dict.fromkeys(PEOPLE, "write"))
    command("mirror", "run")
    here(command, "rocket", **dict.fromkeys(PEOPLE, "none"))
    configure(max_removals="10%")
    command("mirror", "run")
    asks = command("mirror", "status")
    few = (command("mirror", "resume", "--removals", "3"), command("mirror", "run"))[1]
    enough = (command("mirror", "resume", "--removals", "4"), command("mirror", "run"))[1]
    status = command("mirror", "status")

    assert asks.code == 2
    assert asks.out.splitlines()[0].startswith("cloud: asks; ")
    assert "nothing was changed; 4 would allow it" in asks.out
    assert "4 to take away" in asks.out
    assert (few.code, enough.out) == (1, "".join(f"- {name} on rocket: write there, none here\n" for name in PEOPLE)
                                      + "4 carried over, 0 refused\n")  # fmt: skip
    assert (status.code, "nothing differs" in status.out) == (0, True)


def test_the_status_of_a_new_mirror_and_of_drift(command: Command) -> None:
    new = command("mirror", "status", "cloud")
    here(command, "probe", dave="none")
    command("mirror", "run")
    drift = command("mirror", "status")

    assert new.code == 0
    assert new.out.splitlines()[0].startswith("cloud: never run; acme to acme at ")
    assert (drift.code, "  1 not set by the mirror\n" in drift.out) == (2, True)
