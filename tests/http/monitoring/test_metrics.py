"""`/metrics` of several processes: what all have counted, also those that are no more."""

import os
import random
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

import live
import pg
from live import Live
from onebucket.http.monitoring.metrics import Metrics
from onebucket.http.monitoring.shared_metrics import MAX_NUMBERS, SharedMetrics
from pg import Postgres
from tests.http.execution.test_long_responses import filled
from tests.store.test_postgres import _workers

ASKED = 60
FIGURES = {"Authorization": "Bearer figures"}


def told(page: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every figure of a page, by its name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


# -- counting together ------------------------------------------------------------------------------


@pytest.mark.parametrize("processes", [1, 3])
def test_what_several_count_is_what_one_would_count(processes: int) -> None:
    chance, together = random.Random(processes), SharedMetrics(processes)
    one, several = Metrics(), [Metrics(together.for_process(number)) for number in range(processes)]
    kept = dict.fromkeys(range(processes), 0)
    for number, each in enumerate(several):
        each.watch("kept", "What is kept", lambda number=number: kept[number])
    one.watch("kept", "What is kept", lambda: sum(kept.values()))

    for _ in range(2000):
        number = chance.randrange(processes)
        key = chance.choice(["readGroup", "listGroups", ""]), chance.choice(["GET", "BREW"]), chance.choice([200, 404])
        seconds = chance.choice([0.001, 0.0011, 0.3, 10, 11, chance.random()])
        kept[number] += 1
        for each in (one, several[number]):
            each.counter(*key)(seconds)
    for each in several:
        each._counting._publish()

    for each in several:
        assert told(each.exposition().decode()) == pytest.approx(told(one.exposition().decode()))


def test_whoever_takes_the_place_of_another_goes_on_counting() -> None:
    together = SharedMetrics(2)
    before, other = Metrics(together.for_process(0)), Metrics(together.for_process(1))
    for each in (before, other):
        each.watch("grown", "What grows", lambda: 5)
        each.watch("held", "What is held", lambda: 5, grows=False)
        each.counter("readGroup", "GET", 200)(0.1)
        each.exposition()

    after = Metrics(together.for_process(0))
    after.watch("grown", "What grows", lambda: 1)
    after.watch("held", "What is held", lambda: 1, grows=False)
    after.counter("readGroup", "GET", 200)(0.1)
    page = after.exposition().decode()

    assert 'onebucket_requests_total{method="GET",route="readGroup",status="200"} 3.0' in page
    assert "grown 11.0" in page and "held 6.0" in page


def test_a_name_that_was_not_written_to_its_end_is_written_over() -> None:
    together = SharedMetrics(1)
    assert together.offset("one", 2) == 0
    end = together._end()
    together._names[end : end + 5] = b"3 hal"

    assert (together.offset("half", 3), together.offset("more", 1), together.offset("one", 2)) == (2, 5, 0)
    assert {name: len(numbers) for name, numbers in together.sums().items()} == {"one": 2, "half": 3, "more": 1}


def test_there_is_room_for_all_that_can_be_counted() -> None:
    from onebucket.http.monitoring.metrics import _METHODS
    from onebucket.http.wiring import SURFACES

    routes = 1 + sum(len(surface.routes) for surface in SURFACES)
    # Requests by method and status, and a histogram of fewer than 20 numbers.
    assert routes * ((len(_METHODS) + 1) * 20 + 20) < MAX_NUMBERS


# -- on a real server -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    found = pg.started()
    yield found
    found.close()


@pytest.mark.subprocess
def test_two_workers_tell_what_both_have_counted(server: Postgres, tmp_path: Path) -> None:
    url = server.url(server.create())
    filled(url).close()

    with Live(tmp_path, "--workers", "2", url=url, metrics_token="figures") as running:

        def figure(line: str) -> float:
            page = running(None, "GET", "/metrics", headers=FIGURES).text
            found = re.search(rf"^{re.escape(line)} (\S+)$", page, re.M)
            return float(found[1]) if found else 0.0

        def all_of_it() -> list[float]:
            return [figure(line) for line in lines]

        lines = [
            'onebucket_requests_total{method="GET",route="readGroup",status="200"}',
            'onebucket_request_seconds_count{route="readGroup"}',
            'onebucket_request_seconds_bucket{le="+Inf",route="readGroup"}',
            'onebucket_requests_total{method="PUT",route="addMember",status="200"}',
        ]
        # These are kept elsewhere, and told by each process now and then.
        grown = ["onebucket_answers_worked_out", "onebucket_changes", "onebucket_commits"]
        for number in range(ASKED):
            assert running("alice", "GET", f"/1.0/groups/acme/designers?limit={number}").status_code == 200
        for who in ("alice", "dora", "mallory", "gina"):
            running("alice", "PUT", f"/1.0/groups/acme/designers/members/{who}")
        expected = [ASKED, ASKED, ASKED, 4]
        live.wait_until(lambda: all_of_it() == expected)
        live.wait_until(lambda: figure("onebucket_answers_worked_out") >= ASKED and figure("onebucket_changes") >= 4)
        seen = [[figure(line) for line in grown]]

        # Whichever answers says the same, also when one has taken the place of another.
        assert [all_of_it() for _ in range(10)] == [expected] * 10
        killed = _workers(running)[0]
        os.kill(killed, signal.SIGKILL)
        # What comes to it before it is buried, it takes with it.
        live.wait_until(lambda: killed not in _workers(running) and len(_workers(running)) == 2)
        for _ in range(10):
            assert running("alice", "GET", "/1.0/groups/acme").status_code == 200
            seen.append([figure(line) for line in grown])
            assert all_of_it() == expected
        assert [sorted(each) for each in zip(*seen, strict=True)] == [[*each] for each in zip(*seen, strict=True)]
        assert figure("onebucket_letters_waiting") == 0
