"""The pytest plugin: the fixtures `bitbucket` and `bitbucket_session`."""

import json
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from onebucket.testing.client import Double

_SHOWN = 20


@pytest.fixture(scope="session")
def bitbucket_session() -> Iterator["Double"]:
    """A double that is started once for this process (with xdist: each worker has its own) and never reset."""
    from onebucket.testing.client import Double

    with Double() as double:
        yield double


@pytest.fixture
def bitbucket(bitbucket_session: "Double") -> "Double":
    """A double of Bitbucket, empty at the start of each test."""
    bitbucket_session.reset()
    return bitbucket_session


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: "pytest.CallInfo[None]"
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the last requests of a test that has failed."""
    report = yield
    arguments: dict[str, Any] = getattr(item, "funcargs", {})
    double = arguments.get("bitbucket") or arguments.get("bitbucket_session")
    if call.when == "call" and report.failed and double is not None:
        report.sections.extend(_sections(double))
    return report


def _sections(double: "Double") -> list[tuple[str, str]]:
    """Return what a failed test is to show: the last requests, and the faults that no request has met."""
    from onebucket.testing.client import DoubleError
    from onebucket.testing.records import Requests

    try:
        requests, faults = list(double.requests)[-_SHOWN:], double.faults
    except DoubleError as error:
        return [("the double of Bitbucket", str(error))]
    sections = [("the last requests to the double of Bitbucket", repr(Requests(requests)))]
    if unmatched := [json.dumps(each["match"]) for each in faults if not each["matched"]]:
        sections.append(("faults that no request has matched", "\n".join(unmatched)))
    return sections
