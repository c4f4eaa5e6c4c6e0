"""Instants as the API writes them: UTC, and the clock on an Amsterdam wall."""

import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from checkout import TOP
from onebucket.wire import times

SPRING = datetime(2026, 3, 29, 1, tzinfo=UTC)  # the clock goes from 02:00 to 03:00
AUTUMN = datetime(2026, 10, 25, 1, tzinfo=UTC)  # the clock goes from 03:00 back to 02:00


def instants() -> st.SearchStrategy[datetime]:
    return st.datetimes(datetime(1970, 1, 1), datetime(2100, 12, 31), timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("instant", "utc", "plain", "iso"),
    [
        # winter, summer
        ("2026-03-04T09:15:09", "2026-03-04 09:15:09+00:00", "2026-03-04 10:15:09", "2026-03-04T10:15:09.000"),
        ("2026-07-04T09:15:09", "2026-07-04 09:15:09+00:00", "2026-07-04 11:15:09", "2026-07-04T11:15:09.000"),
        # the first second of summer time, and the last before it
        ("2026-03-29T00:59:59", "2026-03-29 00:59:59+00:00", "2026-03-29 01:59:59", "2026-03-29T01:59:59.000"),
        ("2026-03-29T01:00:00", "2026-03-29 01:00:00+00:00", "2026-03-29 03:00:00", "2026-03-29T03:00:00.000"),
        # the repeated hour, both times
        ("2026-10-25T00:30:00", "2026-10-25 00:30:00+00:00", "2026-10-25 02:30:00", "2026-10-25T02:30:00.000"),
        ("2026-10-25T01:30:00", "2026-10-25 01:30:00+00:00", "2026-10-25 02:30:00", "2026-10-25T02:30:00.000"),
        # midnight is another day, New Year another year
        ("2026-12-31T23:00:00", "2026-12-31 23:00:00+00:00", "2027-01-01 00:00:00", "2027-01-01T00:00:00.000"),
        # a fraction is cut off, never rounded
        ("2026-03-04T09:15:09.999999", "2026-03-04 09:15:09+00:00", "2026-03-04 10:15:09", "2026-03-04T10:15:09.999"),
        ("2026-03-04T09:15:09.001999", "2026-03-04 09:15:09+00:00", "2026-03-04 10:15:09", "2026-03-04T10:15:09.001"),
        # before the Dutch had summer time, and after the last year that zone data spell out
        ("1970-07-01T00:00:00", "1970-07-01 00:00:00+00:00", "1970-07-01 01:00:00", "1970-07-01T01:00:00.000"),
        ("2100-07-01T00:00:00", "2100-07-01 00:00:00+00:00", "2100-07-01 02:00:00", "2100-07-01T02:00:00.000"),
    ],
)
def test_an_instant_is_written_in_utc_and_as_amsterdam_saw_it(instant: str, utc: str, plain: str, iso: str) -> None:
    at = datetime.fromisoformat(instant).replace(tzinfo=UTC)

    written = (times.utc(at), times.amsterdam(at), times.amsterdam(at, "plain"), times.amsterdam(at, "iso"))

    assert written == (utc, plain, plain, iso)


@given(instants())
@example(SPRING)
@example(AUTUMN)
def test_twins_differ_by_exactly_one_or_two_hours(at: datetime) -> None:
    there = datetime.fromisoformat(times.utc(at))
    here = datetime.fromisoformat(times.amsterdam(at)).replace(tzinfo=UTC)

    assert here - there in (timedelta(hours=1), timedelta(hours=2))
    assert there == at.replace(microsecond=0)


@given(instants())
@example(datetime(2026, 3, 4, 9, 15, 9, 999_999, tzinfo=UTC))
def test_the_iso_style_is_the_plain_one_with_milliseconds(at: datetime) -> None:
    plain, iso = times.amsterdam(at), times.amsterdam(at, "iso")

    assert iso == f"{plain.replace(' ', 'T')}.{at.microsecond // 1000:03}"


def test_the_hour_that_summer_time_skips_never_appears() -> None:
    day = [SPRING.replace(hour=0) + timedelta(minutes=minute) for minute in range(24 * 60)]

    hours = {times.amsterdam(at)[:13] for at in day}

    assert "2026-03-29 02" not in hours
    assert {"2026-03-29 01", "2026-03-29 03"} <= hours


def test_the_hour_that_winter_time_repeats_appears_twice() -> None:
    day = [AUTUMN.replace(hour=0) + timedelta(minutes=minute) for minute in range(12 * 60)]

    minutes = Counter(times.amsterdam(at)[:13] for at in day)

    assert minutes["2026-10-25 02"] == 120
    assert minutes["2026-10-25 03"] == 60


@pytest.mark.parametrize("offset", [timezone(timedelta(hours=-8)), timezone(timedelta(hours=5, minutes=45))])
def test_an_instant_with_another_offset_is_the_same_instant(offset: timezone) -> None:
    at = datetime(2026, 3, 4, 9, 15, 9, tzinfo=UTC)

    assert times.utc(at.astimezone(offset)) == times.utc(at)
    assert times.amsterdam(at.astimezone(offset)) == times.amsterdam(at)


def test_no_instant_is_no_time_in_both() -> None:
    assert [times.utc(None), times.amsterdam(None), times.amsterdam(None, "iso")] == [None, None, None]


@pytest.mark.parametrize("write", [times.utc, times.amsterdam])
def test_an_instant_without_a_zone_is_refused(write) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="without a zone"):
        write(datetime(2026, 3, 4, 9, 15, 9))


@pytest.mark.parametrize("instant", [None, SPRING])
def test_an_unknown_style_is_refused(instant: datetime | None) -> None:
    with pytest.raises(ValueError, match="no style of time: 'ISO'"):
        times.amsterdam(instant, "ISO")


@pytest.mark.parametrize("host_has", ["nothing", "another Amsterdam"])
@pytest.mark.subprocess
def test_the_zone_comes_with_the_project_whatever_the_host_has(host_has: str, tmp_path: Path) -> None:
    if host_has == "another Amsterdam":
        (tmp_path / "Europe").mkdir()
        tokyo = resources.files("tzdata").joinpath("zoneinfo/Asia/Tokyo").read_bytes()
        (tmp_path / "Europe" / "Amsterdam").write_bytes(tokyo)
    script = "import datetime, zoneinfo; from onebucket.wire import times; assert zoneinfo.TZPATH == (TMP,); "
    script += "print(times.amsterdam(datetime.datetime(2026, 7, 1, tzinfo=datetime.UTC)))"

    told = subprocess.run(
        [sys.executable, "-c", script.replace("TMP", repr(str(tmp_path)))],
        env=os.environ | {"PYTHONTZPATH": str(tmp_path), "TZ": "Asia/Tokyo", "PYTHONPATH": "src"},
        cwd=TOP,
        capture_output=True,
        check=True,
        text=True,
    )

    assert told.stdout == "2026-07-01 02:00:00\n"
