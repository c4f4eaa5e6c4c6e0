"""Mirrors in a browser: how each is doing and what to do, what differs, pausing and resuming, and its settings."""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import cast
import mirroring
from browsing import Page, Visitor
from cast import Api
from onebucket.actions import mirror_settings, mirrors
from onebucket.actions.mirrors import RunTotals
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.mirror_settings import MirrorDefinition
from onebucket.domain.mirrors import Drift, DriftCounts, DriftKind, MirrorFailure, MirrorState
from onebucket.domain.privileges import Level

MIRRORS = "/accounts/acme/mirrors"
CLOUD = f"{MIRRORS}/cloud"
SETTINGS = f"{CLOUD}/settings"
DEFINED = MirrorDefinition("cloud", "acme", "acme-inc", "https://api.example.com", {"never_touch": ("bot-*",)})

# bob gains, dora loses, zoe is no member there, and mallory was given something there beside the mirror.
DRIFT = (
    Drift(DriftKind.DIFFERENCE, "rocket", "70121:b", "bob", Level.WRITE, Level.NONE, Level.WRITE),
    Drift(DriftKind.DIFFERENCE, "website", "70121:b", "bob", Level.WRITE, Level.NONE, Level.WRITE),
    Drift(DriftKind.DIFFERENCE, "rocket", "70121:d", "dora", Level.READ, Level.ADMIN, Level.READ, "the plan is full"),
    Drift(DriftKind.STRANGER, "", "zoe", "zoe", Level.NONE, Level.NONE, Level.NONE),
    Drift(DriftKind.FOREIGN, "website", "70121:m", "mallory", Level.NONE, Level.READ, Level.NONE),
)


@pytest.fixture
def api(cast_template: Path, tmp_path: Path) -> Iterator[Api]:
    """A server whose onebucket.toml has a mirror of acme."""
    served = Api(cast.copy(cast_template, tmp_path), mirrors=[DEFINED])
    yield served
    served.close()


@pytest.fixture
def alice(api: Api) -> Iterator[Visitor]:
    """The browser of alice, who administers acme."""
    with Visitor(api, "alice") as opened:
        yield opened


def compared(api: Api, drift: Iterable[Drift] = DRIFT) -> None:
    """Let a process follow the mirror, and find that."""
    found = [*drift]
    of_kind = {kind: [each for each in found if each.kind is kind] for kind in DriftKind}
    changes = of_kind[DriftKind.DIFFERENCE]
    counts = DriftCounts(
        differences=len(changes), removals=sum(each.here < each.there for each in changes),
        foreign=len(of_kind[DriftKind.FOREIGN]), inherited=len(of_kind[DriftKind.INHERITED]),
        strangers=len(of_kind[DriftKind.STRANGER]), compared=7,
    )  # fmt: skip

    def run(work: UnitOfWork) -> None:
        status = mirroring.register(work)
        mirrors.hold(work, status, holder="web-1")
        done = replace(
            status, outcome=MirrorState.RUNNING, last_run_at=work.at, last_compared_at=work.at, counts=counts
        )
        mirrors.record(work, done, gone=(), new=found, totals=RunTotals(3, 20, 0))

    api.operate(run)


def words(text: str) -> str:
    return " ".join(text.split())


def mode(api: Api) -> object:
    found = api.operate(lambda work: mirror_settings.effective(work, "acme", DEFINED))
    return {each.name: each.value for each in found}["mode"]


def test_an_account_without_a_mirror_is_told_how_to_set_one_up(alice: Visitor) -> None:
    assert MIRRORS in alice.open("/accounts/acme").linked
    own = alice.open("/accounts/alice/mirrors")

    assert "The operator of the server sets one up in onebucket.toml" in words(own.text)
    assert "/accounts/alice/mirrors" not in alice.open("/accounts/alice").linked


def test_the_page_says_how_it_is_doing_what_differs_and_who_gains_and_loses(api: Api, alice: Visitor) -> None:
    before = alice.open(CLOUD)
    compared(api)
    listed, page = alice.open(MIRRORS), alice.open(CLOUD)

    assert "– never run" in before.text
    assert "onebucket mirror follow cloud" in before.text
    assert "✓ running" in listed.text
    text = words(page.text)
    assert "2 to give, 1 to take away: only reported, because the mode is report" in text
    assert "1 not set by the mirror, and so left alone. To take them over, set take_over to on" in text
    assert "1 person has access here, but is not in the workspace there: invite them there (zoe)" in text
    assert "1 person gains, 1 loses access when the differences are carried over" in text
    assert "dora on rocket: the plan is full" in text
    assert "Followed byweb-1" in text.replace("Followed by web-1", "Followed byweb-1")


def test_the_differences_are_a_table_of_people_and_repositories_and_csv(api: Api, alice: Visitor) -> None:
    group = [
        Drift(DriftKind.INHERITED, slug, f"70121:{number}", f"user-{number:02}", Level.READ, Level.WRITE, Level.NONE)
        for number in range(40)
        for slug in ("one", "two", "three")
    ]
    formula = Drift(DriftKind.STRANGER, "", "=1+1", "=1+1", Level.NONE, Level.NONE, Level.NONE)
    compared(api, (*DRIFT, formula, *group))

    page = alice.open(f"{CLOUD}/differences")
    found = alice.open(f"{CLOUD}/differences?people=user-39&kind=inherited")
    lines = [*csv.reader(io.StringIO(alice.ask("GET", f"{CLOUD}/differences?format=csv").text))]

    text = words(page.text)
    # 40 people with the same differences on three repositories are one cell.
    assert "user-00and 39 more" in text.replace("user-00 and", "user-00and")
    assert text.count("= write → read") == 1
    assert ("+ none → write" in text, "− admin → read refused" in text, "? read → none" in text) == (True, True, True)
    assert "1–4 of 4" in text
    assert "1–1 of 1" in words(found.text)
    assert lines[0] == ["person", "account_id", "repository", "there", "here", "kind", "refused"]
    assert ["dora", "70121:d", "rocket", "admin", "read", "difference", "the plan is full"] in lines
    assert [line[:2] for line in lines if "=1+1" in line[0]] == [["'=1+1", "'=1+1"]]
    assert len(lines) == 2 + len(DRIFT) + len(group)


def test_it_is_paused_and_resumed_and_asks_before_it_takes_much_away(api: Api, alice: Visitor) -> None:
    compared(api)
    paused = alice.send(alice.open(CLOUD), f"{CLOUD}/pause")
    resumed = alice.send(paused, f"{CLOUD}/resume")

    def asks(work: UnitOfWork) -> None:
        failure = MirrorFailure("1 of 2 permissions would be lowered or removed", work.at, work.at)
        asking = replace(mirroring.register(work), outcome=MirrorState.ASKS, failure=failure)
        mirrors.record(work, asking, gone=(), new=(), totals=RunTotals())

    api.operate(asks)
    asking = alice.open(CLOUD)
    [allow] = [each for each in asking.forms if each.button == "Allow 1 removal once"]
    allowed = Page(alice.ask("POST", allow.action, data=allow.values, follow_redirects=True))

    assert ("‖ paused since" in words(paused.text), "by alice" in paused.text) == (True, True)
    assert "✓ running" in resumed.text
    assert "1 of 2 permissions would be lowered or removed." in asking.text
    assert allowed.path == CLOUD
    assert api.operate(lambda work: mirrors.state_of(work, "acme", "cloud")).allowed_removals == 1


def test_settings_are_previewed_saved_and_given_back_to_the_file(api: Api, alice: Visitor) -> None:
    compared(api)
    preview = alice.send(alice.open(SETTINGS), SETTINGS, mode="apply", take_over="on", never_touch="bot-*\ndora")
    unsaved = mode(api)
    saved = alice.send(preview, SETTINGS)
    saved_mode = mode(api)
    forgotten = alice.send(alice.open(SETTINGS), f"{SETTINGS}/forget")

    # dora is left alone from then on; what mallory has is taken over.
    assert "1 person gains, 1 loses access with these settings, there. Nothing has changed yet." in words(preview.text)
    assert "mallory" in preview.text
    assert (unsaved, saved.path, saved_mode) == ("report", CLOUD, "apply")
    assert "applyset on its page by alice" in words(saved.text).replace("apply set", "applyset")
    assert "from onebucket.toml" in words(forgotten.text)
    assert "set on its page" not in forgotten.text
    assert [event for _, event, _, subject in api.journal() if subject == "cloud"] == ["mirror.configured"] * 2


def test_what_will_not_do_is_said_beside_its_field(api: Api, alice: Visitor) -> None:
    told = alice.send(alice.open(SETTINGS), SETTINGS, max_removals="many", mode="apply")
    # No form has such a field.
    token = alice.open(SETTINGS).inputs["form_token"]["value"] or ""
    fields = {"form_token": token, "api": "https://evil.example", "username": "eve", "confirmed": "yes"}
    alice.ask("POST", SETTINGS, data=fields)

    assert told.status == 400
    assert "Max_removals: 'many' is neither a number nor a percentage like 25%." in told.text
    assert told.form(SETTINGS).values["max_removals"] == "many"
    assert mode(api) == "report"
    assert "evil" not in alice.open(CLOUD).text


def test_a_page_takes_few_statements(api: Api, alice: Visitor) -> None:
    compared(api)
    for path in (MIRRORS, CLOUD, f"{CLOUD}/differences", SETTINGS):
        counted: list[str] = []
        with api.db.reading() as tx:
            tx.connection.set_trace_callback(counted.append)
        assert alice.open(path).status == 200
        with api.db.reading() as tx:
            tx.connection.set_trace_callback(None)
        statements = [each for each in counted if each.lstrip().startswith("SELECT")]
        assert len(statements) <= 8, (path, statements)
